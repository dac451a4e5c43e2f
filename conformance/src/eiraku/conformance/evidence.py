"""What a check wants shown if it does not pass: the fixture ``evidence`` of the suite."""

from dataclasses import dataclass, field

from eiraku.conformance.results import Step


@dataclass(slots=True)
class EvidenceNotes:
    """Filled in by a check as it goes. Whatever is left empty is taken from the exception."""

    expected: str = ""
    """What the specification asks for, in words or as bytes in hex."""
    actual: str = ""
    """What the wallet did, in the same form."""
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

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
