"""Input that no specification foresees: seeded alterations of messages at every step (EPP-ERR-003)."""

from collections.abc import Callable
from random import Random

HEADS = b"\x00\x1b\x3b\x5b\x5f\x7b\x80\x9b\x9f\xa0\xbf\xd8\xf6\xf7\xfb\xff"
"""Bytes that begin something in CBOR: long heads, indefinite lengths, tags, floats, breaks."""
Alteration = Callable[[Random, bytes], bytes]


def flipped(random: Random, data: bytes) -> bytes:
    """With one bit changed."""
    altered = bytearray(data or b"\x00")
    altered[random.randrange(len(altered))] ^= 1 << random.randrange(8)
    return bytes(altered)


def truncated(random: Random, data: bytes) -> bytes:
    """Without its end."""
    return data[: random.randrange(len(data))] if data else b""


def lengthened(random: Random, data: bytes) -> bytes:
    """With random bytes after its end."""
    return data + random.randbytes(random.randrange(1, 40))


def doubled(_: Random, data: bytes) -> bytes:
    """Twice."""
    return data + data


def noise(random: Random, data: bytes) -> bytes:
    """Random bytes, of another length."""
    return random.randbytes(random.randrange(2 * len(data) + 2))


def shuffled(random: Random, data: bytes) -> bytes:
    """With two stretches exchanged."""
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(3))
    a, b, c = cuts
    swapped = data[:a] + data[b:c] + data[a:b] + data[c:]
    return swapped if swapped != data else flipped(random, data)


def cut_out(random: Random, data: bytes) -> bytes:
    """Without a stretch in the middle."""
    start = random.randrange(len(data)) if data else 0
    return data[:start] + data[start + random.randrange(1, 9) :]


def overwritten(random: Random, data: bytes) -> bytes:
    """With one byte replaced by one that begins something in CBOR."""
    altered = bytearray(data or b"\x00")
    place = random.randrange(len(altered))
    altered[place] = random.choice([byte for byte in HEADS if byte != altered[place]])
    return bytes(altered)


def oversized(random: Random, data: bytes) -> bytes:
    """Longer than any message may be."""
    return data + random.randbytes(66000)


ALTERATIONS: dict[str, Alteration] = {
    "flipped": flipped,
    "truncated": truncated,
    "lengthened": lengthened,
    "doubled": doubled,
    "noise": noise,
    "shuffled": shuffled,
    "cut-out": cut_out,
    "overwritten": overwritten,
    "oversized": oversized,
}
