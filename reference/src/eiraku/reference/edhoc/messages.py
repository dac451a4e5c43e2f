"""The shapes of EDHOC messages and plaintexts (RFC 9528 sections 3.3, 3.5.3, 3.8 and 5), without keys.

Functions that read raise Refusal: MALFORMED or TOO_LARGE, but AUTHENTICATION for PLAINTEXT_2 and PLAINTEXT_3.
CIPHERTEXT_2 has no tag, so a plaintext that has no sense is how a wrong key or an altered ciphertext shows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from eiraku.reference.edhoc.errors import PeerError, begins_with_integer, parse_suites, peer_error
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

LIMIT = 2048
"""Greatest length of a message, in bytes (EPP-SES-026)."""

KEY_LENGTH = 32
KID = 4
"""COSE header label of a key identifier, which travels in a compact form of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ead:
    """An item of external authorisation data (section 3.8). Label 0 is padding and cannot be critical."""

    label: int
    """Not negative; the sign on the wire says whether it is critical."""
    value: bytes | None = None
    critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message1:
    """A parsed message_1. Method, suite and length of G_X are not yet judged."""

    method: int
    suites: tuple[int, ...]
    """SUITES_I; the last is the selected one."""
    g_x: bytes
    c_i: bytes
    ead: tuple[Ead, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plaintext:
    """A parsed PLAINTEXT_2 or _3 without C_R."""

    id_cred: cbor.Map
    """ID_CRED_x in full, whatever form travelled."""
    signature: bytes
    ead: tuple[Ead, ...]
    ead_bytes: bytes


def read_message_1(data: bytes) -> Message1:
    """Parse message_1."""
    match _sequence(data):
        case (method, suites_i, g_x, c_i, *ead) if type(method) is int and isinstance(g_x, bytes):
            suites = parse_suites(suites_i)
        case _:
            # EPP-SES-029
            raise _malformed("EPP-SES-029", "message_1 of another shape")
    # EPP-SES-029
    if suites is None:
        raise _malformed("EPP-SES-029", "SUITES_I is neither an integer nor an array of two or more")
    return Message1(method=method, suites=suites, g_x=g_x, c_i=_identifier(c_i), ead=_read_ead(ead))


def read_byte_string(data: bytes) -> bytes:
    """The single byte string that message_2, message_3 and message_4 are. Raises PeerError too."""
    # EPP-SES-018
    if begins_with_integer(data):
        raise peer_error(data[:LIMIT]) or PeerError(None)
    items = _sequence(data)
    if len(items) == 1 and isinstance(items[0], bytes):
        return items[0]
    # EPP-SES-086
    raise _malformed("EPP-SES-086", "not exactly one byte string")


def read_plaintext_2(plaintext: bytes) -> tuple[bytes, Plaintext]:
    """C_R and the rest of PLAINTEXT_2."""
    try:
        c_r, rest = cbor.split(plaintext)
        return _identifier(cbor.decode(c_r)), _read_signed(rest)
    except Refusal as refusal:
        # EPP-SES-013
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-013", f"PLAINTEXT_2: {refusal.detail}") from None


def read_plaintext_3(plaintext: bytes) -> Plaintext:
    """Parse PLAINTEXT_3."""
    try:
        return _read_signed(plaintext)
    except Refusal as refusal:
        # EPP-SES-013
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-013", f"PLAINTEXT_3: {refusal.detail}") from None


def _read_signed(plaintext: bytes) -> Plaintext:
    """(ID_CRED_x, Signature_or_MAC_x, ? EAD_x)."""
    match cbor.decode_sequence(plaintext):
        case (id_cred, signature, *ead) if isinstance(signature, bytes) and len(signature) == 64:
            return Plaintext(
                id_cred=_read_id_cred(id_cred),
                signature=signature,
                ead=_read_ead(ead),
                # what was decoded has no other encoding
                ead_bytes=cbor.encode_sequence(*ead),
            )
    # EPP-ENC-008
    raise _malformed("EPP-ENC-008", "plaintext of another shape")


def read_plaintext_4(plaintext: bytes) -> tuple[Ead, ...]:
    """Parse PLAINTEXT_4: EAD_4 alone."""
    return _read_ead(cbor.decode_sequence(plaintext))


def understood(items: Iterable[Ead], labels: Collection[int]) -> tuple[Ead, ...]:
    """The items whose label is in `labels`. Raises Refusal if another is critical."""
    known = []
    for item in items:
        if item.label in labels:
            known.append(item)
        # EPP-SES-010; the rest is ignored (EPP-SES-082)
        elif item.critical:
            raise _malformed("EPP-SES-010", f"critical EAD item {item.label} is not understood")
    return tuple(known)


def encode_ead(items: Iterable[Ead]) -> bytes:
    """EAD as a CBOR sequence. Raises ValueError for a negative label or critical padding."""
    out = []
    for item in items:
        if item.label < 0 or (item.critical and item.label == 0):
            raise ValueError("EAD labels are not negative, and padding is not critical")
        out.append(cbor.encode(-item.label if item.critical else item.label))
        if item.value is not None:
            out.append(cbor.encode(item.value))
    return b"".join(out)


def encode_identifier(raw: bytes) -> bytes:
    """A connection or key identifier as it travels (section 3.3.2).

    One byte that is itself the encoding of a CBOR integer stays that integer; all else is a byte string.
    """
    return raw if _is_short_integer(raw) else cbor.encode(raw)


def encode_id_cred(id_cred: cbor.Map) -> bytes:
    """ID_CRED_x as it travels (section 3.5.3.2): a lone kid without its map."""
    match id_cred:
        case {4: bytes(kid)} if len(id_cred) == 1:
            return encode_identifier(kid)
    return cbor.encode(id_cred)


def _is_short_integer(raw: bytes) -> bool:
    return len(raw) == 1 and raw[0] & 0xDF < 24


def _identifier(item: cbor.Item) -> bytes:
    if type(item) is int and -24 <= item < 24:
        return cbor.encode(item)
    if isinstance(item, bytes) and not _is_short_integer(item):
        return item
    # EPP-SES-029
    raise _malformed("EPP-SES-029", "identifier is not in its one form")


def _read_id_cred(item: cbor.Item) -> cbor.Map:
    if not isinstance(item, dict):
        return {KID: _identifier(item)}
    match item:
        case {4: bytes()} if len(item) == 1:
            # EPP-ENC-008
            raise _malformed("EPP-ENC-008", "a lone kid travels without its map")
    return item


def _read_ead(items: Iterable[cbor.Item]) -> tuple[Ead, ...]:
    found: list[Ead] = []
    label: int | None = None
    for item in items:
        if type(item) is int:
            if label is not None:
                found.append(Ead(label=abs(label), critical=label < 0))
            label = item
        elif isinstance(item, bytes) and label is not None:
            found.append(Ead(label=abs(label), value=item, critical=label < 0))
            label = None
        else:
            # EPP-ENC-008
            raise _malformed("EPP-ENC-008", "EAD is not a sequence of labels and values")
    if label is not None:
        found.append(Ead(label=abs(label), critical=label < 0))
    return tuple(found)


def _sequence(data: bytes) -> tuple[cbor.Item, ...]:
    # EPP-SES-026
    if len(data) > LIMIT:
        raise Refusal(Code.TOO_LARGE, "EPP-SES-026", f"{len(data)} bytes, at most {LIMIT} allowed")
    return cbor.decode_sequence(data)


def _malformed(requirement: str, detail: str) -> Refusal:
    return Refusal(Code.MALFORMED, requirement, detail)
