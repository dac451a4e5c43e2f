"""The plugin as pytest's users meet it: each test runs pytest on a small suite of its own."""

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance import SUITE_FOLDER
from eiraku.spec import registry

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
HEAD = "import pytest\npytestmark = pytest.mark.requirement('EPP-GEN-001')\n"
OUTCOMES = """
@pytest.mark.level("smoke")
def test_pass(wallet):
    assert wallet.state().balance == 0

def test_fail(wallet, evidence):
    '''A session opens.'''
    evidence.step("suite", "wallet", "message_1", b"\\x01", decoded="[0]", outcome="rejected")
    reply = wallet.open("responder")
    evidence.expect("accepted", reply)
    assert reply.accepted

@pytest.mark.needs("suite-0")
def test_optional(wallet):
    raise AssertionError

def test_harness_error(wallet):
    raise KeyError("lost")

def test_misused_client(wallet):
    wallet.act("steal")

def test_group(wallet):
    raise ExceptionGroup("several", [AssertionError("first"), AssertionError("second")])

def test_skipped_by_itself():
    pytest.skip("no time")

@pytest.mark.xfail
def test_xfail(wallet):
    raise AssertionError

@pytest.mark.level("full")
def test_campaign(wallet):
    pass
"""


def run(tmp_path: Path, suite: str, *options: str, how: str = "good") -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "suite"
    folder.mkdir(exist_ok=True)
    (folder / "test_tiny.py").write_text(HEAD + suite)
    return pytest_in(tmp_path, str(folder), "--wallet", wallet(how), *options)


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def wallet(how: str = "good") -> str:
    return f"cmd:{sys.executable} -S {FAKE} {how}"


def results(tmp_path: Path, suite: str, *options: str, how: str = "good") -> dict[str, dict[str, Any]]:
    done = run(tmp_path, suite, "--wallet-report", str(tmp_path / "report"), *options, how=how)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    found = {result["id"].partition("::")[2]: result for result in report["run"]["results"]}
    assert found, done.stdout + done.stderr
    return found


@pytest.mark.parametrize("options", ((), ("-n", "2")), ids=("one process", "xdist"))
def test_outcomes(tmp_path: Path, options: tuple[str, ...]) -> None:
    found = results(tmp_path, OUTCOMES, *options)
    assert {name: result["outcome"] for name, result in found.items()} == {
        "test_pass": "PASS",
        "test_fail": "FAIL",
        "test_optional": "NOT_APPLICABLE",
        "test_harness_error": "HARNESS_ERROR",
        "test_misused_client": "HARNESS_ERROR",
        "test_group": "FAIL",
        "test_skipped_by_itself": "NOT_RUN",
        "test_xfail": "HARNESS_ERROR",
        "test_campaign": "NOT_RUN",
    }
    assert found["test_campaign"]["reason"] == "belongs to level full"
    assert found["test_optional"]["reason"] == "the wallet does not declare suite-0"
    failure = found["test_fail"]
    assert failure["title"] == "A session opens."
    assert failure["requirements"] == ["EPP-GEN-001"]
    evidence = failure["evidence"]
    assert (evidence["expected"], evidence["actual"]) == ("accepted", "rejected not-provisioned")
    assert evidence["steps"] == [
        {
            "from": "suite",
            "to": "wallet",
            "label": "message_1",
            "bytes": "01",
            "decoded": "[0]",
            "outcome": "rejected",
        }
    ]
    assert [json.loads(e["request"])["verb"] for e in evidence["exchanges"]] == ["reset", "open"]
    assert "test_tiny.py" in evidence["traceback"]


FAILING = """
def test_state(wallet):
    wallet.state()

def test_swallowed(wallet):
    try:
        wallet.state()
    except Exception:
        pass

def test_taken_for_a_refusal(wallet):
    with pytest.raises(Exception):
        wallet.open("responder")
        wallet.state()

def test_untouched(wallet):
    pass
"""


@pytest.mark.parametrize(
    ("how", "outcome"),
    (("dies", "CRASH"), ("hang-later", "TIMEOUT")),
)
def test_a_failing_wallet_is_never_taken_for_a_refusing_one(tmp_path: Path, how: str, outcome: str) -> None:
    found = results(tmp_path, FAILING, "--wallet-timeout", "0.5", how=how)
    assert {name: result["outcome"] for name, result in found.items()} == {
        "test_state": outcome,
        "test_swallowed": outcome,
        "test_taken_for_a_refusal": outcome,
        "test_untouched": "PASS",  # the wallet was restarted
    }


def test_adapter_error(tmp_path: Path) -> None:
    found = results(tmp_path, FAILING, how="wrong-seq")
    outcomes = sorted(result["outcome"] for result in found.values())
    # reset fails as well, so that the fourth check is not tried
    assert outcomes == ["ADAPTER_ERROR", "ADAPTER_ERROR", "ADAPTER_ERROR", "NOT_RUN"]


def test_a_wallet_that_never_starts_is_given_up(tmp_path: Path) -> None:
    suite = "\n".join(f"def test_{n}(wallet): pass" for n in range(6))
    found = results(tmp_path, suite, how="garbage")
    reasons = [result["reason"] for result in found.values() if result["outcome"] == "NOT_RUN"]
    assert reasons == ["the wallet failed to start 3 times in a row"] * 3


def test_undeclared_mandatory_capability_fails(tmp_path: Path) -> None:
    suite = "@pytest.mark.needs('payee')\ndef test_payee(wallet): pass"
    assert results(tmp_path, suite, how="half")["test_payee"]["outcome"] == "FAIL"


