"""The commands of ``eiraku wholesale`` with which a member, or anybody, checks the operator."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.operate import wholesale_files as files
from eiraku.spec.errors import EirakuError

if TYPE_CHECKING:
    from eiraku.system.wholesale.note import VerifierKey

_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=files.FILE)
@click.option(
    "--operator", type=files.OPERATOR, metavar="VKEY", help="Verifier key of the operator; FILE is a LOG."
)
@files.witnesses
@files.guarded
def verify(
    *, file: str, operator: "VerifierKey | None", known: "tuple[VerifierKey, ...]", quorum: int | None
) -> int:
    """Verify a LOG from its first entry on, as a member does offline; or all of a register.

    Without --operator FILE is a register, and every leaf, hash, balance and checkpoint in it is compared.
    """
    from eiraku.system.wholesale import export
    from eiraku.system.wholesale.note import Trust

    if operator is None:
        if known or quorum is not None:
            raise click.UsageError("--witness and --quorum are for a LOG; name its --operator too")
        with files.opened(file) as register:
            problems = register.problems()
            size, origin = register.size, register.origin
        for problem in problems:
            click.echo(problem, err=True)
        if not problems:
            click.echo(f"{origin}: {size} entries, no contradiction")
        return 1 if problems else 0
    files.exists(file)
    trust = Trust(operator=operator, witnesses=known, quorum=quorum or 0)
    found = export.verify(files.read(Path(file)), trust)
    files.table(found.standings)
    signed = f"{found.checkpoints} checkpoint{'s' if found.checkpoints > 1 else ''}"
    click.echo(
        f"{operator.name}: {len(found.entries)} entries, {signed}, all as signed; "
        f"the last covers {found.last.size} entries at epoch {found.last.epoch}"
    )
    if found.uncovered:
        click.echo(f"{found.uncovered} entries are not signed yet")
    return 0


@click.command()
@click.argument("view", type=files.FILE)
@click.argument("log", type=_PATH)
@files.operator
@click.option(
    "--evidence",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write evidence of a fork.",
)
@files.witnesses
@files.guarded
def follow(
    *,
    view: str,
    log: Path,
    operator: "VerifierKey",
    evidence: Path | None,
    known: "tuple[VerifierKey, ...]",
    quorum: int | None,
) -> int:
    """Go on in VIEW, this member's own database, to the newest checkpoint of LOG.

    VIEW is made if it is not there, and keeps the witnesses and the quorum until others are named.

    Exit code 1: LOG does not continue what was accepted before; if that shows a fork of the operator's log,
    the evidence is written.
    """
    from eiraku.spec import merkle
    from eiraku.spec.merkle import Range
    from eiraku.system.wholesale import export
    from eiraku.system.wholesale.member import SCHEMA, Member
    from eiraku.system.wholesale.note import Trust

    exported = files.read(log)
    newest, signed = export.ordered(exported, operator)[-1]
    new = "://" not in view and not Path(view).exists()
    trust = Trust(operator=operator, witnesses=known, quorum=quorum or 0) if new else None
    with files.database(view, SCHEMA) as database:
        member = Member.create(database, trust) if trust else Member(database)
        if member.trust.operator != operator:
            raise click.ClickException(f"{view}: follows another operator, {member.trust.operator}")
        if not new and (known or quorum is not None):
            member.rely_on(known or member.trust.witnesses, member.trust.quorum if quorum is None else quorum)
        leaves = exported.leaves[: newest.size]
        found = member.examine(signed, leaves)
        if found is not None:
            click.echo(f"the operator's log has a fork: {found.verify(operator)}", err=True)
            _keep(found.to_json(), evidence)
            return 1
        spans: tuple[Range, ...] = ()
        if member.size <= newest.size <= len(leaves):
            spans = merkle.consistency(member.size, newest.size)
        tree = merkle.complete(leaves)
        proof = [merkle.root(span, tree) for span in spans]
        member.accept(signed, proof, leaves[member.size :])
        click.echo(f"accepted {newest.size} entries at epoch {newest.epoch}")
        files.table(member.standings())
    return 0


@click.command()
@click.argument("one", type=_PATH)
@click.argument("other", type=_PATH)
@files.operator
@click.option("--evidence", required=True, type=click.Path(dir_okay=False, path_type=Path))
@files.guarded
def fork(*, one: Path, other: Path, operator: "VerifierKey", evidence: Path) -> int:
    """Compare two LOG files that members were given, and write evidence if they show a fork.

    Exit code 0: they do, and the evidence is written; 1: they show none.
    """
    from eiraku.system.wholesale import export

    found = export.fork(files.read(one), files.read(other), operator)
    click.echo(found.verify(operator))
    _keep(found.to_json(), evidence)
    return 0


@click.command(name="verify-fork")
@click.argument("file", type=_PATH)
@files.operator
@files.guarded
def verify_fork(*, file: Path, operator: "VerifierKey") -> int:
    """Verify evidence of a fork. Exit code 0: the operator signed two logs; 1: it shows nothing."""
    from eiraku.system.wholesale.checkpoint import Evidence

    click.echo(Evidence.from_json(files.text(file)).verify(operator))
    return 0


@click.command(name="verify-proof")
@click.argument("file", type=_PATH)
@files.operator
@files.witnesses
@files.guarded
def verify_proof(
    *, file: Path, operator: "VerifierKey", known: "tuple[VerifierKey, ...]", quorum: int | None
) -> int:
    """Verify, without the log, an entry that `prove` printed to FILE.

    Exit code 0: the operator signed a log with that entry at that place; 1: the proof does not show it.
    """
    from eiraku.system.wholesale import checkpoint, written
    from eiraku.system.wholesale.note import Trust

    def words(error: EirakuError) -> str:
        return f"{file}: expected what `eiraku wholesale prove` printed ({error})"

    text = files.text(file)
    with told(opening=True, words=words):
        given = written.members(text)
        leaf, signed = written.octets(given, "entry"), written.text(given, "checkpoint")
        index, proof = written.member(given, "index"), written.several(given, "proof")
    trust = Trust(operator=operator, witnesses=known, quorum=quorum or 0)
    entry = checkpoint.verify_entry(leaf, index, proof, signed, trust)
    at = "" if entry.at == entry.economy else f" at {entry.at}"
    click.echo(f"entry {index}: {entry.label} {entry.economy}{at}, {entry.amount:,}, epoch {entry.epoch}")
    return 0


def _keep(content: str, file: Path | None) -> None:
    if file is None:
        click.echo(content)
        return
    file.write_text(content + "\n", encoding="utf-8")
    click.echo(f"evidence written to {file}")
