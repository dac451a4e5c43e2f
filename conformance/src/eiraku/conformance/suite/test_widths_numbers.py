"""Sequences, amounts, hops, numbers of units and sizes of more than 8, 16, 31, 32 and up to 53 bits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eiraku.conformance.suite.key_lists import CENTRES, accept_keys, listed
from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    RESPONDER,
    Attack,
    refused_in_handshake,
    set_purpose,
    unknown_there,
)
from eiraku.conformance.suite.payer import own, paid, unread
from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.suite.widths import BYTE, LARGE, OFTEN, SAFE, Field, each
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.peer import LABEL_MEMBER, LABEL_PURSE_ID, LABEL_VERSION, connect
from eiraku.conformance.tester.policies import HOPS_MAX, PLENTY, RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World, identifier
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit, Request
from eiraku.spec.objects import history_size
from eiraku.spec.tables import Side

PAYEE = Side.RESPONDER
SEQUENCE_MAX = (1 << 53) - 1

# --- sequences of lists -------------------------------------------------------------------------------------


@CENTRES
@pytest.mark.requirement("EPP-KEY-023", "EPP-KEY-035")
def test_whole_sequence_is_greater(stage: Stage, centre: Centre) -> None:
    """A list is newer by its whole sequence, up to the greatest, also after a loss of power."""
    world = stage.world
    world.count_lists_plainly()
    stage.begin()
    for sequence in (*(1 << bits for bits in SAFE), SEQUENCE_MAX - 1, SEQUENCE_MAX):
        before = stage.state()
        accept_keys(stage, centre, listed(world, centre, sequence=sequence))
        stage.equal(stage.state().writes, before.writes + 1, "durable writes")
        stage.wallet.power_cut("now")
        before = stage.state()
        accept_keys(stage, centre, listed(world, centre, sequence=sequence))
        stage.unchanged(before, "the list that is held")
    flows.still_alive(stage)


@CENTRES
@pytest.mark.requirement("EPP-KEY-023")
@pytest.mark.parametrize("bits", SAFE)
def test_low_bits_of_a_sequence_are_greater(stage: Stage, centre: Centre, bits: int) -> None:
    """A list is older by its whole sequence, though its low bits are greater."""
    world = stage.world
    world.count_lists_plainly()
    stage.begin()
    accept_keys(stage, centre, listed(world, centre, sequence=(1 << bits) + 7))
    before = stage.state()
    older = stage.act("keys", centre=centre.value, keys=listed(world, centre, sequence=9))
    stage.refused(older, Code.KEYS_STALE, "an older list")
    stage.unchanged(before, "an older list")


# --- amounts ------------------------------------------------------------------------------------------------


def _refuse_amount(stage: Stage, base: int, code: Code, side: Side = PAYEE) -> None:
    """8 and the base are offered in a unit of 8."""
    before = stage.state()
    talk = flows.meet_payee(stage, side, 8)
    offer = flows.offer_of(talk, [stage.world.holding(8)], base + 8)
    flows.expect_reject(talk, talk.send(offer), code, "OFFER")
    stage.unchanged(before, "a refused OFFER")


def _ample(stage: Stage, *worth: int, **changes: Any) -> World:
    world = stage.world
    world.policy = policy(**changes)
    stage.begin(own(world, worth))
    return world


def _to_and_fro(stage: Stage, base: int) -> None:
    world = _ample(stage)
    for side in BOTH_SIDES:
        flows.give(stage, side, [world.holding(8), world.holding(base)])
        stage.equal(stage.state().balance, base + 8, "balance")
        flows.take(stage, side, base + 8)


def _sum(stage: Stage, base: int) -> None:
    _ample(stage)
    _refuse_amount(stage, base, Code.SUM)


def _below_the_limit(stage: Stage, base: int) -> None:
    world = _ample(stage, 4, transfer={1: base + 3})
    flows.give(stage, PAYEE, [world.holding(4)])
    flows.take(stage, PAYEE, 4)
    stage.order("request", amount=4, reference="")


def _above_the_limit(stage: Stage, base: int) -> None:
    _ample(stage, base if base <= 1 << 40 else 8, 8, transfer={1: 9}, own={1: 9})
    _refuse_amount(stage, base, Code.AMOUNT_LIMIT)
    refuse_order(stage, Code.AMOUNT_LIMIT, amount=base + 8)
    refused = stage.act("request", amount=base + 8, reference="")
    stage.refused(refused, Code.AMOUNT_LIMIT, "order to request")


def _below_the_balance(stage: Stage, base: int) -> None:
    world = _ample(stage, balance_limits={1: base + 3})
    flows.give(stage, PAYEE, [world.holding(4)])


def _above_the_balance(stage: Stage, base: int) -> None:
    world = _ample(stage, base, balance_limits={1: 9})
    refuse_offer(stage, world.holding(4), Code.BALANCE_LIMIT)


def _requested(stage: Stage, base: int) -> None:
    """As initiator the wallet has asked for 8, as responder it is to pay 8."""
    _ample(stage, 8)
    _refuse_amount(stage, base, Code.AMOUNT, Side.INITIATOR)
    stage.order("pay", amount=8)
    talk = connect(stage, Side.RESPONDER)
    answer = talk.send(Request(amount=base + 8, reference=""))
    flows.expect_reject(talk, answer, Code.AMOUNT, "REQUEST")


def _funds(stage: Stage, base: int) -> None:
    _ample(stage, 8)
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=base + 8)


def _receipt(stage: Stage, base: int) -> None:
    """A receipt for 8 settles nothing greater."""
    _ample(stage, 8, base)
    talk, payment = paid(stage, PAYEE, base + 8)
    wrong = flows.receipt_of(talk, replace(payment.offer, amount=8), payment.offered)
    flows.expect_reject(talk, talk.send(wrong), Code.RECEIPT, "RECEIPT")
    stage.equal([p.amount for p in stage.state().pending], [base + 8], "amounts pending")


# --- hops ---------------------------------------------------------------------------------------------------


def _moved(stage: Stage, first: int, back: int) -> OfferedUnit:
    """The wallet had a unit at hop `first` and gave it away; it comes back at hop `back`."""
    world = stage.world
    world.policy = policy(max_hops=HOPS_MAX, max_record=RECORD_MAX)
    held = unread(world, 4, first, max_hops=HOPS_MAX)
    stage.begin([held])
    flows.take(stage, PAYEE, 4)
    return replace(held, hop=back, history=world.random(history_size(back)))


def _comes_back(stage: Stage, base: int) -> None:
    for first, back in ((base - 2, base), (base - 3, base - 2), (base - 1, base), (base, base + 1)):
        flows.give(stage, PAYEE, [_moved(stage, first, back)])


def _comes_back_too_early(stage: Stage, base: int) -> None:
    for first, back in (
        (base, 99),
        (base, base),
        (base - 1, base - 1),
        (base + 100, base + 1),
        (base + 8, 10),
    ):
        refuse_offer(stage, _moved(stage, first, back), Code.UNIT_SEEN, 0)


def _offered_at(stage: Stage, hop: int, **limits: int) -> OfferedUnit:
    world = stage.world
    world.policy = policy(max_hops=limits.get("policy", HOPS_MAX), max_record=RECORD_MAX)
    stage.begin()
    return unread(world, 4, hop, max_hops=limits.get("unit", HOPS_MAX))


def _below_the_hop_limit(stage: Stage, base: int) -> None:
    for limits in ({}, {"unit": base + 5}, {"policy": base + 5}):
        for hop in (9, base + 1):
            flows.give(stage, PAYEE, [_offered_at(stage, hop, **limits)])


def _above_the_hop_limit(stage: Stage, base: int) -> None:
    for limits in ({"unit": 9}, {"policy": 9}):
        refuse_offer(stage, _offered_at(stage, base + 5, **limits), Code.HOP_LIMIT, 0)


# --- which unit, whose ------------------------------------------------------------------------------------


def _different(stage: Stage, base: int, *names: str) -> None:
    """Units whose numbers, or counts of issue, differ by the base are different."""
    world = stage.world
    stage.begin()
    first = world.holding(4, number=5, issue=5)
    changes: list[dict[str, Any]] = [{"number": 5, "issue": 5, name: base + 5} for name in names]
    others = [world.holding(4, **change) for change in changes]
    flows.give(stage, PAYEE, [first, *others])
    held = {unit.unit_id for unit in stage.state().units}
    stage.equal(held, {identifier(unit) for unit in (first, *others)}, "units held")
    flows.take(stage, PAYEE, 4 * (1 + len(others)))


def _as_accepted(stage: Stage, _: int) -> None:
    stage.begin()
    flows.still_alive(stage)


def _economy(stage: Stage, base: int) -> None:
    world = stage.world
    stage.begin()
    refuse_offer(
        stage, world.holding(4, economy=world.drawn.economy(Economy.HOME) ^ base), Code.UNIT_ECONOMY, 0
    )
    for part in (INITIATOR, RESPONDER):
        set_purpose(stage, part)
        refused_in_handshake(
            stage, part, Attack(), peer=world.purse(economy=world.drawn.economy(Economy.HOME) ^ base)
        )


def _field(
    bits: tuple[int, ...],
    right: Callable[[Stage, int], None],
    wrong: Callable[[Stage, int], None],
    *rules: str,
) -> Field:
    return Field(rules=rules, bits=bits, right=right, wrong=wrong)


FIELDS = {
    "sum": _field(LARGE, _to_and_fro, _sum, "EPP-TRF-042"),
    "amount-agreed": _field(LARGE, _to_and_fro, _requested, "EPP-TRF-030", "EPP-TRF-013"),
    "amount-held": _field(LARGE, _to_and_fro, _funds, "EPP-TRF-011"),
    "amount-of-a-receipt": _field(LARGE, _to_and_fro, _receipt, "EPP-TRF-017"),
    "limit": _field(SAFE, _below_the_limit, _above_the_limit, "EPP-TRF-031", "EPP-TRF-010", "EPP-TRF-068"),
    "balance-limit": _field(LARGE, _below_the_balance, _above_the_balance, "EPP-TRF-044"),
    "hop-seen": _field(BYTE[:1], _comes_back, _comes_back_too_early, "EPP-TRF-041", "EPP-TRF-115"),
    "hop-limit": _field(BYTE[:1], _below_the_hop_limit, _above_the_hop_limit, "EPP-HIS-005"),
    "economy": _field((7, 8, 15), _as_accepted, _economy, "EPP-UNI-004", "EPP-PID-007"),
}


@pytest.mark.parametrize(("field", "base"), each(FIELDS))
def test_whole_number_is_right(stage: Stage, field: Field, base: int) -> None:
    """A wallet accepts what is right by whole numbers, though their low bits would be wrong."""
    field.right(stage, base)


@pytest.mark.parametrize(("field", "base"), each(FIELDS))
def test_low_bits_of_a_number_are_right(stage: Stage, field: Field, base: int) -> None:
    """A wallet refuses what is wrong by whole numbers, though their low bits would be right."""
    field.wrong(stage, base)


@pytest.mark.requirement("EPP-UNI-009")
@pytest.mark.parametrize("bits", (7, 8, 15, 16, 31, 32, 52, 62))
def test_units_are_told_apart_by_whole_numbers(stage: Stage, bits: int) -> None:
    """Units that differ in the high bits of their numbers, or counts of issue, are different ones."""
    _different(stage, 1 << bits, *(["number", "issue"] if bits <= 31 else ["number"]))


# --- sums ---------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-TRF-042", "EPP-TRF-044", "EPP-ENC-012")
def test_greatest_values_in_one_bundle(stage: Stage) -> None:
    """A bundle of units of 2^40 is summed exactly, and its balance paid again."""
    world = _ample(stage)
    values = [1 << 40] * 15 + [1]
    for side in BOTH_SIDES:
        flows.give(stage, side, [world.holding(value) for value in values])
        flows.take(stage, side, sum(values))
    stage.order("request", amount=PLENTY, reference="")


# --- tables of the policy -----------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-POL-006", "EPP-POL-018")
@pytest.mark.parametrize("bits", (7, 8, 15, 16, 31))
@pytest.mark.parametrize("size", ("capacity", "max_given", "max_credited", "max_seen"))
def test_table_of_many_entries(stage: Stage, size: str, bits: int) -> None:
    """A policy with a large table is kept to as a whole, or refused if it is larger than was declared."""
    world = stage.world
    most = (1 << bits) + 1
    sizes: dict[str, Any] = {"capacity": 8, "max_given": 8, "max_credited": 8, "max_seen": 8, size: most}
    sizes["max_seen"] = max(sizes["max_seen"], sizes["capacity"])
    world.policy = policy(**sizes)
    held = own(world, (1, 1))
    legal = size != "capacity" or most <= 65535
    if not legal or any(sizes[name] > stage.room(name) for name in sizes):
        reply = stage.wallet.provision(**world.provisioning(held))
        stage.refused(reply, Code.POLICY, "a policy with a larger table")
        world.policy = policy()
        stage.begin(held)
    else:
        stage.provision(held)
    for _ in range(2):
        flows.take(stage, PAYEE, 1)
        flows.give(stage, PAYEE, [world.holding(2)])


# --- labels -------------------------------------------------------------------------------------------------

LABELS = {"padding": 0, "version": LABEL_VERSION, "member": LABEL_MEMBER, "purse-id": LABEL_PURSE_ID}


@pytest.mark.requirement("EPP-SES-010", "EPP-SES-082")
@pytest.mark.parametrize(
    ("number", "label"),
    [
        pytest.param(
            number,
            label + (1 << bits),
            id=f"message_{number}-{name}+2^{bits}",
            marks=pytest.mark.level(
                "standard" if bits in OFTEN and number == 1 + (at + at // 4) % 4 else "full"
            ),
        )
        for at, (name, label, bits) in enumerate(
            (name, label, bits) for bits in (8, 16, 31, 32, 63) for name, label in LABELS.items()
        )
        for number in (1, 2, 3, 4)
    ],
)
def test_label_of_many_bits(stage: Stage, number: int, label: int) -> None:
    """A label whose low bits are those of a known one is unknown: ignored, or refused if it is critical."""
    unknown_there(stage, number, Ead(label=label, value=b"\x01", critical=False))
