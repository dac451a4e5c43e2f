"""Two purses in one open session: the product of two machines of the transfer table, over a line in between.

`Conversation` unrolls it for a fixed number of deliveries, for every pair of sides and purposes at once. The
line loses nothing here; loss and crashes are the subject of `custody`. A purse may also refuse a message that
the table permits, because of its content: it answers REJECT and closes (EPP-TRF-007). After its end it
answers nothing (EPP-REC-005).
"""

from dataclasses import dataclass

import z3

from eiraku.models.smt import relation
from eiraku.models.smt.proof import Model, Questions, Term
from eiraku.models.smt.relation import EVENT, PAYING, PURPOSE, SIDE, STATE, Tables
from eiraku.spec.tables import Purpose, Side, Transfer, TransferEvent

DELIVERIES = 7
"""More than any session has: REQUEST, OFFER, ACCEPT, PAY, RECEIPT and a REJECT of the receipt make six."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Both machines and the line between two deliveries; the first of a pair is the initiator.

    `mail`: the message on its way to a purse, if `has` is true. `ready`: what value has moved durably at the
    purse: for a payer, that its units are pending; for a payee, that they are credited.
    """

    state: tuple[Term, Term]
    has: tuple[Term, Term]
    mail: tuple[Term, Term]
    ready: tuple[Term, Term]


def moment(name: str) -> Moment:
    """Unknown values for one moment."""
    return Moment(
        state=(STATE.variable(f"{name}.state.i"), STATE.variable(f"{name}.state.r")),
        has=(z3.Bool(f"{name}.has.i"), z3.Bool(f"{name}.has.r")),
        mail=(EVENT.variable(f"{name}.mail.i"), EVENT.variable(f"{name}.mail.r")),
        ready=(z3.Bool(f"{name}.ready.i"), z3.Bool(f"{name}.ready.r")),
    )


PURPOSES = (PURPOSE.variable("purpose.i"), PURPOSE.variable("purpose.r"))
SIDES = (Side.INITIATOR, Side.RESPONDER)
MOMENTS = tuple(moment(f"m{n}") for n in range(DELIVERIES + 1))
TO_RESPONDER = tuple(z3.Bool(f"to responder.{n}") for n in range(DELIVERIES))
"""True where the responder gets the message, else the initiator."""
REFUSES = tuple(z3.Bool(f"refuses.{n}") for n in range(DELIVERIES))
"""True where the receiver refuses for a reason of content."""
_NOW, _THEN, _TO_RESPONDER, _REFUSES = (
    moment("now"),
    moment("then"),
    z3.Bool("to responder"),
    z3.Bool("refuses"),
)


_PAYS = tuple(PURPOSE.among(purpose, PAYING) for purpose in PURPOSES)


def compatible() -> Term:
    """One wants to pay or to redeliver, the other to be paid."""
    return z3.Xor(_PAYS[0], _PAYS[1])


def first(given: Tables) -> Term:
    """Both sessions have just opened, and the initiator has spoken (EPP-REC-004)."""
    now = MOMENTS[0]
    parts: list[Term] = []
    for own, side in enumerate(SIDES):
        parts.append(relation.start_relation(given, SIDE[side], PURPOSES[own], now.state[own]))
        parts.append(now.ready[own] == (PURPOSES[own] == PURPOSE[Purpose.REDELIVER]))
        other = 1 - own
        speaks = [
            z3.And(now.state[own] == STATE[state], now.mail[other] == EVENT[said])
            for state, said in relation.OPENING.items()
        ]
        parts.append(now.has[other] == STATE.among(now.state[own], relation.OPENING))
        parts.append(z3.Implies(now.has[other], z3.Or(speaks)))
    return z3.And(parts)


def _delivery(given: Tables) -> Term:
    """One purse gets the message that is on its way to it, between the moments NOW and THEN."""
    return z3.If(_TO_RESPONDER, _received(given, 1), _received(given, 0))


def _received(given: Tables, own: int) -> Term:
    other = 1 - own
    state, event, after = _NOW.state[own], _NOW.mail[own], _THEN.state[own]
    closed = STATE[Transfer.CLOSED]
    says_nothing = z3.And(_THEN.has[other] == _NOW.has[other], _THEN.mail[other] == _NOW.mail[other])
    accepted = z3.And(
        relation.transfer_relation(given, state, event, PURPOSES[own], after),
        z3.If(
            relation.is_answered(event, after),
            z3.And(_THEN.has[other], relation.answers(event, after, _THEN.mail[other])),
            says_nothing,
        ),
        _THEN.ready[own] == z3.Or(_NOW.ready[own], relation.commit_relation(given, state, event)),
    )
    refused = z3.And(
        after == closed,
        _THEN.has[other],
        _THEN.mail[other] == EVENT[TransferEvent.REJECT],
        _THEN.ready[own] == _NOW.ready[own],
    )
    silent = z3.And(after == closed, says_nothing, _THEN.ready[own] == _NOW.ready[own])
    # EPP-TRF-005: a REJECT is not answered, and there is nothing about it to refuse
    refuses = z3.And(_REFUSES, event != EVENT[TransferEvent.REJECT])
    row = z3.And(relation.permitted(given, state, event, PURPOSES[own]), z3.Not(refuses))
    return z3.And(
        _NOW.has[own],
        z3.Not(_THEN.has[own]),
        _THEN.state[other] == _NOW.state[other],
        _THEN.ready[other] == _NOW.ready[other],
        z3.If(state == closed, silent, z3.If(row, accepted, refused)),
    )


def quiet(now: Moment) -> Term:
    """Nothing is on its way."""
    return z3.Not(z3.Or(now.has))


def asked(given: Tables) -> Questions:
    """Questions about conversations that end after any number of deliveries."""
    step = z3.If(quiet(_NOW), _stays(), _delivery(given))
    # One step is built and then renamed for each delivery: to build it anew takes longer than to ask.
    template = (*_variables(_NOW), *_variables(_THEN), _TO_RESPONDER, _REFUSES)
    steps = [
        z3.substitute(
            step,
            *zip(
                template,
                (*_variables(MOMENTS[n]), *_variables(MOMENTS[n + 1]), TO_RESPONDER[n], REFUSES[n]),
                strict=True,
            ),
        )
        for n in range(DELIVERIES)
    ]
    return Questions(background=(first(given), *steps))


def _variables(at: Moment) -> tuple[Term, ...]:
    return (*at.state, *at.has, *at.mail, *at.ready)


def _stays() -> Term:
    return z3.And([then == now for now, then in zip(_variables(_NOW), _variables(_THEN), strict=True)])


def told(model: Model) -> tuple[str, ...]:
    """A conversation in words."""
    purposes = [PURPOSE.read(model, purpose).value for purpose in PURPOSES]
    steps = [f"The initiator is to {purposes[0]}, the responder to {purposes[1]}."]
    for number, now in enumerate(MOMENTS):
        states = [STATE.read(model, state).value for state in now.state]
        coming = [
            f"{EVENT.read(model, now.mail[own]).name} on its way to the {side.value}"
            for own, side in enumerate(SIDES)
            if z3.is_true(model.eval(now.has[own], model_completion=True))
        ]
        steps.append(f"Initiator: {states[0]}. Responder: {states[1]}. {'; '.join(coming) or 'Silence'}.")
        if not coming or number == DELIVERIES:
            break
        own = int(z3.is_true(model.eval(TO_RESPONDER[number], model_completion=True)))
        refusing = z3.is_true(model.eval(REFUSES[number], model_completion=True))
        steps.append(f"The {SIDES[own].value} gets it{' and may refuse it' if refusing else ''}.")
    return tuple(steps)
