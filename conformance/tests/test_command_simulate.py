"""``eiraku simulate``: what it writes, exit codes, an interrupt."""

import json
import os
import signal
import sys
import tempfile
from concurrent.futures import BrokenExecutor
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("matplotlib", reason="the figures need matplotlib (eiraku[system])")

from eiraku.cli.main import group
from eiraku.cli.operate import evidence
from eiraku.reference.database import StoreError
from eiraku.system.economy import compare
from eiraku.system.economy.errors import ConservationError
from eiraku.testing.processes import PATIENCE, started, until

pytestmark = pytest.mark.slow

ENTRY = "import sys; from eiraku.cli import entry; sys.argv[0] = 'eiraku'; entry()"
TINY = """
title = "Tiny"
people = 4
payments = 12
epochs = 2
[[economies]]
number = 392
name = "JP"
assets = 3000
shops = 2
[habits]
largest = 30
cash = 62
[policy]
what_if = []
transfer_limit = 100
[cheats]
count = 1
[denominations]
largest = 16
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["simulate", *map(str, arguments)], standalone_mode=False)


def said(result: Result) -> str:
    """What is shown to somebody who used it wrongly (exit code 2)."""
    assert isinstance(result.exception, click.ClickException), result.exception
    return result.exception.format_message()


def test_writes_a_page_and_results(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("--scenario", scenario, "--out", out, "--what-if", "1,5", "--workers", 1)
    assert result.exception is None
    assert result.return_value == 0
    assert "All value is accounted for" in result.output
    assert "hop limit" in result.output
    document = json.loads((out / "results.json").read_text())
    assert document["format"] == "eiraku simulation"
    assert document["complete"] is True
    assert [one["hop_limit"] for one in document["what_if"]] == [1, 5]
    page = (out / "report.html").read_text()
    assert "--seed 1 --purses 4 --payments 12 --hop-limit 5 --what-if 1,5" in page


def test_evidence_is_written_and_can_be_verified(scenario: Path, tmp_path: Path) -> None:
    old = tmp_path / "evidence-0000000000000000.json"
    old.write_text("of an earlier run")
    assert run("--scenario", scenario, "--out", tmp_path, "--payments", 60).return_value == 0
    assert not old.exists()
    files = list(tmp_path.glob("evidence-*.json"))
    assert files
    for file in files:
        arguments = ["verify", str(file), "--anchor", str(tmp_path / "anchor.json")]
        verified = CliRunner().invoke(evidence.main, arguments, standalone_mode=False)
        assert verified.return_value == 0, verified.output
        assert file.stem.removeprefix("evidence-") in verified.output


def test_json_is_what_is_written(scenario: Path, tmp_path: Path) -> None:
    result = run(
        "--scenario", scenario, "--out", tmp_path, "--json", "--seed", 7, "--purses", 3, "--payments", 4
    )
    assert result.return_value == 0
    assert result.output == (tmp_path / "results.json").read_text()
    document = json.loads(result.output)
    assert document["scenario"]["seed"] == 7
    assert document["scenario"]["people"] == 3
    assert document["results"]["payments"]["attempted"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    (
        (("--scenario", "missing.toml"), "missing.toml: expected a text file that can be read"),
        (("--purses", "1"), "1 is not in the range"),
        (("--purses", "3"), "cheats.count: expected at most the number of people, 3"),
        (("--what-if", "few"), "expected numbers such as 1,3,10, or none; found 'few'"),
        (("--what-if", "0"), "policy.what_if[0]: expected an integer from 1 to 200, found 0"),
        (("--hop-limit", "201"), "201 is not in the range"),
        (("--out", "/proc/nowhere"), "cannot write reports into /proc/nowhere"),
    ),
)
def test_misuse(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run("--out", tmp_path / "out", *arguments)
    assert message in said(result)


def test_a_scenario_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("people = 'many'\n[[economies]]\nnumber = 1\nname = 'A'\n")
    message = said(run("--scenario", path, "--out", tmp_path))
    assert message == f"{path}: people: expected an integer from 2 to 100000, found 'many'"


def test_value_that_is_not_conserved(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise ConservationError("epoch 3, session 12: 5 in all purses, 6 outstanding", 1)

    monkeypatch.setattr(compare, "alone", lose)
    result = run("--scenario", scenario, "--out", tmp_path)
    assert result.return_value == 1
    assert "value is not conserved: epoch 3, session 12" in result.output
    assert "run it again with --seed 1" in result.output


@pytest.mark.parametrize(
    ("error", "message"),
    (
        (OSError(28, "No space left on device"), "No space left on device"),
        (StoreError("purse.db: could not be written; make room on the disk"), "make room on the disk"),
        (BrokenExecutor(), "a process was killed; try --workers 1"),
    ),
)
def test_what_cannot_go_on(
    error: Exception, message: str, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(compare, "alone", fail)
    result = run("--scenario", scenario, "--out", tmp_path)
    assert result.return_value == 3
    assert "the simulation could not go on" in result.output
    assert message in result.output


def test_without_matplotlib(scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = said(run("--scenario", scenario, "--out", tmp_path))
    assert message == "the figures need matplotlib: install eiraku[system]"


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_interrupted(scenario: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", ENTRY, "simulate", "--scenario", str(scenario), "--out", str(out)]
    command += ["--payments", "100000", "--what-if", "1", "--workers", "2"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with started(command, env=environment) as process:
        # the run has begun when it makes purses
        until(lambda: any(any(folder.glob("main/3-*.db")) for folder in _folders(process.pid)))
        # as a terminal and as a build do it
        if number is signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        # neither a process nor a folder is left
        until(lambda: not _alive(process.pid))
        assert not _folders(process.pid)
    assert process.returncode == 3, errors
    assert "interrupted: the report is partial" in errors
    assert json.loads((out / "results.json").read_text())["complete"] is False
    assert "Partial: the run was interrupted" in (out / "report.html").read_text()


def _folders(process: int) -> list[Path]:
    return list(Path(compare.medium() or tempfile.gettempdir()).glob(f"eiraku-simulation-{process}-*"))


def _alive(session: int) -> list[int]:
    """Processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found
