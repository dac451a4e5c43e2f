"""A whole log in a file, and its verification by somebody who has nothing but the operator's key.

The file has one JSON object on a line: first the header, then entries and checkpoints in the order in which
they came (a checkpoint after the entries that it covers), byte strings in hexadecimal.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from eiraku.spec import merkle
from eiraku.spec.errors import Refused
from eiraku.spec.merkle import Range
from eiraku.spec.wholesale_objects import Checkpoint, Entry
from eiraku.system.wholesale import accounts, checkpoint, written
from eiraku.system.wholesale.accounts import Replay, Standing
from eiraku.system.wholesale.checkpoint import Evidence
from eiraku.system.wholesale.errors import CheckpointError, EntryError, EvidenceError
from eiraku.system.wholesale.note import Trust, VerifierKey
from eiraku.system.wholesale.register import Register

FORMAT = "EPP/1 wholesale log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a file holds; nothing of it is verified."""

    leaves: tuple[bytes, ...]
    checkpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found true of a log. `last`: its newest checkpoint; `uncovered`: entries after that."""

    entries: tuple[Entry, ...]
    standings: dict[int, Standing]
    checkpoints: int
    last: Checkpoint
    uncovered: int


def write(register: Register) -> Iterator[str]:
    """The lines of a file with the whole log and all checkpoints, without line ends."""
    yield json.dumps({"format": FORMAT, "operator": str(register.operator)}, ensure_ascii=False)
    signed = [(checkpoint.verify(item, register.operator).size, item) for item in register.checkpoints()]
    signed.reverse()
    size = 0
    for leaf in register.leaves():
        yield from _due(signed, size)
        yield json.dumps({"entry": leaf.hex()})
        size += 1
    yield from _due(signed, size)


def _due(signed: list[tuple[int, str]], size: int) -> Iterator[str]:
    while signed and signed[-1][0] <= size:
        yield json.dumps({"checkpoint": signed.pop()[1]}, ensure_ascii=False)


def read(lines: Iterable[str]) -> Exported:
    """Read a file. Raises Refused with the number of the line that is not as expected."""
    head: object = None
    leaves: list[bytes] = []
    checkpoints: list[str] = []
    for number, line in enumerate(lines, start=1):
        try:
            given = written.members(line)
            if head is None:
                head = written.text(given, "format")
            elif "entry" in given:
                leaves.append(written.octets(given, "entry"))
            else:
                checkpoints.append(written.text(given, "checkpoint"))
        except Refused as error:
            what = "the header" if head is None else "an entry or a checkpoint"
            raise Refused(f"line {number}: expected {what} of an exported log, in JSON ({error})") from None
    if head != FORMAT:
        raise Refused(f"expected a file of the format {FORMAT!r}; export it from a register")
    return Exported(leaves=tuple(leaves), checkpoints=tuple(checkpoints))


def verify(exported: Exported, trust: Trust) -> Verified:
    """Verify a log from its first entry on, under keys known beforehand.

    Every entry follows the rules, every checkpoint is of this log, and a quorum cosigned the newest. Raises
    EntryError, CheckpointError.
    """
    held = ordered(exported, trust.operator)
    last, _ = checkpoint.accept(held[-1][1], trust)
    signed = [found for found, _ in held]
    _grows(signed)
    waiting = signed[::-1]
    replay, edge = Replay(), list[bytes]()
    entries: list[Entry] = []
    _compare(waiting, edge, replay)
    for leaf in exported.leaves:
        # EPP-WHS-009
        entries.append(replay.add(leaf))
        merkle.grow(edge, replay.size - 1, leaf)
        _compare(waiting, edge, replay)
    accounts.check(replay.balances)
    if waiting:
        raise CheckpointError(
            f"a checkpoint of {waiting[-1].size} entries was signed, the file has {replay.size}; "
            "entries are missing"
        )
    return Verified(
        entries=tuple(entries),
        standings=accounts.standings(replay.balances),
        checkpoints=len(signed),
        last=last,
        uncovered=replay.size - last.size,
    )


def ordered(exported: Exported, operator: VerifierKey) -> list[tuple[Checkpoint, str]]:
    """The checkpoints with their notes, in order of size and epoch. Raises CheckpointError."""
    if not exported.checkpoints:
        raise CheckpointError("the file has no checkpoint, so nobody vouches for it; export it again")
    found = [(checkpoint.verify(item, operator), item) for item in exported.checkpoints]
    return sorted(found, key=lambda pair: (pair[0].size, pair[0].epoch))


def fork(one: Exported, other: Exported, operator: VerifierKey) -> Evidence:
    """Evidence from two files of one operator that do not go together. Raises EvidenceError, CheckpointError.

    Each file may well verify for itself.
    """
    mine, theirs = (one, ordered(one, operator)), (other, ordered(other, operator))
    for (exported, held), (_, others) in ((mine, theirs), (theirs, mine)):
        tree = merkle.complete(exported.leaves)
        for large, second in held:
            for small, first in others:
                if not small.size <= large.size <= len(exported.leaves):
                    continue
                root = merkle.root(Range(0, small.size), tree)
                if root == small.root and small.epoch <= large.epoch:
                    continue
                spans = merkle.consistency(small.size, large.size)
                proof = tuple(merkle.root(span, tree) for span in spans)
                evidence = Evidence(first=first, second=second, root=root, proof=proof)
                if evidence.shows(operator):
                    return evidence
    raise EvidenceError("no two checkpoints of these files contradict each other")


def _grows(signed: list[Checkpoint]) -> None:
    epoch = 0
    for found in signed:
        # EPP-WHS-022
        if found.epoch < epoch:
            raise CheckpointError(
                f"the checkpoint of {found.size} entries has epoch {found.epoch}, a smaller one {epoch}"
            )
        epoch = found.epoch


def _compare(waiting: list[Checkpoint], edge: list[bytes], replay: Replay) -> None:
    while waiting and waiting[-1].size == replay.size:
        found = waiting.pop()
        # EPP-WHS-023
        if merkle.join(edge) != found.root:
            raise CheckpointError(
                f"the first {found.size} entries are not those that the operator signed: they were changed, "
                "or the log has a fork"
            )
        # EPP-WHS-009
        if replay.epoch > found.epoch:
            raise EntryError(
                replay.size - 1, f"its epoch {replay.epoch} is beyond the checkpoint's {found.epoch}"
            )
