"""``certify --shard``, ``merge`` and ``--write-expected``, as their users meet them."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.conformance import expected, findings, harness, runner
from eiraku.conformance.expected import Expectation
from eiraku.conformance.results import RequirementInfo, RequirementSet, parts
from eiraku.conformance.runner import collect

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
SEED = "5e" * 32
SUITE = """
import pathlib, pytest
pytestmark = pytest.mark.requirement("EPP-GEN-001")

@pytest.mark.parametrize("n", range(5))
def test_empty(wallet, n):
    assert wallet.state().balance == 0

def test_red(wallet, evidence):
    "A title with a \\\\ and a \\"."
    reply = wallet.open("responder")
    evidence.expect("accepted", reply)
    assert reply.accepted or not pathlib.Path("red").exists()

def test_crash(wallet):
    if pathlib.Path("crash").exists():
        wallet.exchange_line(b'{"seq":1,"verb":"stop"}')
        wallet.state()
"""
REST = ("started", "finished", "round_trips")


def wallet(how: str = "deterministic") -> str:
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
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with keys, a wallet's file, and a suite in the place of the built-in one."""
    monkeypatch.chdir(tmp_path)
    for name in ("key", "other"):
        subprocess.run(("openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem"), check=True)
    (tmp_path / "wallet.bin").write_text("a wallet")
    suite = tmp_path / "suite"
    suite.mkdir()
    # A module of the same name would be found imported already.
    (suite / f"test_{tmp_path.name}.py".replace("-", "_")).write_text(SUITE)
    for module in (runner, harness):
        monkeypatch.setattr(module, "SUITE_FOLDER", suite)
    catalogue = parts(collect().values())
    only = RequirementInfo(id="EPP-GEN-001", keyword="MUST", chapter="01-scope")
    known = RequirementSet(version="EPP/1", digest="00" * 32, requirements=(only,))
    monkeypatch.setattr(findings, "stored_catalogue", lambda: catalogue)
    for module in (findings, harness):
        monkeypatch.setattr(module, "requirement_set", lambda: known)
    return tmp_path


def certify(report: str, *arguments: object, how: str = "deterministic", seed: str = SEED) -> Result:
    return eiraku("certify", wallet(how), "--seed", seed, "--workers", 1, "--report", report, *arguments)


SIGNED = ("--statement", "key.pem", "--subject", "wallet.bin")


