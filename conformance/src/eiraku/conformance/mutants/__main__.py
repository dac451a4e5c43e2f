"""Serve one mutant over standard input and output: `python -m eiraku.conformance.mutants NAME`."""

import sys

from eiraku.conformance.adapter.server import serve_stdio
from eiraku.conformance.mutants.registry import find
from eiraku.spec.errors import Misuse


def main(arguments: list[str]) -> int:
    """Serve until `stop` or the end of input. Exit code 2: no such mutant."""
    if len(arguments) != 1:
        print("usage: python -m eiraku.conformance.mutants NAME", file=sys.stderr)
        return 2
    try:
        mutant = find(arguments[0])
    except Misuse as error:
        print(error, file=sys.stderr)
        return 2
    serve_stdio(mutant.wallet())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
