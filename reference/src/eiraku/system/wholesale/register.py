"""The backing register of the operator: accounts of the members, the log of all postings, checkpoints.

Every posting is one durable write of books and log together, with the check of what must hold after it; a
posting that is known changes nothing. Amounts are minor units of the basket unit, postings have 16 bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Misuse
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.signed_note import SIGNATURES_MAX, Note
from eiraku.spec.wholesale_objects import ORIGIN_MAX, Checkpoint, Entry, Kind, is_origin
from eiraku.system.database import Database
from eiraku.system.wholesale import accounts, checkpoint, schema
from eiraku.system.wholesale.accounts import Standing
from eiraku.system.wholesale.errors import BrokenBooksError, CheckpointError, EntryError
from eiraku.system.wholesale.note import SignatureType, VerifierKey
from eiraku.system.wholesale.posting import Batch

Random = Callable[[int], bytes]

SCHEMA = schema.SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A checkpoint as a note, the consistency proof from an earlier size, and the leaves between (data)."""

    signed: str
    proof: tuple[bytes, ...]
    leaves: tuple[bytes, ...]


class Register:
    """The register in an open database (of `SCHEMA`)."""

    def __init__(self, database: Database) -> None:
        """Open a register that `create` made. Raises Misuse, DatabaseError."""
        self.database = database
        with database.reading() as connection:
            row = connection.execute(select(schema.OPERATOR)).one_or_none()
        if row is None:
            raise Misuse(f"{database.name}: expected a register; create it first")
        self.origin: str = row.origin
        self._key = SigningKey(row.seed)

    @classmethod
    def create(cls, database: Database, *, origin: str, epoch: int, random: Random) -> "Register":
        """Make an empty register with a fresh operator's key. Raises Misuse, DatabaseError."""
        if not is_origin(origin) or not origin.isprintable():
            raise Misuse(
                f"expected a name of 1 to {ORIGIN_MAX} bytes for the log, without space and plus sign, "
                f"found {origin!r}"
            )
        _epoch(epoch)
        with database.writing() as connection:
            if connection.execute(select(schema.OPERATOR)).one_or_none() is not None:
                raise Misuse(f"{database.name}: a register already; name another database")
            connection.execute(
                schema.OPERATOR.insert().values(one=1, origin=origin, seed=random(32), epoch=epoch)
            )
        return cls(database)

    @property
    def operator(self) -> VerifierKey:
        """The operator's verifier key, which members are given."""
        return VerifierKey(name=self.origin, type=SignatureType.OPERATOR, public=self._key.public)

    @property
    def epoch(self) -> int:
        """Current epoch, which later entries and checkpoints carry."""
        with self.database.reading() as connection:
            return schema.epoch(connection)

    def advance(self, epoch: int) -> None:
        """Move to a later epoch. Raises Misuse."""
        _epoch(epoch)
        with self.database.writing() as connection:
            if epoch < schema.epoch(connection):
                raise Misuse(f"expected an epoch from {schema.epoch(connection)} on, found {epoch}")
            connection.execute(schema.OPERATOR.update().values(epoch=epoch))

    def join(self, posting: bytes, economy: int) -> int:
        """Make an economy a member; like every posting, gives the index of its entry in the log.

        All of them raise PostingError for what cannot be posted, BrokenBooksError, DatabaseError.
        """
        return self._one(posting, Kind.JOIN, economy, economy, 0)

    def contribute(self, posting: bytes, economy: int, amount: int) -> int:
        """Assets come in; the economy gets bonds for them on its own account."""
        return self._one(posting, Kind.CONTRIBUTE, economy, economy, amount)

    def withdraw(self, posting: bytes, economy: int, amount: int) -> int:
        """Bonds from the own account go back for assets."""
        return self._one(posting, Kind.WITHDRAW, economy, economy, amount)

    def issue(self, posting: bytes, economy: int, amount: int, *, at: int | None = None) -> int:
        """Coins of `economy` go out, backed from the own account of `at` (itself, if not given)."""
        return self._one(posting, Kind.ISSUE, economy, economy if at is None else at, amount)

    def redeem(self, posting: bytes, economy: int, amount: int) -> int:
        """Coins of `economy` come back at home."""
        return self._one(posting, Kind.REDEEM, economy, economy, amount)

    def reflux(self, posting: bytes, economy: int, at_economy: int, amount: int) -> int:
        """Coins of `economy` come back at another one, which gets the bonds behind them."""
        return self._one(posting, Kind.REDEEM, economy, at_economy, amount)

    def transfer(self, posting: bytes, economy: int, to: int, amount: int) -> int:
        """Bonds move between own accounts."""
        return self._one(posting, Kind.TRANSFER, economy, to, amount)

    def post(self, entries: Iterable[Entry]) -> tuple[int, ...]:
        """Several postings in one durable write, all or none; their `epoch` is set here. Raises as `join`."""
        with self.database.writing() as connection:
            batch = Batch(connection)
            found = tuple(batch.add(entry) for entry in entries)
            batch.write()
        return found

    def cursor(self, source: str) -> int:
        """Sequence of the last booking of `source` that was posted; 0 before the first."""
        with self.database.reading() as connection:
            return schema.cursor(connection, source)

    def standings(self) -> dict[int, Standing]:
        """The accounts of every member, in ascending order of economies."""
        return accounts.standings(self.balances())

    def balances(self) -> dict[str, int]:
        """Every account."""
        with self.database.reading() as connection:
            return schema.balances(connection)

    def issued(self, economy: int) -> int:
        """Coins of an economy that are out, according to the register."""
        return self.balances().get(f"issued:{economy}", 0)

    @property
    def size(self) -> int:
        """Number of entries in the log."""
        with self.database.reading() as connection:
            return schema.LOG.size(connection)

    def leaves(self, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Encoded entries from `begin` up to `end`. Raises Refused."""
        with self.database.reading() as connection:
            yield from schema.LOG.leaves(
                connection, begin, schema.LOG.size(connection) if end is None else end
            )

    def entries(self, begin: int = 0, end: int | None = None) -> Iterator[Entry]:
        """Entries from `begin` up to `end`. Raises Refused, Refusal for an altered leaf."""
        return (Entry.decode(leaf) for leaf in self.leaves(begin, end))

    def checkpoint(self) -> str:
        """The signed checkpoint of the log as it is; stored before it is given out."""
        with self.database.writing() as connection:
            made = Checkpoint(
                origin=self.origin,
                size=schema.LOG.size(connection),
                root=schema.LOG.root(connection, schema.LOG.size(connection)),
                epoch=schema.epoch(connection),
            )
            held = schema.CHECKPOINT
            query = select(held.c.note).order_by(held.c.size.desc(), held.c.epoch.desc()).limit(1)
            last = connection.execute(query).scalar_one_or_none()
            if last is not None:
                old = checkpoint.verify(last, self.operator)
                if old == made:
                    return str(last)
                # EPP-WHS-022: with the last one, all before it are continued.
                shrunk = old.size > made.size or old.epoch > made.epoch
                if shrunk or schema.LOG.root(connection, old.size) != old.root:
                    raise CheckpointError(
                        f"a checkpoint of {old.size} entries was signed at epoch {old.epoch} that this log "
                        f"of {made.size} contradicts; do not sign another one, restore the log"
                    )
            signed = checkpoint.sign(self._key, made)
            # EPP-WHS-021
            connection.execute(held.insert().values(size=made.size, epoch=made.epoch, note=signed))
        return signed

    def checkpoints(self) -> Sequence[str]:
        """Every signed checkpoint, smallest first."""
        held = schema.CHECKPOINT
        with self.database.reading() as connection:
            return [row.note for row in connection.execute(select(held).order_by(held.c.size, held.c.epoch))]

    def cosigned(self, signed: str | bytes, witnesses: Sequence[VerifierKey]) -> int:
        """Keep the cosignatures of `witnesses` under a stored checkpoint; how many those are.

        One that is kept already gives way.

        Raises CheckpointError, Misuse.
        """
        given, found = checkpoint.read(signed)
        lines = [line for one in witnesses for line in one.verified(given)[:1]]
        known = {(line.name, line.key_id) for line in lines}
        held = schema.CHECKPOINT
        this = (held.c.size == found.size) & (held.c.epoch == found.epoch)
        with self.database.writing() as connection:
            stored = connection.execute(select(held.c.note).where(this)).scalar_one_or_none()
            old = None if stored is None else Note.decode(stored)
            if old is None or old.text != given.text:
                raise CheckpointError("checkpoint: not one that this register signed")
            kept = [line for line in old.signatures if (line.name, line.key_id) not in known]
            new = Note(text=old.text, signatures=(*kept, *lines))
            if len(new.signatures) > SIGNATURES_MAX:
                raise Misuse(f"a checkpoint has {SIGNATURES_MAX} signatures at most; name fewer witnesses")
            connection.execute(held.update().where(this).values(note=new.encode()))
        return len(lines)

    def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Proof that entry `index` is in the log of `size` entries. Raises Misuse."""
        with self.database.reading() as connection:
            _within(index, 0, size - 1)
            _within(size, 0, schema.LOG.size(connection))
            return schema.LOG.inclusion(connection, index, size)

    def consistency(self, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the log of `second` entries continues that of `first`. Raises Misuse."""
        with self.database.reading() as connection:
            _within(first, 0, second)
            _within(second, 0, schema.LOG.size(connection))
            return schema.LOG.consistency(connection, first, second)

    def update(self, size: int) -> Update:
        """What a member needs whose last accepted checkpoint has `size` entries. Raises Misuse."""
        signed = self.checkpoint()
        newest = checkpoint.verify(signed, self.operator).size
        return Update(
            signed=signed,
            proof=self.consistency(size, newest),
            leaves=tuple(self.leaves(size, newest)),
        )

    def position(self, posting: bytes) -> int | None:
        """Index of the entry of a posting, if there is one."""
        with self.database.reading() as connection:
            return schema.position(connection, posting)

    def problems(self) -> list[str]:
        """Everything that contradicts itself in the database, one sentence each; empty if sound."""
        with self.database.reading() as connection:
            found = list(schema.LOG.damage(connection))
            size, balances = schema.LOG.size(connection), schema.balances(connection)
            if not found:
                found += _disagreement(schema.LOG.leaves(connection, 0, size), balances)
                found += self._contradicted(connection, size)
            books = schema.BOOKS.problem(connection)
            posted = connection.execute(select(func.count()).select_from(schema.POSTED)).scalar_one()
        if books:
            found.append(f"books: {books}")
        if posted != size:
            found.append(f"{posted} postings are known where the log has {size} entries")
        try:
            accounts.check(balances)
        except BrokenBooksError as error:
            found.append(str(error))
        return found

    def _contradicted(self, connection: Connection, size: int) -> Iterator[str]:
        for row in connection.execute(select(schema.CHECKPOINT).order_by(schema.CHECKPOINT.c.size)).all():
            try:
                signed = checkpoint.verify(row.note, self.operator)
            except CheckpointError as error:
                yield f"the stored checkpoint of {row.size} entries: {error}"
                continue
            if signed.size > size:
                yield f"a checkpoint of {signed.size} entries was signed, the log has {size}"
            elif schema.LOG.root(connection, signed.size) != signed.root:
                yield f"the signed root of {signed.size} entries is not that of the log"

    def _one(self, posting: bytes, kind: Kind, economy: int, at: int, amount: int) -> int:
        entry = Entry(posting=posting, kind=kind, epoch=0, economy=economy, at=at, amount=amount)
        return self.post([entry])[0]


def _disagreement(leaves: Iterable[bytes], balances: Mapping[str, int]) -> Iterator[str]:
    """Where the books are not what the entries make them."""
    replay = accounts.Replay()
    try:
        for leaf in leaves:
            replay.add(leaf)
    except EntryError as error:
        yield f"the log breaks the rules: {error}"
        return
    replayed = replay.balances
    for account in sorted(replayed.keys() | balances.keys()):
        if replayed.get(account, 0) != balances.get(account, 0):
            yield (
                f"{account} has {balances.get(account, 0)} in the books and {replayed.get(account, 0)} "
                "according to the log"
            )


def _epoch(epoch: int) -> None:
    if not 0 <= epoch <= EPOCH_MAX:
        raise Misuse(f"expected an epoch from 0 to {EPOCH_MAX}, found {epoch}")


def _within(value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Misuse(f"expected a number from {least} to {most}, found {value}")
