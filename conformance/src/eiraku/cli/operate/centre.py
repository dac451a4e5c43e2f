"""``eiraku centre``: what the operator of both centres does, in the folder where they are."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eiraku.cli.failures import MISUSE, told
from eiraku.cli.options import Hex

if TYPE_CHECKING:
    from eiraku.reference.device import Device
    from eiraku.system.device.purses import Registered
    from eiraku.system.scheme.directory import Directory

EPOCHS = click.IntRange(0, 2**32 - 1)

NUMBER = click.argument("number", type=Hex(8))
REASON = click.argument("reason")
PURSE_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def main(ctx: click.Context, directory: Path) -> None:
    """Operate the centres in DIRECTORY, made by `init` here or by `eiraku serve --init`.

    A server may run meanwhile. Exit code 0: done; 1: something was found (inspect); 2: misuse, nothing was
    changed.
    """
    ctx.obj = directory


@contextlib.contextmanager
def _opened(path: Path) -> Iterator["Directory"]:
    with told(refused=MISUSE, unavailable=MISUSE):
        from eiraku.system.scheme import directory

        opened = directory.open_(path)
        try:
            yield opened
        finally:
            opened.close()


def _write(path: Path, content: bytes) -> None:
    """Never over a file that is there."""
    with path.open("xb") as file:
        file.write(content)


@main.command()
@click.option("--economy", "economies", multiple=True, type=click.IntRange(1, 65535), help="May be repeated.")
@click.option("--policy", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="TOML file.")
@click.option("--epoch", type=EPOCHS, default=1, show_default=True, help="Of the first bulletin.")
@click.option("--device-database", metavar="URL", default="device.db", help="Instead of a file in DIRECTORY.")
@click.option("--issuing-database", metavar="URL", default="issuing.db", help="Likewise; another one.")
@click.pass_obj
def init(
    path: Path,
    *,
    economies: tuple[int, ...],
    policy: Path | None,
    epoch: int,
    device_database: str,
    issuing_database: str,
) -> int:
    """Make new centres in DIRECTORY, which must not exist or be empty."""
    with told(refused=MISUSE, unavailable=MISUSE):
        from eiraku.system.scheme import directory
        from eiraku.system.scheme.settings import DEFAULT

        settings = DEFAULT.changed(
            economies=economies or DEFAULT.economies,
            first_epoch=epoch,
            device_centre={"database": device_database},
            issuing_centre={"database": issuing_database},
        )
        text = None if policy is None else policy.read_text("utf-8")
        directory.create(path, settings=settings, policy=text).close()
    click.echo(f"made {path}; next: eiraku centre {path} register --help, or eiraku serve {path}")
    return 0


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_obj
def status(path: Path, *, as_json: bool) -> int:
    """Epoch, purses, keys, money: what there is now."""
    with _opened(path) as centres:
        registry, issuer = centres.registry, centres.issuer
        facts: dict[str, Any] = {
            "epoch": registry.bulletins.epoch,
            "purses": registry.purses.counts(),
            "bulletin_bytes": len(registry.bulletins.newest()),
            "device_keys": {
                kid.hex(): [k.valid_from, k.valid_to] for kid, k in registry.keys.announced().items()
            },
            "money_keys": {
                key.kid.hex(): [key.valid_from, key.valid_to] for key in issuer.office.money_keys()
            },
            "outstanding": {
                str(economy): amount for economy, amount in sorted(issuer.history.outstanding().items())
            },
            "cases": len(issuer.history.cases()),
            "suspects": len(registry.suspects.after()),
        }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return 0
    purses = ", ".join(f"{count} {state}" for state, count in facts["purses"].items()) or "none"
    click.echo(f"epoch        {facts['epoch']}, a bulletin of {facts['bulletin_bytes']} bytes")
    click.echo(f"purses       {purses}")
    for name in ("device_keys", "money_keys"):
        for kid, (first, last) in facts[name].items():
            click.echo(f"{name.replace('_', ' '):12} {kid}, epochs {first} to {last}")
    for economy, amount in facts["outstanding"].items():
        click.echo(f"outstanding  {amount} of economy {economy}")
    click.echo(f"cases        {facts['cases']}, suspects reported: {facts['suspects']}")
    return 0


@main.command()
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
    with _opened(path) as centres:
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
            if purse.exists():
                raise click.ClickException(f"{purse}: exists already; name a new file")
            device = centres.make_purse(purse, **wanted, expires=expires)
            provision = device.store.provision()
            signed = b"" if provision is None else provision.purse_id
            device.close()
        else:
            signed = registry.purses.register(b"" if key is None else key, **wanted, expires=expires)
        click.echo(f"number    {parse_purse_id(signed).claims.number.hex()}")
        click.echo(f"purse ID  {signed.hex()}")
    return 0


@main.command()
@NUMBER
@click.pass_obj
def show(path: Path, *, number: bytes) -> int:
    """What is known of a purse: registration, events, findings, reports about it."""
    with _opened(path) as centres:
        registry = centres.registry
        purse = _known(centres, number)
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


@main.command()
@NUMBER
@click.option("--expires", type=EPOCHS, help="[default: as long as centre.toml says]")
@click.option("--tier", type=click.IntRange(0, 7), help="Another tier.")
@click.option("--purse", type=PURSE_FILE, help="Hand it to the purse in this file.")
@click.pass_obj
def renew(path: Path, *, number: bytes, expires: int | None, tier: int | None, purse: Path | None) -> int:
    """Print a purse ID that is good for longer."""
    with _opened(path) as centres:
        if expires is None:
            expires = centres.registry.bulletins.epoch + centres.settings.purse_lifetime
        with _device(centres, purse) as device:
            signed = centres.registry.purses.renew(number, expires, tier)
            result = None if device is None else device.take_purse_id(signed)
        from eiraku.reference.device import Rejected

        if isinstance(result, Rejected):
            raise click.ClickException(f"{purse}: the purse does not take it: {result.refusal}")
        click.echo(signed.hex())
    return 0


@main.command()
@NUMBER
@REASON
@click.pass_obj
def recall(path: Path, *, number: bytes, reason: str) -> int:
    """Take a purse out of use for good; say why."""
    with _opened(path) as centres:
        centres.registry.purses.recall(number, reason)
        _on_next(centres, number)
    return 0


@main.command()
@NUMBER
@REASON
@click.pass_obj
def revoke(path: Path, *, number: bytes, reason: str) -> int:
    """Name a purse with which nobody should deal; say why."""
    with _opened(path) as centres:
        centres.registry.purses.revoke(number, reason)
        _on_next(centres, number)
    return 0


@main.command()
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
    with _opened(path) as centres:
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


@main.command()
@click.option("--next", "advance", is_flag=True, help="Publish the next one.")
@click.option("--epoch", type=EPOCHS, help="Publish one of this later epoch.")
@click.option("--out", type=NEW_FILE, help="Write it to a new file.")
@click.option("--head", type=NEW_FILE, help="Write its head to a new file.")
@click.pass_obj
def bulletin(path: Path, *, advance: bool, epoch: int | None, out: Path | None, head: Path | None) -> int:
    """Say what the newest bulletin says, or publish a new one; who was convicted is on it."""
    with _opened(path) as centres:
        registry = centres.registry
        for file in filter(None, (out, head)):
            if file.exists():
                raise click.ClickException(f"{file}: exists already; name a new file")
        if advance or epoch is not None:
            convicted = centres.convict()
            centres.advance(epoch)
            for number in convicted:
                click.echo(f"revoked {number.hex()}: convicted of copying")
        signed = registry.bulletins.newest()
        if out is not None:
            _write(out, signed)
        if head is not None:
            _write(head, registry.bulletins.head())
        from eiraku.reference.anchor import verify_bulletin

        said = verify_bulletin(centres.anchor(), signed)
        click.echo(f"epoch {said.epoch}, {len(signed)} bytes, {len(registry.bulletins.chunks())} chunks")
        for number in said.revoked:
            click.echo(f"  {number.hex()} {_known(centres, number).reason}")
    return 0


@main.command()
@click.argument("centre", type=click.Choice(["device", "issuing"]))
@click.option("--from", "valid_from", required=True, type=EPOCHS, help="First epoch in which it signs.")
@click.option("--to", "valid_to", type=EPOCHS, default=2**32 - 1, help="Last epoch.  [default: no end]")
@click.pass_obj
def rotate(path: Path, *, centre: str, valid_from: int, valid_to: int) -> int:
    """Announce a new key; purses made from now on know it, and it signs later."""
    with _opened(path) as centres:
        if centre == "device":
            kid = centres.registry.keys.rotate(valid_from=valid_from, valid_to=valid_to)
        else:
            kid = centres.issuer.office.rotate(valid_from, valid_to=valid_to).kid
    click.echo(f"key {kid.hex()}, epochs {valid_from} to {valid_to}")
    return 0


@main.command()
@NUMBER
@click.argument("amount", type=int)
@click.option("--posting", type=Hex(16), help="Name of this order; the same again changes nothing.")
@click.pass_obj
def fund(path: Path, *, number: bytes, amount: int, posting: bytes | None) -> int:
    """Put AMOUNT (minor units) into a vault's account, or take it out if it is negative."""
    import secrets

    posting = secrets.token_bytes(16) if posting is None else posting
    with _opened(path) as centres:
        from eiraku.spec.objects import Role

        if _known(centres, number).role is not Role.VAULT:
            raise click.ClickException(f"purse {number.hex()}: expected a vault; accounts are for vaults")
        new = centres.issuer.accounts.fund(posting, number, amount)
        said = "posted" if new else "was posted before"
        click.echo(f"{said} as {posting.hex()}, balance {centres.issuer.accounts.amount(number)}")
    return 0


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for evidence files.")
@click.pass_obj
def cases(path: Path, *, out: Path | None) -> int:
    """List the issuing centre's cases, and write the evidence of each copy to a file."""
    with _opened(path) as centres:
        found = centres.issuer.history.cases()
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        for case in found:
            click.echo(
                f"{case.sequence}  epoch {case.epoch}  {case.kind}  purse {case.purse.hex()}  {case.detail}"
            )
            if out is None or case.kind != "copy":
                continue
            purse = centres.registry.purses.lookup(case.purse)
            evidence = case.evidence(b"" if purse is None else purse.purse_id)
            file = out / f"case-{case.sequence}.json"
            file.write_bytes(evidence.to_json())
            click.echo(f"   {file}")
        click.echo(f"{len(found)} cases")
    return 0


