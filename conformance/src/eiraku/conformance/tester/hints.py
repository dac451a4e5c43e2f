"""What a wallet may have misread: each misreading is tried on what the wallet sent, and the report says which
one fits.

A table gives, for one kind of object, the misreadings in words and what each would have signed, sealed or
computed. Only a check that fails asks, so nothing here costs a wallet that is right anything. This module has
what can be signed or is a digest; `hints_sealed` what is sealed, `hints_session` the handshake, and
`hints_records` records.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from eiraku.conformance.results import Fact, Hint
from eiraku.reference.crypto import cose, ed25519, hkdf
from eiraku.spec import cbor, objects
from eiraku.spec.objects import EndorsementPayload, ReceiptPayload

C = TypeVar("C")
R = TypeVar("R")
Table = Mapping[str, Callable[[C], R]]
"""By the misreading in words, what it makes of a case."""


def tried(about: str, table: Table[C, R], case: C, fits: Callable[[R], bool]) -> tuple[Hint, ...]:
    """Every misreading of `table` with whether it `fits` what the wallet sent."""
    return tuple(Hint(about=about, words=words, holds=fits(make(case))) for words, make in table.items())


# --- signatures ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A detached signature and what it should cover."""

    context: bytes
    payload: bytes
    public: bytes
    """32 bytes, of the purse that should have signed."""
    signature: bytes

    @property
    def covered(self) -> bytes:
        """The Sig_structure that was verified."""
        return cose.to_be_signed(self.context, self.payload)

    def fits(self, message: bytes) -> bool:
        """Whether the signature is one over `message`."""
        return ed25519.verify(self.public, message, self.signature)

    def facts(self) -> tuple[Fact, ...]:
        """What was verified, byte by byte."""
        return (
            Fact(name="context", value=self.context.decode()),
            Fact(name="payload", value=shown(self.payload)),
            Fact(name="Sig_structure", value=self.covered.hex()),
            Fact(name="public key", value=self.public.hex()),
            Fact(name="signature", value=self.signature.hex()),
        )


_NO_KID = cbor.encode({1: -8})
_CONTEXTS = (
    objects.CONTEXT_PURSE_ID,
    objects.CONTEXT_BULLETIN,
    objects.CONTEXT_UNIT,
    objects.CONTEXT_ENDORSEMENT,
    objects.CONTEXT_RECEIPT,
)


def _of_context(context: bytes) -> Callable[[Signed], bytes]:
    return lambda case: b"" if case.context == context else cose.to_be_signed(context, case.payload)


def _structure(*, name: str = "Signature1", protected: bytes = _NO_KID) -> Callable[[Signed], bytes]:
    return lambda case: cbor.encode((name, protected, case.context, case.payload))


