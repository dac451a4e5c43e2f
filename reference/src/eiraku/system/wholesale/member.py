"""A member of the scheme: follows the operator's log and need not trust the operator.

It keeps the whole log, every checkpoint that it accepted, and the accounts that it computed itself, in a
database of its own. What it refuses changes nothing.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    select,
)

from eiraku.spec import merkle
from eiraku.spec.errors import Misuse, Refused
from eiraku.spec.merkle import ProofError
from eiraku.spec.signed_note import Note
from eiraku.spec.wholesale_objects import Checkpoint, Entry
from eiraku.system.database import Database, Schema
from eiraku.system.wholesale import accounts, checkpoint
from eiraku.system.wholesale.accounts import Replay, Standing
from eiraku.system.wholesale.checkpoint import Evidence
from eiraku.system.wholesale.errors import CheckpointError
from eiraku.system.wholesale.log import Log
from eiraku.system.wholesale.note import SignatureType, Trust, VerifierKey

_METADATA = MetaData()
_LOG = Log.declare(_METADATA)
_VIEW = Table(
    "view",
    _METADATA,
    Column("one", Integer, primary_key=True),
    Column("operator", Text, nullable=False),  # verifier key
    Column("quorum", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),  # of the last entry
)
_WITNESS = Table("witness", _METADATA, Column("key", Text, primary_key=True))
_ACCOUNT = Table(
    "account",
    _METADATA,
    Column("name", String(64), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
_POSTED = Table("posted", _METADATA, Column("posting", LargeBinary(16), primary_key=True))
_ACCEPTED = Table(
    "accepted",
    _METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)
SCHEMA = Schema(name="wholesale member", version=2, metadata=_METADATA)


class ForkFoundError(Refused):
    """The operator signed two logs; `evidence` shows it to anybody."""

    def __init__(self, evidence: Evidence, said: str) -> None:
        super().__init__(f"the operator's log has a fork; keep and publish the evidence: {said}")
        self.evidence = evidence


class Member:
    """A member's view in an open database (of `SCHEMA`)."""

    def __init__(self, database: Database) -> None:
        """Open a view that `create` made. Raises Misuse, DatabaseError."""
        self._database = database
        with database.reading() as connection:
            row = connection.execute(select(_VIEW)).one_or_none()
            keys = connection.execute(select(_WITNESS.c.key).order_by(_WITNESS.c.key)).scalars().all()
        if row is None:
            raise Misuse(f"{database.name}: expected a member's view; create it first")
        self.trust = Trust(
            operator=VerifierKey.parse(row.operator, SignatureType.OPERATOR),
            witnesses=tuple(VerifierKey.parse(key, SignatureType.WITNESS) for key in keys),
            quorum=row.quorum,
        )

    @classmethod
    def create(cls, database: Database, trust: Trust) -> "Member":
        """Begin to follow the log of an operator. Raises Misuse."""
        with database.writing() as connection:
            if connection.execute(select(_VIEW)).one_or_none() is not None:
                raise Misuse(f"{database.name}: a member's view already; name another database")
            connection.execute(_VIEW.insert().values(one=1, operator=str(trust.operator), quorum=0, epoch=0))
            _rely_on(connection, trust)
        return cls(database)

    def rely_on(self, witnesses: Sequence[VerifierKey], quorum: int) -> None:
        """From now on ask for cosignatures of `quorum` of these witnesses. Raises Misuse."""
        trust = Trust(operator=self.trust.operator, witnesses=tuple(witnesses), quorum=quorum)
        with self._database.writing() as connection:
            _rely_on(connection, trust)
        self.trust = trust

    @property
    def signed(self) -> str | None:
        """The checkpoint that was accepted last, with the signatures of known keys; None before the first."""
        with self._database.reading() as connection:
            return _last(connection)

    @property
    def size(self) -> int:
        """Number of entries under the checkpoint that was accepted last."""
        with self._database.reading() as connection:
            return _LOG.size(connection)

    def standings(self) -> dict[int, Standing]:
        """The accounts of every member as computed here, in ascending order of economies."""
        with self._database.reading() as connection:
            return accounts.standings(_balances(connection))

    def entries(self) -> Iterator[Entry]:
        """All entries accepted. Raises Refused."""
        with self._database.reading() as connection:
            for leaf in _LOG.leaves(connection, 0, _LOG.size(connection)):
                yield Entry.decode(leaf)

    def accept(self, signed: str, proof: Sequence[bytes], leaves: Sequence[bytes]) -> Checkpoint:
        """Go on to a newer checkpoint: `proof` of consistency with the last one, `leaves` between them.

        Raises CheckpointError or ProofError for what does not belong to the log, EntryError for an entry
        that the rules do not permit, ForkFoundError with evidence.
        """
        evidence = self.examine(signed)
        # EPP-WHS-028: whatever the witnesses say.
        if evidence is not None:
            raise ForkFoundError(evidence, evidence.verify(self.trust.operator))
        new, kept = checkpoint.accept(signed, self.trust)
        with self._database.writing() as connection:
            size = _LOG.size(connection)
            old = self._checkpoint(connection)
            # EPP-WHS-005
            if new.size < size or (old is not None and new.epoch < old.epoch):
                raise CheckpointError(
                    f"a checkpoint of {new.size} entries at epoch {new.epoch} is older than the one "
                    "accepted; ask for a newer one"
                )
            merkle.verify_consistency(size, new.size, _LOG.root(connection, size), new.root, proof)
            if len(leaves) != new.size - size:
                raise ProofError(f"expected {new.size - size} entries from {size} on, found {len(leaves)}")
            _LOG.append(connection, leaves)
            # EPP-WHS-023
            if _LOG.root(connection, new.size) != new.root:
                raise ProofError("the entries are not those under the checkpoint; ask for them again")
            replay = self._replay(connection, size, leaves)
            # EPP-WHS-009
            if replay.epoch > new.epoch:
                raise CheckpointError(
                    f"an entry of epoch {replay.epoch} is under a checkpoint of {new.epoch}"
                )
            accounts.check(replay.balances)
            _store(connection, replay)
            _keep(connection, kept)
        return new

    def examine(self, signed: str, leaves: Sequence[bytes] = ()) -> Evidence | None:
        """Evidence of a fork, if a checkpoint (say, one that another member was given) is none of this log.

        `leaves`: all those under it, needed to judge one of a larger size; without them the answer is None,
        and `accept` tells whether it continues this log. Raises CheckpointError.
        """
        operator = self.trust.operator
        other = checkpoint.verify(signed, operator)
        with self._database.reading() as connection:
            mine, last = self._checkpoint(connection), _last(connection)
            if mine is None or last is None:
                return None
            # EPP-WHS-010
            if other.size < mine.size and other.epoch > mine.epoch:
                return Evidence(first=signed, second=last, root=mine.root)
            if other.size > mine.size:
                found = checkpoint.against(last, signed, leaves, operator)
                return found if found.shows(operator) else None
            root = _LOG.root(connection, other.size)
            # EPP-WHS-010
            if root == other.root:
                return None
            proof = _LOG.consistency(connection, other.size, mine.size)
            return Evidence(first=signed, second=last, root=root, proof=proof)

    def _checkpoint(self, connection: Connection) -> Checkpoint | None:
        last = _last(connection)
        return None if last is None else checkpoint.verify(last, self.trust.operator)

    def _replay(self, connection: Connection, size: int, leaves: Sequence[bytes]) -> Replay:
        def known(posting: bytes) -> bool:
            query = select(_POSTED).where(_POSTED.c.posting == posting)
            return connection.execute(query).one_or_none() is not None

        epoch = connection.execute(select(_VIEW.c.epoch)).scalar_one()
        replay = Replay(size=size, epoch=epoch, balances=_balances(connection), known=known)
        for leaf in leaves:
            # EPP-WHS-009
            replay.add(leaf)
        if replay.postings:
            connection.execute(_POSTED.insert(), [{"posting": posting} for posting in replay.postings])
        return replay


