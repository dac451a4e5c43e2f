"""What follows from the seed of a run: for each check, for the order of checks, and for the wallet.

The wallet is told a seed of its own, from which the run's cannot be found: else one that declares
`deterministic` would know beforehand all that the suite is going to draw.
"""

import hashlib


def check_seed(seed: bytes, check: str) -> bytes:
    """32 bytes for all that is drawn in a check, of which the id is given."""
    return _derived(seed, "check", check)


def place(seed: bytes, check: str) -> bytes:
    """Where a check stands in the order of a run: by these 32 bytes."""
    return _derived(seed, "order", check)


def wallet_seed(seed: bytes) -> bytes:
    """32 bytes that the wallet is told when it starts."""
    return _derived(seed, "wallet", "")


def _derived(seed: bytes, purpose: str, name: str) -> bytes:
    return hashlib.sha256(seed + f"{purpose}\0{name}".encode()).digest()
