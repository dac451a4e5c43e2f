"""Lock-step: the shadow agrees with right wallets, whatever they choose, and shows a defect in few words."""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance.adapter.inprocess import InProcess
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import answers, covering, faults
from eiraku.conformance.lockstep.drawing import explore
from eiraku.conformance.lockstep.driver import Difference
from eiraku.conformance.lockstep.living import live
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.steps import Life, NewUnit, Start, Step, TillPays, TillRepeats, WalletPays
from eiraku.conformance.mutants.wallet import MutantWallet
from eiraku.conformance.suite.lockstep_rows import DIMENSIONS, is_paid_by_the_wallet, pays_the_wallet
from eiraku.conformance.tester import edwards
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.offerable import Offerable
from eiraku.reference.purse import payee, payer, units
from eiraku.reference.purse.ledger import Change, PaymentPending
from eiraku.reference.purse.state import UnitRefusal
from eiraku.reference.store import Store
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch, edit

pytestmark = pytest.mark.slow

REFERENCE = "python:eiraku.conformance.wallet:factory"
NODE = Path(__file__).parents[1] / "samples" / "node-wallet" / "adapter.mjs"
SEED = bytes(32)
WALLET_SEED = b"\x01" * 32
"""Another: what the tester draws must not be what the wallet draws."""
_write = Store._write
_sign = SigningKey.sign


def reached(patches: Sequence[Patch]) -> Selector:
    """The reference with patches."""
    return Selector(
        text="patched", kind="python", open=lambda: InProcess(lambda: MutantWallet("p", lambda: patches), "p")
    )


def with_wallet(selector: str | Selector, use: Callable[[Judged], None]) -> EvidenceNotes:
    """A wallet, for as long as it is used; its evidence."""
    notes = EvidenceNotes()
    with LastingWallet(selector, seed=WALLET_SEED, timeout=60) as wallet:
        info = wallet.start()
        use(Judged(player=wallet, notes=notes, room=info.room))
    return notes


def explored(selector: str | Selector, number: int, seeded: int) -> EvidenceNotes:
    def use(judged: Judged) -> None:
        explore(lambda life: live(judged, life, SEED), judged.notes, number=number, steps=10, seeded=seeded)

    return with_wallet(selector, use)


def lived(selector: str | Selector, *steps: Step) -> EvidenceNotes:
    return with_wallet(selector, lambda judged: live(judged, Life(Start(holdings=3), steps), SEED))


# --- wallets that choose otherwise ---


def _hedged(key: SigningKey, message: bytes, salt: bytes = b"") -> bytes:
    """A right signature whose nonce is not that of RFC 8032 section 5.1.6 (EPP-KEY-014)."""
    return _with_nonce(key, message, hashlib.sha512(salt + message).digest())


def _constant(key: SigningKey, message: bytes) -> bytes:
    """The same nonce for every message."""
    return _with_nonce(key, message, bytes(31) + b"\x05")


def _with_nonce(key: SigningKey, message: bytes, nonce: bytes) -> bytes:
    digest = hashlib.sha512(key._secret[:32]).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    r = int.from_bytes(nonce, "little") % edwards.L
    first = edwards.encode(edwards.multiply(r, edwards.BASE))
    k = int.from_bytes(hashlib.sha512(first + key.public + message).digest(), "little") % edwards.L
    return first + ((r + k * scalar) % edwards.L).to_bytes(32, "little")


LAWFUL: dict[str, list[tuple[Any, str, object]]] = {
    "hedged-signatures": [(SigningKey, "sign", _hedged)],
    "another-order-of-units": [
        edit(
            payer.choose_for,
            ("return ledger.holdings(", "return ledger.holdings(("),
            (", link.peer.role))", ", link.peer.role))[::-1])"),
        )
    ],
    "other-units-of-equal-worth": [edit(Offerable.lightest, ("size, unit_id", "size, unit_id DESC"))],
}


