"""Claims of payers whose receipt never came, and their refunds (EPP-CEN-008, EPP-CEN-009)."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, select

from eiraku.reference.anchor import parse_unit
from eiraku.spec import messages
from eiraku.spec.centre_objects import Claim
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import EndorsementPayload
from eiraku.system.issuing.attribution import forks
from eiraku.system.issuing.cases import (
    COPY,
    NOT_ISSUED,
    copy_case,
    layer_case,
    store_cases,
    unknown_case,
)
from eiraku.system.issuing.chain import BadLayer, Chain, Opener
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CASE,
    CENTRE,
    CLAIM,
    CLOSED_NUMBER,
    DEPOSIT,
    UNIT,
    IssuerError,
    State,
    outstanding_account,
    read_path,
    vault_account,
    write_path,
)

OPEN = "open"
REFUNDED = "refunded"
REFUSED = "refused"
PARTLY = "partly-refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedUnit:
    """What became of one claimed unit. `state`: `open`, `refunded` or `refused`, then with a `reason`.

    Reasons: `late`, `unknown` (never issued), `bad-history`, `deposited` and `claimed-on` (a deposit, or the
    chain of another claim, contains the claimed endorsement), `copied` (by the claimant), `paid` (the unit
    was paid on another chain).
    """

    sequence: int
    unit_id: bytes
    claimant: bytes
    beneficiary: bytes
    transaction: bytes
    epoch: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One unit refunded: `value` in minor units to the account of `beneficiary`."""

    unit_id: bytes
    claimant: bytes
    beneficiary: bytes
    economy: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One unit of a claim, opened. `claimed`: what the claimed endorsement signs."""

    claimed: EndorsementPayload
    unit: bytes
    history: bytes
    found: Chain | BadLayer

    @property
    def endorsement(self) -> bytes:
        """Digest of what the claimed endorsement signs, 32 bytes: the name of the claim."""
        return sha256(self.claimed.encode()).digest()

    @property
    def unit_id(self) -> bytes:
        """Identifier of the unit, 32 bytes."""
        return self.claimed.unit_id


class Claims:
    """Taking claims, and refunding them."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def claim(self, claimant: bytes, claim: Claim, *, economy: int | None = None) -> str:
        """Take a claim of the purse `claimant`: `open`, `refunded`, `partly-refunded` or `refused`.

        The same claim again changes nothing and tells its state. `economy`: of the beneficiary, None for that
        of each unit. Raises Refusal (MALFORMED, TOO_LARGE, UNIT_COUNT, DUPLICATE_UNIT, UNIT_SIGNATURE,
        ENDORSEMENT, AUTHENTICATION), DatabaseError.
        """
        offer = _offer(claim)
        # EPP-CEN-032
        if self._office.public_keys(claim.beneficiary) is None:
            raise Refusal(Code.AUTHENTICATION, "EPP-CEN-032", "the beneficiary is not a registered purse")
        opener = self._office.opener()
        items = [
            _open(opener, unit, _claimed(unit, claimant, claim.payee, offer.transaction), signature)
            for unit, signature in zip(offer.units, claim.endorsements, strict=True)
        ]
        # EPP-TRF-033
        if len({item.unit_id for item in items}) < len(items):
            raise Refusal(Code.DUPLICATE_UNIT, "EPP-CEN-032", "one unit twice in a claim")
        with self._office.database.writing() as connection:
            centre = self._office.refresh(connection)
            states = [
                _take(connection=connection, centre=centre, item=item, claim=claim, economy=economy)
                for item in items
            ]
        return _together(states)

    def units(self, claimant: bytes | None = None) -> tuple[ClaimedUnit, ...]:
        """All claimed units, or those of one purse, as they arrived. Raises DatabaseError."""
        query = select(CLAIM).order_by(CLAIM.c.sequence)
        if claimant is not None:
            query = query.where(CLAIM.c.claimant == claimant)
        with self._office.database.reading() as connection:
            return tuple(
                ClaimedUnit(
                    sequence=row.sequence,
                    unit_id=row.unit_id,
                    claimant=row.claimant,
                    beneficiary=row.beneficiary,
                    transaction=row.transaction_id,
                    epoch=row.epoch,
                    state=row.state,
                    reason=row.reason,
                )
                for row in connection.execute(query)
            )

    def refund(self, epoch: int | None = None) -> tuple[Refund, ...]:
        """Settle all units whose last epoch of claims was before `epoch` (None: the present one), once.

        Open claims are refunded or refused, what nobody claimed is expired, and numbers are closed; what was
        settled before is left alone. Raises IssuerError, DatabaseError.
        """
        with self._office.database.writing() as connection:
            centre = self._office.refresh(connection)
            at = centre.epoch if epoch is None else epoch
            # EPP-CEN-060
            if at > centre.epoch:
                raise IssuerError(f"expected an epoch up to {centre.epoch}, found {at}: advance first")
            last = at - centre.claim_grace - 1
            if last <= centre.settled:
                return ()
            due = UNIT.c.expires > centre.settled, UNIT.c.expires <= last
            refunds = _settle(connection, centre, due)
            connection.execute(
                UNIT.update()
                .where(*due, UNIT.c.state == int(State.OUTSTANDING))
                .values(state=int(State.EXPIRED))
            )
            # EPP-CEN-064
            if centre.reuse_numbers:
                closed = select(UNIT.c.number, UNIT.c.issue).where(*due)
                connection.execute(CLOSED_NUMBER.insert().from_select(["number", "issue"], closed))
            connection.execute(CENTRE.update().values(settled=last))
        return refunds


