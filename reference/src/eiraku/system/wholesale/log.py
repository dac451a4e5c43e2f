"""The append-only log in a database: leaves, and the hash of every complete subtree (chapter 15).

An append and a proof read and write O(log n) hashes. A subtree is stored under one integer, its place in the
order from left to right: `(2 * position + 1) * 2**level - 1`. Once stored it never changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, func, select

from eiraku.spec import merkle
from eiraku.spec.errors import Refused
from eiraku.spec.merkle import Node, Range

_KEY = BigInteger().with_variant(Integer, "sqlite")  # an SQLite INTEGER has 64 bits, and only it is a row id
_PIECE = 1000


def place(node: Node) -> int:
    """The integer under which a subtree is stored."""
    return ((2 * node.position + 1) << node.level) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The two tables of one log. Every method takes the connection of the durable change it is part of."""

    leaf: Table
    node: Table

    @classmethod
    def declare(cls, metadata: MetaData) -> "Log":
        """Add the tables to a schema."""
        leaf = Table(
            "leaf",
            metadata,
            Column("position", _KEY, primary_key=True, autoincrement=False),
            Column("data", LargeBinary, nullable=False),
        )
        node = Table(
            "node",
            metadata,
            Column("place", _KEY, primary_key=True, autoincrement=False),
            Column("hash", LargeBinary(merkle.HASH), nullable=False),
        )
        return cls(leaf=leaf, node=node)

    def size(self, connection: Connection) -> int:
        """Number of leaves."""
        last = connection.execute(select(func.max(self.leaf.c.position))).scalar_one_or_none()
        return 0 if last is None else int(last) + 1

    def append(self, connection: Connection, leaves: Sequence[bytes]) -> int:
        """Add leaves (data); the position of the first. Raises Refused."""
        size = self.size(connection)
        # Complete subtrees that wait for their right neighbour, from left to right.
        known = self._hashes(connection, [Range(0, size)])
        edge = [known[node] for node in merkle.subtrees(Range(0, size))]
        nodes = [
            {"place": place(node), "hash": hashed}
            for position, data in enumerate(leaves, start=size)
            for node, hashed in merkle.grow(edge, position, data)
        ]
        if leaves:
            rows = [{"position": size + index, "data": data} for index, data in enumerate(leaves)]
            connection.execute(self.leaf.insert(), rows)
            connection.execute(self.node.insert(), nodes)
        return size

    def root(self, connection: Connection, size: int) -> bytes:
        """Root over the first `size` leaves. Raises Refused."""
        span = Range(0, size)
        return merkle.root(span, self._hashes(connection, [span]))

    def inclusion(self, connection: Connection, index: int, size: int) -> tuple[bytes, ...]:
        """Proof that leaf `index` is in the log of `size` leaves. Raises ValueError, Refused."""
        return self._proof(connection, merkle.inclusion(index, size))

    def consistency(self, connection: Connection, first: int, second: int) -> tuple[bytes, ...]:
        """Proof that the log of `second` leaves continues that of `first`. Raises as `inclusion`."""
        return self._proof(connection, merkle.consistency(first, second))

    def leaves(self, connection: Connection, begin: int, end: int) -> Iterator[bytes]:
        """Data of leaves from `begin` up to `end`, in order. Raises Refused."""
        for start in range(begin, end, _PIECE):
            stop = min(start + _PIECE, end)
            query = select(self.leaf).where(self.leaf.c.position >= start, self.leaf.c.position < stop)
            rows = connection.execute(query.order_by(self.leaf.c.position)).all()
            if [row.position for row in rows] != list(range(start, stop)):
                raise Refused(f"leaves {start} to {stop - 1}: some are missing; restore a backup")
            yield from (row.data for row in rows)

    def damage(self, connection: Connection) -> Iterator[str]:
        """What does not follow from the leaves, one sentence each: every stored hash is made again."""
        size = self.size(connection)
        edge: list[bytes] = []
        made: dict[Node, bytes] = {}
        for position, data in enumerate(self._present(connection, size)):
            if data is None:
                yield f"leaf {position} is missing; nothing after it can be checked"
                return
            made |= merkle.grow(edge, position, data)
            if len(made) >= _PIECE or position == size - 1:
                yield from self._differences(connection, made)
                made.clear()
        total = connection.execute(select(func.count()).select_from(self.node)).scalar_one()
        expected = 2 * size - size.bit_count()
        if total != expected:
            yield f"{total} hashes are stored where {size} leaves have {expected}"

    def _differences(self, connection: Connection, made: dict[Node, bytes]) -> Iterator[str]:
        stored = self._stored(connection, list(made))
        for node, hashed in made.items():
            if stored.get(place(node)) != hashed:
                first, last = node.position << node.level, ((node.position + 1) << node.level) - 1
                which = f"leaf {first}" if first == last else f"leaves {first} to {last}"
                yield f"{which}: the stored hash is not that of the data"

    def _present(self, connection: Connection, size: int) -> Iterator[bytes | None]:
        for position in range(size):
            if position % _PIECE == 0:
                query = select(self.leaf).where(
                    self.leaf.c.position >= position, self.leaf.c.position < position + _PIECE
                )
                rows = {row.position: row.data for row in connection.execute(query)}
            yield rows.get(position)

    def _proof(self, connection: Connection, spans: Sequence[Range]) -> tuple[bytes, ...]:
        known = self._hashes(connection, spans)
        return tuple(merkle.root(span, known) for span in spans)

    def _hashes(self, connection: Connection, spans: Iterable[Range]) -> dict[Node, bytes]:
        wanted = [node for span in spans for node in merkle.subtrees(span)]
        stored = self._stored(connection, wanted)
        lost = [node for node in wanted if place(node) not in stored]
        if lost:
            raise Refused(f"{len(lost)} stored hashes of the log are missing; restore a backup")
        return {node: stored[place(node)] for node in wanted}

    def _stored(self, connection: Connection, nodes: Sequence[Node]) -> dict[int, bytes]:
        if not nodes:
            return {}
        query = select(self.node).where(self.node.c.place.in_([place(node) for node in nodes]))
        return {row.place: row.hash for row in connection.execute(query)}
