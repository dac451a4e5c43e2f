"""Chapter 3, key lists: which of them a wallet accepts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

import pytest

from eiraku.conformance.suite.key_lists import (
    CENTRES,
    CONTEXTS,
    NEXT,
    OTHER,
    accept_keys,
    fields,
    listed,
    operational,
    refuse_keys,
    root,
    signed,
)
from eiraku.conformance.suite.negative_transfer import flip
from eiraku.conformance.suite.second_signature import signed_again
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, SEQUENCE, World
from eiraku.reference.centres.roots import sign
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey, MoneyKey, Validity
from eiraku.spec import cbor, key_lists, objects
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre

Make: TypeAlias = Callable[[World, Centre], bytes]


@CENTRES
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-KEY-035")
def test_newer_list(stage: Stage, centre: Centre) -> None:
    """A newer list is one durable write, and after a loss of power still there."""
    stage.begin()
    before = stage.state()
    held = listed(stage.world, centre)
    accept_keys(stage, centre, held)
    stage.equal(stage.state().writes, before.writes + 1, "durable writes for a newer list")
    stage.wallet.power_cut("now")
    older = listed(stage.world, centre, sequence=SEQUENCE)
    refuse_keys(stage, centre, older, Code.KEYS_STALE)


@CENTRES
@pytest.mark.requirement("EPP-KEY-035")
@pytest.mark.parametrize("when", ("before", "after"))
def test_power_fails_while_taking_a_list(
    stage: Stage, centre: Centre, when: Literal["before", "after"]
) -> None:
    """Before the write the old list is held, after it the new one."""
    world = stage.world
    stage.begin()
    held = listed(world, centre, sequence=SEQUENCE)
    stage.cut(when, "keys", centre=centre.value, keys=listed(world, centre))
    if when == "before":
        accept_keys(stage, centre, held)
    else:
        refuse_keys(stage, centre, held, Code.KEYS_STALE)
    accept_keys(stage, centre, listed(world, centre))
    flows.still_alive(stage)


# --- signature ----------------------------------------------------------------------------------------------


def _by(key_of: Callable[[World, Centre], SigningKey], *, named: bool) -> Make:
    """The right list under another key; `named`: with the kid of the root."""

    def make(world: World, centre: Centre) -> bytes:
        key, payload = key_of(world, centre), cbor.encode(fields(world, centre))
        kid = ed25519.key_id((root(world, centre) if named else key).public)
        return cose.sign(key, CONTEXTS[centre], payload, kid=kid)

    return make


def _kid(kid_of: Callable[[World, Centre], bytes]) -> Make:
    """The right list, signed by the root under another kid."""

    def make(world: World, centre: Centre) -> bytes:
        payload = cbor.encode(fields(world, centre))
        return cose.sign(root(world, centre), CONTEXTS[centre], payload, kid=kid_of(world, centre))

    return make


def _later(world: World, centre: Centre) -> bytes:
    parts = cbor.decode(listed(world, centre))
    assert isinstance(parts, tuple)
    payload = cbor.encode((NEXT + 1, *fields(world, centre)[1:]))
    return cbor.encode((parts[0], parts[1], payload, parts[3]))


def _other_root(world: World, centre: Centre) -> SigningKey:
    return root(world, OTHER[centre])


SIGNATURES: dict[str, Make] = {
    "last-bit": lambda world, centre: flip(listed(world, centre)),
    "bit-of-R": lambda world, centre: flip(listed(world, centre), -64),
    "zeros": lambda world, centre: listed(world, centre)[:-64] + bytes(64),
    "sequence-altered": _later,
    "key-of-the-centre": _by(operational, named=False),
    "key-of-the-centre-under-the-root-kid": _by(operational, named=True),
    "root-of-the-other-centre": _by(_other_root, named=False),
    "root-of-the-other-centre-under-the-root-kid": _by(_other_root, named=True),
    "a-purse-under-the-root-kid": _by(lambda world, _: world.peer.key, named=True),
    "root-under-the-kid-of-a-key": _kid(
        lambda world, centre: ed25519.key_id(operational(world, centre).public)
    ),
    "root-under-an-unknown-kid": _kid(lambda _world, _centre: bytes(8)),
    "signed-as-a-bulletin": lambda world, centre: sign(
        root(world, centre), objects.CONTEXT_BULLETIN, cbor.encode(fields(world, centre))
    ),
    "signed-as-the-other-list": lambda world, centre: sign(
        root(world, centre), CONTEXTS[OTHER[centre]], cbor.encode(fields(world, centre))
    ),
}


@CENTRES
@pytest.mark.requirement("EPP-KEY-020")
@pytest.mark.parametrize("name", tuple(SIGNATURES))
def test_signature_of_a_list(stage: Stage, name: str, centre: Centre) -> None:
    """A list that the root of its centre has not signed is refused, and the right one accepted."""
    stage.begin()
    refuse_keys(stage, centre, SIGNATURES[name](stage.world, centre), Code.KEYS_SIGNATURE)
    accept_keys(stage, centre, listed(stage.world, centre))


# --- size and shape -----------------------------------------------------------------------------------------


@CENTRES
@pytest.mark.requirement("EPP-KEY-021")
def test_longest_list(stage: Stage, centre: Centre) -> None:
    """Bytes above the limit are too large; 32 entries of the greatest size are not."""
    world = stage.world
    stage.begin()
    refuse_keys(stage, centre, bytes(key_lists.LIST_MAX + 1), Code.TOO_LARGE)
    refuse_keys(stage, centre, bytes(key_lists.LIST_MAX), Code.MALFORMED)
    late = Validity(valid_from=2**32 - 2, valid_to=2**32 - 1)
    seeds = [SigningKey(world.random(32)).public for _ in range(30)]
    if centre is Centre.DEVICE:
        more = [DeviceKey(public=key, valid_from=late.valid_from, valid_to=late.valid_to) for key in seeds]
        scheme = {world.random(8): late for _ in range(31)}
        scheme[key_lists.scheme_key_id(world.scheme_key)] = Validity(valid_from=0, valid_to=EPOCH)
        keys = [*(key.announced for key in world.device.keys), *more]
        accept_keys(stage, centre, world.device_keys(keys, scheme=scheme, sequence=NEXT))
    else:
        money = [
            MoneyKey(public=key, history=key, valid_from=late.valid_from, valid_to=late.valid_to)
            for key in seeds
        ]
        known = [key.announced for key in world.issuing.keys]
        accept_keys(stage, centre, world.money_keys([*known, *money], sequence=NEXT))
    flows.still_alive(stage)


def _payload(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Make:
    return lambda world, centre: signed(world, centre, change(fields(world, centre)))


def _entry(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Make:
    """The last key of a list is changed."""

    def make(world: World, centre: Centre) -> bytes:
        sequence, expires, keys, *scheme = fields(world, centre)
        assert isinstance(keys, tuple)
        last = keys[-1]
        assert isinstance(last, tuple)
        return signed(world, centre, (sequence, expires, (*keys[:-1], change(last)), *scheme))

    return make


def _many(world: World, centre: Centre) -> bytes:
    """33 keys."""
    sequence, expires, keys, *scheme = fields(world, centre)
    assert isinstance(keys, tuple)
    last = keys[-1]
    assert isinstance(last, tuple)
    more = tuple((SigningKey(world.random(32)).public, *last[1:]) for _ in range(33 - len(keys)))
    return signed(world, centre, (sequence, expires, (*keys, *more), *scheme))


SHAPES: dict[str, Make] = {
    "one-item-fewer": _payload(lambda items: items[:-1]),
    "one-item-more": _payload(lambda items: (*items, ())),
    "sequence-negative": _payload(lambda items: (-1, *items[1:])),
    "sequence-2^53": _payload(lambda items: (2**53, *items[1:])),
    "expires-2^32": _payload(lambda items: (items[0], 2**32, *items[2:])),
    "no-keys": _payload(lambda items: (*items[:2], (), *items[3:])),
    "33-keys": _many,
    "key-of-31-bytes": _entry(lambda entry: (bytes(31), *entry[1:])),
    "entry-without-to": _entry(lambda entry: entry[:-1]),
    "entry-of-one-item-more": _entry(lambda entry: (*entry, 0)),
    "to-2^32": _entry(lambda entry: (*entry[:-1], 2**32)),
    "list-of-the-other-centre": lambda world, centre: listed(world, OTHER[centre]),
    "payload-not-an-array": _payload(lambda _: 7),
    "tagged": lambda world, centre: b"\xd2" + listed(world, centre),
    "without-kid": lambda world, centre: cose.sign(
        root(world, centre), CONTEXTS[centre], cbor.encode(fields(world, centre))
    ),
    "trailing-byte": lambda world, centre: listed(world, centre) + b"\x00",
    "truncated": lambda world, centre: listed(world, centre)[:-1],
    "nothing": lambda _world, _centre: b"",
}


@CENTRES
@pytest.mark.requirement("EPP-KEY-022")
@pytest.mark.parametrize("name", tuple(SHAPES))
def test_shape_of_a_list(stage: Stage, name: str, centre: Centre) -> None:
    """A list of another shape is malformed, whoever signed it."""
    stage.begin()
    refuse_keys(stage, centre, SHAPES[name](stage.world, centre), Code.MALFORMED)
    accept_keys(stage, centre, listed(stage.world, centre))


@pytest.mark.requirement("EPP-KEY-022")
@pytest.mark.parametrize("count", (0, 33))
def test_number_of_scheme_keys(stage: Stage, count: int) -> None:
    """A device list names 1 to 32 scheme keys."""
    world = stage.world
    stage.begin()
    scheme = tuple((world.random(8), 0, world.at(EPOCH)) for _ in range(count))
    refuse_keys(
        stage,
        Centre.DEVICE,
        signed(world, Centre.DEVICE, (*fields(world, Centre.DEVICE)[:3], scheme)),
        Code.MALFORMED,
    )
    accept_keys(stage, Centre.DEVICE, listed(world, Centre.DEVICE))


# --- sequence -----------------------------------------------------------------------------------------------


@CENTRES
@pytest.mark.requirement("EPP-KEY-023")
@pytest.mark.parametrize("back", (1, SEQUENCE))
def test_older_list(stage: Stage, centre: Centre, back: int) -> None:
    """A list of a lower sequence is stale; one that skips some is not."""
    world = stage.world
    stage.begin()
    refuse_keys(stage, centre, listed(world, centre, sequence=SEQUENCE - back), Code.KEYS_STALE)
    accept_keys(stage, centre, listed(world, centre, sequence=NEXT + 10))
    refuse_keys(stage, centre, listed(world, centre), Code.KEYS_STALE)


@CENTRES
@pytest.mark.requirement("EPP-KEY-024")
def test_other_list_of_one_sequence(stage: Stage, centre: Centre) -> None:
    """Of one sequence there is one list: other content, and other bytes of the same content, are stale."""
    world = stage.world
    stage.begin()
    refuse_keys(stage, centre, listed(world, centre, sequence=SEQUENCE, expires=251), Code.KEYS_STALE)
    seed = world.random(32)
    key = SigningKey(seed)
    device = centre is Centre.DEVICE
    world.roots = replace(world.roots, device=key) if device else replace(world.roots, money=key)
    stage.begin()
    payload = cbor.encode(fields(world, centre))
    accept_keys(stage, centre, signed_again(seed, world.random(32), CONTEXTS[centre], payload))
    refuse_keys(stage, centre, listed(world, centre), Code.KEYS_STALE)


@CENTRES
@pytest.mark.requirement("EPP-KEY-025")
def test_list_held_already(stage: Stage, centre: Centre) -> None:
    """The list that the wallet holds is accepted again and changes nothing."""
    stage.begin()
    for keys in (listed(stage.world, centre, sequence=SEQUENCE), listed(stage.world, centre)):
        accept_keys(stage, centre, keys)
        before = stage.state()
        accept_keys(stage, centre, keys)
        stage.unchanged(before, "the key list held already")


@pytest.mark.requirement("EPP-KEY-023", "EPP-KEY-024")
def test_sequences_of_the_centres(stage: Stage) -> None:
    """Each centre counts its own lists."""
    stage.begin()
    for centre, sequence in ((Centre.DEVICE, NEXT + 5), (Centre.MONEY, NEXT), (Centre.DEVICE, NEXT + 6)):
        accept_keys(stage, centre, listed(stage.world, centre, sequence=sequence))
    flows.still_alive(stage)
