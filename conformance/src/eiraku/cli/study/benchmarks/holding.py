"""What an order and a transfer cost by how many units the two purses hold: it should not grow with them."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from eiraku.cli.study.benchmarks import sampling
from eiraku.cli.study.benchmarks.work import PARTS, Payments


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

        slices: dict[str, Callable[[], None]] = {}
        for size, one in payments.items():
            slices[f"{size} order"] = one.order
            slices[f"{size} handshake"] = partial(one.steps, PARTS["handshake"])
            slices |= {f"{size} {name}": partial(one.step, name) for name in PARTS["transfer"]}
        spent = sampling.alternate(slices, rounds, prepare=prepare)
    rows = []
    for size in sizes:
        row: dict[str, Any] = {"units": size}
        for part, names in (("order", ("order",)), ("transfer", PARTS["transfer"])):
            found = [spent[f"{size} {name}"] for name in names]
            least = [spent[f"{sizes[0]} {name}"] for name in names]
            row[part] = {"us": round(sampling.total(found), 1), "ratio": sampling.ratio(found, least)}
        rows.append(row)
    return rows