SIGNATURE: Table[Signed, bytes] = {
    "verifies over the payload alone, without a Sig_structure": lambda case: case.payload,
    "verifies over context and payload one after the other": lambda case: case.context + case.payload,
    "verifies with no context (empty external_aad)": lambda case: cose.to_be_signed(b"", case.payload),
    "verifies with the context as a text string": lambda case: cbor.encode(
        ("Signature1", _NO_KID, case.context.decode(), case.payload)
    ),
    **{f"verifies with the context {context.decode()}": _of_context(context) for context in _CONTEXTS},
    "verifies with an empty protected header": _structure(protected=b""),
    "verifies with a protected header that is an empty map": _structure(protected=cbor.encode({})),
    "verifies with the Sig_structure of COSE_Sign": _structure(name="Signature"),
    "verifies with the payload wrapped into a byte string once more": lambda case: cose.to_be_signed(
        case.context, cbor.encode(case.payload)
    ),
    "verifies over the COSE_Sign1 array with an empty signature, not over a Sig_structure": lambda case: (
        cbor.encode((_NO_KID, {}, case.payload, b""))
    ),
    "verifies over the SHA-256 digest of the Sig_structure": lambda case: hashlib.sha256(
        case.covered
    ).digest(),
    "verifies over the SHA-512 digest of the Sig_structure": lambda case: hashlib.sha512(
        case.covered
    ).digest(),
}
"""Of any object with a detached signature: what may have been signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """An endorsement: the right payload and the sealed history in it."""

    payload: EndorsementPayload
    history: bytes
    unit: bytes
    """The signed unit."""


def _digest(make: Callable[[bytes], bytes]) -> Callable[[Endorsed], EndorsementPayload | None]:
    return lambda case: replace(case.payload, history_digest=make(case.history))


def _identified(make: Callable[[bytes], bytes]) -> Callable[[Endorsed], EndorsementPayload | None]:
    return lambda case: replace(case.payload, unit_id=hashlib.sha256(make(case.unit)).digest())


def _hop(by: int) -> Callable[[Endorsed], EndorsementPayload | None]:
    def make(case: Endorsed) -> EndorsementPayload | None:
        hop = case.payload.hop + by
        return replace(case.payload, hop=hop) if 0 <= hop <= objects.HOP_MAX else None

    return make


ENDORSEMENT: Table[Endorsed, EndorsementPayload | None] = {
    "verifies with hop - 1 (the hop at which the unit is held)": _hop(-1),
    "verifies with hop + 1": _hop(1),
    "verifies with payer and payee exchanged": lambda case: replace(
        case.payload, payer=case.payload.payee, payee=case.payload.payer
    ),
    "verifies with the digest of an empty history": _digest(lambda _: hashlib.sha256(b"").digest()),
    "verifies with the digest of the history as a CBOR byte string": _digest(
        lambda history: hashlib.sha256(cbor.encode(history)).digest()
    ),
    "verifies with the first 32 bytes of the SHA-512 digest of the history": _digest(
        lambda history: hashlib.sha512(history).digest()[:32]
    ),
    "verifies with the SHA-256 digest of the whole signed unit as unit_id": _identified(lambda unit: unit),
    "verifies with the SHA-256 digest of the unit's payload as unit_id": _identified(
        lambda unit: cose.parse(unit).payload
    ),
}
RECEIPT: Table[ReceiptPayload, ReceiptPayload] = {
    "verifies with payer and payee exchanged": lambda case: replace(case, payer=case.payee, payee=case.payer),
    "verifies with an amount of 0": lambda case: replace(case, amount=0),
}


def endorsement(case: Endorsed, signed: Signed) -> tuple[Hint, ...]:
    """What an endorsement that does not verify may cover."""
    return _payloads("endorsement", ENDORSEMENT, case, signed)


def receipt(payload: ReceiptPayload, offered: bytes, signed: Signed) -> tuple[Hint, ...]:
    """What a receipt that does not verify may cover. `offered`: bytes of the OFFER."""
    digests = tuple(
        Hint(
            about="receipt",
            words=f"verifies with {words}",
            holds=signed.fits(_receipt(payload, make(offered))),
        )
        for words, make in DIGEST.items()
    )
    return (*_payloads("receipt", RECEIPT, payload, signed), *digests)


def _receipt(payload: ReceiptPayload, digest: bytes) -> bytes:
    changed = replace(payload, offer_digest=digest)
    return cose.to_be_signed(objects.CONTEXT_RECEIPT, changed.encode())


def _payloads(
    about: str,
    table: Table[C, EndorsementPayload | None] | Table[C, ReceiptPayload],
    case: C,
    signed: Signed,
) -> tuple[Hint, ...]:
    def fits(payload: EndorsementPayload | ReceiptPayload | None) -> bool:
        return payload is not None and signed.fits(cose.to_be_signed(signed.context, payload.encode()))

    return (*tried(about, table, case, fits), *tried(about, SIGNATURE, signed, signed.fits))


# --- digests and codes of authentication --------------------------------------------------------------------


def _without_type(offered: bytes) -> bytes:
    item = cbor.decode(offered, limit=len(offered))
    return cbor.encode(item[1:]) if isinstance(item, tuple) else offered


DIGEST: Table[bytes, bytes] = {
    "the digest of the OFFER as a CBOR byte string": lambda offered: hashlib.sha256(
        cbor.encode(offered)
    ).digest(),
    "the digest of the OFFER without its type": lambda offered: hashlib.sha256(
        _without_type(offered)
    ).digest(),
    "the first 32 bytes of the SHA-512 digest of the OFFER": lambda offered: hashlib.sha512(offered).digest()[
        :32
    ],
    "the SHA3-256 digest of the OFFER": lambda offered: hashlib.sha3_256(offered).digest(),
}
"""Of the bytes of an OFFER."""


def digest(found: bytes, offered: bytes) -> tuple[Hint, ...]:
    """What an offer_digest that is wrong may be."""
    return tried("offer_digest", DIGEST, offered, lambda made: made == found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A message_1 without its last item, and the scheme key."""

    scheme_key: bytes
    before: bytes
    head: bytes
    """Label of the item and head of its value."""

    def mac(self, key: bytes, over: bytes | None = None) -> bytes:
        """HMAC with SHA-256, whole."""
        return hmac.digest(key, self.before if over is None else over, hashlib.sha256)

    @property
    def key(self) -> bytes:
        """The right key of it."""
        return hkdf.expand(hkdf.extract(b"", self.scheme_key), objects.INFO_MEMBER, 32)


_SHORT = objects.MEMBER_MAC
MEMBER: Table[Membership, bytes] = {
    "is the MAC under the scheme key itself": lambda case: case.mac(case.scheme_key)[:_SHORT],
    "is the MAC under HKDF-Expand alone, without Extract": lambda case: case.mac(
        hkdf.expand(case.scheme_key, objects.INFO_MEMBER, 32)
    )[:_SHORT],
    "is the MAC under a key with salt and secret exchanged": lambda case: case.mac(
        hkdf.expand(hkdf.extract(case.scheme_key, b""), objects.INFO_MEMBER, 32)
    )[:_SHORT],
    "is the MAC under a key with another info (that of sealed purse IDs)": lambda case: case.mac(
        hkdf.expand(hkdf.extract(b"", case.scheme_key), objects.INFO_SEALED_PURSE_ID, 32)
    )[:_SHORT],
    "is the last 16 bytes of the MAC, not the first": lambda case: case.mac(case.key)[-_SHORT:],
    "is a MAC that covers the head of the item too": lambda case: case.mac(case.key, case.before + case.head)[
        :_SHORT
    ],
    "is a MAC over the digest of message_1": lambda case: case.mac(
        case.key, hashlib.sha256(case.before).digest()
    )[:_SHORT],
}


def member(found: bytes, case: Membership) -> tuple[Hint, ...]:
    """What a value of `EPP member` that is wrong may be."""
    return tried("EPP member", MEMBER, case, lambda made: made == found)


def shown(data: bytes) -> str:
    """Bytes as CBOR in diagnostic notation if they are one item or a sequence of items, else in hex."""
    items = sequence(data)
    return ", ".join(map(cbor.diagnostic, items)) if items else data.hex()


def sequence(data: bytes) -> Iterable[cbor.Item]:
    """The items of a CBOR sequence; none if it is not one."""
    from eiraku.spec.errors import Refusal

    try:
        return cbor.decode_sequence(data, limit=max(len(data), cbor.LIMIT))
    except Refusal:
        return ()
