"""``eiraku selfcheck``: is it the adapter? Run it before the wallet is judged."""

from typing import Any

import click

from eiraku.cli.options import SELECTOR, timeout_option
from eiraku.conformance.adapter.selfcheck import Item, run_selfcheck
from eiraku.conformance.results import FAILURES, Outcome
from eiraku.report.text import visible


@click.command()
@click.argument("selector", type=SELECTOR)
@timeout_option
def main(*, selector: str, timeout: float) -> int:
    """Check that the adapter at SELECTOR speaks the protocol and tells the truth.

    Exit code 0: it does; 1: it does not; 2: it cannot be reached; 3: interrupted.
    """
    items: list[Item] = []
    for item in run_selfcheck(selector, timeout=timeout, provisioning=_provisioning()):
        items.append(item)
        click.echo(f"{item.outcome:<15}{item.name}")
        if item.detail:
            click.echo(f"{'':<15}{visible(item.detail)}")
    bad = sum(item.outcome in FAILURES for item in items)
    warned = sum(item.outcome is Outcome.WARN for item in items)
    if bad:
        click.echo(f"\n{bad} of {len(items)} items failed: mend the adapter before the wallet is judged.")
        return 1
    click.echo("\nThe adapter is sound." + (f" {warned} warning(s), see above." if warned else ""))
    return 0


def _provisioning() -> dict[str, Any]:
    """A valid purse with 10 minor units, from the suite's own small world."""
    from eiraku.conformance.tester.world import World
    from eiraku.reference.policy import default

    world = World(bytes(32), default().to_mapping())
    return world.provisioning([world.holding(value, holder=world.wallet.number) for value in (8, 2)])
