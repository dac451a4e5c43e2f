"""``eiraku measure``: how fast parts of the money system are on this machine."""

import tempfile
from pathlib import Path

import click

from eiraku.cli.options import system_packages

_COLUMNS = (
    "entries",
    "inclusion",
    "consistency",
    "made in, us",
    "made in, us",
    "verified in, us (x SHA-256)",
    "verified in, us",
    "appended a second",
    "whole tree (x SHA-256)",
)
_OF_A_LIST = (
    "issued",
    "bytes of the list",
    "bits a number",
    "chunks",
    "bytes of the bulletin",
    "bytes of the delta",
    "lookup",
    "taken whole",
    "taken by the delta",
)


@click.group()
def main() -> None:
    """Measure parts of the money system on this machine; prints tables in Markdown."""


@main.command()
@click.option("--rounds", type=click.IntRange(1, 100), default=100, show_default=True)
def services(rounds: int) -> None:
    """A purse and its vault over HTTP, and within one process: medians, in milliseconds."""
    with system_packages("measure services"):
        from eiraku.cli.study.measure_services import measure

    with tempfile.TemporaryDirectory(prefix="eiraku-measure-") as folder:
        found = measure(Path(folder), rounds)
    click.echo("| | over HTTP, ms | in one process, ms | ratio |\n|---|---|---|---|")
    for name, (http, inside) in found.items():
        click.echo(f"| {name} | {http:.1f} | {inside:.1f} | {http / inside:.1f} |")


@main.command()
@click.option("--revoked", type=click.IntRange(10), default=1_000_000, show_default=True)
@click.option("--changes", type=click.IntRange(2), default=1000, show_default=True, help="In the delta.")
@click.argument("issued", type=click.IntRange(20), nargs=-1, required=True, metavar="ISSUED...")
def bulletins(issued: tuple[int, ...], revoked: int, changes: int) -> None:
    """A list of so many revoked of ISSUED numbers: its bytes, and processor time and memory of a purse."""
    from eiraku.cli.study.measure_bulletins import measure

    click.echo(f"| {' | '.join(_OF_A_LIST)} |\n{'|---' * len(_OF_A_LIST)}|")
    for count in issued:
        if count < revoked + changes:
            raise click.UsageError(f"expected more than {revoked + changes} issued numbers, found {count}")
        with tempfile.TemporaryDirectory(prefix="eiraku-measure-") as folder:
            found = measure(Path(folder), issued=count, revoked=revoked, changes=changes)
        row = (
            f"{count:,}",
            f"{found.listed:,}",
            f"{8 * found.listed / revoked:.2f}",
            f"{found.chunks}",
            f"{found.signed:,}",
            f"{found.delta:,}",
            f"{1000 * found.lookup:.1f} ms",
            f"{found.whole:.1f} s, {found.whole_memory / 2**20:.1f} MiB",
            f"{found.by_delta:.1f} s, {found.delta_memory / 2**20:.1f} MiB",
        )
        click.echo(f"| {' | '.join(row)} |")


@main.command()
@click.argument("sizes", type=click.IntRange(3), nargs=-1, required=True, metavar="SIZE...")
def wholesale(sizes: tuple[int, ...]) -> None:
    """The register and the proofs of its log, for logs of SIZE entries."""
    from eiraku.cli.study.measure_wholesale import postings, proofs

    with tempfile.TemporaryDirectory(prefix="eiraku-measure-") as folder:
        single, together = postings(Path(folder))
        click.echo(f"postings a second: {single:,.0f} one by one, {together:,.0f} in one write\n")
        click.echo(f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|")
        for size in sizes:
            click.echo(proofs(Path(folder), size))
