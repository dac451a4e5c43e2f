"""Chapter 8: nothing is forgotten early, however much there is to remember."""

import pytest

from eiraku.conformance.suite.memory import bundles, refuse_offer, repeat, sample
from eiraku.conformance.suite.payer import own
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.policies import RECORD_MAX, UNITS_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import identifier
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

PROBES = 24
HUNDREDS = 320
THOUSANDS = 4096
"""Most units that a check at level full has a wallet remember."""
PAYMENTS = 96
MANY_PAYMENTS = 1024
RECEIVES = Side.RESPONDER


def _seen(stage: Stage, count: int) -> list[OfferedUnit]:
    """So many units come to the wallet, and all but one go on to the peer; as they were before they came."""
    world = stage.world
    units = [world.holding(1) for _ in range(count)]
    for bundle in bundles(units, UNITS_MAX):
        flows.give(stage, RECEIVES, bundle)
        stage.evidence.steps.clear()
    for bundle in bundles(units[1:], UNITS_MAX):
        flows.take(stage, RECEIVES, len(bundle))
        stage.evidence.steps.clear()
    return units


def _all_are_known(stage: Stage, units: list[OfferedUnit], probes: int) -> None:
    """Each of a sample of the units, as it was before it came, must be refused, and for no other reason."""
    here = {unit.unit_id for unit in stage.state().units}
    for place in sample(stage, len(units), probes):
        held = units[place]
        refuse_offer(stage, held, Code.UNIT_HELD if identifier(held) in here else Code.UNIT_SEEN, 0)
        stage.evidence.steps.clear()


@pytest.mark.requirement("EPP-CRS-016", "EPP-TRF-041")
def test_hundreds_of_units(stage: Stage) -> None:
    """A wallet knows each of some hundred units that it has paid on, also after a loss of power."""
    stage.world.policy = policy(
        max_units=UNITS_MAX, capacity=HUNDREDS, max_seen=4 * HUNDREDS, max_record=RECORD_MAX
    )
    stage.begin()
    units = _seen(stage, HUNDREDS)
    _all_are_known(stage, units, PROBES // 2)
    stage.wallet.power_cut("now")
    _all_are_known(stage, units, PROBES // 2)


@pytest.mark.level("full")
@pytest.mark.requirement("EPP-CRS-016", "EPP-TRF-063", "EPP-POL-018")
def test_a_full_seen_set(stage: Stage) -> None:
    """A seen-set of the declared size, up to some thousand units, is filled to the last and has them all."""
    count = min(stage.room("max_seen"), stage.room("capacity"), THOUSANDS)
    transfers = -(-count // UNITS_MAX)
    stage.world.policy = policy(
        max_units=UNITS_MAX,
        capacity=count,
        max_seen=count,
        max_given=transfers,
        max_credited=transfers + 1,
        max_record=RECORD_MAX,
    )
    stage.begin()
    units = _seen(stage, count)
    refuse_offer(stage, stage.world.holding(1), Code.CAPACITY)
    _all_are_known(stage, units, 5 * PROBES)


def _credited(stage: Stage, count: int) -> list[Payment]:
    """So many payments of 1 to the wallet."""
    payments = []
    for _ in range(count):
        payments.append(flows.give(stage, RECEIVES, [stage.world.holding(1)]))
        stage.evidence.steps.clear()
    return payments


def _all_are_answered(stage: Stage, payments: list[Payment], probes: int) -> None:
    for place in sample(stage, len(payments), probes):
        repeat(stage, RECEIVES, payments[place])
        stage.evidence.steps.clear()


@pytest.mark.requirement("EPP-CRS-020", "EPP-CRS-010")
def test_many_credited_transactions(stage: Stage) -> None:
    """Each of many payments is answered with its receipt when redelivered, also after a loss of power."""
    stage.world.policy = policy(capacity=PAYMENTS, max_credited=PAYMENTS)
    stage.begin()
    payments = _credited(stage, PAYMENTS)
    _all_are_answered(stage, payments, PROBES // 2)
    stage.wallet.power_cut("now")
    _all_are_answered(stage, payments, PROBES // 2)


@pytest.mark.level("full")
@pytest.mark.requirement("EPP-CRS-020", "EPP-TRF-062", "EPP-POL-018")
def test_a_full_table_of_credited_transactions(stage: Stage) -> None:
    """A table of the declared size, up to a thousand, is filled to the last, and each is answered."""
    count = min(stage.room("max_credited"), stage.room("capacity") - 1, MANY_PAYMENTS)
    stage.world.policy = policy(capacity=count + 1, max_credited=count)
    stage.begin()
    payments = _credited(stage, count)
    refuse_offer(stage, stage.world.holding(1), Code.CAPACITY)
    _all_are_answered(stage, payments, 2 * PROBES)


def _settled(stage: Stage, count: int) -> None:
    """The wallet makes so many payments of 1, and reports each as settled."""
    paid = set()
    for _ in range(count):
        paid.add(flows.take(stage, RECEIVES, 1).offer.transaction)
        stage.evidence.steps.clear()
    stage.wallet.power_cut("now")
    stage.equal({each.transaction for each in stage.state().settled}, paid, "settled transactions")


@pytest.mark.requirement("EPP-CRS-021")
def test_many_settled_transactions(stage: Stage) -> None:
    """A wallet keeps each of many payments that it made, with its receipt, also after a loss of power."""
    stage.world.policy = policy(capacity=PAYMENTS, max_given=PAYMENTS)
    stage.begin(own(stage.world, (1,) * PAYMENTS))
    _settled(stage, PAYMENTS)


@pytest.mark.level("full")
@pytest.mark.requirement("EPP-CRS-021", "EPP-TRF-061", "EPP-POL-018")
def test_a_full_table_of_given_transactions(stage: Stage) -> None:
    """A table of the declared size, up to some hundred, is filled to the last, and keeps them all."""
    count = min(stage.room("max_given"), stage.room("capacity") - 1, 8 * PAYMENTS)
    stage.world.policy = policy(capacity=count + 1, max_given=count)
    stage.begin(own(stage.world, (1,) * (count + 1)))
    _settled(stage, count)
    stage.refused(stage.act("pay", amount=1), Code.CAPACITY, "order to pay")
