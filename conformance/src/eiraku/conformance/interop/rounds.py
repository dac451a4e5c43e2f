"""Money that goes through all makes and back, and is redeemed: the issuing centre opens its whole history.

Each layer of a history was sealed by another make. Here all are opened with the centre's history key, and
every endorsement in them is verified by the reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.interop.book import Book
from eiraku.conformance.interop.flow import Begins, Fault, Flow
from eiraku.conformance.interop.purses import Make, Meeting, Purse
from eiraku.conformance.interop.session import Session
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import PEER, WALLET, Stage
from eiraku.conformance.tester.world import Identity, identifier
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.purse import units
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a unit: 8-byte numbers, 16-byte transaction."""

    payer: bytes
    payee: bytes
    transaction: bytes


class Round:
    """All makes as purses, of which the first has money."""

    def __init__(self, meeting: Meeting, makes: Sequence[Make], worths: Sequence[int]) -> None:
        world = meeting.world
        self.meeting = meeting
        self.purses = [meeting.purse(make) for make in makes]
        self.book = Book(meeting)
        self.moves: dict[bytes, list[Move]] = {}
        """Of each unit, as the line saw them; the issue, of which it knows the holder, is not among them."""
        first = self.purses[0]
        held = [world.holding(worth, holder=first.number) for worth in worths]
        self.issued_to = first
        for purse in self.purses:
            self.book.open(purse, held if purse is first else ())

    def hop(self, payer: Purse, payee: Purse, amount: int, begins: Begins, *, lost: bool = False) -> None:
        """One payment; if a receipt is lost, its redelivery."""
        before = dict(self.book.accounts[payer].spendable)
        fault = Fault(kind="lost", at="RECEIPT") if lost else None
        session = Session(payer=payer, payee=payee, flow=Flow(begins=begins), fault=fault)
        transaction = self.book.after_payment(payer, payee, amount, session.pay(amount))
        if transaction is None:
            raise RuntimeError("a payment that went well has no transaction")
        if lost:
            again = replace(session, flow=Flow(begins=begins.other, redelivery=True), fault=None)
            self.book.after_redelivery(payer, payee, transaction, again.redeliver(transaction))
        move = Move(payer=payer.number, payee=payee.number, transaction=transaction)
        for name in before.keys() - self.book.accounts[payer].spendable.keys():
            self.moves.setdefault(name, []).append(move)

    def redeem(self, purse: Purse, side: Side) -> None:
        """A purse pays all that it has to the issuing centre, which opens the history of every unit."""
        amount = self.book.balance(purse)
        centre = self.meeting.world.purse(role=Role.CENTRE, tier=1)
        notes = EvidenceNotes()
        stage = Stage(purse.wallet, self.meeting.world, notes)
        try:
            talk, offer = flows.meet_payer(stage, side, amount, peer=centre)
            for held in offer.units:
                self._opened(purse, held)
            payment = flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
            stage.accepted(talk.send(flows.receipt_of(talk, offer)).reply, "RECEIPT", "closed")
        except AssertionError:
            self.meeting.evidence.expected, self.meeting.evidence.actual = notes.expected, notes.actual
            raise
        finally:
            self._retell(purse, notes)
        account = self.book.accounts[purse]
        for held in payment.holdings:
            del account.spendable[identifier(held)]
            del self.book.issued[identifier(held)]
        account.settled.add((offer.transaction, centre.number, amount))
        self.book.check("a redemption")

    def _opened(self, purse: Purse, held: OfferedUnit) -> None:
        """Every layer must open, follow the one before, and hold the endorsement of who had the unit."""
        judge, what = self.meeting, f"{purse.name}: history of a unit at hop {held.hop}"
        try:
            layers = self.meeting.world.issuing.open_history(held)
        except (CannotOpen, Refusal) as error:
            judge.require(False, "layers that open", repr(error), what)
            raise AssertionError from error
        judge.equal(len(layers), held.hop + 1, f"{what}: layers")
        keys = {each.number: each.identity for each in self.purses}
        for hop, layer in zip(range(held.hop, -1, -1), layers, strict=True):
            public = _public(self.meeting, keys, layer.payer)
            moved = units.move(
                identifier(held),
                hop,
                inner=layer.inner,
                payer=layer.payer,
                payee=layer.payee,
                transaction=layer.transaction,
            )
            good = public is not None and units.is_endorsed(public, moved, layer.signature)
            judge.require(
                good, f"an endorsement by {layer.payer.hex()}", layer.signature.hex(), f"{what}: layer {hop}"
            )
        found = [
            f"{each.payer.hex()} to {each.payee.hex()} in {each.transaction.hex()}"
            for each in reversed(layers[:-1])
        ]
        expected = [
            f"{each.payer.hex()} to {each.payee.hex()} in {each.transaction.hex()}"
            for each in self.moves.get(identifier(held), ())
        ]
        judge.equal(found, expected, f"{what}: moves")
        judge.equal(layers[-1].payee.hex(), self.issued_to.number.hex(), f"{what}: first holder")

    def _retell(self, purse: Purse, notes: EvidenceNotes) -> None:
        names = {WALLET: purse.name, PEER: "issuing centre", "holder": purse.name}
        for step in notes.steps:
            self.meeting.evidence.step(
                names[step.source],
                names[step.target],
                step.label,
                bytes.fromhex(step.data),
                decoded=step.decoded,
                outcome=step.outcome,
            )


def _public(meeting: Meeting, purses: dict[bytes, Identity], payer: bytes) -> bytes | None:
    """The key of who endorsed: a purse, or the issuing centre for the first move."""
    if payer == objects.ISSUER_NUMBER:
        return meeting.world.issuing.keys[-1].unit_key.public
    return purses[payer].key.public if payer in purses else None


def through_all(meeting: Meeting, makes: Sequence[Make], begins: Begins) -> None:
    """Money goes from the first make through all others and back, and is redeemed there."""
    played = Round(meeting, makes, (1, 2, 4))
    route = [*played.purses, played.purses[0]]
    for at, (payer, payee) in enumerate(pairwise(route)):
        played.hop(payer, payee, 7, begins if at % 2 == 0 else begins.other, lost=at == 1)
    played.redeem(played.purses[0], _side(begins))


def each_keeps_some(meeting: Meeting, makes: Sequence[Make], begins: Begins) -> None:
    """Each make on the way keeps a unit; every one of them redeems what it has, at whatever hop."""
    count = len(makes) + 1
    played = Round(meeting, makes, (1,) * count)
    route = [*played.purses, played.purses[0]]
    for at, (payer, payee) in enumerate(pairwise(route)):
        played.hop(payer, payee, count - at - 1, begins)
    for at, purse in enumerate(played.purses):
        played.redeem(purse, _side(begins if at % 2 == 0 else begins.other))


def _side(begins: Begins) -> Side:
    """The side of a payer whose session begins so."""
    return Side.INITIATOR if begins is Begins.PAYER else Side.RESPONDER
