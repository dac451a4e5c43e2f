"""``eiraku centre DIRECTORY``: keys that change. The roots are files that are there meanwhile."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.operate.centre_folder import EPOCHS, NEW_FILE, check_new, opened, write
from eiraku.cli.options import Hex
from eiraku.spec.errors import Refused

if TYPE_CHECKING:
    from eiraku.reference.crypto.ed25519 import SigningKey
    from eiraku.system.scheme.directory import Directory

CENTRE = click.argument("centre", type=click.Choice(["device", "issuing", "scheme"]))
ROOT = click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File of the root.  [default: device-root.key or money-root.key in DIRECTORY]",
)


@click.command()
@CENTRE
@click.option("--from", "valid_from", required=True, type=EPOCHS, help="First epoch in which it is used.")
@click.option("--to", "valid_to", type=EPOCHS, default=2**32 - 1, help="Last epoch.  [default: no end]")
@ROOT
@click.pass_obj
def rotate(path: Path, *, centre: str, valid_from: int, valid_to: int, root: Path | None) -> int:
    """Announce a successor of a key (scheme: of the scheme key), which is used later.

    Refuses an epoch by which purses that live may not know it, and says from which one on they do.
    """
    with opened(path) as centres:
        keys, lifetime, expires = centres.registry.keys, centres.settings.purse_lifetime, _expires(centres)
        signer = _root(centres, centre, root)
        if centre == "issuing":
            earliest = keys.first_permitted(lifetime)
            office = centres.issuer.office
            kid = office.rotate(signer, valid_from, earliest=earliest, valid_to=valid_to, expires=expires).kid
        elif centre == "device":
            kid = keys.rotate(
                signer, valid_from=valid_from, valid_to=valid_to, lifetime=lifetime, expires=expires
            )
        else:
            kid = keys.rotate_scheme_key(signer, valid_from=valid_from, lifetime=lifetime, expires=expires)
    click.echo(f"key {kid.hex()}, epochs {valid_from} to {valid_to}")
    return 0


@click.command("revoke-key")
@CENTRE
@click.argument("kid", type=Hex(8), required=False)
@click.option("--from", "valid_from", type=EPOCHS, default=0, help="[default: 0, all that it ever signed]")
@ROOT
@click.pass_obj
def revoke_key(path: Path, *, centre: str, kid: bytes | None, valid_from: int, root: Path | None) -> int:
    """Revoke the key KID (scheme: the scheme keys) from an epoch on; a successor is used at once.

    Says first what it costs: without the scheme keys no purse opens a session until it has fetched the next.
    """
    if (kid is None) != (centre == "scheme"):
        raise click.UsageError("name the KID of a device or money key; the scheme keys end all together")
    with opened(path) as centres:
        keys, expires, signer = centres.registry.keys, _expires(centres), _root(centres, centre, root)
        if centre == "scheme":
            locked_out = keys.locked_out()
            # EPP-DEV-073
            click.echo(
                f"{locked_out} active purses open no session until they have fetched the next scheme key"
            )
            successor = keys.revoke_scheme_keys(
                signer, valid_from=max(valid_from, centres.registry.bulletins.epoch), expires=expires
            )
        elif centre == "device":
            before = centres.registry.bulletins.epoch
            successor = centres.revoke_master_key(signer, kid or b"", valid_from=valid_from, expires=expires)
            if centres.registry.bulletins.epoch > before:
                click.echo(f"published the bulletin of epoch {centres.registry.bulletins.epoch} under it")
        else:
            office = centres.issuer.office
            successor = office.revoke(signer, kid or b"", valid_from=valid_from, expires=expires).kid
    click.echo(f"its successor is {successor.hex()}")
    return 0


@click.command()
@click.option("--expires", type=EPOCHS, help="Sign lists with the same keys that are good to this epoch.")
@click.option("--device", type=NEW_FILE, help="Write the device centre's list to a new file.")
@click.option("--issuing", type=NEW_FILE, help="Write the issuing centre's list to a new file.")
@click.option("--device-root", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--money-root", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def keys(
    path: Path,
    *,
    expires: int | None,
    device: Path | None,
    issuing: Path | None,
    device_root: Path | None,
    money_root: Path | None,
) -> int:
    """Say what the newest key lists say, or sign them again with a later end; write them to files."""
    with opened(path) as centres:
        for new in filter(None, (device, issuing)):
            check_new(new)
        registry, office = centres.registry, centres.issuer.office
        if expires is not None:
            signers = (_root(centres, "device", device_root), _root(centres, "issuing", money_root))
            centres.lists_expire(expires)
            registry.keys.renew(signers[0], expires)
            office.renew_list(signers[1], expires)
        found = centres.anchor()
        for name, each, file in (("device", found.device, device), ("issuing", found.money, issuing)):
            click.echo(f"{name} keys: list {each.sequence}, good to epoch {each.expires}")
            for kid, key in each.keys.items():
                void = key.valid_from > key.valid_to
                said = "void" if void else f"epochs {key.valid_from} to {key.valid_to}"
                click.echo(f"  {kid.hex()}  {said}")
            if file is not None:
                write(file, each.signed)
        for identifier, validity in found.device.scheme.items():
            click.echo(f"  {identifier.hex()}  scheme key, to epoch {validity.valid_to}")
    return 0


def _root(centres: "Directory", centre: str, file: Path | None) -> "SigningKey":
    """The root of a centre. Raises DirectoryError, Refused for another one."""
    from eiraku.system.scheme import directory

    money = centre == "issuing"
    name = directory.MONEY_ROOT if money else directory.DEVICE_ROOT
    found = directory.read_root(centres.path / name if file is None else file)
    if found.public != (centres.issuer.office.root if money else centres.registry.keys.root):
        raise Refused(f"{file or centres.path / name}: expected the root of the {centre} keys; name its file")
    return found


def _expires(centres: "Directory") -> int:
    """The end of the next lists: never sooner than that of the newest."""
    newest = centres.anchor()
    return max(centres.lists_expire(), newest.device.expires, newest.money.expires)
