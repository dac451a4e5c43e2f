"""``eiraku vault``: what the operator of a vault does with its units, while it is not served."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eiraku.cli.failures import told
from eiraku.cli.options import system_packages
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from eiraku.system.vault.vault import Vault

VALUES = click.argument("values", nargs=-1, required=True, type=click.IntRange(min=1), metavar="VALUE...")


@click.group()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.argument("holder")
@click.pass_context
def main(ctx: click.Context, directory: Path, holder: str) -> None:
    """Operate the vault of HOLDER in DIRECTORY, made by `eiraku serve --init`, while it is not served.

    VALUE is a denomination: 1, 2, 4, ... Exit code 0: done; 1: refused, and why; 2: misuse; 3: begun, and not
    complete: say `settle`.
    """
    ctx.obj = (directory, holder)


@contextlib.contextmanager
def _vault(where: tuple[Path, str]) -> Iterator["Vault"]:
    """The vault, its bulletin confirmed; errors as one sentence."""
    directory, holder = where
    with system_packages("vault"):
        from eiraku.system.services import scheme

    with told(opening=True), scheme.open_(directory) as opened:
        found = opened.vaults.get(holder)
        if found is None:
            known = ", ".join(opened.vaults) or "none; add one in services.toml"
            raise click.ClickException(f"{holder} has no vault here; there are those of {known}")
        vault = found.vault

        def words(error: EirakuError) -> str:
            if isinstance(error, Unavailable):
                return f"not complete: {error}; next: eiraku vault {directory} {holder} settle"
            return f"{error}; nothing is lost"

        with told(words=words):
            vault.refresh()
            yield vault


def _units(vault: "Vault") -> str:
    counts = Counter(unit.value for unit in vault.device.store.summaries())
    return " + ".join(f"{count} x {value}" for value, count in sorted(counts.items())) or "none"


def _done(vault: "Vault", work: Callable[[], Any]) -> int:
    """Do it, after what was interrupted before; say what there is then."""
    vault.settle()
    if work() is False:
        click.echo("nothing to do")
    click.echo(f"units {_units(vault)}; balance {vault.balance}, account {vault.account()}")
    return 0


@main.command()
@click.pass_obj
def status(where: tuple[Path, str]) -> int:
    """What it holds, has, owes to say, and has under way."""
    with _vault(where) as vault:
        pending = vault.device.store.pendings()
        click.echo(f"vault      {vault.number.hex()}, epoch {vault.epoch}")
        click.echo(f"bulletin   confirmed {round(time.time() - (vault.freshness.confirmed or 0))} s ago")
        click.echo(f"units      {_units(vault)}")
        click.echo(f"balance    {vault.balance}")
        click.echo(f"account    {vault.account()}")
        for each in pending:
            click.echo(f"pending    {each.amount} to {each.payee.hex()}, {each.transaction.hex()}")
        for issue in vault.issues.waiting():
            click.echo(f"waiting    an issue: {issue.reason}")
        for audience in ("device-centre", "issuing-centre"):
            due, refused = len(vault.reports.due(audience)), len(vault.reports.due(audience, refused=True))
            if due or refused:
                click.echo(f"reports    {due} for the {audience}, {refused} refused by it")
    return 0


@main.command()
@VALUES
@click.pass_obj
def issue(where: tuple[Path, str], *, values: tuple[int, ...]) -> int:
    """Draw units of these values from the account."""
    with _vault(where) as vault:
        return _done(vault, lambda: vault.issue(values))


@main.command()
@VALUES
@click.pass_obj
def exchange(where: tuple[Path, str], *, values: tuple[int, ...]) -> int:
    """Get units of these values for others."""
    with _vault(where) as vault:
        return _done(vault, lambda: vault.exchange(values))


@main.command()
@click.argument("amount", type=click.IntRange(min=1), required=False)
@click.pass_obj
def redeem(where: tuple[Path, str], *, amount: int | None) -> int:
    """Redeem units that make up AMOUNT, or all of them."""
    with _vault(where) as vault:
        return _done(vault, lambda: vault.redeem(amount))


@main.command()
@click.pass_obj
def restock(where: tuple[Path, str]) -> int:
    """Bring the stock to what DIRECTORY/vaults/HOLDER.toml says."""
    with _vault(where) as vault:
        return _done(vault, vault.restock)


@main.command()
@click.pass_obj
def settle(where: tuple[Path, str]) -> int:
    """Complete whatever was interrupted."""
    with _vault(where) as vault:
        return _done(vault, lambda: None)


@main.command()
@click.argument("transaction")
@click.pass_obj
def claim(where: tuple[Path, str], *, transaction: str) -> int:
    """Claim a pending payment whose receipt never comes (see `status`)."""
    try:
        name = bytes.fromhex(transaction)
    except ValueError:
        raise click.UsageError(f"expected 32 hexadecimal digits, found {transaction!r}") from None
    with _vault(where) as vault:
        state = vault.claim(name)
        click.echo(f"the issuing centre says: {state}")
    return int(state == "refused")
