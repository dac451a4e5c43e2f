"""``eiraku bench``: everything after the name is for `eiraku.cli.study.benchmarks.main`."""

import click


@click.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.pass_context
def main(ctx: click.Context) -> int:
    """Measure a wallet and the reference."""
    from eiraku.cli.study.benchmarks import main as bench

    return bench(ctx.args)
