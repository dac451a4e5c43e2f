"""``eiraku merge``: the shards of a run become one run, with the reports and the verdict of a whole one."""

from pathlib import Path

import click

from eiraku.cli.failures import told
from eiraku.cli.options import expected_options, report_option


@click.command()
@click.argument(
    "shards",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    nargs=-1,
    required=True,
    metavar="FOLDER...",
)
@report_option
@expected_options
@click.option(
    "--statement",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="KEY",
    help="Sign the result with the key (PEM) that signed each shard: statement.json beside the reports.",
)
def main(
    *,
    shards: tuple[Path, ...],
    report: Path,
    expected_failures: Path | None,
    write_expected: Path | None,
    statement: Path | None,
) -> int:
    """Make one run of the shards whose reports eiraku certify --shard wrote into the FOLDERs.

    The result is that of a run of all checks with the same seed. Exit codes as for certify; 2: misuse, or the
    shards are not those of one run, and nothing is written.
    """
    from eiraku.cli.judge import concluding, signing
    from eiraku.conformance.shards import merge
    from eiraku.report.certify import json_report
    from eiraku.spec.errors import Refused

    if report.resolve() in {folder.resolve() for folder in shards}:
        raise click.UsageError(f"--report: {report} is one of the shards; name another folder")
    if len({folder.resolve() for folder in shards}) < len(shards):
        raise click.UsageError("a folder is named twice")
    gate = concluding.gate(expected_failures, write_expected)
    with told(opening=True):
        runs = {}
        for folder in shards:
            path = folder / signing.REPORT
            try:
                runs[str(folder)] = json_report.read(path.read_bytes())
            except Refused as refused:
                raise Refused(f"{path}: {refused}") from None
        run = merge(runs)
        order = signing.merged(statement, shards)
    concluding.prepare(report)
    with concluding.terminal() as console:
        return concluding.conclude(run, report, gate, order, console)
