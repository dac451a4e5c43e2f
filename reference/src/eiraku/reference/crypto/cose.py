"""COSE_Sign1 (RFC 9052 section 4.2) in the single form of EPP/1 (specification, chapter 3).

`[protected, {}, payload, signature]`, untagged; protected header `{1: -8}` or `{1: -8, 4: kid}` and no other.
The type of the object is bound by its context string, which is the external_aad of the signature.
Endorsements and receipts travel as the bare 64-byte signature over a payload that the verifier rebuilds:
`sign_detached` and `verify_detached`.
"""

from dataclasses import dataclass

from eiraku.reference.crypto import ed25519
from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal

KID_LENGTH = 8

_NO_KID = cbor.encode({1: -8})
# {1: -8, 4: kid}: the bytes before the 8 of the kid never vary.
_WITH_KID = cbor.encode({1: -8, 4: bytes(KID_LENGTH)})[:-KID_LENGTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """A parsed COSE_Sign1, not yet verified."""

    kid: bytes | None
    """Key identifier of the signer, 8 bytes; None if the object type carries none."""
    payload: bytes
    signature: bytes
    """64 bytes."""


def sign(key: ed25519.SigningKey, context: bytes, payload: bytes, *, kid: bytes | None = None) -> bytes:
    """Encoded COSE_Sign1 with `payload` attached. `context`: the object type's context string (ASCII).

    Raises ValueError for a `kid` that is not 8 bytes.
    """
    signature = sign_detached(key, context, payload, kid=kid)
    return cbor.encode((_protected(kid), {}, payload, signature))


def sign_detached(
    key: ed25519.SigningKey, context: bytes, payload: bytes, *, kid: bytes | None = None
) -> bytes:
    """The 64-byte signature that `sign` would put in the array."""
    return key.sign(to_be_signed(context, payload, kid=kid))


def parse(data: bytes, *, limit: int = cbor.LIMIT) -> Sign1:
    """Parse an encoded COSE_Sign1 of at most `limit` bytes. Raises Refusal: MALFORMED, or TOO_LARGE."""
    item = cbor.decode(data, limit=limit, depth=2)
    # EPP-ENC-008
    protected, unprotected, payload, signature = shape.array(item, "EPP-ENC-008", "COSE_Sign1", 4)
    # EPP-ENC-008
    if not (isinstance(protected, bytes) and isinstance(unprotected, dict) and isinstance(payload, bytes)):
        raise Refusal(Code.MALFORMED, "EPP-ENC-008", "not a COSE_Sign1 array")
    # EPP-ENC-008
    signature = shape.octets(signature, "EPP-ENC-008", "signature", 64)
    # EPP-KEY-005
    if unprotected:
        raise Refusal(Code.MALFORMED, "EPP-KEY-005", "unprotected header is not empty")
    # EPP-KEY-005
    if protected == _NO_KID:
        kid = None
    elif len(protected) == len(_WITH_KID) + KID_LENGTH and protected.startswith(_WITH_KID):
        kid = protected[-KID_LENGTH:]
    else:
        raise Refusal(
            Code.MALFORMED, "EPP-KEY-005", "protected header is neither {1: -8} nor {1: -8, 4: kid}"
        )
    return Sign1(kid=kid, payload=payload, signature=signature)


def kid_of(signed: Sign1, where: str) -> bytes:
    """The key identifier of an object that must have one. Raises Refusal(MALFORMED)."""
    # EPP-KEY-005
    if signed.kid is None:
        raise Refusal(Code.MALFORMED, "EPP-KEY-005", f"{where}: no key identifier")
    return signed.kid


def verify(public: bytes, context: bytes, signed: Sign1) -> bool:
    """Whether `signed` verifies under the 32-byte `public` key as an object of type `context`.

    Whether `signed.kid` is the right key, or rightly absent, is for the caller.
    """
    return verify_detached(public, context, signed.payload, signed.signature, kid=signed.kid)


def verify_detached(
    public: bytes, context: bytes, payload: bytes, signature: bytes, *, kid: bytes | None = None
) -> bool:
    """Whether the bare 64-byte `signature` is the one that `sign_detached` makes. Wrong lengths: False."""
    # EPP-KEY-006
    return ed25519.verify(public, to_be_signed(context, payload, kid=kid), signature)


def to_be_signed(context: bytes, payload: bytes, *, kid: bytes | None = None) -> bytes:
    """What a signature covers: the Sig_structure of RFC 9052 section 4.4."""
    return cbor.encode(("Signature1", _protected(kid), context, payload))


def _protected(kid: bytes | None) -> bytes:
    if kid is None:
        return _NO_KID
    if len(kid) != KID_LENGTH:
        raise ValueError(f"a kid has {KID_LENGTH} bytes, not {len(kid)}")
    return _WITH_KID + kid
