"""The figures of ``eiraku bench``, as plain data."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from eiraku.cli.study.benchmarks import bare, counting, holding, sampling, work
from eiraku.cli.study.benchmarks.counting import Counts

HELD_ROUNDS = 20
"""At most so many for each number of units held: purses with thousands take time to make."""
FLOORS = ("openssl", "best")


def run(rounds: int, held: Sequence[int]) -> dict[str, Any]:
    """All figures, as plain data. Times in microseconds, sizes in bytes. `held`: see `bench.holding`."""
    counted = work.count()
    counts = work.by_part(counted)
    figures: dict[str, Any] = {
        "rounds": rounds,
        "units": work.UNITS,
        "operations_us": _operations(rounds),
    }
    for part in work.PARTS:
        figures[part] = {
            "counts": {name: counts[part][name] for name in counting.OPERATIONS},
            "needed": {name: work.NEEDED[part].get(name) for name in counting.OPERATIONS},
        }
    for medium, place in work.media().items():
        rows = _against_the_floors(rounds, counted, place)
        for part in work.PARTS:
            figures[part][medium] = rows[part]
    figures["wire_bytes"] = work.wire_sizes()
    figures["held"] = holding.by_units_held(min(rounds, HELD_ROUNDS), next(iter(work.media().values())), held)
    sizes = work.growth()
    figures["unit_bytes_by_hop"] = sizes
    figures["growth_per_hop"] = max(b - a for a, b in pairwise(sizes))
    overhead = work.adapter_overhead()
    figures["adapter_us"] = {name: round(1e6 * seconds, 1) for name, seconds in overhead.items()}
    return figures


def _against_the_floors(rounds: int, counts: Mapping[str, Counts], place: str | None) -> dict[str, Any]:
    """What both parts cost with memories in the folder `place`."""
    with tempfile.TemporaryDirectory(dir=place) as folder:
        payments = work.Payments(Path(folder))
        slices: dict[str, Callable[[], object]] = {"order": payments.order}
        # each part in one go, as in life, between its two floors
        for steps in work.PARTS.values():
            slices |= {f"{step} openssl": bare.floor(bare.OPENSSL, counts[step]) for step in steps}
            slices |= {step: partial(payments.step, step) for step in steps}
            slices |= {f"{step} best": bare.floor(bare.BEST, counts[step]) for step in steps}
        spent = sampling.alternate(slices, rounds, prepare=payments.prepare)
        payments.close()
    rows: dict[str, Any] = {}
    for part, steps in work.PARTS.items():
        found = [spent[step] for step in steps]
        rows[part] = {
            "us": round(sampling.total(found), 1),
            "elapsed_us": round(sum(one.passed for one in found), 1),
        }
        for floor in FLOORS:
            least = [spent[f"{step} {floor}"] for step in steps]
            rows[part][floor] = {
                "floor_us": round(sampling.total(least), 1),
                "ratio": sampling.ratio(found, least),
            }
    return rows


def _operations(rounds: int, times: int = 10) -> dict[str, dict[str, float]]:
    """Microseconds of each operation alone, over 256 bytes, by library."""
    libraries = {"openssl": bare.OPENSSL, "libsodium": bare.SODIUM}
    calls = {
        (operation, name): bare.repeated(library, operation, times)
        for operation in bare.OPENSSL
        for name, library in libraries.items()
        if operation in library
    }
    spent = sampling.alternate({f"{a} {b}": call for (a, b), call in calls.items()}, rounds)
    found: dict[str, dict[str, float]] = {operation: {} for operation in bare.OPENSSL}
    for operation, name in calls:
        found[operation][name] = round(spent[f"{operation} {name}"].cost / times, 2)
    return found
