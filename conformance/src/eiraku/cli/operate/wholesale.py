"""``eiraku wholesale``: the operator's register of what backs the coin, and the checks of its members."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eiraku.cli.failures import told
from eiraku.cli.operate import wholesale_files as files
from eiraku.cli.operate import wholesale_member
from eiraku.cli.operate.wholesale_files import FILE, OPERATOR, POSTING, guarded, opened

if TYPE_CHECKING:
    from eiraku.system.wholesale.note import VerifierKey

ECONOMY = click.IntRange(1, 65535)
AMOUNT = click.IntRange(1, 2**53 - 1)
EPOCH = click.IntRange(0, 2**32 - 1)


@click.group()
def main() -> None:
    """The backing register: accounts of the members, the log of all postings, seigniorage, the basket.

    FILE is the operator's register: an SQLite file, or the URL of a PostgreSQL database. LOG is a file that
    `export` wrote; a member verifies it offline with the operator's verifier key VKEY.

    Exit codes: 0 good, 1 what was asked about is at fault or was refused, 2 misuse, 3 not done now.
    """


@main.command()
@click.argument("file", type=FILE)
@click.option("--origin", required=True, metavar="NAME", help="Name of the log, such as acu.example.")
@click.option("--epoch", type=EPOCH, default=1, show_default=True, help="Epoch to begin with.")
@guarded
def init(*, file: str, origin: str, epoch: int) -> int:
    """Make an empty register in FILE, with a fresh key of the operator."""
    import secrets

    from eiraku.system.wholesale.register import SCHEMA, Register

    if "://" not in file and Path(file).exists():
        raise click.ClickException(f"{file}: is there already; name a new file")
    with files.database(file, SCHEMA) as database:
        register = Register.create(database, origin=origin, epoch=epoch, random=secrets.token_bytes)
        click.echo(f"register of {origin} at epoch {epoch}")
        click.echo(f"operator {register.operator}")
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.argument("economy", type=ECONOMY)
@click.option("--posting", type=POSTING, help="Id of the posting; the same again changes nothing.")
@guarded
def member(*, file: str, economy: int, posting: bytes | None) -> int:
    """Make ECONOMY (its number, such as 392) a member."""
    with opened(file) as register:
        return files.posted(posting, lambda name: register.join(name, economy))


def _simple(name: str, words: str) -> None:
    @main.command(name=name, help=words)
    @click.argument("file", type=FILE)
    @click.argument("economy", type=ECONOMY)
    @click.argument("amount", type=AMOUNT)
    @click.option("--posting", type=POSTING, help="Id of the posting; the same again changes nothing.")
    @guarded
    def command(*, file: str, economy: int, amount: int, posting: bytes | None) -> int:
        with opened(file) as register:
            return files.posted(posting, lambda posted: getattr(register, name)(posted, economy, amount))


_simple("contribute", "ECONOMY brings assets worth AMOUNT minor units, and gets bonds for them.")
_simple("withdraw", "ECONOMY gives bonds of its own account back for assets.")
_simple("redeem", "Coins of ECONOMY are redeemed in it.")


@main.command()
@click.argument("file", type=FILE)
@click.argument("economy", type=ECONOMY)
@click.argument("amount", type=AMOUNT)
@click.option("--at", type=ECONOMY, help="Economy that gets the coins and pays for them; by default itself.")
@click.option("--posting", type=POSTING, help="Id of the posting; the same again changes nothing.")
@guarded
def issue(*, file: str, economy: int, amount: int, at: int | None, posting: bytes | None) -> int:
    """Coins of ECONOMY go out: AMOUNT moves from the own account to the issued account."""
    with opened(file) as register:
        return files.posted(posting, lambda name: register.issue(name, economy, amount, at=at))


@main.command()
@click.argument("file", type=FILE)
@click.argument("economy", type=ECONOMY)
@click.argument("at", type=ECONOMY)
@click.argument("amount", type=AMOUNT)
@click.option("--posting", type=POSTING, help="Id of the posting; the same again changes nothing.")
@guarded
def reflux(*, file: str, economy: int, at: int, amount: int, posting: bytes | None) -> int:
    """Coins of ECONOMY come in at the economy AT, which gets the bonds behind them."""
    with opened(file) as register:
        return files.posted(posting, lambda name: register.reflux(name, economy, at, amount))


@main.command()
@click.argument("file", type=FILE)
@click.argument("economy", type=ECONOMY)
@click.argument("to", type=ECONOMY)
@click.argument("amount", type=AMOUNT)
@click.option("--posting", type=POSTING, help="Id of the posting; the same again changes nothing.")
@guarded
def transfer(*, file: str, economy: int, to: int, amount: int, posting: bytes | None) -> int:
    """Bonds move from the own account of ECONOMY to that of the economy TO."""
    with opened(file) as register:
        return files.posted(posting, lambda name: register.transfer(name, economy, to, amount))


@main.command()
@click.argument("file", type=FILE)
@click.argument("epoch", type=EPOCH)
@guarded
def advance(*, file: str, epoch: int) -> int:
    """Move to a later EPOCH, which later entries and checkpoints carry."""
    with opened(file) as register:
        register.advance(epoch)
        click.echo(f"epoch {register.epoch}")
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.option(
    "--centre", required=True, type=FILE, metavar="DATABASE", help="Of the issuing centre: a file, or a URL."
)
@guarded
def sync(*, file: str, centre: str) -> int:
    """Post the bookings of an issuing centre, each exactly once, and compare both sides.

    Exit code 1: a booking is not backed, or an issued account is not what is outstanding.
    """
    import secrets

    from eiraku.system.issuing.issuer import Issuer
    from eiraku.system.issuing.office import Office
    from eiraku.system.issuing.schema import SCHEMA as CENTRE
    from eiraku.system.wholesale.bookings import Follower

    files.exists(centre)
    with opened(file) as register, files.database(centre, CENTRE) as database:
        with told(opening=True):
            issuer = Issuer(Office(database, public_keys=lambda _: None, random=secrets.token_bytes))
        follower = Follower(register.database)
        click.echo(f"{follower.sync(issuer.history)} bookings posted")
        differences = follower.reconcile(issuer.history)
    for difference in differences:
        click.echo(str(difference), err=True)
    return 1 if differences else 0


@main.command()
@click.argument("file", type=FILE)
@guarded
def checkpoint(*, file: str) -> int:
    """Sign a checkpoint of the log as it is, and print it, a signed note of C2SP."""
    with opened(file) as register:
        click.echo(register.checkpoint(), nl=False)
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.argument("note", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--witness", "known", multiple=True, required=True, type=files.WITNESS, metavar="VKEY")
@guarded
def cosigned(*, file: str, note: Path, known: "tuple[VerifierKey, ...]") -> int:
    """Keep what witnesses added to a checkpoint: NOTE is a file with the checkpoint and their lines.

    Exit code 1: a cosignature does not verify, or the checkpoint is none of this register.
    """
    with opened(file) as register:
        click.echo(f"{register.cosigned(note.read_bytes(), known)} cosignatures kept")
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.argument("index", type=click.IntRange(0))
@guarded
def prove(*, file: str, index: int) -> int:
    """Print, as JSON, entry INDEX of the log with the proof that it is under a fresh checkpoint."""
    with opened(file) as register:
        signed = register.checkpoint()
        size = register.size
        if index >= size:
            raise click.BadParameter(f"the log has {size} entries, the first is 0", param_hint="INDEX")
        proof = register.inclusion(index, size)
        (leaf,) = register.leaves(index, index + 1)
    fields = {
        "index": index,
        "entry": leaf.hex(),
        "proof": [item.hex() for item in proof],
        "checkpoint": signed,
    }
    click.echo(json.dumps(fields, indent=1, ensure_ascii=False))
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.argument("log", type=click.Path(dir_okay=False, path_type=Path))
@guarded
def export(*, file: str, log: Path) -> int:
    """Sign a checkpoint, and write the whole log to the file LOG for the members."""
    from eiraku.system.wholesale import export as exported

    with opened(file) as register:
        register.checkpoint()
        with log.open("w", encoding="utf-8") as out:
            for line in exported.write(register):
                out.write(line + "\n")
        click.echo(f"{register.size} entries of {register.origin}, operator {register.operator}")
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def show(*, file: str, as_json: bool) -> int:
    """The accounts of all members, in minor units."""
    with opened(file) as register:
        files.table(register.standings(), as_json=as_json)
        if not as_json:
            click.echo(f"{register.size} entries, epoch {register.epoch}, operator {register.operator}")
    return 0


@main.command()
@click.argument("file", type=FILE)
@click.option("--from", "first", required=True, type=EPOCH, help="First epoch of the period.")
@click.option("--to", "last", required=True, type=EPOCH, help="Last epoch of the period, included.")
@click.option("--income", required=True, type=click.IntRange(0), help="Of the assets, in minor units.")
@click.option("--cost", type=click.IntRange(0), default=0, show_default=True)
@click.option("--investment", type=click.IntRange(0), default=0, show_default=True)
@click.option("--operator", type=OPERATOR, metavar="VKEY", help="FILE is a LOG; verify it first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@guarded
def seigniorage(
    *, file: str, first: int, last: int, operator: "VerifierKey | None", as_json: bool, **amounts: int
) -> int:
    """Share income less cost and investment among the members, by bonds and time."""
    from eiraku.system.wholesale import seigniorage as sharing

    if first > last:
        raise click.BadParameter("the period ends before it begins", param_hint="--to")
    entries, epoch = files.entries(file, operator)
    found = sharing.statement(entries, epoch=epoch, first=first, last=last, **amounts)
    if as_json:
        fields = {
            "first": first,
            "last": last,
            **amounts,
            "result": found.result,
            "weights": {str(economy): weight for economy, weight in found.weights.items()},
            "shares": {str(economy): share for economy, share in found.shares.items()},
        }
        click.echo(json.dumps(fields, indent=1))
        return 0
    _statement(found)
    return 0


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), help="Day of the valuation; by default today.")
@click.option(
    "--convert", nargs=2, metavar="AMOUNT CURRENCY", help="Minor units of the basket for this amount."
)
@guarded
def basket(*, file: Path, on: Any, convert: tuple[str, str] | None) -> int:
    """Value of a basket (a TOML file, chapter 15) on a day, or of an amount in basket units."""
    from datetime import UTC, datetime

    from eiraku.system.wholesale.basket import Basket

    with told(opening=True):
        found = Basket.from_file(file)
    day = (on or datetime.now(tz=UTC)).date()
    if convert:
        click.echo(found.convert(*convert, day))
        return 0
    value, inverse = found.value(day), found.inverse(day)
    from rich.table import Table

    rows = Table(caption=f"rates of {found.date}")
    for name, align in (("currency", "left"), ("amount", "right"), (f"rate in {found.quote}", "right")):
        rows.add_column(name, justify=align)  # type: ignore[arg-type]
    for component in found.components:
        rows.add_row(component.currency, *component.text)
    files.console().print(rows)
    click.echo(f"1 {found.unit} = {value:f} {found.quote}")
    click.echo(f"1 {found.quote} = {inverse:f} {found.unit}")
    return 0


def _statement(found: Any) -> None:
    from rich.table import Table

    weight = sum(found.weights.values())
    rows = Table(title=f"seigniorage of epochs {found.first} to {found.last}")
    for name in ("economy", "bonds x epochs", "part", "share"):
        rows.add_column(name, justify="right")
    for economy, share in found.shares.items():
        part = f"{found.weights[economy] / weight:.2%}" if weight else ""
        rows.add_row(str(economy), f"{found.weights[economy]:,}", part, f"{share:,}")
    rows.add_section()
    rows.add_row("all", f"{weight:,}", "", f"{found.result:,}")
    files.console().print(rows)
    click.echo(f"income {found.income:,} - cost {found.cost:,} - investment {found.investment:,}")


for _command in (
    wholesale_member.verify,
    wholesale_member.follow,
    wholesale_member.fork,
    wholesale_member.verify_fork,
    wholesale_member.verify_proof,
):
    main.add_command(_command)
