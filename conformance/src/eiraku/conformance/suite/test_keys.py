"""Signatures and keys: what a wallet believes, of every kind of signed object (chapter 3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    PAYEES,
    Attack,
    Part,
    handshake_attack,
    money,
    set_purpose,
)
from eiraku.conformance.suite.odd_signatures import ALTERED, COSE_FORMS
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.suite.signed_objects import (
    BY_CENTRE,
    BY_PURSE,
    EVERY,
    KINDS,
    Craft,
    Kind,
    Task,
    held_unit,
    honest,
    known_keys,
    signed,
)
from eiraku.conformance.tester.edwards import KEY_FORMS, MIXED_ORDER, SIGNATURE_FORMS, CraftedKey, Form
from eiraku.conformance.tester.flows import (
    expect_accept,
    expect_reject,
    give,
    meet_payee,
    offer_of,
    still_alive,
    take,
)
from eiraku.conformance.tester.peer import Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, SEQUENCE, Identity
from eiraku.reference.crypto import ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side


def refuse(stage: Stage, kind: Kind, craft: Craft, code: Code | None = None) -> None:
    """All four parts of a negative test of one object."""
    known_keys(stage.world)
    kind.present(stage, honest, None)
    kind.present(stage, craft, code or kind.code)
    still_alive(stage)


# --- Ed25519 -----------------------------------------------------------------------------------------------


def _requirement(name: str) -> str:
    if name.startswith("S-"):
        return "EPP-KEY-004"
    if name.startswith("R-") and "mixed" not in name:
        return "EPP-KEY-003"
    return "EPP-KEY-001" if "mixed" in name else "EPP-KEY-002"


def _forms(forms: dict[str, Form]) -> list[Any]:
    return [
        pytest.param(form, id=name, marks=pytest.mark.requirement(_requirement(name)))
        for name, form in forms.items()
    ]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("form", _forms(SIGNATURE_FORMS))
def test_crafted_signature(stage: Stage, form: Form, kind: Kind) -> None:
    """A signature that only a careless verifier takes is refused"""
    refuse(stage, kind, lambda task: signed(task, key=CraftedKey(task.seed, form)))


@PAYEES
@pytest.mark.parametrize("form", _forms(SIGNATURE_FORMS))
def test_crafted_handshake_signature(stage: Stage, form: Form, part: Part) -> None:
    """A handshake signature that only a careless verifier takes is refused"""
    handshake_attack(stage, part, Attack(manner=lambda _, peer: Manner(key=CraftedKey(peer.seed, form))))


def crafted_peer(stage: Stage, form: Form) -> Identity:
    """A purse whose key has the form, certified by the device centre all the same."""
    seed = stage.world.random(32)
    key = CraftedKey(seed, form)
    return replace(stage.world.purse(seed=seed, public_key=key.public), key=key)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("form", _forms(KEY_FORMS))
def test_crafted_purse_key(stage: Stage, form: Form, part: Part) -> None:
    """A purse key under which only a careless verifier finds the handshake signature good is refused"""
    handshake_attack(stage, part, Attack(peer=lambda stage: crafted_peer(stage, form)))


@pytest.mark.parametrize(
    "form", _forms({name: form for name, form in KEY_FORMS.items() if "mixed" not in name})
)
def test_crafted_unit_key(stage: Stage, form: Form) -> None:
    """A unit under a bad unit key is refused; the key gets into no anchor either (EPP-KEY-029)"""
    world = stage.world
    key = CraftedKey(world.random(32), form)
    kid = ed25519.key_id(key.public)
    known_keys(world)
    stage.begin()
    give(stage, Side.RESPONDER, [world.holding(AMOUNT)])
    bad = replace(world.issuing.keys[-1].announced, public=key.public)
    keys = world.money_keys([*(each.announced for each in world.issuing.keys), bad], sequence=SEQUENCE + 1)
    stage.refused(stage.act("keys", centre="money", keys=keys), Code.MALFORMED, "key list")
    before = stage.state()
    held = held_unit(world, lambda task: signed(task, key=key, kid=kid))
    talk = meet_payee(stage, Side.RESPONDER, AMOUNT)
    answer = talk.send(offer_of(talk, [held], AMOUNT))
    expect_reject(talk, answer, Code.UNIT_SIGNATURE, "OFFER", 0)
    stage.unchanged(before, "OFFER")
    still_alive(stage)


@pytest.mark.requirement("EPP-KEY-001", "EPP-KEY-002")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_mixed_order_key(stage: Stage, side: Side) -> None:
    """A key outside the prime-order group is no reason to refuse a signature that verifies"""
    stage.begin()
    peer = crafted_peer(stage, MIXED_ORDER)
    give(stage, side, [stage.world.holding(AMOUNT, holder=peer.number)], peer=peer)
    take(stage, side, AMOUNT, peer=peer)


@pytest.mark.requirement("EPP-KEY-001")
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("name", sorted(ALTERED))
def test_altered_signature(stage: Stage, name: str, kind: Kind) -> None:
    """A signature that is not the signer's over exactly this object is refused"""
    refuse(stage, kind, ALTERED[name])


