"""``eiraku centre``: what the operator of both centres does, in the folder where they are."""

import json
from pathlib import Path
from typing import Any

import click

from eiraku.cli.failures import told
from eiraku.cli.operate import centre_keys, centre_purses
from eiraku.cli.operate.centre_folder import EPOCHS, NEW_FILE, NUMBER, check_new, known, opened, write
from eiraku.cli.options import Hex
from eiraku.spec.errors import Refused


@click.group()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def main(ctx: click.Context, directory: Path) -> None:
    """Operate the centres in DIRECTORY, made by `init` here or by `eiraku serve --init`.

    A server may run meanwhile. Exit code 0: done; 1: refused, or something was found (inspect); 2: misuse; 3:
    not done now, do it again. Nothing is changed unless it is 0.
    """
    ctx.obj = directory


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
    with told(opening=True):
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
    with opened(path) as centres:
        registry, issuer = centres.registry, centres.issuer
        facts: dict[str, Any] = {
            "epoch": registry.bulletins.epoch,
            "purses": registry.purses.counts(),
            "revoked_bytes": sum(len(data) for _, data in registry.bulletins.listed().parts),
            "device_keys": {
                kid.hex(): [key.valid_from, key.valid_to]
                for kid, key in registry.keys.announced().keys.items()
            },
            "money_keys": {
                key.kid.hex(): [key.valid_from, key.valid_to] for key in issuer.office.money_keys()
            },
            "outstanding": {
                str(economy): amount for economy, amount in sorted(issuer.history.outstanding().items())
            },
            "cases": len(found := issuer.history.cases()),
            "two_keys": sorted(
                {case.payer.hex() for case in found if case.payer and case.kind == "two-keys"}
            ),
            "suspects": len(registry.suspects.after()),
        }
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return 0
    purses = ", ".join(f"{count} {state}" for state, count in facts["purses"].items()) or "none"
    click.echo(f"epoch        {facts['epoch']}, a revoked list of {facts['revoked_bytes']} bytes")
    click.echo(f"purses       {purses}")
    for name in ("device_keys", "money_keys"):
        for kid, (first, last) in facts[name].items():
            click.echo(f"{name.replace('_', ' '):12} {kid}, epochs {first} to {last}")
    for economy, amount in facts["outstanding"].items():
        click.echo(f"outstanding  {amount} of economy {economy}")
    click.echo(f"cases        {facts['cases']}, suspects reported: {facts['suspects']}")
    for number in facts["two_keys"]:
        # EPP-CEN-106
        click.echo(f"two keys     purse {number} may have another one, under a stolen master key")
    return 0


@main.command()
@click.option("--next", "advance", is_flag=True, help="Publish the next one.")
@click.option("--epoch", type=EPOCHS, help="Publish one of this later epoch.")
@click.option("--out", type=NEW_FILE, help="Write it with all chunks, as an update, to a new file.")
@click.option(
    "--since", type=EPOCHS, help="Write the update for purses that hold the bulletin of this epoch."
)
@click.pass_obj
def bulletin(path: Path, *, advance: bool, epoch: int | None, out: Path | None, since: int | None) -> int:
    """Say what the newest bulletin says, or publish a new one; who was convicted is on it."""
    with opened(path) as centres:
        registry = centres.registry
        if out is not None:
            check_new(out)
        if advance or epoch is not None:
            convicted = centres.convict()
            centres.advance(epoch)
            for number in convicted:
                click.echo(f"revoked {number.hex()}: convicted of a double spend")
        update = registry.bulletins.newest() if since is None else registry.bulletins.since(since)
        if out is not None:
            write(out, update)
        from eiraku.reference.anchor import verify_bulletin

        said = verify_bulletin(centres.anchor(), registry.bulletins.signed())
        click.echo(f"epoch {said.epoch}, {len(said.chunks)} chunks, an update of {len(update)} bytes")
        for found in registry.bulletins.listed():
            number = found.to_bytes(8, "big")
            click.echo(f"  {number.hex()} {known(centres, number).reason}")
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
    with opened(path) as centres:
        from eiraku.spec.objects import Role

        if known(centres, number).role is not Role.VAULT:
            raise Refused(f"purse {number.hex()}: expected a vault; accounts are for vaults")
        new = centres.issuer.accounts.fund(posting, number, amount)
        said = "posted" if new else "was posted before"
        click.echo(f"{said} as {posting.hex()}, balance {centres.issuer.accounts.amount(number)}")
    return 0


@main.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for evidence files.")
@click.pass_obj
def cases(path: Path, *, out: Path | None) -> int:
    """List the issuing centre's cases, and write the evidence of each copy to a file."""
    with opened(path) as centres:
        found = centres.issuer.history.cases()
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        for case in found:
            # EPP-CEN-106
            doubt = (
                f" ({case.payer.hex()} may have two keys)" if case.payer and case.kind == "two-keys" else ""
            )
            said = f"purse {case.purse.hex()}  {case.detail}{doubt}"
            click.echo(f"{case.sequence}  epoch {case.epoch}  {case.kind}  {said}")
            if out is None or case.kind != "copy":
                continue
            evidence = case.evidence(centres.registry.purses.for_evidence(case.purse))
            file = out / f"case-{case.sequence}.json"
            file.write_bytes(evidence.to_json())
            click.echo(f"   {file}")
        click.echo(f"{len(found)} cases")
    return 0


@main.command()
@click.option("--scheme-keys", is_flag=True, help="With the scheme keys, as purses have it; keep it secret.")
@click.pass_obj
def anchor(path: Path, *, scheme_keys: bool) -> int:
    """Print the trust anchor as JSON, for a purse or to verify evidence."""
    with opened(path) as centres:
        found = centres.anchor()
        text = json.dumps(found.to_mapping(), indent=1) + "\n" if scheme_keys else found.to_json().decode()
        click.echo(text, nl=False)
    return 0


for _command in (
    centre_keys.rotate,
    centre_keys.revoke_key,
    centre_keys.keys,
    centre_purses.register,
    centre_purses.show,
    centre_purses.renew,
    centre_purses.recall,
    centre_purses.revoke,
    centre_purses.inspect,
    centre_purses.suspects,
):
    main.add_command(_command)
