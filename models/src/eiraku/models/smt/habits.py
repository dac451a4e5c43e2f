"""What a purse does with the unit: its checks, its durable writes, and the content of messages.

`Habits` says how purses behave; the defaults are the specification, and a twin changes one of them.
"""

from dataclasses import dataclass, replace

import z3

from eiraku.models.smt.proof import Term
from eiraku.models.smt.purses import CHANCE, NEVER, VALUE, Purse
from eiraku.models.smt.relation import EXPORTED, Tables
from eiraku.spec.tables import Transfer, TransferEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What the purses do; the defaults are the specification. `late`: answers that leave before the write.

    `one_way`: A pays as initiator, B is paid as responder, and the unit goes nowhere else, except that B may
    pay it to somebody who pays A if A `takes_back_pending`. It makes the search for a broken run shorter: a
    run that is found there is a run of the whole system, too.
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
    takes_back_pending: bool = False
    one_way: bool = False


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


def settled(purse: Purse) -> Purse:
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


def signs(purse: Purse, hop: Term) -> Purse:
    """The observer notes an endorsement."""
    return replace(purse, signed=hop, forked=z3.Or(purse.forked, hop <= purse.signed))


def write(habits: Habits, purse: Purse, event: TransferEvent) -> Purse:
    """The durable write of a purse that has got a message. Raises ValueError for one that causes none."""
    match event:
        case TransferEvent.ACCEPT:
            return _pending(habits, purse)
        case TransferEvent.RECEIPT:
            return settled(purse)
        case TransferEvent.PAY | TransferEvent.REDELIVER:
            return _credited(habits, purse)
    raise ValueError(event)


# --- messages ---


def _hold(purse: Purse, tx: Term, hop: Term, data: Term) -> Purse:
    return replace(purse, tx=tx, tx_hop=hop, tx_bytes=data)


def offer(purse: Purse, peer: Purse) -> tuple[Term, Purse]:
    """When a payer can offer, and the payer with its offer (EPP-TRF-003, EPP-TRF-012)."""
    unused = z3.And(
        CHANCE.tx >= 0, peer.credit[CHANCE.tx] == NEVER, CHANCE.tx != peer.tx, CHANCE.tx != peer.mail_tx
    )
    unused = z3.And(unused, CHANCE.tx != purse.pend_tx, z3.Not(purse.settled[CHANCE.tx]))
    return z3.And(purse.spend, unused), _hold(purse, CHANCE.tx, purse.hop + 1, CHANCE.tx)


def redelivery(habits: Habits, purse: Purse, peer: Purse) -> tuple[Term, Purse]:
    """When a payer can redeliver, and the payer with what it sends (EPP-CRS-007, EPP-CRS-009)."""
    if not habits.redelivers_anew:
        return purse.pend, _hold(purse, purse.pend_tx, purse.pend_hop, purse.pend_bytes)
    unused = z3.And(CHANCE.tx >= 0, peer.credit[CHANCE.tx] == NEVER, CHANCE.tx != purse.pend_tx)
    return z3.And(purse.pend, unused), _hold(
        signs(purse, purse.pend_hop), CHANCE.tx, purse.pend_hop, CHANCE.tx
    )


def content(
    habits: Habits, purse: Purse, peer: Purse, event: TransferEvent, to: Transfer
) -> tuple[Term, Purse]:
    """Whether the content of a message is in order, and the purse with what it takes from it."""
    mine = z3.And(purse.mail_tx == purse.tx, purse.mail_bytes == purse.tx_bytes)
    match event:
        case TransferEvent.REQUEST:
            return offer(purse, peer) if to is Transfer.PAYER_OFFERED else redelivery(habits, purse, peer)
        case TransferEvent.ACCEPT:
            return mine, signs(purse, purse.tx_hop)
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
