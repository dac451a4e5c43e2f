"""Chapter 4, units: what a wallet takes for money."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from eiraku.conformance.suite.negative_transfer import (
    Bytes,
    Plan,
    UnitPlan,
    alternating,
    complete,
    flip,
    refuse_offer,
    set_up,
)
from eiraku.conformance.suite.second_signature import signed_again
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.policies import RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, World, identifier
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.objects import Unit
from eiraku.spec.tables import Side

RIGHT = Plan()
FIELDS = ("number", "issue", "value", "economy", "issued", "expires", "max_hops", "seal", "reserved")
Alter = Callable[[UnitPlan], UnitPlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A unit at fault, signed by the issuing centre as if it were right unless the fault is the signature."""

    name: str
    requirement: str
    code: Code
    alter: Alter
    near: Alter = lambda unit: unit
    """The nearest unit without fault."""


def _fields(
    name: str, code: Code, requirement: str, *, near: dict[str, object] | None = None, **wrong: object
) -> Case:
    return Case(
        name=name,
        requirement=requirement,
        code=code,
        alter=lambda unit: unit.but(**wrong),
        near=lambda unit: unit.but(**(near or {})),
    )


def _shape(name: str, *, near: dict[str, object] | None = None, **wrong: object) -> Case:
    return _fields(name, Code.MALFORMED, "EPP-UNI-001", near=near, **wrong)


def _payload(name: str, change: Bytes) -> Case:
    return Case(
        name=name,
        requirement="EPP-UNI-001",
        code=Code.MALFORMED,
        alter=lambda unit: replace(unit, payload=change),
    )


