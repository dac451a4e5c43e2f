"""Issues: fresh units for a vault, paid from its account, and its receipts (EPP-CEN-012, EPP-CEN-019)."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, select

from eiraku.reference.centres.issuing import MoneyKey, sign_unit
from eiraku.reference.crypto import cose
from eiraku.reference.history import unit_id
from eiraku.reference.purse.units import endorse, genesis
from eiraku.spec import objects
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import LIMIT
from eiraku.spec.objects import ReceiptPayload, Unit
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CENTRE,
    CLOSED_NUMBER,
    ISSUE,
    UNIT,
    IssuerError,
    State,
    outstanding_account,
    vault_account,
)

NUMBER_MAX = 2**63 - 1
UNITS_MAX = 256
"""An issue of more units would be longer than 65 535 bytes."""


class Issues:
    """Fresh units for vaults."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def issue(
        self,
        request: bytes,
        vault: bytes,
        economy: int,
        values: Sequence[int],
        *,
        at_economy: int | None = None,
    ) -> bytes:
        """Fresh units for a vault, paid from its account: an encoded `Issue`; again the same to a repeat.

        `request`: 16 bytes; `economy`: of the units; `values`: one denomination for each unit; `at_economy`:
        of the vault, None if it is that of the units. Raises Refusal (MALFORMED, AMOUNT,
        UNIT_VALUE, UNIT_ECONOMY, TOO_LARGE, AUTHENTICATION, TRANSACTION for another request of that name,
        INSUFFICIENT_FUNDS), IssuerError, DatabaseError.
        """
        self._check_order(request, vault, values)
        office = self._office
        with office.database.writing() as connection:
            known = connection.execute(select(ISSUE).where(ISSUE.c.request == request)).one_or_none()
            if known is not None:
                # EPP-CEN-065
                return _again(known, vault, economy, values)
            centre = office.refresh(connection)
            # EPP-UNI-004
            if economy not in json.loads(centre.economies):
                raise Refusal(Code.UNIT_ECONOMY, "EPP-CEN-019", f"economy {economy} is not ours")
            amount = sum(values)
            # EPP-CEN-019
            if BOOKS.amount(connection, vault_account(vault)) < amount:
                raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-CEN-019", f"the account holds less than {amount}")
            transaction = office.random(16)
            units = _sign(
                connection=connection,
                key=office.signing_key(connection, centre.epoch),
                centre=centre,
                vault=vault,
                transaction=transaction,
                economy=economy,
                values=values,
            )
            encoded = Issue(transaction=transaction, amount=amount, units=units).encode()
            # EPP-CEN-019
            if len(encoded) > LIMIT:
                raise Refusal(Code.TOO_LARGE, "EPP-CEN-019", "too many units for one issue")
            connection.execute(
                ISSUE.insert().values(
                    request=request,
                    vault=vault,
                    economy=economy,
                    denominations=json.dumps(list(values)),
                    transaction_id=transaction,
                    amount=amount,
                    epoch=centre.epoch,
                    encoded=encoded,
                )
            )
            # EPP-CEN-012
            amounts = {vault_account(vault): -amount, outstanding_account(economy): amount}
            BOOKS.post(connection, transaction, amounts)
            connection.execute(
                BOOKING.insert().values(
                    kind="issue",
                    economy=economy,
                    at_economy=economy if at_economy is None else at_economy,
                    value=amount,
                    epoch=centre.epoch,
                )
            )
        return encoded

    def receipt(self, vault: bytes, transaction: bytes, signature: bytes) -> None:
        """Keep the vault's receipt for an issue; the same again changes nothing.

        Raises Refusal (UNKNOWN_TRANSACTION, RECEIPT), DatabaseError.
        """
        with self._office.database.writing() as connection:
            row = connection.execute(
                select(ISSUE).where(ISSUE.c.transaction_id == transaction, ISSUE.c.vault == vault)
            ).one_or_none()
            if row is None:
                raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CEN-071", "no such issue to this vault")
            payload = ReceiptPayload(
                transaction=transaction,
                payer=objects.ISSUER_NUMBER,
                payee=vault,
                amount=row.amount,
                offer_digest=sha256(row.encoded).digest(),
            ).encode()
            # EPP-CEN-071
            public = self._office.registered(vault, "EPP-CEN-071")
            if not cose.verify_detached(public, objects.CONTEXT_RECEIPT, payload, signature):
                raise Refusal(Code.RECEIPT, "EPP-CEN-071", "the receipt does not verify")
            if row.receipt is None:
                which = ISSUE.c.request == row.request
                connection.execute(ISSUE.update().where(which).values(receipt=signature))

    def _check_order(self, request: bytes, vault: bytes, values: Sequence[int]) -> None:
        # EPP-CEN-019
        if len(request) != 16:
            raise Refusal(Code.MALFORMED, "EPP-CEN-019", f"a request has 16 bytes, not {len(request)}")
        if not values:
            raise Refusal(Code.AMOUNT, "EPP-CEN-019", "an issue has one unit or more")
        if len(values) > UNITS_MAX:
            raise Refusal(Code.TOO_LARGE, "EPP-CEN-019", f"{len(values)} units, at most {UNITS_MAX}")
        # EPP-UNI-007
        wrong = next((value for value in values if value not in objects.VALUES), None)
        if wrong is not None:
            raise Refusal(Code.UNIT_VALUE, "EPP-UNI-007", f"{wrong} is not a denomination")
        self._office.registered(vault, "EPP-CEN-019")


