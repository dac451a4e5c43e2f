"""Chapter 4, bulletins: the clock of a purse and its list of revoked purses."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.negative_transfer import flip
from eiraku.conformance.suite.second_signature import signed_again
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import REFUSED, HandshakeRefused, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, Identity, World
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, Request
from eiraku.spec.objects import Bulletin
from eiraku.spec.tables import Side

NEXT = EPOCH + 1
LIMIT = 65535
LOW, HIGH = b"\x7f" + bytes(7), b"\x80" + bytes(7)
"""In bytewise order; taken for signed integers they would be the other way round."""


def signed(
    world: World, *, epoch: int = NEXT, revoked: tuple[bytes, ...] = (), digest: bytes = bytes(32)
) -> bytes:
    """A bulletin with any content, signed by the device centre's current key."""
    body = Bulletin(epoch=epoch, revoked=revoked, policy_digest=digest).encode()
    return world.device.sign(objects.CONTEXT_BULLETIN, body)


def accept_bulletin(stage: Stage, bulletin: bytes, epoch: int = NEXT) -> None:
    """The wallet must accept a bulletin, and then be in its epoch."""
    stage.order("bulletin", bulletin=bulletin)
    stage.equal(stage.state().epoch, epoch, "epoch after an accepted bulletin")


def refuse_bulletin(stage: Stage, bulletin: bytes, code: Code) -> None:
    """The wallet must refuse a bulletin, unharmed."""
    before = stage.state()
    stage.refused(stage.act("bulletin", bulletin=bulletin), code, "bulletin")
    stage.unchanged(before, "a refused bulletin")
    flows.still_alive(stage)


def refuse_peer(stage: Stage, side: Side, peer: Identity) -> None:
    """The wallet must refuse a revoked peer."""
    flows.order_receive(stage, side, 4)
    with pytest.raises(HandshakeRefused) as caught:
        connect(stage, side, peer=peer)
    stage.refused(caught.value.reply, Code.PURSE_REVOKED, "a revoked peer")
    stage.equal(caught.value.reply.out, REFUSED, "answer to a revoked peer")


FIRST, LAST = bytes(7) + b"\x01", b"\xff" * 8

Make = Callable[[World], bytes]


def _another_key(key_of: Callable[[World], SigningKey], *, known_kid: bool) -> Make:
    def make(world: World) -> bytes:
        key = key_of(world)
        kid = world.device.keys[-1].kid if known_kid else ed25519.key_id(key.public)
        return cose.sign(key, objects.CONTEXT_BULLETIN, cose.parse(signed(world)).payload, kid=kid)

    return make


def _parts(change: Callable[[list[cbor.Item]], cbor.Item]) -> Make:
    """The right bulletin with its COSE_Sign1 changed."""

    def make(world: World) -> bytes:
        items = cbor.decode(signed(world))
        assert isinstance(items, tuple)
        return cbor.encode(change(list(items)))

    return make


