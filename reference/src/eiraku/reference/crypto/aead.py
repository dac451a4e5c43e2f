"""The two AEADs of EDHOC suites 0 and 4 (RFC 9528 section 3.6)."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, ChaCha20Poly1305

from eiraku.spec.errors import Refused


class CannotOpen(Refused):
    """A ciphertext does not open under this key, nonce and associated data.

    The caller makes it a Refusal: only the caller knows which requirement that ciphertext answers to.
    """


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class _Load(Protocol):
    def __call__(self, key: bytes, /) -> _Cipher: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Aead:
    """One algorithm; lengths in bytes. A ciphertext is `tag_length` bytes longer than its plaintext."""

    name: str
    key_length: int
    nonce_length: int
    tag_length: int
    load: _Load

    def seal(self, key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Ciphertext || tag. Raises ValueError for a key or nonce of another length."""
        self._check(key, nonce)
        return self.load(key).encrypt(nonce, plaintext, aad)

    def open(self, key: bytes, nonce: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """Plaintext. Raises CannotOpen; ValueError for a key or nonce of another length."""
        self._check(key, nonce)
        if len(ciphertext) < self.tag_length:
            raise CannotOpen
        try:
            return self.load(key).decrypt(nonce, ciphertext, aad)
        except InvalidTag:
            raise CannotOpen from None

    def _check(self, key: bytes, nonce: bytes) -> None:
        # AES-CCM itself would take other lengths, and another key length is another algorithm.
        if len(key) != self.key_length or len(nonce) != self.nonce_length:
            raise ValueError(f"{self.name}: key of {len(key)} bytes, nonce of {len(nonce)} bytes")


AES_CCM_16_64_128 = Aead(
    name="AES-CCM-16-64-128",
    key_length=16,
    nonce_length=13,
    tag_length=8,
    load=partial(AESCCM, tag_length=8),
)
CHACHA20_POLY1305 = Aead(
    name="ChaCha20-Poly1305",
    key_length=32,
    nonce_length=12,
    tag_length=16,
    load=ChaCha20Poly1305,
)
