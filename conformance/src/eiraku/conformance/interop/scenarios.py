"""What two wallets go through: payments, refusals, losses of messages and of power, redelivery.

A scenario is played by one ordered pair (payer, payee), once for each side that may begin the session.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from eiraku.conformance.interop.book import Book
from eiraku.conformance.interop.flow import Begins, Fault, Flow, Refusal, faults
from eiraku.conformance.interop.purses import Make, Meeting, Purse
from eiraku.conformance.interop.session import Session
from eiraku.conformance.tester.policies import PLENTY, policy
from eiraku.spec.errors import Code

AMOUNT = 5
WORTHS = (1, 2, 4, 8)
"""What the payer has."""
SAVINGS = (1, 2)
"""What the payee has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who pays whom in a scenario, and who begins the first session."""

    meeting: Meeting
    payer: Make
    payee: Make
    begins: Begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`needs`: capabilities of both wallets beyond the roles that they play."""

    name: str
    group: str
    title: str
    play: Callable[[Pair], None]
    needs: tuple[str, ...] = ()
    direct: bool = False
    """Whether one session in the given roles is all; otherwise both wallets need all four roles."""


class Deal:
    """Payer and payee, provisioned with money each, and the book over both."""

    def __init__(
        self, pair: Pair, *, payer: Purse | None = None, payee: Purse | None = None, open_: bool = True
    ) -> None:
        self.pair = pair
        self.meeting = pair.meeting
        self.payer = payer or self.meeting.purse(pair.payer)
        self.payee = payee or self.meeting.purse(pair.payee)
        self.book = Book(self.meeting)
        if open_:
            self.give(self.payer, WORTHS)
            self.give(self.payee, SAVINGS)

    def give(self, purse: Purse, worths: Sequence[int]) -> None:
        """Provision a purse with units of these values."""
        world = self.meeting.world
        self.book.open(purse, [world.holding(worth, holder=purse.number) for worth in worths])

    def session(
        self,
        *,
        redelivery: bool = False,
        begins: Begins | None = None,
        fault: Fault | None = None,
        refusal: Refusal | None = None,
        back: bool = False,
    ) -> Session:
        """One of theirs. `back`: the payee pays the payer."""
        source, target = (self.payee, self.payer) if back else (self.payer, self.payee)
        flow = Flow(begins=begins or self.pair.begins, redelivery=redelivery)
        return Session(payer=source, payee=target, flow=flow, fault=fault, refusal=refusal)

    def pay(self, amount: int, session: Session | None = None, *, named: bool = False) -> bytes | None:
        """A payment, entered and compared; its transaction, None if the payer did not commit."""
        session = session or self.session()
        committed = session.pay(amount, named=session.payee.number if named else None)
        return self.book.after_payment(session.payer, session.payee, amount, committed)

    def redeliver(self, transaction: bytes, session: Session) -> None:
        """A redelivery, entered and compared."""
        committed = session.redeliver(transaction)
        self.book.after_redelivery(session.payer, session.payee, transaction, committed)

    def pending(self, lost: str = "PAY") -> bytes:
        """A transaction that is pending at the payer, since a message was lost."""
        transaction = self.pay(AMOUNT, self.session(fault=Fault(kind="lost", at=lost)))
        if transaction is None:
            raise RuntimeError("nothing is pending after a payment")
        return transaction

    def finish(self, transaction: bytes | None, amount: int = AMOUNT) -> None:
        """Complete what was begun, the other way round: redeliver what is pending, else pay anew."""
        other = self.pair.begins.other
        if transaction is None:
            self.pay(amount, self.session(begins=other))
        elif transaction in self.book.accounts[self.payer].pending:
            self.redeliver(transaction, self.session(redelivery=True, begins=other))

    def refused(self, session: Session, talk: Callable[[], tuple[str, ...]], what: str) -> None:
        """A session that ends by a refusal, without a durable write; afterwards they pay as ever."""
        talk()
        self.book.unchanged(what)
        self.pay(AMOUNT, self.session(begins=session.flow.begins.other))


# --- payments -----------------------------------------------------------------------------------------------


def some(pair: Pair) -> None:
    """A part of the money is paid."""
    Deal(pair).pay(AMOUNT)


def everything(pair: Pair) -> None:
    """All of it is paid, in one bundle, to a payee that the order names."""
    Deal(pair).pay(sum(WORTHS), named=True)


def there_and_back(pair: Pair) -> None:
    """Money is paid and paid back, both ways to begin."""
    deal = Deal(pair)
    for begins in (pair.begins, pair.begins.other):
        deal.pay(AMOUNT, deal.session(begins=begins))
        deal.pay(AMOUNT, deal.session(begins=begins, back=True))


def old_units(pair: Pair) -> None:
    """A unit that has been moved nine times is paid on, for the last time."""
    deal = Deal(pair, open_=False)
    world = pair.meeting.world
    hops = world.policy["max_hops"] - 1
    deal.book.open(deal.payer, [world.holding(WORTHS[-1], hop=hops, holder=deal.payer.number)])
    deal.give(deal.payee, SAVINGS)
    deal.pay(WORTHS[-1])


