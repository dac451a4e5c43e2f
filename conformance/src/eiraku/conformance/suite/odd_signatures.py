"""Signed objects at fault: altered signatures, and other forms of COSE_Sign1 (chapter 3)."""

from collections.abc import Callable
from dataclasses import replace

from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.suite.signed_objects import Craft, Task, signed
from eiraku.conformance.tester.edwards import L
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor


def _altered(change: Callable[[bytes], bytes]) -> Craft:
    """The object with its last 64 bytes, the signature, changed."""

    def craft(task: Task) -> bytes:
        found = signed(task)
        return found[:-64] + change(found[-64:])

    return craft


ALTERED: dict[str, Craft] = {
    "R-first-byte": _altered(lambda found: flipped(found, 0)),
    "R-last-byte": _altered(lambda found: flipped(found, 31, 0x80)),
    "S-first-byte": _altered(lambda found: flipped(found, 32)),
    "S-last-byte": _altered(lambda found: flipped(found, 63)),
    "S-is-L": _altered(lambda found: found[:32] + L.to_bytes(32, "little")),
    "S-top-bit": _altered(lambda found: flipped(found, 63, 0x80)),
    "zeros": _altered(lambda _: bytes(64)),
    "ones": _altered(lambda _: b"\xff" * 64),
    "of-another-payload": lambda task: (
        signed(task)[:-64] + signed(replace(task, payload=task.payload + b"\0"))[-64:]
    ),
    "by-another-key": lambda task: signed(task, key=SigningKey(task.world.random(32))),
    "by-the-wallet": lambda task: signed(task, key=task.world.wallet.key),
}


def sign1(task: Task, *, protected: bytes | None = None, unprotected: bytes = b"\xa0") -> bytes:
    """A COSE_Sign1 whose signature verifies, with any headers (encodings of maps)."""
    kid = task.kid or b""
    header = cbor.encode({1: -8, 4: kid}) if protected is None else protected
    signature = task.key.sign(cbor.encode(("Signature1", header, task.context, task.payload)))
    body = cbor.encode(header) + unprotected + cbor.encode(task.payload) + cbor.encode(signature)
    return b"\x84" + body


def _header(make: Callable[[bytes], bytes]) -> Craft:
    return lambda task: sign1(task, protected=make(task.kid or b""))


def _parts(change: Callable[[list[bytes]], list[bytes]], head: bytes = b"") -> Craft:
    """The four items of the array, changed; `head` if not the array head that fits their number."""

    def craft(task: Task) -> bytes:
        rest, found = signed(task)[1:], []
        while rest:
            first, rest = cbor.split(rest)
            found.append(first)
        items = change(found)
        return (head or bytes([0x80 + len(items)])) + b"".join(items)

    return craft


COSE_FORMS: dict[str, Craft] = {
    "protected-without-kid": _header(lambda _: cbor.encode({1: -8})),
    "protected-empty": _header(lambda _: b""),
    "protected-empty-map": _header(lambda _: b"\xa0"),
    "protected-kid-only": _header(lambda kid: cbor.encode({4: kid})),
    "protected-kid-of-7-bytes": _header(lambda kid: cbor.encode({1: -8, 4: kid[:7]})),
    "protected-kid-of-9-bytes": _header(lambda kid: cbor.encode({1: -8, 4: kid + b"\0"})),
    "protected-kid-text": _header(lambda _: cbor.encode({1: -8, 4: "kid12345"})),
    "protected-other-algorithm": _header(lambda kid: cbor.encode({1: -7, 4: kid})),
    "protected-algorithm-ed25519": _header(lambda kid: cbor.encode({1: -19, 4: kid})),
    "protected-algorithm-text": _header(lambda kid: cbor.encode({1: "EdDSA", 4: kid})),
    "protected-content-type": _header(lambda kid: cbor.encode({1: -8, 3: 60, 4: kid})),
    "protected-critical": _header(lambda kid: cbor.encode({1: -8, 2: (4,), 4: kid})),
    "protected-text-label": _header(lambda kid: cbor.encode({1: -8, 4: kid, "x": 0})),
    "protected-keys-in-another-order": _header(lambda kid: b"\xa2\x04\x48" + kid + b"\x01\x27"),
    "protected-long-head": _header(lambda kid: b"\xa2\x01\x38\x07\x04\x48" + kid),
    "protected-indefinite": _header(lambda kid: b"\xbf\x01\x27\x04\x48" + kid + b"\xff"),
    "protected-duplicate-key": _header(lambda kid: b"\xa3\x01\x27\x04\x48" + kid + b"\x04\x48" + kid),
    "protected-trailing-byte": _header(lambda kid: cbor.encode({1: -8, 4: kid}) + b"\0"),
    "unprotected-kid": lambda task: sign1(task, unprotected=cbor.encode({4: task.kid})),
    "unprotected-algorithm": lambda task: sign1(task, unprotected=cbor.encode({1: -8})),
    "unprotected-unknown": lambda task: sign1(task, unprotected=cbor.encode({"note": 1})),
    "unprotected-null": lambda task: sign1(task, unprotected=b"\xf6"),
    "unprotected-array": lambda task: sign1(task, unprotected=b"\x80"),
    "tag-18": lambda task: b"\xd2" + signed(task),
    "tag-cwt": lambda task: b"\xd8\x3d\xd2" + signed(task),
    "payload-detached": _parts(lambda items: [*items[:2], b"\xf6", items[3]]),
    "payload-not-wrapped": _parts(lambda items: [*items[:2], items[2][2:], items[3]]),
    "signature-63-bytes": _parts(lambda items: [*items[:3], b"\x58\x3f" + items[3][2:-1]]),
    "signature-65-bytes": _parts(lambda items: [*items[:3], b"\x58\x41" + items[3][2:] + b"\0"]),
    "protected-not-wrapped": _parts(lambda items: [items[0][1:], *items[1:]]),
    "three-items": _parts(lambda items: items[:3]),
    "five-items": _parts(lambda items: [*items, b"\xf6"]),
    "indefinite-array": _parts(lambda items: [*items, b"\xff"], b"\x9f"),
    "trailing-byte": lambda task: signed(task) + b"\0",
    "in-a-byte-string": lambda task: cbor.encode(signed(task)),
    "empty": lambda _: b"",
}
