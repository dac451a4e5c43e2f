"""Whose fault it is: a planted defect in each command is told as ours, and every kind with its exit code."""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner

from eiraku.cli import failures, main
from eiraku.cli.failures import AT_FAULT, DEFECT, INCOMPLETE, MISUSE, told
from eiraku.cli.maintain import kept
from eiraku.spec.errors import Code, Misuse, Refusal, Refused, Unavailable
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[object, str]]
Ending = Callable[[BaseException], tuple[object, str]]
SECRET = "7f3a"
DEFECTS = (ValueError(SECRET), KeyError(SECRET), AttributeError(SECRET))


def planted(error: Exception) -> Callable[..., NoReturn]:
    """A function that has the defect."""

    def defective(*_: object, **__: object) -> NoReturn:
        raise error

    return defective


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eiraku` in a folder: exit code and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["eiraku", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, capsys.readouterr().err

    return call


def check_defect(outcome: tuple[object, str], error: Exception, log: Path) -> None:
    """Exit code and sentence are those of a defect, and the log has the whole traceback."""
    code, said = outcome
    assert code == DEFECT, said
    sentence = said.splitlines()[-1]
    assert sentence.startswith(f"eiraku: a defect of ours, not yours: {type(error).__name__}; ")
    assert str(log) in sentence
    assert "Usage:" not in said
    assert "Error:" not in said
    assert "Traceback" not in said
    text = log.read_text()
    assert text.startswith("--- ")
    assert "Traceback (most recent call last):" in text
    assert ", in defective" in text
    assert text.splitlines()[-1] == f"{type(error).__name__}: {error}"
    assert log.stat().st_mode & 0o777 == 0o600


# A command of each group, and a place deep below it. What runs before the place is the command's own.
COMMANDS = {
    "certify": (("certify",), "eiraku.conformance.runner.greet"),
    "selfcheck": (("selfcheck", "cmd:true"), "eiraku.conformance.tester.world.World.provisioning"),
    "list": (("list",), "eiraku.conformance.runner.collect"),
    "explain": (("explain", "EPP-GEN-001"), "eiraku.spec.registry.by_id"),
    "mutants": (("mutants", "some"), "eiraku.conformance.mutants.registry.mutants"),
    "statement": (("statement", "show", "anchor.json"), "eiraku.conformance.statement.envelope.read"),
    "merge": (("merge", "."), "eiraku.report.certify.json_report.read"),
    "new-adapter": (("new-adapter", "--lang", "c", "new"), "eiraku.cli.judge.recording.payment"),
    "interop": (("interop", "cmd:true", "cmd:true"), "eiraku.conformance.interop.runner.plan"),
    "differ": (("differ", "cmd:true", "cmd:true"), "eiraku.conformance.differ.runner.compare"),
    "prove": (("prove", "--evidence"), "eiraku.models.library.subjects"),
    "evidence": (
        ("evidence", "verify", "anchor.json", "--anchor", "anchor.json"),
        "eiraku.reference.crypto.ed25519.key_id",
    ),
    "detect": (("detect", "--units", 30, "--workers", 1), "eiraku.testing.population.Plan.public_keys"),
    "centre": (("centre", "made", "init"), "eiraku.system.device.registry.Registry.create"),
    "serve": (("serve", "made", "--init"), "eiraku.system.device.registry.Registry.create"),
    "purse": (
        ("purse", "alice", "create", "--server", "http://localhost:1", "--code", "x"),
        "eiraku.system.services.client._check",
    ),
    "wholesale": (
        ("wholesale", "init", "w.db", "--origin", "x"),
        "eiraku.system.wholesale.register.Register.create",
    ),
    "simulate": (("simulate", "--workers", 1), "eiraku.system.economy.compare.alone"),
    "measure": (("measure", "services"), "eiraku.cli.study.measure_services.measure"),
    "maintain": (("maintain", "registry", "--check"), "eiraku.spec.registry.render"),
    "bench": (("bench",), "eiraku.cli.study.benchmarks.figures.run"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_defect_in_a_command_is_ours(
    command: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments, place = COMMANDS[command]
    (tmp_path / "anchor.json").write_text(json.dumps(Town(()).anchor.to_mapping()))
    (tmp_path / "report.json").write_text("{}")
    error = DEFECTS[sorted(COMMANDS).index(command) % len(DEFECTS)]
    # `maintain` works in a checkout, wherever the package is installed.
    monkeypatch.setattr(kept, "ROOT", Path(__file__).resolve().parents[2])
    owner, _, name = place.rpartition(".")
    monkeypatch.setattr(resolve_name(owner), name, planted(error))
    check_defect(run(*arguments), error, tmp_path / failures.LOG)


def test_every_command_is_planted() -> None:
    named = set(CliRunner().invoke(main.group, ["--help"]).output.split())
    known = set(main.group.list_commands(click.Context(main.group)))
    assert known - {"maintain"} <= named, "it is for those who work on Eiraku itself"
    assert known == set(COMMANDS) | {"audit", "vault"}, "these have tests of their own"


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_a_defect_in_a_vault_is_ours(
    error: Exception, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("serve", "money", "--init", "--vault", "alice=1000")[0] == 0
    for words, place in (
        (("exchange", 32), "eiraku.system.vault.stock.exact"),
        (("status",), "eiraku.spec.cbor.decode"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, planted(error))
            check_defect(run("vault", "money", "alice", *words), error, tmp_path / failures.LOG)


@pytest.mark.parametrize("error", DEFECTS, ids=lambda error: type(error).__name__)
def test_a_defect_in_an_audit_is_ours(
    error: Exception, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("centre", "made", "init")[0] == 0
    for place in ("eiraku.system.database.Database.reading", "eiraku.system.issuing.history.History.problem"):
        with monkeypatch.context() as patch:
            patch.setattr(place, planted(error))
            check_defect(run("audit", "--centres", "made", "--workers", 1), error, tmp_path / failures.LOG)


def test_tracebacks_are_added_and_a_folder_that_cannot_be_written_is_no_matter(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("eiraku.cli.study.benchmarks.figures.run", planted(ValueError(SECRET)))
    log = tmp_path / failures.LOG
    run("bench")
    run("bench")
    assert log.read_text().count("Traceback (most recent call last):") == 2
    log.unlink()
    log.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    said = run("bench")
    (kept,) = tmp_path.glob("eiraku-defect-*.log")
    check_defect(said, ValueError(SECRET), kept)


def test_a_module_of_ours_that_is_missing_is_a_defect(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "eiraku.system.services.wallet", None)
    code, said = run("purse", "alice", "show")
    assert (code, "install eiraku[system]" in said) == (DEFECT, False)
    assert (tmp_path / failures.LOG).is_file()


# --- the three kinds ---


@pytest.fixture
def ending(run: Run, monkeypatch: pytest.MonkeyPatch) -> Ending:
    """How a command ends that raises this, with nothing of its own around it."""

    def end(error: BaseException) -> tuple[object, str]:
        def defective(*_: object) -> NoReturn:
            raise error

        monkeypatch.setattr("eiraku.cli.study.benchmarks.figures.run", defective)
        return run("bench")

    return end


@pytest.mark.parametrize(
    ("error", "code", "said"),
    (
        (Refused("no log"), AT_FAULT, "no log\n"),
        (Refusal(Code.POLICY, "EPP-POL-001", "no"), AT_FAULT, "policy [EPP-POL-001] no\n"),
        (Misuse("two purses"), MISUSE, "Error: two purses\n"),
        (Unavailable("locked"), INCOMPLETE, "locked\n"),
        (FileNotFoundError(2, "No such file", "x"), MISUSE, "Error: x: No such file; name another path"),
        (OSError(28, "No space left"), INCOMPLETE, "the system says: [Errno 28] No space left\n"),
        (KeyboardInterrupt(), INCOMPLETE, "interrupted\n"),
    ),
)
def test_a_kind_has_its_exit_code(
    ending: Ending, error: BaseException, code: int, said: str, tmp_path: Path
) -> None:
    found = ending(error)
    assert found[0] == code
    assert found[1].lstrip().startswith(said)
    assert not (tmp_path / failures.LOG).exists()


def test_what_cannot_be_opened_is_misuse() -> None:
    for error in (Refused("r"), Misuse("m"), Unavailable("u"), FileNotFoundError(2, "No such file", "x")):
        with pytest.raises(click.ClickException, match=str(error.args[-1])) as misused, told(opening=True):
            raise error
        assert misused.value.__cause__ is error


@pytest.mark.parametrize("opening", (True, False))
@pytest.mark.parametrize("number", (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE))
@pytest.mark.parametrize("name", ("report.json", None))
def test_a_disk_that_is_full_or_fails_is_not_misuse(number: int, name: str | None, *, opening: bool) -> None:
    with pytest.raises(click.exceptions.Exit) as ended, told(opening=opening):
        raise OSError(number, os.strerror(number), name)
    assert ended.value.exit_code == INCOMPLETE


def test_codes_are_documented() -> None:
    help_text = " ".join(CliRunner().invoke(main.group, ["--help"]).output.split())
    assert "4 a defect of ours" in help_text
