"""What is refused on the wholesale side. Each message says what was expected and what to do."""

from eiraku.spec.errors import Refused


class PostingError(Refused):
    """A posting that cannot be made; nothing was changed. `requirement`: the one that forbids it."""

    def __init__(self, requirement: str, detail: str) -> None:
        super().__init__(f"{detail} [{requirement}]")
        self.requirement = requirement


class BrokenBooksError(Refused):
    """The balances contradict each other; nothing was changed."""


class CheckpointError(Refused):
    """A checkpoint that cannot be accepted."""


class EntryError(Refused):
    """An entry in the log that the rules do not permit. `index`: its place in the log."""

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(f"entry {index}: {detail}")
        self.index = index


class EvidenceError(Refused):
    """Evidence that shows nothing."""


class BasketError(Refused):
    """A basket that has no value, or none on that date."""
