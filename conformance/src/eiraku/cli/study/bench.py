"""``eiraku bench``: what the reference costs, as ratios to its cryptographic primitives."""

import json

import click

HELD = (20, 200, 2000)


@click.command()
@click.option("--rounds", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--held",
    multiple=True,
    default=HELD,
    show_default=True,
    type=click.IntRange(1, 50_000),
    help="Units in a purse, to see growth.",
)
def main(rounds: int, held: tuple[int, ...], *, as_json: bool) -> int:
    """Measure the reference: handshake and transfer of 10 units against their cryptographic primitives,
    growth with the units held, sizes, adapter overhead.
    """
    from eiraku.cli.study.benchmarks.figures import run
    from eiraku.cli.study.benchmarks.show import show

    figures = run(rounds, held)
    if as_json:
        click.echo(json.dumps(figures, indent=2))
    else:
        show(figures)
    return 0
