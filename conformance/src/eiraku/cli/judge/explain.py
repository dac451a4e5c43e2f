"""``eiraku explain``: a requirement, a check or an error code, in words."""

import textwrap
from difflib import get_close_matches

import click

from eiraku.conformance.catalogue import matches
from eiraku.conformance.results import Check
from eiraku.spec import registry
from eiraku.spec.errors import Code, Unavailable
from eiraku.spec.registry import Requirement

_WIDTH = 96


@click.command()
@click.argument("subject")
def main(*, subject: str) -> int:
    """Explain SUBJECT: a requirement (EPP-SES-007), a check, or an error code (unit-expired or 19)."""
    from eiraku.conformance import runner

    try:
        catalogue = runner.collect()
    except Unavailable as error:
        # The specification can be explained all the same.
        click.echo(f"the suite cannot be collected: {error}", err=True)
        catalogue = {}
    requirement = registry.by_id().get(subject.upper())
    if requirement is not None:
        _requirement(requirement, catalogue)
        return 0
    code = _code(subject)
    if code is not None:
        _explain_code(code, catalogue)
        return 0
    checks = [check for check in catalogue.values() if matches(check, subject)]
    if checks:
        for check in checks:
            _check(check)
        return 0
    near = _nearest(subject, catalogue)
    hint = f"; nearest: {', '.join(near)}" if near else ""
    raise click.ClickException(f"{subject!r} is no requirement, check or error code{hint}")


def _requirement(requirement: Requirement, catalogue: dict[str, Check]) -> None:
    click.echo(f"{requirement.id} {requirement.keyword}    chapter {requirement.chapter}\n")
    _paragraphs(requirement.text)
    _paragraphs(f"Why: {requirement.why}")
    if requirement.applies_to:
        _paragraphs(f"Applies to wallets that declare {requirement.applies_to}.")
    if requirement.proved:
        _paragraphs(f"Proved: {', '.join(requirement.proved)} (eiraku prove)")
    if requirement.not_tested:
        _paragraphs(f"Not tested: {requirement.not_tested}")
        return
    checks = [check for check in catalogue.values() if requirement.id in check.requirements]
    click.echo("Checks:" if checks else "No check names it.")
    for check in checks:
        click.echo(f"  {check.id}  [{check.level}]\n      {check.title}")


def _explain_code(code: Code, catalogue: dict[str, Check]) -> None:
    click.echo(f"{code.label}: error code {code.value}, chapter 10-errors\n")
    naming = [found for found in registry.load() if f"`{code.label}`" in f"{found.text} {found.why}"]
    if not naming:
        click.echo("No requirement speaks of it by name.")
    for requirement in naming:
        count = sum(requirement.id in check.requirements for check in catalogue.values())
        click.echo(f"{requirement.id} {requirement.keyword}    checks: {count}")
        _paragraphs(requirement.text, indent="    ")


def _check(check: Check) -> None:
    click.echo(f"{check.id}    {check.location}, level {check.level}\n")
    _paragraphs(check.title)
    if check.needs:
        _paragraphs(f"Needs: {', '.join(check.needs)}")
    for name in check.requirements:
        requirement = registry.by_id()[name]
        click.echo(f"{requirement.id} {requirement.keyword}    chapter {requirement.chapter}")
        _paragraphs(requirement.text, indent="    ")


def _code(subject: str) -> Code | None:
    for code in Code:
        if subject.lower() in {code.label, str(code.value)}:
            return code
    return None


def _nearest(subject: str, catalogue: dict[str, Check]) -> list[str]:
    known = {name.lower(): name for name in (*registry.by_id(), *(c.label for c in Code), *catalogue)}
    return [known[name] for name in get_close_matches(subject.lower(), known, n=3, cutoff=0.5)]


def _paragraphs(text: str, indent: str = "") -> None:
    for paragraph in text.split("\n\n"):
        # Lists and tables keep their lines.
        wrapped = textwrap.wrap(paragraph, _WIDTH, break_on_hyphens=False)
        lines = paragraph.splitlines() if "\n" in paragraph else wrapped
        click.echo("\n".join(f"{indent}{line}" for line in lines) + "\n")