def _items(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Bytes:
    def altered(payload: bytes) -> bytes:
        items = cbor.decode(payload)
        assert isinstance(items, tuple)
        return cbor.encode(change(items))

    return altered


def _in_place(field: str, item: cbor.Item) -> Bytes:
    position = FIELDS.index(field)
    return _items(lambda items: (*items[:position], item, *items[position + 1 :]))


FULL: dict[str, object] = {"reserved": bytes(32)}
SHAPES = (
    _shape("number-negative", number=-1, near={"number": 0}),
    _shape("number-2^63", number=2**63, near={"number": 2**63 - 1}),
    _shape("issue-2^32", issue=2**32, near={"issue": 2**32 - 1}),
    _shape("issue-negative", issue=-1),
    _shape("value-negative", value=-16),
    _shape("value-2^53", value=2**53),
    _shape("economy-0", economy=0),
    _shape("economy-65536", economy=65536),
    _shape("issued-after-expires", issued=151, expires=150, near={"issued": 150, "expires": 150}),
    _shape("expires-2^32", expires=2**32, near={"expires": 2**32 - 1}),
    _shape("max-hops-0", max_hops=0),
    _shape("max-hops-256", max_hops=256, near={"max_hops": 255}),
    _shape("seal-of-15-bytes", seal=bytes(15)),
    _shape("seal-of-17-bytes", seal=bytes(17)),
    _shape("reserved-of-33-bytes", reserved=bytes(33), near=FULL),
    _shape("longer-than-256-bytes", reserved=bytes(160), near=FULL),
    _payload("eight-items", _items(lambda items: items[:-1])),
    _payload("ten-items", _items(lambda items: (*items, 0))),
    _payload("empty-array", lambda _: cbor.encode(())),
    _payload("not-an-array", cbor.encode),
    _payload("map-in-place-of-array", _items(lambda items: dict(enumerate(items)))),
    _payload("empty-payload", lambda _: b""),
    _payload("trailing-byte", lambda payload: payload + b"\x00"),
    _payload("truncated", lambda payload: payload[:-1]),
    _payload("long-head", lambda payload: b"\x98\x09" + payload[1:]),
    _payload("indefinite-length", lambda payload: b"\x9f" + payload[1:] + b"\xff"),
    _payload("number-as-text", _in_place("number", "1")),
    _payload("issue-null", _in_place("issue", None)),
    _payload("issued-false", _in_place("issued", False)),
    _payload("seal-as-text", _in_place("seal", "0123456789abcdef")),
    _payload("reserved-null", _in_place("reserved", None)),
    _payload("reserved-as-text", _in_place("reserved", "")),
    _payload("value-as-array", _in_place("value", (16,))),
)


def _cose(name: str, change: Callable[[tuple[cbor.Item, ...]], bytes]) -> Case:
    def altered(signed: bytes) -> bytes:
        items = cbor.decode(signed)
        assert isinstance(items, tuple)
        return change(items)

    return Case(
        name=name,
        requirement="EPP-UNI-001",
        code=Code.MALFORMED,
        alter=lambda unit: replace(unit, signed=altered),
    )


ENVELOPES = (
    _cose("three-parts", lambda parts: cbor.encode(parts[:3])),
    _cose("five-parts", lambda parts: cbor.encode((*parts, b""))),
    _cose("tagged", lambda parts: b"\xd2" + cbor.encode(parts)),
    _cose("unprotected-header", lambda parts: cbor.encode((parts[0], {4: bytes(8)}, *parts[2:]))),
    _cose("detached-payload", lambda parts: cbor.encode((*parts[:2], None, parts[3]))),
    _cose("short-signature", lambda parts: cbor.encode((*parts[:3], bytes(63)))),
    _cose("trailing-byte-after-unit", lambda parts: cbor.encode(parts) + b"\x00"),
    _cose("no-unit", lambda _: b""),
)


def _foreign(world: World) -> MoneyKey:
    return MoneyKey(
        unit_key=SigningKey(world.random(32)),
        history_key=AgreementKey(world.random(32)),
        valid_from=1,
        valid_to=200,
    )


def _altered_payload(signed: bytes) -> bytes:
    parts = cbor.decode(signed)
    assert isinstance(parts, tuple)
    assert isinstance(parts[2], bytes)
    unit = Unit.decode(parts[2])
    payload = replace(unit, number=unit.number + 1).encode()
    return cbor.encode((parts[0], parts[1], payload, parts[3]))


@pytest.mark.requirement("EPP-UNI-001", "EPP-ERR-001")
@alternating("case", {case.name: case for case in (*SHAPES, *ENVELOPES)})
def test_shape_of_a_unit(stage: Stage, side: Side, case: Case) -> None:
    """A unit of another shape, though signed by the issuing centre, is malformed; a near one is not."""
    index = (*SHAPES, *ENVELOPES).index(case) % 3
    # The amount stays: a sum with a value out of range is no amount.
    wrong = replace(RIGHT.unit(index, case.alter), amount=RIGHT.offered_amount)
    refuse_offer(stage, side, wrong, case.code, index, right=RIGHT.unit(index, case.near))


SIGNATURES: dict[str, Callable[[World], Alter]] = {
    "last-bit": lambda _: lambda unit: replace(unit, signed=flip),
    "bit-of-R": lambda _: lambda unit: replace(unit, signed=lambda signed: flip(signed, -64)),
    "zeros": lambda _: lambda unit: replace(unit, signed=lambda signed: signed[:-64] + bytes(64)),
    "payload-altered": lambda _: lambda unit: replace(unit, signed=_altered_payload),
    "key-unknown": lambda world: lambda unit: replace(unit, key=_foreign(world)),
    "key-unknown-under-a-known-kid": lambda world: (
        lambda unit: replace(unit, key=_foreign(world), kid=world.issuing.keys[-1].kid)
    ),
    "kid-unknown": lambda world: lambda unit: replace(unit, kid=world.random(8)),
    "kid-of-the-other-money-key": lambda world: lambda unit: replace(unit, kid=world.issuing.keys[0].kid),
    "device-centre": lambda world: (
        lambda unit: replace(unit, key=replace(_foreign(world), unit_key=world.device.keys[-1].key))
    ),
    "payers-own-key": lambda world: (
        lambda unit: replace(
            unit, key=replace(_foreign(world), unit_key=world.peer.key), kid=world.issuing.keys[-1].kid
        )
    ),
}


@pytest.mark.requirement("EPP-UNI-002", "EPP-ERR-001")
@alternating("name", {name: name for name in SIGNATURES})
def test_signature_of_a_unit(stage: Stage, side: Side, name: str) -> None:
    """A unit that no money key of the anchor has signed is refused."""
    index = list(SIGNATURES).index(name) % 3
    wrong = RIGHT.unit(index, SIGNATURES[name](stage.world))
    refuse_offer(stage, side, wrong, Code.UNIT_SIGNATURE, index)


@SIDES
@pytest.mark.requirement("EPP-UNI-002")
def test_signed_as_something_else(stage: Stage, side: Side) -> None:
    """A payload that the unit key has signed as an endorsement is no unit."""

    def as_endorsement(signed: bytes) -> bytes:
        parts = cose.parse(signed)
        key = stage.world.issuing.keys[-1].unit_key
        return cose.sign(key, objects.CONTEXT_ENDORSEMENT, parts.payload, kid=parts.kid)

    wrong = RIGHT.unit(1, lambda unit: replace(unit, signed=as_endorsement))
    refuse_offer(stage, side, wrong, Code.UNIT_SIGNATURE, 1)


def _seal_flipped(items: tuple[cbor.Item, ...]) -> cbor.Item:
    seal = items[7]
    assert isinstance(seal, bytes)
    return (*items[:7], flip(seal), items[8])


def _value(value: int) -> Case:
    return Case(
        name=f"value-{value}",
        requirement="EPP-UNI-007",
        code=Code.UNIT_VALUE,
        alter=lambda unit: replace(unit, value=value),
        near=lambda unit: replace(unit, value=1 << 40),
    )


CONTENTS = (
    _fields("seal-of-zeros", Code.UNIT_SEAL, "EPP-UNI-003", seal=bytes(16)),
    Case(
        name="seal-one-bit",
        requirement="EPP-UNI-003",
        code=Code.UNIT_SEAL,
        alter=lambda unit: replace(unit, payload=_items(_seal_flipped)),
    ),
    _fields(
        "foreign-economy",
        Code.UNIT_ECONOMY,
        "EPP-UNI-004",
        economy=Economy.FOREIGN,
        near={"economy": Economy.OTHER},
    ),
    _fields("neighbouring-economy", Code.UNIT_ECONOMY, "EPP-UNI-004", economy=Economy.NEIGHBOUR),
    _fields("expired", Code.UNIT_EXPIRED, "EPP-UNI-005", expires=EPOCH - 1, near={"expires": EPOCH}),
    _fields("expired-long-ago", Code.UNIT_EXPIRED, "EPP-UNI-005", issued=60, expires=60),
    *(_value(value) for value in (0, 3, 2**40 - 1, 2**40 + 1, 2**41, 2**52)),
)


@SIDES
@pytest.mark.requirement("EPP-ERR-001")
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=pytest.mark.requirement(case.requirement)) for case in CONTENTS],
)
def test_content_of_a_unit(stage: Stage, side: Side, case: Case) -> None:
    """A unit with a content that is not allowed is refused; the nearest allowed one is money."""
    index = CONTENTS.index(case) % 3
    near = RIGHT.unit(index, case.near)
    refuse_offer(stage, side, RIGHT.unit(index, case.alter), case.code, index, right=near)


