"""Every rule of a payment × how it is broken × when × where in the bundle × how large, in lock-step.

Each check is one fault. At level standard it runs the rows of that fault in which every two values meet once
over all faults (`lockstep.covering`), at full all rows.
"""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from eiraku.conformance.lockstep import answers, faults
from eiraku.conformance.suite.lockstep_rows import full, is_paid_by_the_wallet, pairwise, pays_the_wallet
from eiraku.conformance.tester.stage import Stage

ACCEPTED = ("EPP-TRF-045", "EPP-TRF-049", "EPP-CRS-002", "EPP-CRS-012")
"""What a payment without fault shows."""
PAID = ("EPP-TRF-012", "EPP-TRF-016", "EPP-TRF-018", "EPP-CRS-001", "EPP-CRS-003", "EPP-CRS-007")
PAYMENTS = {fault.name: fault.rules or ACCEPTED for fault in faults.ALL}
ANSWERS = {fault.name: fault.rules or PAID for fault in answers.ALL}


def _cases(rules: Mapping[str, Sequence[str]]) -> Iterable[object]:
    return [
        pytest.param(name, id=name, marks=pytest.mark.requirement(*cited)) for name, cited in rules.items()
    ]


@pytest.mark.parametrize("fault", _cases(PAYMENTS))
def test_payment_to_the_wallet(stage: Stage, check_seed: bytes, fault: str) -> None:
    """A payment with this fault comes to what the specification says, at any time, place and size."""
    for row in pairwise(tuple(PAYMENTS)):
        if row["fault"] == fault:
            pays_the_wallet(stage, check_seed, row)


@pytest.mark.level("full")
@pytest.mark.parametrize("fault", _cases(PAYMENTS))
def test_payment_to_the_wallet_in_full(stage: Stage, check_seed: bytes, fault: str) -> None:
    """The same, with every time, place and size crossed with every other."""
    for row in full(fault):
        pays_the_wallet(stage, check_seed, row)


@pytest.mark.parametrize("fault", _cases(ANSWERS))
def test_payment_by_the_wallet(stage: Stage, check_seed: bytes, fault: str) -> None:
    """What the wallet pays comes to what the specification says, whatever the payee answers."""
    for row in pairwise(tuple(ANSWERS), answer=True):
        if row["fault"] == fault:
            is_paid_by_the_wallet(stage, check_seed, row)


@pytest.mark.level("full")
@pytest.mark.parametrize("fault", _cases(ANSWERS))
def test_payment_by_the_wallet_in_full(stage: Stage, check_seed: bytes, fault: str) -> None:
    """The same, with every time and size crossed with every other."""
    for row in full(fault, answer=True):
        is_paid_by_the_wallet(stage, check_seed, row)
