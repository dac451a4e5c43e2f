"""Anchors that a wallet refuses to be provisioned with (chapters 1 and 3)."""

from collections.abc import Callable
from typing import Any

import pytest

from eiraku.conformance.suite.test_provisioning import Spoilt, refuse_spoilt
from eiraku.conformance.tester import edwards
from eiraku.conformance.tester.flows import still_alive, take
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import ECONOMY, LAST_EPOCH, OTHER_ECONOMY
from eiraku.reference.crypto.ed25519 import SigningKey, key_id
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec.tables import Side

Entry = dict[str, Any]
Change = Callable[[Stage, dict[str, Any]], None]
LISTS = ("device_keys", "money_keys")
PRIME = 2**255 - 19
OFF_THE_CURVE = (2).to_bytes(32, "little")
UNSOUND = {
    **{f"small-order-{n}": edwards.encode(point) for n, point in enumerate(edwards.SMALL)},
    "y-of-2^255-19": PRIME.to_bytes(32, "little"),
    "y-of-2^255-16": (PRIME + 3).to_bytes(32, "little"),
    "x-0-with-sign": (1 | 1 << 255).to_bytes(32, "little"),
    "off-the-curve": OFF_THE_CURVE,
}
"""Public keys that EPP-KEY-002 refuses."""
MONTGOMERY_SMALL = (
    "0" * 64,
    "01" + "0" * 62,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)
"""X25519 public keys of small order (RFC 7748 section 6.1), in canonical form and not."""


def _entry(stage: Stage, name: str, public: bytes) -> Entry:
    """A further entry of a list of keys, right in all but its key."""
    found = {"kid": key_id(public), "public": public, "from": 1, "to": LAST_EPOCH}
    history = {"history": AgreementKey(stage.world.random(32)).public}
    return {**found, **history} if name == "money_keys" else found


def _more(name: str, make: Callable[[Stage, dict[str, Any]], Entry]) -> Change:
    def change(stage: Stage, given: dict[str, Any]) -> None:
        given["anchor"][name].append(make(stage, given["anchor"]))

    return change


def _with_key(name: str, public: bytes) -> Change:
    return _more(name, lambda stage, _: _entry(stage, name, public))


def _twice(name: str) -> Change:
    return _more(name, lambda _, anchor: dict(anchor[name][0]))


def _changed(name: str, index: int, **fields: Any) -> Change:
    return lambda _, given: given["anchor"][name][index].update(fields)


def _without(name: str) -> Change:
    def change(_: Stage, given: dict[str, Any]) -> None:
        given["anchor"][name] = []
        # Without money nothing else is wrong.
        given["holdings"] = []

    return change


def _economies(*found: int) -> Change:
    return lambda _, given: given["anchor"].update(economies=list(found))


CASES: dict[str, tuple[str, Change]] = {
    "kid-of-a-device-key": ("EPP-KEY-015", _changed("device_keys", 0, kid=bytes(8))),
    "kid-of-a-money-key": ("EPP-KEY-015", _changed("money_keys", -1, kid=bytes(8))),
    **{f"twice-in-{name}": ("EPP-KEY-016", _twice(name)) for name in LISTS},
    "twice-with-two-windows": (
        "EPP-KEY-016",
        _more("device_keys", lambda _, anchor: {**anchor["device_keys"][0], "from": 70, "to": 80}),
    ),
    "device-key-as-money-key": (
        "EPP-KEY-016",
        _more(
            "money_keys",
            lambda stage, anchor: _entry(stage, "money_keys", anchor["device_keys"][0]["public"]),
        ),
    ),
    **{f"from-after-to-in-{name}": ("EPP-KEY-017", _changed(name, 0, **{"from": 61})) for name in LISTS},
    **{
        f"{form}-in-{name}": ("EPP-KEY-018", _with_key(name, public))
        for name in LISTS
        for form, public in UNSOUND.items()
    },
    **{
        f"history-key-{key[:6]}": ("EPP-KEY-019", _changed("money_keys", 0, history=bytes.fromhex(key)))
        for key in MONTGOMERY_SMALL
    },
    **{f"no-{name}": ("EPP-GEN-009", _without(name)) for name in LISTS},
    "no-economy": ("EPP-GEN-010", _economies()),
    "economy-0": ("EPP-GEN-010", _economies(ECONOMY, 0)),
    "economy-65536": ("EPP-GEN-010", _economies(ECONOMY, 65536)),
    "economy-negative": ("EPP-GEN-010", _economies(ECONOMY, -1)),
    "economy-twice": ("EPP-GEN-010", _economies(ECONOMY, OTHER_ECONOMY, ECONOMY)),
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


@pytest.mark.requirement("EPP-KEY-017", "EPP-KEY-018", "EPP-GEN-010")
def test_anchor_without_fault(stage: Stage) -> None:
    """An anchor with further sound keys, valid in a single epoch, and the ends of the range is taken"""
    world = stage.world
    given = world.provisioning([world.holding(4, holder=world.wallet.number)])
    for number, name in enumerate(LISTS, start=1):
        # With a part of small order a key is canonical, and not of small order itself.
        mixed = edwards.encode(edwards.add(edwards.BASE, edwards.SMALL[number]))
        for key in (SigningKey(world.random(32)).public, mixed):
            given["anchor"][name].append({**_entry(stage, name, key), "from": 7, "to": 7})
    given["anchor"]["economies"] = [1, ECONOMY, 65535]
    stage.accepted(stage.wallet.provision(**given), "provision")
    take(stage, Side.RESPONDER, 4)
    still_alive(stage)
