"""The key lists that a centre has announced, in its database: stored before anybody sees them.

Each is signed by the centre's root, which is not in the database: whoever changes keys brings it along.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, select

from eiraku.reference import keylists
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceList, MoneyList
from eiraku.spec.errors import Refusal, Refused


class AnnouncedError(Refused):
    """A key list that cannot be made; nothing was changed. Says what to do."""


def table(metadata: MetaData) -> Table:
    """The table of lists. `root`: the public half, 32 bytes, of who signed."""
    return Table(
        "key_list",
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("expires", BigInteger, nullable=False),
        Column("root", LargeBinary(32), nullable=False),
        Column("signed", LargeBinary, nullable=False),
    )


def newest(connection: Connection, lists: Table) -> Any:
    """The row of the newest list; None before the first."""
    query = select(lists).order_by(lists.c.sequence.desc()).limit(1)
    return connection.execute(query).one_or_none()


def announce(
    connection: Connection,
    lists: Table,
    root: SigningKey,
    expires: int | None,
    *,
    sign: Callable[[int, int], bytes],
    read: Callable[[bytes, bytes], DeviceList | MoneyList],
) -> bytes:
    """Store the next list, which `sign(sequence, expires)` makes; `expires` None: as the one before.

    `read(root, signed)`: as purses do. Raises AnnouncedError for another root than that of the lists before,
    and for a list that purses would refuse.
    """
    before = newest(connection, lists)
    if before is not None and before.root != root.public:
        raise AnnouncedError("expected the root that signed the key lists before; anchors know no other")
    # EPP-CEN-042, EPP-DEV-041
    sequence = 1 if before is None else before.sequence + 1
    last = before.expires if expires is None else expires
    signed = sign(sequence, last)
    try:
        keylists.check_keys(read(root.public, signed), roots=(root.public,))
    except Refusal as refusal:
        raise AnnouncedError(f"purses would refuse the key list: {refusal.detail}") from None
    # EPP-CEN-042, EPP-DEV-040: in the same durable write as the keys that it names
    row = {"sequence": sequence, "expires": last, "root": root.public, "signed": signed}
    connection.execute(lists.insert().values(**row))
    return signed
