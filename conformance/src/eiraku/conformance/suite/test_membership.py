"""Membership: message_1 shows that its maker has the scheme key (chapter 5)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.negative_session import (
    RESPONDER,
    Attack,
    Part,
    altering,
    first_message,
    handshake_attack,
    meet,
    padding,
    prepare,
    unknown_there,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester.peer import (
    LABEL_MEMBER,
    MEMBER_BYTES,
    VERSION_OFFER,
    Manner,
    member_item,
)
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.edhoc.messages import Ead, encode_ead
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

MAC = 16
Item = Callable[[bytes, bytes], bytes]
"""Makes the end of message_1 from the scheme key and what comes before."""


def item(value: bytes | None, *, critical: bool = True, label: int = LABEL_MEMBER) -> bytes:
    """The encoding of the item with any value."""
    return encode_ead([Ead(label=label, value=value, critical=critical)])


def with_mac(change: Callable[[bytes], bytes]) -> Item:
    """The right item with another MAC."""
    return lambda key, before: item(change(member_item(key, before)[-MAC:]))


@pytest.mark.requirement("EPP-SES-037")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
def test_own_membership(stage: Stage, pays: bool) -> None:  # noqa: FBT001
    """message_1 ends with the item EPP member, whose value proves the scheme key"""
    part = Part(side=Side.INITIATOR, pays=pays)
    prepare(stage, part)
    sent = first_message(stage, part) or b""
    before = sent[:-MEMBER_BYTES]
    right = member_item(stage.world.scheme_key, before)
    stage.equal(sent[len(before) :].hex(), right.hex(), "last item of message_1")


NOT_MEMBERS: dict[str, Item] = {
    "missing": lambda *_: b"",
    "padding-instead": lambda *_: encode_ead([Ead(label=0, value=bytes(MAC))]),
    "no-value": lambda *_: item(None),
    "empty-value": lambda *_: item(b""),
    "zeros": lambda *_: item(bytes(MAC)),
    "first-bit": with_mac(lambda mac: flipped(mac, 0)),
    "bit-in-the-middle": with_mac(lambda mac: flipped(mac, MAC // 2)),
    "last-bit": with_mac(lambda mac: flipped(mac, MAC - 1)),
    "one-byte-less": with_mac(lambda mac: mac[:-1]),
    "one-byte-more": with_mac(lambda mac: mac + b"\0"),
    "first-byte-only": with_mac(lambda mac: mac[:1]),
    "not-critical": lambda key, before: item(member_item(key, before)[-MAC:], critical=False),
    "another-scheme-key": lambda _, before: member_item(bytes(32), before),
    "over-nothing": lambda key, _: member_item(key, b""),
    "over-one-byte-less": lambda key, before: member_item(key, before[:-1]),
    "over-itself": lambda key, before: member_item(key, before + b"\x39\xfd\xe9\x50"),
    "not-last-value": lambda key, before: member_item(key, before) + item(b"x", critical=False, label=7),
    "not-last-label": lambda key, before: member_item(key, before) + b"\x07",
    "not-last-padding": lambda key, before: member_item(key, before) + b"\x00",
}


@pytest.mark.requirement("EPP-SES-038", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(NOT_MEMBERS))
def test_not_a_member(stage: Stage, name: str) -> None:
    """A message_1 that does not end with the right item EPP member is refused"""
    manner = Manner(member=NOT_MEMBERS[name])
    handshake_attack(stage, RESPONDER, Attack(at="message_1", manner=lambda *_: manner))


@pytest.mark.requirement("EPP-SES-038")
def test_membership_before_version(stage: Stage) -> None:
    """The item EPP member before the item EPP version is refused, though it is right for what it covers"""

    def first(message: bytes) -> bytes:
        start = len(message) - len(encode_ead([VERSION_OFFER]))
        return message[:start] + member_item(stage.world.scheme_key, message[:start]) + message[start:]

    manner = Manner(message_1=first, member=lambda *_: b"")
    handshake_attack(stage, RESPONDER, Attack(at="message_1", manner=lambda *_: manner))


TWICE: dict[str, Item] = {
    "right-one-last": lambda key, before: _two(key, before, item(bytes(MAC))),
    "both-right": lambda key, before: _two(key, before, member_item(key, before)),
    "first-not-critical": lambda key, before: _two(key, before, item(b"", critical=False)),
    "first-without-value": lambda key, before: _two(key, before, item(None)),
}


def _two(key: bytes, before: bytes, first: bytes) -> bytes:
    """An item, and after it one that is right for all before it."""
    return first + member_item(key, before + first)


@pytest.mark.requirement("EPP-SES-039", "EPP-SES-016")
@pytest.mark.parametrize("name", sorted(TWICE))
def test_membership_twice(stage: Stage, name: str) -> None:
    """A message_1 with two items EPP member is refused, though the last is right"""
    manner = Manner(member=TWICE[name])
    handshake_attack(stage, RESPONDER, Attack(at="message_1", manner=lambda *_: manner))


@pytest.mark.requirement("EPP-SES-038")
def test_padding_before_membership(stage: Stage) -> None:
    """Padding and unknown items stand before the item EPP member, and are covered by it"""
    ead = (padding(300), VERSION_OFFER, Ead(label=7, value=b"x"), Ead(label=0), padding(300))
    prepare(stage, RESPONDER)
    meet(stage, RESPONDER, manner=Manner(ead_1=ead))

    def without_the_last_padding(message: bytes) -> bytes:
        return message[: -MEMBER_BYTES - len(encode_ead([padding(300)]))] + message[-MEMBER_BYTES:]

    manner = replace(altering("message_1", without_the_last_padding), ead_1=ead)
    handshake_attack(stage, RESPONDER, Attack(at="message_1", manner=lambda *_: manner))


@pytest.mark.requirement("EPP-SES-084")
@pytest.mark.parametrize("number", (2, 3, 4), ids=("message_2", "message_3", "message_4"))
def test_membership_in_later_messages(stage: Stage, number: int) -> None:
    """In EAD_2 to EAD_4 the item EPP member is an unknown one: ignored, or refused if critical"""
    unknown_there(stage, number, Ead(label=LABEL_MEMBER, value=bytes(MAC)))


@pytest.mark.requirement("EPP-SES-038", "EPP-SES-016")
@pytest.mark.parametrize("length", (0, 1, 16, 19))
def test_message_1_that_is_hardly_one(stage: Stage, length: int) -> None:
    """A message_1 cut inside its last item is refused like any other that is not one"""
    manner = altering("message_1", lambda message: message[: len(message) - MEMBER_BYTES + length])
    codes = Code.AUTHENTICATION if length == 0 else Code.MALFORMED
    handshake_attack(stage, RESPONDER, Attack(codes=codes, at="message_1", manner=lambda *_: manner))
