"""What both sides of a handshake have in common: who one is, whom one believes, and what comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from eiraku.reference.crypto import ed25519
from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint
from eiraku.reference.edhoc import messages, schedule
from eiraku.reference.edhoc.messages import KEY_LENGTH, LIMIT, Ead, Plaintext
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

SubjectT = TypeVar("SubjectT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential(Generic[SubjectT]):
    """A peer's credential, as the resolver found it."""

    cred: bytes
    """CRED_x: the encoding of one CBOR item."""
    public_key: bytes
    """Ed25519, 32 bytes."""
    subject: SubjectT
    """Whatever the caller knows the peer by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party(Generic[SubjectT]):
    """One side, for one handshake."""

    suites: tuple[int, ...]
    """Supported suites (of 0 and 4), most preferred first."""
    connection_id: bytes
    """C_I or C_R."""
    id_cred: cbor.Map
    """ID_CRED_x, in full."""
    cred: bytes
    """CRED_x: the encoding of one CBOR item."""
    key: ed25519.SigningKey
    resolve: Callable[[cbor.Map, Sequence[Ead]], Credential[SubjectT]]
    """Finds the peer's credential by its ID_CRED_x (in full) and by those items of EAD_2 or EAD_3 that have a
    label of `credential_labels`; nobody has signed them yet. Raises Refusal, which passes through."""
    credential_ead: tuple[Ead, ...] = ()
    """Items that bring our credential: the first of our EAD_2 or EAD_3."""
    credential_labels: frozenset[int] = frozenset()
    """Labels of EAD_2 and EAD_3 that bring the peer's credential; nobody else sees these items."""
    ead_labels: frozenset[int] = frozenset()
    """Labels of EAD items that the caller understands. Others are ignored, or refused if critical."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Established(Generic[SubjectT]):
    """A finished handshake: both sides have shown that they hold the keys."""

    peer: Credential[SubjectT]
    peer_connection_id: bytes
    ead_4: tuple[Ead, ...]
    """Understood items of EAD_4, or those sent."""
    prk_out: bytes = field(repr=False)
    prk_exporter: bytes = field(repr=False)

    def exporter(self, label: int, context: bytes, length: int) -> bytes:
        """EDHOC_Exporter (RFC 9528 section 4.2.1): `length` bytes, the same on both sides."""
        return schedule.kdf(self.prk_exporter, label, context, length)


def established(
    prk: bytes, th_4: bytes, peer: Credential[SubjectT], peer_connection_id: bytes, ead_4: tuple[Ead, ...]
) -> Established[SubjectT]:
    """Derive what outlives the handshake."""
    out = schedule.prk_out(prk, th_4)
    return Established(
        peer=peer,
        peer_connection_id=peer_connection_id,
        ead_4=ead_4,
        prk_out=out,
        prk_exporter=schedule.prk_exporter(out),
    )


def agree(ephemeral: AgreementKey, peer: bytes) -> bytes:
    """G_XY. Raises Refusal for a `peer` of other than 32 bytes or of small order."""
    # EPP-SES-086
    if len(peer) != KEY_LENGTH:
        raise Refusal(Code.MALFORMED, "EPP-SES-086", f"ephemeral key of {len(peer)} bytes")
    try:
        return ephemeral.agree(peer)
    except LowOrderPoint:
        # EPP-SES-012
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-012", "ephemeral key of small order") from None


def ead_of(party: Party[SubjectT], ead: Sequence[Ead]) -> bytes:
    """Our EAD_2 or EAD_3: what brings our credential, then `ead`."""
    return messages.encode_ead((*party.credential_ead, *ead))


def sign(party: Party[SubjectT], prk: bytes, label: int, th: bytes, ead: bytes, *, c_r: bytes = b"") -> bytes:
    """Signature_or_MAC_2 or _3, by `label` (schedule.MAC_2 or MAC_3)."""
    id_cred = cbor.encode(party.id_cred)
    mac = schedule.mac(prk, label, schedule.context(id_cred, th, party.cred, ead, c_r=c_r))
    return party.key.sign(schedule.to_be_signed(id_cred, th, party.cred, ead, mac))


def identify(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """Find the peer's credential and check Signature_or_MAC_2 or _3 under it. Raises Refusal."""
    # EPP-SES-085: before the signature, because they bring the key
    peer = party.resolve(plain.id_cred, [item for item in plain.ead if item.label in party.credential_labels])
    id_cred = cbor.encode(plain.id_cred)
    ead = plain.ead_bytes
    mac = schedule.mac(prk, label, schedule.context(id_cred, th, peer.cred, ead, c_r=c_r))
    message = schedule.to_be_signed(id_cred, th, peer.cred, ead, mac)
    # EPP-SES-013
    if not ed25519.verify(peer.public_key, message, plain.signature):
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-013", "signature does not verify")
    return peer


def rest_of_ead(party: Party[SubjectT], plain: Plaintext) -> tuple[Ead, ...]:
    """The understood items of EAD_2 or EAD_3 that did not bring the credential. Raises Refusal."""
    rest = (item for item in plain.ead if item.label not in party.credential_labels)
    return messages.understood(rest, party.ead_labels)


def sendable(message: bytes) -> bytes:
    """`message` itself. Raises ValueError if it is longer than any peer reads: our own data is at fault."""
    if len(message) > LIMIT:
        raise ValueError(f"handshake message of {len(message)} bytes, at most {LIMIT} allowed")
    return message
