"""``eiraku differ``: what two wallets do differently is found, made short and shown; chance is not."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.differ import runner
from eiraku.conformance.differ.meaning import Meaning
from eiraku.conformance.differ.pairing import distinct, live
from eiraku.conformance.differ.runner import DifferRun
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import faults
from eiraku.conformance.lockstep.driver import Difference
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.steps import Life, NewUnit, Start, Step, TillPays, TillRepeats, WalletPays
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.world import World
from eiraku.report.differ import writing
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Offer, Pay, Reject, Request
from eiraku.spec.tables import Side

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
NODE = f"cmd:node {SAMPLES / 'node-wallet' / 'adapter.mjs'}"
INSIDE = "python:eiraku.conformance.wallet:factory"
MUTANTS = "python:eiraku.conformance.mutants:"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not SAMPLES.is_dir(), reason="Node or the samples are not here"
)


class Silent:
    """A watcher."""

    def done(self, sessions: int, differences: int) -> None:
        assert sessions + differences >= 0


def compare(one: str, other: str, sessions: int = 40) -> DifferRun:
    return runner.compare(
        (one, other), seed=DEFAULT_SEED, sessions=sessions, seconds=300, timeout=20, watcher=Silent()
    )


def lived(other: str, *steps: Step) -> None:
    """One life of the reference and another. Raises Difference."""
    with Wallet(INSIDE, seed=b"\1" * 32) as first, Wallet(other, seed=b"\2" * 32) as second:
        first.start()
        second.start()
        judged = Judged(player=first, notes=EvidenceNotes(), room=runner.room_of(first, second))
        live(judged, second, Life(start=Start(), steps=steps), b"\3" * 32, lambda: None)


def eiraku(*arguments: object) -> Result:
    return CliRunner().invoke(group, [*map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    if result.exception is not None and result.exc_info is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


# --- what is found ------------------------------------------------------------------------------------------


@needs_node
def test_the_reference_and_the_wallet_written_from_the_text_do_not_differ() -> None:
    run = compare(INSIDE, NODE)
    assert run.differences == ()
    assert run.exit_code == 0
    assert run.sessions >= 40


def test_one_wallet_twice_does_not_differ_though_it_draws_otherwise() -> None:
    """Both are the reference, with other seeds: transactions, seals and signatures are not the same."""
    run = compare(INSIDE, INSIDE)
    assert run.differences == ()
    assert run.sessions >= 40


@pytest.mark.parametrize("swapped", (False, True))
def test_a_difference_is_made_short_and_told_in_words(*, swapped: bool) -> None:
    wrong = MUTANTS + "keeps_the_hop"
    run = compare(*((wrong, INSIDE) if swapped else (INSIDE, wrong)), sessions=10)
    assert run.exit_code == 1
    found = run.differences[0]
    assert found.what == "units after the session"
    right, kept = (found.second, found.first) if swapped else (found.first, found.second)
    assert right.endswith("at hop 1")
    assert kept.endswith("at hop 0")
    # A purse, and one payment.
    assert len(found.life) == 2
    assert "pays" in found.life[1]
    assert found.steps


PAY = WalletPays(till=0, side=Side.INITIATOR, kind="number", number=0)
SOME = WalletPays(till=0, side=Side.INITIATOR)
ALTERED = [fault.name for fault in faults.ALL].index("endorsement-altered")
COME = TillPays(till=0, side=Side.RESPONDER, new=(NewUnit(3), NewUnit(4)))


@pytest.mark.parametrize(
    ("mutant", "steps"),
    (
        ("pays_nothing", (replace(SOME, kind="all", off=-1 << 53),)),
        ("skips_endorsements", (replace(COME, fault=ALTERED),)),
        ("endorses_nobody", (SOME,)),
        ("endorses_the_held_hop", (SOME,)),
        ("receipts_without_the_payer", (COME,)),
        ("signs_another_receipt", (COME, TillRepeats(which=0, side=Side.RESPONDER))),
        ("commits_payments_in_two_writes", (SOME,)),
    ),
)
def test_a_defect_is_a_difference(mutant: str, steps: tuple[Step, ...]) -> None:
    lived(INSIDE, *steps)
    with pytest.raises(Difference):
        lived(MUTANTS + mutant, *steps)


@needs_node
def test_a_defect_of_the_other_make_is_a_difference(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "node-wallet", tmp_path / "wallet")
    file = tmp_path / "wallet" / "payee.mjs"
    source = file.read_text()
    right = "money.kept(u, u.hop, histories[i])"
    assert right in source
    file.write_text(source.replace(right, "money.kept(u, u.hop + 1, histories[i])"))
    changed = f"cmd:node {tmp_path / 'wallet' / 'adapter.mjs'}"
    with pytest.raises(Difference, match="units after PAY"):
        lived(changed, COME)
    lived(NODE, COME)


# --- what is compared ---------------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    return World(b"\5" * 32, policy())


def test_what_is_drawn_at_random_is_named_by_what_it_is(world: World) -> None:
    held = world.holding(4, holder=world.wallet.number)
    again = replace(held, history=world.random(len(held.history)))
    offers = [Offer(transaction=world.random(16), amount=4, units=(each,)) for each in (held, again)]
    both = [Meaning(wallet=world.wallet, us=world.peer) for _ in offers]
    first, second = (mine.of(offer.encode()) for mine, offer in zip(both, offers, strict=True))
    assert first == second
    # What is not drawn is compared.
    other = replace(offers[0], units=(replace(held, hop=1),))
    assert both[0].of(other.encode()) != first
    short = replace(offers[0], units=(replace(held, history=held.history[1:]),))
    assert both[0].of(short.encode()) != first


def test_signatures_and_digests_are_verified(world: World) -> None:
    held = world.holding(4, holder=world.wallet.number)
    offer = Offer(transaction=world.random(16), amount=4, units=(held,))
    mine = Meaning(wallet=world.wallet, us=world.peer)
    mine.of(offer.encode())
    pay = Pay(transaction=offer.transaction, endorsements=(bytes(64),))
    assert mine.of(pay.encode())[-1] == (False,)
    mine.told(offer.encode())
    right = Accept(transaction=offer.transaction, offer_digest=world.random(32))
    assert mine.of(right.encode())[-1] is False
    assert mine.of(Reject(code=int(Code.SUM), index=None).encode()) != mine.of(
        Reject(code=int(Code.SUM), index=0).encode()
    )
    assert mine.of(Request(amount=4, reference="").encode()) != mine.of(
        Request(amount=5, reference="").encode()
    )


def test_units_that_come_have_values_of_their_own() -> None:
    steps = distinct((COME, PAY, COME), 6)
    values = [each.exponent for step in steps if isinstance(step, TillPays) for each in step.new]
    assert len(set(values)) == len(values) == 4
    assert 6 not in values
    assert steps[1] == PAY


# --- the command --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    (
        (INSIDE,),
        ("what:ever", INSIDE),
        ("cmd:/nonexistent/wallet", INSIDE),
        (INSIDE, INSIDE, "--sessions", 0),
        (INSIDE, INSIDE, "--seed", "xyz"),
    ),
)
def test_misuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    assert code(eiraku("differ", *arguments)) == 2
    assert not Path("eiraku-differ/report.json").exists()


def test_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = eiraku("differ", INSIDE, MUTANTS + "keeps_the_hop", "--sessions", 5)
    assert code(result) == 1
    assert "Difference 1" in result.output
    assert "A: unit" in result.output
    said = json.loads(Path("eiraku-differ/report.json").read_text())
    assert said["differences"][0]["life"]
    html = Path("eiraku-differ/report.html").read_text()
    assert "They differ" in html
    assert "<script" not in html


def test_a_wallet_that_dies_is_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dying.py").write_text(
        "import os\n"
        "from eiraku.conformance.adapter.server import serve_stdio\n"
        "from eiraku.conformance.wallet import ReferenceWallet\n"
        "class Dying(ReferenceWallet):\n"
        "    def _deliver(self, request):\n"
        "        os._exit(70)\n"
        "serve_stdio(Dying())\n"
    )
    with Wallet(INSIDE) as first, Wallet(f"cmd:{sys.executable} dying.py") as second:
        first.start()
        second.start()
        both = runner.Comparison(one=first, other=second, seed=DEFAULT_SEED, sessions=1, seconds=9)
        with pytest.raises(runner._Failed) as failed:
            both._live(Life(start=Start(), steps=(COME,)), EvidenceNotes())
    assert failed.value.first == "goes on"
    assert "exit status 70" in failed.value.second


def test_a_wallet_that_never_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = eiraku("differ", INSIDE, "cmd:false", "--sessions", 5)
    assert code(result) == 1, result.output
    assert not Path("eiraku-differ/report.json").exists()


def test_an_interrupted_comparison_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner.Comparison, "_draw", interrupt)
    run = compare(INSIDE, INSIDE)
    assert (run.exit_code, run.interrupted) == (3, "interrupted")
    assert b"Incomplete" in writing.as_page(run)
