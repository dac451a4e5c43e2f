"""The boundary cases as a file of test vectors, which ``eiraku maintain witnesses --write`` writes.

The file is ``boundaries.json`` among the vectors of `eiraku.spec`, where the suite finds it.
"""

import json
from collections.abc import Sequence

from eiraku.models.smt import bundles, limits
from eiraku.models.smt.boundary import Boundary

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
        "schema": "boundaries.schema.json",
        "title": "EPP/1: boundary cases",
        "about": _ABOUT,
        "cases": [
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
