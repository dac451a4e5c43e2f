"""Shapes of the files that others made, or other rooms: RFC 9529, Ed25519, boundary cases, wholesale."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from eiraku.spec.vectors.forms import Case, File, Form, Hex, Hex16, Hex32, Hex64, Requirement

# --- boundaries.json ---


class Boundary(Case, frozen=True, kw_only=True):
    """One situation at a limit. `expected`: "accepted", or the code of the refusal."""

    says: str
    given: Mapping[str, int | tuple[int, ...]]
    expected: str


class Boundaries(File, frozen=True, kw_only=True):
    """``boundaries.json``."""

    cases: tuple[Boundary, ...]


# --- ed25519.json ---


class Disputed(Form, frozen=True, kw_only=True):
    """A signature on which verifiers disagree. `expected`: what EPP-KEY-001 to EPP-KEY-004 demand."""

    message: Hex
    pub_key: Hex32
    signature: Hex64
    expected: Literal["accepted", "refused"]


class Speccheck(File, frozen=True, kw_only=True):
    """``ed25519.json``."""

    source: str
    cases: tuple[Disputed, ...]


# --- rfc9529.json ---


class Value(Form, frozen=True, kw_only=True):
    """A value of a trace, under the titles of the RFC."""

    section: str
    name: str
    hex: str


class Traces(File, frozen=True, kw_only=True):
    """``rfc9529.json``."""

    source: str
    method_0_suite_0: tuple[Value, ...]
    invalid: tuple[Value, ...]


# --- wholesale.json ---

Index = Annotated[int, Meta(ge=0)]


class Inclusion(Form, frozen=True, kw_only=True):
    """Proof that a leaf is in the tree of so many leaves."""

    index: Index
    size: Index
    proof: tuple[Hex32, ...]


class Consistency(Form, frozen=True, kw_only=True):
    """Proof that a tree continues a smaller one."""

    first: Index
    second: Index
    proof: tuple[Hex32, ...]


class LogEntry(Form, frozen=True, kw_only=True):
    """A posting, encoded and by its fields."""

    entry: Hex
    posting: Hex16
    kind: str
    epoch: int
    economy: int
    at: int
    amount: int


class Standing(Form, frozen=True, kw_only=True):
    """The accounts of a member at the end."""

    own: int
    issued: int
    bonds: int


class Log(Form, frozen=True, kw_only=True):
    """A log with every kind of entry."""

    origin: str
    private_key: Hex32
    operator: str
    entries: tuple[LogEntry, ...]
    checkpoints: tuple[str, ...]
    accounts: Mapping[str, Standing]


class AcceptedNote(Form, frozen=True, kw_only=True):
    """A note that a member accepts."""

    case: str
    note: Hex


class RefusedNote(Form, frozen=True, kw_only=True):
    """A note that a member refuses, and what demands it."""

    case: str
    requirement: Requirement
    note: Hex


class Notes(Form, frozen=True, kw_only=True):
    """What a member does who knows these keys, and asks for so many witnesses."""

    operator: str
    witnesses: tuple[str, ...]
    quorum: int
    example: str
    accepted: tuple[AcceptedNote, ...]
    refused: tuple[RefusedNote, ...]


class RefusedKey(Form, frozen=True, kw_only=True):
    """Text that is no verifier key of an operator."""

    case: str
    key: str


class VerifierKeys(Form, frozen=True, kw_only=True):
    """Verifier keys of an operator."""

    accepted: tuple[str, ...]
    refused: tuple[RefusedKey, ...]


class Wholesale(File, frozen=True, kw_only=True):
    """``wholesale.json``."""

    leaves: tuple[Hex, ...]
    roots: tuple[Hex32, ...]
    inclusion: tuple[Inclusion, ...]
    consistency: tuple[Consistency, ...]
    log: Log
    notes: Notes
    verifier_keys: VerifierKeys


# --- c2sp-notes.json ---


class Published(Form, frozen=True, kw_only=True):
    """A note, and the verifier keys of those who signed it, if they are published."""

    source: str
    keys: tuple[str, ...]
    note: str


class NoNote(Form, frozen=True, kw_only=True):
    """Bytes that are no note."""

    source: str
    note: Hex


class NoVerifierKey(Form, frozen=True, kw_only=True):
    """Text that is no verifier key."""

    source: str
    key: str


class PublishedNotes(File, frozen=True, kw_only=True):
    """``c2sp-notes.json``."""

    notes: tuple[Published, ...]
    bad_signatures: tuple[Published, ...]
    malformed: tuple[NoNote, ...]
    bad_verifier_keys: tuple[NoVerifierKey, ...]