def _rely_on(connection: Connection, trust: Trust) -> None:
    connection.execute(_WITNESS.delete())
    if trust.witnesses:
        connection.execute(_WITNESS.insert(), [{"key": str(key)} for key in trust.witnesses])
    connection.execute(_VIEW.update().values(quorum=trust.quorum))


def _last(connection: Connection) -> str | None:
    query = select(_ACCEPTED.c.note).order_by(_ACCEPTED.c.sequence.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none()


def _keep(connection: Connection, kept: Note) -> None:
    """Store what was accepted; the same text again only if more witnesses cosigned it."""
    last = _last(connection)
    number = connection.execute(select(func.count()).select_from(_ACCEPTED)).scalar_one()
    old = None if last is None else Note.decode(last)
    if old is None or old.text != kept.text:
        connection.execute(_ACCEPTED.insert().values(sequence=number, note=kept.encode()))
    elif len(kept.signatures) > len(old.signatures):
        newest = _ACCEPTED.c.sequence == number - 1
        connection.execute(_ACCEPTED.update().where(newest).values(note=kept.encode()))


def _balances(connection: Connection) -> dict[str, int]:
    return {row.name: row.amount for row in connection.execute(select(_ACCOUNT))}


def _store(connection: Connection, replay: Replay) -> None:
    connection.execute(_VIEW.update().values(epoch=replay.epoch))
    connection.execute(_ACCOUNT.delete())
    rows = [{"name": name, "amount": amount} for name, amount in replay.balances.items()]
    if rows:
        connection.execute(_ACCOUNT.insert(), rows)
