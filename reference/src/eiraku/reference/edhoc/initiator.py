"""The initiator's side of EDHOC method 0 (RFC 9528 sections 5.2 to 5.5), as pure functions over states.

    write_message_1 -> WaitMessage2 - read_message_2 -> Message2 - write_message_3 -> WaitMessage4
    - read_message_4 -> Established

A state is used once. Each `read_` raises Refusal if the peer's bytes are at fault and PeerError if they are
an EDHOC error; the handshake is then over. Between `read_message_2` and `write_message_3` the caller judges
the peer's credential and EAD_2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic

from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import errors, messages, schedule
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
class WaitMessage2(Generic[SubjectT]):
    """message_1 is sent."""

    party: Party[SubjectT]
    suite: schedule.Suite
    ephemeral: AgreementKey
    message_1_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Message2(Generic[SubjectT]):
    """message_2 is verified; message_3 is not yet written."""

    party: Party[SubjectT]
    suite: schedule.Suite
    prk: bytes = field(repr=False)
    th_3: bytes
    peer: Credential[SubjectT]
    peer_connection_id: bytes
    ead: tuple[Ead, ...]
    """Understood items of EAD_2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitMessage4(Generic[SubjectT]):
    """message_3 is sent."""

    party: Party[SubjectT]
    suite: schedule.Suite
    prk: bytes = field(repr=False)
    th_4: bytes
    peer: Credential[SubjectT]
    peer_connection_id: bytes


def write_message_1(
    party: Party[SubjectT],
    *,
    ephemeral: bytes,
    ead: Sequence[Ead] = (),
    last: Callable[[bytes], Ead] | None = None,
    peer_suites: tuple[int, ...] | None = None,
) -> tuple[WaitMessage2[SubjectT], bytes]:
    """message_1, with EAD_1 `ead`. `ephemeral`: 32 fresh random bytes, never used before.

    `last` makes a last item of EAD_1 from all that stands before it.

    `peer_suites` are those of the peer's error 2, if this is the second attempt (RFC 9528 section 6.3.2).
    Raises Refusal SUITE if none of them is supported here.
    """
    # EPP-SES-002
    selected = next((n for n in party.suites if peer_suites is None or n in peer_suites), None)
    if selected is None:
        raise Refusal(Code.SUITE, "EPP-SES-002", f"the peer supports only {peer_suites}")
    offered = party.suites[: party.suites.index(selected) + 1]
    key = AgreementKey(ephemeral)
    # EPP-SES-001
    method = 0
    message_1 = (
        cbor.encode_sequence(method, errors.suites_item(offered), key.public)
        + messages.encode_identifier(party.connection_id)
        + messages.encode_ead(ead)
    )
    if last is not None:
        message_1 += messages.encode_ead([last(message_1)])
    state = WaitMessage2(
        party=party,
        suite=schedule.SUITES[selected],
        ephemeral=key,
        message_1_digest=schedule.digest(message_1),
    )
    return state, sendable(message_1)


def read_message_2(state: WaitMessage2[SubjectT], data: bytes) -> Message2[SubjectT]:
    """Verify message_2.

    Raises Refusal: TOO_LARGE, MALFORMED (not one byte string that begins with a key, or an unknown critical
    EAD item), AUTHENTICATION (all else), or what the resolver raises; PeerError.
    """
    party = state.party
    content = messages.read_byte_string(data)
    g_y, ciphertext = content[: messages.KEY_LENGTH], content[messages.KEY_LENGTH :]
    g_xy = agree(state.ephemeral, g_y)
    th_2 = schedule.th_2(g_y, state.message_1_digest)
    prk = schedule.prk_2e(th_2, g_xy)
    plaintext = schedule.xor(ciphertext, schedule.keystream_2(prk, th_2, len(ciphertext)))
    c_r, plain = messages.read_plaintext_2(plaintext)
    peer = identify(party, plain, prk, schedule.MAC_2, th_2, c_r=messages.encode_identifier(c_r))
    return Message2(
        party=party,
        suite=state.suite,
        prk=prk,
        th_3=schedule.next_th(th_2, plaintext, peer.cred),
        peer=peer,
        peer_connection_id=c_r,
        ead=rest_of_ead(party, plain),
    )


def write_message_3(
    state: Message2[SubjectT], *, ead: Sequence[Ead] = ()
) -> tuple[WaitMessage4[SubjectT], bytes]:
    """message_3; EAD_3 is what brings our credential, and `ead`."""
    party, ead_3 = state.party, ead_of(state.party, ead)
    signature = sign(party, state.prk, schedule.MAC_3, state.th_3, ead_3)
    plaintext = messages.encode_id_cred(party.id_cred) + cbor.encode(signature) + ead_3
    ciphertext = schedule.seal(state.suite, state.prk, state.th_3, (schedule.K_3, schedule.IV_3), plaintext)
    waiting = WaitMessage4(
        party=party,
        suite=state.suite,
        prk=state.prk,
        th_4=schedule.next_th(state.th_3, plaintext, party.cred),
        peer=state.peer,
        peer_connection_id=state.peer_connection_id,
    )
    return waiting, sendable(cbor.encode(ciphertext))


def read_message_4(state: WaitMessage4[SubjectT], data: bytes) -> Established[SubjectT]:
    """Verify message_4. Raises Refusal: TOO_LARGE, MALFORMED, AUTHENTICATION; PeerError."""
    ciphertext = messages.read_byte_string(data)
    try:
        plaintext = schedule.open_(
            state.suite, state.prk, state.th_4, (schedule.K_4, schedule.IV_4), ciphertext
        )
    except CannotOpen:
        # EPP-SES-015
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-015", "message_4 does not open") from None
    try:
        items = messages.read_plaintext_4(plaintext)
    except Refusal as refusal:
        # EPP-SES-015
        raise Refusal(Code.AUTHENTICATION, "EPP-SES-015", refusal.detail) from None
    ead_4 = messages.understood(items, state.party.ead_labels)
    return established(state.prk, state.th_4, state.peer, state.peer_connection_id, ead_4)
