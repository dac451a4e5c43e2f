"""Policy: the packaged one, and every defect of chapter 9."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from eiraku.reference import policy as policies
from eiraku.reference.policy import Bounds, Policy
from eiraku.reference.settings import SettingsError
from eiraku.spec.objects import Role
from eiraku.spec.shape import AMOUNT_MAX

GOOD = policies.default().to_mapping()


def test_toml_and_json_are_one_policy() -> None:
    assert Policy.from_mapping(GOOD) == policies.default()


def test_the_example_of_the_specification_is_valid() -> None:
    text = """
max_units = 32            # units in one transfer, 1 to 64
capacity = 256
max_bulletin = 1048576
max_hops = 10
max_record = 32768
max_given = 1024
max_credited = 1024
max_seen = 4096
min_life = 2
claim_grace = 60
[balance_limits]
0 = 100000
1 = 1000000
[[operations]]
name = "transfer"
payer = ["person", "merchant"]
payee = ["person", "merchant"]
same_holder = false
min_amount = 100
limits = {0 = 20000, 1 = 200000}
[[operations]]
name = "pay-out"
payer = ["vault"]
payee = ["person", "merchant"]
same_holder = true
min_amount = 1
limits = {0 = 100000, 1 = 1000000}
"""
    policy = Policy.from_toml(text)
    transfer = policy.operation(Role.PERSON, Role.MERCHANT, same_holder=False)
    assert transfer is not None
    assert policy.bounds(transfer, 0, 1) == Bounds(least=100, most=20000)
    assert policy.bounds(transfer, 1, 1) == Bounds(least=100, most=200000)
    assert policy.bounds(transfer, 1, 2) == Bounds(least=100, most=0)
    assert policy.operation(Role.PERSON, Role.MERCHANT, same_holder=True) is None
    assert policy.operation(Role.VAULT, Role.PERSON, same_holder=False) is None
    assert policy.payer_bounds(Role.VAULT, 1) == Bounds(least=1, most=1000000)
    assert policy.payer_bounds(Role.CENTRE, 1) == Bounds(least=1, most=0)
    assert policy.payee_bounds(Role.PERSON, 1) == Bounds(least=1, most=1000000)
    assert policy.balance_limit(7) == 0


def change(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(mapping: Any) -> None:
        *parents, last = path
        for name in parents:
            mapping = mapping[name]
        mapping[last] = value

    return apply


def remove(*path: Any) -> Callable[[dict[str, Any]], None]:
    def apply(mapping: Any) -> None:
        *parents, last = path
        for name in parents:
            mapping = mapping[name]
        del mapping[last]

    return apply


DEFECTS = {
    "max_units": change("max_units", value=65),
    "max_units ": change("max_units", value=0),
    "max_units  ": change("max_units", value=True),
    "max_units   ": remove("max_units"),
    "capacity": change("capacity", value=65536),
    "capacity ": change("capacity", value=0),
    "max_bulletin": change("max_bulletin", value=4095),
    "max_bulletin ": change("max_bulletin", value=2**20 + 1),
    "max_hops": change("max_hops", value=256),
    "max_hops ": change("max_hops", value="10"),
    "max_hops  ": change("max_hops", value=1.0),
    "max_record": change("max_record", value=65536),
    "max_record ": change("max_record", value=366 + 1833 - 1),
    "max_given": change("max_given", value=0),
    "max_credited": change("max_credited", value=2**32),
    "max_seen": change("max_seen", value=2**32),
    "max_seen ": change("max_seen", value=255),
    "max_seen  ": remove("max_seen"),
    "min_life": change("min_life", value=-1),
    "min_life ": change("min_life", value=2**32),
    "min_life  ": remove("min_life"),
    "claim_grace": change("claim_grace", value=-1),
    "claim_grace ": remove("claim_grace"),
    "colour": change("colour", value="red"),
    "balance_limits": change("balance_limits", value=[1]),
    "balance_limits.8": change("balance_limits", "8", value=1),
    "balance_limits.01": change("balance_limits", "01", value=1),
    "balance_limits.1": change("balance_limits", value={"0": 5, "1": 4}),
    "balance_limits.2": change("balance_limits", value={"0": 5, "2": 4}),
    "balance_limits.0": change("balance_limits", "0", value=-1),
    "balance_limits.0 ": change("balance_limits", "0", value=AMOUNT_MAX + 1),
    "operations": change("operations", value={}),
    "operations[0]": change("operations", 0, value="transfer"),
    "operations[0].name": change("operations", 0, "name", value=""),
    "operations[0].name ": remove("operations", 0, "name"),
    "operations[0].fee": change("operations", 0, "fee", value=1),
    "operations[0].payer": change("operations", 0, "payer", value="person"),
    "operations[0].payer[0]": change("operations", 0, "payer", value=["bank"]),
    "operations[0].payer[0] ": change("operations", 0, "payer", value=[1]),
    "operations[0].payee[1]": change("operations", 0, "payee", value=["person", "Vault"]),
    "operations[0].same_holder": change("operations", 0, "same_holder", value=0),
    "operations[0].min_amount": change("operations", 0, "min_amount", value=0),
    "operations[0].min_amount ": remove("operations", 0, "min_amount"),
    "operations[3].min_amount": change("operations", 3, "min_amount", value=2),
    "operations[7].min_amount": change("operations", 7, "min_amount", value=2),
    "operations[0].limits.1": change("operations", 0, "limits", value={"0": 2, "1": 1}),
    "operations[1]": change("operations", 1, "same_holder", value=False),
}


@pytest.mark.parametrize("field", DEFECTS)
def test_each_defect_is_named(field: str) -> None:
    mapping = copy.deepcopy(GOOD)
    DEFECTS[field](mapping)
    with pytest.raises(SettingsError) as caught:
        Policy.from_mapping(mapping)
    assert caught.value.field == field.strip()
    assert caught.value.expected in str(caught.value)


def test_bad_toml_names_the_line() -> None:
    with pytest.raises(SettingsError, match="line 2"):
        Policy.from_toml("max_units = 3\nmax_units = 4\n")


@pytest.mark.parametrize("mapping", (None, [], "x", {1: 2}))
def test_not_even_a_table(mapping: object) -> None:
    with pytest.raises(SettingsError):
        Policy.from_mapping(mapping)


def test_limits_that_do_not_fall_are_good() -> None:
    mapping = copy.deepcopy(GOOD)
    mapping["balance_limits"] = {"0": 0, "3": 0, "7": AMOUNT_MAX}
    assert Policy.from_mapping(mapping).balance_limit(7) == AMOUNT_MAX
