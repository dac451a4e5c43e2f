"""The command ``eiraku``; begins here, where nothing is imported yet that the current folder could shadow."""

import sys

from eiraku.conformance.sealed import seal

JUDGES = ("certify", "merge", "selfcheck", "statement", "list", "mutants", "interop", "differ")


def entry() -> None:
    """Entry point of the console script: those that judge are sealed first."""
    if sys.argv[1:2] and sys.argv[1] in JUDGES:
        seal(sys.argv[1:])
    from eiraku.cli.main import main as run

    run()
