"""Seigniorage to the last minor unit, and the value of a basket."""

import random
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference.settings import SettingsError
from eiraku.spec.errors import Refused
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import register, seigniorage, vectors
from eiraku.system.wholesale.basket import Basket
from eiraku.system.wholesale.errors import BasketError
from eiraku.system.wholesale.register import Register
from eiraku.testing.wholesale import SDR

# --- seigniorage ---

weights = st.dictionaries(st.integers(1, 65535), st.integers(0, 10**20), min_size=1, max_size=12).filter(
    lambda found: any(found.values())
)
results = st.integers(-(10**15), 10**15)


# EPP-WHS-006
@given(results, weights)
def test_shares_sum_to_the_result_and_keep_the_quota(result: int, by: dict[int, int]) -> None:
    shares = seigniorage.share(result, by)
    assert sum(shares.values()) == result
    assert shares.keys() == by.keys()
    total = sum(by.values())
    for economy, share in shares.items():
        assert abs(Fraction(result * by[economy], total) - share) < 1
        assert share * result >= 0


# EPP-WHS-006
@given(results, weights, st.randoms())
def test_shares_do_not_depend_on_the_order(result: int, by: dict[int, int], draw: random.Random) -> None:
    pairs = list(by.items())
    draw.shuffle(pairs)
    assert seigniorage.share(result, dict(pairs)) == seigniorage.share(result, by)


# EPP-WHS-037
@given(results, weights)
def test_a_loss_is_shared_as_a_gain_is(result: int, by: dict[int, int]) -> None:
    mirrored = {economy: -share for economy, share in seigniorage.share(result, by).items()}
    assert seigniorage.share(-result, by) == mirrored


# EPP-WHS-006
@given(results, weights)
def test_more_weight_never_gets_less(result: int, by: dict[int, int]) -> None:
    shares = seigniorage.share(abs(result), by)
    order = sorted(by, key=lambda economy: (by[economy], -economy))
    assert [shares[economy] for economy in order] == sorted(shares.values())


# EPP-WHS-006
def test_ties_go_to_the_smaller_number() -> None:
    assert seigniorage.share(2, {702: 1, 392: 1, 764: 1}) == {392: 1, 702: 1, 764: 0}
    assert seigniorage.share(-1, {702: 1, 392: 1}) == {392: -1, 702: 0}
    assert seigniorage.share(10, {1: 6, 2: 6, 3: 2}) == {1: 4, 2: 4, 3: 2}
    assert seigniorage.share(7, {1: 3, 2: 2, 3: 0}) == {1: 4, 2: 3, 3: 0}


# EPP-WHS-038
def test_nothing_to_share_needs_no_weight() -> None:
    assert seigniorage.share(0, {1: 0, 2: 0}) == {1: 0, 2: 0}
    assert seigniorage.share(0, {}) == {}
    for by in ({}, {1: 0}):
        with pytest.raises(Refused, match="nobody contributed anything in the period"):
            seigniorage.share(5, by)
    with pytest.raises(Refused, match="weights of 0 or more"):
        seigniorage.share(5, {1: -1, 2: 2})


@pytest.fixture
def entries() -> list[Entry]:
    log = Register.create(Database("sqlite://", register.SCHEMA), origin="a", epoch=1, random=bytes)
    vectors.play(log)
    return list(log.entries())


# EPP-WHS-006
def test_weights_are_bonds_at_the_end_of_each_epoch(entries: list[Entry]) -> None:
    """Computed here epoch by epoch; bonds after epochs 1, 2, 3 follow from the table of chapter 15."""
    bonds = {
        1: (5_000_000, 2_000_000, 0),
        2: (4_600_000, 2_000_000, 400_000),
        3: (3_700_000, 1_950_000, 350_000),
    }
    for first in range(6):
        for last in range(max(first, 1), 7):
            expected = [
                sum(bonds[min(epoch, 3)][member] for epoch in range(max(first, 1), last + 1))
                for member in range(3)
            ]
            found = seigniorage.weights(entries, first=first, last=last)
            assert found == dict(zip((392, 702, 764), expected, strict=True)), (first, last)
    assert seigniorage.weights(entries, first=0, last=0) == {}