def _sign(
    *,
    connection: Connection,
    key: MoneyKey,
    centre: Any,
    vault: bytes,
    transaction: bytes,
    economy: int,
    values: Sequence[int],
) -> tuple[tuple[bytes, bytes], ...]:
    """Number, sign and endorse the units, and enter them into the history database."""
    rows: list[dict[str, Any]] = []
    issued: list[tuple[bytes, bytes]] = []
    numbers = _numbers(connection, centre, len(values))
    for (number, issue), value in zip(numbers, values, strict=True):
        unit = Unit(
            number=number,
            issue=issue,
            value=value,
            economy=economy,
            issued=centre.epoch,
            expires=centre.epoch + centre.unit_lifetime,
            max_hops=centre.max_hops,
            seal=centre.seal,
        )
        payload = unit.encode()
        identifier = unit_id(key.kid, payload)
        signature = endorse(key.unit_key, genesis(identifier, holder=vault, transaction=transaction))
        issued.append((sign_unit(key, payload), signature))
        rows.append(
            {
                "number": number,
                "issue": issue,
                "unit_id": identifier,
                "kid": key.kid,
                "value": value,
                "economy": economy,
                "issued": unit.issued,
                "expires": unit.expires,
                "holder": vault,
                "transaction_id": transaction,
                "state": int(State.OUTSTANDING),
            }
        )
    connection.execute(UNIT.insert(), rows)
    return tuple(issued)


def _again(known: Row[Any], vault: bytes, economy: int, values: Sequence[int]) -> bytes:
    same = (known.vault, known.economy, json.loads(known.denominations)) == (vault, economy, list(values))
    if not same:
        raise Refusal(Code.TRANSACTION, "EPP-CEN-019", "this request was made before, for something else")
    return bytes(known.encoded)


def _numbers(connection: Connection, centre: Any, count: int) -> list[tuple[int, int]]:
    """(number, issue) of so many units: closed numbers first if the rules say so, then new ones."""
    found: list[tuple[int, int]] = []
    # EPP-CEN-064
    if centre.reuse_numbers:
        query = select(CLOSED_NUMBER).order_by(CLOSED_NUMBER.c.number).limit(count)
        closed = [(row.number, row.issue) for row in connection.execute(query)]
        if closed:
            last = closed[-1][0]
            connection.execute(CLOSED_NUMBER.delete().where(CLOSED_NUMBER.c.number <= last))
        found = [(number, issue + 1) for number, issue in closed]
    new = count - len(found)
    first = centre.next_number
    if first + new - 1 > NUMBER_MAX:
        raise IssuerError("all unit numbers are used up")
    # EPP-CEN-011
    if new:
        connection.execute(CENTRE.update().values(next_number=first + new))
    return found + [(number, 0) for number in range(first, first + new)]
