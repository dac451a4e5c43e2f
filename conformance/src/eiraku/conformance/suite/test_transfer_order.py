"""An OFFER with two faults is refused for the first of them (EPP-TRF-046)."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from eiraku.conformance.suite.negative_transfer import Plan, UnitPlan, refuse_offer
from eiraku.conformance.suite.offer_faults import FAULTS, KNOWN_FAULTS, UNIT_FAULTS, Fault, together
from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.tester.stage import Stage

ORDER = pytest.mark.requirement("EPP-TRF-046", "EPP-ERR-001")
MIDDLE = 1
PLAN = Plan(request=True, limit_slack=0, count_slack=0, capacity_slack=0, balance_slack=0)
"""Right, but as near to each limit as it may be."""


def _pairs() -> list[object]:
    neighbours = set(pairwise(fault.name for fault in FAULTS))
    return [
        pytest.param(
            first,
            second,
            number,
            id=f"{first.name}-before-{second.name}",
            marks=[
                pytest.mark.requirement(*first.requirements),
                pytest.mark.level("standard" if (first.name, second.name) in neighbours else "full"),
            ],
        )
        for number, (first, second) in enumerate(combinations(FAULTS, 2))
        if together(first, second)
    ]


@ORDER
@pytest.mark.parametrize(("first", "second", "number"), _pairs())
def test_two_faults(stage: Stage, first: Fault, second: Fault, number: int) -> None:
    """An OFFER with two faults gets the code, and the index, of the first in the order of the checks."""
    wrong = second.into(first.into(PLAN, MIDDLE), MIDDLE)
    refuse_offer(stage, BOTH_SIDES[number % 2], wrong, first.code, first.index(MIDDLE), right=PLAN)


@ORDER
@pytest.mark.parametrize(
    ("early", "late", "number"),
    [
        pytest.param(
            early,
            late,
            number,
            id=f"{early.name}-after-{late.name}",
            marks=pytest.mark.requirement(*early.requirements),
        )
        for number, (early, late) in enumerate([*pairwise(UNIT_FAULTS), KNOWN_FAULTS])
    ],
)
def test_faults_of_two_units(stage: Stage, early: Fault, late: Fault, number: int) -> None:
    """All checks are made on the first unit before any is made on the next."""
    wrong = early.into(late.into(PLAN, 0), 2)
    refuse_offer(stage, BOTH_SIDES[number % 2], wrong, late.code, 0, right=PLAN)


@ORDER
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name) for fault in (*UNIT_FAULTS, *KNOWN_FAULTS)]
)
def test_same_fault_in_several_units(stage: Stage, fault: Fault) -> None:
    """Where several units have the same fault, the index is that of the first."""
    units = tuple(UnitPlan(value=1 << n, hop=1) for n in (7, 6, 5, 4))
    right = replace(PLAN, units=units)
    wrong = fault.into(fault.into(fault.into(right, 1), 2), 3)
    refuse_offer(stage, BOTH_SIDES[0], wrong, fault.code, 1, right=right)


@pytest.mark.requirement("EPP-ERR-031", "EPP-TRF-046")
@pytest.mark.parametrize("known", [pytest.param(fault, id=fault.name) for fault in KNOWN_FAULTS])
@pytest.mark.parametrize(
    ("seen", "number"), [pytest.param(f, n, id=f.name) for n, f in enumerate(UNIT_FAULTS)]
)
def test_probe_of_a_unit(stage: Stage, known: Fault, seen: Fault, number: int) -> None:
    """A unit that is or was here is not told from another while the OFFER has a fault that its payer sees."""
    wrong = seen.into(known.into(PLAN, 0), 2)
    refuse_offer(stage, BOTH_SIDES[number % 2], wrong, seen.code, 2, right=PLAN)