@pytest.mark.parametrize("name", LAWFUL)
def test_what_the_text_leaves_to_a_purse_is_its_own_choice(name: str) -> None:
    new = tuple(NewUnit(n // 2) for n in range(4))
    steps: list[Step] = []
    for side in Side:
        steps += [TillPays(0, side, new=new), WalletPays(1, side, number=5), WalletPays(1, side, kind="all")]
    notes = lived(reached(LAWFUL[name]), *steps, TillRepeats(0, Side.INITIATOR))
    assert len(notes.notes) == len(steps) + 2


@pytest.mark.parametrize("seeded", (0, 1))
def test_the_shadow_agrees_with_the_reference(seeded: int) -> None:
    assert explored(REFERENCE, 8, seeded).steps


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_shadow_agrees_with_the_wallet_in_node() -> None:
    assert explored(f"cmd:node {NODE}", 8, 2).steps


# --- wallets with a defect ---


def _forgets(store: Store, change: Change) -> None:
    _write(store, change)
    if isinstance(change, PaymentPending):
        store._db.execute("DELETE FROM credited")


def test_a_defect_is_found_by_chance_and_shown_in_few_steps() -> None:
    patches = [(Store, "_write", _forgets)]
    notes = EvidenceNotes()

    def use(judged: Judged) -> None:
        nonlocal notes
        notes = judged.notes
        explore(lambda life: live(judged, life, SEED), notes, number=250, steps=8, seeded=3)

    with pytest.raises(Difference) as found:
        with_wallet(reached(patches), use)
    assert len(notes.notes) <= 5, notes.notes
    assert notes.notes[0] == "1. a purse with a bulletin of epoch 100, 4 units, roomy policy"
    assert any("the wallet pays" in words for words in notes.notes)
    assert str(found.value).startswith(f"step {len(notes.notes)}, ")
    assert notes.expected.endswith(f"[{found.value.requirement}]")
    assert notes.actual == found.value.found
    assert notes.steps


@pytest.mark.parametrize(
    ("requirement", "patch"),
    (
        ("EPP-KEY-013", (SigningKey, "sign", _constant)),
        ("EPP-TRF-003", edit(payer.offer, ("env.random(16)", "bytes(16)"))),
        (
            "EPP-HIS-003",
            edit(units.hold, ("random(32)", "random(32)"), ("payee=move.payee", "payee=move.payer")),
        ),
    ),
    ids=["one-nonce", "one-transaction", "seals-another-payee"],
)
def test_an_unlawful_choice_is_not_taken_over(requirement: str, patch: Patch) -> None:
    pay = WalletPays(1, Side.INITIATOR, kind="all")
    receive = TillPays(0, Side.RESPONDER, new=(NewUnit(1),))
    with pytest.raises(Difference) as found:
        lived(reached([patch]), receive, pay, receive, pay)
    assert found.value.requirement == requirement


# --- rows ---


def play(selector: str | Selector, row: covering.Row) -> str:
    """One row on the stage; the requirement that the shadow refused with."""
    reason = ""

    def use(judged: Judged) -> None:
        nonlocal reason
        wallet = judged.player
        assert isinstance(wallet, LastingWallet)
        run = pays_the_wallet if "position" in row else is_paid_by_the_wallet
        reason = run(Stage(wallet, World(SEED, policy()), judged.notes), SEED, row).oracle.reason

    with_wallet(selector, use)
    return reason


ROW = {"mode": "PAY", "condition": "fresh", "position": "last", "magnitude": "small", "side": "responder"}


@pytest.mark.parametrize("fault", faults.ALL, ids=lambda fault: fault.name)
def test_a_fault_of_a_payment_breaks_the_rule_that_it_names(fault: faults.Fault) -> None:
    reason = play(REFERENCE, {**ROW, "fault": fault.name})
    assert reason in (fault.rules or ("",))


@pytest.mark.parametrize("fault", answers.ALL, ids=lambda fault: fault.name)
def test_a_fault_of_an_answer_breaks_the_rule_that_it_names(fault: answers.Fault) -> None:
    row = {name: value for name, value in ROW.items() if name != "position"}
    assert play(REFERENCE, {**row, "fault": fault.name}) in (fault.rules or ("",))


DEFECTS = {
    "a sum of 32 bits": (
        edit(payee.check_offer, ("if total != offer.amount:", "if (total - offer.amount) % (1 << 32):")),
        {"fault": "sum-is-less", "magnitude": "2^32"},
    ),
    "positions modulo 16": (
        edit(UnitRefusal.__init__, ("self.index = index", "self.index = index % 16")),
        {"fault": "endorsement-altered"},
    ),
    "the first 16 units only": (
        edit(payee.take, ("if not units.is_endorsed(", "if index < 16 and not units.is_endorsed(")),
        {"fault": "endorsement-of-zeros", "mode": "REDELIVER"},
    ),
    "pending money is dropped when it expires": (
        edit(Store._grace, ("provision.policy.claim_grace", "-1")),
        {"fault": "nothing", "mode": "REDELIVER", "condition": "expired", "magnitude": "2^16"},
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_row_finds_a_kind_of_defect(name: str) -> None:
    patch, row = DEFECTS[name]
    row = {**ROW, **row}
    if row["condition"] == "expired":
        del row["position"]
    with pytest.raises(Difference):
        play(reached([patch]), row)


def test_any_two_values_meet_in_a_row() -> None:
    dimensions = {"fault": tuple(fault.name for fault in faults.ALL), **DIMENSIONS}
    rows = covering.pairwise(dimensions)
    assert rows == covering.pairwise(dimensions)
    for first, second in itertools.combinations(dimensions, 2):
        met = {(row[first], row[second]) for row in rows}
        assert met == set(itertools.product(dimensions[first], dimensions[second]))
    assert len(rows) < 1.2 * len(faults.ALL) * len(DIMENSIONS["condition"])
