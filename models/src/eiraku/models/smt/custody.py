"""The steps that two purses can take, made from the tables of `eiraku.spec.tables`.

A message that the table permits leads to the state of its row. If the pair is in COMMITS, the step has two
halves, the durable write and then the answer, with an instant between them at which power may fail; if not,
nothing is written. What each message means for the unit is chapter 7 and 8; `Habits` switches single rules off.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import z3

from eiraku.models.smt import relation
from eiraku.models.smt.proof import Term
from eiraku.models.smt.purses import CHANCE, NEVER, NOW, VALUE, Purse, World
from eiraku.models.smt.relation import EVENT, EXPORTED, PURPOSE, STATE, Tables, TransferKey
from eiraku.spec.tables import Purpose, Side, Transfer, TransferEvent

CLOSED = STATE[Transfer.CLOSED]
NAMES = ("A", "B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the purses do; the defaults are the specification. `late`: answers that leave before the write.

    `one_way`: A pays as initiator, B is paid as responder, and the unit goes nowhere else. It makes the search for
    a broken run shorter: a run that is found there is a run of the whole system, too.
    """

    tables: Tables = EXPORTED
    late: frozenset[tuple[Transfer, TransferEvent]] = frozenset()
    looks_up: bool = True
    refuses_held: bool = True
    refuses_seen: bool = True
    pending_leaves_spendable: bool = True
    settles_on_reject: bool = False
    redelivers_anew: bool = False
    credits_in_two_writes: bool = False
    one_way: bool = False


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
        if not habits.one_way:
            yield _leave(own)
            yield _arrive(own)


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


def takes_redelivery(habits: Habits, payee: Purse, tx: Term, hop: Term, data: Term) -> tuple[Term, Term]:
    """Whether a payee finds the transaction credited with these bytes; or else would credit it."""
    known = payee.credit[tx] != NEVER
    lookup = z3.And(known, payee.credit[tx] == data) if habits.looks_up else z3.BoolVal(False)
    fresh = z3.And(z3.Not(known) if habits.looks_up else z3.BoolVal(True), _takes(habits, payee, hop))
    return lookup, fresh


def _takes(habits: Habits, payee: Purse, hop: Term) -> Term:
    checks: list[Term] = []
    if habits.refuses_held:
        # EPP-TRF-040
        checks.append(z3.Not(z3.Or(payee.spend, payee.pend)))
    if habits.refuses_seen:
        # EPP-TRF-041
        checks.append(hop > payee.seen)
    return z3.And(checks)


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


# --- durable writes ---


def _pending(habits: Habits, purse: Purse) -> Purse:
    """EPP-CRS-001."""
    return replace(
        purse,
        spend=z3.Not(habits.pending_leaves_spendable),
        pend=z3.BoolVal(True),
        pend_tx=purse.tx,
        pend_hop=purse.tx_hop,
        pend_bytes=purse.tx_bytes,
        seen=purse.tx_hop,
        balance=purse.balance - VALUE,
    )


def _settled(purse: Purse) -> Purse:
    """EPP-CRS-003."""
    return replace(
        purse,
        pend=z3.And(purse.pend, purse.pend_tx != purse.tx),
        settled=z3.Store(purse.settled, purse.tx, z3.BoolVal(True)),
    )


def _credited(habits: Habits, purse: Purse) -> Purse:
    """EPP-CRS-002."""
    added = replace(
        purse,
        spend=z3.BoolVal(True),
        hop=purse.tx_hop,
        seen=purse.tx_hop,
        balance=purse.balance + VALUE,
        twice=z3.Or(purse.twice, purse.spend, purse.credit[purse.tx] != NEVER),
    )
    if habits.credits_in_two_writes:
        return added
    return replace(added, credit=z3.Store(purse.credit, purse.tx, purse.tx_bytes))


def _signs(purse: Purse, hop: Term) -> Purse:
    """The observer notes an endorsement."""
    return replace(purse, signed=hop, forked=z3.Or(purse.forked, hop <= purse.signed))


def _write(habits: Habits, purse: Purse, event: TransferEvent) -> Purse:
    match event:
        case TransferEvent.ACCEPT:
            return _pending(habits, purse)
        case TransferEvent.RECEIPT:
            return _settled(purse)
        case TransferEvent.PAY | TransferEvent.REDELIVER:
            return _credited(habits, purse)
    raise ValueError(event)


# --- messages ---


def _hold(purse: Purse, tx: Term, hop: Term, data: Term) -> Purse:
    return replace(purse, tx=tx, tx_hop=hop, tx_bytes=data)


