"""Policies made for one check, where the check is about a number that the policy gives (chapter 9)."""

from collections.abc import Mapping
from typing import Any

from eiraku.conformance.adapter.responses import Room
from eiraku.spec.objects import history_size

PURSES = ("person", "merchant")
PLENTY = (1 << 53) - 1
"""A limit that no check reaches unless it means to."""
UNITS_MAX = 64
HOPS_MAX = 255
RECORD_MAX = 65535
TABLES = Room.__struct_fields__
"""What a policy asks a purse to have room for."""


def least_record(max_hops: int) -> int:
    """The least `max_record` that a policy may have (EPP-POL-017)."""
    return 366 + history_size(min(max_hops + 1, HOPS_MAX - 1))


def operation(
    name: str,
    payer: tuple[str, ...],
    payee: tuple[str, ...],
    *,
    same_holder: bool,
    min_amount: int = 1,
    limits: Mapping[int, int],
) -> dict[str, Any]:
    """One operation in JSON form; `min_amount`, and `limits` by tier, in minor units."""
    return {
        "name": name,
        "payer": list(payer),
        "payee": list(payee),
        "same_holder": same_holder,
        "min_amount": min_amount,
        "limits": by_tier(limits),
    }


def by_tier(limits: Mapping[int, int]) -> dict[str, int]:
    """Limits with tiers as JSON has them."""
    return {str(tier): limit for tier, limit in limits.items()}


def policy(
    *,
    max_units: int = 16,
    capacity: int = 64,
    max_bulletin: int = 65536,
    max_hops: int = 10,
    max_record: int | None = None,
    max_given: int = 64,
    max_credited: int = 64,
    max_seen: int | None = None,
    min_life: int = 0,
    claim_grace: int = 3,
    min_amount: int = 1,
    balance_limits: Mapping[int, int] | None = None,
    transfer: Mapping[int, int] | None = None,
    own: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """A policy with the operations of the suite's own: transfers between holders from `min_amount` up to the
    limits `transfer`, pay-in and pay-out between a holder and a vault, and redemption, up to the limits
    `own`.
    """
    ample = {1: PLENTY}
    home = own or ample
    return {
        "max_units": max_units,
        "capacity": capacity,
        "max_bulletin": max_bulletin,
        "max_hops": max_hops,
        "max_record": max(16384, least_record(max_hops)) if max_record is None else max_record,
        "max_given": max_given,
        "max_credited": max_credited,
        "max_seen": 4 * capacity if max_seen is None else max_seen,
        "min_life": min_life,
        "claim_grace": claim_grace,
        "balance_limits": by_tier(balance_limits or ample),
        "operations": [
            operation(
                "transfer",
                PURSES,
                PURSES,
                same_holder=False,
                min_amount=min_amount,
                limits=transfer or ample,
            ),
            operation("pay-in", PURSES, ("vault",), same_holder=True, limits=home),
            operation("pay-out", ("vault",), PURSES, same_holder=True, limits=home),
            operation("redemption", (*PURSES, "vault"), ("centre",), same_holder=False, limits=home),
        ],
    }
