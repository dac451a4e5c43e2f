"""``eiraku statement``: what a certifier signed about a wallet, for those who rely on it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from eiraku.cli.failures import told
from eiraku.cli.options import SELECTOR, timeout_option
from eiraku.conformance.interop import results
from eiraku.conformance.interop.results import Verdict as Interoperability
from eiraku.conformance.results import Outcome
from eiraku.conformance.statement import content, envelope, meeting
from eiraku.conformance.statement.comparing import TRANSCRIPT, differences
from eiraku.conformance.statement.content import Details, MeetingDetails, Statement
from eiraku.conformance.statement.envelope import Envelope
from eiraku.conformance.verdict import Verdict
from eiraku.report.text import one_line
from eiraku.spec.errors import Refused

if TYPE_CHECKING:
    from eiraku.conformance.results import CheckResult

_FILE = click.Path(path_type=Path, dir_okay=False)
_GOOD = (Verdict.CONFORMANT, Interoperability.INTEROPERABLE)
_UNVERIFIED = "The signature was not verified; eiraku statement verify does."


@click.group()
def main() -> None:
    """The signed statement of eiraku certify --statement: verify it, show it, compare two, run it again."""


@main.command()
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, required=True, metavar="PUBLIC", help="The certifier's public key (PEM).")
@click.option(
    "--subject", type=click.Path(path_type=Path), multiple=True, metavar="FILE", help="A file of the wallet."
)
@click.option("--report", type=_FILE, metavar="report.json", help="The report that the statement is about.")
def verify(*, file: Path, key: Path, subject: tuple[Path, ...], report: Path | None) -> int:
    """Verify who signed FILE, that it is about these files, and that it follows from this report.

    Exit code 0: all holds and the wallet is conformant; 1: something does not hold, or the wallet is
    non-conformant; 2: misuse.
    """
    from eiraku.conformance.statement import inputs

    with told(opening=True):
        data, public, given = file.read_bytes(), inputs.public_key(key), inputs.subjects(subject)
        reported = None if report is None else report.read_bytes()
    found = envelope.read(data)
    found.verify(public)
    statement = content.read(found.payload)
    known = {each.digest["sha256"] for each in statement.subject}
    faults = [
        f"{each.name}: no subject of the statement" for each in given if each.digest["sha256"] not in known
    ]
    if reported is not None:
        faults += _against(statement, reported)
    details = statement.predicate.eiraku
    if statement.predicate.result == "FAILED" or details.verdict not in _GOOD:
        who = "the wallets are" if isinstance(details, MeetingDetails) else "the wallet is"
        faults.append(f"{who} {details.verdict}: " + "; ".join(details.reasons))
    _print(statement, found)
    click.echo("The signature is good.")
    compared = {each.digest["sha256"] for each in given}
    for each in statement.subject:
        if each.digest["sha256"] not in compared:
            click.echo(f"Subject {one_line(each.name)} was not compared with a file.")
    for fault in faults:
        click.echo(one_line(fault), err=True)
    return 1 if faults else 0


def _against(statement: Statement, data: bytes) -> tuple[str, ...]:
    """Where the report says something else than the statement."""
    from eiraku.report.certify import json_report

    try:
        if isinstance(statement.predicate.eiraku, MeetingDetails):
            return _against_meeting(statement, msgspec.json.decode(data, type=results.Report))
        run = json_report.read(data)
    except Refused as refused:
        return (str(refused),)
    except (ValueError, RecursionError) as error:
        return (f"the report cannot be read: {error}",)
    obstacle = content.obstacle(run)
    if obstacle:
        return (f"the report cannot be signed: {obstacle}",)
    lines = differences(statement, content.state(run, statement.subject))
    return tuple(f"the report differs: {line}" for line in lines)


def _against_meeting(statement: Statement, found: results.Report) -> tuple[str, ...]:
    details = statement.predicate.eiraku
    obstacle = meeting.obstacle(found.run)
    if obstacle:
        return (f"the report cannot be signed: {obstacle}",)
    if results.judge(found.run) != found.judgement:
        return ("the report contradicts itself: its judgement does not follow from its results",)
    if not isinstance(details, MeetingDetails) or len(details.makes) != len(found.run.makes):
        return ("the report is about other wallets",)
    files = {make.letter: make.subjects for make in details.makes}
    lines = differences(statement, meeting.state(found.run, statement.subject, files))
    return tuple(f"the report differs: {line}" for line in lines)


@main.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="The payload itself: an in-toto Statement.")
def show(*, file: Path, as_json: bool) -> int:
    """Show what FILE says, without verifying its signature."""
    statement, found = _opened(file)
    if as_json:
        click.echo(found.payload)
        return 0
    _print(statement, found)
    click.echo(_UNVERIFIED)
    return 0


@main.command()
@click.argument("one", type=_FILE)
@click.argument("other", type=_FILE)
def diff(*, one: Path, other: Path) -> int:
    """Show each fact in which two statements differ, without verifying them. Exit code 0: none; 1: some."""
    lines = differences(_opened(one)[0], _opened(other)[0])
    for line in lines:
        click.echo(one_line(line))
    return 1 if lines else 0


@main.command()
@click.argument("file", type=_FILE)
@click.argument("selector", type=SELECTOR)
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="As for eiraku certify.")
@timeout_option
def replay(*, file: Path, selector: str, workers: int | None, timeout: float) -> int:
    """Run the suite again on the wallet at SELECTOR, with the seed and level of FILE, and compare.

    What was exchanged is compared too if the wallet declares deterministic. Exit code 0: the same; 1: not the
    same, 2: misuse, or the statement was made by another suite; 3: incomplete.
    """
    from eiraku.cli.judge import certify
    from eiraku.cli.signals import sigterm_as_interrupt
    from eiraku.conformance import runner, sources

    statement, _ = _opened(file)
    details = statement.predicate.eiraku
    if isinstance(details, MeetingDetails):
        how = f"eiraku interop SELECTOR... --level {details.level} --seed {details.seed}"
        raise click.UsageError(f"a statement on wallets that met is compared by hand: {how}")
    if selector.startswith("python:"):
        raise click.UsageError("a python: wallet never certifies; name it with cmd: or tcp:")
    judges = {each.name: each.digest["sha256"] for each in statement.predicate.configuration}
    if judges.get("suite") != sources.digest():
        raise click.ClickException(
            f"another suite made the statement: install that of eiraku {one_line(details.suite_version)}"
        )
    plan = runner.Plan(
        selector=selector,
        level=details.level,
        seed=details.seed,
        timeout=timeout,
        workers=workers or certify.usual_workers(selector, details.level),
    )
    with sigterm_as_interrupt():
        run = runner.execute(plan, _Quiet())
    obstacle = content.obstacle(run)
    if obstacle:
        click.echo(f"the run cannot be compared: {obstacle}", err=True)
        return 3
    again = content.state(run, statement.subject)
    both = {*details.wallet.capabilities} & {*(run.wallet.capabilities if run.wallet else ())}
    exactly = "deterministic" in both
    lines = differences(statement, again, without=() if exactly else (TRANSCRIPT,))
    for line in lines:
        click.echo(one_line(line))
    if not lines:
        click.echo("The same results" + (", and the same bytes exchanged." if exactly else "."))
    click.echo(_UNVERIFIED)
    return 1 if lines else 0


class _Quiet:
    """A `Watcher` that says how much there is to do."""

    def begin(self, count: int) -> None:
        """See `Watcher`."""
        click.echo(f"{count} checks")

    def done(self, result: "CheckResult") -> None:
        """See `Watcher`."""


def _opened(file: Path) -> tuple[Statement, Envelope]:
    with told(opening=True):
        data = file.read_bytes()
    found = envelope.read(data)
    return content.read(found.payload), found


def _print(statement: Statement, found: Envelope) -> None:
    details = statement.predicate.eiraku
    if isinstance(details, MeetingDetails):
        rows = _rows_of_meeting(statement, details)
    else:
        rows = _rows(statement, details)
    before = ""
    for name, text in [*rows, ("signed by", found.keyid)]:
        click.echo(f"{'' if name == before else name:<15}{one_line(text)}")
        before = name


def _rows(statement: Statement, details: Details) -> list[tuple[str, str]]:
    predicate = statement.predicate
    wallet = details.wallet
    return [
        ("result", f"{predicate.result}: {details.verdict}"),
        *(("because", reason) for reason in details.reasons),
        ("wallet", f"{wallet.name} {wallet.version}"),
        ("capabilities", ", ".join(wallet.capabilities)),
        ("room", ", ".join(f"{name} {size}" for name, size in wallet.room.items())),
        *(("subject", f"{each.digest['sha256']}  {each.name}") for each in statement.subject),
        *(("judged by", f"{each.digest['sha256']}  {each.name}") for each in predicate.configuration),
        ("suite", f"eiraku {details.suite_version}, level {details.level}, policy {details.policy}"),
        ("seed", details.seed),
        ("checks", ", ".join(f"{count} {outcome}" for outcome, count in details.counts.items())),
        ("requirements", _outcomes(details.requirements)),
        *(("not tested", f"{count}: {why}") for why, count in details.not_covered.not_tested.items()),
        ("not of wallets", f"{details.not_covered.not_about_wallets} requirements of centres and services"),
        *(("only its word", each) for each in details.not_covered.word_of_the_wallet),
        ("transcript", f"{details.transcript.root}  of {details.transcript.checks} checks"),
    ]


def _rows_of_meeting(statement: Statement, details: MeetingDetails) -> list[tuple[str, str]]:
    predicate = statement.predicate
    digests = {each.name: each.digest["sha256"] for each in statement.subject}
    rows = [("result", f"{predicate.result}: {details.verdict}")]
    rows += [("because", reason) for reason in details.reasons]
    for make in details.makes:
        rows.append((f"wallet {make.letter}", f"{make.wallet.name} {make.wallet.version}"))
        rows += [(f"subject of {make.letter}", f"{digests.get(name, '?')}  {name}") for name in make.subjects]
    return [
        *rows,
        *(("judged by", f"{each.digest['sha256']}  {each.name}") for each in predicate.configuration),
        ("suite", f"eiraku {details.suite_version}, level {details.level}"),
        ("seed", details.seed),
        ("scenarios", ", ".join(f"{count} {outcome}" for outcome, count in details.counts.items())),
        *(("only its word", each) for each in details.word_of_the_wallet),
        ("transcript", f"{details.transcript.root}  of {details.transcript.checks} scenarios"),
    ]


def _outcomes(requirements: dict[str, Outcome]) -> str:
    from collections import Counter

    return ", ".join(f"{count} {outcome}" for outcome, count in Counter(requirements.values()).most_common())
