"""Merkle trees of RFC 9162 section 2.1: hashes, which subtrees a proof needs, and verification.

Pure functions. Verification takes every length and index as a claim of the other side: it raises ProofError
for whatever is not exactly the proof of that index and size. A tree is described by its complete subtrees:
`Node(level, position)` covers the leaves from `position << level` up to `(position + 1) << level`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from eiraku.spec.errors import Refused
from eiraku.spec.wholesale_objects import SIZE_MAX

HASH = 32
EMPTY = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""


class ProofError(Refused):
    """A proof that does not show what it should."""


class Node(NamedTuple):
    """A complete subtree of 2**level leaves."""

    level: int
    position: int


class Range(NamedTuple):
    """The leaves from `begin` up to `end`, which form one subtree of the tree in question."""

    begin: int
    end: int


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtrees(span: Range) -> tuple[Node, ...]:
    """The complete subtrees that make up a subtree, from left to right; none for an empty span."""
    found: list[Node] = []
    begin = span.begin
    for level in reversed(range((span.end - span.begin).bit_length())):
        if span.end - begin >= 1 << level:
            found.append(Node(level, begin >> level))
            begin += 1 << level
    return tuple(found)


def join(hashes: Sequence[bytes]) -> bytes:
    """Root over the complete subtrees that `subtrees` names, in its order."""
    if not hashes:
        return EMPTY
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def root(span: Range, known: Mapping[Node, bytes]) -> bytes:
    """Hash of a subtree, from hashes of complete ones. Raises KeyError if one is not known."""
    return join([known[node] for node in subtrees(span)])


def grow(edge: list[bytes], position: int, data: bytes) -> list[tuple[Node, bytes]]:
    """The subtrees that a new leaf at `position` completes, the leaf first.

    `edge` holds the hashes of `subtrees(Range(0, position))`, and is changed to those of one leaf more.
    """
    found, node = leaf_hash(data), Node(0, position)
    made = [(node, found)]
    while node.position & 1:
        found = node_hash(edge.pop(), found)
        node = Node(node.level + 1, node.position >> 1)
        made.append((node, found))
    edge.append(found)
    return made


def complete(leaves: Iterable[bytes]) -> dict[Node, bytes]:
    """Hash of every complete subtree over leaves (data) from the first on."""
    edge: list[bytes] = []
    return dict(pair for position, data in enumerate(leaves) for pair in grow(edge, position, data))


def inclusion(index: int, size: int) -> tuple[Range, ...]:
    """Subtrees whose hashes are the inclusion proof, in its order (section 2.1.3.1).

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"expected an index below {size}, found {index}")
    found: list[Range] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            found.append(Range(middle, end))
            end = middle
        else:
            found.append(Range(begin, middle))
            begin = middle
    return tuple(reversed(found))


def consistency(first: int, second: int) -> tuple[Range, ...]:
    """Subtrees whose hashes are the consistency proof, in its order (section 2.1.4.1).

    Empty where one size is 0 or both are equal. Raises ValueError unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise ValueError(f"expected a size up to {second}, found {first}")
    if first in (0, second):
        return ()
    found: list[Range] = []
    begin, end = 0, second
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            found.append(Range(middle, end))
            end = middle
        else:
            found.append(Range(begin, middle))
            begin = middle
    # The old tree as a whole is known to the verifier; a part of it is not.
    if begin:
        found.append(Range(begin, end))
    return tuple(reversed(found))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """`leaf` (data) is at `index` of the tree of `size` leaves with root `expected`. Raises ProofError."""
    # EPP-WHS-024
    _count(size, 1, SIZE_MAX)
    _count(index, 0, size - 1)
    _hashes(proof, len(inclusion(index, size)), expected)
    at, last, found = index, size - 1, leaf_hash(leaf)
    for sibling in proof:
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            # The right edge: levels on which this subtree has no sibling.
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    # EPP-WHS-024
    if found != expected:
        raise ProofError(f"entry {index} is not in the log of {size} entries with that root")


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """The tree of `second` leaves begins with the tree of `first`. Raises ProofError."""
    # EPP-WHS-024
    _count(second, 0, SIZE_MAX)
    _count(first, 0, second)
    _hashes(proof, len(consistency(first, second)), first_root, second_root)
    if first == 0:
        old, new = EMPTY, second_root if second else EMPTY
    elif first == second:
        old, new = second_root, second_root
    else:
        old, new = _walk(first, second, first_root, proof)
    # EPP-WHS-024
    if old != first_root or new != second_root:
        raise ProofError(f"the log of {second} entries does not continue the log of {first} with that root")


def _walk(first: int, second: int, first_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Roots of both trees as the proof has them (section 2.1.4.2)."""
    nodes = list(proof)
    if not first & (first - 1):
        nodes.insert(0, first_root)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = nodes[0]
    for sibling in nodes[1:]:
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return old, new


def _split(count: int) -> int:
    """Greatest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _count(value: int, least: int, most: int) -> None:
    # bool is a subclass of int in Python
    if type(value) is not int or not least <= value <= most:
        raise ProofError(f"expected a number from {least} to {most}, found {value!r}")


def _hashes(proof: Sequence[bytes], length: int, *roots: bytes) -> None:
    if len(proof) != length:
        raise ProofError(f"expected a proof of {length} hashes, found {len(proof)}")
    if any(type(item) is not bytes or len(item) != HASH for item in (*proof, *roots)):
        raise ProofError(f"expected hashes of {HASH} bytes")
