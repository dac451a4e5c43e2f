"""X25519: the vectors of RFC 7748, and OpenSSL on keys of every kind."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint

P = 2**255 - 19


def by_openssl(private: bytes, peer: bytes) -> bytes | None:
    """The shared secret; None where it would be all zero."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))
    except ValueError:
        return None


def agreed(private: bytes, peer: bytes) -> bytes | None:
    """What `AgreementKey` says, once OpenSSL has said so too."""
    try:
        shared: bytes | None = AgreementKey(private).agree(peer)
    except LowOrderPoint:
        shared = None
    assert shared == by_openssl(private, peer)
    return shared


def test_rfc_7748() -> None:
    # Section 5.2: scalar, u coordinate, result. In the second the top bit of u is set, and ignored.
    for scalar, u, expected in (
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ):
        assert agreed(bytes.fromhex(scalar), bytes.fromhex(u)) == bytes.fromhex(expected)
    # Section 6.1.
    alice = AgreementKey(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    bob = AgreementKey(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.agree(bob.public).hex() == bob.agree(alice.public).hex() == shared


@settings(max_examples=200)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_openssl_agrees_on_any_keys(private: bytes, peer: bytes) -> None:
    # half of all u coordinates are of the twist
    agreed(private, peer)
    assert AgreementKey(private).private == private
    theirs = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    assert AgreementKey(private).public == theirs


def test_openssl_agrees_on_small_and_non_canonical_coordinates() -> None:
    refused = set()
    for u in (*range(20), *range(P - 20, 2**255)):
        for top in (0, 1):
            peer = (u | top << 255).to_bytes(32, "little")
            if agreed(bytes(range(32)), peer) is None:
                refused.add(u)
    # u = 0, 1 and -1, and the first two again beyond P; the two of order 8 are in test_crypto_hpke
    assert refused == {0, 1, P - 1, P, P + 1}
