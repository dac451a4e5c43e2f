"""Wallets that each violate one requirement: what the suite is tested with.

`python:eiraku.conformance.mutants:NAME` selects one in the suite's process,
`cmd:python -m eiraku.conformance.mutants NAME` one in a process of its own. `eiraku mutants --list` lists
them; `eiraku mutants` runs the suite against them and judges the suite.
"""

from collections.abc import Callable

from eiraku.conformance.mutants.wallet import MutantWallet


def __getattr__(name: str) -> Callable[[], MutantWallet]:
    """The factory of the mutant `name`, as selectors look it up. Raises AttributeError."""
    from eiraku.conformance.mutants.registry import find
    from eiraku.spec.errors import Misuse

    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return find(name).wallet
    except Misuse as error:
        raise AttributeError(str(error)) from None
