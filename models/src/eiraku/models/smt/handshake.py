"""Proof about the handshake table: each state waits for one message, and two purses open together or close.

The two purses and the line between them are a transition system, unrolled for more deliveries than there can
be. A purse that refuses a message answers with an EDHOC error and closes; in an open session an error is no
record, and closes it without an answer (EPP-REC-003).
"""

from dataclasses import dataclass

import z3

from eiraku.models.smt import relation
from eiraku.models.smt.proof import Model, Questions, Term
from eiraku.models.smt.relation import SESSION_EVENT, SESSION_STATE, Tables
from eiraku.spec.tables import Session, SessionEvent

DELIVERIES = 7
"""More than any handshake has: four messages and an error for the last make five."""
WAITING = (Session.WAIT_MESSAGE_1, Session.WAIT_MESSAGE_2, Session.WAIT_MESSAGE_3, Session.WAIT_MESSAGE_4)
OPENINGS = (SessionEvent.OPEN_AS_INITIATOR, SessionEvent.OPEN_AS_RESPONDER)

_state, _after = SESSION_STATE.variable("session"), SESSION_STATE.variable("session after")
_event = SESSION_EVENT.variable("session event")
_CLOSED, _OPEN = SESSION_STATE[Session.CLOSED], SESSION_STATE[Session.OPEN]
_ERROR = SESSION_EVENT[SessionEvent.ERROR]


@dataclass(frozen=True, slots=True)
class Moment:
    """Both purses, the initiator first, and the message on its way to each, if `has` is true."""

    state: tuple[Term, Term]
    has: tuple[Term, Term]
    mail: tuple[Term, Term]


def _moment(number: int) -> Moment:
    return Moment(
        state=(SESSION_STATE.variable(f"h{number}.i"), SESSION_STATE.variable(f"h{number}.r")),
        has=(z3.Bool(f"h{number}.has.i"), z3.Bool(f"h{number}.has.r")),
        mail=(SESSION_EVENT.variable(f"h{number}.mail.i"), SESSION_EVENT.variable(f"h{number}.mail.r")),
    )


MOMENTS = tuple(_moment(number) for number in range(DELIVERIES + 1))
REFUSES = tuple(z3.Bool(f"h{number}.refuses") for number in range(DELIVERIES))
_NOBODY_REFUSES = z3.Not(z3.Or(REFUSES))


def failing(given: Tables) -> tuple[int, tuple[str, ...]]:
    """Number of queries, and what is wrong first, in words; nothing if all is well."""
    questions = Questions()
    wrong = _table(questions, given)
    if wrong:
        return questions.checks, wrong
    together = Questions(background=(_first(given), *(_step(given, n) for n in range(DELIVERIES))))
    wrong = _together(together, given)
    return questions.checks + together.checks, wrong


def _table(questions: Questions, given: Tables) -> tuple[str, ...]:
    """One message for each waiting state, an error for all, nothing after OPEN, and every path ends."""
    rows = relation.session_relation(given, _state, _event, _after)
    other, after = SESSION_EVENT.variable("other event"), SESSION_STATE.variable("other after")
    again = relation.session_relation(given, _state, other, after)
    waits = SESSION_STATE.among(_state, WAITING)
    for state in Session:
        at = _state == SESSION_STATE[state]
        ended = state in (Session.OPEN, Session.CLOSED)
        if ended is not (questions.model(rows, at) is None):
            return (f"A dead end, or an end that goes on: {state.value}.",)
        if state is not Session.IDLE and questions.model(rows, _after == SESSION_STATE[state]) is None:
            return (f"Never reached: {state.value}.",)
    if questions.model(rows, again, waits, _event != other, _event != _ERROR, other != _ERROR):
        return ("A state waits for two messages.",)
    if questions.counter(relation.session_relation(given, _state, _ERROR, _CLOSED), waits):
        return ("An error does not close.",)
    if questions.model(rows, z3.Not(waits), z3.Not(SESSION_EVENT.among(_event, OPENINGS))):
        return ("A message without a session.",)
    if questions.model(rows, waits, SESSION_EVENT.among(_event, OPENINGS)):
        return ("A session is opened in a session.",)
    if questions.model(rows, waits, _event != _ERROR, _after == _CLOSED):
        return ("A good message closes.",)
    return ()


def _first(given: Tables) -> Term:
    now = MOMENTS[0]
    parts: list[Term] = []
    for own, event in enumerate(OPENINGS):
        opened = relation.session_relation(
            given, SESSION_STATE[Session.IDLE], SESSION_EVENT[event], now.state[own]
        )
        said = relation.SESSION_OPENING[event]
        parts += [opened, now.has[1 - own] == (said is not None)]
        if said is not None:
            parts.append(now.mail[1 - own] == SESSION_EVENT[said])
    return z3.And(parts)


