"""``eiraku bench``: what the reference costs, as ratios to its cryptographic primitives.

Work and primitives are sampled in turn (`bench.sampling`), in processor time of both purses together, in one
process. "memory": purse memories in RAM; "disk": on the disk, each commit point synchronised. Ratios above 1
are what encoding, checking, bookkeeping and storage add.
"""

import json

import click

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