# --- taking ---


def _take(
    *,
    connection: Connection,
    centre: Any,
    item: _Item,
    claim: Claim,
    economy: int | None,
) -> str:
    """Store one unit of a claim unless it is known, and tell its state."""
    # EPP-CEN-086
    known = select(CLAIM.c.state).where(CLAIM.c.endorsement == item.endorsement)
    state = connection.execute(known).scalar_one_or_none()
    if state is not None:
        return str(state)
    unit = connection.execute(select(UNIT).where(UNIT.c.unit_id == item.unit_id)).one_or_none()
    path, reason = b"", ""
    if isinstance(item.found, BadLayer):
        # EPP-CEN-003
        reason = "bad-history"
        cases = [layer_case(item.found, item.unit_id, item.unit, item.history, centre.epoch)]
    else:
        path = write_path(item.found.endorsements)
        # EPP-CEN-005
        copies = forks(item.found, _chains(connection, item.unit_id))
        cases = [copy_case(fork, item.unit, centre.epoch) for fork in copies]
        if unit is None:
            # EPP-CEN-083
            reason = "unknown"
            cases.append(unknown_case(item.unit_id, item.unit, centre.epoch, NOT_ISSUED))
        # EPP-CEN-008
        elif centre.epoch > unit.expires + centre.claim_grace:
            reason = "late"
    store_cases(connection, cases)
    state = REFUSED if reason else OPEN
    connection.execute(
        CLAIM.insert().values(
            endorsement=item.endorsement,
            unit_id=item.unit_id,
            claimant=item.claimed.payer,
            beneficiary=claim.beneficiary,
            economy=economy,
            transaction_id=item.claimed.transaction,
            epoch=centre.epoch,
            path=path,
            state=state,
            reason=reason,
        )
    )
    return state


# --- settling ---


def _settle(connection: Connection, centre: Any, due: tuple[Any, ...]) -> tuple[Refund, ...]:
    """Refund or refuse the open claims of units that are due, as they arrived."""
    both = CLAIM.join(UNIT, CLAIM.c.unit_id == UNIT.c.unit_id)
    claim_columns = [column for column in CLAIM.c if column.name != "economy"]
    query = (
        select(
            *claim_columns,
            UNIT.c.state.label("unit_state"),
            UNIT.c.value,
            UNIT.c.economy,
            func.coalesce(CLAIM.c.economy, UNIT.c.economy).label("at_economy"),
        )
        .select_from(both)
        .where(CLAIM.c.state == OPEN, *due)
        .order_by(CLAIM.c.sequence)
    )
    paid: set[bytes] = set()
    refunds: list[Refund] = []
    for row in connection.execute(query).all():
        reason = _objection(connection, row, paid)
        state = REFUSED if reason else REFUNDED
        which = CLAIM.c.sequence == row.sequence
        connection.execute(CLAIM.update().where(which).values(state=state, reason=reason))
        if not reason:
            paid.add(row.unit_id)
            refunds.append(_pay(connection, centre, row))
    return tuple(refunds)


