"""Other things in the place of parts of the code, for as long as a context lasts.

A patch replaces one attribute: a function or a constant of a module, or a method of a class. `edit` makes the
replacement from the function's own source with one piece of text changed, so that the code need not be cut
into pieces for it; text that is not found exactly once is an error, so no patch goes stale.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

Patch: TypeAlias = tuple[ModuleType | type, str, object]
"""A module or a class, a name in it, and what stands there instead."""


class StalePatch(AssertionError):
    """The text that an edit looks for is not in the function, or more than once."""


def instead(function: Callable[..., Any], value: Callable[..., Any]) -> Patch:
    """`value` in the place where `function` is defined: in its module, or in its class."""
    return _owner(function), function.__name__, value


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
    exec(code, function.__globals__, scope)  # noqa: S102 - the source is our own
    return _owner(function), function.__name__, scope[function.__name__]


@contextmanager
def patched(patches: Sequence[Patch]) -> Iterator[None]:
    """While this context lasts, the patches hold."""
    with ExitStack() as stack:
        for owner, name, value in patches:
            # From the owner's own dictionary: a static method must come back as one.
            stack.callback(setattr, owner, name, vars(owner)[name])
            setattr(owner, name, value)
        yield


def _changed(text: str, old: str, new: str, where: str) -> str:
    if text.count(old) != 1:
        raise StalePatch(f"{where}: expected this text once, found it {text.count(old)} times: {old!r}")
    return text.replace(old, new)


def _owner(function: Callable[..., Any]) -> ModuleType | type:
    module = sys.modules[function.__module__]
    of_class, _, _ = function.__qualname__.rpartition(".")
    owner: ModuleType | type = getattr(module, of_class) if of_class else module
    return owner