def test_a_should_only_warns(tmp_path: Path) -> None:
    should = next((found.id for found in registry.load() if found.keyword == "SHOULD"), None)
    if should is None:
        pytest.skip("the specification has no SHOULD")
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_should.py").write_text(
        f"import pytest\n@pytest.mark.requirement('{should}')\ndef test_advice(wallet): assert 1 == 2\n"
        f"@pytest.mark.requirement('{should}', 'EPP-GEN-001')\ndef test_both(wallet): assert 1 == 2\n"
    )
    done = pytest_in(tmp_path, "suite", "--wallet", wallet(), "--wallet-report", "report", "-q", "-rs")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [result["outcome"] for result in report["run"]["results"]] == ["WARN", "FAIL"]
    assert "1 failed, 1 skipped" in done.stdout
    assert "WARN: " in done.stdout


@pytest.mark.parametrize(
    ("suite", "words"),
    (
        ("pytestmark = []\ndef test_x(wallet): pass", "has no marker requirement"),
        ("@pytest.mark.requirement('EPP-ABC-none')\ndef test_x(wallet): pass", "no requirement EPP-ABC-none"),
        ("@pytest.mark.needs('magic')\ndef test_x(wallet): pass", "no capability magic"),
        ("@pytest.mark.level('brief')\ndef test_x(wallet): pass", "none of smoke, standard, full"),
    ),
)
def test_a_suite_with_defects_is_not_run(tmp_path: Path, suite: str, words: str) -> None:
    done = run(tmp_path, suite)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert words in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    (
        (("--wallet-seed", "00"), "expected 64 hex digits"),
        (("--wallet", "nonsense"), "is no selector"),
    ),
)
def test_wrong_options(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    done = run(tmp_path, "def test_x(wallet): pass", *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert words in done.stderr


def test_no_such_wallet(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_x(wallet): pass", "--wallet", "cmd:no-such-program-here")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "not found on PATH" in done.stdout + done.stderr


def test_selection(tmp_path: Path) -> None:
    suite = "@pytest.mark.parametrize('n', (1, 2))\ndef test_x(wallet, n): pass\ndef test_y(wallet): pass"
    found = results(tmp_path, suite, "--wallet-only", "test_tiny::test_x[2]")
    assert [name for name, result in found.items() if result["outcome"] == "PASS"] == ["test_x[2]"]
    found = results(tmp_path, suite, "--wallet-only", "EPP-GEN-001", "-k", "not test_x")
    assert [name for name, result in found.items() if result["outcome"] == "PASS"] == ["test_y"]


def test_randomness_depends_on_seed_and_check_only(tmp_path: Path) -> None:
    suite = """
from hypothesis import given, strategies as st
SEEN = []
def test_seed(check_seed, run_level, wallet):
    assert False, check_seed.hex()
@given(st.integers(0, 2**64))
def test_draw(n):
    SEEN.append(n)
def test_drawn(wallet):
    assert False, SEEN
"""
    first = results(tmp_path, suite)
    again = results(tmp_path, suite)
    other = results(tmp_path, suite, "--wallet-seed", "01" * 32)
    for name in ("test_seed", "test_drawn"):
        assert first[name]["reason"] == again[name]["reason"] != other[name]["reason"]


def test_the_builtin_suite_is_found_from_anywhere(tmp_path: Path) -> None:
    for package in ("eiraku.conformance.suite", "eiraku.conformance"):
        done = pytest_in(tmp_path, "--pyargs", package, "--wallet", wallet(), "--collect-only", "-q")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "test_" in done.stdout


def test_the_builtin_suite_needs_a_wallet(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, "--pyargs", "eiraku.conformance.suite")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "add --wallet SELECTOR" in done.stderr


def test_without_a_wallet_nothing_happens(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_inert(request):\n"
        "    ours = {n for n in sys.modules if n.startswith('eiraku')}\n"
        "    rooms = {'eiraku', 'eiraku.conformance', 'eiraku.report'}\n"
        "    assert ours == rooms | {'eiraku.conformance.plugin', 'eiraku.report.plugin'}\n"
        "    assert 'msgspec' not in sys.modules\n"
    )
    done = pytest_in(tmp_path, "-q", str(tmp_path))
    assert done.returncode == 0, done.stdout
    suite = SUITE_FOLDER
    done = pytest_in(tmp_path, "--collect-only", "-q", str(suite))
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_at_level_full_what_passes_is_run_again(tmp_path: Path) -> None:
    suite = """
import pathlib

def say(name):
    with pathlib.Path("said").open("a") as said:
        said.write(name + "\\n")

@pytest.fixture(scope="module")
def shared():
    say("set-up")
    yield
    say("torn-down")

def test_good(wallet, shared):
    say("good")

def test_bad(wallet, shared):
    say("bad")
    assert wallet.state().balance == 1

def test_late(wallet, shared):
    say("late")
    assert (tmp := pathlib.Path("said").read_text()).count("late") < 2, tmp
"""
    found = run(tmp_path, suite, "--wallet-level", "full", "-p", "no:randomly")
    said = (tmp_path / "said").read_text().split()
    assert (said[0], said[-1]) == ("set-up", "torn-down")
    # In the order that the seed gives.
    assert [word for word, _ in itertools.groupby(said[1:-1])] in list(
        map(list, itertools.permutations(("good", "bad", "late")))
    )
    assert Counter(said[1:-1]) == {"good": 2, "bad": 1, "late": 2}
    assert "1 passed" in found.stdout
    assert "2 failed" in found.stdout
