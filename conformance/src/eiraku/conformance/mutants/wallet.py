"""The reference wallet with a defect: patches hold while it works."""

from collections.abc import Callable, Sequence
from typing import Any

from eiraku.conformance.wallet import ReferenceWallet, Response
from eiraku.testing.patches import Patch, patched

Make = Callable[[], Sequence[Patch]]
"""Makes the patches of one wallet; a defect that remembers something gets its memory here."""

NAME_MAX = 40
"""Of the name of a wallet (`Started`): with a longer one it would not start, and seem to be found out."""


class MutantWallet(ReferenceWallet):
    """A wallet with a defect.

    The suite uses the reference's functions for its own side. So patches hold only while the wallet answers
    a request: the suite waits meanwhile, also when both live in one process.
    """

    def __init__(self, name: str, make: Make) -> None:
        super().__init__()
        self.name = f"mutant {name}"[:NAME_MAX]
        self._patches = make()

    def handle(self, request: dict[str, Any]) -> Response:
        """Answer one request of the adapter protocol, in its defective way."""
        with patched(self._patches):
            return super().handle(request)
