"""A DSSE envelope, version 1, with one Ed25519 signature, in exactly one encoding.

The signature covers the type and the bytes of the payload (PAE), not the JSON around them, and no rule of
DSSE fixes that JSON. Here it is fixed: without white space, fields in the order below, standard base64 with
its padding, one line feed at the end, and as ``keyid`` that of the key that signed. Whatever differs from
this in one byte is refused, so what `read` and `Envelope.verify` accept is the very file that was signed.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from eiraku.conformance.results import Model
from eiraku.reference.crypto import ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Refused

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
# RFC 8410 section 4: what precedes the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo.
_PUBLIC_KEY = bytes.fromhex("302a300506032b6570032100")


class _Signature(Model, frozen=True, kw_only=True):
    keyid: str
    sig: bytes


class _Json(Model, frozen=True, kw_only=True):
    """The JSON object of DSSE; msgspec writes bytes in base64."""

    payload: bytes
    payloadType: str  # noqa: N815 - the name in DSSE
    signatures: tuple[_Signature]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload and its signature (64 bytes), which `verify` verifies."""

    payload: bytes
    keyid: str
    """Which key is said to have signed: see `key_id`."""
    signature: bytes
    kind: str = PAYLOAD_TYPE
    """The type of the payload, which is signed with it."""

    def encode(self) -> bytes:
        """The bytes of the file."""
        signatures = (_Signature(keyid=self.keyid, sig=self.signature),)
        return (
            msgspec.json.encode(_Json(payload=self.payload, payloadType=self.kind, signatures=signatures))
            + b"\n"
        )

    def verify(self, public: bytes) -> None:
        """Raises Refused unless the 32-byte key ``public`` signed the payload."""
        wanted = key_id(public)
        if self.keyid != wanted:
            raise Refused(f"expected a signature by the key {wanted}, found one by {self.keyid!r}")
        if not ed25519.verify(public, pae(self.kind, self.payload), self.signature):
            raise Refused("the signature does not verify: what was signed or its signature was changed")


def key_id(public: bytes) -> str:
    """SHA-256, hex, of the public key as DER, as ``openssl pkey -pubin -outform DER | sha256sum`` has it."""
    return hashlib.sha256(_PUBLIC_KEY + public).hexdigest()


def pae(kind: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of the DSSE protocol."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def sign(payload: bytes, key: SigningKey, kind: str = PAYLOAD_TYPE) -> bytes:
    """The bytes of an envelope around ``payload``."""
    signature = key.sign(pae(kind, payload))
    return Envelope(payload=payload, keyid=key_id(key.public), signature=signature, kind=kind).encode()


def read(data: bytes, kind: str = PAYLOAD_TYPE) -> Envelope:
    """The envelope in ``data``, its signature not verified. Raises Refused for any other encoding of it."""
    try:
        found = msgspec.json.decode(data, type=_Json)
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected a DSSE envelope with one signature: {error}") from None
    if found.payloadType != kind:
        raise Refused(f"expected a payload of type {kind}, found {found.payloadType!r}")
    (signature,) = found.signatures
    envelope = Envelope(payload=found.payload, keyid=signature.keyid, signature=signature.sig, kind=kind)
    if envelope.encode() != data:
        raise Refused("the envelope is not in its one encoding: bytes were changed, added or left out")
    return envelope