def _step(given: Tables, number: int) -> Term:
    """A delivery to whoever has mail; nothing changes when nobody has."""
    now, then = MOMENTS[number], MOMENTS[number + 1]
    quiet = z3.Not(z3.Or(now.has))
    stays = [then.state[own] == now.state[own] for own in (0, 1)] + [z3.Not(z3.Or(then.has))]
    received = [_received(given, number, own) for own in (0, 1)]
    return z3.If(quiet, z3.And(stays), z3.Or(received))


def _received(given: Tables, number: int, own: int) -> Term:
    now, then, other = MOMENTS[number], MOMENTS[number + 1], 1 - own
    state, event, after = now.state[own], now.mail[own], then.state[own]
    says_nothing = z3.And(then.has[other] == now.has[other], then.mail[other] == now.mail[other])
    answers = [
        z3.And(event == SESSION_EVENT[received], then.mail[other] == SESSION_EVENT[said])
        for received, said in relation.SESSION_ANSWERS.items()
    ]
    answered = SESSION_EVENT.among(event, relation.SESSION_ANSWERS)
    accepted = z3.And(
        relation.session_relation(given, state, event, after),
        z3.If(answered, z3.And(then.has[other], z3.Or(answers)), says_nothing),
    )
    row = z3.Or([z3.And(state == SESSION_STATE[s], event == SESSION_EVENT[e]) for s, e in given.session])
    refused = z3.And(after == _CLOSED, then.has[other], then.mail[other] == _ERROR)
    refuses = z3.And(REFUSES[number], event != _ERROR)
    over = z3.Or(state == _CLOSED, state == _OPEN)
    return z3.And(
        now.has[own],
        z3.Not(then.has[own]),
        then.state[other] == now.state[other],
        z3.If(
            over,
            z3.And(after == _CLOSED, says_nothing),
            z3.If(z3.And(row, z3.Not(refuses)), accepted, refused),
        ),
    )


def _together(questions: Questions, given: Tables) -> tuple[str, ...]:
    """Never both speak; never both wait; within five deliveries both are open, or none stays open unaware."""
    if model := questions.model(z3.Or([z3.And(now.has) for now in MOMENTS])):
        return ("Both speak.", *_told(model))
    waiting = [z3.Or([SESSION_STATE.among(state, WAITING) for state in now.state]) for now in MOMENTS]
    quiet = [z3.Not(z3.Or(now.has)) for now in MOMENTS]
    stuck = [z3.And(silent, waits) for silent, waits in zip(quiet, waiting, strict=True)]
    if model := questions.model(z3.Or(stuck)):
        return ("One waits for ever.", *_told(model))
    if model := questions.counter(quiet[5]):
        return ("A sixth delivery.", *_told(model))
    alone = [z3.And(now.state[0] == _OPEN, now.state[1] != _OPEN) for now in MOMENTS]
    if model := questions.model(z3.Or(alone)):
        return ("The initiator has opened alone.", *_told(model))
    if model := questions.counter(z3.And([s == _OPEN for s in MOMENTS[-1].state]), _NOBODY_REFUSES):
        return ("Nobody refuses, and the session does not open.", *_told(model))
    halves = [
        z3.And(silent, now.state[0] != now.state[1]) for silent, now in zip(quiet, MOMENTS, strict=True)
    ]
    if model := questions.model(z3.Or(halves)):
        return ("One is open and the other closed, with nothing on its way.", *_told(model))
    for state, event in given.session:
        if event in (*OPENINGS, SessionEvent.ERROR):
            continue
        uses = [
            z3.And(
                now.has[own], now.state[own] == SESSION_STATE[state], now.mail[own] == SESSION_EVENT[event]
            )
            for now in MOMENTS
            for own in (0, 1)
        ]
        if questions.model(z3.Or(uses), _NOBODY_REFUSES) is None:
            return (f"A row that no honest peer uses: ({state.value}; {event.value}).",)
    return ()


def _told(model: Model) -> tuple[str, ...]:
    steps = []
    for now in MOMENTS:
        states = [SESSION_STATE.read(model, state).value for state in now.state]
        coming = [
            SESSION_EVENT.read(model, now.mail[own]).value
            for own in (0, 1)
            if z3.is_true(model.eval(now.has[own], model_completion=True))
        ]
        steps.append(f"Initiator: {states[0]}. Responder: {states[1]}. On its way: {coming or 'nothing'}.")
        if not coming:
            break
    return tuple(steps)
