"""The boundary cases, judged without the solver: by the rules in plain Python, and by trying all choices."""

import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from eiraku.models.smt import witnesses
from eiraku.models.smt.boundary import impossible
from eiraku.spec import messages, objects, registry, shape
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, OfferedUnit, Redeliver

FILE = (
    Path(__file__).resolve().parents[2] / "spec" / "src" / "eiraku" / "spec" / "vectors" / "boundaries.json"
)
CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["cases"]


def best(values: list[int], amount: int) -> int | None:
    """Fewest units that make up the amount, by trying every choice."""
    sizes = (n for n in range(1, len(values) + 1) if amount in map(sum, combinations(values, n)))
    return next(sizes, None)


def judge_amount(given: dict[str, Any]) -> str:
    try:
        messages.decode(messages.Request(amount=given["amount"]).encode())
    except Refusal as refusal:
        return refusal.code.label
    return "accepted"


def judge_bundle(given: dict[str, Any]) -> str:
    total = given["units"] * given["value"]
    assert given["value"] in objects.VALUES
    assert float(total) == total == given["amount"] <= shape.AMOUNT_MAX
    return "accepted" if given["units"] <= given["max_units"] else "unit-count"


def judge_balance(given: dict[str, Any]) -> str:
    return "balance-limit" if given["balance"] + given["amount"] > given["balance_limit"] else "accepted"


def judge_amount_limit(given: dict[str, Any]) -> str:
    return "amount-limit" if given["amount"] > min(given["payer_limit"], given["payee_limit"]) else "accepted"


def judge_unit_count(given: dict[str, Any]) -> str:
    return "accepted" if 1 <= given["units"] <= given["max_units"] else "unit-count"


def judge_capacity(given: dict[str, Any]) -> str:
    held = given["spendable"] + given["pending"]
    return "capacity" if held + given["offered"] > given["capacity"] else "accepted"


def judge_hop(given: dict[str, Any]) -> str:
    return (
        "hop-limit"
        if given["hop"] + 1 > min(given["unit_max_hops"], given["policy_max_hops"])
        else "accepted"
    )


def judge_hop_home(given: dict[str, Any]) -> str:
    return "hop-limit" if given["hop"] + 1 > 255 else "accepted"


def judge_epoch(given: dict[str, Any]) -> str:
    return "unit-expired" if given["epoch"] > given["expires"] else "accepted"


def judge_history(given: dict[str, Any]) -> str:
    return "accepted" if objects.history_size(given["hop"]) == given["history_bytes"] else "history-size"


def judge_redeliver(given: dict[str, Any]) -> str:
    """The message itself, with bytes of these lengths in the places of units and histories."""
    hop = given["hop"]
    units = tuple(
        OfferedUnit(unit=bytes(length), hop=hop, history=bytes(objects.history_size(hop)))
        for length in given["unit_bytes"]
    )
    offer = Offer(transaction=bytes(16), amount=given["amount"], units=units).encode()
    message = Redeliver(offer=offer, endorsements=(bytes(64),) * len(units)).encode()
    assert len(message) == given["redeliver_bytes"]
    return "accepted" if len(message) <= messages.LIMIT else "too-large"


def judge_change(given: dict[str, Any]) -> str:
    assert sum(given["values"]) >= given["amount"]
    assert set(given["values"]) <= objects.VALUES
    fewest = best(given["values"], given["amount"])
    return "accepted" if fewest is not None and fewest <= given["max_units"] else "no-exact-change"


def judge_given(given: dict[str, Any]) -> str:
    return "accepted" if given["settled"] + given["pending"] < given["max_given"] else "capacity"


def judge_credited(given: dict[str, Any]) -> str:
    credited = given["of_this_payer"] + given["of_another"]
    return "accepted" if credited < given["max_credited"] else "capacity"


def judge_seen(given: dict[str, Any]) -> str:
    return "accepted" if given["gone"] + given["offered"] <= given["max_seen"] else "capacity"


def judge_order(given: dict[str, Any]) -> str:
    """An endorsement for the next hop must be one that can be written down."""
    fields = {"payer": bytes(8), "payee": bytes(8), "transaction": bytes(16)}
    move = objects.EndorsementPayload(
        unit_id=bytes(32), hop=given["hop"] + 1, history_digest=bytes(32), **fields
    )
    try:
        objects.EndorsementPayload.decode(move.encode())
    except Refusal:
        return "insufficient-funds"
    return "accepted"


def judge_request(given: dict[str, Any]) -> str:
    return "accepted" if given["amount"] <= given["limit"] else "amount-limit"


def judge_record(given: dict[str, Any]) -> str:
    """The message itself: the longest unit, worth the most, as a vault holds it after its last move."""
    hop = min(given["max_hops"] + 1, 254)
    unit = OfferedUnit(unit=bytes(256), hop=hop, history=bytes(objects.history_size(hop)))
    offer = Offer(transaction=bytes(16), amount=max(objects.VALUES), units=(unit,)).encode()
    length = len(Redeliver(offer=offer, endorsements=(bytes(64),)).encode())
    # The text counts two bytes for the hop, of which those up to 23 need one.
    least = length + (hop < 24)
    return "accepted" if given["max_record"] >= least else "policy"


def judge_seen_set(given: dict[str, Any]) -> str:
    return "accepted" if given["max_seen"] >= given["capacity"] else "policy"


JUDGES = {
    "amount-limit": judge_amount_limit,
    "amount": judge_amount,
    "bundle": judge_bundle,
    "balance": judge_balance,
    "unit-count": judge_unit_count,
    "capacity": judge_capacity,
    "hop-limit": judge_hop,
    "hop-to-a-vault": judge_hop_home,
    "unit-": judge_epoch,
    "history": judge_history,
    "redeliver": judge_redeliver,
    "change": judge_change,
    "given": judge_given,
    "credited": judge_credited,
    "seen": judge_seen,
    "order": judge_order,
    "request": judge_request,
    "policy-seen-set": judge_seen_set,
    "policy": judge_record,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_judged_without_the_solver(case: dict[str, Any]) -> None:
    judge = next(judge for start, judge in JUDGES.items() if case["id"].startswith(start))
    assert judge(case["given"]) == case["expected"]


def test_the_file_is_what_the_solver_finds() -> None:
    found = witnesses.render(witnesses.boundaries())
    assert found == FILE.read_bytes(), "run eiraku maintain witnesses --write"


def test_ids_requirements_and_outcomes() -> None:
    known = registry.by_id()
    labels = {code.label for code in Code} | {"accepted"}
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert {case["expected"] for case in CASES} <= labels
    assert not [r for case in CASES for r in case["requirements"] if r not in known]
    refused = {case["expected"] for case in CASES}
    assert {"amount-limit", "balance-limit", "capacity", "hop-limit", "no-exact-change"} <= refused


def test_what_the_solver_calls_impossible_is() -> None:
    """Three powers of two: the largest that fits, again and again, always makes up what can be made up."""
    values = [1 << n for n in range(7)]
    for held in product(values, repeat=3):
        falling = sorted(held, reverse=True)
        for amount in range(1, sum(held) + 1):
            rest = amount
            for value in falling:
                rest -= value if value <= rest else 0
            assert (rest == 0) is (best(falling, amount) is not None)
    assert all(objects.history_size(hop) < 65536 for hop in range(256))


def test_possible_cases_are_not_called_impossible() -> None:
    with pytest.raises(ValueError, match="should be impossible"):
        impossible()
