"""For workers of an audit: signatures of issues and of paths, verified again with public keys only."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from eiraku.reference.anchor import parse_unit
from eiraku.reference.crypto import cose
from eiraku.reference.purse.units import genesis, is_endorsed
from eiraku.spec import objects
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import ReceiptPayload
from eiraku.system.issuing.chain import walk
from eiraku.system.issuing.schema import read_path

PublicKeyOf = Mapping[bytes, bytes | None]
"""Purse number, or key identifier of a unit key, to its public key; None: not registered."""

FACTS = (
    "unit_id",
    "kid",
    "number",
    "issue",
    "value",
    "economy",
    "issued",
    "expires",
    "holder",
    "transaction_id",
)
"""Columns of the history database that an issue fixes."""
Facts = tuple[bytes, bytes, int, int, int, int, int, int, bytes, bytes]


class IssueRow(NamedTuple):
    """What an audit reads of an issue."""

    request: bytes
    vault: bytes
    economy: int
    transaction_id: bytes
    amount: int
    encoded: bytes
    receipt: bytes | None


class Walk(NamedTuple):
    """A path to be walked again. `unit_key`: public, empty for a money key that is not known."""

    sequence: int
    unit_id: bytes
    path: bytes
    unit_key: bytes


def issues(
    unit_keys: PublicKeyOf, rows: Sequence[IssueRow], vaults: PublicKeyOf
) -> list[tuple[bytes, list[Facts], list[str]]]:
    """For each issue its request, what its units say of themselves, and what is wrong with it."""
    return [_issue(unit_keys, row, vaults[row.vault]) for row in rows]


def _issue(
    unit_keys: PublicKeyOf, row: IssueRow, vault_key: bytes | None
) -> tuple[bytes, list[Facts], list[str]]:
    facts: list[Facts] = []
    problems: list[str] = []
    try:
        issue = Issue.decode(row.encoded)
        for raw, signature in issue.units:
            unit = parse_unit(raw)
            public = unit_keys.get(unit.kid) or b""
            # EPP-UNI-002
            if not public or not cose.verify(public, objects.CONTEXT_UNIT, unit.signed):
                problems.append(f"unit {unit.unit.number}: its signature does not verify")
            # EPP-CEN-066
            first = genesis(unit.unit_id, holder=row.vault, transaction=row.transaction_id)
            if not public or not is_endorsed(public, first, signature):
                problems.append(f"unit {unit.unit.number}: its first endorsement does not verify")
            one = unit.unit
            said = (one.number, one.issue, one.value, one.economy, one.issued, one.expires)
            facts.append((unit.unit_id, unit.kid, *said, row.vault, row.transaction_id))
    except Refusal as refusal:
        return row.request, facts, [f"its bytes are not those of an issue ({refusal.detail})"]
    if (issue.transaction, issue.amount) != (row.transaction_id, row.amount):
        problems.append("its bytes are those of another issue")
    if {unit[5] for unit in facts} != {row.economy} or sum(unit[4] for unit in facts) != row.amount:
        problems.append("its units are not worth what was paid for them")
    if row.receipt is not None:
        # EPP-CEN-071
        receipt = ReceiptPayload(
            transaction=row.transaction_id,
            payer=objects.ISSUER_NUMBER,
            payee=row.vault,
            amount=row.amount,
            offer_digest=sha256(row.encoded).digest(),
        ).encode()
        if vault_key is None or not cose.verify_detached(
            vault_key, objects.CONTEXT_RECEIPT, receipt, row.receipt
        ):
            problems.append("its receipt does not verify")
    return row.request, facts, problems


def walks(paths: Sequence[Walk], purses: PublicKeyOf) -> list[tuple[int, str]]:
    """Sequence of each path that does not stand, and why."""
    found = ((each.sequence, _walk(each, purses)) for each in paths)
    return [(sequence, problem) for sequence, problem in found if problem]


def _walk(path: Walk, purses: PublicKeyOf) -> str:
    if not path.unit_key:
        return "under a money key that is not known"
    return walk(read_path(path.unit_id, path.path), unit_key=path.unit_key, public_keys=purses.get)
