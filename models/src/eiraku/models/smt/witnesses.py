"""The boundary cases as a file of test vectors: ``python -m eiraku.models.smt.witnesses --write``.

The file is ``boundaries.json`` in `eiraku.spec`, where the suite finds it. Without ``--write`` it is only
compared; the exit code is 1 if it differs from what the solver finds.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from eiraku.models.smt import bundles, limits
from eiraku.models.smt.boundary import Boundary
from eiraku.spec import registry

FILE = Path(registry.__file__).with_name("boundaries.json")

_ABOUT = (
    "What is just allowed, and what just is not: least situations found by a solver, each with the outcome"
    " that the requirements demand. Amounts and values in minor units, sizes in bytes, hops as held and"
    " offered."
)


def boundaries() -> tuple[Boundary, ...]:
    """Every case, in the order of the file. Raises SolverUnknownError."""
    return (*limits.cases(), *bundles.cases())


def render(cases: Sequence[Boundary]) -> bytes:
    """The file's content."""
    stored = {
        "title": "EPP/1: boundary cases",
        "about": _ABOUT,
        "boundaries": [
            {
                "id": case.name,
                "says": case.says,
                "requirements": list(case.requirements),
                "given": dict(case.given),
                "expected": case.expected,
            }
            for case in cases
        ],
    }
    return (json.dumps(stored, indent=1) + "\n").encode()


def main(arguments: Sequence[str]) -> int:
    """Write or compare the file. Returns the exit code: 1 if it differs, 2 for wrong arguments."""
    if list(arguments) not in ([], ["--write"]):
        sys.stderr.write("usage: python -m eiraku.models.smt.witnesses [--write]\n")
        return 2
    found = render(boundaries())
    if arguments:
        FILE.write_bytes(found)
    elif not FILE.is_file() or FILE.read_bytes() != found:
        sys.stderr.write(f"{FILE.name} is not what the solver finds; --write renews it\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
