"""What EPP/1 adds to EDHOC: the sealed purse ID as ID_CRED_x, and the version in EAD (chapters 3 and 5)."""

from collections.abc import Sequence
from itertools import pairwise

from eiraku.reference.crypto import hkdf
from eiraku.reference.crypto.aead import CHACHA20_POLY1305, CannotOpen
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec import cbor, objects, shape
from eiraku.spec.cbor import Map
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import SealedPurseId

LABEL_VERSION = 65001
"""EAD label `EPP version`; critical, so -65001 on the wire."""
VERSIONS = (1,)
"""Supported versions, ascending."""


def seal(scheme_key: bytes, nonce: bytes, purse_id: bytes) -> Map:
    """ID_CRED_x for a purse ID. `nonce`: 16 fresh random bytes; `scheme_key`: 32 bytes."""
    key, iv = _key(scheme_key, nonce)
    # EPP-PID-008
    return {objects.LABEL_SEALED_PURSE_ID: nonce + CHACHA20_POLY1305.seal(key, iv, b"", purse_id)}


def unseal(scheme_key: bytes, id_cred: Map) -> bytes:
    """The purse ID in ID_CRED_x, not yet looked at. Raises Refusal(AUTHENTICATION)."""
    try:
        # EPP-PID-010
        sealed = SealedPurseId.codec.read(id_cred).sealed
    except Refusal as refusal:
        raise Refusal(Code.AUTHENTICATION, refusal.requirement, f"ID_CRED_x: {refusal.detail}") from None
    nonce, ciphertext = sealed[: objects.SEALED_NONCE], sealed[objects.SEALED_NONCE :]
    key, iv = _key(scheme_key, nonce)
    try:
        return CHACHA20_POLY1305.open(key, iv, b"", ciphertext)
    except CannotOpen:
        # EPP-PID-010
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-010", "sealed purse ID does not open") from None


def offer() -> Ead:
    """The item for EAD_1."""
    # EPP-SES-006
    return Ead(label=LABEL_VERSION, value=cbor.encode(VERSIONS), critical=True)


def choice(version: int) -> Ead:
    """The item for EAD_2."""
    # EPP-SES-007
    return Ead(label=LABEL_VERSION, value=cbor.encode(version), critical=True)


def only(ead: Sequence[Ead]) -> bytes | None:
    """The value of the one `EPP version` item; None if there is none. Raises Refusal(MALFORMED)."""
    if not ead:
        return None
    # EPP-SES-010
    if len(ead) > 1:
        raise Refusal(Code.MALFORMED, "EPP-SES-010", "EPP version occurs twice")
    # EPP-SES-010
    if not ead[0].critical:
        raise Refusal(Code.MALFORMED, "EPP-SES-010", "EPP version is not critical")
    if ead[0].value is None:
        raise Refusal(Code.MALFORMED, "EPP-SES-006", "EPP version without a value")
    return ead[0].value


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
