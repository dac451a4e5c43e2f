"""What a service answered last to each purse, on the medium (EPP-SVC-043).

One row for each purse and service: the sequence of the last request carried out, the digest of its bytes, and
the answer or refusal. The row is written before the answer leaves. If power fails between the effect of a
request and its row, the same request is carried out again; so every method is idempotent by its request id.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, select

from eiraku.system.database import Database, Schema

METADATA = MetaData()
_LAST = Table(
    "last_request",
    METADATA,
    Column("audience", String(32), primary_key=True),
    Column("purse", LargeBinary(8), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("answer", LargeBinary, nullable=True),
    Column("code", String(32), nullable=True),
    Column("requirement", String(16), nullable=True),
    Column("detail", String(400), nullable=True),
)
_CODE = Table(
    "enrolment",
    METADATA,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("tier", BigInteger, nullable=False),
    Column("holder", LargeBinary(32), nullable=False),
    Column("economy", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("last_epoch", BigInteger, nullable=False),
    Column("public_key", LargeBinary(32), nullable=True),
)
ENROLMENTS = _CODE
"""Codes that are out, by SHA-256 digest; `public_key`: who has used it."""
_SEEN = Table(
    "bulletin_seen",
    METADATA,
    Column("epoch", BigInteger, primary_key=True),
    Column("since", BigInteger, nullable=False),
)
SCHEMA = Schema(name="services", version=1, metadata=METADATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refusal that was given, to be given again."""

    code: str
    requirement: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The last request of one purse: `digest` of its bytes (32), and what was answered."""

    sequence: int
    digest: bytes
    outcome: bytes | Refused


class Journal:
    """The journal of all services of one operator. `database`: of schema `SCHEMA`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, audience: str, purse: bytes) -> Entry | None:
        """The last request of a purse to a service. Raises DatabaseError."""
        query = select(_LAST).where(_LAST.c.audience == audience, _LAST.c.purse == purse)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        outcome: bytes | Refused
        if row.code is None:
            outcome = bytes(row.answer)
        else:
            outcome = Refused(code=row.code, requirement=row.requirement, detail=row.detail)
        return Entry(sequence=row.sequence, digest=bytes(row.digest), outcome=outcome)

    def keep(self, audience: str, purse: bytes, entry: Entry) -> None:
        """Make an answer durable, in place of the one before. Raises DatabaseError."""
        refused = entry.outcome if isinstance(entry.outcome, Refused) else None
        values = {
            "sequence": entry.sequence,
            "digest": entry.digest,
            "answer": None if isinstance(entry.outcome, Refused) else entry.outcome,
            "code": refused and refused.code,
            "requirement": refused and refused.requirement,
            "detail": refused and refused.detail[:400],
        }
        mine = (_LAST.c.audience == audience, _LAST.c.purse == purse)
        with self._database.writing() as connection:
            if connection.execute(_LAST.update().where(*mine).values(values)).rowcount == 0:
                connection.execute(_LAST.insert().values(audience=audience, purse=purse, **values))

    def age(self, epoch: int, now: float) -> int:
        """Seconds since the bulletin of this epoch was first seen. Raises DatabaseError."""
        with self._database.writing() as connection:
            row = connection.execute(select(_SEEN)).one_or_none()
            since = int(now) if row is None or row.epoch != epoch else int(row.since)
            # Written every time: a medium that takes no writes shows here first.
            connection.execute(_SEEN.delete())
            connection.execute(_SEEN.insert().values(epoch=epoch, since=since))
        return max(0, int(now) - since)
