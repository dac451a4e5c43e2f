"""PLAINTEXT_2 and PLAINTEXT_3 taken apart and put together wrong (RFC 9528 sections 5.3.2 and 5.4.2)."""

from collections.abc import Callable

from eiraku.spec import cbor

Change = Callable[[bytes], bytes]
SIGNATURE = 66
"""Length of the encoding of a signature."""


def parts_of(plaintext: bytes) -> dict[str, bytes]:
    """Encodings of C_R (empty in PLAINTEXT_3), ID_CRED and the signature, and all of the EAD."""
    first, rest = cbor.split(plaintext)
    second, after = cbor.split(rest)
    # In PLAINTEXT_3 the signature is the second item; ID_CRED is shorter.
    if len(second) == SIGNATURE:
        return {"c_r": b"", "id_cred": first, "signature": second, "ead": after}
    signature, ead = cbor.split(after)
    return {"c_r": first, "id_cred": second, "signature": signature, "ead": ead}


def changed(**changes: Change) -> Change:
    """The plaintext with changes made to the encodings of its parts."""

    def change(plaintext: bytes) -> bytes:
        parts = parts_of(plaintext)
        return b"".join(changes.get(name, bytes)(part) for name, part in parts.items())

    return change


def signature(change: Change) -> Change:
    """The plaintext with a change made to the 64 bytes of the signature, whose head is kept right."""
    return changed(signature=lambda encoded: cbor.encode(change(encoded[2:])))


def flipped(data: bytes, position: int, mask: int = 1) -> bytes:
    """`data` with bits of one byte turned over."""
    found = bytearray(data)
    found[position] ^= mask
    return bytes(found)


SHAPES: dict[str, Change] = {
    "empty": lambda _: b"",
    "no-id-cred": changed(id_cred=lambda _: b""),
    "no-signature": changed(signature=lambda _: b"", ead=lambda _: b""),
    "id-cred-null": changed(id_cred=lambda _: b"\xf6"),
    "id-cred-array": changed(id_cred=lambda id_cred: b"\x81" + id_cred),
    "id-cred-in-byte-string": changed(id_cred=cbor.encode),
    "id-cred-lone-kid-in-map": changed(id_cred=lambda _: cbor.encode({4: b"\x01"})),
    "signature-63-bytes": signature(lambda found: found[:-1]),
    "signature-65-bytes": signature(lambda found: found + b"\0"),
    "signature-empty": signature(lambda _: b""),
    "signature-text": changed(signature=lambda _: cbor.encode("a" * 64)),
    "signature-in-array": changed(signature=lambda found: b"\x81" + found),
    "surplus-byte-string": changed(signature=lambda found: found + b"\x40"),
    "surplus-text": changed(ead=lambda ead: ead + cbor.encode("text")),
    "in-an-array": lambda plaintext: b"\x83" + plaintext,
}
"""Other shapes. Each is refused under `authentication` (EPP-SES-013)."""


PURSE_ID = b"\x39\xfd\xea"
"""The label of the item `EPP purse ID`, the first of EAD_2 and EAD_3."""


def purse_id(change: Change) -> Change:
    """The plaintext with a change made to the encoding of the value of `EPP purse ID`."""

    def changed_item(ead: bytes) -> bytes:
        label, rest = cbor.split(ead)
        if label != PURSE_ID:
            raise ValueError("EPP purse ID is not the first item")
        value, others = cbor.split(rest)
        return label + change(value) + others

    return changed(ead=changed_item)


ENCODINGS: dict[str, tuple[str, Change]] = {
    "id-cred-long-head": ("EPP-ENC-002", changed(id_cred=lambda _: b"\x18\x01")),
    # Its head has three bytes, or two.
    "purse-id-long-head": (
        "EPP-ENC-002",
        purse_id(lambda found: b"\x5a\0\0" + found[1:] if found[0] == 0x59 else b"\x59\0" + found[1:]),
    ),
    "signature-long-head": ("EPP-ENC-002", changed(signature=lambda found: b"\x59\x00\x40" + found[2:])),
    "id-cred-indefinite": ("EPP-ENC-003", changed(id_cred=lambda _: b"\x5f\x41\x01\xff")),
    "purse-id-indefinite": ("EPP-ENC-003", purse_id(lambda found: b"\x5f" + found + b"\xff")),
    "signature-indefinite": ("EPP-ENC-003", changed(signature=lambda found: b"\x5f" + found + b"\xff")),
    "trailing-break": ("EPP-ENC-004", lambda plaintext: plaintext + b"\xff"),
    "id-cred-duplicate-key": (
        "EPP-ENC-005",
        changed(id_cred=lambda _: b"\xa2" + b"\x04\x41\x01" * 2),
    ),
    "id-cred-tagged": ("EPP-ENC-006", changed(id_cred=lambda found: b"\xc0" + found)),
    "signature-tagged": ("EPP-ENC-006", changed(signature=lambda found: b"\xd8\x40" + found)),
    "surplus-undefined": ("EPP-ENC-006", changed(ead=lambda ead: ead + b"\x07\xf7")),
    "surplus-bad-utf-8": ("EPP-ENC-007", changed(ead=lambda ead: ead + b"\x62\xc3\x28")),
    "deep-nesting": ("EPP-ENC-009", changed(id_cred=lambda _: b"\x81" * 1200 + b"\x00")),
    "signature-declares-too-much": (
        "EPP-ENC-011",
        changed(signature=lambda _: b"\x5b" + b"\xff" * 8, ead=lambda _: b""),
    ),
    "ends-inside-a-string": ("EPP-ENC-011", changed(signature=lambda found: found[:-1], ead=lambda _: b"")),
}
"""Other encodings of the right items (chapter 2). Each is refused under `authentication` (EPP-SES-013)."""
