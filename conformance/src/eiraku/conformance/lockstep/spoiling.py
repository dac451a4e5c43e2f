"""What can be wrong with any message of a record: its form, or that it comes now."""

from collections.abc import Callable

from eiraku.conformance.lockstep.peer import Said
from eiraku.conformance.lockstep.voices import said
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Offer, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.shape import AMOUNT_MAX

Spoil = Callable[[Said], Said]
UNKNOWN_CODE = 40000
BEYOND = (1 << 16) - 1
"""Bytes: what a nonce of 13 bytes can seal, and more than most policies allow."""


def _bytes(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    return lambda right: Said(name=f"{right.name}, {name}", plaintext=change(right.plaintext))


def _long_head(plaintext: bytes) -> bytes:
    """The array that a message is, with a head of two bytes."""
    return bytes([0x98, plaintext[0] & 0x1F]) + plaintext[1:] if plaintext[:1] < b"\x98" else plaintext


SPOILING: tuple[Spoil, ...] = (
    _bytes("without its last byte", lambda plaintext: plaintext[:-1]),
    _bytes("with a byte after it", lambda plaintext: plaintext + b"\0"),
    _bytes("with a long head", _long_head),
    _bytes("as a byte string", cbor.encode),
    _bytes("empty", lambda _: b""),
    _bytes("too long", lambda plaintext: plaintext.ljust(BEYOND, b"\0")),
    lambda _: said(Reject(code=int(Code.DECLINED), index=None)),
    lambda _: said(Reject(code=int(Code.UNIT_SEEN), index=1)),
    lambda _: said(Reject(code=UNKNOWN_CODE, index=None)),
    lambda _: said(Request(amount=1, reference="")),
    lambda _: said(Request(amount=AMOUNT_MAX, reference="x" * 64)),
    lambda _: said(Offer(transaction=bytes(16), amount=1, units=())),
    lambda _: said(Accept(transaction=bytes(16), offer_digest=bytes(32))),
    lambda _: said(Pay(transaction=bytes(16), endorsements=())),
    lambda _: said(Receipt(transaction=bytes(16), signature=bytes(64))),
    lambda _: said(Redeliver(offer=b"", endorsements=())),
    lambda _: said(Redeliver(offer=Request(amount=1).encode(), endorsements=())),
)
