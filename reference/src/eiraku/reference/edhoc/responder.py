"""The responder's side of EDHOC method 0 (RFC 9528 sections 5.2 to 5.5), as pure functions over states.

    read_message_1 -> Message1 - write_message_2 -> WaitMessage3 - read_message_3 -> Message3
    - write_message_4 -> Established

A state is used once. Each `read_` raises Refusal if the peer's bytes are at fault and, but for the first,
PeerError if they are an EDHOC error; the handshake is then over. Between `read_` and `write_` the caller
judges EAD_1, and the peer's credential and EAD_3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import messages, schedule
from eiraku.reference.edhoc.errors import SuiteRefused
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import (
    Credential,
    Established,
    Party,
    SubjectT,
    agree,
    ead_of,
    established,
    identify,
    rest_of_ead,
    sendable,
    sign,
)
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Message1(Generic[SubjectT]):
    """message_1 is accepted; message_2 is not yet written."""

    party: Party[SubjectT]
    suite: schedule.Suite
    g_x: bytes
    message_1_digest: bytes
    peer_connection_id: bytes
    ead: tuple[Ead, ...]
    """Understood items of EAD_1. Whoever made message_1 is not known, and no key was used yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitMessage3(Generic[SubjectT]):
    """message_2 is sent."""

    party: Party[SubjectT]
    suite: schedule.Suite
    prk: bytes = field(repr=False)
    th_3: bytes
    peer_connection_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message3(Generic[SubjectT]):
    """message_3 is verified; message_4 is not yet written."""

    suite: schedule.Suite
    prk: bytes = field(repr=False)
    th_4: bytes
    peer: Credential[SubjectT]
    peer_connection_id: bytes
    ead: tuple[Ead, ...]
    """Understood items of EAD_3."""


def read_message_1(party: Party[SubjectT], data: bytes) -> Message1[SubjectT]:
    """Check message_1, in this order: shape, method, suite, length of the key, EAD.

    Raises Refusal: TOO_LARGE, MALFORMED, or SUITE (then a SuiteRefused). Whether the key has small order is
    found out when message_2 is written.
    """
    message = messages.read_message_1(data)
    # EPP-SES-001
    if message.method != 0:
        raise Refusal(Code.MALFORMED, "EPP-SES-001", f"method {message.method}")
    *passed_over, selected = message.suites
    # EPP-SES-004
    if selected not in party.suites:
        raise SuiteRefused("EPP-SES-004", party.suites, f"suite {selected}")
    # EPP-SES-005
    if not set(party.suites).isdisjoint(passed_over):
        raise SuiteRefused("EPP-SES-005", party.suites, f"suite {selected} after {passed_over}")
    # EPP-SES-029
    if len(message.g_x) != messages.KEY_LENGTH:
        raise Refusal(Code.MALFORMED, "EPP-SES-029", f"ephemeral key of {len(message.g_x)} bytes")
    return Message1(
        party=party,
        suite=schedule.SUITES[selected],
        g_x=message.g_x,
        message_1_digest=schedule.digest(data),
        peer_connection_id=message.c_i,
        ead=messages.understood(message.ead, party.ead_labels),
    )


def write_message_2(
    state: Message1[SubjectT], *, ephemeral: bytes, ead: Sequence[Ead] = ()
) -> tuple[WaitMessage3[SubjectT], bytes]:
    """message_2; EAD_2 is what brings our credential, and `ead`.

    `ephemeral`: 32 fresh random bytes, never used before.
    Raises Refusal AUTHENTICATION if the peer's ephemeral key has small order.
    """
    party, ead_2 = state.party, ead_of(state.party, ead)
    key = AgreementKey(ephemeral)
    g_xy = agree(key, state.g_x)
    th_2 = schedule.th_2(key.public, state.message_1_digest)
    prk = schedule.prk_2e(th_2, g_xy)
    c_r = messages.encode_identifier(party.connection_id)
    signature = sign(party, prk, schedule.MAC_2, th_2, ead_2, c_r=c_r)
    plaintext = c_r + messages.encode_id_cred(party.id_cred) + cbor.encode(signature) + ead_2
    ciphertext = schedule.xor(plaintext, schedule.keystream_2(prk, th_2, len(plaintext)))
    waiting = WaitMessage3(
        party=party,
        suite=state.suite,
        prk=prk,
        th_3=schedule.next_th(th_2, plaintext, party.cred),
        peer_connection_id=state.peer_connection_id,
    )
    return waiting, sendable(cbor.encode(key.public + ciphertext))


def read_message_3(state: WaitMessage3[SubjectT], data: bytes) -> Message3[SubjectT]:
    """Verify message_3.

    Raises Refusal: TOO_LARGE, MALFORMED (not one byte string, or an unknown critical EAD item),
    AUTHENTICATION (all else), or what the resolver raises; PeerError.
    """
    party = state.party
    ciphertext = messages.read_byte_string(data)
    try:
        plaintext = schedule.open_(
            state.suite, state.prk, state.th_3, (schedule.K_3, schedule.IV_3), ciphertext
        )
    except CannotOpen:
        # EPP-SES-013
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-013", "message_3 does not open") from None
    plain = messages.read_plaintext_3(plaintext)
    peer = identify(party, plain, state.prk, schedule.MAC_3, state.th_3)
    return Message3(
        suite=state.suite,
        prk=state.prk,
        th_4=schedule.next_th(state.th_3, plaintext, peer.cred),
        peer=peer,
        peer_connection_id=state.peer_connection_id,
        ead=rest_of_ead(party, plain),
    )


def write_message_4(
    state: Message3[SubjectT], *, ead: Sequence[Ead] = ()
) -> tuple[Established[SubjectT], bytes]:
    """message_4, with EAD_4 `ead`, and the finished handshake."""
    # EPP-SES-014
    ciphertext = schedule.seal(
        state.suite, state.prk, state.th_4, (schedule.K_4, schedule.IV_4), messages.encode_ead(ead)
    )
    done = established(state.prk, state.th_4, state.peer, state.peer_connection_id, tuple(ead))
    return done, sendable(cbor.encode(ciphertext))
