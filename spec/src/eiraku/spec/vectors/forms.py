"""The shape of each file of vectors as a type; the schema beside a file is made from it.

Byte strings are lower-case hexadecimal, amounts are in minor units. In a case, `inputs` are given and
`outputs` follow from them: each output can be computed from the inputs of the same case, and from outputs
that stand before it.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
Hex8 = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Hex12 = Annotated[str, Meta(pattern="^[0-9a-f]{24}$")]
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-zA-Z0-9._-]*$")]
Requirement = Annotated[str, Meta(pattern="^EPP-[A-Z]{3}-[0-9]{3}$")]
Requirements = Annotated[tuple[Requirement, ...], Meta(min_length=1)]
Fields = Annotated[
    Mapping[str, Any],
    Meta(
        description="Fields of the object by name, in the order of its shape: integers, byte strings in"
        " hexadecimal, text, null, and lists of these or of objects."
    ),
]
Side = Literal["initiator", "responder"]

F = TypeVar("F", bound="File")


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly these members."""


class File(Form, frozen=True, kw_only=True):
    """What every file begins with. `schema`: name of the file beside it that describes it."""

    schema: str
    title: str
    about: str


class Case(Form, frozen=True, kw_only=True):
    """What every case begins with; the id is unique in its file."""

    id: Name
    requirements: Requirements


# --- keys.json ---


class Named(Form, frozen=True, kw_only=True):
    """A private input: the first `length` bytes of SHA-256 of the name in UTF-8."""

    name: str
    length: Literal[8, 16, 32]


class NamedKey(Form, frozen=True, kw_only=True):
    """What is private or chosen, and the public key that belongs to it, if there is one."""

    private: Hex
    public: Hex32 | None
    kid: Hex8 | None


class Key(Case, frozen=True, kw_only=True):
    """One private input."""

    kind: Literal["Ed25519", "X25519", "bytes"]
    inputs: Named
    outputs: NamedKey


class Keys(File, frozen=True, kw_only=True):
    """``keys.json``. `anchor` and `policy`: in their JSON forms (EPP-GEN-005, chapter 9)."""

    cases: tuple[Key, ...]
    anchor: Mapping[str, Any]
    policy: Mapping[str, Any]


# --- objects.json ---


class ToSign(Form, frozen=True, kw_only=True):
    """What is signed by whom. `kid`: whether the protected header names the key."""

    private_key: Hex32
    kid: bool
    context: str
    fields: Fields


class Signed(Form, frozen=True, kw_only=True):
    """A signed object in all its parts. `encoded`: the COSE_Sign1, if the payload travels with it."""

    public_key: Hex32
    protected: Hex
    payload: Hex
    sig_structure: Hex
    signature: Hex64
    encoded: Hex | None
    unit_id: Hex32 | None


class SignedObject(Case, frozen=True, kw_only=True):
    """One signed object."""

    object: str
    inputs: ToSign
    outputs: Signed


class Objects(File, frozen=True, kw_only=True):
    """``objects.json``."""

    cases: tuple[SignedObject, ...]


# --- sealing.json ---


class ToSealPurseId(Form, frozen=True, kw_only=True):
    """A purse ID and how it is to be sealed."""

    scheme_key: Hex32
    nonce: Hex16
    purse_id: Hex


class SealedPurseId(Form, frozen=True, kw_only=True):
    """`sealed`: nonce || ciphertext; `ead_item`: label and value, as a CBOR sequence."""

    info: Hex
    aad: Hex
    key: Hex32
    iv: Hex12
    ciphertext: Hex
    sealed: Hex
    ead_item: Hex


class PurseIdSealing(Case, frozen=True, kw_only=True, tag_field="kind", tag="purse-id"):
    """A purse ID as it travels."""

    inputs: ToSealPurseId
    outputs: SealedPurseId


class ToSealLayer(Form, frozen=True, kw_only=True):
    """A layer of a history and how it is to be sealed."""

    history_private_key: Hex32
    ephemeral_private_key: Hex32
    unit_id: Hex32
    fields: Fields


class SealedLayer(Form, frozen=True, kw_only=True):
    """HPKE in base mode. `sealed`: enc || ciphertext; `digest`: history_digest of the next endorsement."""

    history_public_key: Hex32
    enc: Hex32
    info: Hex
    aad: Hex
    plaintext: Hex
    ciphertext: Hex
    sealed: Hex
    digest: Hex32


class LayerSealing(Case, frozen=True, kw_only=True, tag_field="kind", tag="history-layer"):
    """A layer of a sealed history."""

    inputs: ToSealLayer
    outputs: SealedLayer


