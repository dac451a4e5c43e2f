"""Tables that differ from the exported ones in one entry, and the proofs about tables with these as twins.

Every single change is tried: each row missing, each row with every other target, each pair of state and
event that has no row with one, each first state missing or another, each commit missing or added. None is
harmless: whatever could be left out of the tables without loss is not in them.
"""

from collections.abc import Callable, Iterable, Iterator

from eiraku.models.smt import automata, handshake
from eiraku.models.smt.automata import row_name
from eiraku.models.smt.proof import Proof, Result, Twin
from eiraku.models.smt.relation import EXPORTED, Tables
from eiraku.spec.tables import Purpose, Session, SessionEvent, Side, Transfer, TransferEvent

Failing = Callable[[Tables], tuple[int, tuple[str, ...]]]


def transfer_changes() -> Iterator[tuple[str, Tables]]:
    """Every change of one entry in the tables of a transfer: what is changed, and the tables."""
    yield from _row_changes()
    yield from _start_changes()
    yield from _commit_changes()


def _with(**tables: object) -> Tables:
    base = EXPORTED
    fields = {
        "session": base.session,
        "start": base.start,
        "transfer": base.transfer,
        "commits": base.commits,
    }
    return Tables(**(fields | tables))  # type: ignore[arg-type]


def _row_changes() -> Iterator[tuple[str, Tables]]:
    base = dict(EXPORTED.transfer)
    for key, target in base.items():
        yield f"{row_name(key)} is missing", _with(transfer={k: t for k, t in base.items() if k != key})
        for other in Transfer:
            if other is not target:
                yield f"{row_name(key)} leads to ({other.value})", _with(transfer=base | {key: other})
    known = {(state, event) for state, event, _ in base}
    for state in Transfer:
        for event in TransferEvent:
            added = {(state, event, None): Transfer.CLOSED}
            if (state, event) not in known:
                yield f"{row_name((state, event, None))} is added", _with(transfer=base | added)


def _start_changes() -> Iterator[tuple[str, Tables]]:
    base = dict(EXPORTED.start)
    for key, target in base.items():
        name = f"start ({key[0].value}; {key[1].value})"
        yield f"{name} is missing", _with(start={k: t for k, t in base.items() if k != key})
        for other in Transfer:
            if other is not target:
                yield f"{name} is ({other.value})", _with(start=base | {key: other})
    for state in Transfer:
        yield (
            f"start (initiator; receive) is ({state.value})",
            _with(start=base | {(Side.INITIATOR, Purpose.RECEIVE): state}),
        )


def _commit_changes() -> Iterator[tuple[str, Tables]]:
    base = EXPORTED.commits
    for state in Transfer:
        for event in TransferEvent:
            pair = (state, event)
            done = "does not write" if pair in base else "writes"
            yield f"({state.value}; {event.name}) {done}", _with(commits=base ^ {pair})


def session_changes() -> Iterator[tuple[str, Tables]]:
    """Every change of one entry in the table of the handshake."""
    base = dict(EXPORTED.session)
    for key, target in base.items():
        name = f"({key[0].value}; {key[1].value})"
        yield f"{name} is missing", _with(session={k: t for k, t in base.items() if k != key})
        for other in Session:
            if other is not target:
                yield f"{name} leads to ({other.value})", _with(session=base | {key: other})
    for state in Session:
        for event in SessionEvent:
            if (state, event) not in base:
                yield (
                    f"({state.value}; {event.value}) is added",
                    _with(session=base | {(state, event): Session.CLOSED}),
                )


def survey(changes: Iterable[tuple[str, Tables]], failing: Failing) -> Result:
    """Fails if every changed table is refuted, and says how many; holds if one of them is as good."""
    checks, refuted, harmless = 0, 0, []
    example: tuple[str, ...] = ()
    for name, changed in changes:
        asked, wrong = failing(changed)
        checks += asked
        if wrong:
            refuted += 1
            example = (name, *wrong)
        else:
            harmless.append(name)
    if harmless:
        return Result(holds=True, checks=checks)
    return Result(
        holds=False,
        counterexample=(f"All {refuted} changed tables are refuted. The last:", *example),
        checks=checks,
    )


