"""The command ``eiraku``.

Exit codes, the same for every command: 0 good, 1 what was asked about (such as a wallet) is at fault or was
refused, 2 misuse, 3 incomplete, 4 a defect of our own, whose traceback is in a file that is named. Commands
live in `eiraku.cli` and are imported only when called, so that help is quick.
"""

import sys
from importlib import import_module
from typing import Any

import click

from eiraku.cli.failures import report_defect, told

GROUPS = {
    "Judge": {
        "certify": ("eiraku.cli.judge.certify", "Judge a wallet and write the reports."),
        "merge": ("eiraku.cli.judge.merge", "One run, and one verdict, of the shards of certify."),
        "new-adapter": ("eiraku.cli.judge.new_adapter", "Begin an adapter in your language."),
        "interop": ("eiraku.cli.judge.interop", "Have wallets pay each other, in all roles."),
        "differ": ("eiraku.cli.judge.differ", "Where do two wallets answer the same differently?"),
        "selfcheck": ("eiraku.cli.judge.selfcheck", "Check that an adapter speaks the protocol."),
        "statement": ("eiraku.cli.judge.statement", "Verify, show, compare or repeat a signed statement."),
        "list": ("eiraku.cli.judge.listing", "Requirements and the checks that name them."),
        "explain": ("eiraku.cli.judge.explain", "Whatever has a name, in words."),
        "mutants": ("eiraku.cli.judge.mutants", "Run the suite against wallets that are wrong."),
    },
    "Prove": {
        "prove": ("eiraku.cli.prove.prove", "Prove what is claimed, or check recorded evidence."),
    },
    "Operate": {
        "centre": ("eiraku.cli.operate.centre", "Operate the centres: register, inspect, revoke, publish."),
        "serve": ("eiraku.cli.operate.serve", "Serve centres and vaults over HTTP."),
        "purse": ("eiraku.cli.operate.purse", "A person's purse: pay, get paid, pay in and out."),
        "vault": ("eiraku.cli.operate.vault", "A vault's units and account, while it is not served."),
        "wholesale": ("eiraku.cli.operate.wholesale", "The backing register: accounts, log, basket."),
        "audit": ("eiraku.cli.operate.audit", "Audit the issuing centre's own database."),
        "evidence": ("eiraku.cli.operate.evidence", "Verify evidence of a double spend."),
    },
    "Study": {
        "simulate": ("eiraku.cli.study.simulate", "Simulate economies that use the money system."),
        "detect": ("eiraku.cli.study.detect", "Detect planted double spends among any number of units."),
        "bench": ("eiraku.cli.study.bench", "Measure a wallet and the reference."),
        "measure": ("eiraku.cli.study.measure", "Measure services and the register."),
    },
}
"""By heading of the help, name of the command: module with a click command ``main``, and its line."""
_COMMANDS = {name: module for group in GROUPS.values() for name, (module, _) in group.items()}
_COMMANDS["maintain"] = "eiraku.cli.maintain.main"  # for those who work on Eiraku itself: not in the help


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).main
        return command

    def invoke(self, ctx: click.Context) -> Any:
        with told():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(len(name) for group in GROUPS.values() for name in group)
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in commands.items()])


_CODES = "Exit codes: 0 good; 1 at fault or refused; 2 misuse; 3 incomplete; 4 a defect of ours."


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_CODES)
@click.version_option(package_name="eiraku", prog_name="eiraku")
def group() -> None:
    """Does a wallet conform to EPP/1, the offline purse protocol?

    Begin with: eiraku certify (judges the built-in reference wallet).
    To see the money system around the wallets: eiraku simulate
    """


def main() -> None:
    """Entry point of the console script."""
    try:
        code = group.main(prog_name="eiraku", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 3
    except Exception as error:  # noqa: BLE001 - the boundary of the process: a defect of ours
        code = report_defect(error)
    sys.exit(code if isinstance(code, int) else 0)
