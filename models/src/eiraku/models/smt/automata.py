"""Proof that the tables are complete, deterministic and free of dead ends, and that two purses always finish.

`failing` asks everything about a bundle of tables and returns the first thing that is wrong; the proof asks
it about the exported tables, its twins about tables with one entry changed (see `changes`).
"""

from collections.abc import Callable

import z3

from eiraku.models.smt import duplex, relation
from eiraku.models.smt.duplex import MOMENTS, PURPOSES, REFUSES
from eiraku.models.smt.proof import Model, Questions
from eiraku.models.smt.relation import (
    EVENT,
    OPEN_STATES,
    PAYEE_STATES,
    PAYER_STATES,
    PURPOSE,
    SIDE,
    STATE,
    Tables,
)
from eiraku.spec.tables import Purpose, Side, Transfer, TransferEvent

Check = Callable[[Questions, Tables], tuple[str, ...]]

_state, _event, _purpose, _after = (
    STATE.variable("state"),
    EVENT.variable("event"),
    PURPOSE.variable("purpose"),
    STATE.variable("after"),
)
_CLOSED = STATE[Transfer.CLOSED]
_REJECT = EVENT[TransferEvent.REJECT]


def failing(given: Tables) -> tuple[int, tuple[str, ...]]:
    """Number of queries, and what is wrong first, in words; nothing if all is well."""
    questions = Questions()
    tables: tuple[Check, ...] = (_deterministic, _opens, _rejects, _sides, _reachable, _commits)
    for check in tables:
        if wrong := check(questions, given):
            return questions.checks, wrong
    conversations = duplex.asked(given)
    talk: tuple[Check, ...] = (
        _turns,
        _no_deadlock,
        _ends,
        _ordered,
        _prepared,
        _answered,
        _pays,
        _used,
    )
    for check in talk:
        if wrong := check(conversations, given):
            return questions.checks + conversations.checks, wrong
    return questions.checks + conversations.checks, ()


def _point(model: Model) -> str:
    return f"{EVENT.read(model, _event).name} to ({STATE.read(model, _state).value})"


def _deterministic(questions: Questions, given: Tables) -> tuple[str, ...]:
    """No two rows, also not one with and one without a purpose, are about the same case."""
    rows = [relation.row_matches(key, _state, _event, _purpose) for key in given.transfer]
    model = questions.model(z3.Not(z3.AtMost(*rows, 1)))
    return (
        ()
        if model is None
        else (f"Two rows apply: {_point(model)}, purpose {PURPOSE.read(model, _purpose).value}.",)
    )


def _opens(questions: Questions, given: Tables) -> tuple[str, ...]:
    """Every side and purpose has exactly one first state, except an initiator that has nothing to say."""
    side, other = SIDE.variable("side"), STATE.variable("other")
    mute = z3.And(side == SIDE[Side.INITIATOR], _purpose == PURPOSE[Purpose.RECEIVE])
    starts = relation.start_relation(given, side, _purpose, _state)
    some = z3.Or([z3.And(side == SIDE[s], _purpose == PURPOSE[p]) for s, p in given.start])
    model = questions.model(some == mute)
    if model is None:
        model = questions.model(
            starts, relation.start_relation(given, side, _purpose, other), _state != other
        )
    if model is None:
        return ()
    return (f"No single first state: {SIDE.read(model, side).value}, {PURPOSE.read(model, _purpose).value}.",)


def _rejects(questions: Questions, given: Tables) -> tuple[str, ...]:
    """REJECT closes from every open state, and nothing leads out of CLOSED."""
    rows = relation.transfer_relation(given, _state, _event, _purpose, _after)
    model = questions.counter(
        relation.transfer_relation(given, _state, _REJECT, _purpose, _CLOSED),
        STATE.among(_state, OPEN_STATES),
    )
    if model is not None:
        return (f"REJECT does not close: {STATE.read(model, _state).value}.",)
    model = questions.model(rows, _state == _CLOSED)
    return () if model is None else (f"A closed session goes on: {_point(model)}.",)


