"""Plans of a vault: exact change, a stock within its bounds (EPP-VLT-005, EPP-VLT-011); its policy."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference import policy as policies
from eiraku.reference.purse.ledger import HoldingSummary
from eiraku.reference.purse.select import Candidate, choose, redeliver_size
from eiraku.reference.settings import SettingsError
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import LIMIT
from eiraku.system.vault import policy as vault_policy
from eiraku.system.vault import stock as vault_stock
from eiraku.system.vault.policy import DEFAULT, Stock, VaultPolicy
from eiraku.system.vault.stock import Exchange, Shelf
from eiraku.testing.pile import Pile

VALUES = st.sampled_from([1 << n for n in range(8)])
STOCK = VaultPolicy(
    bulletin_seconds=1,
    expiry_margin=3,
    stock=(Stock(value=1, least=2, most=6), Stock(value=8, least=1, most=2)),
)


def units(values: Sequence[int], *, hop: int = 0, expires: int = 99, first: int = 0) -> list[HoldingSummary]:
    return [
        HoldingSummary(
            unit_id=(first + n).to_bytes(32, "big"),
            value=value,
            expires=expires,
            max_hops=20,
            hop=hop,
            size=300,
        )
        for n, value in enumerate(values)
    ]


def shelf(fresh: Sequence[int], worn: Sequence[int] = ()) -> Shelf:
    return Shelf.sort(
        [*units(fresh), *units(worn, hop=10, first=1000)],
        epoch=10,
        policy=policies.default(),
        vault_policy=STOCK,
    )


def afterwards(found: Shelf, plan: Exchange | None) -> list[int]:
    """Values that can be paid to people when the plan is carried out."""
    if plan is None:
        return [unit.value for unit in found.fresh]
    return [unit.value for unit in found.fresh if unit.unit_id not in plan.home] + list(plan.values)


def worth(found: Shelf, plan: Exchange) -> int:
    return sum(unit.value for unit in (*found.fresh, *found.worn) if unit.unit_id in plan.home)


@given(
    st.lists(VALUES, max_size=60),
    st.lists(VALUES, max_size=8),
    st.integers(1, 3000),
    st.integers(0, 500),
    st.integers(8, 32),
)
def test_change_makes_exact_payment_possible(
    fresh: list[int], worn: list[int], amount: int, account: int, max_units: int
) -> None:
    found = shelf(fresh, worn)
    try:
        plan = vault_stock.change(
            found, amount, max_units=max_units, vault_policy=STOCK, account=lambda: account
        )
    except Refusal as refusal:
        if refusal.code.label == "insufficient-funds":
            assert sum(fresh) + sum(worn) + account < amount
        else:
            assert amount.bit_count() > max_units
        return
    candidates = [
        Candidate(unit_id=n.to_bytes(4, "big"), value=value, size=300)
        for n, value in enumerate(afterwards(found, plan))
    ]
    assert choose(Pile(candidates), amount, max_units=max_units, max_record=LIMIT)
    if plan is not None:
        assert sum(plan.values) <= worth(found, plan) + account
        assert len(plan.values) <= vault_stock.ISSUE_MAX


def test_nothing_is_exchanged_in_vain() -> None:
    none = vault_stock.change(
        shelf([1, 4, 8]), 5, max_units=8, vault_policy=STOCK, account=lambda: pytest.fail("was not needed")
    )
    assert none is None


@given(st.lists(VALUES, max_size=60), st.lists(VALUES, max_size=8), st.lists(VALUES, min_size=1, max_size=9))
def test_exact_is_exact(fresh: list[int], worn: list[int], wanted: list[int]) -> None:
    found = shelf(fresh, worn)
    try:
        plan = vault_stock.exact(found, wanted, lambda: 0)
    except Refusal:
        assert sum(fresh) + sum(worn) < sum(wanted)
        return
    assert Counter(plan.values) >= Counter(wanted)
    assert sum(plan.values) == worth(found, plan)


@given(
    st.lists(st.sampled_from((1, 2, 8, 64)), max_size=60),
    st.lists(VALUES, max_size=8),
    st.integers(0, 200),
    st.integers(0, 40),
)
def test_restock_heads_for_the_policy(fresh: list[int], worn: list[int], account: int, room: int) -> None:
    found = shelf(fresh, worn)
    plan = vault_stock.restock(found, vault_policy=STOCK, account=account, room=room)
    if plan is None:
        return
    assert {unit.unit_id for unit in found.worn} <= set(plan.home), "what people cannot use goes home"
    assert sum(plan.values) <= worth(found, plan) + account
    assert len(plan.values) <= room + len(plan.home)
    now = Counter(afterwards(found, plan))
    for line in STOCK.stock:
        assert now[line.value] <= max(line.most, 0)
    again = vault_stock.restock(
        replace(found, fresh=tuple(units(afterwards(found, plan))), worn=()),
        vault_policy=STOCK,
        account=0,
        room=1000,
    )
    assert again is None or not again.home, "no to and fro"


def test_worn_and_old() -> None:
    """EPP-VLT-011; an expired unit is of no use to anybody."""
    held = [
        *units([1], hop=9),
        *units([2], hop=10, first=1),
        *units([4], expires=12, first=2),
        *units([8], expires=13, first=3),
        *units([16], expires=9, first=4),
    ]
    found = Shelf.sort(held, epoch=10, policy=policies.default(), vault_policy=STOCK)
    assert [unit.value for unit in found.fresh] == [8, 1]
    assert [unit.value for unit in found.worn] == [4, 2]


@given(st.lists(st.tuples(VALUES, st.integers(200, 40_000)), max_size=40), st.integers(1, 32))
def test_bundles_can_be_sent(sizes: list[tuple[int, int]], max_units: int) -> None:
    """EPP-TRF-060, EPP-TRF-014."""
    held = [
        replace(unit, size=size) for unit, (_, size) in zip(units([v for v, _ in sizes]), sizes, strict=True)
    ]
    by_id = {unit.unit_id: unit for unit in held}
    found = vault_stock.bundles(held, max_units=max_units, max_record=LIMIT, limit=200)
    assert sorted(unit_id for bundle in found for unit_id in bundle) == sorted(by_id)
    for bundle in found:
        chosen = [by_id[unit_id] for unit_id in bundle]
        amount = sum(unit.value for unit in chosen)
        assert (len(chosen) <= max_units, amount <= 200) == (True, True)
        assert redeliver_size(len(chosen), amount, sum(unit.size for unit in chosen)) <= LIMIT
    with pytest.raises(Refusal, match="amount-limit"):
        vault_stock.bundles(units([256]), max_units=1, max_record=LIMIT, limit=200)


# --- the policy as data ---


def test_the_default_policy(tmp_path: Path) -> None:
    assert VaultPolicy.from_file(tmp_path / "absent.toml", absent=DEFAULT) == vault_policy.default()
    assert vault_policy.default().stock[0] == Stock(value=1, least=4, most=40)
    assert Stock(value=1, least=4, most=40).wanted == 22


GOOD = "bulletin_seconds = 60\nexpiry_margin = 2\n"


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("", "bulletin_seconds: expected an integer from 1 to 1000000000; it is missing"),
        ("bulletin_seconds = 1", "expiry_margin: expected an integer from 0 to 1000000000; it is missing"),
        ("x", "expected TOML 1.0"),
        (GOOD + "more = 1", "more: expected one of the names"),
        (GOOD.replace("60", "0"), "bulletin_seconds: expected an integer from 1"),
        (GOOD.replace("60", "true"), "bulletin_seconds: expected an integer"),
        (GOOD.replace("2", "-1"), "expiry_margin: expected an integer from 0"),
        (GOOD + "stock = 1", "stock: expected a list"),
        (GOOD + "stock = [1]", "stock[0]: expected a table"),
        (
            GOOD + "[[stock]]\nvalue = 1\nleast = 0",
            "stock[0].most: expected an integer from 0 to 65535; it is missing",
        ),
        (GOOD + "[[stock]]\nvalue = 1\nleast = 0\nmost = 1\nx = 1", "stock[0].x: expected one of"),
        (GOOD + "[[stock]]\nvalue = 3\nleast = 0\nmost = 1", "stock[0].value: expected a power of two"),
        (GOOD + "[[stock]]\nvalue = 2\nleast = 2\nmost = 1", "stock[0].most: expected an integer from 2"),
        (GOOD + 2 * "[[stock]]\nvalue = 2\nleast = 0\nmost = 1\n", "stock[1].value: expected each denom"),
    ),
)
def test_a_policy_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "vault.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        VaultPolicy.from_file(path)
    assert words in str(caught.value)
    assert "vault.toml" in str(caught.value)


def test_a_policy_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "v.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="can be read"):
        VaultPolicy.from_file(tmp_path / "v.toml")
    with pytest.raises(SettingsError, match="can be read"):
        VaultPolicy.from_file(tmp_path)
