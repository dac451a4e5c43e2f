"""``eiraku certify --statement`` and ``eiraku statement``: what is signed, refused, shown and repeated."""

import json
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.conformance import findings, harness, runner
from eiraku.conformance.results import Outcome, RequirementInfo, RequirementSet, parts
from eiraku.conformance.runner import collect
from eiraku.conformance.statement import content, envelope, inputs
from eiraku.report.certify import json_report

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
SAMPLES = runpy.run_path(str(Path(__file__).with_name("statement_samples.py")))
SEED, sample = SAMPLES["SEED"], SAMPLES["sample"]
ENTRY = "from eiraku.cli import entry; entry()"
SUITE = """
import pathlib, pytest
pytestmark = pytest.mark.requirement("EPP-GEN-001")

@pytest.mark.parametrize("n", range(3))
def test_empty(wallet, n):
    assert wallet.state().balance == 0

def test_touch(wallet):
    if pathlib.Path("touch").exists():
        pathlib.Path("wallet.bin").write_text("another")
    assert not pathlib.Path("fail").exists()
    if pathlib.Path("end").exists():
        raise RuntimeError("a fault of the suite")
"""


def wallet(how: str = "good") -> str:
    return f"cmd:{sys.executable} -S {FAKE} {how}"


def eiraku(*arguments: object) -> Result:
    return CliRunner().invoke(group, [*map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    """As `eiraku.cli.main` gives it."""
    if result.exception is not None and result.exc_info is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with keys and a wallet's file."""
    monkeypatch.chdir(tmp_path)
    for name in ("key", "other"):
        subprocess.run(("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem"), check=True)
        public = ("-pubout", "-out", f"{name}.pub")
        subprocess.run(("openssl", "pkey", "-in", f"{name}.pem", *public), check=True)
    (tmp_path / "wallet.bin").write_text("a wallet")
    return tmp_path


def written(
    outcomes: dict[int, Outcome] | None = None, name: str = "statement.json", *, per_requirement: int = 3
) -> Path:
    """A statement on a sample run about wallet.bin, and the report beside it."""
    run = sample(outcomes, per_requirement=per_requirement)
    statement = content.state(run, inputs.subjects([Path("wallet.bin")]))
    Path(name).write_bytes(envelope.sign(statement.encode(), inputs.private_key(Path("key.pem"))))
    Path(name).with_suffix(".report").write_bytes(json_report.render(run))
    return Path(name)


# --- verify -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_a_good_statement_is_verified() -> None:
    file = written()
    result = eiraku("statement", "verify", file, "--key", "key.pub", "--subject", "wallet.bin")
    assert code(result) == 0, result.output
    assert "PASSED: conformant" in result.output
    assert "not compared" not in result.output
    result = eiraku("statement", "verify", file, "--key", "key.pub", "--report", "statement.report")
    assert code(result) == 0, result.output
    assert "Subject wallet.bin was not compared with a file." in result.output


@pytest.mark.usefixtures("folder")
def test_whatever_does_not_hold_is_said() -> None:
    file = written()
    verify = ("statement", "verify", file, "--key")
    assert code(eiraku(*verify, "other.pub")) == 1
    Path("other.bin").write_text("not the wallet")
    result = eiraku(*verify, "key.pub", "--subject", "wallet.bin", "--subject", "other.bin")
    assert code(result) == 1
    assert "other.bin: no subject of the statement" in result.output
    bad = written({5: Outcome.FAIL}, "bad.json")
    result = eiraku("statement", "verify", bad, "--key", "key.pub")
    assert code(result) == 1
    assert "The signature is good." in result.output
    assert "the wallet is non-conformant: 1 check: FAIL" in result.output
    file.write_bytes(file.read_bytes().replace(b"A", b"B", 1))
    assert code(eiraku(*verify, "key.pub")) == 1


@pytest.mark.usefixtures("folder")
def test_another_report_is_found_out() -> None:
    verify = ("statement", "verify", written(), "--key", "key.pub", "--report", "changed.report")
    report = json.loads(Path("statement.report").read_bytes())

    def said() -> str:
        result = eiraku(*verify)
        assert code(result) == 1
        return result.output.rpartition("not compared with a file.\n")[2]

    Path("changed.report").write_bytes(b"{}")
    assert said().startswith("the report cannot be read")
    Path("changed.report").write_bytes(json_report.render(sample({3: Outcome.NOT_RUN})))
    assert said().startswith("the report cannot be signed: 1 check: NOT_RUN")
    Path("changed.report").write_bytes(json_report.render(sample({3: Outcome.WARN})))
    assert "the report differs: result: PASSED -> WARNED" in said()
    report["run"]["results"][4]["transcript"] = "00" * 32
    Path("changed.report").write_text(json.dumps(report))
    assert said().startswith("the report differs: transcript root")
    report["judgement"]["words"] = "most conformant"
    Path("changed.report").write_text(json.dumps(report))
    assert said().startswith("the report contradicts itself")


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_opened_is_misuse() -> None:
    file = written()
    assert code(eiraku("statement", "verify", "no.json", "--key", "key.pub")) == 2
    assert code(eiraku("statement", "verify", file)) == 2
    assert code(eiraku("statement", "verify", file, "--key", "key.pem")) == 2
    assert code(eiraku("statement", "verify", file, "--key", "key.pub", "--subject", "no.bin")) == 2
    assert code(eiraku("statement", "verify", file, "--key", "key.pub", "--report", "no.json")) == 2
    assert code(eiraku("statement", "show", "key.pub")) == 1


@pytest.mark.usefixtures("folder")
def test_a_statement_is_verified_in_a_moment() -> None:
    """In a process of its own, of about as many checks as the suite has. A busy machine has its own time."""
    written(per_requirement=14)
    verify = ("statement", "verify", "statement.json", "--key", "key.pub", "--report", "statement.report")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-P", "-c", ENTRY, *verify], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


# --- show and diff ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_show_says_what_is_in_it_and_that_it_verified_nothing() -> None:
    result = eiraku("statement", "show", written())
    assert code(result) == 0
    for said in (SEED, "Sample wallet 2.3", "level standard, policy none", "only its word", "not tested"):
        assert said in result.output
    assert "The signature was not verified" in result.output
    found = json.loads(eiraku("statement", "show", "statement.json", "--json").output)
    assert found["_type"] == "https://in-toto.io/Statement/v1"


@pytest.mark.usefixtures("folder")
def test_a_hostile_wallet_writes_no_line_of_its_own() -> None:
    run = msgspec.structs.replace(
        sample(), wallet=msgspec.structs.replace(sample().wallet, name="W\nThe signature is good.\x1b[2J")
    )
    statement = content.state(run, inputs.subjects([Path("wallet.bin")]))
    Path("s.json").write_bytes(envelope.sign(statement.encode(), inputs.private_key(Path("key.pem"))))
    lines = eiraku("statement", "show", "s.json").output.splitlines()
    assert "The signature is good." not in lines
    assert not any("\x1b" in line for line in lines)


@pytest.mark.usefixtures("folder")
def test_diff_shows_each_fact_that_differs() -> None:
    one, other = written(), written({5: Outcome.FAIL}, "other.json")
    result = eiraku("statement", "diff", one, one)
    assert code(result) == 0
    assert result.output == ""
    result = eiraku("statement", "diff", one, other)
    assert code(result) == 1
    lines = result.output.splitlines()
    assert "result: PASSED -> FAILED" in lines
    assert "verdict: conformant -> non-conformant" in lines
    (failed,) = (each.id for each in sample({5: Outcome.FAIL}).results if each.outcome is Outcome.FAIL)
    assert f"check {failed}: passed -> failed" in lines
    assert not any(line.startswith("subject") for line in lines)


# --- certify and replay -------------------------------------------------------------------------------------


@pytest.fixture
def tiny(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of four checks and one requirement in the place of the built-in one."""
    suite = folder / "suite"
    suite.mkdir()
    # A module of the same name would be found imported already.
    (suite / f"test_{folder.name}.py".replace("-", "_")).write_text(SUITE)
    for module in (runner, harness):
        monkeypatch.setattr(module, "SUITE_FOLDER", suite)
    catalogue = parts(collect().values())
    only = RequirementInfo(id="EPP-GEN-001", keyword="MUST", chapter="01-scope")
    known = RequirementSet(version="EPP/1", digest="00" * 32, requirements=(only,))
    monkeypatch.setattr(findings, "stored_catalogue", lambda: catalogue)
    for module in (findings, harness):
        monkeypatch.setattr(module, "requirement_set", lambda: known)
    return folder


def certified(how: str = "good", *arguments: object, seed: str = SEED) -> Result:
    given = ("--seed", seed, "--workers", "1", "--statement", "key.pem", "--subject", "wallet.bin")
    return eiraku("certify", wallet(how), *given, *arguments)


@pytest.mark.usefixtures("tiny")
def test_a_complete_run_is_signed_and_repeated() -> None:
    assert code(certified("deterministic")) == 0
    file = Path("eiraku-report", "statement.json")
    first = file.read_bytes()
    report = ("--report", "eiraku-report/report.json")
    result = eiraku("statement", "verify", file, "--key", "key.pub", "--subject", "wallet.bin", *report)
    assert code(result) == 0, result.output
    result = eiraku("statement", "replay", file, wallet("deterministic"), "--workers", "1")
    assert code(result) == 0, result.output
    assert "and the same bytes exchanged" in result.output
    result = eiraku("statement", "replay", file, wallet("moody"), "--workers", "1")
    assert code(result) == 1
    assert "transcript root" in result.output
    result = eiraku("statement", "replay", file, wallet("half"), "--workers", "1")
    assert code(result) == 1
    assert "verdict: conformant -> non-conformant" in result.output
    assert code(certified("deterministic")) == 0
    assert file.read_bytes() == first


@pytest.mark.usefixtures("tiny")
def test_bytes_are_compared_only_of_a_wallet_that_is_deterministic() -> None:
    assert code(certified()) == 0
    result = eiraku("statement", "replay", "eiraku-report/statement.json", wallet(), "--workers", "1")
    assert code(result) == 0
    assert "The same results." in result.output


@pytest.mark.usefixtures("tiny")
def test_a_failure_is_signed_too() -> None:
    Path("fail").touch()
    assert code(certified()) == 1
    found = content.read(envelope.read(Path("eiraku-report", "statement.json").read_bytes()).payload)
    assert found.predicate.result == "FAILED"
    Path("fail").unlink()
    result = eiraku("statement", "replay", "eiraku-report/statement.json", wallet(), "--workers", "1")
    assert code(result) == 1
    assert "result: FAILED -> PASSED" in result.output


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_signed_leaves_no_statement_behind() -> None:
    file = Path("eiraku-report", "statement.json")
    assert code(certified()) == 0
    first = file.read_bytes()
    Path("touch").touch()
    result = certified()
    assert code(result) == 3
    assert "not signed: a subject changed during the run" in result.output
    assert not file.exists()
    Path("touch").unlink()
    Path("end").touch()
    result = certified()
    assert code(result) == 3
    assert "not signed: 1 check: HARNESS_ERROR" in result.output
    assert not file.exists()
    Path("again.json").write_bytes(first)
    result = eiraku("statement", "replay", "again.json", wallet(), "--workers", "1")
    assert code(result) == 3
    assert "the run cannot be compared" in result.output


@pytest.mark.usefixtures("folder")
def test_what_can_never_be_signed_is_refused_before_the_run() -> None:
    for more in (("--level", "smoke"), ("--only", "EPP-GEN-001"), ("--suite", "."), ("--policy", "key.pem")):
        result = certified("good", *more)
        assert code(result) == 2
    result = certified(seed="00" * 32)
    assert code(result) == 2
    assert "the default seed, which every wallet knows" in str(result.exception)
    key = ("--seed", SEED, "--statement", "key.pem")
    assert code(eiraku("certify", wallet(), *key)) == 2
    assert code(eiraku("certify", wallet(), *key, "--subject", "no.bin")) == 2
    assert code(eiraku("certify", wallet(), "--subject", "wallet.bin")) == 2
    assert code(eiraku("certify", "python:a:b", *key, "--subject", "wallet.bin")) == 2
    assert code(eiraku("certify", wallet(), *key[:3], "key.pub", "--subject", "wallet.bin")) == 2
    assert not Path("eiraku-report").exists()


@pytest.mark.usefixtures("folder")
def test_a_statement_of_another_suite_is_not_repeated() -> None:
    result = eiraku("statement", "replay", written(), wallet())
    assert code(result) == 2
    assert "another suite" in str(result.exception)
    assert code(eiraku("statement", "replay", "statement.json", "python:a:b")) == 2
