"""Method, suites and versions in the handshake (chapter 5)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.message_1 import rebuilt
from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    INITIATOR,
    PARTS,
    RESPONDER,
    Attack,
    Part,
    first_message,
    handshake_attack,
    meet,
    prepare,
    wrong_suites,
)
from eiraku.conformance.tester.flows import (
    accept_of,
    expect_accept,
    expect_pay,
    expect_receipt,
    meet_payee,
    meet_payer,
    offer_of,
    pay_of,
    receipt_of,
)
from eiraku.conformance.tester.peer import (
    LABEL_VERSION,
    VERSION_OFFER,
    Manner,
)
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.edhoc.messages import Ead, read_message_1
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.tables import Side


def change_1(change: Callable[[bytes], bytes], codes: Code = Code.MALFORMED) -> Attack:
    """A message_1 that is wrong in one way."""
    return Attack(codes=codes, at="message_1", manner=lambda *_: Manner(message_1=change))


# --- what the wallet sends ---------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-001", "EPP-SES-002", "EPP-SES-006", "EPP-SES-060")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
def test_own_message_1(stage: Stage, pays: bool) -> None:  # noqa: FBT001
    """message_1 has method 0, suite 4 alone and the version, critical"""
    part = Part(side=Side.INITIATOR, pays=pays)
    prepare(stage, part)
    sent = first_message(stage, part) or b""
    try:
        found = read_message_1(sent)
    except Refusal as refusal:
        raise AssertionError(f"the wallet's message_1 is wrong: {refusal}") from refusal
    stage.equal(found.method, 0, "METHOD")
    stage.equal(found.suites, (4,), "SUITES_I")
    versions = [item for item in found.ead if item.label == LABEL_VERSION]
    stage.equal(versions, [VERSION_OFFER], "items EPP version in EAD_1")


# --- method -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-001", "EPP-SES-016")
@pytest.mark.parametrize("method", (1, 2, 3, 4, 23, 24, 256, 1 << 16, 1 << 32, -1))
def test_method(stage: Stage, method: int) -> None:
    """A message_1 with another method is refused"""
    handshake_attack(stage, RESPONDER, change_1(rebuilt(method=cbor.encode(method))))


# --- suites -------------------------------------------------------------------------------------------------


UNSUPPORTED = (1, 2, 3, 5, 6, 23, 24, 25, 260, (1 << 16) + 4, -21, (2, 3), (2, 3, 5))
BEFORE_4 = ((2, 4), (2, 3, 4), (24, 25, 4), (260, 4), ((1 << 16) + 4, 4), (-21, 4))


def refuse_suites(stage: Stage, suites_i: cbor.Item) -> None:
    """The wallet must answer this SUITES_I with its own suites."""
    attack = change_1(rebuilt(suites=cbor.encode(suites_i)), Code.SUITE)
    handshake_attack(stage, RESPONDER, replace(attack, answer=wrong_suites(stage)))


@pytest.mark.requirement("EPP-SES-004", "EPP-SES-061")
@pytest.mark.parametrize(
    "suites_i",
    (1, 2, 3, 5, 6, 23, 24, 25, 260, (1 << 16) + 4, -21, (2, 3), (2, 3, 5)),
    ids=lambda found: f"{found}",
)
def test_unsupported_suite(stage: Stage, suites_i: cbor.Item) -> None:
    """A suite that the wallet does not support is answered with the wallet's own"""
    refuse_suites(stage, suites_i)


@pytest.mark.requirement("EPP-SES-005", "EPP-SES-061")
@pytest.mark.parametrize(
    "suites_i", ((4, 0), (4, 2), (2, 4, 3), (4, 5, 0), (4, 4), (2, 4, 4)), ids=lambda found: f"{found}"
)
def test_suite_after_a_supported_one(stage: Stage, suites_i: cbor.Item) -> None:
    """A selected suite after one that the wallet supports is answered with the wallet's own"""
    refuse_suites(stage, suites_i)


@pytest.mark.requirement("EPP-SES-005", "EPP-SES-061")
@pytest.mark.needs("suite-0")
@pytest.mark.parametrize("suites_i", ((0, 4), (2, 0, 4)), ids=lambda found: f"{found}")
def test_suite_4_after_suite_0(stage: Stage, suites_i: cbor.Item) -> None:
    """A wallet that supports suite 0 refuses suite 4 after it"""
    refuse_suites(stage, suites_i)


@pytest.mark.requirement("EPP-SES-002", "EPP-SES-004")
@pytest.mark.parametrize(
    "suites_i",
    ((2, 4), (2, 3, 4), (24, 25, 4), (260, 4), ((1 << 16) + 4, 4), (-21, 4)),
    ids=lambda found: f"{found}",
)
def test_suite_4_after_unsupported_ones(stage: Stage, suites_i: cbor.Item) -> None:
    """Suite 4 after suites that the wallet does not support is accepted"""
    prepare(stage, RESPONDER)
    meet_payee(stage, Side.RESPONDER, AMOUNT, manner=Manner(message_1=rebuilt(suites=cbor.encode(suites_i))))


