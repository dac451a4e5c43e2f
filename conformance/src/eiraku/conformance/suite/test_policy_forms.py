"""Chapter 9: which policies are valid, and which are none."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import TABLES, least_record, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

Json = dict[str, Any]
Change = Callable[[Json], None]


def _put(*path: str | int, value: object) -> Change:
    def change(found: Json) -> None:
        place: Any = found
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _drop(*path: str | int) -> Change:
    def change(found: Json) -> None:
        place: Any = found
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _add(**fields: Any) -> Change:
    """One more operation, which differs from the first in `fields`."""

    def change(found: Json) -> None:
        found["operations"].append({**copy.deepcopy(found["operations"][0]), "name": "another", **fields})

    return change


TABLES_OF_ENTRIES = ("max_given", "max_credited", "max_seen")
EPOCHS = ("min_life", "claim_grace")
NAMES = (
    "max_units",
    "capacity",
    "max_bulletin",
    "max_hops",
    "max_record",
    *TABLES_OF_ENTRIES,
    *EPOCHS,
    "balance_limits",
    "operations",
)
OPERATION_NAMES = ("name", "payer", "payee", "same_holder", "min_amount", "limits")

NAMING: dict[str, Change] = {
    **{f"without-{name}": _drop(name) for name in NAMES},
    **{f"operation-without-{name}": _drop("operations", 0, name) for name in OPERATION_NAMES},
    "unknown-name": _put("max_amount", value=5),
    "unknown-name-in-an-operation": _put("operations", 1, "limit", value=5),
}
RANGES: dict[str, Change] = {
    "max-units-0": _put("max_units", value=0),
    "max-units-65": _put("max_units", value=65),
    "max-units-text": _put("max_units", value="16"),
    "max-units-fraction": _put("max_units", value=16.5),
    "max-units-true": _put("max_units", value=True),
    "capacity-0": _put("capacity", value=0),
    "capacity-65536": _put("capacity", value=65536),
    "max-bulletin-4095": _put("max_bulletin", value=4095),
    "max-bulletin-1048577": _put("max_bulletin", value=2**20 + 1),
    "max-hops-0": _put("max_hops", value=0),
    "max-hops-256": _put("max_hops", value=256),
    "max-record-0": _put("max_record", value=0),
    "max-record-65536": _put("max_record", value=65536),
    **{f"{name}-0": _put(name, value=0) for name in TABLES_OF_ENTRIES},
    **{f"{name}-2^32": _put(name, value=2**32) for name in TABLES_OF_ENTRIES},
    **{f"{name}-negative": _put(name, value=-1) for name in EPOCHS},
    **{f"{name}-2^32": _put(name, value=2**32) for name in EPOCHS},
    "min-amount-0": _put("operations", 0, "min_amount", value=0),
    "min-amount-2^53": _put("operations", 0, "min_amount", value=2**53),
    "min-amount-text": _put("operations", 0, "min_amount", value="5"),
    "balance-limits-a-list": _put("balance_limits", value=[2000, 2000]),
    "payer-a-text": _put("operations", 0, "payer", value="person"),
    "same-holder-a-number": _put("operations", 0, "same_holder", value=0),
    "same-holder-a-text": _put("operations", 0, "same_holder", value="false"),
    "name-a-number": _put("operations", 0, "name", value=7),
    "operations-a-table": _put("operations", value={}),
}
LIMITS_AT_FAULT: dict[str, Change] = {
    "balance-limit-negative": _put("balance_limits", "0", value=-1),
    "balance-limit-2^53": _put("balance_limits", "7", value=2**53),
    "limit-negative": _put("operations", 0, "limits", "0", value=-1),
    "limit-text": _put("operations", 0, "limits", "0", value="500"),
    "limit-fraction": _put("operations", 0, "limits", "0", value=0.5),
    "limit-2^53": _put("operations", 0, "limits", "7", value=2**53),
    "limit-2^64": _put("operations", 0, "limits", "7", value=2**64),
}
PAIRS_AT_FAULT: dict[str, Change] = {
    "operation-twice": _add(),
    "two-for-one-pair": _add(payer=["merchant", "vault"], payee=["merchant"]),
    "two-for-one-pair-of-other-limits": _add(payer=["person"], limits={"0": 1}),
}
ROLES_AT_FAULT: dict[str, Change] = {
    "payer-of-no-role": _put("operations", 0, "payer", value=["person", "bank"]),
    "payer-empty": _put("operations", 0, "payer", value=[]),
    "payee-empty": _put("operations", 0, "payee", value=[]),
    "payer-twice": _put("operations", 0, "payer", value=["person", "person"]),
    "payee-twice": _put("operations", 0, "payee", value=["merchant", "person", "merchant"]),
}
FALLING: dict[str, Change] = {
    "balance-limit-falls": _put("balance_limits", "2", value=1999),
    "limit-falls": _put("operations", 0, "limits", "1", value=499),
    "limit-falls-at-the-last": _put("operations", 2, "limits", "2", value=1),
    "limit-falls-over-a-gap": _put("operations", 0, "limits", value={"0": 500, "3": 499}),
}
TIERS_AT_FAULT: dict[str, Change] = {
    "balance-limit-of-tier-8": _put("balance_limits", "8", value=10**6),
    "balance-limit-of-no-tier": _put("balance_limits", "gold", value=10**6),
    "balance-limit-of-tier-01": _put("balance_limits", "01", value=10**6),
    "limit-of-tier-8": _put("operations", 0, "limits", "8", value=10**6),
}
AWAY_FROM_HOME: dict[str, Change] = {
    "min-amount-of-pay-in": _put("operations", 1, "min_amount", value=2),
    "min-amount-of-redemption": _put("operations", 3, "min_amount", value=2),
    "min-amount-to-persons-and-vaults": _add(
        payer=["vault"], payee=["person", "vault"], min_amount=2**53 - 1, same_holder=False
    ),
}
DEFECTS = {
    **dict.fromkeys(AWAY_FROM_HOME, "EPP-POL-030"),
    **dict.fromkeys(NAMING, "EPP-POL-001"),
    **dict.fromkeys(RANGES, "EPP-POL-006"),
    **dict.fromkeys(LIMITS_AT_FAULT, "EPP-POL-007"),
    **dict.fromkeys(PAIRS_AT_FAULT, "EPP-POL-008"),
    **dict.fromkeys(ROLES_AT_FAULT, "EPP-POL-009"),
    **dict.fromkeys(FALLING, "EPP-POL-010"),
    **dict.fromkeys(TIERS_AT_FAULT, "EPP-POL-011"),
    "name-empty": "EPP-POL-012",
    "max-seen-below-capacity": "EPP-POL-016",
    "max-record-too-short": "EPP-POL-017",
    "max-record-too-short-for-all-hops": "EPP-POL-017",
}
"""What is wrong with a policy, and the requirement that demands that it is refused."""
CHANGES: dict[str, Change] = {
    **AWAY_FROM_HOME,
    **NAMING,
    **RANGES,
    **LIMITS_AT_FAULT,
    **PAIRS_AT_FAULT,
    **ROLES_AT_FAULT,
    **FALLING,
    **TIERS_AT_FAULT,
    "name-empty": _put("operations", 0, "name", value=""),
    "max-seen-below-capacity": lambda found: found.update(capacity=64, max_seen=63),
    "max-record-too-short": lambda found: found.update(max_record=least_record(10) - 1),
    "max-record-too-short-for-all-hops": lambda found: found.update(
        max_hops=255, max_record=least_record(255) - 1
    ),
}


def _base() -> Json:
    return policy(
        balance_limits={0: 2000, 1: 2000, 2: 5000}, transfer={0: 500, 1: 500}, own={0: 9, 1: 10, 2: 11}
    )


@pytest.mark.requirement("EPP-ERR-001")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.requirement(rule)) for name, rule in DEFECTS.items()],
)
def test_policy_at_fault(stage: Stage, name: str) -> None:
    """A policy that can be read in two ways, or not at all, is refused; nothing is provisioned."""
    world = stage.world
    world.policy = _base()
    stage.begin()
    flows.still_alive(stage)
    stage.wallet.reset()
    before = stage.state()
    wrong = copy.deepcopy(_base())
    CHANGES[name](wrong)
    world.policy = wrong
    reply = stage.wallet.provision(**world.provisioning([world.holding(4, holder=world.wallet.number)]))
    stage.refused(reply, Code.POLICY, f"policy ({name})")
    stage.unchanged(before, "a refused policy")
    stage.refused(stage.open(Side.RESPONDER), Code.NOT_PROVISIONED, "open without provisioning")
    world.policy = _base()
    stage.provision()
    flows.still_alive(stage)


def _largest(stage: Stage) -> Json:
    """The largest policy that the wallet has room for."""
    found = {**_base(), "max_units": 64, **{name: stage.room(name) for name in TABLES}}
    found["capacity"] = min(found["capacity"], found["max_seen"])
    found["max_hops"] = max(n for n in range(1, 256) if least_record(n) <= found["max_record"])
    return found


@pytest.mark.requirement("EPP-POL-018", "EPP-POL-004")
def test_largest_policy(stage: Stage) -> None:
    """A wallet takes a policy that asks for all that it has declared."""
    stage.world.policy = _largest(stage)
    stage.begin()
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-POL-018", "EPP-ERR-001")
@pytest.mark.parametrize("name", TABLES)
def test_policy_beyond_the_room(stage: Stage, name: str) -> None:
    """A policy that asks for more than the wallet has declared is refused; nothing is provisioned."""
    world = stage.world
    found = _largest(stage)
    world.policy = found
    stage.begin()
    stage.wallet.reset()
    before = stage.state()
    found[name] = stage.room(name) + 1
    found["max_seen"] = max(found["max_seen"], found["capacity"])
    stage.refused(stage.wallet.provision(**world.provisioning()), Code.POLICY, f"policy ({name})")
    stage.unchanged(before, "a refused policy")
    stage.refused(stage.open(Side.RESPONDER), Code.NOT_PROVISIONED, "open without provisioning")
    world.policy = _base()
    stage.provision()
    flows.still_alive(stage)


VALID: dict[str, Change] = {
    "as-it-is": lambda _: None,
    "least-record": _put("max_record", value=least_record(10)),
    "as-many-seen-as-held": lambda found: found.update(capacity=64, max_seen=64),
    "equal-limits": _put("operations", 0, "limits", value={"0": 500, "1": 500, "7": 500}),
    "highest-tier": _put("balance_limits", "7", value=2**53 - 1),
    "limit-0": _put("operations", 1, "limits", value={"0": 0, "1": 1}),
    "no-limits-for-an-operation": _put("operations", 1, "limits", value={}),
    "long-life": _put("min_life", value=LAST_EPOCH - EPOCH),
    "longest-grace": _put("claim_grace", value=2**32 - 1),
    "no-grace": _put("claim_grace", value=0),
    "greatest-least-amount": _put("operations", 2, "min_amount", value=2**53 - 1),
    "same-pair-for-one-holder": _add(same_holder=True),
    "other-pair": _add(payer=["vault"], payee=["vault"]),
}


@pytest.mark.requirement("EPP-POL-006", "EPP-POL-004")
@pytest.mark.parametrize("name", tuple(VALID))
def test_policy_without_fault(stage: Stage, name: str) -> None:
    """A policy is not refused for what chapter 9 allows, up to the ends of its ranges."""
    right = copy.deepcopy(_base())
    VALID[name](right)
    stage.world.policy = right
    stage.begin()
    flows.still_alive(stage)