def large_bundle(pair: Pair) -> None:
    """As many units as the policy lets into one bundle."""
    deal = Deal(pair, open_=False)
    count = pair.meeting.world.policy["max_units"]
    deal.give(deal.payer, [1] * count)
    deal.give(deal.payee, SAVINGS)
    deal.pay(count)


# --- what is refused ----------------------------------------------------------------------------------------


def bad_orders(pair: Pair) -> None:
    """Orders that no payer takes: nothing, too much, a transaction that it does not know."""
    deal = Deal(pair)
    deal.payer.refuse(Code.AMOUNT, "pay", amount=0)
    deal.payer.refuse(Code.INSUFFICIENT_FUNDS, "pay", amount=sum(WORTHS) + 1)
    deal.payer.refuse(Code.UNKNOWN_TRANSACTION, "redeliver", transaction=pair.meeting.world.random(16))
    deal.pay(AMOUNT)


def another_amount(pair: Pair) -> None:
    """The payee requests another amount than the payer's holder has ordered."""
    deal = Deal(pair)
    refusal = Refusal(at="REQUEST", code=Code.AMOUNT)
    session = deal.session(begins=Begins.PAYEE, refusal=refusal)
    deal.refused(session, lambda: session.pay(AMOUNT, requested=AMOUNT + 1), "a request for another amount")


def another_payee(pair: Pair) -> None:
    """The order names another purse than the one that the payer meets."""
    deal = Deal(pair)
    shown = "message_2" if pair.begins is Begins.PAYER else "message_3"
    session = deal.session(refusal=Refusal(at=shown, code=Code.WRONG_PAYEE))
    stranger = pair.meeting.world.random(8)
    deal.refused(session, lambda: session.pay(AMOUNT, named=stranger), "a meeting with another payee")


def two_payers(pair: Pair) -> None:
    """Both are to pay: an OFFER comes to a purse that waits for a REQUEST."""
    deal = Deal(pair)
    refusal = Refusal(at="OFFER", code=Code.UNEXPECTED_MESSAGE)
    session = deal.session(begins=Begins.PAYER, refusal=refusal)

    def both() -> tuple[str, ...]:
        deal.payer.order("pay", amount=AMOUNT)
        deal.payee.order("pay", amount=sum(SAVINGS))
        return session.converse()

    deal.refused(session, both, "a meeting of two payers")


def two_payees(pair: Pair) -> None:
    """Both are to be paid: a REQUEST comes to a purse that waits for an OFFER."""
    deal = Deal(pair)
    refusal = Refusal(at="REQUEST", code=Code.UNEXPECTED_MESSAGE)
    session = deal.session(begins=Begins.PAYEE, refusal=refusal)

    def both() -> tuple[str, ...]:
        deal.payee.order("request", amount=AMOUNT, reference="till 7")
        deal.payer.order("receive")
        return session.converse()

    deal.refused(session, both, "a meeting of two payees")


def full_payee(pair: Pair) -> None:
    """The payee may hold no more: it takes nothing, and does not say why (EPP-TRF-117)."""
    world = pair.meeting.world
    world.policy = {**world.policy, "balance_limits": {"1": sum(WORTHS)}}
    deal = Deal(pair, open_=False)
    deal.give(deal.payer, WORTHS)
    deal.give(deal.payee, (*WORTHS[:1], *WORTHS[1:]))
    session = deal.session(refusal=Refusal(at="OFFER", code=Code.BALANCE_LIMIT))
    session.pay(AMOUNT)
    deal.book.unchanged("an offer to a payee that is full")


def low_tier(pair: Pair) -> None:
    """The payee's tier may be paid less than the payer's may pay: the payer finds out and says so."""
    world = pair.meeting.world
    world.policy = policy(transfer={0: AMOUNT - 1, 1: PLENTY}, balance_limits={0: PLENTY, 1: PLENTY})
    deal = Deal(pair, payee=pair.meeting.purse(pair.payee, tier=0))
    if pair.begins is Begins.PAYEE:
        deal.payee.refuse(Code.AMOUNT_LIMIT, "request", amount=AMOUNT, reference="till 7")
    else:
        # EPP-TRF-113: an initiator that cannot offer sends REJECT as its first record
        Session(
            payer=deal.payer,
            payee=deal.payee,
            flow=Flow(begins=Begins.PAYER),
            refusal=Refusal(at="message_4", code=Code.AMOUNT_LIMIT),
        ).pay(AMOUNT)
    deal.book.unchanged("an amount above the payee's limit")
    deal.pay(AMOUNT - 1)


# --- losses and redelivery ----------------------------------------------------------------------------------


def faulty_payment(pair: Pair, number: int) -> None:
    """Something goes wrong in a payment; what was begun is completed afterwards."""
    fault = faults(Flow(begins=pair.begins))[number]
    deal = Deal(pair)
    deal.finish(deal.pay(AMOUNT, deal.session(fault=fault)))