class Sealing(File, frozen=True, kw_only=True):
    """``sealing.json``."""

    cases: tuple[PurseIdSealing | LayerSealing, ...]


# --- revoked.json ---


class Numbers(Form, frozen=True, kw_only=True):
    """Revoked numbers, and the bulletin that describes their list."""

    numbers: tuple[int, ...]
    bulletin: Hex


class Coded(Form, frozen=True, kw_only=True):
    """The list in its code: parameter, first number and bytes of each chunk; the update with all of it."""

    k: int
    first: tuple[int, ...]
    chunks: tuple[Hex, ...]
    update: Hex


class WholeList(Case, frozen=True, kw_only=True, tag_field="kind", tag="whole"):
    """A list."""

    inputs: Numbers
    outputs: Coded


class Changes(Form, frozen=True, kw_only=True):
    """What changes from the list of one epoch to that of a bulletin."""

    from_epoch: int
    removed: tuple[int, ...]
    added: tuple[int, ...]
    bulletin: Hex


class Update(Form, frozen=True, kw_only=True):
    """The delta, and the update with it."""

    delta: Hex
    update: Hex


class ListDelta(Case, frozen=True, kw_only=True, tag_field="kind", tag="delta"):
    """From the first list to the second."""

    inputs: Changes
    outputs: Update


class Revoked(File, frozen=True, kw_only=True):
    """``revoked.json``."""

    cases: tuple[WholeList | ListDelta, ...]


# --- session.json ---


class Peer(Form, frozen=True, kw_only=True):
    """One side of a handshake. `cred`: its purse ID; `connection_id`: C_I or C_R, raw."""

    ephemeral_private_key: Hex32
    connection_id: Hex
    private_key: Hex32
    nonce: Hex16
    cred: Hex


class Handshake(Form, frozen=True, kw_only=True):
    """Everything that goes into a handshake. `suites`: SUITES_I, the last is selected."""

    method: Literal[0]
    suites: Annotated[tuple[int, ...], Meta(min_length=1)]
    scheme_key: Hex32
    versions: tuple[int, ...]
    version: int
    initiator: Peer
    responder: Peer


class SessionCase(Case, frozen=True, kw_only=True):
    """A whole handshake. The outputs have the names of RFC 9528; the README says what each is."""

    inputs: Handshake
    outputs: Mapping[Annotated[str, Meta(pattern="^[a-z0-9_]+$")], Hex]


class Session(File, frozen=True, kw_only=True):
    """``session.json``."""

    cases: tuple[SessionCase, ...]


# --- transfer.json ---


class Channel(Form, frozen=True, kw_only=True):
    """Keys of a session: `com_ka` of the initiator's records, `com_kb` of the responder's."""

    suite: Literal[0, 4]
    com_ka: Hex
    com_kb: Hex


class Step(Form, frozen=True, kw_only=True):
    """One message: who says it, the number of the record in that direction, the fields; then what follows."""

    sender: Side
    number: int
    message: str
    fields: Fields
    plaintext: Hex
    nonce: Hex
    record: Hex


class TransferCase(Case, frozen=True, kw_only=True):
    """The records of one session, from the first."""

    says: str
    inputs: Channel
    steps: tuple[Step, ...]


class Transfer(File, frozen=True, kw_only=True):
    """``transfer.json``."""

    cases: tuple[TransferCase, ...]


# --- reading and describing ---


def load(name: str, kind: type[F]) -> F:
    """A packaged file of vectors, which must be of the given kind."""
    return msgspec.json.decode(read(name), type=kind)


def read(name: str) -> bytes:
    """The bytes of a packaged file of vectors, or of a schema."""
    return files("eiraku.spec.vectors").joinpath(name).read_bytes()


def render(content: File) -> bytes:
    """The bytes of a file of vectors."""
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def schema_of(name: str) -> str:
    """Name of the schema that describes a file of vectors."""
    return name.replace(".json", ".schema.json")


def schema(name: str, kind: type[File]) -> bytes:
    """The bytes of the schema of a file: JSON Schema 2020-12."""
    found = msgspec.json.schema(kind)
    root = found["$ref"].rpartition("/")[2]
    found["$defs"][root]["properties"]["schema"] = {"const": schema_of(name)}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:eiraku:vectors:1:{name.removesuffix('.json')}",
    }
    return msgspec.json.format(msgspec.json.encode({**head, **found}, order="sorted"), indent=1) + b"\n"
