"""Vectors of chapter 15, which ``eiraku maintain vectors --write`` writes.

Trees and proofs come from the definitions of RFC 9162, written down as they stand there and not as
`eiraku.spec.merkle` computes them. The log has one posting of every kind, with a checkpoint after each epoch.
"""

import tempfile
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from eiraku.system.database import Database
from eiraku.system.wholesale import vector_notes
from eiraku.system.wholesale.register import SCHEMA, Register
from eiraku.system.wholesale.vector_notes import ORIGIN, secret

JAPAN, SINGAPORE, THAILAND = 392, 702, 764
LEAVES = tuple(bytes(range(count)) for count in range(11))
"""Data of the leaves: nothing, 00, 0001, 000102 and so on."""


def mth(leaves: Sequence[bytes]) -> bytes:
    """Merkle tree hash (RFC 9162 section 2.1.1)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = _half(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Inclusion proof (section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = _half(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """Consistency proof (section 2.1.4.1), for 0 < m <= number of leaves."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = _half(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def play(register: Register, *, posting: Callable[[int], bytes] | None = None) -> None:
    """One posting of every kind by three members, over three epochs; the register is at its first epoch.

    `posting`: id of the posting by its number; by default SHA-256 of `posting 1` and so on, 16 bytes.
    """
    number = 0

    def fresh() -> bytes:
        nonlocal number
        number += 1
        return posting(number) if posting else secret(f"posting {number}", 16)

    for economy in (JAPAN, SINGAPORE, THAILAND):
        register.join(fresh(), economy)
    register.contribute(fresh(), JAPAN, 5_000_000)
    register.contribute(fresh(), SINGAPORE, 2_000_000)
    register.checkpoint()
    register.advance(register.epoch + 1)
    register.issue(fresh(), JAPAN, 3_000_000)
    register.issue(fresh(), SINGAPORE, 1_500_000)
    register.reflux(fresh(), JAPAN, THAILAND, 400_000)
    register.redeem(fresh(), SINGAPORE, 250_000)
    register.checkpoint()
    register.advance(register.epoch + 1)
    register.issue(fresh(), JAPAN, 100_000, at=THAILAND)
    register.transfer(fresh(), SINGAPORE, THAILAND, 50_000)
    register.withdraw(fresh(), JAPAN, 1_000_000)
    register.checkpoint()


def vectors() -> dict[str, Any]:
    """The whole file, as plain data; byte strings in hexadecimal, checkpoints of the log as text."""
    return {
        "schema": "wholesale.schema.json",
        "title": "EPP/1, chapter 15: Merkle trees and proofs, a log with every kind of entry, signed notes",
        "about": "Private inputs are prefixes of the SHA-256 digest of their names, such as 'operator key'.",
        "leaves": [leaf.hex() for leaf in LEAVES],
        "roots": [mth(LEAVES[:size]).hex() for size in range(len(LEAVES) + 1)],
        "inclusion": [
            {"index": index, "size": size, "proof": _hex(path(index, LEAVES[:size]))}
            for size in range(1, len(LEAVES) + 1)
            for index in range(size)
        ],
        "consistency": [
            {"first": first, "second": second, "proof": _hex(subproof(first, LEAVES[:second]))}
            for second in range(1, len(LEAVES) + 1)
            for first in range(1, second + 1)
        ],
        "log": _log(),
        "notes": vector_notes.notes(),
        "verifier_keys": vector_notes.verifier_keys(),
    }


def _log() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/register.db", SCHEMA)
        try:
            register = Register.create(
                database, origin=ORIGIN, epoch=1, random=lambda length: secret("operator key", length)
            )
            play(register)
            return {
                "origin": ORIGIN,
                "private_key": secret("operator key").hex(),
                "operator": str(register.operator),
                "entries": [
                    {
                        "entry": entry.encode().hex(),
                        "posting": entry.posting.hex(),
                        "kind": entry.label,
                        "epoch": entry.epoch,
                        "economy": entry.economy,
                        "at": entry.at,
                        "amount": entry.amount,
                    }
                    for entry in register.entries()
                ],
                "checkpoints": list(register.checkpoints()),
                "accounts": {
                    str(economy): {
                        "own": standing.own,
                        "issued": standing.issued,
                        "bonds": standing.bonds,
                    }
                    for economy, standing in register.standings().items()
                },
            }
        finally:
            database.close()


def _half(count: int) -> int:
    """Greatest power of two below `count`."""
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def _hex(items: Sequence[bytes]) -> list[str]:
    return [item.hex() for item in items]
