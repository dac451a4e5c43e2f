"""X25519 (RFC 7748) with the all-zero check."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from eiraku.spec.errors import Refused


class LowOrderPoint(Refused):
    """The peer's public key has small order, so the shared secret would be all zero."""


class AgreementKey:
    """A private key, loaded once: deriving the public half costs as much as an agreement."""

    __slots__ = ("_key", "public")

    public: bytes
    """Public key, 32 bytes."""

    def __init__(self, private: bytes) -> None:
        """Load the 32-byte private key (clamped in use). Raises ValueError for another length."""
        self._key = X25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def private(self) -> bytes:
        """The 32-byte private key, for a worker process of the same centre."""
        return self._key.private_bytes_raw()

    def __repr__(self) -> str:
        return f"AgreementKey(public={self.public.hex()})"

    def agree(self, peer: bytes) -> bytes:
        """Shared secret (32 bytes) with the 32-byte public key `peer`.

        Raises LowOrderPoint if it would be all zero (RFC 7748 section 6.1), ValueError for another length.
        """
        key = X25519PublicKey.from_public_bytes(peer)
        try:
            return self._key.exchange(key)
        except ValueError:  # the length was checked above: what is left is the all-zero result
            raise LowOrderPoint from None
