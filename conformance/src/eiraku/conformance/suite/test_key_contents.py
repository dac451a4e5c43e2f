"""Chapter 3, key lists: keys that are not sound, order of checks, lists of an anchor."""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from eiraku.conformance.suite.key_lists import (
    CENTRES,
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
from eiraku.conformance.suite.test_key_lists import SHAPES, SIGNATURES
from eiraku.conformance.suite.test_provisioning import Spoilt, refuse_spoilt
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.edwards import KEY_FORMS, CraftedKey
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, SEQUENCE, World
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey, MoneyKey
from eiraku.spec import key_lists
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre

Make: TypeAlias = Callable[[World, Centre], bytes]
OFF_THE_CURVE = (2).to_bytes(32, "little")
SMALL_ORDER = (
    "0" * 64,
    "01" + "0" * 62,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""X25519 public keys of small order (RFC 7748 section 6.1), in canonical form and not."""


# --- contents -----------------------------------------------------------------------------------------------


def _more(*, public: Callable[[World, Centre], bytes], history: bytes | None = None, twice: int = 1) -> Make:
    """The list with one more key, `twice` times."""

    def make(world: World, centre: Centre) -> bytes:
        key = public(world, centre)
        first, last = EPOCH, EPOCH + 9
        if centre is Centre.DEVICE:
            own = [DeviceKey(public=key, valid_from=first, valid_to=last)] * twice
            return world.device_keys([*(k.announced for k in world.device.keys), *own], sequence=NEXT)
        other = SigningKey(world.random(32)).public if history is None else history
        money = [MoneyKey(public=key, history=other, valid_from=first, valid_to=last)] * twice
        return world.money_keys([*(k.announced for k in world.issuing.keys), *money], sequence=NEXT)

    return make


def _fresh(world: World, _: Centre) -> bytes:
    return SigningKey(world.random(32)).public


def _scheme_twice(world: World, centre: Centre) -> bytes:
    entry = (key_lists.scheme_key_id(world.scheme_key), 0, world.at(9))
    return signed(world, centre, (*fields(world, centre)[:3], (entry, (*entry[:2], world.at(10)))))


BOTH, DEVICE, MONEY = tuple(Centre), (Centre.DEVICE,), (Centre.MONEY,)
UNSOUND: dict[str, tuple[str, tuple[Centre, ...], Make]] = {
    "key-twice": ("EPP-KEY-027", BOTH, _more(public=_fresh, twice=2)),
    "known-key-again": ("EPP-KEY-027", BOTH, _more(public=lambda w, c: operational(w, c).public)),
    "scheme-key-twice": ("EPP-KEY-027", DEVICE, _scheme_twice),
    **{
        f"history-key-{key[:6]}": (
            "EPP-KEY-030",
            MONEY,
            _more(public=_fresh, history=bytes.fromhex(key)),
        )
        for key in SMALL_ORDER
    },
    "off-the-curve": ("EPP-KEY-029", BOTH, _more(public=lambda *_: OFF_THE_CURVE)),
    "own-root": ("EPP-KEY-031", BOTH, _more(public=lambda w, c: root(w, c).public)),
    "other-root": ("EPP-KEY-031", BOTH, _more(public=lambda w, c: root(w, OTHER[c]).public)),
    **{
        f"key-{name}": (
            "EPP-KEY-029",
            BOTH,
            _more(public=lambda w, _, form=form: CraftedKey(w.random(32), form).public),  # type: ignore[misc]
        )
        for name, form in KEY_FORMS.items()
        if "mixed" not in name
    },
}
CONTENTS = pytest.mark.parametrize(
    ("name", "centre"),
    [
        pytest.param(name, centre, id=f"{name}-{centre}", marks=pytest.mark.requirement(rule))
        for name, (rule, centres, _) in UNSOUND.items()
        for centre in centres
    ],
)


@CONTENTS
def test_unsound_list(stage: Stage, name: str, centre: Centre) -> None:
    """A list with unsound keys is refused, and one with a sound key more accepted."""
    stage.begin()
    refuse_keys(stage, centre, UNSOUND[name][2](stage.world, centre), Code.MALFORMED)
    accept_keys(stage, centre, _more(public=_fresh)(stage.world, centre))


@CENTRES
@pytest.mark.requirement("EPP-KEY-060")
def test_key_that_both_centres_name(stage: Stage, centre: Centre) -> None:
    """One centre cannot block the list of the other by naming its keys first, in an anchor or later."""
    stage.begin()
    accept_keys(
        stage, centre, _more(public=lambda w, c: operational(w, OTHER[c]).public)(stage.world, centre)
    )
    flows.still_alive(stage)
    accept_keys(stage, OTHER[centre], listed(stage.world, OTHER[centre]))
    flows.still_alive(stage)


# --- order --------------------------------------------------------------------------------------------------


def _unsound(sequence: int) -> Make:
    def make(world: World, centre: Centre) -> bytes:
        _, expires, keys, *scheme = fields(world, centre)
        assert isinstance(keys, tuple)
        found = world.drawn.sequence(sequence)
        return signed(world, centre, (found, expires, (*keys, keys[0]), *scheme))

    return make


ORDER: dict[str, tuple[Make, Code]] = {
    "shape-before-signature": (
        lambda world, centre: flip(SHAPES["no-keys"](world, centre)),
        Code.MALFORMED,
    ),
    "signature-before-sequence": (
        lambda world, centre: flip(listed(world, centre, sequence=SEQUENCE - 1)),
        Code.KEYS_SIGNATURE,
    ),
    "signature-before-contents": (
        lambda world, centre: flip(_unsound(NEXT)(world, centre)),
        Code.KEYS_SIGNATURE,
    ),
    "sequence-before-contents": (_unsound(SEQUENCE - 1), Code.KEYS_STALE),
    "same-sequence-before-contents": (_unsound(SEQUENCE), Code.KEYS_STALE),
}


@CENTRES
@pytest.mark.requirement("EPP-KEY-026")
@pytest.mark.parametrize("name", tuple(ORDER))
def test_order_of_the_checks_on_a_list(stage: Stage, name: str, centre: Centre) -> None:
    """A list with two faults is refused for the first: shape, signature, sequence, contents."""
    make, code = ORDER[name]
    stage.begin()
    refuse_keys(stage, centre, make(stage.world, centre), code)
    accept_keys(stage, centre, listed(stage.world, centre))


# --- lists of an anchor -------------------------------------------------------------------------------------


def _refuse_anchor(stage: Stage, **changes: object) -> None:
    def change(_: Stage, given: dict[str, Any]) -> None:
        given["anchor"].update(changes)
        # Under some of these lists a unit would not verify, and be what is refused.
        given["holdings"].clear()

    refuse_spoilt(stage, Spoilt(change=change))


@CENTRES
@pytest.mark.requirement("EPP-KEY-034")
@pytest.mark.parametrize("name", ("last-bit", "key-of-the-centre", "root-of-the-other-centre"))
def test_anchor_with_a_list_that_is_not_signed(stage: Stage, name: str, centre: Centre) -> None:
    """A wallet is not provisioned with a list that the root has not signed."""
    _refuse_anchor(stage, **{f"{centre}_keys": SIGNATURES[name](stage.world, centre)})


@CENTRES
@pytest.mark.requirement("EPP-KEY-034")
@pytest.mark.parametrize("name", ("no-keys", "33-keys", "list-of-the-other-centre"))
def test_anchor_with_a_list_of_another_shape(stage: Stage, name: str, centre: Centre) -> None:
    """A wallet is not provisioned with a list of another shape."""
    _refuse_anchor(stage, **{f"{centre}_keys": SHAPES[name](stage.world, centre)})


@pytest.mark.requirement("EPP-KEY-034")
@pytest.mark.parametrize(
    ("name", "centre"),
    [
        pytest.param(name, centre, id=f"{name}-{centre}")
        for name, (_, centres, _) in UNSOUND.items()
        for centre in centres
        if not name.startswith("key-") or name == "key-twice"
    ],
)
def test_anchor_with_unsound_keys(stage: Stage, name: str, centre: Centre) -> None:
    """A wallet is not provisioned with unsound keys."""
    _refuse_anchor(stage, **{f"{centre}_keys": UNSOUND[name][2](stage.world, centre)})


@pytest.mark.requirement("EPP-KEY-033")
def test_anchor_with_one_root(stage: Stage) -> None:
    """A wallet is not provisioned with one root for both centres."""
    roots, world = stage.world.roots, stage.world
    own = world.device_keys(root=roots.money)
    _refuse_anchor(stage, device_root=roots.money.public, device_keys=own)


@pytest.mark.requirement("EPP-KEY-034")
@pytest.mark.parametrize("name", [name for name in KEY_FORMS if "mixed" not in name])
def test_anchor_with_a_bad_root(stage: Stage, name: str) -> None:
    """A wallet is not provisioned with a root under which only a careless verifier finds signatures good."""
    world = stage.world
    key = CraftedKey(world.random(32), KEY_FORMS[name])
    _refuse_anchor(stage, money_root=key.public, money_keys=world.money_keys(root=key))
