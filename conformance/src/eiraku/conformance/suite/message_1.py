"""message_1 taken apart and put together wrong (RFC 9528 section 5.2.1); invalid traces of RFC 9529.

Changes are made before the last item, `EPP member`, is added: all but what they change stays right.
"""

from collections.abc import Callable

from eiraku.spec import cbor

Change = Callable[[bytes], bytes]

PARTS = ("method", "suites", "key", "identifier")
"""The parts before EAD_1."""


def parts_of(message: bytes) -> dict[str, bytes]:
    """Encodings of METHOD, SUITES_I, G_X, C_I, and of all of EAD_1 as ``ead``."""
    found: dict[str, bytes] = {}
    for name in PARTS:
        found[name], message = cbor.split(message)
    return {**found, "ead": message}


def rebuilt(**parts: bytes) -> Change:
    """message_1 with the given encodings in place of its own."""
    return lambda message: b"".join({**parts_of(message), **parts}.values())


def with_key(change: Change) -> Change:
    """message_1 with `change` made to the encoding of G_X."""
    return lambda message: rebuilt(key=change(parts_of(message)["key"]))(message)


def with_ead(change: Change) -> Change:
    """message_1 with `change` made to the encoding of EAD_1."""
    return lambda message: rebuilt(ead=change(parts_of(message)["ead"]))(message)


SHAPES: dict[str, Change] = {
    "method-only": rebuilt(suites=b"", key=b"", identifier=b"", ead=b""),
    "no-identifier": rebuilt(identifier=b"", ead=b""),
    "no-suites": rebuilt(suites=b""),
    "no-key": rebuilt(key=b""),
    "method-text": rebuilt(method=cbor.encode("0")),
    "method-bytes": rebuilt(method=cbor.encode(b"\0")),
    "method-null": rebuilt(method=b"\xf6"),
    "method-false": rebuilt(method=b"\xf4"),
    "suites-array-of-one": rebuilt(suites=cbor.encode((4,))),
    "suites-array-of-none": rebuilt(suites=cbor.encode(())),
    "suites-nested": rebuilt(suites=cbor.encode((2, (4,)))),
    "suites-text": rebuilt(suites=cbor.encode("4")),
    "suites-array-with-text": rebuilt(suites=cbor.encode(("2", 4))),
    "suites-map": rebuilt(suites=cbor.encode({4: 4})),
    "key-text": with_key(lambda _: cbor.encode("a" * 32)),
    "key-null": with_key(lambda _: b"\xf6"),
    "key-array": with_key(lambda key: b"\x81" + key),
    "key-0-bytes": with_key(lambda _: b"\x40"),
    "key-31-bytes": with_key(lambda key: b"\x58\x1f" + key[2:-1]),
    "key-33-bytes": with_key(lambda key: b"\x58\x21" + key[2:] + b"\0"),
    "key-64-bytes": with_key(lambda key: b"\x58\x40" + key[2:] + key[2:]),
    "identifier-surplus-byte-string": rebuilt(identifier=b"\x41\x0e"),
    "identifier-surplus-negative": rebuilt(identifier=b"\x41\x37"),
    "identifier-24": rebuilt(identifier=cbor.encode(24)),
    "identifier-minus-25": rebuilt(identifier=cbor.encode(-25)),
    "identifier-text": rebuilt(identifier=cbor.encode("")),
    "identifier-null": rebuilt(identifier=b"\xf6"),
    "identifier-array": rebuilt(identifier=cbor.encode((b"",))),
    "ead-value-without-label": with_ead(lambda ead: cbor.encode(b"") + ead),
    "ead-label-with-two-values": with_ead(lambda ead: ead + cbor.encode(b"")),
    "ead-label-text": with_ead(lambda ead: ead + cbor.encode("label")),
    "ead-value-text": with_ead(lambda ead: ead + cbor.encode_sequence(7, "value")),
    "ead-array": with_ead(lambda ead: b"\x82" + ead),
}
"""Other shapes (EPP-SES-029). Each is refused as malformed."""

