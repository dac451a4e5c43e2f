"""What a check wants shown if it does not pass: the fixture ``evidence`` of the suite."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from eiraku.conformance.results import Hint, Insight, Step

_SESSIONS = 2
"""Of the last so many sessions the secrets are shown."""


@dataclass(slots=True)
class EvidenceNotes:
    """Filled in by a check as it goes. Whatever is left empty is taken from the exception."""

    expected: str = ""
    """What the specification asks for, in words or as bytes in hex."""
    actual: str = ""
    """What the wallet did, in the same form."""
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    violated: str = ""
    """The requirement that the step which failed violates, if the check knows it."""
    hints: list[Hint] = field(default_factory=list)
    insights: list[Insight] = field(default_factory=list)
    later: deque[Callable[["EvidenceNotes"], None]] = field(default_factory=lambda: deque(maxlen=_SESSIONS))
    """Asked only if the check fails; each adds to the rest."""

    def begin(self) -> None:
        """Forget the steps so far: the wallet is another."""
        self.steps.clear()
        self.later.clear()

    def gather(self) -> None:
        """The check has failed: ask for what was not worth computing before."""
        while self.later:
            self.later.popleft()(self)

    def decode(self, label: str, data: bytes, said: str) -> None:
        """Add to the last step that sent `data` what only the suite can read in it."""
        for at in range(len(self.steps) - 1, -1, -1):
            step = self.steps[at]
            if step.label == label and step.data == data.hex():
                self.steps[at] = msgspec.structs.replace(step, decoded=said)
                return

    def step(
        self, source: str, target: str, label: str, data: bytes = b"", *, decoded: str = "", outcome: str = ""
    ) -> None:
        """Add an arrow from ``source`` to ``target`` to the sequence diagram; ``data`` is what was sent."""
        self.steps.append(
            Step(source=source, target=target, label=label, data=data.hex(), decoded=decoded, outcome=outcome)
        )

    def expect(self, expected: object, actual: object) -> None:
        """State both sides of the comparison that follows."""
        self.expected, self.actual = _show(expected), _show(actual)

    def note(self, text: str) -> None:
        """Add a line for the reader of the report."""
        self.notes.append(text)


def _show(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
