"""``eiraku serve``: both centres and the vaults of one scheme, over HTTP, in one process."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import system_packages

if TYPE_CHECKING:
    from eiraku.system.services.scheme import Scheme
    from eiraku.system.services.server import Address

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--init", is_flag=True, help="Make a new scheme in DIRECTORY, say how to go on, and end.")
@click.option(
    "--vault",
    "vaults",
    multiple=True,
    metavar="HOLDER[=AMOUNT]",
    help="With --init: a vault for this holder, and what the centre owes it, in minor units.",
)
@click.option("--invite", metavar="HOLDER", help="Print an enrolment code for a purse of HOLDER, and end.")
@click.option(
    "--role",
    type=click.Choice(["person", "merchant"]),
    default="person",
    show_default=True,
    help="With --invite: what the purse is for.",
)
@click.option(
    "--tier", type=click.IntRange(0, 7), default=1, show_default=True, help="With --invite: its tier."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8731, show_default=True, help="0: any that is free."
)
@click.option("--tls-cert", type=_FILE, default=None, help="PEM file of the server's certificate.")
@click.option("--tls-key", type=_FILE, default=None, help="PEM file of its key.")
@click.option("--client-ca", type=_FILE, default=None, help="PEM file of who signs clients' certificates.")
def main(
    *,
    directory: Path,
    init: bool,
    vaults: tuple[str, ...],
    invite: str | None,
    role: str,
    tier: int,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
) -> int:
    """Serve the issuing centre, the device centre and the vaults in DIRECTORY, until SIGTERM or Ctrl-C.

    One line of JSON for each request goes to standard error. Exit code 0: stopped in order; 2: it cannot
    start, and why.
    """
    if vaults and not init:
        raise click.UsageError("--vault goes with --init; later, write the holder into services.toml")
    if init and invite is not None:
        raise click.UsageError("--init prints a code for each holder; --invite is for later ones")
    with system_packages("serve"):
        from eiraku.system.services.server import Address
    if init:
        return _init(directory, vaults)
    if invite is not None:
        return _invite(directory, _holder(invite), role, tier)
    with _opened(directory) as scheme:
        address = Address(host=host, port=port, tls_cert=tls_cert, tls_key=tls_key, client_ca=client_ca)
        return _serve(scheme, address)


def _invite(directory: Path, holder: str, role: str, tier: int) -> int:
    from eiraku.spec.objects import Role
    from eiraku.system.services import scheme as schemes

    with told(opening=True):
        click.echo(schemes.invite(directory, holder, role=Role[role.upper()], tier=tier)[0])
    return 0


def _serve(scheme: "Scheme", address: "Address") -> int:
    with system_packages("serve"):
        from eiraku.system.services import server
        from eiraku.system.services.running import run

    tls = server.tls(address)
    bound = server.listen(address)

    def ready() -> None:
        # Whoever started the server waits for this line to know the port.
        click.echo(f"listening on {server.url(address, bound)}")

    run(scheme, bound, tls, ready=ready)
    return 0


def _init(directory: Path, vaults: tuple[str, ...]) -> int:
    import secrets

    from eiraku.system.scheme.settings import DEFAULT
    from eiraku.system.services import scheme as schemes
    from eiraku.system.services import settings

    wanted = dict(_vault(vault) for vault in vaults)
    if len(wanted) < len(vaults):
        raise click.BadParameter("one holder twice; name each once", param_hint="--vault")
    lines = [f"{name} = {DEFAULT.economies[0]}\n" for name in wanted]
    with told(opening=True):
        schemes.create(directory, DEFAULT, text=settings.DEFAULT + "".join(lines))
    click.echo(f"made {directory}")
    with _opened(directory) as scheme:
        for name, amount in wanted.items():
            vault = scheme.vaults[name]
            if amount:
                scheme.directory.issuer.accounts.fund(secrets.token_bytes(16), vault.number, amount)
            click.echo(f"vault of {name}: {vault.number.hex()}, account {amount}")
            code = schemes.invite(directory, name)[0]
            click.echo(f"  enrolment code for a purse of {name}: {code}")
    click.echo(f"next: eiraku serve {directory}")
    return 0


def _vault(text: str) -> tuple[str, int]:
    name, _, amount = text.partition("=")
    if amount and not (amount.isascii() and amount.isdecimal() and len(amount) <= 15):
        raise click.BadParameter(f"expected HOLDER=AMOUNT, found {text!r}", param_hint="--vault")
    return _holder(name), int(amount or 0)


def _holder(name: str) -> str:
    from eiraku.system.services.settings import NAME

    if NAME.fullmatch(name) is None:
        raise click.ClickException(
            f"{name!r}: expected a holder's name of 1 to 32 small letters, digits and hyphens"
        )
    return name


def _opened(directory: Path) -> "Scheme":
    from eiraku.system.services import scheme as schemes

    with told(opening=True):
        return schemes.open_(directory)
