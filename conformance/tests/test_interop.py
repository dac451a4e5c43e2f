"""``eiraku interop``: two makes meet; defects of either show; what is signed, refused, verified."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.conformance import DEFAULT_SEED, wallet
from eiraku.conformance.interop import runner
from eiraku.conformance.interop.flow import Begins
from eiraku.conformance.interop.purses import Make
from eiraku.conformance.interop.results import InteropRun, judge
from eiraku.conformance.interop.runner import Planned
from eiraku.conformance.results import Level, Outcome
from eiraku.report.interop import page, writing

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
NODE = f"cmd:node {SAMPLES / 'node-wallet' / 'adapter.mjs'}"
REFERENCE = f"cmd:{sys.executable} -m eiraku.conformance.wallet"
INSIDE = "python:eiraku.conformance.wallet:factory"
MUTANTS = "python:eiraku.conformance.mutants:"
SEED = "5e" * 32

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not SAMPLES.is_dir(), reason="Node or the samples are not here"
)
Only = Callable[..., None]


class Silent:
    """A watcher."""

    def begin(self, count: int) -> None:
        assert count

    def done(self, result: object) -> None:
        assert result


def meet(*selectors: str, level: Level = Level.STANDARD) -> InteropRun:
    return runner.execute(runner.make_all(selectors, DEFAULT_SEED, 20.0), DEFAULT_SEED, level, Silent())


def eiraku(*arguments: object) -> Result:
    return CliRunner().invoke(group, [*map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None and result.exc_info is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """Only scenarios of these names are played."""
    whole = runner.plan

    def choose(*names: str) -> None:
        def narrowed(makes: list[Make], level: Level) -> list[Planned]:
            return [each for each in whole(makes, level) if each.name in names]

        monkeypatch.setattr(runner, "plan", narrowed)

    return choose


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with keys and files of wallets."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(("openssl", "genpkey", "-algorithm", "ed25519", "-out", "key.pem"), check=True)
    subprocess.run(("openssl", "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"), check=True)
    for name in ("a.bin", "b.bin", "shared.bin"):
        (tmp_path / name).write_text(name)
    return tmp_path


# --- makes that meet ----------------------------------------------------------------------------------------


@needs_node
def test_the_reference_and_the_wallet_written_from_the_text_meet() -> None:
    run = meet(REFERENCE, NODE, level=Level.SMOKE)
    wrong = {each.id: each.reason for each in run.results if each.outcome is not Outcome.PASS}
    assert wrong == {}
    assert judge(run).exit_code == 0
    tried = {(each.route, each.begins, each.group) for each in run.results}
    groups = {"payments", "refusals", "losses", "power cuts", "redelivery", "news"}
    assert {group for _, _, group in tried} == {*groups, "rounds"}
    for route in (("A", "B"), ("B", "A")):
        assert {(route, begins, "payments") for begins in Begins} <= tried
    # All that is listed is played by somebody.
    makes = runner.make_all((REFERENCE, NODE), DEFAULT_SEED, 1.0)
    assert {each.name for each in runner.plan(makes, Level.STANDARD)} == {each.name for each in run.results}


def test_the_plan_has_every_pair_in_all_roles() -> None:
    makes = runner.make_all([INSIDE] * 3, DEFAULT_SEED, 1.0)
    planned = runner.plan(makes, Level.STANDARD)
    assert len({each.id for each in planned}) == len(planned)
    pairs = {each.route for each in planned if len(each.route) == 2}
    assert pairs == {(a, b) for a in "ABC" for b in "ABC" if a != b}
    rounds = {each.route for each in planned if len(each.route) > 2}
    assert rounds == {tuple("ABCA"), tuple("BCAB"), tuple("CABC")}
    for route in pairs:
        for begins in Begins:
            names = {each.name for each in planned if each.route == route and each.begins is begins}
            messages = {"message_1", "message_4", "OFFER", "ACCEPT", "PAY", "RECEIPT"}
            messages |= {"REQUEST"} if begins is Begins.PAYEE else set()
            for kind in ("lost", "receiver-off", "sender-off"):
                assert {f"payment-{message}-{kind}" for message in messages} <= names
            for message in ("ACCEPT", "PAY", "RECEIPT"):
                assert {f"payment-{message}-{when}-write" for when in ("before", "after")} <= names


@pytest.mark.parametrize(
    ("mutant", "scenario", "says"),
    (
        ("keeps_pending_in_memory", "payment-PAY-sender-off", "value that left it"),
        ("receipts_before_it_commits", "payment-PAY-before-write", "outcome of PAY"),
        ("pays_before_it_commits", "payment-ACCEPT-before-write", "outcome of ACCEPT"),
        ("redelivers_once", "redelivery-RECEIPT-lost", "redeliver"),
        ("keeps_the_hop", "some", "spendable units"),
        ("counts_pending_units", "payment-PAY-lost", "balance"),
        ("pays_nothing", "bad-orders", "pay"),
        ("pays_whatever_is_requested", "another-amount", "REQUEST"),
        ("endorses_nobody", "everything", "PAY"),
        ("loses_the_inner_history", "through-all", "layer of hop"),
    ),
)
def test_a_defect_fails_a_scenario(only: Only, mutant: str, scenario: str, says: str) -> None:
    only(scenario)
    sound = meet(INSIDE, INSIDE)
    assert {each.outcome for each in sound.results} == {Outcome.PASS}
    run = meet(INSIDE, MUTANTS + mutant)
    failed = [each for each in run.results if each.outcome is Outcome.FAIL]
    assert failed
    assert all("B" in each.route for each in failed)
    assert any(says in each.reason and each.evidence and each.evidence.steps for each in failed)
    assert judge(run).exit_code == 1


@needs_node
@pytest.mark.parametrize(
    ("change", "scenario"),
    (
        (("payee.mjs", "kept(u, u.hop, histories[i])", "kept(u, u.hop, u.history)"), "through-all"),
        (("money.mjs", "sha256(move.history)", "sha256(Buffer.alloc(0))"), "some"),
    ),
)
def test_a_defect_of_the_other_make_fails_a_scenario(
    tmp_path: Path, only: Only, change: tuple[str, str, str], scenario: str
) -> None:
    file, right, wrong = change
    shutil.copytree(SAMPLES / "node-wallet", tmp_path / "wallet")
    source = (tmp_path / "wallet" / file).read_text()
    assert right in source
    (tmp_path / "wallet" / file).write_text(source.replace(right, wrong))
    only(scenario)
    run = meet(INSIDE, f"cmd:node {tmp_path / 'wallet' / 'adapter.mjs'}")
    assert Outcome.FAIL in {each.outcome for each in run.results}
    assert {each.outcome for each in meet(INSIDE, NODE).results} == {Outcome.PASS}


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    (
        (INSIDE,),
        ("what:ever", INSIDE),
        ("cmd:/nonexistent/wallet", INSIDE),
        ("python:no_such_module:factory", INSIDE),
        (INSIDE, INSIDE, "--level", "full"),
        (INSIDE, INSIDE, "--subject", "A=a.bin"),
        (INSIDE, INSIDE, "--statement", "key.pem", "--subject", "A=a.bin", "--subject", "B=b.bin"),
        (INSIDE,) * 9,
    ),
)
def test_misuse(folder: Path, arguments: tuple[str, ...]) -> None:
    result = eiraku("interop", *arguments)
    assert code(result) == 2
    assert not (folder / "eiraku-interop" / "report.json").exists()


def test_one_wallet_twice(folder: Path, only: Only) -> None:
    only("some", "each-keeps-some")
    result = eiraku("interop", INSIDE, INSIDE)
    assert code(result) == 0, result.output
    assert "interoperable: 8 PASS" in result.output
    said = json.loads((folder / "eiraku-interop" / "report.json").read_text())
    assert said["judgement"]["verdict"] == "interoperable"
    root = ET.fromstring((folder / "eiraku-interop" / "junit.xml").read_text())
    assert root.attrib["tests"] == "8"
    assert {suite.attrib["name"] for suite in root} >= {"A eiraku-reference to B eiraku-reference"}


def test_a_wallet_that_dies(folder: Path, only: Only) -> None:
    only("some", "everything", "old-units", "large-bundle")
    crash = folder / "crash.sh"
    crash.write_text('#!/bin/sh\nread -r request\necho "about to die" >&2\nexit 70\n')
    result = eiraku("interop", INSIDE, f"cmd:/bin/sh {crash}")
    assert code(result) == 1, result.output
    said = json.loads((folder / "eiraku-interop" / "report.json").read_text())
    outcomes = [each["outcome"] for each in said["run"]["results"]]
    assert outcomes == ["CRASH"] * 2 + ["NOT_RUN"] * (len(outcomes) - 2)
    assert "B: never started" in result.output
    assert "about to die" in (folder / "eiraku-interop" / "report.html").read_text()


def test_a_make_without_a_role(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("some", "there-and-back", "through-all")
    less = tuple(each for each in wallet.CAPABILITIES if each != "payer")
    monkeypatch.setattr(wallet.ReferenceWallet, "capabilities", less)
    run = meet(INSIDE, INSIDE)
    assert {each.outcome for each in run.results} == {Outcome.NOT_APPLICABLE}
    assert judge(run).exit_code == 3
    assert "A eiraku-reference does not declare payer" in run.results[0].reason


def test_an_interrupted_run_is_incomplete(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("some")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner._Player, "result", interrupt)
    run = meet(INSIDE, INSIDE)
    assert {each.outcome for each in run.results} == {Outcome.NOT_RUN}
    assert judge(run).exit_code == 3


def test_the_page_shows_what_a_wallet_says_without_obeying_it(only: Only) -> None:
    only("keeps", "some")
    run = meet(INSIDE, MUTANTS + "keeps_the_hop")
    html = page.render(run).decode()
    assert "Not interoperable" in html
    assert html.count('<article class="problem fail"') == sum(
        each.outcome is Outcome.FAIL for each in run.results
    )
    assert '<svg class="sequence"' in html
    assert "<script" not in html
    assert ET.fromstring(writing.as_junit(run)).attrib["failures"] != "0"


# --- the statement ------------------------------------------------------------------------------------------


def signed(*more: str, selectors: tuple[str, ...] = (REFERENCE, REFERENCE)) -> Result:
    files = ("A=a.bin", "A=shared.bin", "B=b.bin", "B=shared.bin")
    subjects = [word for each in files for word in ("--subject", each)]
    return eiraku("interop", *selectors, "--seed", SEED, "--statement", "key.pem", *subjects, *more)


def test_one_statement_names_all_makes(folder: Path, only: Only) -> None:
    only("some", "through-all")
    result = signed()
    assert code(result) == 0, result.output
    file = Path("eiraku-interop/statement.json")
    verify = ("statement", "verify", file, "--key", "key.pub")
    files = [word for name in ("a.bin", "b.bin", "shared.bin") for word in ("--subject", name)]
    checked = eiraku(*verify, *files, "--report", "eiraku-interop/report.json")
    assert code(checked) == 0, checked.output
    assert "PASSED: interoperable" in checked.output
    shown = eiraku("statement", "show", file).output
    for letter in "AB":
        assert f"wallet {letter}       eiraku-reference" in shown
        assert f"subject of {letter}" in shown
    # Same inputs, same bytes.
    before = file.read_bytes()
    assert code(signed()) == 0
    assert file.read_bytes() == before
    shutil.copy(file, "other.json")
    assert code(eiraku("statement", "diff", file, "other.json")) == 0
    # Whatever is changed is found.
    (folder / "b.bin").write_text("another wallet")
    assert code(eiraku(*verify, "--subject", "b.bin")) == 1
    report = Path("eiraku-interop/report.json")
    report.write_text(report.read_text().replace('"outcome": "PASS"', '"outcome": "NOT_APPLICABLE"', 1))
    assert code(eiraku(*verify, "--report", report)) == 1
    assert code(eiraku("statement", "replay", file, REFERENCE)) == 2
    file.write_bytes(before.replace(b"A", b"B", 1))
    assert code(eiraku(*verify)) == 1


@pytest.mark.usefixtures("folder")
def test_a_failure_is_signed_as_one(only: Only) -> None:
    only("some")
    path = Path("bad.py")
    path.write_text(
        "from eiraku.conformance.adapter.server import serve_stdio\n"
        "from eiraku.conformance import mutants\n"
        "serve_stdio(mutants.keeps_the_hop())\n"
    )
    result = signed(selectors=(REFERENCE, f"cmd:{sys.executable} bad.py"))
    assert code(result) == 1, result.output
    verified = eiraku("statement", "verify", "eiraku-interop/statement.json", "--key", "key.pub")
    assert code(verified) == 1
    assert "the wallets are not interoperable" in verified.output


@pytest.mark.parametrize("more", (("--level", "smoke"), ("--seed", DEFAULT_SEED)))
@pytest.mark.usefixtures("folder")
def test_what_is_never_signed(more: tuple[str, ...]) -> None:
    assert code(signed(*more)) == 2
    assert not Path("eiraku-interop/statement.json").exists()


@pytest.mark.usefixtures("folder")
def test_a_subject_that_changes_is_not_signed(only: Only, monkeypatch: pytest.MonkeyPatch) -> None:
    only("some")
    execute = runner.execute

    def changing(*arguments: object) -> InteropRun:
        Path("a.bin").write_text("changed")
        return execute(*arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(runner, "execute", changing)
    result = signed()
    assert code(result) == 3
    assert "a subject changed during the run" in result.output
    assert not Path("eiraku-interop/statement.json").exists()
