"""What EPP/1 adds to EDHOC: sealed purse ID, version and membership in EAD (chapters 3, 5).

A scheme key is used in `seal` and `unseal`, and in `member`, and nowhere else.
"""

import hashlib
import hmac
from collections.abc import Sequence
from itertools import pairwise

from eiraku.reference.crypto import hkdf
from eiraku.reference.crypto.aead import CHACHA20_POLY1305, CannotOpen
from eiraku.reference.edhoc.messages import Ead, encode_ead
from eiraku.spec import cbor, objects, shape
from eiraku.spec.cbor import Map
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import SealedPurseId

LABEL_VERSION = 65001
"""EAD label `EPP version`; critical, so -65001 on the wire."""
LABEL_MEMBER = 65002
"""EAD label `EPP member`; critical, so -65002 on the wire."""
LABEL_PURSE_ID = 65003
"""EAD label `EPP purse ID`; critical, so -65003 on the wire."""
ID_CRED: Map = {objects.LABEL_KID: b"\x01"}
"""ID_CRED_x of every purse (EPP-PID-012)."""
MEMBER_BYTES = 20
"""Of the whole item `EPP member`."""
VERSIONS = (1,)
"""Supported versions, ascending."""


def seal(scheme_key: bytes, nonce: bytes, purse_id: bytes) -> Ead:
    """The item for EAD_2 or EAD_3. `nonce`: 16 fresh random bytes; `scheme_key`: 32 bytes."""
    key, iv = _key(scheme_key, nonce)
    # EPP-PID-030
    padded = purse_id.ljust(objects.PURSE_ID_MAX, b"\0")
    sealed = nonce + CHACHA20_POLY1305.seal(key, iv, b"", padded)
    # EPP-PID-008
    return Ead(label=LABEL_PURSE_ID, value=sealed, critical=True)


def check_id_cred(id_cred: Map) -> None:
    """A peer's ID_CRED_x is that of every purse. Raises Refusal(AUTHENTICATION)."""
    # EPP-PID-012
    if id_cred != ID_CRED:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-012", "ID_CRED_x is not the kid of one byte, 1")


def sealed_in(ead: Sequence[Ead]) -> bytes:
    """The sealed purse ID in the items `EPP purse ID` of a message. Raises Refusal(AUTHENTICATION)."""
    items = [item for item in ead if item.label == LABEL_PURSE_ID]
    # EPP-PID-013
    if len(items) != 1:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-013", f"{len(items)} items EPP purse ID")
    # EPP-PID-013
    if not items[0].critical:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-013", "EPP purse ID is not critical")
    try:
        # EPP-PID-010
        found: SealedPurseId = SealedPurseId.codec.read(items[0].value)
    except Refusal as refusal:
        raise Refusal(Code.AUTHENTICATION, refusal.requirement, f"EPP purse ID: {refusal.detail}") from None
    return found.sealed


def unseal(scheme_key: bytes, sealed: bytes) -> bytes:
    """The purse ID in its sealed form, not yet looked at. Raises Refusal(AUTHENTICATION)."""
    nonce, ciphertext = sealed[: objects.SEALED_NONCE], sealed[objects.SEALED_NONCE :]
    key, iv = _key(scheme_key, nonce)
    try:
        padded = CHACHA20_POLY1305.open(key, iv, b"", ciphertext)
    except CannotOpen:
        # EPP-PID-010
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-010", "sealed purse ID does not open") from None
    return unpadded(padded)


def unpadded(padded: bytes) -> bytes:
    """The one item before the zero bytes. Raises Refusal(AUTHENTICATION)."""
    try:
        purse_id, rest = cbor.split(padded)
    except Refusal as refusal:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-031", f"purse ID: {refusal.detail}") from None
    # EPP-PID-031
    if any(rest):
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-031", "other bytes than zeros after the purse ID")
    return purse_id


def offer() -> Ead:
    """The item for EAD_1."""
    # EPP-SES-006
    return Ead(label=LABEL_VERSION, value=cbor.encode(VERSIONS), critical=True)


