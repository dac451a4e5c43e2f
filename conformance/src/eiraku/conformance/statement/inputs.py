"""What a statement needs besides a run: keys in PEM, and the digests of the wallet's files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from eiraku.conformance.statement.content import Resource
from eiraku.reference.crypto.ed25519 import SigningKey, sound_key
from eiraku.spec.errors import Misuse

_MADE = "openssl genpkey -algorithm ed25519 -out KEY makes one"


def private_key(path: Path) -> SigningKey:
    """The Ed25519 key in ``path``, PEM in the form PKCS#8. Raises Misuse, OSError."""
    content = path.read_bytes()
    try:
        found = load_pem_private_key(content, password=None)
    except TypeError:
        raise Misuse(f"{path}: the key has a passphrase; openssl pkey -in {path} takes it off") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misuse(f"{path}: expected a private key in PEM; {_MADE}") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise Misuse(f"{path}: expected an Ed25519 key; {_MADE}")
    return SigningKey(found.private_bytes_raw())


def public_key(path: Path) -> bytes:
    """The Ed25519 public key in ``path``, PEM; 32 bytes. Raises Misuse, OSError."""
    content = path.read_bytes()
    try:
        found = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise Misuse(
            f"{path}: expected a public key in PEM; openssl pkey -in KEY -pubout makes it of a private one"
        ) from None
    if not isinstance(found, Ed25519PublicKey) or not sound_key(found.public_bytes_raw()):
        raise Misuse(f"{path}: expected an Ed25519 public key")
    return found.public_bytes_raw()


def subjects(paths: Sequence[Path]) -> tuple[Resource, ...]:
    """Name, as given, and SHA-256 of each file, sorted. Raises Misuse, OSError."""
    found = {path.as_posix(): _digest(path) for path in paths}
    if len(found) != len(paths):
        raise Misuse("a subject is named twice")
    return tuple(Resource(name=name, digest={"sha256": found[name]}) for name in sorted(found))


def _digest(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise Misuse(f"{path}: expected a file; name the files of a folder one by one, or pack them into one")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