# --- form of COSE_Sign1 ------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-KEY-005")
@pytest.mark.parametrize("kind", BY_CENTRE)
@pytest.mark.parametrize("name", sorted(COSE_FORMS))
def test_form_of_cose_sign1(stage: Stage, name: str, kind: Kind) -> None:
    """A COSE_Sign1 of another form is refused, though its signature may verify"""
    code = Code.AUTHENTICATION if kind.name == "purse-id" else Code.MALFORMED
    refuse(stage, kind, COSE_FORMS[name], code)


@pytest.mark.requirement("EPP-KEY-005")
@pytest.mark.parametrize("kind", BY_PURSE)
def test_header_of_detached_signature(stage: Stage, kind: Kind) -> None:
    """A purse's signature made with a key identifier in the header is refused"""
    refuse(stage, kind, lambda task: signed(task, kid=ed25519.key_id(task.key.public)))


# --- contexts, roots, key identifiers ----------------------------------------------------------------------

CONTEXTS = {kind.name: kind.context for kind in KINDS} | {"none": b"", "next-version": b"EPP/2"}


@pytest.mark.requirement("EPP-KEY-006")
@pytest.mark.parametrize(
    ("kind", "context"),
    [
        pytest.param(kind, name, id=f"{kind.name}-signed-as-{name}")
        for kind in KINDS
        for name, context in CONTEXTS.items()
        if context != kind.context
    ],
)
def test_context(stage: Stage, kind: Kind, context: str) -> None:
    """An object signed as one type does not verify as another"""
    refuse(stage, kind, lambda task: signed(task, context=CONTEXTS[context]))


@pytest.mark.requirement("EPP-KEY-007", "EPP-KEY-008")
@pytest.mark.parametrize("kind", BY_CENTRE)
@pytest.mark.parametrize("age", ("old", "current"))
@pytest.mark.parametrize("named", ("own-kid", "expected-kid"))
def test_roots(stage: Stage, kind: Kind, age: str, named: str) -> None:
    """A unit signed by the device centre, or a purse ID or bulletin by the issuing centre, is refused"""

    def craft(task: Task) -> bytes:
        index = 0 if age == "old" else -1
        money_key, master = task.world.issuing.keys[index], task.world.device.keys[index]
        key = master.key if kind.name == "unit" else money_key.unit_key
        return signed(task, key=key, kid=ed25519.key_id(key.public) if named == "own-kid" else task.kid)

    refuse(stage, kind, craft)


def _by_stranger(task: Task) -> bytes:
    key = SigningKey(task.world.random(32))
    return signed(task, key=key, kid=ed25519.key_id(key.public))


def _by_peer(task: Task) -> bytes:
    return signed(task, key=task.world.peer.key, kid=ed25519.key_id(task.world.peer.key.public))


def _old_kid(task: Task) -> bytes:
    unit = task.context == objects.CONTEXT_UNIT
    return signed(task, kid=(task.world.issuing if unit else task.world.device).keys[0].kid)


KIDS: dict[str, Craft] = {
    "unknown-kid": lambda task: signed(task, kid=bytes(8)),
    "kid-off-by-one-bit": lambda task: signed(task, kid=flipped(task.kid or b"", 7)),
    "kid-of-the-old-key": _old_kid,
    "stranger-under-its-own-kid": _by_stranger,
    "purse-under-its-own-kid": _by_peer,
}


@pytest.mark.requirement("EPP-KEY-008")
@pytest.mark.parametrize("kind", BY_CENTRE)
@pytest.mark.parametrize("name", sorted(KIDS))
def test_key_identifier(stage: Stage, name: str, kind: Kind) -> None:
    """An object whose key identifier is not that of the signing key in the anchor is refused"""
    refuse(stage, kind, KIDS[name])


# --- validity of keys --------------------------------------------------------------------------------------

VALIDITY = ((0, 1, 60), (-1, 50, LAST_EPOCH))
"""Index of a centre's key, and the epochs between which it is valid."""

