"""Checkpoints, and evidence against an operator whose log has a fork (EPP-WHS-004, EPP-WHS-010).

Evidence is two checkpoints of one operator that no single log can have, with the proof that shows it. Whoever
has the operator's verifier key can verify it offline.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import merkle
from eiraku.spec.errors import Refusal, Refused
from eiraku.spec.merkle import ProofError, Range
from eiraku.spec.signed_note import Note
from eiraku.spec.wholesale_objects import Checkpoint, Entry
from eiraku.system.wholesale import note, written
from eiraku.system.wholesale.errors import CheckpointError, EvidenceError
from eiraku.system.wholesale.note import Trust, VerifierKey

FORMAT = "EPP/1 fork"


def sign(key: SigningKey, checkpoint: Checkpoint) -> str:
    """The note of a checkpoint, signed by the operator's key."""
    # EPP-WHS-004
    return note.sign(key, checkpoint.origin, checkpoint.encode()).encode()


def read(signed: str | bytes) -> tuple[Note, Checkpoint]:
    """A note and the checkpoint in it; nothing is verified. Raises CheckpointError."""
    try:
        found = Note.decode(signed)
        return found, Checkpoint.decode(found.text)
    except Refusal as refusal:
        raise CheckpointError(f"checkpoint: not well formed ({refusal})") from None


def verify(signed: str | bytes, operator: VerifierKey) -> Checkpoint:
    """The checkpoint, if `operator` signed it for the log of its name. Raises CheckpointError."""
    return _verify(*read(signed), operator)


def accept(signed: str | bytes, trust: Trust) -> tuple[Checkpoint, Note]:
    """The checkpoint, if operator and quorum signed it, and its note with one line for each known key.

    Raises CheckpointError.
    """
    found, checkpoint = read(signed)
    _verify(found, checkpoint, trust.operator)
    lines = (trust.operator.verified(found)[0], *trust.witnessed(found))
    # EPP-WHS-027
    return checkpoint, Note(text=found.text, signatures=lines)


def _verify(found: Note, checkpoint: Checkpoint, operator: VerifierKey) -> Checkpoint:
    # EPP-WHS-020
    if checkpoint.origin != operator.name:
        raise CheckpointError(
            f"checkpoint: of the log {checkpoint.origin!r}, expected {operator.name!r} [EPP-WHS-020]"
        )
    if not operator.verified(found):
        raise CheckpointError("checkpoint: not signed by the operator's key [EPP-WHS-020]")
    return checkpoint


def verify_entry(leaf: bytes, index: int, proof: tuple[bytes, ...], signed: str, trust: Trust) -> Entry:
    """The entry (data of the leaf), if it is at `index` of the log under a checkpoint.

    For somebody who does not keep the log. Raises CheckpointError, ProofError.
    """
    checkpoint, _ = accept(signed, trust)
    # EPP-WHS-023
    merkle.verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root)
    try:
        return Entry.decode(leaf)
    except Refusal as refusal:
        raise ProofError(f"entry {index}: in the log, but not well formed ({refusal})") from None


def against(first: str, second: str, leaves: Sequence[bytes], operator: VerifierKey) -> "Evidence":
    """What two checkpoints show, from all leaves (data) of the log under the larger one, `second`.

    The outcome need not be a contradiction: its `verify` tells. Raises CheckpointError.
    """
    small, large = verify(first, operator), verify(second, operator)
    if not small.size <= large.size == len(leaves):
        return Evidence(first=first, second=second, root=small.root)
    tree = merkle.complete(leaves)
    return Evidence(
        first=first,
        second=second,
        root=merkle.root(Range(0, small.size), tree),
        proof=tuple(merkle.root(span, tree) for span in merkle.consistency(small.size, large.size)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two signed checkpoints, `first` of the smaller size (of the later epoch, if the log went backwards).

    `root`: what the log under `second` has at the size of `first`; `proof`: its consistency with `second`.
    """

    first: str
    second: str
    root: bytes
    proof: tuple[bytes, ...] = ()

    def verify(self, operator: VerifierKey) -> str:
        """What it shows, as a sentence. Raises EvidenceError if it shows nothing, CheckpointError."""
        first, second = verify(self.first, operator), verify(self.second, operator)
        # EPP-WHS-010
        if first.size > second.size:
            raise EvidenceError("expected the checkpoint of the smaller size first")
        # EPP-WHS-010
        if first.size < second.size and first.epoch > second.epoch:
            return (
                f"{first.origin}: a log of {second.size} entries at epoch {second.epoch} and one of "
                f"{first.size} at the later epoch {first.epoch}; a log only grows"
            )
        try:
            merkle.verify_consistency(first.size, second.size, self.root, second.root, self.proof)
        except ProofError as error:
            raise EvidenceError(f"the proof does not belong to the second checkpoint ({error})") from None
        # EPP-WHS-010
        if self.root == first.root:
            raise EvidenceError("the second checkpoint continues the first; this is no fork")
        return (
            f"{first.origin}: two logs of {first.size} entries, with root {first.root.hex()} at epoch "
            f"{first.epoch} and, under the checkpoint of size {second.size} and epoch {second.epoch}, "
            f"with root {self.root.hex()}"
        )

    def shows(self, operator: VerifierKey) -> bool:
        """Whether `verify` would not raise EvidenceError. Raises CheckpointError."""
        try:
            self.verify(operator)
        except EvidenceError:
            return False
        return True

    def to_json(self) -> str:
        """Content of an evidence file."""
        return json.dumps(
            {
                "format": FORMAT,
                "first": self.first,
                "second": self.second,
                "root": self.root.hex(),
                "proof": [item.hex() for item in self.proof],
            },
            indent=1,
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "Evidence":
        """Read an evidence file; nothing is verified. Raises EvidenceError."""
        try:
            given = written.members(text)
            evidence = cls(
                first=written.text(given, "first"),
                second=written.text(given, "second"),
                root=written.octets(given, "root"),
                proof=written.several(given, "proof"),
            )
        except Refused as error:
            raise EvidenceError(f"not evidence of a fork ({error})") from None
        if given.get("format") != FORMAT:
            raise EvidenceError(f"expected the format {FORMAT!r}, found {given.get('format')!r}")
        return evidence