def redelivered(pair: Pair, lost: str) -> None:
    """A message is lost, and the payment redelivered."""
    deal = Deal(pair)
    transaction = deal.pending(lost)
    deal.redeliver(transaction, deal.session(redelivery=True))
    deal.payer.refuse(Code.UNKNOWN_TRANSACTION, "redeliver", transaction=transaction)


def faulty_redelivery(pair: Pair, number: int) -> None:
    """Something goes wrong in the redelivery too; the next one completes it."""
    fault = faults(Flow(begins=pair.begins, redelivery=True))[number]
    deal = Deal(pair)
    transaction = deal.pending()
    deal.redeliver(transaction, deal.session(redelivery=True, fault=fault))
    deal.finish(transaction)


def many_losses(pair: Pair) -> None:
    """The receipt is lost three times, and the power of both between: the money comes once."""
    deal = Deal(pair)
    transaction = deal.pending("RECEIPT")
    for begins in (pair.begins.other, pair.begins):
        lost = Fault(kind="lost", at="RECEIPT")
        deal.redeliver(transaction, deal.session(redelivery=True, begins=begins, fault=lost))
        deal.payer.lose_power()
        deal.payee.lose_power()
        deal.book.unchanged("a loss of power at rest")
    deal.finish(transaction)


def spent_before_receipt(pair: Pair) -> None:
    """The payee pays the money back before its receipt has arrived: taken only after the redelivery."""
    deal = Deal(pair)
    transaction = deal.pending("RECEIPT")
    early = deal.session(back=True, refusal=Refusal(at="OFFER", code=Code.UNIT_HELD))
    everything_there = AMOUNT + sum(SAVINGS)
    early.pay(everything_there)
    deal.book.unchanged("an offer of what is pending here")
    deal.finish(transaction)
    deal.pay(everything_there, deal.session(back=True))


def redelivery_to_another(pair: Pair) -> None:
    """The payer of a pending payment meets another purse of the payee's make, and keeps it pending."""
    deal = Deal(pair)
    transaction = deal.pending()
    stranger = pair.meeting.purse(pair.payee)
    alone = deal.book.accounts.pop(deal.payee)
    for unit in alone.spendable:
        del deal.book.issued[unit]
    deal.give(stranger, SAVINGS)
    shown = "message_2" if pair.begins is Begins.PAYER else "message_3"
    refusal = Refusal(at=shown, code=Code.TRANSACTION)
    flow = Flow(begins=pair.begins, redelivery=True)
    Session(payer=deal.payer, payee=stranger, flow=flow, refusal=refusal).redeliver(transaction)
    deal.book.unchanged("a redelivery that met another purse")


def _first_line(function: Callable[..., None]) -> str:
    return (function.__doc__ or "").partition("\n")[0]


def made(
    group: str, *plays: Callable[[Pair], None], needs: tuple[str, ...] = (), direct: bool = False
) -> list[Scenario]:
    """Scenarios that are named and described by their functions."""
    return [
        Scenario(
            name=each.__name__.replace("_", "-"),
            group=group,
            title=_first_line(each),
            play=each,
            needs=needs,
            direct=direct,
        )
        for each in plays
    ]


def pair_scenarios(begins: Begins) -> list[Scenario]:
    """All that a pair goes through whose sessions begin so."""
    listed = made("payments", some, everything, old_units, large_bundle, direct=True)
    listed += made("payments", there_and_back)
    listed += made("refusals", full_payee, low_tier, direct=True)
    listed += made("refusals", bad_orders, another_amount, another_payee, two_payers, two_payees)
    for redelivery, play in ((False, faulty_payment), (True, faulty_redelivery)):
        for number, fault in enumerate(faults(Flow(begins=begins, redelivery=redelivery))):
            lost = fault.kind == "lost"
            listed.append(
                Scenario(
                    name=f"{'redelivery' if redelivery else 'payment'}-{fault}",
                    group="redelivery" if redelivery else "losses" if lost else "power cuts",
                    title=_TITLES[fault.kind].format(fault.at, "redelivery" if redelivery else "payment"),
                    play=partial(play, number=number),
                    needs=() if lost else ("power-cut",),
                )
            )
    for lost_one in ("PAY", "RECEIPT"):
        listed.append(
            Scenario(
                name=f"redelivered-after-{lost_one}",
                group="redelivery",
                title=f"{lost_one} is lost, and the payment redelivered once.",
                direct=True,
                play=partial(redelivered, lost=lost_one),
            )
        )
    listed += made("redelivery", spent_before_receipt, redelivery_to_another)
    listed += made("redelivery", many_losses, needs=("power-cut",))
    return listed


_TITLES = {
    "lost": "{0} of a {1} is lost, and with it the rest of the session.",
    "receiver-off": "The receiver of {0} loses its power just before it, in a {1}.",
    "sender-off": "The sender of {0} loses its power just after it, in a {1}.",
    "before-write": "Power is lost before the durable write at {0} of a {1}.",
    "after-write": "Power is lost after the durable write at {0} of a {1}.",
}