def _sides(questions: Questions, given: Tables) -> tuple[str, ...]:
    """A payer stays a payer and a payee a payee, from the first state on."""
    pays = PURPOSE.among(_purpose, relation.PAYING)
    rows = relation.transfer_relation(given, _state, _event, _purpose, _after)
    fits = [
        z3.Implies(STATE.among(_state, own), STATE.among(_after, (*own, Transfer.CLOSED))) for own in _OWN
    ]
    model = questions.counter(z3.And(fits), rows)
    if model is not None:
        return (f"{_point(model)} leads to the other side: {STATE.read(model, _after).value}.",)
    starts = relation.start_relation(given, SIDE.variable("side"), _purpose, _state)
    model = questions.counter(
        STATE.among(_state, PAYER_STATES) == pays, starts, STATE.among(_state, OPEN_STATES)
    )
    if model is not None:
        return (
            f"Purpose {PURPOSE.read(model, _purpose).value} begins as {STATE.read(model, _state).value}.",
        )
    model = questions.model(starts, _state == _CLOSED)
    return () if model is None else ("A session begins closed.",)


_OWN = (PAYER_STATES, PAYEE_STATES)


def _reachable(questions: Questions, given: Tables) -> tuple[str, ...]:
    """Every state is reached by some row or start, every open state is left by another row than REJECT,
    and no path returns: a rank falls with every row, so that each path ends in CLOSED within six rows.
    """
    rows = relation.transfer_relation(given, _state, _event, _purpose, _after)
    starts = relation.start_relation(given, SIDE.variable("side"), _purpose, _after)
    for state in Transfer:
        if questions.model(z3.Or(rows, starts), _after == STATE[state]) is None:
            return (f"Never reached: {state.value}.",)
    for state in OPEN_STATES:
        if questions.model(rows, _state == STATE[state], _event != _REJECT) is None:
            return (f"A dead end: {state.value}.",)
    rank = z3.Function("rank", STATE.sort, z3.IntSort())
    falls = [rank(STATE[target]) < rank(STATE[state]) for (state, _, _), target in given.transfer.items()]
    if questions.model(
        *falls, z3.And([z3.And(rank(t) >= 0, rank(t) <= 6) for t in map(STATE.__getitem__, Transfer)])
    ):
        return ()
    return ("A path of states returns to where it was.",)


def _commits(questions: Questions, given: Tables) -> tuple[str, ...]:
    """A transition writes if and only if it lets PAY or RECEIPT out, or accepts a RECEIPT."""
    rows = relation.transfer_relation(given, _state, _event, _purpose, _after)
    promised = [
        z3.And(relation.answers(_event, _after, EVENT[out]))
        for out in (TransferEvent.PAY, TransferEvent.RECEIPT)
    ]
    moves = z3.Or(*promised, _event == EVENT[TransferEvent.RECEIPT])
    commits = relation.commit_relation(given, _state, _event)
    model = questions.counter(moves == commits, rows)
    if model is not None:
        does = (
            "writes, and moves no value"
            if z3.is_true(model.eval(commits))
            else "moves value and writes nothing"
        )
        return (f"{_point(model)} {does}.",)
    model = questions.model(
        commits, z3.Not(z3.Or([z3.And(_state == STATE[s], _event == EVENT[e]) for s, e, _ in given.transfer]))
    )
    return () if model is None else (f"A write without a row: {_point(model)}.",)


def _answered(questions: Questions, given: Tables) -> tuple[str, ...]:
    """What one honest purse says, the other has a row for, and is still there to hear."""
    faults = [
        z3.And(
            now.has[own],
            z3.Or(
                now.state[own] == _CLOSED,
                z3.Not(relation.permitted(given, now.state[own], now.mail[own], PURPOSES[own])),
            ),
        )
        for now in MOMENTS[:-1]
        for own in (0, 1)
    ]
    model = questions.model(z3.Or(faults), duplex.compatible(), _NOBODY_REFUSES)
    return () if model is None else ("A lawful message has no row.", *duplex.told(model))


