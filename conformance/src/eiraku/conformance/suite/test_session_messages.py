"""Extensions, size and shape of handshake messages (chapter 5)."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pytest

from eiraku.conformance.suite import message_1
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    RESPONDER,
    Attack,
    altering,
    first_message,
    handshake_attack,
    meet,
    padded,
    padding,
    prepare,
    reader,
    refused_items,
    silent,
    unknown_there,
    with_item,
    wrong_suites,
)
from eiraku.conformance.tester import forging
from eiraku.conformance.tester.flows import (
    still_alive,
)
from eiraku.conformance.tester.peer import (
    LABEL_VERSION,
    REFUSED,
    VERSION_CHOICE,
    VERSION_OFFER,
    Manner,
    connect,
    purse_id_item,
)
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc.messages import LIMIT, Ead, encode_ead
from eiraku.spec import cbor
from eiraku.spec.errors import Code

# --- EAD ----------------------------------------------------------------------------------------------------


NUMBERS = [pytest.param(number, id=f"message_{number}") for number in (1, 2, 3, 4)]

UNKNOWN = {
    "with-value": (Ead(label=7, value=b"value"),),
    "without-value": (Ead(label=7),),
    "empty-value": (Ead(label=23, value=b""),),
    "twice": (Ead(label=7, value=b"a"), Ead(label=7, value=b"b")),
    "great-label": (Ead(label=65000, value=b"\xff"),),
    "greater-label": (Ead(label=2**63, value=b"\xff"),),
}


@pytest.mark.requirement("EPP-SES-082")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_unknown_item(stage: Stage, name: str, number: int) -> None:
    """An EAD item with an unknown non-critical label is ignored"""
    part = reader(number)
    prepare(stage, part)
    meet(stage, part, manner=with_item(number, *UNKNOWN[name]))


PADDING = {
    "without-value": (Ead(label=0),),
    "empty-value": (Ead(label=0, value=b""),),
    "one-byte": (Ead(label=0, value=b"\xe9"),),
    "long": (padding(300),),
    "several": (padding(300), Ead(label=0), Ead(label=0), Ead(label=0, value=b"\x00")),
}


@pytest.mark.requirement("EPP-SES-034")
@pytest.mark.parametrize("before", (False, True), ids=["after", "before"])
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", sorted(PADDING))
def test_padding(stage: Stage, name: str, number: int, before: bool) -> None:  # noqa: FBT001
    """Padding is accepted in every message, before and after other items"""
    part, items = reader(number), PADDING[name]
    manner = with_item(number, *items)
    if before:
        manner = replace(manner, ead_1=(*items, VERSION_OFFER), ead_2=(*items, VERSION_CHOICE))
    prepare(stage, part)
    meet(stage, part, manner=manner)


CRITICAL = {
    "with-value": (Ead(label=7, value=b"value", critical=True),),
    "without-value": (Ead(label=7, critical=True),),
    "label-next-to-ours": (Ead(label=65004, value=cbor.encode(1), critical=True),),
    "great-label": (Ead(label=2**32, critical=True),),
    "after-unknown": (Ead(label=7), Ead(label=8, critical=True)),
    "before-unknown": (Ead(label=8, critical=True), Ead(label=7)),
    "among-padding": (Ead(label=0), Ead(label=1, critical=True), Ead(label=0)),
}


@pytest.mark.requirement("EPP-SES-010", "EPP-SES-016")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", sorted(CRITICAL))
def test_unknown_critical_item(stage: Stage, name: str, number: int) -> None:
    """An EAD item with an unknown critical label is refused"""
    handshake_attack(stage, reader(number), refused_items(number, with_item(number, *CRITICAL[name])))


@pytest.mark.requirement("EPP-SES-010", "EPP-SES-016")
@pytest.mark.parametrize("number", NUMBERS[:2])
def test_critical_item_before_version(stage: Stage, number: int) -> None:
    """An unknown critical item before the version is refused like one after it"""
    unknown = Ead(label=7, critical=True)
    right = with_item(number)
    manner = replace(right, ead_1=(unknown, *right.ead_1), ead_2=(unknown, *right.ead_2))
    handshake_attack(stage, reader(number), refused_items(number, manner))


@pytest.mark.requirement("EPP-SES-083")
@pytest.mark.parametrize("number", NUMBERS[:2])
@pytest.mark.parametrize("same", (True, False), ids=["same-value", "other-value"])
def test_version_twice(stage: Stage, number: int, same: bool) -> None:  # noqa: FBT001
    """The item EPP version twice is refused"""
    first = (VERSION_OFFER, VERSION_CHOICE)[number - 1]
    second = (
        first if same else Ead(label=LABEL_VERSION, value=cbor.encode(((1, 2), 2)[number - 1]), critical=True)
    )
    handshake_attack(stage, reader(number), refused_items(number, with_item(number, second)))


@pytest.mark.requirement("EPP-SES-083")
@pytest.mark.parametrize("number", NUMBERS[:2])
def test_version_not_critical(stage: Stage, number: int) -> None:
    """The item EPP version, not critical, is refused"""
    manner = Manner(
        ead_1=(replace(VERSION_OFFER, critical=False),), ead_2=(replace(VERSION_CHOICE, critical=False),)
    )
    handshake_attack(stage, reader(number), refused_items(number, manner))


@pytest.mark.requirement("EPP-SES-084")
@pytest.mark.parametrize("number", NUMBERS[2:])
@pytest.mark.parametrize("item", (VERSION_OFFER, VERSION_CHOICE), ids=["list", "choice"])
def test_version_in_later_messages(stage: Stage, number: int, item: Ead) -> None:
    """In EAD_3 and EAD_4 the version is an unknown item: ignored, or refused if critical"""
    unknown_there(stage, number, item)


@pytest.mark.requirement("EPP-SES-084")
@pytest.mark.parametrize("number", (NUMBERS[0], NUMBERS[3]))
def test_purse_id_in_messages_1_and_4(stage: Stage, number: int) -> None:
    """In EAD_1 and EAD_4 the purse ID is an unknown item: ignored, or refused if critical"""
    unknown_there(stage, number, purse_id_item(stage, stage.world.peer.purse_id))


@pytest.mark.requirement("EPP-SES-085", "EPP-SES-025")
@pytest.mark.parametrize("number", NUMBERS[1:3])
@pytest.mark.parametrize("name", ("unknown-critical", "version"))
def test_signature_before_items(stage: Stage, number: int, name: str) -> None:
    """EAD that nobody signed is not looked at: the signature decides the code"""
    items = (Ead(label=7, critical=True),) if name == "unknown-critical" else (VERSION_OFFER, VERSION_OFFER)
    manner = replace(with_item(number, *items), key=SigningKey(stage.world.random(32)))
    attack = replace(refused_items(number, manner), codes=Code.AUTHENTICATION)
    handshake_attack(stage, reader(number), attack)


# --- size ---------------------------------------------------------------------------------------------------


def _length(stage: Stage, number: int) -> int:
    """Length of our message `number` with padding of 300 bytes."""
    lengths: dict[str, int] = {}

    def measure(name: str, data: bytes) -> bytes:
        lengths[name] = len(data)
        return data

    prepare(stage, reader(number))
    connect(stage, reader(number).side, manner=replace(with_item(number, padding(300)), alter=measure))
    return lengths[f"message_{number}"]


@pytest.mark.requirement("EPP-SES-026", "EPP-SES-016")
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("surplus", (1, 2, 1000, 60000))
def test_size(stage: Stage, number: int, surplus: int) -> None:
    """A handshake message of 2 048 bytes is accepted, a longer one refused"""
    part = reader(number)
    fitting = padding(300 + LIMIT - _length(stage, number))
    prepare(stage, part)
    meet(stage, part, manner=with_item(number, fitting))
    longer = encode_ead([padding(len(fitting.value or b"") + surplus)])
    manner = {
        1: Manner(message_1=lambda message: padded(message, LIMIT + surplus)),
        4: Manner(plaintext_4=lambda plaintext: plaintext + longer),
    }.get(number, Manner(plaintext=lambda plaintext: plaintext + longer))
    if number == 2 and surplus > 6000:
        # KEYSTREAM_2 ends at 8 160 bytes: what is longer can only be noise.
        noise = cbor.encode(stage.world.random(LIMIT + surplus))
        manner = altering("message_2", lambda _: noise)
    handshake_attack(stage, part, replace(refused_items(number, manner), codes=Code.TOO_LARGE))


# --- shape --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-029", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(message_1.SHAPES))
def test_shape_of_message_1(stage: Stage, name: str) -> None:
    """A message_1 of another shape is refused"""
    handshake_attack(
        stage,
        RESPONDER,
        Attack(
            codes=Code.MALFORMED, at="message_1", manner=lambda *_: Manner(message_1=message_1.SHAPES[name])
        ),
    )


@pytest.mark.requirement("EPP-SES-029", "EPP-SES-001")
@pytest.mark.parametrize("name", sorted(message_1.RFC_9529_MESSAGE_1))
def test_rfc_9529_message_1(stage: Stage, name: str) -> None:
    """The invalid message_1 of RFC 9529 are refused"""
    data = bytes.fromhex(message_1.RFC_9529_MESSAGE_1[name])
    manner = altering("message_1", lambda _: data)
    attack = Attack(codes=Code.MALFORMED, at="message_1", manner=lambda *_: manner)
    handshake_attack(stage, RESPONDER, attack)


FAULTS_1: dict[str, tuple[Code, bytes | None, dict[str, bytes]]] = {
    # Code, answer (None: the wallet's own suites), parts of message_1.
    "size": (Code.TOO_LARGE, REFUSED, {"identifier": cbor.encode(bytes(LIMIT))}),
    "shape": (Code.MALFORMED, REFUSED, {"identifier": b"\xf6"}),
    "method": (Code.MALFORMED, REFUSED, {"method": b"\x03"}),
    "suite": (Code.SUITE, None, {"suites": b"\x02"}),
    "key": (Code.MALFORMED, REFUSED, {"key": cbor.encode(bytes(31))}),
    "items": (Code.MALFORMED, REFUSED, {"ead": encode_ead([Ead(label=7, critical=True)])}),
    "version": (Code.VERSION, REFUSED, {"ead": b""}),
    "membership": (Code.AUTHENTICATION, REFUSED, {"member": encode_ead([Ead(label=7)])}),
    "secret": (Code.AUTHENTICATION, REFUSED, {"key": cbor.encode(bytes(32))}),
}
"""Faults of message_1 in the order in which they are checked (EPP-SES-088)."""

PAIRS_1 = [
    (first, second)
    for first, second in combinations(FAULTS_1, 2)
    if FAULTS_1[first][:2] != FAULTS_1[second][:2]
    and not FAULTS_1[first][2].keys() & FAULTS_1[second][2].keys()
]


@pytest.mark.requirement("EPP-SES-088")
@pytest.mark.parametrize("pair", [pytest.param(pair, id="-and-".join(pair)) for pair in PAIRS_1])
def test_order_of_checks_of_message_1(stage: Stage, pair: tuple[str, str]) -> None:
    """Of two faults of a message_1 the first in the order decides the code"""
    (code, answer, parts), (_, _, others) = FAULTS_1[pair[0]], FAULTS_1[pair[1]]
    both = parts | others
    last = both.pop("member", None)
    manner = Manner(message_1=message_1.rebuilt(**both))
    if last is not None:
        manner = replace(manner, member=lambda *_: last)
    attack = Attack(
        codes=code,
        at="message_1",
        answer=answer or wrong_suites(stage),
        manner=lambda *_: manner,
    )
    handshake_attack(stage, RESPONDER, attack)


@pytest.mark.requirement("EPP-SES-086", "EPP-ENC-008", "EPP-SES-016")
def test_rfc_9529_message_2(stage: Stage) -> None:
    """The invalid message_2 of RFC 9529, two byte strings instead of one, is refused"""
    stage.begin()
    meet(stage, INITIATOR)
    before = prepare(stage, INITIATOR)
    first_message(stage, INITIATOR)
    reply = stage.deliver(bytes.fromhex(message_1.RFC_9529_MESSAGE_2), "message_2")
    stage.refused(reply, Code.MALFORMED, "message_2")
    stage.equal(reply.out, REFUSED, "answer to message_2")
    silent(stage, b"\x40", Code.UNEXPECTED_MESSAGE, "bytes afterwards")
    stage.unchanged(before, "refused message_2")
    still_alive(stage)


FAULTS_4: dict[str, tuple[Code, forging.Change]] = {
    "size": (Code.TOO_LARGE, lambda message: message + bytes(LIMIT)),
    "form": (Code.MALFORMED, lambda message: message + b"\x00"),
    "ciphertext": (Code.AUTHENTICATION, lambda message: message[:-1] + bytes([message[-1] ^ 1])),
    "shape": (Code.AUTHENTICATION, lambda plaintext: plaintext + b"\x18"),
    "items": (Code.MALFORMED, lambda plaintext: encode_ead([Ead(label=7, critical=True)]) + plaintext),
}
"""Faults of message_4 in the order in which they are checked (EPP-SES-025); the last two are encrypted."""

PAIRS_4 = [pair for pair in combinations(FAULTS_4, 2) if FAULTS_4[pair[0]][0] != FAULTS_4[pair[1]][0]]


@pytest.mark.requirement("EPP-SES-025")
@pytest.mark.parametrize("pair", [pytest.param(pair, id="-and-".join(pair)) for pair in PAIRS_4])
def test_order_of_checks_of_message_4(stage: Stage, pair: tuple[str, str]) -> None:
    """Of two faults of a message_4 the first in the order decides the code"""

    def faulty(names: Iterable[str], data: bytes) -> bytes:
        # The later fault first: each is put into what the check before it has still to meet.
        for name in reversed([name for name in names if name in pair]):
            data = FAULTS_4[name][1](data)
        return data

    manner = replace(
        altering("message_4", lambda message: faulty(("size", "form", "ciphertext"), message)),
        plaintext_4=lambda plaintext: faulty(("shape", "items"), plaintext),
    )
    attack = replace(refused_items(4, manner), codes=FAULTS_4[pair[0]][0])
    handshake_attack(stage, reader(4), attack)
