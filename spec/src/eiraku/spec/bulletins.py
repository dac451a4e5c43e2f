"""Bulletins, the revoked lists that they describe, and what reaches a purse of them (chapter 4).

No cryptography here but the digests of chunks: `decode` refuses another shape with MALFORMED, and `whole` and
`changed` give a list that was checked. Purse numbers are integers here, 8 bytes big-endian elsewhere.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Self, TypeAlias, cast

from eiraku.spec import cbor, revoked
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.fields import Digest, Epoch
from eiraku.spec.layout import Count, Octets, Uint
from eiraku.spec.record import Record, record
from eiraku.spec.revoked import CHUNK, CHUNKS_MAX, K_MAX, NUMBER_MAX, Coded, Part, RevokedList

BULLETIN_MAX = 12_288
"""Greatest length of a signed bulletin, in bytes (EPP-BUL-008)."""
UPDATE_MAX = 1_114_112
"""Greatest length of an update, in bytes (EPP-BUL-007)."""
DELTA_MAX = cbor.LIMIT
"""Greatest length of a delta, in bytes."""

PurseNumber: TypeAlias = Annotated[int, Uint(1, NUMBER_MAX)]
Numbers: TypeAlias = Annotated[int, Uint(0, NUMBER_MAX)]
Parameter: TypeAlias = Annotated[int, Uint(0, K_MAX)]
Chunk: TypeAlias = Annotated[bytes, Octets(0, CHUNK)]


@record("EPP-BUL-006", limit=BULLETIN_MAX)
class Bulletin(Record):
    """Payload of a bulletin. `chunks`: first number and digest of each chunk of the revoked list."""

    epoch: Epoch
    policy_digest: Digest
    count: Numbers
    k: Parameter
    chunks: Annotated[tuple[tuple[PurseNumber, Digest], ...], Count(0, CHUNKS_MAX)]

    @classmethod
    def of(cls, listed: Coded, *, epoch: int, policy_digest: bytes) -> Self:
        """The bulletin that describes a list."""
        count, k, chunks = described(listed)
        return cls(epoch=epoch, policy_digest=policy_digest, count=count, k=k, chunks=chunks)


@record("EPP-BUL-020")
class CodedList(Record):
    """A list in its code, as a delta has it."""

    count: Numbers
    k: Parameter
    chunks: Annotated[tuple[tuple[PurseNumber, Chunk], ...], Count(0, CHUNKS_MAX)]

    @classmethod
    def of(cls, numbers: Sequence[int]) -> Self:
        """The list of these numbers, ascending."""
        listed = revoked.coded(numbers)
        return cls(count=listed.count, k=listed.k, chunks=listed.parts)

    @property
    def listed(self) -> RevokedList:
        """To be read."""
        return RevokedList(k=self.k, parts=self.chunks)


@record("EPP-BUL-020")
class Delta(Record):
    """How the list of one bulletin becomes that of a later one. Its lists are not looked at."""

    from_epoch: Epoch
    removed: CodedList
    added: CodedList


@record("EPP-BUL-007", limit=UPDATE_MAX)
class Whole(Record):
    """An update: a bulletin, and the chunks of its list."""

    # EPP-BUL-008: what is too long for a bulletin is so when it is read as one
    signed: Annotated[bytes, Octets(0, UPDATE_MAX)]
    chunks: Annotated[tuple[Chunk, ...], Count(0, CHUNKS_MAX)]


@record("EPP-BUL-007", limit=UPDATE_MAX)
class Changed(Record):
    """An update: a bulletin, and a delta from an earlier one, encoded."""

    signed: Annotated[bytes, Octets(0, UPDATE_MAX)]
    delta: Annotated[bytes, Octets(1, DELTA_MAX)]


def update(data: bytes) -> Whole | Changed:
    """Read what reaches a purse of a bulletin. Raises Refusal (MALFORMED, TOO_LARGE)."""
    # EPP-BUL-007
    match item := cbor.decode(data, limit=UPDATE_MAX):
        case (_, bytes()):
            return cast("Changed", Changed.codec.read(item))
        case _:
            return cast("Whole", Whole.codec.read(item))


def check_room(bulletin: Bulletin, room: int) -> None:
    """Whether its list fits into `room` bytes. Raises Refusal (TOO_LARGE)."""
    # EPP-BUL-010
    if len(bulletin.chunks) * CHUNK > room:
        raise Refusal(Code.TOO_LARGE, "EPP-BUL-010", f"a list of {len(bulletin.chunks)} chunks")


def whole(bulletin: Bulletin, chunks: Sequence[bytes]) -> RevokedList:
    """The list of a bulletin from all of its chunks. Raises Refusal."""
    # EPP-BUL-011
    if len(chunks) != len(bulletin.chunks):
        detail = f"{len(chunks)} chunks of a list of {len(bulletin.chunks)}"
        raise Refusal(Code.MALFORMED, "EPP-BUL-011", detail)
    found = listed(bulletin, chunks)
    # EPP-BUL-012
    if _digests(found.parts) != bulletin.chunks:
        raise Refusal(Code.BULLETIN_SIGNATURE, "EPP-BUL-012", "a chunk that the bulletin does not describe")
    revoked.verify(bulletin.count, found)
    return found


def listed(bulletin: Bulletin, chunks: Sequence[bytes]) -> RevokedList:
    """The list that so many chunks are. Checks nothing."""
    parts = tuple((first, data) for (first, _), data in zip(bulletin.chunks, chunks, strict=True))
    return RevokedList(k=bulletin.k, parts=parts)


def changed(bulletin: Bulletin, delta: bytes, epoch: int | None, held: RevokedList) -> RevokedList:
    """The list of a bulletin from the one held, that of the bulletin of `epoch` or none. Raises Refusal."""
    # EPP-BUL-020
    change = Delta.decode(delta)
    for part in (change.removed, change.added):
        # EPP-BUL-020
        revoked.verify(part.count, part.listed)
    # EPP-BUL-021
    if change.from_epoch != epoch:
        raise Refusal(Code.BULLETIN_STALE, "EPP-BUL-021", f"a delta from epoch {change.from_epoch}")
    # EPP-BUL-022
    numbers = revoked.changed(held, change.removed.listed, change.added.listed)
    found = revoked.encode(numbers, bulletin.k)
    # EPP-BUL-023
    if not found.canonical or described(found) != (bulletin.count, bulletin.k, bulletin.chunks):
        raise Refusal(Code.BULLETIN_SIGNATURE, "EPP-BUL-023", "a delta to a list that is not the signed one")
    return RevokedList(k=found.k, parts=found.parts)


def described(listed: Coded) -> tuple[int, int, tuple[tuple[int, bytes], ...]]:
    """What a bulletin says of a list: count, k, first number and digest of each chunk."""
    return listed.count, listed.k, _digests(listed.parts)


def _digests(parts: Sequence[Part]) -> tuple[tuple[int, bytes], ...]:
    return tuple((first, sha256(data).digest()) for first, data in parts)
