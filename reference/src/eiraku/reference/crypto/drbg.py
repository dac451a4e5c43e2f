"""Deterministic randomness, so that a run can be repeated byte for byte. Never for a purse in the field."""

import hashlib


class Drbg:
    """SHAKE-256 over a seed and a counter; equal seeds give equal streams."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._calls = 0

    def __call__(self, length: int) -> bytes:
        """The next `length` bytes."""
        self._calls += 1
        return hashlib.shake_256(self._seed + self._calls.to_bytes(8, "big")).digest(length)
