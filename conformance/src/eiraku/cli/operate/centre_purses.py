"""The commands of ``eiraku centre`` about one purse, or what is reported of purses."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eiraku.cli.operate.centre_folder import EPOCHS, NEW_FILE, NUMBER, check_new, known, opened
from eiraku.cli.options import Hex
from eiraku.spec.errors import Refusal, Refused

if TYPE_CHECKING:
    from eiraku.reference.device import Device
    from eiraku.system.scheme.directory import Directory

REASON = click.argument("reason")
PURSE_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--key", type=Hex(32), help="Public key of a purse that made its own.")
@click.option("--purse", type=NEW_FILE, help="Make a new purse in this file, its key with it.")
@click.option(
    "--role", type=click.Choice(["person", "merchant", "vault"]), default="person", show_default=True
)
@click.option("--tier", type=click.IntRange(0, 7), default=1, show_default=True)
@click.option("--holder", required=True, metavar="NAME", help="Who holds it; only a digest is kept.")
@click.option("--economy", type=click.IntRange(1, 65535), help="[default: the first of the scheme]")
@click.option("--expires", type=EPOCHS, help="[default: as long as centre.toml says]")
@click.pass_obj
def register(
    path: Path,
    *,
    key: bytes | None,
    purse: Path | None,
    role: str,
    tier: int,
    holder: str,
    economy: int | None,
    expires: int | None,
) -> int:
    """Register a purse and print its number and purse ID."""
    if (key is None) == (purse is None):
        raise click.UsageError("expected either --key or --purse")
    with opened(path) as centres:
        from eiraku.reference.anchor import parse_purse_id
        from eiraku.spec.objects import Role
        from eiraku.system.services.scheme import holder_hash

        registry = centres.registry
        wanted: dict[str, Any] = {"role": Role[role.upper()], "tier": tier, "holder": holder_hash(holder)}
        wanted["economy"] = centres.settings.economies[0] if economy is None else economy
        centres.check_economy(wanted["economy"])
        if expires is None:
            expires = registry.bulletins.epoch + centres.settings.purse_lifetime
        if purse is not None:
            check_new(purse)
            device = centres.make_purse(purse, **wanted, expires=expires)
            provision = device.store.provision()
            signed = b"" if provision is None else provision.purse_id
            device.close()
        else:
            signed = registry.purses.register(b"" if key is None else key, **wanted, expires=expires)
        click.echo(f"number    {parse_purse_id(signed).claims.number.hex()}")
        click.echo(f"purse ID  {signed.hex()}")
    return 0


@click.command()
@NUMBER
@click.pass_obj
def show(path: Path, *, number: bytes) -> int:
    """What is known of a purse: registration, events, findings, reports about it."""
    with opened(path) as centres:
        registry = centres.registry
        purse = known(centres, number)
        click.echo(f"number      {number.hex()}\npublic key  {purse.public_key.hex()}")
        click.echo(f"role        {purse.role.name.lower()}, tier {purse.tier}, economy {purse.economy}")
        click.echo(f"state       {purse.state} since epoch {purse.since} {purse.reason}".rstrip())
        click.echo(f"purse ID    issued {purse.issued}, expires {purse.expires}")
        for event in registry.purses.events(number):
            click.echo(f"  epoch {event.epoch}: {event.kind}, {event.note}")
        for finding in registry.inspections.findings(number):
            click.echo(f"  finding: {finding.text}")
        for suspect in registry.suspects.after():
            if suspect.number == number:
                click.echo(f"  epoch {suspect.epoch}: {_suspect(suspect)}")
    return 0


@click.command()
@NUMBER
@click.option("--expires", type=EPOCHS, help="[default: as long as centre.toml says]")
@click.option("--tier", type=click.IntRange(0, 7), help="Another tier.")
@click.option("--purse", type=PURSE_FILE, help="Hand it to the purse in this file.")
@click.pass_obj
def renew(path: Path, *, number: bytes, expires: int | None, tier: int | None, purse: Path | None) -> int:
    """Print a purse ID that is good for longer, and the newest key lists."""
    with opened(path) as centres:
        if expires is None:
            from eiraku.system.scheme.own import next_expiry

            expires = next_expiry(
                centres.registry.purses.lookup(number),
                centres.anchor(),
                epoch=centres.registry.bulletins.epoch,
                lifetime=centres.settings.purse_lifetime,
            )
        with _device(centres, purse) as device:
            from eiraku.spec.centre_objects import Renewed
            from eiraku.system.exchange.trust import take_renewed

            # EPP-DEV-046
            renewed = Renewed(
                purse_id=centres.registry.purses.renew(number, expires, tier),
                device_keys=centres.registry.keys.newest(),
                money_keys=centres.issuer.office.key_list(),
            )
            if device is not None:
                try:
                    take_renewed(device, renewed)
                except Refusal as refusal:
                    raise Refused(f"{purse}: the purse does not take it: {refusal}") from refusal
        click.echo(f"purse ID     {renewed.purse_id.hex()}")
        click.echo(f"device keys  {renewed.device_keys.hex()}\nmoney keys   {renewed.money_keys.hex()}")
    return 0


@click.command()
@NUMBER
@REASON
@click.pass_obj
def recall(path: Path, *, number: bytes, reason: str) -> int:
    """Take a purse out of use for good; say why."""
    with opened(path) as centres:
        centres.registry.purses.recall(number, reason)
        _on_next(centres, number)
    return 0


@click.command()
@NUMBER
@REASON
@click.pass_obj
def revoke(path: Path, *, number: bytes, reason: str) -> int:
    """Name a purse with which nobody should deal; say why."""
    with opened(path) as centres:
        centres.registry.purses.revoke(number, reason)
        _on_next(centres, number)
    return 0


@click.command()
@NUMBER
@click.option(
    "--report", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its self-report."
)
@click.option(
    "--purse", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="The purse itself."
)
@click.pass_obj
def inspect(path: Path, *, number: bytes, report: Path | None, purse: Path | None) -> int:
    """Inspect a purse: with its file, or print a challenge first and then hand in the report.

    Exit code 1: findings. Recalling the purse is for you to decide.
    """
    if report is not None and purse is not None:
        raise click.UsageError("expected one of --report and --purse")
    with opened(path) as centres:
        registry, issuer = centres.registry, centres.issuer
        if report is not None:
            signed = report.read_bytes()
        else:
            with _device(centres, purse) as device:
                challenge = registry.inspections.challenge(number, issuer.history)
                if device is None:
                    click.echo(f"challenge  {challenge.hex()}")
                    return 0
                signed = device.self_report(challenge)
        found = registry.inspections.inspect(number, signed, issuer.history)
    for finding in found:
        click.echo(finding.text)
    if found:
        click.echo(
            f"{len(found)} findings; to take it out of use: eiraku centre {path} recall {number.hex()} WHY"
        )
        return 1
    click.echo("nothing found")
    return 0


@click.command()
@click.option("--after", type=int, default=0, help="Only later ones than this one.")
@click.pass_obj
def suspects(path: Path, *, after: int) -> int:
    """List what vaults reported about purses that they refused."""
    with opened(path) as centres:
        for suspect in centres.registry.suspects.after(after):
            click.echo(f"{suspect.sequence}  purse {suspect.number.hex()}  {_suspect(suspect)}")
    return 0


def _on_next(centres: "Directory", number: bytes) -> None:
    click.echo(
        f"purse {number.hex()} is {known(centres, number).state}; "
        f"on the bulletin of epoch {centres.registry.bulletins.epoch + 1} and later: "
        f"eiraku centre {centres.path} bulletin --next"
    )


@contextlib.contextmanager
def _device(centres: "Directory", file: Path | None) -> Iterator["Device | None"]:
    """The purse in a file, switched on."""
    if file is None:
        yield None
        return
    from eiraku.reference.device import Device

    device = Device(file, centres.random)
    try:
        yield device
    finally:
        device.close()


def _suspect(suspect: Any) -> str:
    from eiraku.spec.errors import Code

    label = Code(suspect.code).label if suspect.code in set(Code) else f"code {suspect.code}"
    return f"{label}, reported by vault {suspect.reporter.hex()} in epoch {suspect.epoch}"
