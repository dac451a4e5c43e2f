"""A member's verifier written from chapter 15 alone, on the vectors: nothing of the reference judges.

It reads CBOR with another library, verifies Ed25519 with another library, reads notes byte by byte, and keeps
accounts as the table of the chapter says. If the chapter leaves something out, this file cannot be written.
"""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec.wholesale_objects import Entry
from eiraku.system.wholesale import checkpoint, seigniorage, vector_notes
from eiraku.system.wholesale.errors import CheckpointError
from eiraku.system.wholesale.note import SignatureType, Trust, VerifierKey

FILE = Path(__file__).parents[3] / "spec/src/eiraku/spec/vectors/wholesale.json"
Accounts = Counter[tuple[str, int]]


def apply(entry: bytes, accounts: Accounts, members: set[int], earlier: dict[bytes, int]) -> None:
    """The table of postings, and EPP-WHS-008, EPP-WHS-033 to 035, EPP-WHS-039 to 044."""
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


Key = tuple[bytes, int, Ed25519PublicKey]
"""Name, key id, public key."""


def known(vkey: str, kind: int) -> Key:
    """The section on signed notes, about verifier keys."""
    name, key_id, data = vkey.encode().split(b"+", 2)
    packed = base64.standard_b64decode(data)
    assert packed[0] == kind
    assert sha256(name + b"\n" + packed).hexdigest()[:8].encode() == key_id
    return name, int(key_id, 16), Ed25519PublicKey.from_public_bytes(packed[1:])


def pieces(note: bytes) -> tuple[bytes, list[tuple[bytes, int, bytes]]]:
    """Text and signature lines of a note: name, key id and signature."""
    assert len(note) <= 131_072
    characters = note.decode("utf-8")
    assert all(ord(character) >= 32 or character == "\n" for character in characters)
    cut = max(place for place in range(len(note)) if note[place : place + 2] == b"\n\n")
    text, rest = note[: cut + 1], note[cut + 2 :]
    assert rest[-1:] == b"\n"
    lines = []
    for line in rest[:-1].split(b"\n"):
        dash, name, data = line.split(b" ")
        assert dash == "\u2014".encode()
        white = "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
        assert name
        assert not set(name.decode()) & set(white + "+ ")
        packed = base64.b64decode(data, validate=True)
        assert base64.b64encode(packed) == data
        assert len(packed) >= 5
        lines.append((name, int.from_bytes(packed[:4], "big"), packed[4:]))
    assert len(lines) <= 64
    return text, lines


def number(text: bytes, most: int) -> int:
    assert text.isdigit()
    assert str(int(text)).encode() == text
    assert int(text) <= most
    return int(text)


def opened(
    note: bytes, operator: Key, witnesses: Sequence[Key] = (), quorum: int = 0
) -> tuple[int, bytes, int]:
    """Size, root and epoch of a checkpoint that a member accepts; some exception if it does not."""
    text, lines = pieces(note)
    seen: Counter[int] = Counter()
    for name, key_id, signature in lines:
        if (name, key_id) == operator[:2]:
            operator[2].verify(signature, text)
            seen[0] += 1
        for place, witness in enumerate(witnesses, start=1):
            if (name, key_id) == witness[:2]:
                time = int.from_bytes(signature[:8], "big")
                assert time < 2**63
                witness[2].verify(signature[8:], b"cosignature/v1\ntime %d\n" % time + text)
                seen[place] += 1
    origin, size, top, epoch, *others, end = text.split(b"\n")
    assert end == b""
    assert origin == operator[0]
    assert len(origin) <= 64
    digest = base64.b64decode(top, validate=True)
    assert base64.b64encode(digest) == top
    assert len(digest) == 32
    assert epoch[:6] == b"epoch "
    assert all(other and other[:6] != b"epoch " for other in others)
    found = number(size, 2**53 - 1), digest, number(epoch[6:], 2**32 - 1)
    assert seen[0] > 0
    assert len(seen) - 1 >= quorum
    return found