ENCODINGS: dict[str, tuple[str, Change]] = {
    "method-long-head": ("EPP-ENC-002", rebuilt(method=b"\x18\x00")),
    "method-longer-head": ("EPP-ENC-002", rebuilt(method=b"\x19\x00\x00")),
    "suite-long-head": ("EPP-ENC-002", rebuilt(suites=b"\x18\x04")),
    "key-long-head": ("EPP-ENC-002", with_key(lambda key: b"\x59\x00\x20" + key[2:])),
    "identifier-long-head": ("EPP-ENC-002", rebuilt(identifier=b"\x58\x00")),
    "ead-label-long-head": ("EPP-ENC-002", with_ead(lambda ead: b"\x3a\x00\x00" + ead[1:])),
    "suites-indefinite": ("EPP-ENC-003", rebuilt(suites=b"\x9f\x02\x04\xff")),
    "key-indefinite": ("EPP-ENC-003", with_key(lambda key: b"\x5f" + key + b"\xff")),
    "identifier-indefinite": ("EPP-ENC-003", rebuilt(identifier=b"\x5f\xff")),
    "method-float": ("EPP-ENC-006", rebuilt(method=b"\xf9\x00\x00")),
    "method-undefined": ("EPP-ENC-006", rebuilt(method=b"\xf7")),
    "method-tagged": ("EPP-ENC-006", rebuilt(method=b"\xc0\x00")),
    "key-tagged": ("EPP-ENC-006", with_key(lambda key: b"\xd8\x40" + key)),
    "deep-nesting": ("EPP-ENC-009", rebuilt(suites=b"\x81" * 1900 + b"\x04")),
    "key-declares-2-to-the-63": ("EPP-ENC-011", with_key(lambda _: b"\x5b\x80" + bytes(7))),
    "suites-declares-2-to-the-64": ("EPP-ENC-011", rebuilt(suites=b"\x9b" + b"\xff" * 8)),
}
"""Other encodings of the right items (chapter 2). Each is refused as malformed."""

WHOLE: dict[str, tuple[str, Change]] = {
    "nothing": ("EPP-SES-029", lambda _: b""),
    "surplus-array": ("EPP-SES-029", lambda message: b"\x88" + message),
    "surplus-byte-string": ("EPP-SES-029", cbor.encode),
    "trailing-break": ("EPP-ENC-004", lambda message: message + b"\xff"),
    "trailing-array": ("EPP-ENC-004", lambda message: message + b"\x80"),
    "ends-inside-a-head": ("EPP-ENC-011", lambda message: message[:-18]),
    "ends-inside-a-string": ("EPP-ENC-011", lambda message: message[:-1]),
}
"""Other forms of the whole message, its last item being `EPP member`. Each is refused as malformed."""

_KEY = "5820741a13d7ba048fbb615e94386aa3b61bea5b3d8f65f32620b749bee8d278efa9"

RFC_9529_MESSAGE_1 = {
    "surplus-array-of-message": f"840302{_KEY}0e",
    "surplus-bstr-of-identifier": f"0302{_KEY}410e",
    "surplus-array-of-suite": f"038102{_KEY}0e",
    "text-ephemeral-key": "0302782020616972207370656564206f66206120756e6c6164656e207377616c6c6f77200e",
    "length-of-ephemeral-key": f"0382021818{_KEY}0e",
    "elliptic-curve-representation": "0302" + f"5820{'f' * 8}{'0' * 7}1{'0' * 24}{'f' * 24}0e",
    "elliptic-curve-point": "03025820a04e73601df544a70ba7ea1e57030f7d4b4eb7f673924e58d54ca77a5e7d4d4a0e",
    "low-order-point": "03005820edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f0e",
    "elliptic-curve-encoding": "0302581fd9697725d23a688b12d1c7e0108a08c9f71a85a09c20814976ab21122248fc0e",
    "long-encoding": f"19000302{_KEY}0e",
    "indefinite-array": f"039f0602ff{_KEY}0e",
}
"""Invalid message_1 of RFC 9529 section 4, as published: their methods and suites are not ours either."""

RFC_9529_MESSAGE_2 = (
    "5820419701d7f00a26c2dc587a36dd752549f33763c893422c8ea0f955a13a4ff5d54b9862a11de42a95d785386a"
)
"""Invalid message_2 of RFC 9529 section 4: key and ciphertext as two byte strings."""
