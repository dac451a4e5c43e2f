"""The steps that two purses can take, made from the tables of `eiraku.spec.tables`.

A message that the table permits leads to the state of its row. If the pair is in COMMITS, the step has two
halves, the durable write and then the answer, with an instant between them at which power may fail; if not,
nothing is written. What each message means for the unit is chapter 7 and 8; `Habits` switches rules off.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import z3

from eiraku.models.smt import relation
from eiraku.models.smt.habits import Habits, content, offer, redelivery, settled, signs, write
from eiraku.models.smt.proof import Term
from eiraku.models.smt.purses import CHANCE, NEVER, NOW, VALUE, Purse, World
from eiraku.models.smt.relation import EVENT, PURPOSE, STATE, TransferKey
from eiraku.spec.tables import Purpose, Side, Transfer, TransferEvent

CLOSED = STATE[Transfer.CLOSED]
NAMES = ("A", "B")


@dataclass(frozen=True, slots=True)
class Step:
    """A step in words, when it can be taken, and the world after it in terms of the world before it."""

    words: str
    guard: Term
    after: World


def steps(habits: Habits) -> Iterator[Step]:
    """Every step of either purse and of the world around them."""
    for own in (0, 1):
        for key, target in habits.tables.transfer.items():
            if not habits.one_way or key[0] in _ONE_WAY_STATES[own]:
                yield _receive(habits, own, key, target)
        for event in _ANSWERED:
            if not habits.one_way or event in _ONE_WAY_EVENTS[own]:
                yield _second_half(habits, own, event)
        yield _refuse(own)
        for (side, purpose), state in habits.tables.start.items():
            if not habits.one_way or (side, purpose) in _ONE_WAY_SESSIONS[own]:
                yield _open(habits, own, side, purpose, state)
        yield _power_cut(own)
        if not habits.one_way or (habits.takes_back_pending and own == 1):
            yield _leave(own)
        if not habits.one_way or (habits.takes_back_pending and own == 0):
            yield _arrive(habits, own)


_ANSWERED = {
    TransferEvent.ACCEPT: TransferEvent.PAY,
    TransferEvent.PAY: TransferEvent.RECEIPT,
    TransferEvent.REDELIVER: TransferEvent.RECEIPT,
}
"""Messages on which a purse writes and answers, and the answers."""
_ONE_WAY_SESSIONS = (
    {(Side.INITIATOR, Purpose.PAY), (Side.INITIATOR, Purpose.REDELIVER)},
    {(Side.RESPONDER, Purpose.RECEIVE)},
)
_ONE_WAY_STATES = (
    {Transfer.PAYER_OFFERED, Transfer.PAYER_PAID},
    {Transfer.PAYEE_WAIT_OFFER, Transfer.PAYEE_ACCEPTED},
)
_ONE_WAY_EVENTS = ({TransferEvent.ACCEPT}, {TransferEvent.PAY, TransferEvent.REDELIVER})


def _send(purse: Purse, peer: Purse, message: TransferEvent) -> Purse:
    """The peer with this message on its way to it; what was on its way is lost."""
    return replace(
        peer,
        has=z3.BoolVal(True),
        mail=EVENT[message],
        mail_session=purse.session,
        mail_tx=purse.tx,
        mail_hop=purse.tx_hop,
        mail_bytes=purse.tx_bytes,
    )


def _receive(habits: Habits, own: int, key: TransferKey, target: Transfer) -> Step:
    state, event, deciding = key
    purse, peer = NOW.pair(own)
    good, taken = content(habits, purse, peer, event, target)
    guard = z3.And(
        purse.has,
        z3.Not(purse.owes),
        # EPP-REC-007
        purse.mail_session == purse.session,
        purse.state == STATE[state],
        purse.mail == EVENT[event],
        True if deciding is None else purse.purpose == PURPOSE[deciding],
        good,
    )
    after = replace(taken, has=z3.BoolVal(False), state=STATE[target])
    words = f"{NAMES[own]} gets {event.name}"
    answer = relation.ANSWERS.get((event, target))
    if (state, event) not in habits.tables.commits:
        if event is TransferEvent.REJECT and habits.settles_on_reject:
            settles = z3.And(purse.pend, purse.pend_tx == purse.tx, purse.state == STATE[Transfer.PAYER_PAID])
            after = _when(settles, settled(after), after)
        if answer is None:
            return Step(f"{words}.", guard, NOW.put(own, after))
        return Step(
            f"{words} and sends {answer.name}.", guard, NOW.put(own, after, _send(after, peer, answer))
        )
    if event in _ANSWERED:
        after = replace(after, owes=z3.BoolVal(True), owed=EVENT[event])
    if (state, event) in habits.late and answer is not None:
        return Step(
            f"{words} and sends {answer.name}, before it writes.",
            guard,
            NOW.put(own, after, _send(after, peer, answer)),
        )
    written = write(habits, after, event)
    if event is TransferEvent.REDELIVER and habits.looks_up:
        # EPP-CRS-010: the same receipt, and no write
        written = _when(purse.credit[purse.mail_tx] != NEVER, after, written)
    return Step(f"{words} and writes.", guard, NOW.put(own, written))


def _second_half(habits: Habits, own: int, event: TransferEvent) -> Step:
    """The answer after the write, or the write after the answer."""
    purse, peer = NOW.pair(own)
    done = replace(purse, owes=z3.BoolVal(False))
    guard = z3.And(purse.owes, purse.owed == EVENT[event])
    if event in {late for _, late in habits.late}:
        return Step(f"{NAMES[own]} writes.", guard, NOW.put(own, write(habits, done, event)))
    if event is not TransferEvent.ACCEPT and habits.credits_in_two_writes:
        done = replace(done, credit=z3.Store(done.credit, done.tx, done.tx_bytes))
    answer = _ANSWERED[event]
    return Step(f"{NAMES[own]} sends {answer.name}.", guard, NOW.put(own, done, _send(done, peer, answer)))


def _when(condition: Term, then: Purse, other: Purse) -> Purse:
    names = Purse.__dataclass_fields__
    return Purse(**{name: z3.If(condition, getattr(then, name), getattr(other, name)) for name in names})


# --- sessions, power, the world ---


def _end(purse: Purse) -> Purse:
    return replace(purse, state=CLOSED, owes=z3.BoolVal(False), alone=z3.BoolVal(False))


def _refuse(own: int) -> Step:
    purse, peer = NOW.pair(own)
    guard = z3.And(purse.has, z3.Not(purse.owes), purse.mail_session == purse.session, purse.state != CLOSED)
    after = replace(_end(purse), has=z3.BoolVal(False))
    return Step(
        f"{NAMES[own]} refuses what it gets, and sends REJECT.",
        guard,
        NOW.put(own, after, _send(after, peer, TransferEvent.REJECT)),
    )


def _power_cut(own: int) -> Step:
    """Loss of power, where it changes something.

    A session that is given up, or closed by bytes that are no record of it, is the same.
    """
    purse, _ = NOW.pair(own)
    return Step(f"{NAMES[own]} loses power.", z3.Not(_idle(purse)), NOW.put(own, _end(purse)))


def _idle(purse: Purse) -> Term:
    return z3.And(purse.state == CLOSED, z3.Not(purse.owes))


def _open(habits: Habits, own: int, side: Side, purpose: Purpose, state: Transfer) -> Step:
    purse, peer = NOW.pair(own)
    # A session in the middle of another is a loss of power and then a session.
    words = f"{NAMES[own]} opens a session as {side.value}, to {purpose.value}"
    fresh = replace(_end(purse), state=STATE[state], purpose=PURPOSE[purpose], has=z3.BoolVal(False))
    if side is Side.RESPONDER:
        fresh = replace(fresh, session=NOW.next_session, alone=z3.BoolVal(True))
        possible = purse.pend if purpose is Purpose.REDELIVER else z3.BoolVal(True)
        after = replace(NOW.put(own, fresh), next_session=NOW.next_session + 1)
        return Step(f"{words}.", z3.And(_idle(purse), possible), after)
    # The responder is open first: it is waiting in this session, and nobody else has entered it.
    joined = z3.And(_idle(purse), peer.alone, peer.state != CLOSED)
    fresh = replace(fresh, session=peer.session)
    met = replace(peer, alone=z3.BoolVal(False))
    said = relation.OPENING.get(state)
    can: Term = z3.BoolVal(True)
    if said is TransferEvent.OFFER:
        can, fresh = offer(fresh, peer)
    elif said is TransferEvent.REDELIVER:
        can, fresh = redelivery(habits, fresh, peer)
    if said is None:
        return Step(f"{words}.", joined, NOW.put(own, fresh, met))
    return Step(
        f"{words}, and sends {said.name}.", z3.And(joined, can), NOW.put(own, fresh, _send(fresh, met, said))
    )


def _leave(own: int) -> Step:
    purse, _ = NOW.pair(own)
    hop = purse.hop + 1
    gone = replace(signs(_end(purse), hop), spend=z3.BoolVal(False), seen=hop, balance=purse.balance - VALUE)
    after = replace(NOW.put(own, gone), away=z3.BoolVal(True), away_hop=CHANCE.hop)
    return Step(
        f"{NAMES[own]} pays the unit to somebody else.", z3.And(purse.spend, CHANCE.hop >= hop), after
    )


def _arrive(habits: Habits, own: int) -> Step:
    purse, _ = NOW.pair(own)
    # EPP-TRF-040
    held = purse.spend if habits.takes_back_pending else z3.Or(purse.spend, purse.pend)
    guard = z3.And(
        NOW.away,
        CHANCE.hop > NOW.away_hop,
        z3.Not(held),
        # EPP-TRF-041
        CHANCE.hop > purse.seen,
    )
    back = replace(
        _end(purse),
        spend=z3.BoolVal(True),
        hop=CHANCE.hop,
        seen=CHANCE.hop,
        balance=purse.balance + VALUE,
    )
    return Step(
        f"{NAMES[own]} gets the unit from somebody else.",
        guard,
        replace(NOW.put(own, back), away=z3.BoolVal(False)),
    )
