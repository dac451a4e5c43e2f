"""Cases: what the issuing centre must look into, as written and as read (EPP-CEN-003, 005, 030)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from eiraku.spec import objects
from eiraku.system.issuing.attribution import Fork
from eiraku.system.issuing.chain import BadLayer, Endorsement
from eiraku.system.issuing.evidence import Evidence
from eiraku.system.issuing.schema import CASE, IssuerError, read_endorsement, write_endorsement

COPY = "copy"
BAD_HISTORY = "bad-history"
TWO_KEYS = "two-keys"
UNKNOWN = "unknown"
NOT_ISSUED = "under our key, and not in the history database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What must be looked into, in the order of its `sequence`.

    `kind`: `copy` (`first`, `second`: two endorsements that `purse` signed for the unit and hop),
    `bad-history` (`history`: what was deposited; `second`: the endorsement by which `purse` gave the bad
    layer away, if there is one), `two-keys` (the same, but the fault may be a second key of `payer`), or
    `unknown` (a unit under our key that the history database does not have; `purse`: eight zero bytes).
    `unit`: as signed.
    """

    sequence: int
    kind: str
    purse: bytes
    unit_id: bytes
    hop: int
    epoch: int
    unit: bytes
    detail: str
    first: Endorsement | None
    second: Endorsement | None
    history: bytes | None
    payer: bytes | None

    def evidence(self, purse_id: bytes) -> Evidence:
        """The evidence of a copy, for a file. `purse_id`: of `purse`, as signed; empty at hop 0.

        Raises IssuerError for another kind of case: it has no evidence of a double spend (EPP-CEN-005).
        """
        # EPP-CEN-005
        if self.kind != COPY or self.first is None or self.second is None:
            raise IssuerError(
                f"case {self.sequence} is of kind {self.kind}, expected {COPY}: it convicts nobody"
            )
        return Evidence(unit=self.unit, purse_id=purse_id, first=self.first, second=self.second)


def read_case(row: Row[Any]) -> Case:
    """A case from its row."""
    return Case(
        sequence=row.sequence,
        kind=row.kind,
        purse=row.purse,
        unit_id=row.unit_id,
        hop=row.hop,
        epoch=row.epoch,
        unit=row.unit,
        detail=row.detail,
        first=None if row.first is None else read_endorsement(row.first, row.hop),
        second=None if row.second is None else read_endorsement(row.second, _second_hop(row)),
        history=row.history,
        payer=row.payer,
    )


def _second_hop(row: Row[Any]) -> int:
    """The hop of the second endorsement: a bad layer of one hop is given away at the next."""
    return int(row.hop) + int(row.kind == BAD_HISTORY)


def copy_case(fork: Fork, unit: bytes, epoch: int) -> dict[str, Any]:
    """The row of a fork (EPP-CEN-005)."""
    return _row(
        kind=COPY,
        purse=fork.signer,
        unit_id=fork.unit_id,
        hop=fork.hop,
        epoch=epoch,
        unit=unit,
        detail=f"signed two endorsements of hop {fork.hop}",
        first=write_endorsement(fork.first),
        second=write_endorsement(fork.second),
    )


def layer_case(fault: BadLayer, unit_id: bytes, unit: bytes, history: bytes, epoch: int) -> dict[str, Any]:
    """The row of a bad layer (EPP-CEN-003)."""
    endorsed = None if fault.endorsed is None else write_endorsement(fault.endorsed)
    return _row(
        kind=BAD_HISTORY,
        purse=fault.purse,
        unit_id=unit_id,
        hop=fault.hop,
        epoch=epoch,
        unit=unit,
        detail=fault.reason,
        second=endorsed,
        history=history,
        payer=fault.payer,
    )


def unknown_case(unit_id: bytes, unit: bytes, epoch: int, detail: str) -> dict[str, Any]:
    """The row of a unit that was never issued."""
    return _row(
        kind=UNKNOWN,
        purse=objects.ISSUER_NUMBER,
        unit_id=unit_id,
        hop=0,
        epoch=epoch,
        unit=unit,
        detail=detail,
    )


def _row(
    *,
    kind: str,
    purse: bytes,
    unit_id: bytes,
    hop: int,
    epoch: int,
    unit: bytes,
    detail: str,
    first: bytes | None = None,
    second: bytes | None = None,
    history: bytes | None = None,
    payer: bytes | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "purse": purse,
        "unit_id": unit_id,
        "hop": hop,
        "epoch": epoch,
        "unit": unit,
        "detail": detail,
        "first": first,
        "second": second,
        "history": history,
        "payer": payer,
    }


def store_cases(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add the cases that are not known yet: one for each unit, kind, purse and hop."""
    for row in rows:
        same = [CASE.c[name] == row[name] for name in ("unit_id", "kind", "purse", "hop")]
        if connection.execute(select(CASE.c.sequence).where(*same)).one_or_none() is None:
            connection.execute(CASE.insert().values(**row))
