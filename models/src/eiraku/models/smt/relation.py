"""The tables of `eiraku.spec.tables` as sorts and relations of the solver.

`EXPORTED` holds the tables that the reference executes; a twin is the same bundle with one entry changed.
Beside them stands what the tables leave to chapters 5 and 7: the answer that belongs to a transition.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Generic, TypeVar

import z3

from eiraku.models.smt.proof import Model, Term
from eiraku.spec import tables
from eiraku.spec.tables import Purpose, Session, SessionEvent, Side, Transfer, TransferEvent

E = TypeVar("E", bound=Enum)

TransferKey = tuple[Transfer, TransferEvent, Purpose | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The four tables, as `eiraku.spec.tables` has them."""

    session: Mapping[tuple[Session, SessionEvent], Session]
    start: Mapping[tuple[Side, Purpose], Transfer]
    transfer: Mapping[TransferKey, Transfer]
    commits: frozenset[tuple[Transfer, TransferEvent]]


EXPORTED = Tables(
    session=tables.SESSION, start=tables.START, transfer=tables.TRANSFER, commits=tables.COMMITS
)


class Sort(Generic[E]):
    """An enumeration as a sort of the solver, with one constant for each member."""

    def __init__(self, kind: type[E]) -> None:
        self.members = tuple(kind)
        self.sort, constants = z3.EnumSort(kind.__name__, [f"{kind.__name__}.{m.name}" for m in kind])
        self._terms = dict(zip(self.members, constants, strict=True))

    def __getitem__(self, member: E) -> Term:
        return self._terms[member]

    def variable(self, name: str) -> Term:
        """An unknown member."""
        return z3.Const(name, self.sort)

    def read(self, model: Model, term: Term) -> E:
        """The member that a term is in a model."""
        found = model.eval(term, model_completion=True)
        return next(member for member in self.members if self._terms[member].eq(found))

    def among(self, term: Term, members: Iterable[E]) -> Term:
        """The term is one of these."""
        return z3.Or([term == self._terms[member] for member in members])


STATE = Sort(Transfer)
EVENT = Sort(TransferEvent)
PURPOSE = Sort(Purpose)
SIDE = Sort(Side)
SESSION_STATE = Sort(Session)
SESSION_EVENT = Sort(SessionEvent)

PAYER_STATES = (Transfer.PAYER_WAIT_REQUEST, Transfer.PAYER_OFFERED, Transfer.PAYER_PAID)
PAYEE_STATES = (Transfer.PAYEE_REQUESTED, Transfer.PAYEE_WAIT_OFFER, Transfer.PAYEE_ACCEPTED)
OPEN_STATES = PAYER_STATES + PAYEE_STATES
PAYING = (Purpose.PAY, Purpose.REDELIVER)
"""Purposes of a payer; the others are a payee's."""

OPENING: dict[Transfer, TransferEvent] = {
    Transfer.PAYER_OFFERED: TransferEvent.OFFER,
    Transfer.PAYER_PAID: TransferEvent.REDELIVER,
    Transfer.PAYEE_REQUESTED: TransferEvent.REQUEST,
}
"""What a purse says first when it begins in this state; it is silent in the others (EPP-REC-004)."""

ANSWERS: dict[tuple[TransferEvent, Transfer], TransferEvent] = {
    (TransferEvent.REQUEST, Transfer.PAYER_OFFERED): TransferEvent.OFFER,
    (TransferEvent.REQUEST, Transfer.PAYER_PAID): TransferEvent.REDELIVER,
    (TransferEvent.OFFER, Transfer.PAYEE_ACCEPTED): TransferEvent.ACCEPT,
    (TransferEvent.ACCEPT, Transfer.PAYER_PAID): TransferEvent.PAY,
    (TransferEvent.PAY, Transfer.CLOSED): TransferEvent.RECEIPT,
    (TransferEvent.REDELIVER, Transfer.CLOSED): TransferEvent.RECEIPT,
}
"""What a purse answers when a message leads it to a state (chapter 7); nothing where absent."""

SESSION_OPENING: dict[SessionEvent, SessionEvent | None] = {
    SessionEvent.OPEN_AS_INITIATOR: SessionEvent.MESSAGE_1,
    SessionEvent.OPEN_AS_RESPONDER: None,
}
SESSION_ANSWERS: dict[SessionEvent, SessionEvent] = {
    SessionEvent.MESSAGE_1: SessionEvent.MESSAGE_2,
    SessionEvent.MESSAGE_2: SessionEvent.MESSAGE_3,
    SessionEvent.MESSAGE_3: SessionEvent.MESSAGE_4,
}
"""What follows a message of the handshake that was in order (chapter 5); nothing where absent."""


@cache
def row_matches(key: TransferKey, state: Term, event: Term, purpose: Term) -> Term:
    """A row of the transfer table is about this state, event and purpose."""
    of_state, of_event, deciding = key
    wanted = [state == STATE[of_state], event == EVENT[of_event]]
    if deciding is not None:
        wanted.append(purpose == PURPOSE[deciding])
    return z3.And(wanted)


@cache
def row_leads(key: TransferKey, target: Transfer, given: tuple[Term, Term, Term], after: Term) -> Term:
    """A row is about this state, event and purpose, and `after` is where it leads."""
    # Kept, like `row_matches`: hundreds of changed tables have all rows but one in common.
    return z3.And(row_matches(key, *given), after == STATE[target])


def transfer_relation(given: Tables, state: Term, event: Term, purpose: Term, after: Term) -> Term:
    """The transfer table as a relation: some row leads from (state, event, purpose) to `after`."""
    point = (state, event, purpose)
    return z3.Or([row_leads(key, target, point, after) for key, target in given.transfer.items()])


def permitted(given: Tables, state: Term, event: Term, purpose: Term) -> Term:
    """Some row is about this state, event and purpose."""
    return z3.Or([row_matches(key, state, event, purpose) for key in given.transfer])


def start_relation(given: Tables, side: Term, purpose: Term, state: Term) -> Term:
    """The table of first states as a relation."""
    return z3.Or(
        [
            z3.And(side == SIDE[of_side], purpose == PURPOSE[of_purpose], state == STATE[first])
            for (of_side, of_purpose), first in given.start.items()
        ]
    )


def commit_relation(given: Tables, state: Term, event: Term) -> Term:
    """The transition makes a durable write."""
    return z3.Or([z3.And(state == STATE[s], event == EVENT[e]) for s, e in sorted_commits(given)])


def session_relation(given: Tables, state: Term, event: Term, after: Term) -> Term:
    """The handshake table as a relation."""
    return z3.Or(
        [
            z3.And(
                state == SESSION_STATE[of_state],
                event == SESSION_EVENT[of_event],
                after == SESSION_STATE[target],
            )
            for (of_state, of_event), target in given.session.items()
        ]
    )


def answers(event: Term, after: Term, answer: Term) -> Term:
    """`answer` is what belongs to reaching `after` by `event`."""
    return z3.Or(
        [
            z3.And(event == EVENT[received], after == STATE[state], answer == EVENT[said])
            for (received, state), said in ANSWERS.items()
        ]
    )


def is_answered(event: Term, after: Term) -> Term:
    """Something is answered when `event` leads to `after`."""
    return z3.Or([z3.And(event == EVENT[e], after == STATE[s]) for e, s in ANSWERS])


def sorted_commits(given: Tables) -> list[tuple[Transfer, TransferEvent]]:
    """The commits in the order of the enumerations: a set has none, and a run must repeat."""
    return sorted(given.commits, key=lambda pair: (pair[0].value, pair[1].value))
