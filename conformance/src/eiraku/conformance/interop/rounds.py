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
from eiraku.conformance.tester.world import identifier
from eiraku.reference.crypto import cose, hpke
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.history import layer_info
from eiraku.reference.purse import units
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Layer, Role
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
        judge, name = self.meeting, identifier(held)
        moves = self.moves.get(name, [])
        judge.equal(held.hop, len(moves), f"{purse.name}: hop of a unit that is redeemed")
        numbers = {each.number: each for each in self.purses}
        sealed = held.history
        for hop in range(held.hop, -1, -1):
            issue = Move(payer=objects.ISSUER_NUMBER, payee=self.issued_to.number, transaction=b"")
            move = moves[hop - 1] if hop else issue
            what = f"{numbers[move.payee].name}: layer of hop {hop}, which it sealed"
            layer = self._layer(held, sealed, what)
            judge.equal(layer.payer.hex(), move.payer.hex(), f"{what}: payer")
            judge.equal(layer.payee.hex(), move.payee.hex(), f"{what}: payee")
            judge.require(
                not hop or layer.transaction == move.transaction,
                move.transaction.hex(),
                layer.transaction.hex(),
                f"{what}: transaction",
            )
            centre = judge.world.issuing.keys[-1].unit_key
            public = numbers[move.payer].identity.key.public if hop else centre.public
            moved = units.move(
                name,
                hop,
                inner=layer.inner,
                payer=layer.payer,
                payee=layer.payee,
                transaction=layer.transaction,
            )
            good = units.is_endorsed(public, moved, layer.signature)
            judge.require(good, "an endorsement that verifies", layer.signature.hex(), what)
            sealed = layer.inner
        judge.equal(sealed, b"", f"{purse.name}: what is left below the first layer")

    def _layer(self, held: OfferedUnit, sealed: bytes, what: str) -> Layer:
        """One layer, opened with the history key of the unit's money key."""
        judge = self.meeting
        kid = cose.parse(held.unit).kid or b""
        try:
            info = layer_info(identifier(held))
            return Layer.decode(hpke.open_(judge.world.history_keys[kid], info, sealed))
        except (CannotOpen, Refusal) as error:
            judge.evidence.expect("a layer that opens", repr(error))
            raise AssertionError(f"{what}: expected one that opens, found {error!r}") from error

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
