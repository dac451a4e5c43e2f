"""Postings in one durable write: first judged in memory, one after the other, then written and read back."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection

from eiraku.spec.errors import Refusal
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.books import BooksError
from eiraku.system.wholesale import accounts, schema
from eiraku.system.wholesale.errors import BrokenBooksError, PostingError


class Batch:
    """Entries that go into books and log together, within the caller's durable write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._epoch = schema.epoch(connection)
        self._balances = schema.balances(connection)
        self._size = schema.LOG.size(connection)
        self._new: dict[bytes, tuple[int, Entry]] = {}
        # A batch on books that are broken already must not begin.
        accounts.check(self._balances)

    def add(self, entry: Entry) -> int:
        """Judge one entry, whose `epoch` is set here; its index in the log.

        Raises PostingError, BrokenBooksError; what was added before stays as it is.
        """
        entry = replace(entry, epoch=self._epoch)
        try:
            Entry.decode(entry.encode())
        except Refusal as refusal:
            raise PostingError(refusal.requirement, refusal.detail) from None
        known = self._known(entry.posting)
        if known is not None:
            # EPP-WHS-033, EPP-WHS-034
            if replace(known[1], epoch=self._epoch) != entry:
                raise PostingError(
                    "EPP-WHS-034", f"posting {entry.posting.hex()} is known as another one; take a new id"
                )
            return known[0]
        balances = accounts.after(entry, self._balances)
        accounts.check(balances)
        self._balances = balances
        position = self._size + len(self._new)
        self._new[entry.posting] = (position, entry)
        return position

    def write(self) -> None:
        """Write books, log and index of postings, and compare the books with what was judged.

        Raises PostingError, BrokenBooksError; then the caller's durable write must not be completed.
        """
        if not self._new:
            return
        entries = [entry for _, entry in self._new.values()]
        self._book(entries)
        # EPP-WHS-003
        begin = schema.LOG.append(self._connection, [entry.encode() for entry in entries])
        rows = [
            {"posting": entry.posting, "position": position}
            for position, entry in enumerate(entries, start=begin)
        ]
        self._connection.execute(schema.POSTED.insert(), rows)
        stored = schema.balances(self._connection)
        # EPP-WHS-032
        accounts.check(stored)
        if stored != self._balances:
            wrong = sorted(name for name in stored if stored[name] != self._balances.get(name))
            raise BrokenBooksError(f"the books have another amount than posted in {', '.join(wrong)}")

    def _book(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.kind is Kind.JOIN:
                self._connection.execute(schema.MEMBER.insert().values(economy=entry.economy))
                continue
            try:
                schema.BOOKS.post(self._connection, entry.posting, accounts.movements(entry))
            except BooksError as error:
                raise PostingError("EPP-WHS-002", str(error)) from None

    def _known(self, posting: bytes) -> tuple[int, Entry] | None:
        if posting in self._new:
            return self._new[posting]
        position = schema.position(self._connection, posting)
        if position is None:
            return None
        leaf = next(schema.LOG.leaves(self._connection, position, position + 1))
        return position, Entry.decode(leaf)
