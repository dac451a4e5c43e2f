"""Two purses, one unit, and the world around them: the variables of the transition system for custody.

What is modelled: any number of sessions between purses A and B, in both directions; loss, delay, repetition
and reordering of messages; loss of power at any instant; and that the unit may go elsewhere and come back
with a higher hop. The unit stands for any unit, of any value; a bundle that is moved in one write is one.

What is taken from elsewhere: a record is read only in its own session, once and in turn (EPP-REC-002, 004,
007), so of all messages under way only the last to each purse can matter; signatures cannot be forged; a new
transaction was never used before (EPP-TRF-003), so that it stands for the bytes of its OFFER; and no limit of
policy, capacity, expiry or size is met.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import z3

from eiraku.models.smt.proof import Term
from eiraku.models.smt.relation import EVENT, PURPOSE, STATE

NEVER = z3.IntVal(-1)
"""No hop, no bytes: what is stored for a transaction that was not credited."""


@dataclass(frozen=True, slots=True)
class Purse:
    """One purse: what is durable, what is volatile, the message on its way to it, an observer's notes."""

    spend: Term
    """The unit is spendable here."""
    hop: Term
    pend: Term
    """The unit is pending here, with the transaction, the new hop and the bytes of the OFFER."""
    pend_tx: Term
    pend_hop: Term
    pend_bytes: Term
    seen: Term
    """Greatest hop in the seen-set."""
    credit: Term
    """By transaction, the bytes of the OFFER that was credited from the other purse."""
    settled: Term
    """By transaction, whether it is settled."""
    balance: Term

    state: Term
    purpose: Term
    session: Term
    alone: Term
    """Responder in a session that no initiator has entered yet."""
    tx: Term
    """The offer that this session is about, made or accepted."""
    tx_hop: Term
    tx_bytes: Term
    owes: Term
    """One half of a transition with a write is done and the other not yet: the answer, or the write."""
    owed: Term

    has: Term
    """A message is on its way to this purse."""
    mail: Term
    mail_session: Term
    mail_tx: Term
    mail_hop: Term
    mail_bytes: Term

    signed: Term
    """Greatest hop that this purse has signed."""
    forked: Term
    """It has signed two endorsements for one hop."""
    twice: Term
    """It has credited what it had already."""


@dataclass(frozen=True, slots=True)
class World:
    """Both purses; whether the unit is elsewhere, and its hop there; the number of the next session."""

    a: Purse
    b: Purse
    away: Term
    away_hop: Term
    next_session: Term

    def pair(self, own: int) -> tuple[Purse, Purse]:
        """A purse and its peer: 0 for A, 1 for B."""
        return (self.a, self.b) if own == 0 else (self.b, self.a)

    def put(self, own: int, purse: Purse, peer: Purse | None = None) -> "World":
        """With another purse in its place, and another peer if given."""
        other = self.pair(1 - own)[0] if peer is None else peer
        return replace(self, a=purse, b=other) if own == 0 else replace(self, a=other, b=purse)

    def each(self, change: Callable[[Term], Term]) -> "World":
        """With every variable changed."""
        purses = [
            Purse(**{field.name: change(getattr(purse, field.name)) for field in fields(Purse)})
            for purse in (self.a, self.b)
        ]
        rest = [change(term) for term in (self.away, self.away_hop, self.next_session)]
        return World(*purses, *rest)

    def terms(self) -> tuple[Term, ...]:
        """Every variable, always in the same order."""
        purses = [getattr(purse, field.name) for purse in (self.a, self.b) for field in fields(Purse)]
        return (*purses, self.away, self.away_hop, self.next_session)


@dataclass(frozen=True, slots=True)
class Chance:
    """What is free in a step: a transaction nobody used before, a hop, and other bytes."""

    tx: Term
    hop: Term


def _purse(name: str) -> Purse:
    kinds = {
        "spend pend alone owes has forked twice": z3.Bool,
        "hop pend_tx pend_hop pend_bytes seen balance session tx tx_hop tx_bytes": z3.Int,
        "mail_session mail_tx mail_hop mail_bytes signed": z3.Int,
        "state": STATE.variable,
        "purpose": PURPOSE.variable,
        "owed mail": EVENT.variable,
    }
    made = {part: kind(f"{name}.{part}") for parts, kind in kinds.items() for part in parts.split()}
    made["credit"] = z3.Array(f"{name}.credit", z3.IntSort(), z3.IntSort())
    made["settled"] = z3.Array(f"{name}.settled", z3.IntSort(), z3.BoolSort())
    return Purse(**made)


def world(name: str) -> World:
    """Unknown values for one moment."""
    return World(
        a=_purse(f"{name}.A"),
        b=_purse(f"{name}.B"),
        away=z3.Bool(f"{name}.away"),
        away_hop=z3.Int(f"{name}.away hop"),
        next_session=z3.Int(f"{name}.next session"),
    )


def chance(name: str) -> Chance:
    """Unknown choices for one step."""
    return Chance(tx=z3.Int(f"{name}.new tx"), hop=z3.Int(f"{name}.new hop"))


NOW = world("now")
CHANCE = chance("now")

PARTS = (z3.Int("value of the first part"), z3.Int("value of the rest"))
VALUE = PARTS[0] + PARTS[1]
"""Worth of the unit or bundle; any two positive integers."""
TOTAL = z3.Int("total")
"""Worth of everything at the beginning."""
WATCHED = z3.Int("any transaction")
"""One transaction, chosen in advance: what holds for it holds for all."""
FACTS = (PARTS[0] > 0, PARTS[1] > 0)
