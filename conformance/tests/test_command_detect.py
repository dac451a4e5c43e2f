"""``eiraku detect``: what it prints, exit codes, an interrupt, a cluster."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from distributed import LocalCluster

from eiraku.cli.main import group
from eiraku.cli.study.benchmarks import deposits as bench
from eiraku.models import execute
from eiraku.testing import detection
from eiraku.testing.processes import PATIENCE, started, until

pytestmark = pytest.mark.slow

SMALL = ("--units", 30, "--hops", "1-5", "--cheats", 5, "--persons", 12, "--workers", 1)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["detect", *map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    """As `eiraku.cli.main` gives it."""
    if result.exception is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


def test_exactly_the_guilty(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    result = run(*SMALL, "--json", file)
    assert code(result) == 0
    assert (
        "5 units at fault: 6 of 6 double spends and bad histories found, exactly the guilty were named"
        in result.output
    )
    document = json.loads(file.read_text())
    assert document["units"] == 30
    assert document["problems"] == []
    assert document["outcomes"]["credited"] == 28


def test_another_outcome_than_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = detection.planted
    monkeypatch.setattr(detection, "planted", lambda plan: planted(plan) | {(99, "copy", bytes(8), 3)})
    result = run(*SMALL)
    assert code(result) == 1
    assert "not found: unit 99, copy by 0000000000000000 at hop 3" in result.output
    assert "5 units at fault: 6 of 7 double spends and bad histories found, not as planted" in result.output


def test_a_database_that_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    assert code(run(*SMALL, "--database", url)) == 0
    again = run(*SMALL, "--database", url)
    assert code(again) == 2
    assert "holds a centre already" in str(again.exception)


def test_misuse(tmp_path: Path) -> None:
    for arguments in (
        ("--hops", "x"),
        ("--hops", "3-"),
        ("--hops", "-3"),
        ("--hops", "6-5"),
        ("--hops", "1-300"),
        ("--units", 0),
        ("--units", 5),
        ("--cheats", -1),
        ("--workers", 0),
        ("--prefill", 10),
        ("--json", tmp_path / "none" / "x.json"),
        ("--json", tmp_path),
        ("--database", "nothing"),
        ("--database", f"sqlite:///{tmp_path}/none/x.db"),
    ):
        result = run(*arguments)
        assert code(result) == 2, arguments
        assert "\n" not in str(result.exception).strip()


def test_a_cluster() -> None:
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as workers:
        result = run(*SMALL, "--scheduler", workers.scheduler_address)
    assert code(result) == 0
    assert "exactly the guilty were named" in result.output


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "CONNECT", 1)
    assert code(run(*SMALL, "--scheduler", "tcp://127.0.0.1:1")) == 3


@pytest.mark.parametrize("delay", (0.05, 2))
@pytest.mark.parametrize("how", (signal.SIGINT, signal.SIGTERM))
def test_an_interrupt_ends_it_with_every_process(how: signal.Signals, delay: float, tmp_path: Path) -> None:
    program = "from eiraku.cli import entry; entry()"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program, "detect", "--units", "20000", "--workers", "2"]
    with started(command, env=environment) as process:
        until(lambda: list(tmp_path.glob("eiraku-detect-*/issuing.db")))
        time.sleep(delay)
        if how is signal.SIGINT:
            # as a terminal does
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 3
        assert "Traceback" not in said
        assert "interrupted" in said
        assert list(tmp_path.glob("eiraku-detect-*")) == []
        until(lambda: not alive(process.pid))


def alive(group: int) -> bool:
    """Whether there is a process of a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOPS": (0, 1, 2), "OPENED": 2, "STORED": 40, "SINGLE": 3}.items():
        monkeypatch.setattr(bench, name, value)
    file = tmp_path / "figures.json"
    result = run("--measure", "--prefill", 300, "--workers", 1, "--json", file)
    assert code(result) == 0
    figures = json.loads(file.read_text())
    assert [row["hops"] for row in figures["opening"]] == [0, 1, 2]
    assert [row["units"] for row in figures["storing"]] == [0, 300]
    assert [row["workers"] for row in figures["throughput"]] == [1]
    assert figures["opening"][2]["floor_us"] > figures["opening"][1]["floor_us"] > 0
    assert "deposits a second with 1 worker" in result.output