def _body(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Make:
    """A bulletin with another payload, signed by the device centre."""

    def make(world: World) -> bytes:
        items = cbor.decode(cose.parse(signed(world, revoked=(LOW,))).payload)
        assert isinstance(items, tuple)
        return world.device.sign(objects.CONTEXT_BULLETIN, cbor.encode(change(items)))

    return make


def _later_epoch(parts: list[cbor.Item]) -> cbor.Item:
    body = Bulletin(epoch=NEXT + 1, revoked=(), policy_digest=bytes(32)).encode()
    return (parts[0], parts[1], body, parts[3])


SIGNATURES: dict[str, Make] = {
    "last-bit": lambda world: flip(signed(world)),
    "bit-of-R": lambda world: flip(signed(world), -64),
    "zeros": lambda world: signed(world)[:-64] + bytes(64),
    "epoch-altered": _parts(_later_epoch),
    "unknown-key": _another_key(lambda world: SigningKey(world.random(32)), known_kid=False),
    "unknown-key-under-a-known-kid": _another_key(lambda world: SigningKey(world.random(32)), known_kid=True),
    "unit-key": _another_key(lambda world: world.issuing.keys[-1].unit_key, known_kid=False),
    "unit-key-under-the-device-kid": _another_key(
        lambda world: world.issuing.keys[-1].unit_key, known_kid=True
    ),
    "a-purse": _another_key(lambda world: world.peer.key, known_kid=True),
    "signed-as-a-purse-ID": lambda world: world.device.sign(
        objects.CONTEXT_PURSE_ID, cose.parse(signed(world)).payload
    ),
    "signed-as-a-unit": lambda world: world.device.sign(
        objects.CONTEXT_UNIT, cose.parse(signed(world)).payload
    ),
}


@pytest.mark.requirement("EPP-BUL-001", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(SIGNATURES))
def test_signature_of_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin that no device key of the anchor has signed is refused, and the right one accepted."""
    stage.begin()
    accept_bulletin(stage, signed(stage.world))
    stage.begin()
    refuse_bulletin(stage, SIGNATURES[name](stage.world), Code.BULLETIN_SIGNATURE)
    accept_bulletin(stage, signed(stage.world))


SHAPES: dict[str, Make] = {
    "two-items": _body(lambda items: items[:2]),
    "four-items": _body(lambda items: (*items, 0)),
    "epoch-negative": _body(lambda items: (-1, *items[1:])),
    "epoch-2^32": _body(lambda items: (2**32, *items[1:])),
    "number-of-7-bytes": _body(lambda items: (items[0], (bytes(7),), items[2])),
    "number-of-9-bytes": _body(lambda items: (items[0], (bytes(9),), items[2])),
    "number-as-integer": _body(lambda items: (items[0], (7,), items[2])),
    "revoked-null": _body(lambda items: (items[0], None, items[2])),
    "digest-of-31-bytes": _body(lambda items: (*items[:2], bytes(31))),
    "payload-not-an-array": _body(lambda _: 7),
    "five-parts": _parts(lambda parts: (*parts, 0)),
    "unprotected-header": _parts(lambda parts: (parts[0], {1: -8}, *parts[2:])),
    "tagged": lambda world: b"\xd2" + signed(world),
    "trailing-byte": lambda world: signed(world) + b"\x00",
    "truncated": lambda world: signed(world)[:-1],
    "nothing": lambda _: b"",
}


@pytest.mark.requirement("EPP-BUL-001", "EPP-ERR-003")
@pytest.mark.parametrize("name", tuple(SHAPES))
def test_shape_of_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin of another shape is malformed, whoever signed it."""
    stage.begin()
    refuse_bulletin(stage, SHAPES[name](stage.world), Code.MALFORMED)
    accept_bulletin(stage, signed(stage.world))


STALE: dict[str, Make] = {
    "one-epoch-back": lambda world: signed(world, epoch=EPOCH - 1),
    "long-ago": lambda world: signed(world, epoch=60),
    "same-epoch-more-revoked": lambda world: signed(world, epoch=EPOCH, revoked=(LOW, HIGH)),
    "same-epoch-fewer-revoked": lambda world: signed(world, epoch=EPOCH),
    "same-epoch-other-policy": lambda world: signed(world, epoch=EPOCH, revoked=(LOW,), digest=b"\x01" * 32),
}


@pytest.mark.requirement("EPP-BUL-002", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(STALE))
def test_stale_bulletin(stage: Stage, name: str) -> None:
    """An older bulletin, and another one of the same epoch, is refused; the next epoch's is accepted."""
    held = signed(stage.world, epoch=EPOCH, revoked=(LOW,))
    stage.begin(bulletin=held)
    refuse_bulletin(stage, STALE[name](stage.world), Code.BULLETIN_STALE)
    accept_bulletin(stage, signed(stage.world))
    refuse_bulletin(stage, held, Code.BULLETIN_STALE)


@pytest.mark.requirement("EPP-BUL-002")
def test_bulletin_held_already(stage: Stage) -> None:
    """The bulletin that the wallet holds is accepted again and changes nothing."""
    held = signed(stage.world, epoch=EPOCH, revoked=(LOW,))
    stage.begin(bulletin=held)
    for bulletin in (held, signed(stage.world)):
        stage.order("bulletin", bulletin=bulletin)
        before = stage.state()
        stage.order("bulletin", bulletin=bulletin)
        stage.unchanged(before, "the bulletin held already")


@pytest.mark.requirement("EPP-BUL-002")
def test_bulletin_held_already_but_signed_again(stage: Stage) -> None:
    """Of one epoch there is one bulletin: the same content in other bytes is refused."""
    world = stage.world
    seed = world.random(32)
    key = PurseMasterKey(key=SigningKey(seed), valid_from=1, valid_to=LAST_EPOCH)
    world.device = replace(world.device, keys=(*world.device.keys, key))
    held = signed(world)
    parts = cose.parse(held)
    protected = cbor.encode({1: -8, 4: key.kid})
    message = cbor.encode(("Signature1", protected, objects.CONTEXT_BULLETIN, parts.payload))
    again = cbor.encode((protected, {}, parts.payload, signed_again(seed, world.random(32), message)))
    for bulletin in (again, held):
        stage.begin()
        accept_bulletin(stage, bulletin)
    refuse_bulletin(stage, again, Code.BULLETIN_STALE)


@SIDES
@pytest.mark.requirement("EPP-BUL-002")
def test_revoked_stays_revoked(stage: Stage, side: Side) -> None:
    """Neither an older bulletin nor another one of the same epoch brings a revoked purse back."""
    world = stage.world
    stage.begin()
    accept_bulletin(stage, world.bulletin(NEXT, [world.peer.number]))
    for bulletin in (world.bulletin(), world.bulletin(NEXT)):
        stage.refused(stage.act("bulletin", bulletin=bulletin), Code.BULLETIN_STALE, "bulletin")
        refuse_peer(stage, side, world.peer)
    accept_bulletin(stage, world.bulletin(NEXT + 1), NEXT + 1)
    flows.give(stage, side, [world.holding(4)])


ORDERS = {
    "exchanged": ((HIGH, LOW), (LOW, HIGH)),
    "last-two-exchanged": ((bytes(8), HIGH, LOW), (bytes(8), LOW, HIGH)),
    "one-twice": ((LOW, LOW), (LOW,)),
    "one-twice-among-many": ((bytes(8), LOW, HIGH, HIGH), (bytes(8), LOW, HIGH)),
    "ordered-from-the-right": (
        (bytes(7) + b"\x02", b"\x01" + bytes(7), b"\x00" * 6 + b"\x03\x00"),
        (bytes(7) + b"\x02", b"\x00" * 6 + b"\x03\x00", b"\x01" + bytes(7)),
    ),
}


@pytest.mark.requirement("EPP-BUL-003", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ORDERS))
def test_order_of_revoked_numbers(stage: Stage, name: str) -> None:
    """Revoked numbers that are not strictly ascending are refused; the same in order are accepted."""
    wrong, right = ORDERS[name]
    stage.begin()
    accept_bulletin(stage, signed(stage.world, revoked=right))
    stage.begin()
    refuse_bulletin(stage, stage.world.raw_bulletin(NEXT, wrong), Code.MALFORMED)
    accept_bulletin(stage, signed(stage.world, revoked=right))


