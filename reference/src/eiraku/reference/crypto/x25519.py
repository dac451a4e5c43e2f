"""X25519 (RFC 7748) with the all-zero check, by libsodium: a key pair in half of OpenSSL's time."""

from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base
from nacl.exceptions import RuntimeError as NotAgreed

from eiraku.spec.errors import Refused


class LowOrderPoint(Refused):
    """The peer's public key has small order, so the shared secret would be all zero."""


class AgreementKey:
    """A private key, loaded once: deriving the public half costs as much as an agreement."""

    __slots__ = ("private", "public")

    private: bytes
    """Private key, 32 bytes."""
    public: bytes
    """Public key, 32 bytes."""

    def __init__(self, private: bytes) -> None:
        """Load the 32-byte private key (clamped in use). Raises ValueError for another length."""
        _check(private)
        self.private = private
        self.public = crypto_scalarmult_base(private)

    def __repr__(self) -> str:
        return f"AgreementKey(public={self.public.hex()})"

    def agree(self, peer: bytes) -> bytes:
        """Shared secret (32 bytes) with the 32-byte public key `peer`.

        Raises LowOrderPoint if it would be all zero (RFC 7748 section 6.1), ValueError for another length.
        """
        _check(peer)
        try:
            return crypto_scalarmult(self.private, peer)
        except NotAgreed:  # the one way to fail that libsodium has here
            raise LowOrderPoint from None


def has_small_order(public: bytes) -> bool:
    """Whether every agreement with this 32-byte public key gives an all-zero secret."""
    try:
        # Any private key tells: clamping makes each a multiple of the cofactor.
        AgreementKey(bytes(32)).agree(public)
    except LowOrderPoint:
        return True
    return False


def _check(key: bytes) -> None:
    # The binding itself reads 32 bytes of whatever it is given.
    if len(key) != 32:
        raise ValueError(f"an X25519 key has 32 bytes, not {len(key)}")
