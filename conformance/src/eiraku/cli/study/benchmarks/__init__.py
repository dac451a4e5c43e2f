"""``eiraku bench``: what the reference costs, as ratios to its cryptographic primitives.

Work and primitives are sampled in turn (`bench.sampling`), in processor time of both purses together, in one
process. "memory": purse memories in RAM; "disk": on the disk, each commit point synchronised. Ratios above 1
are what encoding, checking, bookkeeping and storage add.
"""

import json

import click


def run(rounds: int) -> dict[str, Any]:
    """All figures, as plain data. Times in microseconds, sizes in bytes."""
    from eiraku.cli.study.benchmarks import counting, work

    counts = work.count()
    costs = counting.bare_costs()
    measured = {name: work.measure(rounds, medium) for name, medium in work.media().items()}
    later_costs = counting.bare_costs()
    costs = {name: (costs[name] + later_costs[name]) / 2 for name in costs}
    figures: dict[str, Any] = {
        "rounds": rounds,
        "units": work.UNITS,
        "operations_us": {name: round(1000000.0 * cost, 2) for name, cost in costs.items()},
    }
    for part in ("handshake", "transfer"):
        floor = counting.floor(counts[part], costs)
        figures[part] = {
            "counts": {name: counts[part][name] for name in counting.OPERATIONS},
            "needed": {name: work.NEEDED[part].get(name) for name in counting.OPERATIONS},
            "floor_us": round(1000000.0 * floor, 1),
        }
        for name, found in measured.items():
            median = statistics.median(getattr(one, part) for one in found)
            figures[part][name] = {
                "median_us": round(1000000.0 * median, 1),
                "ratio": round(median / floor, 2),
            }
    sizes = work.growth()
    figures["wire_bytes"] = measured["disk"][0].sizes
    figures["unit_bytes_by_hop"] = sizes
    figures["growth_per_hop"] = max((b - a for a, b in pairwise(sizes)))
    overhead = work.adapter_overhead()
    figures["adapter_us"] = {name: round(1000000.0 * seconds, 1) for name, seconds in overhead.items()}
    return figures


DEFAULT_ROUNDS = 100
HELD = (20, 200, 2000)


@click.command("bench")
@click.option("--rounds", default=DEFAULT_ROUNDS, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--held",
    multiple=True,
    default=HELD,
    show_default=True,
    type=click.IntRange(1, 50_000),
    help="Units in a purse, to see growth.",
)
def command(rounds: int, held: tuple[int, ...], *, as_json: bool) -> None:
    """Measure the reference: handshake and transfer of 10 units against their cryptographic primitives,
    growth with the units held, sizes, adapter overhead.
    """
    from eiraku.cli.study.benchmarks.figures import run

    figures = run(rounds, held)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    from eiraku.cli.study.benchmarks.show import show

    show(figures)


def main(arguments: list[str]) -> int:
    """For ``eiraku bench``. Returns an exit code."""
    command.main(arguments, prog_name="eiraku bench", standalone_mode=False)
    return 0