@SIDES
@pytest.mark.requirement("EPP-BUL-004")
def test_bulletin_is_durable(stage: Stage, side: Side) -> None:
    """An accepted bulletin survives a loss of power right after its acceptance: epoch and list."""
    world = stage.world
    stage.begin()
    flows.give(stage, side, [world.holding(4)])
    stage.order("bulletin", bulletin=world.bulletin(NEXT, [world.peer.number]))
    stage.wallet.power_cut("now")
    stage.equal(stage.state().epoch, NEXT, "epoch after a loss of power")
    refuse_peer(stage, side, world.peer)
    stage.refused(stage.act("bulletin", bulletin=world.bulletin()), Code.BULLETIN_STALE, "bulletin")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-004")
@pytest.mark.parametrize(("when", "epoch"), (("before", EPOCH), ("after", NEXT)))
def test_power_fails_while_taking_a_bulletin(stage: Stage, when: str, epoch: int) -> None:
    """A bulletin is taken with one durable write: before it the old one holds, after it the new one."""
    stage.begin()
    stage.wallet.power_cut("before" if when == "before" else "after", 1)
    reply = stage.act("bulletin", bulletin=signed(stage.world))
    stage.equal(reply.outcome, "power-cut", "outcome of the bulletin")
    stage.wallet.power_cut("never")
    stage.equal(stage.state().epoch, epoch, "epoch after a loss of power")
    accept_bulletin(stage, signed(stage.world))
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-BUL-004")
def test_bulletin_takes_effect_on_the_next_session(stage: Stage, side: Side) -> None:
    """A session that was open goes on under the old bulletin; the next one is under the new."""
    world = stage.world
    stage.begin()
    last = [world.holding(4, expires=EPOCH) for _ in range(2)]
    talk = flows.meet_payee(stage, side, 4)
    stage.order("bulletin", bulletin=world.bulletin(NEXT, [world.peer.number]))
    offer = flows.offer_of(talk, last[:1])
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, last[:1])))
    refuse_peer(stage, side, world.peer)
    other = world.purse()
    talk = flows.meet_payee(stage, side, 4, peer=other)
    answer = talk.send(flows.offer_of(talk, last[1:]))
    flows.expect_reject(talk, answer, Code.UNIT_EXPIRED, "OFFER", 0)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-004")
