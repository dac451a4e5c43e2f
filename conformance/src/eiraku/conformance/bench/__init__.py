"""``eiraku bench``: what the reference costs, as ratios to its cryptographic primitives.

Work and primitives are sampled in turn (`bench.sampling`), in processor time of both purses together, in one
process. "memory": purse memories in RAM; "disk": on the disk, each commit point synchronised. Ratios above 1
are what encoding, checking, bookkeeping and storage add.
"""

import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from eiraku.conformance.bench.counting import Counts

DEFAULT_ROUNDS = 60
HELD = (20, 200, 2000)
HELD_ROUNDS = 15
"""At most so many for each number of units held: purses with thousands take time to make."""
PARTS = ("handshake", "transfer")
FLOORS = ("openssl", "best")


def run(rounds: int, held: Sequence[int]) -> dict[str, Any]:
    """All figures, as plain data. Times in microseconds, sizes in bytes. `held`: see `bench.holding`."""
    from eiraku.conformance.bench import counting, holding, work

    counted = work.count()
    counts = {part: counting.by_name(counted[part]) for part in PARTS}
    figures: dict[str, Any] = {
        "rounds": rounds,
        "units": work.UNITS,
        "operations_us": _operations(rounds),
    }
    for part in PARTS:
        figures[part] = {
            "counts": {name: counts[part][name] for name in counting.OPERATIONS},
            "needed": {name: work.NEEDED[part].get(name) for name in counting.OPERATIONS},
        }
    for medium, place in work.media().items():
        rows = _against_the_floors(rounds, counted, place)
        for part in PARTS:
            figures[part][medium] = rows[part]
    figures["wire_bytes"] = work.wire_sizes()
    figures["held"] = holding.by_units_held(min(rounds, HELD_ROUNDS), next(iter(work.media().values())), held)
    sizes = work.growth()
    figures["unit_bytes_by_hop"] = sizes
    figures["growth_per_hop"] = max(b - a for a, b in pairwise(sizes))
    overhead = work.adapter_overhead()
    figures["adapter_us"] = {name: round(1e6 * seconds, 1) for name, seconds in overhead.items()}
    return figures


def _against_the_floors(rounds: int, counts: "dict[str, Counts]", place: str | None) -> dict[str, Any]:
    """What both parts cost with memories in the folder `place`."""
    from eiraku.conformance.bench import bare, sampling, work

    with tempfile.TemporaryDirectory(dir=place) as folder:
        payments = work.Payments(Path(folder))
        slices = {"order": payments.order}
        for part, call in (("handshake", payments.handshake), ("transfer", payments.transfer)):
            slices[f"{part} openssl"] = bare.floor(bare.OPENSSL, counts[part])
            slices[part] = call
            slices[f"{part} best"] = bare.floor(bare.BEST, counts[part])
        spent = sampling.alternate(slices, rounds, prepare=payments.prepare)
        payments.close()
    rows: dict[str, Any] = {}
    for part in PARTS:
        found = spent[part]
        rows[part] = {"median_us": found.microseconds, "elapsed_us": found.elapsed_microseconds}
        for name in FLOORS:
            least = spent[f"{part} {name}"]
            rows[part][name] = {"floor_us": least.microseconds, "ratio": sampling.ratio(found, least)}
    return rows


def _operations(rounds: int, times: int = 10) -> dict[str, dict[str, float]]:
    """Microseconds of each operation alone, over 256 bytes, by library."""
    from eiraku.conformance.bench import bare, sampling

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
        found[operation][name] = round(spent[f"{operation} {name}"].microseconds / times, 2)
    return found


@click.command("bench")
@click.option("--rounds", default=DEFAULT_ROUNDS, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--held",
    multiple=True,
    default=HELD,
    show_default=True,
    type=click.IntRange(1, 60_000),
    help="Units in a purse, to see growth.",
)
def command(rounds: int, held: tuple[int, ...], *, as_json: bool) -> None:
    """Measure the reference: handshake and transfer of 10 units against their cryptographic primitives,
    growth with the units held, sizes, adapter overhead.
    """
    figures = run(rounds, held)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    from eiraku.conformance.bench.show import show

    show(figures)


def main(arguments: list[str]) -> int:
    """For ``eiraku bench``. Returns an exit code."""
    command.main(arguments, prog_name="eiraku bench", standalone_mode=False)
    return 0