# EPP-WHS-001, EPP-WHS-002, EPP-WHS-004, EPP-WHS-008, EPP-WHS-009, EPP-WHS-030
def test_the_log_of_the_vectors_by_the_text_alone() -> None:
    log = json.loads(FILE.read_text(encoding="utf-8"))["log"]
    operator = known(log["operator"], 1)
    accounts, members, earlier = Accounts(), set[int](), dict[bytes, int]()
    leaves = [bytes.fromhex(item["entry"]) for item in log["entries"]]
    for leaf in leaves:
        apply(leaf, accounts, members, earlier)
    for economy, held in log["accounts"].items():
        assert held == {name: accounts[name, int(economy)] for name in ("own", "issued", "bonds")}
    last = (0, 0)
    for item in log["checkpoints"]:
        size, top, epoch = opened(item.encode(), operator)
        assert (size, epoch) >= last
        assert top == root(leaves[:size])
        last = (size, epoch)
    assert last[0] == len(leaves)


# EPP-WHS-013, EPP-WHS-014, EPP-WHS-015, EPP-WHS-016, EPP-WHS-018, EPP-WHS-019, EPP-WHS-020, EPP-WHS-025
def test_the_notes_of_the_vectors_by_the_text_alone() -> None:
    notes = json.loads(FILE.read_text(encoding="utf-8"))["notes"]
    operator = known(notes["operator"], 1)
    witnesses = [known(key, 4) for key in notes["witnesses"]]
    for case in notes["accepted"]:
        opened(bytes.fromhex(case["note"]), operator, witnesses, notes["quorum"])
    for case in notes["refused"]:
        with pytest.raises((AssertionError, ValueError, InvalidSignature)):
            opened(bytes.fromhex(case["note"]), operator, witnesses, notes["quorum"])


# EPP-WHS-013, EPP-WHS-014, EPP-WHS-015, EPP-WHS-016, EPP-WHS-018, EPP-WHS-020
@given(st.data())
def test_altered_notes_by_the_text_and_by_the_reference(data: st.DataObject) -> None:
    """One to three changes, to a note or to a text before it is signed: both readings accept, or neither."""
    notes = json.loads(FILE.read_text(encoding="utf-8"))["notes"]
    trust = Trust(operator=VerifierKey.parse(notes["operator"], SignatureType.OPERATOR))
    if data.draw(st.booleans()):
        octets = altered(data, bytes.fromhex(data.draw(st.sampled_from(notes["accepted"]))["note"]))
    else:
        text = altered(data, vector_notes.TEXT.encode())
        packed = base64.b64encode(trust.operator.key_id + vector_notes.KEY.sign(text))
        octets = text + "\n\u2014 acu.example ".encode() + packed + b"\n"
    try:
        size, top, epoch = opened(octets, known(notes["operator"], 1))
    except (AssertionError, ValueError, InvalidSignature):
        with pytest.raises(CheckpointError):
            checkpoint.accept(octets, trust)
    else:
        found, _ = checkpoint.accept(octets, trust)
        assert (found.size, found.root, found.epoch) == (size, top, epoch)


def altered(data: st.DataObject, octets: bytes) -> bytes:
    whole = st.sampled_from(
        [b"\n", b"\n\n", b" ", b"0", b"1", b"epoch 3\n", b"x\n", "\u2014 w AAAAAAA=\n".encode()]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at, less = data.draw(st.integers(0, len(octets))), data.draw(st.integers(0, 3))
        octets = octets[:at] + data.draw(whole | st.binary(max_size=2)) + octets[at + less :]
    return octets


# EPP-WHS-006, EPP-WHS-037
def test_weights_and_shares_by_the_text_alone() -> None:
    log = json.loads(FILE.read_text(encoding="utf-8"))["log"]
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