def _offer(purse: Purse, peer: Purse) -> tuple[Term, Purse]:
    """When a payer can offer, and the payer with its offer (EPP-TRF-003, EPP-TRF-012)."""
    unused = z3.And(
        CHANCE.tx >= 0, peer.credit[CHANCE.tx] == NEVER, CHANCE.tx != peer.tx, CHANCE.tx != peer.mail_tx
    )
    unused = z3.And(unused, CHANCE.tx != purse.pend_tx, z3.Not(purse.settled[CHANCE.tx]))
    return z3.And(purse.spend, unused), _hold(purse, CHANCE.tx, purse.hop + 1, CHANCE.tx)


def _redelivery(habits: Habits, purse: Purse, peer: Purse) -> tuple[Term, Purse]:
    """When a payer can redeliver, and the payer with what it sends (EPP-CRS-007, EPP-CRS-009)."""
    if not habits.redelivers_anew:
        return purse.pend, _hold(purse, purse.pend_tx, purse.pend_hop, purse.pend_bytes)
    unused = z3.And(CHANCE.tx >= 0, peer.credit[CHANCE.tx] == NEVER, CHANCE.tx != purse.pend_tx)
    return z3.And(purse.pend, unused), _hold(
        _signs(purse, purse.pend_hop), CHANCE.tx, purse.pend_hop, CHANCE.tx
    )


def _content(
    habits: Habits, purse: Purse, peer: Purse, event: TransferEvent, to: Transfer
) -> tuple[Term, Purse]:
    """Whether the content of a message is in order, and the purse with what it takes from it."""
    mine = z3.And(purse.mail_tx == purse.tx, purse.mail_bytes == purse.tx_bytes)
    match event:
        case TransferEvent.REQUEST:
            return _offer(purse, peer) if to is Transfer.PAYER_OFFERED else _redelivery(habits, purse, peer)
        case TransferEvent.ACCEPT:
            return mine, _signs(purse, purse.tx_hop)
        case TransferEvent.RECEIPT:
            return mine, purse
        case TransferEvent.OFFER:
            new = z3.And(purse.credit[purse.mail_tx] == NEVER, _takes(habits, purse, purse.mail_hop))
            return new, _hold(purse, purse.mail_tx, purse.mail_hop, purse.mail_bytes)
        case TransferEvent.PAY:
            return z3.And(purse.mail_tx == purse.tx, purse.mail_hop == purse.tx_hop), purse
        case TransferEvent.REDELIVER:
            lookup, fresh = takes_redelivery(habits, purse, purse.mail_tx, purse.mail_hop, purse.mail_bytes)
            return z3.Or(lookup, fresh), _hold(purse, purse.mail_tx, purse.mail_hop, purse.mail_bytes)
        case TransferEvent.REJECT:
            return z3.BoolVal(True), purse


def _receive(habits: Habits, own: int, key: TransferKey, target: Transfer) -> Step:
    state, event, deciding = key
    purse, peer = NOW.pair(own)
    good, taken = _content(habits, purse, peer, event, target)
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
            after = _when(settles, _settled(after), after)
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
    written = _write(habits, after, event)
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
        return Step(f"{NAMES[own]} writes.", guard, NOW.put(own, _write(habits, done, event)))
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
    """Loss of power where it changes something; a session that is given up, or closed by bytes that are no record of it, is the same."""
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
        can, fresh = _offer(fresh, peer)
    elif said is TransferEvent.REDELIVER:
        can, fresh = _redelivery(habits, fresh, peer)
    if said is None:
        return Step(f"{words}.", joined, NOW.put(own, fresh, met))
    return Step(
        f"{words}, and sends {said.name}.", z3.And(joined, can), NOW.put(own, fresh, _send(fresh, met, said))
    )


def _leave(own: int) -> Step:
    purse, _ = NOW.pair(own)
    hop = purse.hop + 1
    gone = replace(_signs(_end(purse), hop), spend=z3.BoolVal(False), seen=hop, balance=purse.balance - VALUE)
    after = replace(NOW.put(own, gone), away=z3.BoolVal(True), away_hop=CHANCE.hop)
    return Step(
        f"{NAMES[own]} pays the unit to somebody else.", z3.And(purse.spend, CHANCE.hop >= hop), after
    )


def _arrive(own: int) -> Step:
    purse, _ = NOW.pair(own)
    guard = z3.And(
        NOW.away,
        CHANCE.hop > NOW.away_hop,
        z3.Not(z3.Or(purse.spend, purse.pend)),
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
