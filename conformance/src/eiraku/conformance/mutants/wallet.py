"""The reference wallet with other parts: classes of its own, or functions replaced while it works."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from eiraku.conformance.wallet import ReferenceWallet, Response
from eiraku.reference.device import Device
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """What stands in for an attribute of a module of the reference."""

    owner: ModuleType
    name: str
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a mutant is made of; the default is the reference."""

    device_class: type[Device] = Device
    purse_class: type[Purse] = Purse
    checks_class: type[Checks] = Checks
    store_class: type[Store] = Store
    patches: tuple[Patch, ...] = ()

    @classmethod
    def of(cls, part: type) -> "Parts":
        """The reference with one part replaced, or several that `part` names as its attribute `parts`."""
        parts = getattr(part, "parts", None)
        if isinstance(parts, Parts):
            return parts
        if issubclass(part, Checks):
            return cls(checks_class=part)
        if issubclass(part, Purse):
            return cls(purse_class=part)
        if issubclass(part, Store):
            return cls(store_class=part)
        if issubclass(part, Device):
            return cls(device_class=part)
        raise TypeError(f"{part.__name__} is no part of a wallet")


class MutantWallet(ReferenceWallet):
    """A wallet with a defect.

    The suite uses the reference's functions for its own side. So patches hold only while the wallet answers
    a request: the suite waits meanwhile, also when both live in one process.
    """

    def __init__(self, name: str, parts: Parts) -> None:
        super().__init__(
            device_class=parts.device_class,
            purse_class=parts.purse_class,
            checks_class=parts.checks_class,
            store_class=parts.store_class,
        )
        self.name = f"mutant {name}"
        self._patches = parts.patches

    def handle(self, request: dict[str, Any]) -> Response:
        """Answer one request of the adapter protocol, in its defective way."""
        with replaced(*self._patches):
            return super().handle(request)


@contextlib.contextmanager
def replaced(*patches: Patch) -> Iterator[None]:
    """While this context lasts, the patches hold."""
    with contextlib.ExitStack() as stack:
        for patch in patches:
            stack.callback(setattr, patch.owner, patch.name, getattr(patch.owner, patch.name))
            setattr(patch.owner, patch.name, patch.value)
        yield
