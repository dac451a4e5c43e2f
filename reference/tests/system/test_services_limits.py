"""Token buckets (EPP-SVC-048), and the change that a vault hands out (EPP-VLT-005)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.services.limits import BUCKETS, Buckets, Rate, client_key
from eiraku.system.vault.filling import purseful


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    rate=st.floats(0.5, 100),
    burst=st.integers(1, 20),
    steps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_never_more_than_the_rate_and_one_burst(rate: float, burst: int, steps: list[float]) -> None:
    # EPP-SVC-048
    clock = Clock()
    buckets = Buckets(limit=Rate(rate=rate, burst=burst), clock=clock)
    granted: list[float] = []
    for step in steps:
        clock.now += step
        try:
            buckets.take("client")
        except ServiceRefused as refused:
            assert refused.code == "rate-limited"  # noqa: PT017 - either way is right, but only this refusal
        else:
            granted.append(clock.now)
    for first, moment in enumerate(granted):
        for last in range(first, len(granted)):
            assert last - first + 1 <= burst + (granted[last] - moment) * rate + 1e-6


def test_one_client_is_not_another_and_floods_cost_no_memory() -> None:
    # EPP-SVC-048
    buckets = Buckets(limit=Rate(rate=1, burst=1), clock=Clock())
    buckets.take("first")
    with pytest.raises(ServiceRefused):
        buckets.take("first")
    for number in range(BUCKETS + 10):
        buckets.take(number)
    assert len(buckets._known) == BUCKETS


@pytest.mark.parametrize(
    ("address", "key"),
    (
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("", ""),
        ("testclient", "testclient"),
    ),
)
def test_what_counts_as_one_client(address: str, key: str) -> None:
    # EPP-SVC-048
    assert client_key(address) == key


@given(amount=st.integers(1, 2**40), most=st.integers(1, 40))
def test_change_is_exact_and_fits(amount: int, most: int) -> None:
    # EPP-VLT-005
    values = purseful(amount, most=most)
    if not values:
        assert amount.bit_count() > most
        return
    assert sum(values) == amount
    assert len(values) <= most
    assert all(value.bit_count() == 1 for value in values)
    assert all(a >= b for a, b in pairwise(values))


@given(amount=st.integers(1, 5000))
def test_every_smaller_amount_can_be_paid(amount: int) -> None:
    # EPP-VLT-005
    reachable = {0}
    for value in purseful(amount, most=32):
        reachable |= {value + sum_ for sum_ in reachable}
    assert reachable == set(range(amount + 1))
