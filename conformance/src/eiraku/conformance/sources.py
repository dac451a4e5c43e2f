"""What the suite is made of, in one digest, so that a statement names the judge as well as the wallet.

The digest is that of a list as ``sha256sum`` writes it, sorted: a line for each file of the packages that
have a part in a verdict, with its path from the folder ``eiraku``.
"""

import functools
import hashlib
from pathlib import Path

import eiraku
from eiraku.conformance.adapter.schema import stored_schema

PACKAGES = ("conformance", "reference", "spec", "testing")


@functools.cache
def digest() -> str:
    """SHA-256, hex, of `listing`."""
    return hashlib.sha256(listing()).hexdigest()


def listing() -> bytes:
    """The digest and the name of each file."""
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for root in map(Path, eiraku.__path__)
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return "".join(sorted(f"{each}  {name}\n" for name, each in found.items())).encode()


def adapter_schema() -> str:
    """SHA-256, hex, of ``schema.json`` of the adapter protocol."""
    return hashlib.sha256(stored_schema()).hexdigest()
