"""How a peer names itself: its ID_CRED, and the item that brings its sealed purse ID (chapter 3)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.negative_session import (
    PAYEES,
    Attack,
    Part,
    handshake_attack,
    meet,
    padding,
    prepare,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester.peer import LABEL_PURSE_ID, PADDED, VERSION_CHOICE, Manner, purse_id_item
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec import cbor, objects

Item = Callable[[Stage, Identity], Ead]
Items = Callable[[Stage, Identity], tuple[Ead, ...]]
SEALED = 16 + PADDED + 16


def _right(stage: Stage, peer: Identity) -> Ead:
    return purse_id_item(stage, peer.purse_id)


def _other(stage: Stage, _: Identity) -> Ead:
    return purse_id_item(stage, stage.world.purse().purse_id)


def _not_critical(stage: Stage, peer: Identity) -> Ead:
    return replace(_right(stage, peer), critical=False)


# --- ID_CRED ------------------------------------------------------------------------------------------------

IdCred = Callable[[Stage, Identity], cbor.Map]

ID_CREDS: dict[str, IdCred] = {
    "kid-0": lambda *_: {4: b"\x00"},
    "kid-2": lambda *_: {4: b"\x02"},
    "kid-minus-2": lambda *_: {4: b"\x21"},
    "kid-empty": lambda *_: {4: b""},
    "kid-of-two-bytes": lambda *_: {4: b"\x00\x01"},
    "kid-text": lambda *_: {4: "\x01"},
    "kid-integer": lambda *_: {4: 1},
    "kid-null": lambda *_: {4: None},
    "purse-number": lambda _, peer: {4: peer.number},
    "sealed-purse-id": lambda stage, peer: {4: _right(stage, peer).value},
    "purse-id-in-clear": lambda _, peer: {13: peer.purse_id},
    "claims-in-clear": lambda _, peer: {14: peer.claims.encode()},
    "x5t": lambda *_: {34: (-15, bytes(8))},
    "empty-map": lambda *_: {},
    "two-entries": lambda *_: {4: b"\x01", 5: b"x"},
    "next-label": lambda *_: {5: b"\x01"},
    "private-label": lambda *_: {-70001: b"\x01"},
}


@pytest.mark.requirement("EPP-PID-012", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(ID_CREDS))
def test_other_id_cred(stage: Stage, name: str, part: Part) -> None:
    """An ID_CRED other than the one of every purse is refused, though the purse ID and all else is right"""
    attack = Attack(manner=lambda stage, peer: Manner(id_cred=ID_CREDS[name](stage, peer)))
    handshake_attack(stage, part, attack)


# --- the value ----------------------------------------------------------------------------------------------


def _with_value(change: Callable[[bytes], bytes | None]) -> Item:
    return lambda stage, peer: replace(_right(stage, peer), value=change(_right(stage, peer).value or b""))


def _padded_to(length: int) -> Item:
    return lambda stage, peer: purse_id_item(stage, b"", padded=peer.purse_id.ljust(length, b"\0"))


VALUES: dict[str, Item] = {
    "none": _with_value(lambda _: None),
    "empty": _with_value(lambda _: b""),
    "purse-id-unsealed": lambda _, peer: Ead(
        label=LABEL_PURSE_ID, value=peer.purse_id.ljust(SEALED, b"\0"), critical=True
    ),
    "purse-number": lambda _, peer: Ead(label=LABEL_PURSE_ID, value=peer.number, critical=True),
    "in-a-byte-string": _with_value(cbor.encode),
    "nonce-only": _with_value(lambda sealed: sealed[: objects.SEALED_NONCE]),
    "shorter-than-nonce-and-tag": _with_value(lambda sealed: sealed[:31]),
    "nonce-and-tag-only": lambda stage, _: purse_id_item(stage, b"", padded=b""),
    "not-padded": _padded_to(0),
    "padded-to-255": _padded_to(PADDED - 1),
    "padded-to-257": _padded_to(PADDED + 1),
    "padded-to-512": _padded_to(2 * PADDED),
    "truncated": _with_value(lambda sealed: sealed[:-1]),
    "extended": _with_value(lambda sealed: sealed + b"\0"),
    "nonce-flipped": _with_value(lambda sealed: flipped(sealed, 0)),
    "ciphertext-flipped": _with_value(lambda sealed: flipped(sealed, objects.SEALED_NONCE)),
    "tag-flipped": _with_value(lambda sealed: flipped(sealed, -1)),
    "other-scheme-key": lambda stage, peer: purse_id_item(stage, peer.purse_id, bytes(range(32))),
}


@pytest.mark.requirement("EPP-PID-010", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(VALUES))
def test_value(stage: Stage, name: str, part: Part) -> None:
    """An item EPP purse ID whose value has another size or does not open is refused"""
    attack = Attack(manner=lambda stage, peer: Manner(purse_id=(VALUES[name](stage, peer),)))
    handshake_attack(stage, part, attack)


# --- its padding --------------------------------------------------------------------------------------------

PADDINGS: dict[str, Callable[[bytes], bytes]] = {
    # Given the purse ID, what is sealed: 256 bytes.
    "ones": lambda raw: raw.ljust(PADDED, b"\1"),
    "null": lambda raw: raw.ljust(PADDED, b"\xf6"),
    "first-byte": lambda raw: (raw + b"\1").ljust(PADDED, b"\0"),
    "last-byte": lambda raw: raw.ljust(PADDED - 1, b"\0") + b"\1",
    "iso-7816": lambda raw: (raw + b"\x80").ljust(PADDED, b"\0"),
    "length": lambda raw: raw.ljust(PADDED - 1, b"\0") + bytes([PADDED - len(raw)]),
    "before": lambda raw: raw.rjust(PADDED, b"\0"),
    "nothing-else": lambda _: bytes(PADDED),
    "in-a-byte-string": lambda raw: cbor.encode(raw).ljust(PADDED, b"\0"),
    # One purse ID in 256 ends with a zero byte, and would be whole again.
    "cut-off": lambda raw: raw.rstrip(b"\0")[:-1].ljust(PADDED, b"\0"),
}


@pytest.mark.requirement("EPP-PID-031", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(PADDINGS))
def test_padding(stage: Stage, name: str, part: Part) -> None:
    """A sealed purse ID followed by anything but zero bytes is refused"""

    def manner(stage: Stage, peer: Identity) -> Manner:
        return Manner(purse_id=(purse_id_item(stage, b"", padded=PADDINGS[name](peer.purse_id)),))

    handshake_attack(stage, part, Attack(manner=manner))


# --- exactly one, critical ----------------------------------------------------------------------------------


def _twice(first: Item, second: Item) -> Items:
    return lambda stage, peer: (first(stage, peer), second(stage, peer))


def _same_twice(stage: Stage, peer: Identity) -> tuple[Ead, ...]:
    return (_right(stage, peer),) * 2


def _neighbour(step: int) -> Items:
    return lambda stage, peer: (replace(_right(stage, peer), label=LABEL_PURSE_ID + step, critical=False),)


OCCURRENCES: dict[str, Items] = {
    "missing": lambda *_: (),
    "not-critical": lambda stage, peer: (_not_critical(stage, peer),),
    "same-twice": _same_twice,
    "sealed-twice": _twice(_right, _right),
    "another-purse-first": _twice(_other, _right),
    "another-purse-second": _twice(_right, _other),
    "noise-first": _twice(_with_value(lambda _: bytes(300)), _right),
    "noise-second": _twice(_right, _with_value(lambda _: bytes(300))),
    "no-value-first": _twice(_with_value(lambda _: None), _right),
    "no-value-second": _twice(_right, _with_value(lambda _: None)),
    "not-critical-first": _twice(_not_critical, _right),
    "not-critical-second": _twice(_right, _not_critical),
    "label-below": _neighbour(-3),
    "label-above": _neighbour(1),
}


@pytest.mark.requirement("EPP-PID-013", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(OCCURRENCES))
def test_occurrences(stage: Stage, name: str, part: Part) -> None:
    """A message without exactly one critical item EPP purse ID is refused"""
    attack = Attack(manner=lambda stage, peer: Manner(purse_id=OCCURRENCES[name](stage, peer)))
    handshake_attack(stage, part, attack)


# --- its place ----------------------------------------------------------------------------------------------

UNKNOWN = Ead(label=7, value=b"value")

PLACES: dict[str, tuple[tuple[Ead, ...], tuple[Ead, ...]]] = {
    # Items before it and after it; in EAD_2 the version stands right before it.
    "after-the-version": ((), ()),
    "after-padding": ((padding(300), Ead(label=0)), ()),
    "after-unknown": ((UNKNOWN,), ()),
    "among-unknown": ((UNKNOWN, Ead(label=8)), (UNKNOWN,)),
    "before-padding": ((), (padding(300),)),
}


@pytest.mark.requirement("EPP-PID-014")
@PAYEES
@pytest.mark.parametrize("name", sorted(PLACES))
def test_place(stage: Stage, name: str, part: Part) -> None:
    """The item EPP purse ID is accepted in any place among others"""
    before, after = PLACES[name]
    item = _right(stage, stage.world.peer)
    prepare(stage, part)
    manner = Manner(
        purse_id=(),
        ead_2=(*before, VERSION_CHOICE, item, *after),
        ead_3=(*before, item, *after),
    )
    meet(stage, part, manner=manner)