def _used(questions: Questions, given: Tables) -> tuple[str, ...]:
    """Every row but those of REJECT is used when two compatible purses talk and nobody refuses."""
    for key in given.transfer:
        if key[1] is TransferEvent.REJECT:
            continue
        uses = [
            z3.And(now.has[own], relation.row_matches(key, now.state[own], now.mail[own], PURPOSES[own]))
            for now in MOMENTS
            for own in (0, 1)
        ]
        if questions.model(z3.Or(uses), duplex.compatible(), _NOBODY_REFUSES) is None:
            return (f"A row that no honest peer uses: {row_name(key)}.",)
    return ()


def _turns(questions: Questions, _: Tables) -> tuple[str, ...]:
    """At most one message is on its way: never do both speak."""
    model = questions.model(z3.Or([z3.And(now.has) for now in MOMENTS]))
    return () if model is None else ("Both speak.", *duplex.told(model))


def _no_deadlock(questions: Questions, _: Tables) -> tuple[str, ...]:
    """When nothing is on its way, both are closed: never do both wait."""
    stuck = [z3.And(duplex.quiet(now), z3.Or([s != _CLOSED for s in now.state])) for now in MOMENTS]
    model = questions.model(z3.Or(stuck))
    return () if model is None else ("One waits for ever.", *duplex.told(model))


def _ends(questions: Questions, _: Tables) -> tuple[str, ...]:
    """After six deliveries every session is over, whatever the two want and refuse."""
    model = questions.counter(duplex.quiet(MOMENTS[6]))
    return () if model is None else ("A seventh delivery.", *duplex.told(model))


def _pays(questions: Questions, _: Tables) -> tuple[str, ...]:
    """If nobody refuses, compatible purses end with the value moved and the receipt taken."""
    moved = z3.And(MOMENTS[-1].ready)
    got = z3.Or(
        [z3.And(now.has[n], now.mail[n] == EVENT[TransferEvent.RECEIPT]) for now in MOMENTS for n in (0, 1)]
    )
    model = questions.counter(z3.And(moved, got), duplex.compatible(), _NOBODY_REFUSES)
    return () if model is None else ("The purses agree, and nothing is paid.", *duplex.told(model))


def _prepared(questions: Questions, _: Tables) -> tuple[str, ...]:
    """PAY and REDELIVER leave only a payer whose units are pending, RECEIPT a payee that has credited."""
    promises = (TransferEvent.PAY, TransferEvent.REDELIVER, TransferEvent.RECEIPT)
    early = [
        z3.And(now.has[own], EVENT.among(now.mail[own], promises), z3.Not(now.ready[1 - own]))
        for now in MOMENTS
        for own in (0, 1)
    ]
    model = questions.model(z3.Or(early))
    return () if model is None else ("A promise leaves before it is durable.", *duplex.told(model))


def _ordered(questions: Questions, _: Tables) -> tuple[str, ...]:
    """A payer says what its holder has ordered: OFFER to pay, REDELIVER to redeliver."""
    others = [
        z3.And(now.has[own], now.mail[own] == EVENT[said], PURPOSES[1 - own] != PURPOSE[purpose])
        for said, purpose in _ORDERED
        for now in MOMENTS
        for own in (0, 1)
    ]
    model = questions.model(z3.Or(others))
    return () if model is None else ("Not what the holder ordered.", *duplex.told(model))


_ORDERED = ((TransferEvent.OFFER, Purpose.PAY), (TransferEvent.REDELIVER, Purpose.REDELIVER))
_NOBODY_REFUSES = z3.Not(z3.Or(REFUSES))


def row_name(key: relation.TransferKey) -> str:
    """A row in words."""
    state, event, deciding = key
    return f"({state.value}; {event.name}{'; ' + deciding.value if deciding else ''})"
