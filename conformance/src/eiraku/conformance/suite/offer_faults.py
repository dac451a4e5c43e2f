"""Every fault that an OFFER can have, in the order in which a payee looks for it (chapter 7, "Payee")."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from eiraku.conformance.suite.negative_transfer import Place, Plan, UnitPlan, flip
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.world import EPOCH
from eiraku.spec.errors import Code

AlterPlan = Callable[[Plan], Plan]
AlterUnit = Callable[[UnitPlan], UnitPlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: of the whole offer (`plan`) or of one unit (`unit`)."""

    code: Code
    requirements: tuple[str, ...]
    plan: AlterPlan | None = None
    unit: AlterUnit | None = None
    needs_good_unit: bool = False
    """The wallet must have held the unit, so the unit itself cannot be at fault."""
    spoils_unit: bool = False
    """No wallet can have held the unit."""
    position: int | None = None
    """Index in REJECT, for a fault of the whole offer that names a unit."""

    @property
    def name(self) -> str:
        """For people and for the ids of checks."""
        return self.code.label

    def into(self, plan: Plan, index: int) -> Plan:
        """The plan with this fault, in the unit at `index` if it is about one."""
        if self.plan is not None:
            return self.plan(plan)
        return plan.unit(index, self.unit or _unaltered)

    def index(self, index: int) -> int | None:
        """What REJECT says for a fault put at `index`."""
        return self.position if self.unit is None else index


def _unaltered(unit: UnitPlan) -> UnitPlan:
    return unit


def _unit_fault(code: Code, alter: AlterUnit, *requirements: str, spoils: bool = True) -> Fault:
    return Fault(code=code, unit=alter, requirements=requirements, spoils_unit=spoils)


OFFER_FAULTS = (
    Fault(
        code=Code.AMOUNT,
        plan=lambda plan: replace(plan, requested_off=1),
        requirements=("EPP-TRF-030",),
    ),
    Fault(
        code=Code.AMOUNT_LIMIT,
        plan=lambda plan: replace(plan, limit_slack=-1),
        requirements=("EPP-TRF-031",),
    ),
    Fault(
        code=Code.UNIT_COUNT,
        plan=lambda plan: replace(plan, count_slack=-1),
        requirements=("EPP-TRF-032",),
    ),
    Fault(
        code=Code.DUPLICATE_UNIT,
        plan=lambda plan: replace(plan, twice=0),
        requirements=("EPP-TRF-033",),
        position=3,
    ),
    Fault(
        code=Code.TRANSACTION,
        plan=lambda plan: replace(plan, used=True),
        requirements=("EPP-TRF-034",),
    ),
)
"""Faults of the whole offer that are looked for before its units."""

UNIT_FAULTS = (
    _unit_fault(Code.MALFORMED, lambda unit: unit.but(reserved=b"\x40" * 33), "EPP-TRF-035", "EPP-UNI-001"),
    _unit_fault(
        Code.UNIT_SIGNATURE,
        lambda unit: replace(unit, signed=flip),
        "EPP-TRF-036",
        "EPP-UNI-002",
        spoils=False,
    ),
    _unit_fault(Code.UNIT_SEAL, lambda unit: unit.but(seal=b"\x5a" * 16), "EPP-TRF-037", "EPP-UNI-003"),
    _unit_fault(
        Code.UNIT_ECONOMY, lambda unit: unit.but(economy=Economy.FOREIGN), "EPP-TRF-037", "EPP-UNI-004"
    ),
    _unit_fault(Code.UNIT_EXPIRED, lambda unit: unit.but(expires=EPOCH - 1), "EPP-TRF-038", "EPP-UNI-005"),
    _unit_fault(
        Code.UNIT_VALUE,
        lambda unit: replace(unit.but(), value=unit.value + 1),
        "EPP-TRF-038",
        "EPP-UNI-007",
    ),
    _unit_fault(Code.HOP_LIMIT, lambda unit: unit.but(max_hops=unit.hop), "EPP-TRF-039", "EPP-HIS-005"),
    _unit_fault(
        Code.HISTORY_SIZE,
        lambda unit: replace(unit, history=lambda data: data + b"\x00"),
        "EPP-TRF-039",
        "EPP-HIS-004",
        spoils=False,
    ),
)
"""Faults of one unit by itself."""

KNOWN_FAULTS = (
    Fault(
        code=Code.UNIT_HELD,
        unit=lambda unit: replace(unit, place=Place.HELD),
        requirements=("EPP-TRF-040",),
        needs_good_unit=True,
    ),
    Fault(
        code=Code.UNIT_SEEN,
        unit=lambda unit: replace(unit, place=Place.HELD_LATER if unit.place is Place.HELD else Place.SEEN),
        requirements=("EPP-TRF-041",),
        needs_good_unit=True,
    ),
)
"""Faults of one unit that the wallet alone knows."""

SUM_FAULTS = (
    Fault(
        code=Code.SUM,
        plan=lambda plan: replace(plan, sum_off=1),
        requirements=("EPP-TRF-042",),
    ),
    *KNOWN_FAULTS,
    Fault(
        code=Code.CAPACITY,
        plan=lambda plan: replace(plan, capacity_slack=-1),
        requirements=("EPP-TRF-043",),
    ),
    Fault(
        code=Code.BALANCE_LIMIT,
        plan=lambda plan: replace(plan, balance_slack=-1),
        requirements=("EPP-TRF-044",),
    ),
)
"""Faults that are looked for after the units by themselves: of the whole offer, of what the wallet knows."""

FAULTS = (*OFFER_FAULTS, *UNIT_FAULTS, *SUM_FAULTS)


def together(first: Fault, second: Fault) -> bool:
    """Whether one offer can have both faults, in one unit where both are about units."""
    pair = (first, second)
    if any(fault.needs_good_unit for fault in pair) and any(fault.spoils_unit for fault in pair):
        # A unit that the wallet has had can have reached its hop limit, if it is offered from where it is.
        return {fault.code for fault in pair} == {Code.HOP_LIMIT, Code.UNIT_HELD}
    return True
