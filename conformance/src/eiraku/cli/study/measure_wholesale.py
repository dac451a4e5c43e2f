"""How fast the register and its proofs are: ``eiraku measure wholesale SIZE...``.

Each figure is beside the bare cost of the SHA-256 calls that the definition asks for, on the same machine in
the same run. Times are the best of several.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from eiraku.spec import merkle
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import schema
from eiraku.system.wholesale.register import SCHEMA, Register

POSTINGS = 500
PIECE = 5000


def order(number: int) -> Entry:
    """An issue of one minor unit, with an id of its own."""
    posting = number.to_bytes(16, "big")
    return Entry(posting=posting, kind=Kind.ISSUE, epoch=0, economy=392, at=392, amount=1)


def best(action: Callable[[], object], rounds: int = 5) -> float:
    """Least time of several rounds, in seconds."""
    times: list[float] = []
    for _ in range(rounds):
        begin = perf_counter()
        action()
        times.append(perf_counter() - begin)
    return min(times)


def hashing(count: int, length: int) -> float:
    """Seconds for `count` bare SHA-256 digests of `length` bytes."""
    data = bytes(length)

    def work() -> None:
        for _ in range(count):
            hashlib.sha256(data).digest()

    return best(work)


def postings(folder: Path) -> tuple[float, float]:
    """Postings per second: each a durable write of its own, and all in one."""
    database = Database(f"sqlite:///{folder / 'register.db'}", SCHEMA)
    try:
        register = Register.create(database, origin="measure", epoch=1, random=bytes)
        register.join(b"join" * 4, 392)
        register.contribute(b"give" * 4, 392, 10**9)
        begin = perf_counter()
        for number in range(POSTINGS):
            register.post([order(number)])
        single = POSTINGS / (perf_counter() - begin)
        begin = perf_counter()
        register.post([order(number) for number in range(POSTINGS, 5 * POSTINGS)])
        return single, 4 * POSTINGS / (perf_counter() - begin)
    finally:
        database.close()


def proofs(folder: Path, size: int) -> str:
    """A line of the table for a log of `size` entries in a file."""
    database = Database(f"sqlite:///{folder / f'log{size}.db'}", SCHEMA)
    leaves = [order(number).encode() for number in range(size)]
    bare = hashing(size, len(leaves[0]) + 1) + hashing(size - 1, 65)
    tree = best(lambda: merkle.complete(leaves), 1)
    begin = perf_counter()
    for start in range(0, size, PIECE):
        with database.writing() as connection:
            schema.LOG.append(connection, leaves[start : start + PIECE])
    append = perf_counter() - begin
    try:
        with database.reading() as connection:
            index, first = 2 * size // 3, size // 3
            root, old = schema.LOG.root(connection, size), schema.LOG.root(connection, first)
            inclusion = schema.LOG.inclusion(connection, index, size)
            consistency = schema.LOG.consistency(connection, first, size)
            make = best(lambda: schema.LOG.inclusion(connection, index, size), 50)
            extend = best(lambda: schema.LOG.consistency(connection, first, size), 50)
    finally:
        database.close()
    verify = best(lambda: merkle.verify_inclusion(leaves[index], index, size, inclusion, root), 200)
    continued = best(lambda: merkle.verify_consistency(first, size, old, root, consistency), 200)
    ideal = hashing(len(inclusion), 65)
    return (
        f"| {size:,} | {len(inclusion)} ({32 * len(inclusion)} B) | {len(consistency)} "
        f"({32 * len(consistency)} B) | {make * 1e6:.0f} | {extend * 1e6:.0f} | {verify * 1e6:.1f} "
        f"({verify / ideal:.1f}) | {continued * 1e6:.1f} | {size / append:,.0f} | {tree / bare:.1f} |"
    )
