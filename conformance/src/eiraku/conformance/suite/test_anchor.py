"""Anchors that a wallet refuses to be provisioned with (chapter 1); their lists: `test_key_contents`."""

from collections.abc import Callable
from typing import Any

import pytest

from eiraku.conformance.suite.key_lists import NEXT, accept_keys
from eiraku.conformance.suite.test_provisioning import Spoilt, refuse_spoilt
from eiraku.conformance.tester import edwards
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.flows import still_alive, take
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.keylists import DeviceKey, MoneyKey, Validity
from eiraku.spec import key_lists
from eiraku.spec.key_lists import Centre
from eiraku.spec.tables import Side

Change = Callable[[Stage, dict[str, Any]], None]


def _economies(*found: Economy | int) -> Change:
    return lambda stage, given: given["anchor"].update(economies=[*map(stage.world.drawn.economy, found)])


def _scheme_keys(count: int, *, named: int | None = None, validity: Validity = ALWAYS) -> Change:
    """So many scheme keys, of which the device list names the first `named`, all unless said otherwise."""

    def change(stage: Stage, given: dict[str, Any]) -> None:
        world, keys = (
            stage.world,
            [stage.world.scheme_key, *(stage.world.random(32) for _ in range(count - 1))],
        )
        scheme = {key_lists.scheme_key_id(key): validity for key in keys[:named]}
        given["anchor"].update(scheme_keys=keys, device_keys=world.device_keys(scheme=scheme))

    return change


def _first_scheme_key_again(_: Stage, given: dict[str, Any]) -> None:
    given["anchor"]["scheme_keys"] *= 2


def _no_scheme_key(_: Stage, given: dict[str, Any]) -> None:
    given["anchor"]["scheme_keys"] = []


def _another_scheme_key(stage: Stage, given: dict[str, Any]) -> None:
    given["anchor"]["scheme_keys"] = [stage.world.random(32)]


CASES: dict[str, tuple[str, Change]] = {
    "no-economy": ("EPP-GEN-010", _economies()),
    "economy-0": ("EPP-GEN-010", _economies(Economy.HOME, 0)),
    "economy-65536": ("EPP-GEN-010", _economies(Economy.HOME, 65536)),
    "economy-negative": ("EPP-GEN-010", _economies(Economy.HOME, -1)),
    "economy-twice": ("EPP-GEN-010", _economies(Economy.HOME, Economy.OTHER, Economy.HOME)),
    "five-scheme-keys": ("EPP-GEN-020", _scheme_keys(key_lists.SCHEME_KEYS_MAX + 1)),
    "no-scheme-key": ("EPP-KEY-066", _no_scheme_key),
    "scheme-key-twice": ("EPP-KEY-067", _first_scheme_key_again),
    "scheme-key-that-is-not-named": ("EPP-KEY-068", _another_scheme_key),
    "scheme-key-beside-one-that-is-named": ("EPP-KEY-068", _scheme_keys(2, named=1)),
}


@pytest.mark.requirement("EPP-GEN-005")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.requirement(rule)) for name, (rule, _) in CASES.items()],
)
def test_anchor_at_fault(stage: Stage, name: str) -> None:
    """An anchor that is wrong in one thing is refused, and leaves nothing behind"""
    rule, change = CASES[name]
    refuse_spoilt(stage, Spoilt(change=change, rule=rule))


@pytest.mark.requirement("EPP-KEY-034", "EPP-GEN-010", "EPP-GEN-020")
def test_anchor_without_fault(stage: Stage) -> None:
    """An anchor with further sound keys, valid in a single epoch, and the ends of the range is taken"""
    world = stage.world
    given = world.provisioning([world.holding(4, holder=world.wallet.number)])
    device = [key.announced for key in world.device.keys]
    money = [key.announced for key in world.issuing.keys]
    for number in (1, 2):
        # With a part of small order a key is canonical, and not of small order itself.
        mixed = edwards.encode(edwards.add(edwards.BASE, edwards.SMALL[number]))
        fresh = SigningKey(world.random(32)).public
        public = mixed if number == 1 else fresh
        device.append(DeviceKey(public=public, valid_from=7, valid_to=7))
        other = fresh if number == 1 else mixed
        history = AgreementKey(world.random(32)).public
        money.append(MoneyKey(public=other, history=history, valid_from=7, valid_to=7))
    keys = [world.scheme_key, *(world.random(32) for _ in range(key_lists.SCHEME_KEYS_MAX - 1))]
    scheme = dict.fromkeys(map(key_lists.scheme_key_id, keys), ALWAYS)
    given["anchor"].update(
        device_keys=world.device_keys(device, scheme=scheme),
        money_keys=world.money_keys(money),
        scheme_keys=keys,
    )
    given["anchor"]["economies"] = [1, world.drawn.economy(Economy.HOME), 65535]
    stage.accepted(stage.wallet.provision(**given), "provision")
    take(stage, Side.RESPONDER, 4)
    still_alive(stage)


@pytest.mark.requirement("EPP-KEY-069")
@pytest.mark.parametrize(
    "validity",
    (
        pytest.param(Validity(valid_from=0, valid_to=EPOCH - 1), id="over"),
        pytest.param(Validity(valid_from=EPOCH, valid_to=EPOCH - 1), id="void"),
        pytest.param(Validity(valid_from=EPOCH + 1, valid_to=EPOCH + 9), id="later"),
    ),
)
def test_anchor_with_a_scheme_key_out_of_its_time(stage: Stage, validity: Validity) -> None:
    """A wallet is provisioned also when no scheme key is in force, and can be given one"""
    world, new = stage.world, stage.world.random(32)
    given = world.provisioning([world.holding(4, holder=world.wallet.number)])
    _scheme_keys(1, validity=validity)(stage, given)
    stage.accepted(stage.wallet.provision(**given), "provision")
    scheme = {key_lists.scheme_key_id(new): ALWAYS}
    accept_keys(stage, Centre.DEVICE, world.device_keys(scheme=scheme, sequence=NEXT))
    stage.order("scheme-key", key=new)
    world.scheme_key = new
    take(stage, Side.RESPONDER, 4)