def report(folder: str) -> dict[str, Any]:
    """Without times, addresses, and the numbers of requests, which count from the start of each process."""
    text = Path(folder, "report.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(re.sub("0x[0-9a-f]+", "0x", text))
    for name in REST:
        del found["run"][name]
    for result in found["run"]["results"]:
        del result["seconds"]
        for exchange in (result["evidence"] or {}).get("exchanges", ()):
            del exchange["milliseconds"]
            for line in ("request", "response"):
                exchange[line] = exchange[line].partition(",")[2]
            del exchange["seq"]
    return found


def problems(folder: str) -> list[str]:
    """Why the list of expected failures was not met."""
    found: list[str] = report(folder)["run"]["gate"]["problems"]
    return found


# --- shards -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("red", (False, True))
def test_the_statement_on_merged_shards_is_that_on_the_run(tiny: Path, red: bool) -> None:  # noqa: FBT001
    if red:
        (tiny / "red").touch()
    assert code(certify("whole", *SIGNED)) == int(red)
    codes = []
    for number in (1, 2, 3):
        result = certify(f"s{number}", "--shard", f"{number}/3", *SIGNED)
        codes.append(code(result))
        assert not Path(f"s{number}", "statement.json").exists()
        assert Path(f"s{number}", "shard.json").exists()
        assert report(f"s{number}")["judgement"]["verdict"] != "conformant"
    assert sorted(codes) == [0, 0, int(red)]
    result = eiraku("merge", "s3", "s1", "s2", "--report", "merged", "--statement", "key.pem")
    assert code(result) == int(red), result.output
    assert Path("merged", "statement.json").read_bytes() == Path("whole", "statement.json").read_bytes()
    assert report("merged") == report("whole")
    assert report("merged")["judgement"]["verdict"] == ("non-conformant" if red else "conformant")
    subprocess.run(("openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"), check=True)
    verify = ("--key", "key.pub", "--subject", "wallet.bin", "--report", "merged/report.json")
    assert code(eiraku("statement", "verify", "merged/statement.json", *verify)) == int(red)


@pytest.mark.usefixtures("tiny")
def test_what_was_not_signed_in_its_shard_is_not_signed_when_merged() -> None:
    for number in (1, 2):
        assert code(certify(f"s{number}", "--shard", f"{number}/2", *(SIGNED if number == 1 else ()))) == 0

    def said(*arguments: object) -> str:
        result = eiraku("merge", "s1", "s2", "--report", "merged", *arguments)
        assert code(result) == 2
        assert not Path("merged").exists()
        return str(result.exception)

    assert "s2: the shard is not signed" in said("--statement", "key.pem")
    assert "s1: expected a signature by the key" in said("--statement", "other.pem")
    assert code(certify("s2", "--shard", "2/2", *SIGNED[:2], "--subject", "other.pem")) == 0
    assert "s1 and s2 are about different files" in said("--statement", "key.pem")
    assert code(certify("s2", "--shard", "2/2", *SIGNED)) == 0
    path = Path("s2", "report.json")
    path.write_bytes(path.read_bytes().replace(b'"seconds": 0.', b'"seconds": 1.'))
    assert "s2: report.json is not the one that was signed" in said("--statement", "key.pem")
    path.write_bytes(path.read_bytes().replace(b'"words": "shard passed', b'"words": "all passed'))
    assert "the report contradicts itself" in said()
    path.write_bytes(b"[" * 5000)
    assert "s2/report.json: the report cannot be read" in said()
    path.unlink()
    assert "s2/report.json" in said()


@pytest.mark.usefixtures("tiny")
def test_shards_of_different_runs_are_refused() -> None:
    assert code(certify("s1", "--shard", "1/2")) == 0
    assert code(certify("s2", "--shard", "2/2", seed="77" * 32)) == 0
    result = eiraku("merge", "s1", "s2", "--report", "merged")
    assert code(result) == 2
    assert "differ in seed" in str(result.exception)
    assert "give it to each with --seed" in str(result.exception)
    assert code(eiraku("merge", "s1", "s1")) == 2
    assert "is one of the shards" in str(eiraku("merge", "s1", "s2", "--report", "s2").exception)
    assert "missing: shard 2/2" in str(eiraku("merge", "s1").exception)
    assert code(eiraku("merge")) == 2
    result = certify("s3", "--shard", "3/2")
    assert code(result) == 2
    assert "expected a shard such as 2/4" in str(result.exception)


# --- expected failures --------------------------------------------------------------------------------------


def test_a_list_that_was_written_is_met_until_the_check_is_repaired(tiny: Path) -> None:
    (tiny / "red").touch()
    result = certify("r", "--write-expected", "expected.toml")
    assert code(result) == 1
    assert "1 expected failures: expected.toml" in result.output
    (entry,) = tomllib.loads(Path("expected.toml").read_text())["expected"]
    assert entry["check"].endswith("::test_red")
    assert entry["note"] == 'A title with a \\ and a ".'
    given = ("--expected-failures", "expected.toml")
    assert code(certify("r", *given)) == 0
    for number in (1, 2):
        assert code(certify(f"s{number}", "--shard", f"{number}/2", *given)) == 0
    merged = ("merge", "s1", "s2", "--report", "merged")
    assert code(eiraku(*merged)) == 1
    assert code(eiraku(*merged, *given)) == 0
    assert code(eiraku(*merged, "--write-expected", "merged.toml")) == 1
    assert Path("merged.toml").read_bytes() == Path("expected.toml").read_bytes()
    # Repaired, and still listed.
    (tiny / "red").unlink()
    result = certify("r", *given)
    assert code(result) == 1
    assert "listed, but it does not fail; take the entry out" in problems("r")[0]
    assert code(certify("r", *given, "--write-expected", "none.toml")) == 1
    assert "expected" not in tomllib.loads(Path("none.toml").read_text())
    assert code(certify("r", "--expected-failures", "none.toml")) == 0


def test_a_list_never_hides_a_crash(tiny: Path) -> None:
    (tiny / "red").touch()
    (tiny / "crash").touch()
    result = certify("r", "--write-expected", "expected.toml")
    assert code(result) == 1
    lines = [line for line in result.output.splitlines() if line.startswith("not in the list: ")]
    assert [line.rpartition(" ")[2] for line in lines] == ["CRASH"]
    listed = tomllib.loads(Path("expected.toml").read_text())["expected"]
    assert [entry["check"].partition("::")[2] for entry in listed] == ["test_red"]
    by_hand = listed[0] | {"check": listed[0]["check"].replace("test_red", "test_crash")}
    both = (Expectation(**listed[0]), Expectation(**by_hand))
    Path("both.toml").write_bytes(expected.render(both))
    result = certify("r", "--expected-failures", "both.toml")
    assert code(result) == 1
    assert problems("r") == [f"{by_hand['check']}: CRASH, which no list tolerates"]


def test_entries_that_still_hold_are_kept(tiny: Path) -> None:
    (tiny / "red").touch()
    assert code(certify("r", "--write-expected", "first.toml")) == 1
    (entry,) = expected.read_expected(Path("first.toml"))
    mine = Expectation(
        check=entry.check, reason="disputed", issue="https://issues.example/1", expires=date(2999, 1, 1)
    )
    gone = Expectation(
        check=entry.check.replace("red", "empty[0]"), reason="disputed", issue="2", expires=date(2999, 1, 1)
    )
    Path("mine.toml").write_bytes(expected.render((mine, gone)))
    assert code(certify("r", "--expected-failures", "mine.toml", "--write-expected", "next.toml")) == 1
    assert expected.read_expected(Path("next.toml")) == (mine,)


def test_a_list_is_written_of_whole_runs_into_new_files(tiny: Path) -> None:
    (tiny / "red").touch()
    (tiny / "mine.toml").write_text("# mine")
    result = certify("r", "--write-expected", "mine.toml")
    assert code(result) == 2
    assert "name a new file" in str(result.exception)
    assert (tiny / "mine.toml").read_text() == "# mine"
    assert not (tiny / "r").exists()
    broken = tiny / "suite" / next((tiny / "suite").glob("test_*.py")).name
    broken.write_text(broken.read_text() + "\n\ndef test_end(wallet):\n    raise RuntimeError\n")
    sys.modules.pop(broken.stem, None)
    result = certify("r", "--write-expected", "new.toml")
    assert code(result) == 3
    assert "no list of expected failures: the run is incomplete" in result.output
    assert not (tiny / "new.toml").exists()


@pytest.mark.parametrize("text", ("plain", 'with "quotes" and \\', "永楽 \x7f\x01\t\n[x]", "'''", "# no"))
def test_what_is_written_is_read_back(tmp_path: Path, text: str) -> None:
    today = datetime.now(UTC).date()
    entries = (
        Expectation(check=text, reason="known-bug", issue=text, expires=today, note=text),
        Expectation(requirement=text, reason="disputed", issue="x", expires=today + timedelta(days=1)),
    )
    (tmp_path / "e.toml").write_bytes(expected.render(entries))
    assert expected.read_expected(tmp_path / "e.toml") == entries