@main.command()
@click.option("--after", type=int, default=0, help="Only later ones than this one.")
@click.pass_obj
def suspects(path: Path, *, after: int) -> int:
    """List what vaults reported about purses that they refused."""
    with _opened(path) as centres:
        for suspect in centres.registry.suspects.after(after):
            click.echo(f"{suspect.sequence}  purse {suspect.number.hex()}  {_suspect(suspect)}")
    return 0


@main.command()
@click.option("--scheme-key", is_flag=True, help="With the scheme key, as purses have it; keep it secret.")
@click.pass_obj
def anchor(path: Path, *, scheme_key: bool) -> int:
    """Print the trust anchor as JSON, for a purse or to verify evidence."""
    with _opened(path) as centres:
        found = centres.anchor()
        text = json.dumps(found.to_mapping(), indent=1) + "\n" if scheme_key else found.to_json().decode()
        click.echo(text, nl=False)
    return 0


def _known(centres: "Directory", number: bytes) -> "Registered":
    purse = centres.registry.purses.lookup(number)
    if purse is None:
        raise click.ClickException(f"purse {number.hex()} is not registered; check the number")
    return purse


def _on_next(centres: "Directory", number: bytes) -> None:
    click.echo(
        f"purse {number.hex()} is {_known(centres, number).state}; "
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
