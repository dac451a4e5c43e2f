"""Key lists by themselves: who signed them, which is later, whether their keys are sound (chapter 3)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.reference import keylists
from eiraku.reference.centres.roots import device_list, money_list
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.keylists import DeviceKey, DeviceList, MoneyKey, MoneyList, Validity
from eiraku.spec import key_lists
from eiraku.spec.errors import Code, Refusal

ROOT, OTHER_ROOT, ONE, TWO = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3, 4))
DEVICE = DeviceKey(public=ONE.public, valid_from=1, valid_to=9)
MONEY = MoneyKey(public=TWO.public, history=AgreementKey(bytes([5]) * 32).public, valid_from=1, valid_to=9)
SCHEME = {b"8 bytes!": Validity(valid_from=0, valid_to=9)}


def devices(*keys: DeviceKey, sequence: int = 7, root: SigningKey = ROOT) -> bytes:
    return device_list(root, sequence=sequence, expires=90, keys=keys or (DEVICE,), scheme=SCHEME)


def monies(*keys: MoneyKey) -> bytes:
    return money_list(OTHER_ROOT, sequence=7, expires=90, keys=keys or (MONEY,))


def device(signed: bytes) -> DeviceList:
    return keylists.device_keys(ROOT.public, signed)


def money(signed: bytes) -> MoneyList:
    return keylists.money_keys(OTHER_ROOT.public, signed)


def refused(code: Code, rule: str, step: Callable[[], object]) -> None:
    with pytest.raises(Refusal) as caught:
        step()
    assert (caught.value.code, caught.value.requirement) == (code, rule)


def test_what_a_list_says() -> None:
    found = device(devices())
    assert (found.sequence, found.expires, found.scheme) == (7, 90, SCHEME)
    assert found.keys == {ed25519.key_id(ONE.public): DEVICE}
    assert money(monies()).keys == {ed25519.key_id(TWO.public): MONEY}


def test_who_signed_it() -> None:
    """EPP-KEY-020: the root of that centre, as a list of that centre; no key of a list."""
    for signer in (OTHER_ROOT, ONE):
        refused(Code.KEYS_SIGNATURE, "EPP-KEY-020", lambda signer=signer: device(devices(root=signer)))  # type: ignore[misc]
    as_money = cose.sign(
        ROOT, key_lists.CONTEXT_MONEY_KEYS, cose.parse(devices()).payload, kid=ed25519.key_id(ROOT.public)
    )
    refused(Code.KEYS_SIGNATURE, "EPP-KEY-020", lambda: device(as_money))
    bare = cose.sign(ROOT, key_lists.CONTEXT_DEVICE_KEYS, cose.parse(devices()).payload)
    refused(Code.MALFORMED, "EPP-KEY-005", lambda: device(bare))


def test_its_size_is_looked_at_first() -> None:
    refused(Code.TOO_LARGE, "EPP-KEY-021", lambda: device(bytes(key_lists.LIST_MAX + 1)))


def test_which_is_later() -> None:
    """EPP-KEY-023 to EPP-KEY-025."""
    held = device(devices())
    assert keylists.is_held(device(devices()), held)
    assert not keylists.is_held(device(devices(sequence=8)), held)
    refused(Code.KEYS_STALE, "EPP-KEY-023", lambda: keylists.is_held(device(devices(sequence=6)), held))
    other = device(devices(replace(DEVICE, valid_to=8)))
    refused(Code.KEYS_STALE, "EPP-KEY-024", lambda: keylists.is_held(other, held))


def check(new: DeviceList | MoneyList) -> None:
    keylists.check_keys(new, roots=(ROOT.public, OTHER_ROOT.public))


def test_sound_keys() -> None:
    check(device(devices(DEVICE, replace(DEVICE, public=TWO.public))))
    check(money(monies()))


@pytest.mark.parametrize(
    ("rule", "keys"),
    (
        ("EPP-KEY-027", (DEVICE, DEVICE)),
        ("EPP-KEY-029", (replace(DEVICE, public=bytes([1]) + bytes(31)),)),
        ("EPP-KEY-031", (replace(DEVICE, public=OTHER_ROOT.public),)),
    ),
)
def test_unsound_keys(rule: str, keys: tuple[DeviceKey, ...]) -> None:
    refused(Code.MALFORMED, rule, lambda: check(device(devices(*keys))))


def test_a_history_key_of_small_order() -> None:
    small = replace(MONEY, history=bytes(32))
    refused(Code.MALFORMED, "EPP-KEY-030", lambda: check(money(monies(small))))