def _objection(connection: Connection, row: Any, paid: set[bytes]) -> str:
    """Why a claim is not refunded; empty if it is."""
    claimed = read_path(row.unit_id, row.path).endorsements[-1]
    # EPP-CEN-062
    evidence = select(CASE.c.sequence).where(
        CASE.c.unit_id == row.unit_id, CASE.c.kind == COPY, CASE.c.purse == row.claimant
    )
    if connection.execute(evidence.limit(1)).one_or_none() is not None:
        return "copied"
    # EPP-CEN-061; a deposit that was late is none (EPP-CEN-084)
    deposits = select(DEPOSIT.c.path).where(DEPOSIT.c.unit_id == row.unit_id, DEPOSIT.c.outcome != "late")
    if any(read_path(row.unit_id, p).contains(claimed) for p in connection.execute(deposits).scalars()):
        return "deposited"
    # EPP-CEN-061
    others = select(CLAIM.c.path).where(
        CLAIM.c.unit_id == row.unit_id, CLAIM.c.sequence != row.sequence, CLAIM.c.reason != "late"
    )
    for path in connection.execute(others).scalars():
        offered = read_path(row.unit_id, path).endorsements[:-1]
        if Chain(unit_id=row.unit_id, endorsements=offered).contains(claimed):
            return "claimed-on"
    # EPP-CEN-033
    if row.unit_state != int(State.OUTSTANDING) or row.unit_id in paid:
        return "paid"
    return ""


def _pay(connection: Connection, centre: Any, row: Any) -> Refund:
    # EPP-CEN-009: named after the endorsement, so the books would refuse a second refund of it
    posting = sha256(b"refund" + row.endorsement).digest()[:16]
    amounts = {vault_account(row.beneficiary): row.value, outstanding_account(row.economy): -row.value}
    BOOKS.post(connection, posting, amounts)
    connection.execute(UNIT.update().where(UNIT.c.unit_id == row.unit_id).values(state=int(State.REFUNDED)))
    connection.execute(
        BOOKING.insert().values(
            kind="refund",
            economy=row.economy,
            at_economy=row.at_economy,
            value=row.value,
            epoch=centre.epoch,
        )
    )
    return Refund(
        unit_id=row.unit_id,
        claimant=row.claimant,
        beneficiary=row.beneficiary,
        economy=row.economy,
        value=row.value,
    )


def _offer(claim: Claim) -> Offer:
    offer = messages.decode(claim.offer)
    # EPP-CEN-032
    if not isinstance(offer, Offer):
        raise Refusal(Code.MALFORMED, "EPP-CEN-032", "claim: expected the bytes of an OFFER")
    if not offer.units or len(offer.units) != len(claim.endorsements):
        raise Refusal(Code.UNIT_COUNT, "EPP-CEN-032", "claim: expected one endorsement for each unit")
    return offer


def _claimed(offered: OfferedUnit, payer: bytes, payee: bytes, transaction: bytes) -> EndorsementPayload:
    """What the payer of an offered unit signs when it gives it away (EPP-HIS-001). Raises Refusal."""
    return EndorsementPayload(
        unit_id=parse_unit(offered.unit).unit_id,
        hop=offered.hop + 1,
        history_digest=sha256(offered.history).digest(),
        payer=payer,
        payee=payee,
        transaction=transaction,
    )


def _open(opener: Opener, offered: OfferedUnit, claimed: EndorsementPayload, signature: bytes) -> _Item:
    """Open one unit of a claim; a bad layer is part of the result. Raises Refusal."""
    found: Chain | BadLayer
    try:
        # EPP-CEN-059
        found = opener.open_offered(
            offered.unit,
            offered.hop,
            offered.history,
            payer=claimed.payer,
            payee=claimed.payee,
            transaction=claimed.transaction,
            signature=signature,
        )
    except BadLayer as fault:
        found = fault
    return _Item(claimed=claimed, unit=offered.unit, history=offered.history, found=found)


def _chains(connection: Connection, unit_id: bytes) -> list[Chain]:
    """Every chain known of a unit."""
    found: list[Chain] = []
    for table in (DEPOSIT, CLAIM):
        query = select(table.c.path).where(table.c.unit_id == unit_id).order_by(table.c.sequence)
        found += [read_path(unit_id, path) for path in connection.execute(query).scalars() if path]
    return found


def _together(states: Sequence[str]) -> str:
    """The state of a claim as a whole."""
    if OPEN in states:
        return OPEN
    if REFUNDED not in states:
        return REFUSED
    return REFUNDED if set(states) == {REFUNDED} else PARTLY
