"""The command line as its users meet it, in processes of its own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eiraku.spec import registry, statements
from eiraku.testing.processes import PATIENCE, started, until

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
ENTRY = "import sys; from eiraku.cli import entry; sys.argv[0] = 'eiraku'; entry()"
SUITE = """
import pytest, time
pytestmark = pytest.mark.requirement("EPP-GEN-001")

@pytest.mark.level("smoke")
def test_empty(wallet):
    assert wallet.state().balance == 0

@pytest.mark.parametrize("n", range(12))
def test_many(wallet, n):
    assert not wallet.deliver(bytes([n])).accepted
"""
RED = (
    SUITE
    + """
def test_red(wallet, evidence):
    reply = wallet.open("responder")
    evidence.expect("accepted", reply)
    assert reply.accepted
"""
)
SLOW = (
    SUITE
    + """
import pathlib

@pytest.mark.parametrize("n", range(40))
def test_slow(wallet, n):
    pathlib.Path(f"started-{n}").touch()
    few = len(list(pathlib.Path().glob("started-*"))) < 4
    time.sleep(0.5 if few else 3600)
"""
)


def wallet(how: str = "good") -> str:
    return f"cmd:{sys.executable} -S {FAKE} {how}"


def eiraku(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def certify(
    folder: Path, *arguments: str, suite: str = SUITE, how: str = "good"
) -> subprocess.CompletedProcess[str]:
    (folder / "suite").mkdir(exist_ok=True)
    (folder / "suite" / "test_tiny.py").write_text(suite)
    # One worker unless the test says otherwise: starting more takes longer than these checks do.
    return eiraku(folder, "certify", wallet(how), "--suite", "suite", "--workers", "1", *arguments)


def outcomes(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "eiraku-report" / "report.json").read_text())
    return {result["id"].partition("::")[2]: result["outcome"] for result in report["run"]["results"]}


def test_help_is_quick(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['eiraku', '--help']\n"
        "from eiraku.cli import main as cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pytest', 'rich', 'msgspec', 'cryptography', 'hypothesis'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("certify", "selfcheck", "list", "explain", "bench"):
        assert command in done.stdout


def test_a_suite_of_one_s_own_passes_and_certifies_nothing(tmp_path: Path) -> None:
    done = certify(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "other suite passed, not a certificate" in done.stdout
    assert set(outcomes(tmp_path).values()) == {"PASS"}
    for name in ("report.html", "report.json", "junit.xml", "badge.svg"):
        assert (tmp_path / "eiraku-report" / name).stat().st_size
        assert name in done.stdout


def test_workers_find_the_same(tmp_path: Path) -> None:
    found = []
    for workers in ("1", "2"):
        certify(tmp_path, "--workers", workers, suite=RED)
        found.append(outcomes(tmp_path))
    assert found[0] == found[1]
    assert found[0]["test_red"] == "FAIL"


def test_a_failure_is_shown_with_the_line_that_repeats_it(tmp_path: Path) -> None:
    done = certify(tmp_path, suite=RED)
    assert done.returncode == 1
    assert "non-conformant" in done.stdout
    assert "rejected not-provisioned" in done.stdout
    (line,) = re.findall(r"^  reproduce: (eiraku .+)$", done.stdout, re.MULTILINE)
    again = eiraku(tmp_path, *shlex.split(line)[1:])
    assert again.returncode == 1, again.stderr
    found = outcomes(tmp_path)
    assert found.pop("test_red") == "FAIL"
    assert set(found.values()) == {"NOT_RUN"}
    report = json.loads((tmp_path / "eiraku-report" / "report.json").read_text())
    assert report["run"]["selection"] == "--only test_tiny::test_red"


def test_only_by_expression(tmp_path: Path) -> None:
    done = certify(tmp_path, "--only", "many and not 11")
    assert done.returncode == 0, done.stderr
    assert list(outcomes(tmp_path).values()).count("PASS") == 11


@pytest.mark.parametrize(
    ("only", "words"),
    (
        ("test_tiny::test_mani", "nearest: test_tiny::test_many"),
        ("not (", "expected"),
    ),
)
def test_only_nothing(tmp_path: Path, only: str, words: str) -> None:
    done = certify(tmp_path, "--only", only)
    assert done.returncode == 2
    assert words in done.stderr


def test_only_above_the_level(tmp_path: Path) -> None:
    done = certify(tmp_path, "--only", "test_tiny::test_many", "--level", "smoke")
    assert done.returncode == 2
    assert "add --level standard" in done.stderr


@pytest.mark.parametrize(
    ("how", "outcome", "code"),
    (
        ("hang", "TIMEOUT", 1),
        ("garbage", "ADAPTER_ERROR", 1),
        ("half-line", "CRASH", 1),
        ("dies", "CRASH", 1),
        ("errored", "ADAPTER_ERROR", 1),
        ("unsupported", "ADAPTER_ERROR", 1),
        ("half", "PASS", 1),  # declares half of what is mandatory
    ),
)
def test_a_bad_adapter_never_passes(tmp_path: Path, how: str, outcome: str, code: int) -> None:
    done = certify(tmp_path, "--timeout", "0.5", how=how)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Verdict: non-conformant" in done.stdout
    assert outcome in outcomes(tmp_path).values()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    (
        (("nonsense",), "is no selector"),
        (("cmd:no-such-program-here",), "not found on PATH"),
        (("tcp:localhost:1",), "start the wallet's server first"),
        (("python:no_such_module:make",), "no module named no_such_module"),
        (("--seed", "abc"), "64 hex digits"),
        (("--level", "brisk"), "'smoke', 'standard', 'full'"),
        (("--policy", "none.toml"), "does not exist"),
        (("--policy", "broken.toml"), "line 2"),
        (("--policy", "empty.toml"), "empty.toml: max_units: expected"),
        (("--expected-failures", "broken.toml"), "line 2"),
        (("--report", "a-file"), "cannot write reports"),
        (("--report", "a-file/below"), "cannot write reports"),
        (("--suite", "none"), "does not exist"),
        (("--timeout", "0"), "0"),
        (("--workers", "0"), "0"),
    ),
)
def test_misuse_runs_nothing(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    (tmp_path / "broken.toml").write_text("a = 1\nb =\n")
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "a-file").write_text("")
    selector = () if not arguments[0].startswith("--") else (wallet(),)
    done = eiraku(tmp_path, "certify", *selector, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("**/report.json"))


def test_a_broken_suite_is_not_the_wallet_s_fault(tmp_path: Path) -> None:
    done = certify(tmp_path, suite="import nonesuch_module")
    assert done.returncode == 3
    assert "the suite is at fault, not the wallet" in done.stderr
    assert "nonesuch_module" in done.stderr


def test_expected_failures(tmp_path: Path) -> None:
    entry = (
        '[[expected]]\ncheck = "test_tiny::test_red"\nreason = "known-bug"\n'
        'issue = "https://issues.example/1"\nexpires = 2999-12-31\n'
    )
    (tmp_path / "expected.toml").write_text(entry)
    options = ("--expected-failures", "expected.toml")
    listed = certify(tmp_path, *options, suite=RED)
    assert listed.returncode == 0
    assert "Verdict: non-conformant" in listed.stdout
    passing = certify(tmp_path, *options, suite=RED.replace("assert reply.accepted", "pass"))
    assert passing.returncode == 1
    assert "take the entry out" in passing.stdout
    (tmp_path / "expected.toml").write_text("")
    assert certify(tmp_path, *options, suite=RED).returncode == 1


def test_the_user_s_pytest_configuration_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (tmp_path / "conftest.py").write_text("raise RuntimeError\n")
    assert certify(tmp_path).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "pytest.ini",
        "conftest.py",
        "suite",
        "eiraku-report",
    }


def processes_named(mark: str) -> list[str]:
    found = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if mark in line and "certify" not in line]


@pytest.mark.parametrize("workers", ("1", "2"))
@pytest.mark.parametrize("sent", (signal.SIGINT, signal.SIGTERM), ids=("SIGINT", "SIGTERM"))
def test_ctrl_c(tmp_path: Path, workers: str, sent: signal.Signals) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_tiny.py").write_text(SLOW)
    mark = f"immortal-{tmp_path.name}"
    command = [sys.executable, "-c", ENTRY, "certify", f"{wallet('good')} {mark}", "--suite", "suite"]
    with started([*command, "--workers", workers], cwd=tmp_path) as process:
        until(lambda: len(list(tmp_path.glob("started-*"))) >= 4)
        assert processes_named(mark)
        # Only to the main process: a build server does not reach the whole process group either.
        os.kill(process.pid, sent)
        # A check that has begun would take an hour: it is not waited for.
        output, errors = process.communicate(timeout=PATIENCE)
        until(lambda: not processes_named(mark))
    assert process.returncode == 3, output + errors
    assert "Verdict: incomplete" in output
    found = outcomes(tmp_path)
    assert set(found.values()) == {"PASS", "NOT_RUN"}
    assert len(found) == 53
    assert (tmp_path / "eiraku-report" / "report.html").exists()


# --- the other commands ---


def test_list(tmp_path: Path) -> None:
    done = eiraku(tmp_path, "list", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["digest"] == registry.digest()
    assert [info["id"] for info in document["requirements"]] == [found.id for found in registry.load()]
    checks = {check["id"] for check in document["checks"]}
    named = {name for info in document["requirements"] for name in info["checks"]}
    assert named == checks
    plain = eiraku(tmp_path, "list")
    assert f"{len(registry.load())} requirements" in plain.stdout


def test_figures_of_the_text(tmp_path: Path) -> None:
    lines = eiraku(tmp_path, "list", "--figures").stdout.splitlines()
    assert lines[0] == f"{len(registry.load())} requirements"
    longest = max(map(statements.words, registry.load()))
    assert lines[1].endswith(f", {longest} words")
    compound = sum(bool(statements.faults(each)) for each in registry.load())
    assert lines[2] == f"compound: {compound}"
    assert sum("EPP-" in line for line in lines[3:]) == compound


def test_explain(tmp_path: Path) -> None:
    first = registry.load()[0]
    done = eiraku(tmp_path, "explain", first.id.lower())
    assert done.returncode == 0
    assert f"{first.id} {first.keyword}    chapter {first.chapter}" in done.stdout
    assert "Why: " in done.stdout
    by_label = eiraku(tmp_path, "explain", "unit-expired")
    assert by_label.returncode == 0
    assert "unit-expired: error code 19" in by_label.stdout
    assert "EPP-UNI-" in by_label.stdout


def test_explain_a_check(tmp_path: Path) -> None:
    listed = json.loads(eiraku(tmp_path, "list", "--json").stdout)["checks"]
    if not listed:
        pytest.skip("the suite is empty")
    done = eiraku(tmp_path, "explain", listed[0]["id"])
    assert done.returncode == 0
    assert listed[0]["requirements"][0] in done.stdout


def test_explain_the_unknown(tmp_path: Path) -> None:
    done = eiraku(tmp_path, "explain", "unit-expird")
    assert done.returncode == 2
    assert "nearest: unit-expired" in done.stderr


def test_selfcheck(tmp_path: Path) -> None:
    broken = eiraku(tmp_path, "selfcheck", wallet("dies"))
    assert broken.returncode == 1
    assert "CRASH" in broken.stdout
    assert eiraku(tmp_path, "selfcheck", wallet("good")).returncode == 0
    assert eiraku(tmp_path, "selfcheck", "cmd:no-such-program-here").returncode == 2
