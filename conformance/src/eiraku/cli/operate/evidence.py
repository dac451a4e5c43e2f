"""``eiraku evidence``: does a file prove a double spend?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.spec.errors import Misuse

if TYPE_CHECKING:
    from eiraku.system.issuing.evidence import Convicted, Evidence


@click.group()
def main() -> None:
    """Evidence that a purse gave one unit away twice."""


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--anchor",
    "anchor_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Anchor of the scheme, as JSON; the scheme key may be left out.",
)
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON.")
def verify(*, file: Path, anchor_file: Path, as_json: bool) -> int:
    """Verify FILE with public keys only; no centre is asked.

    Exit code 0: it proves who double-spent; 1: it proves nothing; 2: misuse (no such file, not an anchor).
    """
    from eiraku.reference.anchor import TrustAnchor
    from eiraku.system.issuing.evidence import SIZE_MAX, Evidence, EvidenceError

    with told(opening=True, words=lambda error: f"{anchor_file}: {error}"):
        anchor = TrustAnchor.from_json(anchor_file.read_bytes())
    with file.open("rb") as opened:
        data = opened.read(SIZE_MAX + 1)
    try:
        evidence = Evidence.from_json(data)
        convicted = evidence.verify(anchor)
    except EvidenceError as error:
        if as_json:
            said = {"proven": False, "requirement": error.requirement, "detail": error.detail}
            click.echo(json.dumps(said, indent=1))
        else:
            click.echo(f"not proven: {error}")
        return 1
    click.echo(_document(convicted) if as_json else _words(convicted, evidence))
    return 0


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def example(*, folder: Path) -> int:
    """Write an anchor, and evidence against a purse and against a centre, into a new or empty FOLDER.

    They are the same every time, for whoever writes a verifier.
    """
    from eiraku.cli.operate.evidence_example import files

    made = files()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Misuse(f"{folder}: expected a new or an empty folder; name another one")
    for file, data in made.items():
        (folder / file).write_bytes(data)
    click.echo(f"wrote {', '.join(made)} to {folder}")
    return 0


def _words(convicted: "Convicted", evidence: "Evidence") -> str:
    unit = convicted.unit
    who = "the issuing centre" if convicted.number is None else f"purse {convicted.number.hex()}"
    lines = [
        f"proven: {who} gave one unit away twice at hop {convicted.hop}",
        f"unit {convicted.unit_id.hex()}",
        f"  number {unit.number}, issue {unit.issue}, value {unit.value}, economy {unit.economy}",
    ]
    lines += [
        f"  to {each.payee.hex()} in transaction {each.transaction.hex()}"
        for each in (evidence.first, evidence.second)
    ]
    return "\n".join(lines)


def _document(convicted: "Convicted") -> str:
    number = convicted.number
    said = {
        "proven": True,
        "by": "issuing-centre" if number is None else "purse",
        "number": None if number is None else number.hex(),
        "public_key": convicted.public_key.hex(),
        "unit_id": convicted.unit_id.hex(),
        "value": convicted.unit.value,
        "economy": convicted.unit.economy,
        "hop": convicted.hop,
    }
    return json.dumps(said, indent=1)