def test_payer_goes_on_under_the_bulletin_of_its_session(stage: Stage) -> None:
    """A payer still offers, in its session, a unit that a bulletin of meanwhile has expired."""
    world = stage.world
    stage.begin([world.holding(8, holder=world.wallet.number, expires=EPOCH)])
    stage.order("pay", amount=8)
    talk = connect(stage, Side.RESPONDER)
    stage.order("bulletin", bulletin=signed(world))
    answer = talk.send(Request(amount=8, reference=flows.REFERENCE))
    stage.accepted(answer.reply, "REQUEST", "open")
    stage.require(isinstance(answer.message, Offer), "OFFER", answer.message, "answer to REQUEST")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay in the next session")


@SIDES
@pytest.mark.requirement("EPP-BUL-004", "EPP-UNI-005", "EPP-TRF-012")
def test_epoch_expires_what_the_wallet_holds(stage: Stage, side: Side) -> None:
    """Once a bulletin has passed the last epoch of a unit, the wallet does not pay with it."""
    world = stage.world
    own = world.wallet.number
    stage.begin([world.holding(8, holder=own, expires=NEXT), world.holding(4, holder=own)])
    accept_bulletin(stage, signed(world))
    stage.order("pay", amount=12)
    accept_bulletin(stage, signed(world, epoch=NEXT + 1), NEXT + 1)
    stage.refused(stage.act("pay", amount=12), Code.INSUFFICIENT_FUNDS, "pay with an expired unit")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay with an expired unit")
    flows.take(stage, side, 4)


def _forged(make: Make) -> Make:
    return lambda world: flip(make(world))


ORDER: dict[str, tuple[Make, Code]] = {
    "size-before-signature": (_forged(lambda world: _longest(world, 1)), Code.TOO_LARGE),
    "size-before-order": (lambda world: world.raw_bulletin(NEXT, (LOW,) * 7300), Code.TOO_LARGE),
    "order-before-signature": (
        _forged(lambda world: world.raw_bulletin(NEXT, (HIGH, LOW))),
        Code.MALFORMED,
    ),
    "order-before-epoch": (lambda world: world.raw_bulletin(EPOCH - 1, (HIGH, LOW)), Code.MALFORMED),
    "signature-before-epoch": (
        _forged(lambda world: signed(world, epoch=EPOCH - 1)),
        Code.BULLETIN_SIGNATURE,
    ),
    "signature-of-the-one-held": (_forged(lambda world: world.bulletin()), Code.BULLETIN_SIGNATURE),
}


@pytest.mark.requirement("EPP-BUL-001", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ORDER))
def test_order_of_the_checks_on_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin with two faults is refused for the first: size, shape, signature, epoch."""
    make, code = ORDER[name]
    stage.begin()
    refuse_bulletin(stage, make(stage.world), code)
    accept_bulletin(stage, signed(stage.world))


def _longest(world: World, more: int = 0) -> bytes:
    """A bulletin with as many numbers as 65 535 bytes have room for, and `more`."""
    overhead = len(signed(world, revoked=tuple(n.to_bytes(8, "big") for n in range(256)))) - 9 * 256
    count = (LIMIT - overhead) // 9 + more
    between = tuple(b"\x40" + n.to_bytes(7, "big") for n in range(count - 2))
    return signed(world, revoked=(FIRST, *between, LAST))


@SIDES
@pytest.mark.requirement("EPP-BUL-005")
def test_largest_bulletin(stage: Stage, side: Side) -> None:
    """A bulletin as long as 65 535 bytes permit is accepted, and its first and last numbers count."""
    world = stage.world
    first, last, other = (world.purse(number=number) for number in (FIRST, LAST, HIGH))
    bulletin = _longest(world)
    if not LIMIT - 9 < len(bulletin) <= LIMIT:
        raise ValueError(f"the longest bulletin has {len(bulletin)} bytes")
    stage.begin()
    accept_bulletin(stage, bulletin)
    refuse_peer(stage, side, first)
    refuse_peer(stage, side, last)
    stage.wallet.power_cut("now")
    refuse_peer(stage, side, last)
    flows.give(stage, side, [world.holding(4, holder=other.number)], peer=other)
