"""A member's verifier written from chapter 15 alone, on the vectors: nothing of the reference judges.

It reads CBOR with another library, verifies Ed25519 with another library, and keeps accounts as the table of
the chapter says. If the chapter leaves something out, this file cannot be written.
"""

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from eiraku.spec.wholesale_objects import Entry
from eiraku.system.wholesale import seigniorage

FILE = Path(__file__).parents[3] / "spec/src/eiraku/spec/vectors/wholesale.json"
Accounts = Counter[tuple[str, int]]


def apply(entry: bytes, accounts: Accounts, members: set[int], earlier: dict[bytes, int]) -> None:
    """The table of postings, and EPP-WHS-002 and EPP-WHS-008."""
    posting, kind, epoch, e, f, a = cbor2.loads(entry)
    assert len(posting) == 16
    assert posting not in earlier
    assert epoch >= max(earlier.values(), default=0)
    assert (a == 0) == (kind == 0)
    if kind == 0:
        assert e == f
        assert e not in members
        members.add(e)
    assert {e, f} <= members
    moves: dict[int, list[tuple[str, int, int]]] = {
        0: [],
        1: [("own", e, a), ("bonds", e, a)],
        2: [("own", e, -a), ("bonds", e, -a)],
        3: [("own", f, -a), ("issued", e, a), ("bonds", f, -a), ("bonds", e, a)],
        4: [("own", f, a), ("issued", e, -a), ("bonds", f, a), ("bonds", e, -a)],
        5: [("own", e, -a), ("own", f, a), ("bonds", e, -a), ("bonds", f, a)],
    }
    for name, economy, amount in moves[kind]:
        accounts[name, economy] += amount
    assert all(amount >= 0 for amount in accounts.values())
    assert all(accounts["own", m] + accounts["issued", m] == accounts["bonds", m] for m in members)
    earlier[posting] = epoch


def root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def opened(signed: bytes, operator: bytes) -> Any:
    """Origin, size, root and epoch of a checkpoint (chapter 3, EPP-WHS-004)."""
    protected, unprotected, payload, signature = cbor2.loads(signed)
    assert cbor2.loads(protected) == {1: -8, 4: sha256(operator).digest()[:8]}
    assert unprotected == {}
    to_be_signed = cbor2.dumps(["Signature1", protected, b"EPP/1 checkpoint", payload])
    Ed25519PublicKey.from_public_bytes(operator).verify(signature, to_be_signed)
    return cbor2.loads(payload)


# EPP-WHS-001, EPP-WHS-002, EPP-WHS-004, EPP-WHS-008, EPP-WHS-009
def test_the_log_of_the_vectors_by_the_text_alone() -> None:
    log = json.loads(FILE.read_text())["log"]
    operator = bytes.fromhex(log["operator"])
    accounts, members, earlier = Accounts(), set[int](), dict[bytes, int]()
    leaves = [bytes.fromhex(item["entry"]) for item in log["entries"]]
    for leaf in leaves:
        apply(leaf, accounts, members, earlier)
    for economy, held in log["accounts"].items():
        assert held == {name: accounts[name, int(economy)] for name in ("own", "issued", "bonds")}
    last = (0, 0)
    for item in log["checkpoints"]:
        origin, size, top, epoch = opened(bytes.fromhex(item), operator)
        assert origin == log["origin"]
        assert (size, epoch) >= last
        assert top == root(leaves[:size])
        last = (size, epoch)
    assert last[0] == len(leaves)


# EPP-WHS-004
def test_another_context_does_not_verify() -> None:
    log = json.loads(FILE.read_text())["log"]
    signed = cbor2.loads(bytes.fromhex(log["checkpoints"][0]))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(log["operator"]))
    other = cbor2.dumps(["Signature1", signed[0], b"EPP/1 bulletin", signed[2]])
    with pytest.raises(InvalidSignature):
        key.verify(signed[3], other)


# EPP-WHS-006
def test_weights_and_shares_by_the_text_alone() -> None:
    log = json.loads(FILE.read_text())["log"]
    leaves = [bytes.fromhex(item["entry"]) for item in log["entries"]]
    first, last, result = 1, 3, 999_999_999
    weights = Counter[int]()
    for epoch in range(first, last + 1):
        accounts, members, earlier = Accounts(), set[int](), dict[bytes, int]()
        for leaf in leaves:
            if cbor2.loads(leaf)[2] <= epoch:
                apply(leaf, accounts, members, earlier)
        for member in members:
            weights[member] += accounts["bonds", member]
    total = weights.total()
    shares = {member: result * weight // total for member, weight in weights.items()}
    rest = {member: result * weight % total for member, weight in weights.items()}
    for member in sorted(rest, key=lambda m: (-rest[m], m))[: result - sum(shares.values())]:
        shares[member] += 1
    found = seigniorage.statement(
        [Entry.decode(leaf) for leaf in leaves],
        epoch=4,
        first=first,
        last=last,
        income=result,
        cost=0,
        investment=0,
    )
    assert dict(found.weights) == weights
    assert dict(found.shares) == shares