@SIDES
@pytest.mark.requirement("EPP-UNI-003")
def test_seal_of_the_device_centre(stage: Stage, side: Side) -> None:
    """The seal that marks purse IDs does not mark money."""
    wrong = RIGHT.unit(1, lambda unit: unit.but(seal=stage.world.device.seal))
    refuse_offer(stage, side, wrong, Code.UNIT_SEAL, 1)


@SIDES
@pytest.mark.requirement("EPP-UNI-005")
def test_expiry_follows_the_wallets_own_epoch(stage: Stage, side: Side) -> None:
    """A unit good today is refused once a bulletin has moved the wallet's epoch past its last one."""
    world = stage.world
    stage.begin()
    held = [world.holding(4, expires=EPOCH + 1) for _ in range(3)]
    flows.give(stage, side, held[:1])
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    flows.give(stage, side, held[1:2])
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 2))
    before = stage.state()
    talk = flows.meet_payee(stage, side, 4)
    answer = talk.send(flows.offer_of(talk, held[2:]))
    flows.expect_reject(talk, answer, Code.UNIT_EXPIRED, "OFFER", 0)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-UNI-006")
@pytest.mark.parametrize("issued", (EPOCH + 1, EPOCH + 90))
def test_unit_from_the_future(stage: Stage, side: Side, issued: int) -> None:
    """A unit issued after the wallet's own epoch is good: the wallet is the one that is behind."""
    stage.begin()
    flows.give(stage, side, [stage.world.holding(8, issued=issued, hop=hop) for hop in (0, 1)])
    flows.take(stage, side, 16)


