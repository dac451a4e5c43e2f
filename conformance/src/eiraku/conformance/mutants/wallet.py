"""Defects as patches: what stands in for parts of the reference while a wallet works.

A patch replaces one attribute: a function or a constant of a module, or a method of a class. `edit` makes the
replacement from the function's own source with one piece of text changed, so that the reference need not be
cut into pieces for its mutants; text that is not found exactly once is an error, so no mutant goes stale.
"""

import contextlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from types import FunctionType, ModuleType
from typing import Any

from eiraku.conformance.wallet import ReferenceWallet, Response


class StalePatch(AssertionError):
    """The text that an edit looks for is not in the function, or more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What stands in for an attribute of a module or a class of the reference."""

    owner: ModuleType | type
    name: str
    value: object


Make = Callable[[], Sequence[Patch]]
"""Makes the patches of one wallet; a defect that remembers something gets its memory here."""


def instead(function: Callable[..., Any], value: Callable[..., Any]) -> Patch:
    """`value` in the place where `function` is defined: in its module, or in its class."""
    return Patch(owner=_owner(function), name=function.__name__, value=value)


def edit(function: Callable[..., Any], *changes: tuple[str, str]) -> Patch:
    """The function with each (old, new) text of its source changed. Raises StalePatch.

    The new function looks up names where the old one does: in its module, other patches included.
    """
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no function with a source")
    source = reduce(
        lambda text, change: _changed(text, change[0], change[1], function.__qualname__),
        changes,
        textwrap.dedent(inspect.getsource(function)),
    )
    scope: dict[str, object] = {}
    code = compile(source, f"<{function.__qualname__}, changed>", "exec", dont_inherit=True)
    exec(code, function.__globals__, scope)  # noqa: S102 - the source is the reference's own
    return Patch(owner=_owner(function), name=function.__name__, value=scope[function.__name__])


def _changed(text: str, old: str, new: str, where: str) -> str:
    if text.count(old) != 1:
        raise StalePatch(f"{where}: expected this text once, found it {text.count(old)} times: {old!r}")
    return text.replace(old, new)


def _owner(function: Callable[..., Any]) -> ModuleType | type:
    module = sys.modules[function.__module__]
    of_class, _, _ = function.__qualname__.rpartition(".")
    owner: ModuleType | type = getattr(module, of_class) if of_class else module
    return owner


class MutantWallet(ReferenceWallet):
    """A wallet with a defect.

    The suite uses the reference's functions for its own side. So patches hold only while the wallet answers
    a request: the suite waits meanwhile, also when both live in one process.
    """

    def __init__(self, name: str, make: Make) -> None:
        super().__init__()
        self.name = f"mutant {name}"
        self._patches = make()

    def handle(self, request: dict[str, Any]) -> Response:
        """Answer one request of the adapter protocol, in its defective way."""
        with replaced(self._patches):
            return super().handle(request)


@contextlib.contextmanager
def replaced(patches: Sequence[Patch]) -> Iterator[None]:
    """While this context lasts, the patches hold."""
    with contextlib.ExitStack() as stack:
        for patch in patches:
            # From the owner's own dictionary: a static method must come back as one.
            stack.callback(setattr, patch.owner, patch.name, vars(patch.owner)[patch.name])
            setattr(patch.owner, patch.name, patch.value)
        yield
