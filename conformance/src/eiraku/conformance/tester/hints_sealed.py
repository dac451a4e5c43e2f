"""Misreadings of what a wallet seals: histories (HPKE) and purse IDs. See `hints`."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from eiraku.conformance.results import Fact, Hint
from eiraku.conformance.tester.hints import Table, tried
from eiraku.reference.crypto import aead, cose, hkdf, hpke
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import layer_info
from eiraku.spec import cbor, objects
from eiraku.spec.objects import Layer

# --- histories ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A layer that does not open, and what it should open with."""

    key: AgreementKey
    others: tuple[AgreementKey, ...]
    """History keys of the other money keys."""
    unit: bytes
    """The signed unit."""
    unit_id: bytes
    sealed: bytes

    def facts(self) -> tuple[Fact, ...]:
        """What was tried to open, with what."""
        return (
            Fact(name="enc", value=self.sealed[: hpke.ENC_LENGTH].hex()),
            Fact(name="info", value=layer_info(self.unit_id).hex()),
            Fact(name="aad", value="(empty)"),
            Fact(name="recipient's public key", value=self.key.public.hex()),
            Fact(name="ciphertext", value=self.sealed[hpke.ENC_LENGTH :].hex()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One attempt to open it."""

    keys: tuple[AgreementKey, ...]
    info: bytes
    sealed: bytes
    aad: bytes = b""

    def opens(self) -> bool:
        """Whether any of the keys does."""
        return any(self._opens(key) for key in self.keys)

    def _opens(self, key: AgreementKey) -> bool:
        try:
            hpke.open_(key, self.info, self.sealed, aad=self.aad)
        except CannotOpen:
            return False
        return True


def _info(make: Callable[[Sealed], bytes]) -> Callable[[Sealed], Opening]:
    return lambda case: Opening(keys=(case.key,), info=make(case), sealed=case.sealed)


def _turned(case: Sealed) -> Opening:
    enc, ciphertext = case.sealed[-hpke.ENC_LENGTH :], case.sealed[: -hpke.ENC_LENGTH]
    return Opening(keys=(case.key,), info=layer_info(case.unit_id), sealed=enc + ciphertext)


LAYER: Table[Sealed, Opening] = {
    "opens with an info without the unit_id": _info(lambda _: objects.INFO_HISTORY),
    "opens with the unit_id alone as info": _info(lambda case: case.unit_id),
    "opens with no info": _info(lambda _: b""),
    "opens with the unit_id in the info as a CBOR byte string": _info(
        lambda case: objects.INFO_HISTORY + cbor.encode(case.unit_id)
    ),
    "opens with the SHA-256 digest of the whole signed unit as unit_id": _info(
        lambda case: layer_info(hashlib.sha256(case.unit).digest())
    ),
    "opens with the SHA-256 digest of the unit's payload as unit_id": _info(
        lambda case: layer_info(hashlib.sha256(cose.parse(case.unit).payload).digest())
    ),
    "opens with the unit_id as associated data": lambda case: Opening(
        keys=(case.key,), info=objects.INFO_HISTORY, sealed=case.sealed, aad=case.unit_id
    ),
    "opens with the info as associated data too": lambda case: Opening(
        keys=(case.key,), info=layer_info(case.unit_id), sealed=case.sealed, aad=layer_info(case.unit_id)
    ),
    "opens under the history key of another money key": lambda case: Opening(
        keys=case.others, info=layer_info(case.unit_id), sealed=case.sealed
    ),
    "opens with enc after the ciphertext": _turned,
}


def layer(case: Sealed) -> tuple[Hint, ...]:
    """How a layer that does not open may have been sealed."""
    return tried("history", LAYER, case, Opening.opens)


CONTENT: Table[Layer, Layer] = {
    "holds payer and payee exchanged": lambda right: replace(right, payer=right.payee, payee=right.payer),
    "holds an empty history": lambda right: replace(right, inner=b""),
    "holds the digest of the history instead of the history": lambda right: replace(
        right, inner=hashlib.sha256(right.inner).digest()
    ),
}


def content(found: Layer, right: Layer) -> tuple[Hint, ...]:
    """What a layer that opens, and is another than the right one, may hold."""

    def fits(made: Layer) -> bool:
        return replace(made, signature=found.signature) == found

    return tried("layer", CONTENT, right, fits)


# --- purse IDs ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedId:
    """A purse ID that does not open."""

    scheme_key: bytes
    sealed: bytes

    @property
    def nonce(self) -> bytes:
        """16 bytes, which come first."""
        return self.sealed[: objects.SEALED_NONCE]

    @property
    def ciphertext(self) -> bytes:
        """What comes after it."""
        return self.sealed[objects.SEALED_NONCE :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decryption:
    """One attempt to decrypt. `material`: key and vector, 44 bytes."""

    material: bytes
    ciphertext: bytes
    aad: bytes = b""

    def opens(self) -> bool:
        """Whether it does."""
        cipher = aead.CHACHA20_POLY1305
        key, nonce = self.material[: cipher.key_length], self.material[cipher.key_length :]
        try:
            cipher.open(key, nonce, self.aad, self.ciphertext)
        except CannotOpen:
            return False
        return True


def _material(salt: bytes, secret: bytes, info: bytes = objects.INFO_SEALED_PURSE_ID) -> bytes:
    return hkdf.expand(hkdf.extract(salt, secret), info, 44)


def _keyed(make: Callable[[SealedId], bytes]) -> Callable[[SealedId], Decryption]:
    return lambda case: Decryption(material=make(case), ciphertext=case.ciphertext)


def _nonce_last(case: SealedId) -> Decryption:
    nonce, ciphertext = case.sealed[-objects.SEALED_NONCE :], case.sealed[: -objects.SEALED_NONCE]
    return Decryption(material=_material(nonce, case.scheme_key), ciphertext=ciphertext)


def _vector_first(case: SealedId) -> bytes:
    right = _material(case.nonce, case.scheme_key)
    return right[12:] + right[:12]


PURSE_ID: Table[SealedId, Decryption] = {
    "opens with salt and secret exchanged": _keyed(lambda case: _material(case.scheme_key, case.nonce)),
    "opens with the nonce in the info and no salt": _keyed(
        lambda case: _material(b"", case.scheme_key, objects.INFO_SEALED_PURSE_ID + case.nonce)
    ),
    "opens with no info": _keyed(lambda case: _material(case.nonce, case.scheme_key, b"")),
    "opens with another info (that of EPP member)": _keyed(
        lambda case: _material(case.nonce, case.scheme_key, objects.INFO_MEMBER)
    ),
    "opens with the vector before the key": _keyed(_vector_first),
    "opens under the scheme key itself, the nonce cut to 12 bytes": _keyed(
        lambda case: case.scheme_key + case.nonce[:12]
    ),
    "opens with the nonce as associated data": lambda case: Decryption(
        material=_material(case.nonce, case.scheme_key), ciphertext=case.ciphertext, aad=case.nonce
    ),
    "opens with the nonce after the ciphertext": _nonce_last,
}


def purse_id(case: SealedId) -> tuple[Hint, ...]:
    """How a purse ID that does not open may have been sealed."""
    return tried("sealed purse ID", PURSE_ID, case, Decryption.opens)


def other_keys(keys: Iterable[AgreementKey], right: AgreementKey) -> tuple[AgreementKey, ...]:
    """All but the right one."""
    return tuple(key for key in keys if key.public != right.public)