INSIDE = [pytest.param(index, epoch, id=f"{epoch}") for index, *ends in VALIDITY for epoch in ends]
OUTSIDE = [
    pytest.param(index, epoch, id=f"{epoch}")
    for index, first, last in VALIDITY
    for epoch in (first - 1, last + 1)
]
FAR = LAST_EPOCH + 50


def _unit_of(stage: Stage, index: int, epoch: int, code: Code | None) -> None:
    world = stage.world
    centre = replace(world.issuing, keys=(world.issuing.keys[index],))
    stage.begin()
    before = stage.state()
    held = world.holding(AMOUNT, centre=centre, issued=epoch, expires=FAR)
    talk = meet_payee(stage, Side.RESPONDER, AMOUNT)
    offer = offer_of(talk, [held])
    if code is None:
        expect_accept(talk, offer, talk.send(offer))
    else:
        expect_reject(talk, talk.send(offer), code, "OFFER", 0)
    stage.unchanged(before, "OFFER")


def _purse_of(stage: Stage, index: int, epoch: int, code: Code | None) -> None:
    world = stage.world
    peer = world.purse(
        centre=replace(world.device, keys=(world.device.keys[index],)), issued=epoch, expires=FAR
    )
    attack = Attack(codes=code or Code.AUTHENTICATION, peer=lambda _: peer)
    for side in Side:
        if code is None:
            stage.begin()
            set_purpose(stage, Part(side=side))
            connect(stage, side, peer=peer)
        else:
            handshake_attack(stage, Part(side=side), attack)


def _bulletin_of(stage: Stage, index: int, epoch: int, code: Code | None) -> None:
    world = stage.world
    centre = replace(world.device, keys=(world.device.keys[index],))
    stage.wallet.reset()
    reply = stage.wallet.provision(**{**world.provisioning(), "bulletin": None})
    stage.accepted(reply, "provision without a bulletin")
    before = stage.state()
    bulletin = centre.bulletin(epoch=epoch, revoked=(), policy_digest=stage.world.drawn.policy_digest)
    reply = stage.act("bulletin", bulletin=bulletin)
    if code is None:
        stage.accepted(reply, "bulletin")
        stage.equal(stage.epoch(), epoch, "epoch")
    else:
        stage.refused(reply, code, "bulletin")
        stage.unchanged(before, "bulletin")


DATED: dict[str, tuple[Code, Callable[[Stage, int, int, Code | None], None]]] = {
    "unit": (Code.UNIT_SIGNATURE, _unit_of),
    "purse-id": (Code.AUTHENTICATION, _purse_of),
    "bulletin": (Code.BULLETIN_SIGNATURE, _bulletin_of),
}


@pytest.mark.requirement("EPP-KEY-009", "EPP-KEY-010")
@pytest.mark.parametrize("name", sorted(DATED))
@pytest.mark.parametrize(("index", "epoch"), INSIDE)
def test_first_and_last_epoch_of_a_key(stage: Stage, index: int, epoch: int, name: str) -> None:
    """The old and the current key of a centre are both good, from their first to their last epoch"""
    DATED[name][1](stage, index, epoch, None)


@pytest.mark.requirement("EPP-KEY-009")
@pytest.mark.parametrize("name", sorted(DATED))
@pytest.mark.parametrize(("index", "epoch"), OUTSIDE)
def test_outside_the_validity_of_a_key(stage: Stage, index: int, epoch: int, name: str) -> None:
    """An object issued before the first or after the last epoch of its key is refused"""
    code, present = DATED[name]
    nearest = min(
        (inside for key, *ends in VALIDITY if key == index for inside in ends), key=lambda e: abs(e - epoch)
    )
    present(stage, index, nearest, None)
    present(stage, index, epoch, code)
    if name != "bulletin":
        still_alive(stage)


@pytest.mark.requirement("EPP-KEY-010")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("part", PARTS)
def test_both_keys_side_by_side(stage: Stage, part: Part) -> None:
    """Objects under the old and the current key of a centre are good in one transfer"""
    world = stage.world
    old_money = replace(world.issuing, keys=world.issuing.keys[:1])
    peer = world.purse(centre=replace(world.device, keys=world.device.keys[:1]), issued=EPOCH - 50)
    holder = world.wallet.number if part.pays else peer.number
    both = [
        world.holding(AMOUNT, holder=holder, centre=old_money, issued=60),
        world.holding(AMOUNT, holder=holder, issued=50),
    ]
    stage.begin(both if part.pays else money(stage, part))
    if part.pays:
        take(stage, part.side, 2 * AMOUNT, peer=peer)
    else:
        give(stage, part.side, both, peer=peer)
