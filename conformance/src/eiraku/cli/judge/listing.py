"""``eiraku list``: requirements and the checks that name them."""

import json

import click

from eiraku.conformance.results import Check, to_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with all fields of each check.")
@click.option("--figures", is_flag=True, help="Only the figures of the text: how many, how long, how simple.")
def main(*, as_json: bool, figures: bool) -> int:
    """List every requirement with its checks; nothing is run and no wallet is needed.

    Exit code 3: the suite cannot be collected.
    """
    if figures:
        _figures()
        return 0
    from eiraku.conformance import runner
    from eiraku.conformance.findings import requirement_set

    catalogue = runner.collect()
    known = requirement_set()
    by_requirement: dict[str, list[Check]] = {info.id: [] for info in known.requirements}
    for check in catalogue.values():
        for requirement in check.requirements:
            by_requirement[requirement].append(check)
    if as_json:
        document = {
            "version": known.version,
            "digest": known.digest,
            "requirements": [
                {**to_json(info), "checks": [check.id for check in by_requirement[info.id]]}
                for info in known.requirements
            ],
            "checks": [to_json(check) for check in sorted(catalogue.values(), key=lambda check: check.id)],
        }
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return 0
    for info in known.requirements:
        applies = f"  (only {info.applies_to})" if info.applies_to else ""
        click.echo(f"{info.id} {info.keyword}{applies}")
        for check in by_requirement[info.id]:
            click.echo(f"    {check.id}  [{check.level}]")
        if info.not_tested:
            click.echo(f"    not tested: {info.not_tested}")
    click.echo(f"\n{len(known.requirements)} requirements, {len(catalogue)} checks, set {known.digest}")
    return 0


def _figures() -> None:
    from eiraku.spec import registry, statements

    known = registry.load()
    longest = max(known, key=statements.words)
    compound = statements.compound(known)
    click.echo(f"{len(known)} requirements")
    click.echo(f"longest: {longest.id}, {statements.words(longest)} words")
    click.echo(f"compound: {sum(map(len, compound.values()))}")
    for chapter, found in compound.items():
        click.echo(f"  {chapter}: {len(found)}")
        for requirement in found:
            click.echo(f"    {requirement.id}: {', '.join(statements.faults(requirement))}")
