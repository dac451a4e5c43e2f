"""Handshake messages that only a peer with the session's keys can make, wrong in one chosen way."""

from collections.abc import Callable
from dataclasses import replace

from eiraku.reference.edhoc import initiator, messages, responder, schedule
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Party, SubjectT, ead_of, sign
from eiraku.spec import cbor

Change = Callable[[bytes], bytes]
"""Given a plaintext, gives the bytes to be encrypted in its place."""


def message_2(
    change: Change,
    read: responder.Message1[SubjectT],
    waiting: responder.WaitMessage3[SubjectT],
    message: bytes,
) -> tuple[responder.WaitMessage3[SubjectT], bytes]:
    """A right message_2 with another PLAINTEXT_2, and the state that goes with it."""
    g_y, ciphertext = _content(message)[: messages.KEY_LENGTH], _content(message)[messages.KEY_LENGTH :]
    th_2 = schedule.th_2(g_y, read.message_1_digest)
    plaintext = change(schedule.xor(ciphertext, schedule.keystream_2(waiting.prk, th_2, len(ciphertext))))
    keystream = schedule.keystream_2(waiting.prk, th_2, len(plaintext))
    th_3 = schedule.next_th(th_2, plaintext, read.party.cred)
    return replace(waiting, th_3=th_3), cbor.encode(g_y + schedule.xor(plaintext, keystream))


def message_3(
    change: Change,
    read: initiator.Message2[SubjectT],
    waiting: initiator.WaitMessage4[SubjectT],
    message: bytes,
) -> tuple[initiator.WaitMessage4[SubjectT], bytes]:
    """A right message_3 with another PLAINTEXT_3, and the state that goes with it."""
    labels = (schedule.K_3, schedule.IV_3)
    plaintext = change(schedule.open_(read.suite, read.prk, read.th_3, labels, _content(message)))
    th_4 = schedule.next_th(read.th_3, plaintext, read.party.cred)
    sealed = schedule.seal(read.suite, read.prk, read.th_3, labels, plaintext)
    return replace(waiting, th_4=th_4), cbor.encode(sealed)


def message_4(change: Change, read: responder.Message3[SubjectT], message: bytes) -> bytes:
    """A right message_4 with another PLAINTEXT_4."""
    labels = (schedule.K_4, schedule.IV_4)
    plaintext = change(schedule.open_(read.suite, read.prk, read.th_4, labels, _content(message)))
    return cbor.encode(schedule.seal(read.suite, read.prk, read.th_4, labels, plaintext))


def message_2_of_zero_secret(read: responder.Message1[SubjectT], g_y: bytes, ead: tuple[Ead, ...]) -> bytes:
    """message_2 with the small-order key `g_y` (32 bytes), right in all else for an all-zero secret."""
    us: Party[SubjectT] = read.party
    th_2 = schedule.th_2(g_y, read.message_1_digest)
    prk = schedule.prk_2e(th_2, bytes(32))
    c_r, ead_2 = messages.encode_identifier(us.connection_id), ead_of(us, ead)
    signature = cbor.encode(sign(us, prk, schedule.MAC_2, th_2, ead_2, c_r=c_r))
    plaintext = c_r + messages.encode_id_cred(us.id_cred) + signature + ead_2
    return cbor.encode(g_y + schedule.xor(plaintext, schedule.keystream_2(prk, th_2, len(plaintext))))


def _content(message: bytes) -> bytes:
    content = cbor.decode(message)
    if not isinstance(content, bytes):
        raise TypeError("messages 2 to 4 are byte strings")
    return content
