"""For an audit: attribution recomputed from stored paths, each case verified again (EPP-CEN-003 to 006)."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, select

from eiraku.reference.anchor import TrustAnchor
from eiraku.spec import objects
from eiraku.spec.errors import Misuse, Refusal
from eiraku.system.database import pages
from eiraku.system.issuing.attribution import forks
from eiraku.system.issuing.cases import BAD_HISTORY, COPY, NOT_ISSUED, Case, read_case
from eiraku.system.issuing.chain import GIVEN_ON, NOT_HOME, BadLayer, Chain, Endorsement, Opener
from eiraku.system.issuing.evidence import Evidence, EvidenceError
from eiraku.system.issuing.schema import CASE, CLAIM, DEPOSIT, UNIT, read_path

PAGE = 200


def attribution(connection: Connection) -> Iterator[str]:
    """Where the cases of copying are not exactly what the stored paths show, in words.

    Only units are looked at of which there are two paths or more, or a case.
    """
    page = _suspected(connection, b"")
    while page:
        yield from _compared(connection, page)
        page = _suspected(connection, page[-1])


def _suspected(connection: Connection, after: bytes) -> Sequence[bytes]:
    """The next identifiers of units with two paths or more, or a case of copying, ascending."""
    both = DEPOSIT.join(CLAIM, DEPOSIT.c.unit_id == CLAIM.c.unit_id)
    sources = (
        (DEPOSIT.c.unit_id, select(DEPOSIT.c.unit_id).having(func.count() > 1)),
        (CLAIM.c.unit_id, select(CLAIM.c.unit_id).having(func.count() > 1)),
        (DEPOSIT.c.unit_id, select(DEPOSIT.c.unit_id).select_from(both)),
        (CASE.c.unit_id, select(CASE.c.unit_id).where(CASE.c.kind == COPY)),
    )
    found: set[bytes] = set()
    for column, query in sources:
        page = query.where(column > after).group_by(column).order_by(column).limit(PAGE)
        found.update(connection.execute(page).scalars())
    return sorted(found)[:PAGE]


def _compared(connection: Connection, unit_ids: Sequence[bytes]) -> Iterator[str]:
    chains: dict[bytes, list[Chain]] = {unit_id: [] for unit_id in unit_ids}
    outcomes: dict[bytes, list[str]] = {unit_id: [] for unit_id in unit_ids}
    for table in (DEPOSIT, CLAIM):
        query = select(table).where(table.c.unit_id.in_(unit_ids)).order_by(table.c.sequence)
        for row in connection.execute(query):
            if row.path:
                chains[row.unit_id].append(read_path(row.unit_id, row.path))
            if table is DEPOSIT and row.outcome != "late":
                outcomes[row.unit_id].append(row.outcome)
    copies = select(CASE.c.unit_id, CASE.c.hop, CASE.c.purse).where(CASE.c.kind == COPY)
    known = {tuple(row) for row in connection.execute(copies.where(CASE.c.unit_id.in_(unit_ids)))}
    shown: set[tuple[Any, ...]] = set()
    for unit_id in unit_ids:
        # EPP-CEN-055, EPP-CEN-072
        if "credited" in outcomes[unit_id][1:]:
            yield f"unit {unit_id.hex()}: credited after another deposit of it"
        try:
            for at, chain in enumerate(chains[unit_id]):
                # EPP-CEN-004, EPP-CEN-006
                shown |= {(unit_id, fork.hop, fork.signer) for fork in forks(chain, chains[unit_id][:at])}
        except Misuse as error:
            yield f"unit {unit_id.hex()}: {error}"
    # EPP-CEN-005
    for which, said in ((shown - known, "no case"), (known - shown, "a case that no two paths show")):
        for unit_id, hop, purse in sorted(which):
            yield f"unit {unit_id.hex()}, purse {purse.hex()}, hop {hop}: {said}"


def cases(
    connection: Connection, opener: Opener, anchor: TrustAnchor, purse_ids: Callable[[bytes], bytes]
) -> Iterator[Sequence[str]]:
    """For each case what is wrong with it: nothing, or one sentence."""
    for page in pages(connection, select(CASE), CASE.c.sequence, PAGE):
        for row in page:
            case = read_case(row)
            query = select(UNIT.c.number).where(UNIT.c.unit_id == case.unit_id)
            issued = connection.execute(query).one_or_none() is not None
            if case.kind == COPY:
                problem = _copy_problem(case, anchor, purse_ids)
            elif case.kind == BAD_HISTORY:
                problem = "" if _layer_is_bad(case, opener) else "its history does not show the fault"
            else:
                problem = "" if _is_unknown(case, opener) and not issued else "its unit is not what it says"
            yield [f"case {case.sequence} of kind {case.kind}: {problem}"] if problem else []


def _copy_problem(case: Case, anchor: TrustAnchor, purse_ids: Callable[[bytes], bytes]) -> str:
    """Why nobody else would be convinced by the evidence, as a file; empty if everybody is."""
    try:
        # EPP-CEN-005, EPP-CEN-025
        convicted = Evidence.from_json(case.evidence(purse_ids(case.purse)).to_json()).verify(anchor)
    except EvidenceError as error:
        return str(error)
    who = objects.ISSUER_NUMBER if convicted.number is None else convicted.number
    if (who, convicted.unit_id, convicted.hop) != (case.purse, case.unit_id, case.hop):
        return "its evidence is of something else"
    return ""


def _layer_is_bad(case: Case, opener: Opener) -> bool:
    """Whether the history that is kept shows the fault again (EPP-CEN-003).

    The hop at which it was brought is not kept. With any other the outermost endorsement does not verify.
    """
    return any(_shows(case, opener, attempt) for attempt in _attempts(case, opener))


def _attempts(case: Case, opener: Opener) -> Iterator[Callable[[], Sequence[Endorsement]]]:
    """Ways to open the history of a case."""
    history, given = case.history or b"", case.second

    def as_claim() -> Sequence[Endorsement]:
        assert given is not None  # noqa: S101 - for the type checker
        who = {"payer": given.payer, "payee": given.payee, "transaction": given.transaction}
        return opener.open_offered(
            case.unit, case.hop, history, **who, signature=given.signature
        ).endorsements

    if given is not None:
        yield as_claim
    for hop in range(case.hop, objects.HOP_MAX + 1):
        yield partial(opener.layers, case.unit, hop, history)


def _shows(case: Case, opener: Opener, attempt: Callable[[], Sequence[Endorsement]]) -> bool:
    try:
        found = attempt()
    except BadLayer as fault:
        said = fault.purse, fault.hop, fault.reason, fault.endorsed
        return said == (case.purse, case.hop, case.detail, case.second)
    except Refusal:
        return False
    if case.hop >= len(found) or case.purse != objects.ISSUER_NUMBER:
        return False
    # EPP-CEN-051
    at_centre = found[case.hop].payee in opener.centres
    return (case.detail, at_centre) in {(NOT_HOME, False), (GIVEN_ON, True)}


def _is_unknown(case: Case, opener: Opener) -> bool:
    """Whether the unit is under our key, or is none of ours, as the case says (EPP-CEN-030)."""
    try:
        unit = opener.unit(case.unit)
    except Refusal:
        return case.detail != NOT_ISSUED and sha256(case.unit).digest() == case.unit_id
    return case.detail == NOT_ISSUED and unit.unit_id == case.unit_id