@SIDES
@pytest.mark.requirement("EPP-UNI-007")
def test_every_denomination(stage: Stage, side: Side) -> None:
    """Each of the 41 denominations is credited, and can be paid on."""
    world = stage.world
    world.policy = policy(max_units=64, max_record=RECORD_MAX)
    stage.begin()
    flows.give(stage, side, [world.holding(1 << power) for power in range(41)])
    total = (1 << 41) - 1
    stage.equal(stage.state().balance, total, "balance")
    flows.take(stage, side, total)


@SIDES
@pytest.mark.requirement("EPP-UNI-008")
@pytest.mark.parametrize(
    "reserved",
    (
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00", id="one-byte"),
        pytest.param(bytes(range(224, 256)), id="32-bytes"),
        pytest.param(b"\xff" * 32, id="no-sense-as-CBOR"),
        pytest.param(cbor.encode((1, "later")), id="an-array-of-CBOR"),
    ),
)
def test_reserved_area(stage: Stage, side: Side, reserved: bytes) -> None:
    """Whatever is in the reserved area, the unit is good and is passed on byte for byte."""
    stage.begin()
    held = stage.world.holding(8, reserved=reserved)
    flows.give(stage, side, [held])
    paid = flows.take(stage, side, 8)
    stage.equal(paid.holdings[0].unit, held.unit, "the unit as paid on")


@SIDES
@pytest.mark.requirement("EPP-UNI-009")
def test_same_number_other_unit(stage: Stage, side: Side) -> None:
    """Units that share a number, but not the digest, are different units: another issue, another key."""
    world = stage.world
    keys = world.issuing.keys
    units = (
        UnitPlan(value=8, changes={"number": 7, "issue": 0}),
        UnitPlan(value=8, changes={"number": 7, "issue": 1}),
        UnitPlan(value=8, changes={"number": 7, "issue": 2, "issued": 55}, key=keys[0]),
        UnitPlan(value=8, changes={"number": 7, "issue": 2, "issued": 55}, key=keys[1]),
    )
    scene = set_up(stage, side, Plan(units=units))
    stage.equal(len({identifier(held) for held in scene.holdings}), 4, "different units in the offer")
    complete(scene, scene.talk.send(scene.offer))
    stage.equal(len(stage.state().units), 4, "units held")


@SIDES
@pytest.mark.requirement("EPP-UNI-009", "EPP-TRF-033", "EPP-TRF-040")
@pytest.mark.parametrize("where", ("in-one-bundle", "held"))
def test_one_unit_with_two_signatures(stage: Stage, side: Side, where: str) -> None:
    """The issuing centre's second, equally valid signature of a unit does not make a second unit."""
    world = stage.world
    seed = world.random(32)
    key = replace(_foreign(world), unit_key=SigningKey(seed))
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys, key))
    held = world.holding(8)
    payload = cose.parse(held.unit).payload
    twin = replace(held, unit=signed_again(seed, world.random(32), objects.CONTEXT_UNIT, payload))
    # Positive control: either is good money by itself.
    for each in (twin, held):
        stage.begin()
        flows.give(stage, side, [each])
    if where == "in-one-bundle":
        stage.begin()
    before = stage.state()
    bundle = [held, twin] if where == "in-one-bundle" else [twin]
    talk = flows.meet_payee(stage, side, 8 * len(bundle))
    offer = flows.offer_of(talk, [held] * len(bundle))
    offer = replace(offer, units=tuple(bundle))
    code, index = (Code.DUPLICATE_UNIT, 1) if where == "in-one-bundle" else (Code.UNIT_HELD, 0)
    flows.expect_reject(talk, talk.send(offer), code, "OFFER", index)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)
