"""What an order and a transfer cost by how many units the two purses hold: it should not grow with them."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from eiraku.conformance.bench import sampling
from eiraku.conformance.bench.work import Payments


def by_units_held(rounds: int, medium: str | None, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each size: microseconds of order and transfer, and their ratios to those of the first size.

    The sizes take turns in each round. `medium`: where the memories are, see `work.media`.
    """
    with ExitStack() as open_:
        payments = {}
        for size in sizes:
            folder = open_.enter_context(tempfile.TemporaryDirectory(dir=medium))
            # New purses before the payer's units are fewer by more than a fifth, but not for every session.
            payments[size] = Payments(Path(folder), held=size, sessions=1 + size // 50)
            open_.callback(payments[size].close)

        def prepare() -> None:
            for one in payments.values():
                one.prepare()

        slices = {}
        for size, one in payments.items():
            slices[f"order {size}"] = one.order
            slices[f"handshake {size}"] = one.handshake
            slices[f"transfer {size}"] = one.transfer
        spent = sampling.alternate(slices, rounds, prepare=prepare)
    rows = []
    for size in sizes:
        row: dict[str, Any] = {"units": size}
        for part in ("order", "transfer"):
            found = spent[f"{part} {size}"]
            row[part] = {
                "median_us": found.microseconds,
                "ratio": sampling.ratio(found, spent[f"{part} {sizes[0]}"]),
            }
        rows.append(row)
    return rows