@pytest.mark.requirement("EPP-SES-003", "EPP-REC-001")
@pytest.mark.needs("suite-0")
@pytest.mark.parametrize("suites_i", (0, (2, 0), (2, 3, 0)), ids=lambda found: f"{found}")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
def test_suite_0(stage: Stage, suites_i: cbor.Item, pays: bool) -> None:  # noqa: FBT001
    """A whole transfer under suite 0"""
    part = Part(side=Side.RESPONDER, pays=pays)
    manner = Manner(suites=(0,), message_1=rebuilt(suites=cbor.encode(suites_i)))
    prepare(stage, part)
    if pays:
        talk, offer = meet_payer(stage, part.side, AMOUNT, manner=manner)
        expect_pay(talk, offer, talk.send(accept_of(offer)))
        stage.accepted(talk.send(receipt_of(talk, offer)).reply, "RECEIPT", "closed")
        stage.equal(stage.state().balance, 0, "balance")
        return
    held = [stage.world.holding(AMOUNT)]
    talk = meet_payee(stage, part.side, AMOUNT, manner=manner)
    offer = offer_of(talk, held)
    expect_accept(talk, offer, talk.send(offer))
    expect_receipt(talk, offer, talk.send(pay_of(talk, offer, held)))
    stage.equal(stage.state().balance, AMOUNT, "balance")


# --- versions -----------------------------------------------------------------------------------------------


def version(value: bytes | None) -> Ead:
    """The item `EPP version` with any value."""
    return Ead(label=LABEL_VERSION, value=value, critical=True)


def offers(*versions: int) -> Manner:
    """An initiator that offers these versions."""
    return Manner(ead_1=(version(cbor.encode(versions)),))


@pytest.mark.requirement("EPP-SES-007", "EPP-SES-008")
@pytest.mark.parametrize("offered", ((1,), (1, 2), (1, 2, 3), (1, 200, 255)), ids=lambda found: f"{found}")
@pytest.mark.parametrize("part", [part for part in PARTS if "responder" in str(part.id)])
def test_version_chosen(stage: Stage, offered: tuple[int, ...], part: Part) -> None:
    """Of the versions offered the wallet chooses 1, and says so in EAD_2"""
    prepare(stage, part)
    meet(stage, part, manner=offers(*offered))


@pytest.mark.requirement("EPP-SES-008")
@pytest.mark.parametrize("offered", ((2,), (2, 3), (255,)), ids=lambda found: f"{found}")
def test_no_common_version(stage: Stage, offered: tuple[int, ...]) -> None:
    """A message_1 with no version that the wallet supports is refused"""
    handshake_attack(
        stage,
        RESPONDER,
        Attack(codes=Code.VERSION, at="message_1", manner=lambda *_: offers(*offered)),
    )


@pytest.mark.requirement("EPP-SES-008")
@pytest.mark.parametrize("others", ((), (Ead(label=7, value=b"\x81\x01"),)), ids=["no-item", "other-item"])
def test_version_missing(stage: Stage, others: tuple[Ead, ...]) -> None:
    """A message_1 without the item EPP version is refused"""
    handshake_attack(
        stage,
        RESPONDER,
        Attack(
            codes=Code.VERSION,
            at="message_1",
            manner=lambda *_: Manner(ead_1=others),
        ),
    )


CHOICES: dict[str, tuple[Ead, ...]] = {
    "missing": (),
    "other-item-only": (Ead(label=7, value=b"\x01"),),
    "version-2": (version(cbor.encode(2)),),
    "version-255": (version(cbor.encode(255)),),
}


@pytest.mark.requirement("EPP-SES-009", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(CHOICES))
def test_wrong_choice(stage: Stage, name: str) -> None:
    """A message_2 without a version, or with one that was not offered, is refused"""
    attack = Attack(codes=Code.VERSION, manner=lambda *_: Manner(ead_2=CHOICES[name]))
    handshake_attack(stage, INITIATOR, attack)


BAD_VALUES: dict[str, bytes | None] = {
    "no-value": None,
    "empty": b"",
    "array-of-text": cbor.encode(("1",)),
    "trailing-byte": cbor.encode((1,)) + b"\0",
    "long-head": b"\x81\x18\x01",
    "indefinite": b"\x9f\x01\xff",
    "text": cbor.encode("1"),
    "tagged": b"\xc0\x01",
}
"""Neither a list of versions nor a version."""

BAD_OFFERS: dict[str, bytes | None] = BAD_VALUES | {
    "empty-list": cbor.encode(()),
    "integer": cbor.encode(1),
    "twice-the-same": cbor.encode((1, 1)),
    "descending": cbor.encode((2, 1)),
    "zero": cbor.encode((0, 1)),
    "256": cbor.encode((1, 256)),
    "negative": cbor.encode((-1, 1)),
}
BAD_CHOICES: dict[str, bytes | None] = BAD_VALUES | {
    "zero": cbor.encode(0),
    "256": cbor.encode(256),
    "negative": cbor.encode(-2),
    "two-items": cbor.encode_sequence(1, 1),
    "long-integer": b"\x18\x01",
    "array": cbor.encode((1,)),
}


@pytest.mark.requirement("EPP-SES-006", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(BAD_OFFERS))
def test_malformed_offer(stage: Stage, name: str) -> None:
    """An item EPP version that holds no list of versions is refused"""
    manner = Manner(ead_1=(version(BAD_OFFERS[name]),))
    attack = Attack(codes=Code.MALFORMED, at="message_1", manner=lambda *_: manner)
    handshake_attack(stage, RESPONDER, attack)


@pytest.mark.requirement("EPP-SES-007", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(BAD_CHOICES))
def test_malformed_choice(stage: Stage, name: str) -> None:
    """An item EPP version in EAD_2 that holds no version is refused"""
    manner = Manner(ead_2=(version(BAD_CHOICES[name]),))
    handshake_attack(stage, INITIATOR, Attack(codes=Code.MALFORMED, manner=lambda *_: manner))
