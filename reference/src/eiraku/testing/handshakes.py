"""Honest EDHOC handshakes between Alice, Bob and Carol: every state and message of them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc import initiator, responder
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

KEYS = {name: SigningKey(hashlib.sha256(name.encode()).digest()) for name in ("alice", "bob", "carol")}
VERSION = 65001


def cred(name: str) -> bytes:
    """The credential of that name, with the public key."""
    return cbor.encode((name, KEYS[name].public, bytes(200)))


def id_cred(name: str) -> cbor.Map:
    """What names that credential on the wire."""
    return {4: hashlib.sha256(name.encode()).digest()}


def resolve(given_id: cbor.Map, _ead: Sequence[Ead] = ()) -> Credential[str]:
    """The credential that is named, in full or by a short kid. Raises Refusal."""
    for name, key in KEYS.items():
        if given_id in (id_cred(name), {4: name.encode()}, {4: name[:1].encode()}, {4: b"\x01"}):
            return Credential(cred=cred(name), public_key=key.public, subject=name)
    raise Refusal(Code.AUTHENTICATION, "EPP-PID-010", "unknown")


def party(name: str, *, suites: tuple[int, ...] = (4, 0), connection_id: bytes = b"") -> Party[str]:
    """One side of a handshake; by default it prefers suite 4."""
    return Party(
        suites=suites,
        connection_id=connection_id,
        id_cred=id_cred(name),
        cred=cred(name),
        key=KEYS[name],
        resolve=resolve,
        ead_labels=frozenset({VERSION}),
    )


X, Y = b"\x11" * 32, b"\x22" * 32
EAD = (Ead(label=VERSION, value=b"\x81\x01", critical=True),)


@dataclass(frozen=True)
class Run:
    """Every state and message of one honest handshake."""

    wait_2: initiator.WaitMessage2[str]
    wait_3: responder.WaitMessage3[str]
    wait_4: initiator.WaitMessage4[str]
    sent: tuple[bytes, bytes, bytes, bytes]
    at_initiator: Established[str]
    at_responder: Established[str]


def run(alice: Party[str], bob: Party[str], x: bytes = X, y: bytes = Y) -> Run:
    """A whole handshake with these ephemeral keys; messages 1 and 2 carry `EAD`."""
    wait_2, message_1 = initiator.write_message_1(alice, ephemeral=x, ead=EAD)
    first = responder.read_message_1(bob, message_1)
    wait_3, message_2 = responder.write_message_2(first, ephemeral=y, ead=EAD)
    second = initiator.read_message_2(wait_2, message_2)
    wait_4, message_3 = initiator.write_message_3(second)
    third = responder.read_message_3(wait_3, message_3)
    at_responder, message_4 = responder.write_message_4(third)
    at_initiator = initiator.read_message_4(wait_4, message_4)
    if not first.ead == second.ead == EAD or third.ead != ():
        raise AssertionError("other EAD came than was sent")
    return Run(
        wait_2, wait_3, wait_4, (message_1, message_2, message_3, message_4), at_initiator, at_responder
    )


def in_suite(suite: int, x: bytes = X, y: bytes = Y) -> Run:
    """A whole handshake of an Alice who has this suite only."""
    return run(party("alice", suites=(suite,)), party("bob"), x, y)


def refused(call: Callable[..., object], *args: object) -> Refusal:
    """The refusal with which a call ends, as it must."""
    try:
        call(*args)
    except Refusal as refusal:
        return refusal
    raise AssertionError("expected a refusal")


def readers(done: Run) -> list[Callable[[bytes], object]]:
    """What reads message_1, 2, 3 and 4 in that handshake."""
    return [
        partial(responder.read_message_1, party("bob")),
        partial(initiator.read_message_2, done.wait_2),
        partial(responder.read_message_3, done.wait_3),
        partial(initiator.read_message_4, done.wait_4),
    ]