# EPP-WHS-006
def test_a_statement(entries: list[Entry]) -> None:
    made = seigniorage.statement(
        entries, epoch=4, first=1, last=3, income=1_000_001, cost=300_000, investment=1
    )
    assert made.result == 700_000
    assert sum(made.shares.values()) == 700_000
    assert dict(made.shares) == {392: 465_500, 702: 208_250, 764: 26_250}
    loss = seigniorage.statement(entries, epoch=4, first=1, last=3, income=0, cost=7, investment=0)
    assert sum(loss.shares.values()) == loss.result == -7


# EPP-WHS-036
def test_a_statement_of_no_period(entries: list[Entry]) -> None:
    for first, last in ((3, 2), (-1, 2)):
        with pytest.raises(Refused, match="does not end before it begins"):
            seigniorage.statement(entries, epoch=9, first=first, last=last, income=1, cost=0, investment=0)
    for wrong in ("income", "cost", "investment"):
        amounts = {"income": 0, "cost": 0, "investment": 0, wrong: -1}
        with pytest.raises(Refused, match=f"{wrong}: expected 0 or more"):
            seigniorage.statement(entries, epoch=3, first=1, last=2, **amounts)
    with pytest.raises(Refused, match="the period is not over"):
        seigniorage.statement(entries, epoch=3, first=1, last=3, income=1, cost=0, investment=0)


# EPP-WHS-006
def test_bonds_that_come_in_the_last_epoch_count_for_one_epoch() -> None:
    def made(kind: Kind, epoch: int, amount: int, economy: int) -> Entry:
        return Entry(posting=bytes(16), kind=kind, epoch=epoch, economy=economy, at=economy, amount=amount)

    log = [
        made(Kind.JOIN, 0, 0, 1),
        made(Kind.CONTRIBUTE, 0, 10, 1),
        made(Kind.JOIN, 12, 0, 2),
        made(Kind.CONTRIBUTE, 12, 120, 2),
        made(Kind.CONTRIBUTE, 13, 999, 2),
    ]
    assert seigniorage.weights(log, first=1, last=12) == {1: 120, 2: 120}


# --- basket ---

DAY = date(2011, 10, 19)


# EPP-WHS-007
def test_the_sdr_of_19_october_2011() -> None:
    """Amounts, rates and result as the International Monetary Fund published them: SDR 1 = US$ 1.57861."""
    assert Basket.from_toml(SDR).value(DAY) == Decimal("1.57861")


# EPP-WHS-007
def test_the_example_of_the_chapter_is_the_same() -> None:
    chapter = (Path(__file__).parents[3] / "spec" / "15-wholesale.md").read_text(encoding="utf-8")
    example = chapter.partition("```toml\n")[2].partition("```")[0]
    assert Basket.from_toml(example) == Basket.from_toml(SDR)


def basket(amount: str, rate: str, decimals: int) -> Basket:
    return Basket.from_toml(
        f'unit = "ACU"\nquote = "USD"\ndate = 2011-10-19\nmax_age = 9\ndecimals = {decimals}\n'
        f'minor_digits = 2\n[amounts]\nJPY = "{amount}"\n[rates]\nJPY = "{rate}"\n'
    )


# EPP-WHS-007
@pytest.mark.parametrize(
    ("amount", "rate", "decimals", "value"),
    (
        ("0.5", "1", 0, "0"),
        ("1.5", "1", 0, "2"),
        ("2.5", "1", 0, "2"),
        ("0.125", "1", 2, "0.12"),
        ("0.375", "1", 2, "0.38"),
        ("0.1250000000000001", "1", 2, "0.13"),
        # Rounded twice, first to 3 decimals, this would become 0.2.
        ("0.1499", "1", 1, "0.1"),
        ("123456789012345678.123456789012345678", "1", 18, "123456789012345678.123456789012345678"),
        ("999999999999999999.5", "999999999999999999", 1, "999999999999999998500000000000000000.5"),
    ),
)
def test_rounded_once_half_to_even(amount: str, rate: str, decimals: int, value: str) -> None:
    found = basket(amount, rate, decimals).value(DAY)
    assert str(found) == value or format(found, "f") == value