def choice(version: int) -> Ead:
    """The item for EAD_2."""
    # EPP-SES-007
    return Ead(label=LABEL_VERSION, value=cbor.encode(version), critical=True)


def member(scheme_key: bytes, before: bytes) -> Ead:
    """The last item for EAD_1; `before`: all bytes of message_1 that stand before it."""
    key = hkdf.expand(hkdf.extract(b"", scheme_key), objects.INFO_MEMBER, 32)
    # EPP-SES-037
    mac = hmac.digest(key, before, hashlib.sha256)[: objects.MEMBER_MAC]
    return Ead(label=LABEL_MEMBER, value=mac, critical=True)


def key_of(scheme_keys: Sequence[bytes], message_1: bytes) -> bytes | None:
    """Under which of some scheme keys `message_1` ends with the right `EPP member`; None: under none."""
    before, last = message_1[:-MEMBER_BYTES], message_1[-MEMBER_BYTES:]
    # EPP-SES-041
    fits = (key for key in scheme_keys if hmac.compare_digest(encode_ead([member(key, before)]), last))
    return next(fits, None)


def check_member(scheme_key: bytes | None, message_1: bytes, ead: Sequence[Ead]) -> None:
    """EAD_1 of `message_1`, as read, shows membership under what `key_of` found.

    Raises Refusal(AUTHENTICATION).
    """
    # EPP-SES-038
    if scheme_key is None:
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-038", "message_1 does not end with a right EPP member")
    shown = [encode_ead([item]) for item in ead if item.label == LABEL_MEMBER]
    # EPP-SES-039: what ends message_1 is also the one item, not the end of the value of another
    if shown != [message_1[-MEMBER_BYTES:]]:
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-039", "not exactly one EPP member")


def only(ead: Sequence[Ead]) -> bytes | None:
    """The value of the one `EPP version` item; None if there is none. Raises Refusal(MALFORMED)."""
    versions = [item for item in ead if item.label == LABEL_VERSION]
    if not versions:
        return None
    # EPP-SES-083
    if len(versions) > 1:
        raise Refusal(Code.MALFORMED, "EPP-SES-083", "EPP version occurs twice")
    # EPP-SES-083
    if not versions[0].critical:
        raise Refusal(Code.MALFORMED, "EPP-SES-083", "EPP version is not critical")
    if versions[0].value is None:
        raise Refusal(Code.MALFORMED, "EPP-SES-006", "EPP version without a value")
    return versions[0].value


def read_offer(value: bytes | None) -> tuple[int, ...]:
    """The versions in EAD_1, ascending; none without the item. Raises Refusal(MALFORMED)."""
    if value is None:
        return ()
    # EPP-SES-006
    rule = "EPP-SES-006"
    items = shape.array(cbor.decode(value), rule, "versions")
    versions = tuple(shape.uint(item, rule, "version", 1, 255) for item in items)
    if not versions or any(a >= b for a, b in pairwise(versions)):
        raise Refusal(Code.MALFORMED, rule, "versions are not ascending")
    return versions


def choose_version(offered: tuple[int, ...]) -> int:
    """The highest version that both support. Raises Refusal(VERSION)."""
    # EPP-SES-007
    common = set(VERSIONS) & set(offered)
    # EPP-SES-008
    if not common:
        raise Refusal(Code.VERSION, "EPP-SES-008", f"peer offers versions {offered}, supported: {VERSIONS}")
    return max(common)


def check_choice(value: bytes | None) -> None:
    """EAD_2 holds a version that was offered. Raises Refusal (VERSION, or MALFORMED for another shape)."""
    # EPP-SES-009
    if value is None:
        raise Refusal(Code.VERSION, "EPP-SES-009", "message_2 names no version")
    version = shape.uint(cbor.decode(value), "EPP-SES-007", "version", 1, 255)
    # EPP-SES-009
    if version not in VERSIONS:
        raise Refusal(Code.VERSION, "EPP-SES-009", f"version {version} was not offered")


def _key(scheme_key: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    material = hkdf.expand(hkdf.extract(nonce, scheme_key), objects.INFO_SEALED_PURSE_ID, 44)
    return material[:32], material[32:]