def _proved(failing: Failing, given: Tables) -> Result:
    checks, wrong = failing(given)
    return Result(holds=not wrong, counterexample=wrong, checks=checks)


def _twin(name: str, says: str, given: Tables, failing: Failing = automata.failing) -> Twin:
    return Twin(name=name, says=says, prove=lambda: _proved(failing, given))


_PAY, _REDELIVER = TransferEvent.PAY, TransferEvent.REDELIVER


def _table_proofs() -> Iterator[Proof]:
    base = dict(EXPORTED.transfer)
    late = (Transfer.PAYEE_ACCEPTED, _PAY, None)
    yield Proof(
        name="transfer-tables",
        says="The tables of a transfer have exactly one answer for every lawful event and refuse every other"
        " by one rule; no state is dead or unreachable; two purses never both speak and never both wait, and"
        " are done after at most six messages, whatever they want or refuse; exactly the transitions that"
        " move value write, and each writes before its promise leaves.",
        requirements=(
            "EPP-TRF-001",
            "EPP-TRF-004",
            "EPP-TRF-005",
            "EPP-TRF-007",
            "EPP-TRF-016",
            "EPP-REC-004",
            "EPP-CRS-001",
            "EPP-CRS-002",
            "EPP-CRS-003",
            "EPP-CRS-004",
        ),
        method="enumeration, the product of two machines unrolled to its end",
        prove=lambda: _proved(automata.failing, EXPORTED),
        twins=(
            _twin(
                "payee-waits-after-pay",
                "PAY leads the payee back to where it waits for an OFFER.",
                _with(transfer=base | {late: Transfer.PAYEE_WAIT_OFFER}),
            ),
            _twin(
                "redeliver-answered-by-offer",
                "A payer that is to redeliver answers a REQUEST with a new OFFER.",
                _with(
                    transfer=base
                    | {
                        (
                            Transfer.PAYER_WAIT_REQUEST,
                            TransferEvent.REQUEST,
                            Purpose.REDELIVER,
                        ): Transfer.PAYER_OFFERED
                    }
                ),
            ),
            _twin(
                "both-begin",
                "A payer that is the responder begins with OFFER, too.",
                _with(start=dict(EXPORTED.start) | {(Side.RESPONDER, Purpose.PAY): Transfer.PAYER_OFFERED}),
            ),
            _twin(
                "no-redelivery-to-a-requesting-payee",
                "A payee that has sent REQUEST does not take REDELIVER.",
                _with(
                    transfer={
                        k: t for k, t in base.items() if k != (Transfer.PAYEE_REQUESTED, _REDELIVER, None)
                    },
                    commits=EXPORTED.commits - {(Transfer.PAYEE_REQUESTED, _REDELIVER)},
                ),
            ),
            _twin(
                "no-write-before-pay",
                "The payer's first commit point is missing.",
                _with(commits=EXPORTED.commits - {(Transfer.PAYER_OFFERED, TransferEvent.ACCEPT)}),
            ),
            Twin(
                name="each-single-change",
                says="Every table that differs in one entry, one after the other.",
                prove=lambda: survey(transfer_changes(), automata.failing),
            ),
        ),
    )


def _session_proofs() -> Iterator[Proof]:
    yield Proof(
        name="handshake-table",
        says="Each state of the handshake waits for one message and for an error; two purses never both"
        " speak and never both wait; after at most five messages both are open or both are closed, and the"
        " initiator is never open before the responder.",
        requirements=("EPP-SES-017",),
        method="enumeration, the product of two machines unrolled to its end",
        prove=lambda: _proved(handshake.failing, EXPORTED),
        twins=(
            _twin(
                "open-after-message-2",
                "The initiator does not wait for message_4.",
                _with(
                    session=dict(EXPORTED.session)
                    | {(Session.WAIT_MESSAGE_2, SessionEvent.MESSAGE_2): Session.OPEN}
                ),
                handshake.failing,
            ),
            Twin(
                name="each-single-change",
                says="Every table that differs in one entry, one after the other.",
                prove=lambda: survey(session_changes(), handshake.failing),
            ),
        ),
    )


PROOFS: tuple[Proof, ...] = (*_table_proofs(), *_session_proofs())