# EPP-WHS-007
def test_conversion_is_from_the_exact_value() -> None:
    found = Basket.from_toml(SDR)
    exact = Fraction("0.4230") * Fraction("1.3845") + Fraction("0.1110") * Fraction("1.5801")
    exact += Fraction("12.1") / Fraction("76.79") + Fraction("0.66")
    assert found.convert("1000000", "JPY", DAY) == round(1_000_000 / Fraction("76.79") / exact * 100)
    assert found.convert("1", "USD", DAY) == 63
    assert found.inverse(DAY) == Decimal("0.63347")
    for amount, currency in (("1", "CHF"), ("0", "USD"), ("-1", "USD"), ("1e3", "USD"), ("", "USD")):
        with pytest.raises(BasketError, match="expected"):
            found.convert(amount, currency, DAY)


# EPP-WHS-012
@pytest.mark.parametrize(
    ("old", "new", "said"),
    (
        ('EUR = "1.38450"', "", "rates: expected a rate for EUR, here or under inverse_rates"),
        ('EUR = "1.38450"', 'EUR = "0"', "basket: rates.EUR: expected a decimal number above"),
        (
            'EUR = "1.38450"',
            'EUR = "-1.3"',
            "basket: rates.EUR: expected a decimal number above",
        ),
        (
            'EUR = "1.38450"',
            "EUR = 1.38450",
            "basket: rates.EUR: expected a decimal number above",
        ),
        ('EUR = "1.38450"', 'EUR = "NaN"', "basket: rates.EUR: expected a decimal number above"),
        ('EUR = "1.38450"', 'EUR = "1e9"', "basket: rates.EUR: expected a decimal number above"),
        (
            'EUR = "1.38450"',
            'EUR = "1.3845\\n"',
            "basket: rates.EUR: expected a decimal number above",
        ),
        (
            'EUR = "1.38450"',
            'EUR = "\uff11.3"',
            "basket: rates.EUR: expected a decimal number above",
        ),
        ('JPY = "76.79000"', 'JPY = "0.000"', "inverse_rates.JPY: expected a decimal number above zero"),
        ('JPY = "76.79000"', 'JPY = "1"\nEUR = "2"', "inverse_rates.EUR: expected each rate once"),
        (
            'GBP = "1.58010"',
            'GBP = "1.58010"\nUSD = "1"',
            "rates.USD: expected no rate of the quote",
        ),
        (
            'GBP = "1.58010"',
            'GBP = "1.58010"\nCHF = "1"',
            "rates.CHF: expected currencies of the bask",
        ),
        ('EUR = "0.4230"', 'EUR = "0"', "amounts.EUR: expected a decimal number above zero"),
        (
            'EUR = "0.4230"',
            'EURO = "1"',
            "amounts.EURO: expected a code of three capital",
        ),
        ('quote = "USD"', 'quote = "usd"', "quote: expected a code of three capital letters, found 'usd'"),
        ('quote = "USD"', "", "quote: expected a code of three capital letters; it is missing"),
        ("date = 2011-10-19", 'date = "2011-10-19"', "date: expected a date such as"),
        ("date = 2011-10-19", "date = 2011-10-19T00:00:00", "date: expected a date such as"),
        ("max_age = 1", "max_age = -1", "max_age: expected an integer from 0 to 366, found -1"),
        ("max_age = 1", "max_age = true", "max_age: expected an integer from 0 to 366, found True"),
        ("decimals = 5", "decimals = 19", "decimals: expected an integer from 0 to 18, found 19"),
        ("decimals = 5", 'decimals = 5\nbase = "x"', "base: expected one of the names unit, quote, date"),
        ("decimals = 5", "decimals = 5 5", "basket: expected TOML 1.0"),
    ),
)
def test_a_basket_with_something_wrong(old: str, new: str, said: str) -> None:
    assert old in SDR
    with pytest.raises(SettingsError, match=said):
        Basket.from_toml(SDR.replace(old, new, 1))


def test_a_basket_of_nothing() -> None:
    head = SDR.partition("[amounts]")[0]
    for tail in ("", "amounts = 3", "[amounts]"):
        with pytest.raises(SettingsError, match="amounts: expected"):
            Basket.from_toml(head + tail)


# EPP-WHS-012
def test_rates_of_another_day() -> None:
    found = Basket.from_toml(SDR)
    assert found.value(date(2011, 10, 20)) == found.value(DAY)
    with pytest.raises(BasketError, match="2 days old on 2011-10-21, at most 1 allowed; state newer ones"):
        found.value(date(2011, 10, 21))
    with pytest.raises(BasketError, match="after 2011-10-18; name a later day"):
        found.value(date(2011, 10, 18))
