"""``eiraku purse``: a person's purse in a file, with the services of its scheme."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import Hex, system_packages
from eiraku.spec.errors import EirakuError, Misuse, Unavailable

if TYPE_CHECKING:
    from eiraku.system.services.wallet import Wallet

_AMOUNT = click.IntRange(1, 2**53 - 1)
_FILE = click.Path(path_type=Path, dir_okay=False)
_ADVICE = {
    "no-exact-change": "; for change, pay-in without an amount and pay-out again",
    "insufficient-funds": "; ask for less, or have the vault's account funded",
    "enrolment-code": "; the operator makes one with eiraku serve DIRECTORY --invite HOLDER",
    "purse-revoked": "; ask the operator why",
}
"""What to do, after what was refused."""


@click.group()
@click.argument("file", type=_FILE)
@click.pass_context
def main(context: click.Context, *, file: Path) -> None:
    """The purse in FILE; beside it, FILE.json remembers where its services are.

    Amounts are in minor units. Exit code 0: done; 1: refused; 2: misuse; 3: not finished, do it again.
    """
    context.obj = file


@main.command()
@click.option("--server", required=True, metavar="URL", help="Address of the services.")
@click.option("--code", required=True, help="Enrolment code that the operator gave.")
@click.option("--ca", type=_FILE, default=None, help="PEM file of who signs the server's certificate.")
@click.option("--cert", type=_FILE, default=None, help="PEM file of your certificate, if it asks for one.")
@click.option("--key", type=_FILE, default=None, help="PEM file of the certificate's key.")
@click.pass_obj
def create(
    file: Path, *, server: str, code: str, ca: Path | None, cert: Path | None, key: Path | None
) -> int:
    """Make a new purse and enrol it; again, if it was interrupted."""
    with system_packages("purse"):
        from eiraku.system.services.notes import Reach
        from eiraku.system.services.wallet import Wallet

    with told(words=_words):
        reach = Reach(server=server, ca=ca, cert=cert, key=key)
        with Wallet.create(file, reach=reach, code=code) as wallet:
            click.echo(f"purse {wallet.claims.number.hex()}, good until epoch {wallet.claims.expires}")
    return 0


@main.command()
@click.pass_obj
def show(file: Path) -> int:
    """What is in the purse."""
    with _open(file) as wallet:
        now, claims = wallet.snapshot(), wallet.claims
        click.echo(f"purse    {claims.number.hex()}, {claims.role.name.lower()}, tier {claims.tier}")
        click.echo(f"good     until epoch {claims.expires}; it is epoch {now.epoch}")
        click.echo(f"balance  {now.balance} in {len(now.units)} units")
        for pending in now.pending:
            click.echo(f"pending  {pending.amount} to {pending.payee.hex()}, {pending.transaction.hex()}")
    return 0


@main.command("pay-out")
@click.argument("amount", type=_AMOUNT)
@click.pass_obj
def pay_out(file: Path, *, amount: int) -> int:
    """Take AMOUNT out of the holder's vault into the purse."""
    with _open(file) as wallet:
        came = wallet.pay_out(amount)
        _tell(f"{came} came", came, amount, wallet)
    return 0


@main.command("pay-in")
@click.argument("amount", type=_AMOUNT, required=False)
@click.pass_obj
def pay_in(file: Path, *, amount: int | None) -> int:
    """Pay AMOUNT, or everything, into the holder's vault; what was interrupted before is finished instead."""
    with _open(file) as wallet:
        went = wallet.pay_in(amount)
        _tell(f"{went} went", went, amount or went, wallet)
    return 0


@main.command()
@click.argument("amount", type=_AMOUNT)
@click.argument("other", type=_FILE)
@click.option("--payee", type=Hex(8), help="Number of the purse that is meant; no other is paid.")
@click.pass_obj
def pay(file: Path, *, amount: int, other: Path, payee: bytes | None) -> int:
    """Pay AMOUNT to the purse in the file OTHER; offline, no service is asked."""
    _two(file, other)
    with _open(file) as payer, _open(other) as met:
        went = payer.pay(amount, met, payee=payee)
        _tell(f"{went} went", went, amount, payer)
    return 0


@main.command()
@click.argument("amount", type=_AMOUNT)
@click.argument("other", type=_FILE)
@click.pass_obj
def receive(file: Path, *, amount: int, other: Path) -> int:
    """Get AMOUNT from the purse in the file OTHER; offline, this purse speaks first."""
    _two(file, other)
    with _open(file) as payee, _open(other) as payer:
        came = payee.receive(amount, payer)
        _tell(f"{came} came", came, amount, payee)
    return 0


@main.command()
@click.pass_obj
def claim(file: Path) -> int:
    """Claim every pending payment at the issuing centre, for the account of the holder's vault."""
    with _open(file) as wallet:
        states = wallet.claim()
        if not states:
            click.echo("nothing is pending")
        for transaction, state in states.items():
            click.echo(f"{transaction} {state}")
    return int("refused" in states.values())


@main.command()
@click.option("--expires", type=click.IntRange(0, 2**32 - 1), required=True, help="Epoch wanted.")
@click.pass_obj
def renew(file: Path, *, expires: int) -> int:
    """Get a purse ID that is good for longer."""
    with _open(file) as wallet:
        click.echo(f"good until epoch {wallet.renew(expires)}")
    return 0


@main.command()
@click.pass_obj
def inspect(file: Path) -> int:
    """Report to the device centre what is in the purse, as it asks from time to time."""
    with _open(file) as wallet:
        wallet.inspect()
        click.echo("reported")
    return 0


@main.command()
@click.pass_obj
def bulletin(file: Path) -> int:
    """Get the newest bulletin."""
    with _open(file) as wallet:
        click.echo(f"epoch {wallet.bulletin()}")
    return 0


@main.command()
@click.pass_obj
def balance(file: Path) -> int:
    """What the holder's vault holds, and its account at the issuing centre."""
    with _open(file) as wallet:
        held, account = wallet.balance()
        click.echo(f"in the vault {held}, in its account {account}")
    return 0


def _tell(what: str, moved: int, amount: int, wallet: "Wallet") -> None:
    click.echo(f"{what}; balance {wallet.snapshot().balance}")
    if moved != amount:
        click.echo("that was a payment left from before, now finished; say it again for the new one")


def _two(file: Path, other: Path) -> None:
    if file.resolve() == other.resolve():
        raise click.BadParameter("expected another purse than this one", param_hint="OTHER")


@contextlib.contextmanager
def _open(file: Path) -> Iterator["Wallet"]:
    with system_packages("purse"):
        from eiraku.system.services.wallet import Wallet

    # A purse that cannot be opened is not begun: the argument is at fault.
    with told(opening=True):
        opened = Wallet(file)
    with told(words=_words), opened as wallet:
        yield wallet


def _words(error: EirakuError) -> str:
    """What went wrong, in one sentence."""
    if isinstance(error, Unavailable):
        return f"not finished: {error}; then the same command again goes on"
    if isinstance(error, Misuse):
        return str(error)
    code = getattr(error, "code", "")
    return f"refused: {error}{_ADVICE.get(getattr(code, 'label', code), '')}"
