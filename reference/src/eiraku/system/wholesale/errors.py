"""What can go wrong on the wholesale side. Each message says what was expected and what to do."""


class WholesaleError(ValueError):
    """Base of all of them."""


class PostingError(WholesaleError):
    """A posting that cannot be made; nothing was changed. `requirement`: the one that forbids it."""

    def __init__(self, requirement: str, detail: str) -> None:
        super().__init__(f"{detail} [{requirement}]")
        self.requirement = requirement


class BrokenBooksError(WholesaleError):
    """The balances contradict each other; nothing was changed."""


class LogDamagedError(WholesaleError):
    """A stored leaf or node is missing or wrong."""


class ProofError(WholesaleError):
    """A proof that does not show what it should."""


class CheckpointError(WholesaleError):
    """A checkpoint that cannot be accepted."""


class EntryError(WholesaleError):
    """An entry in the log that the rules do not permit. `index`: its place in the log."""

    def __init__(self, index: int, detail: str) -> None:
        super().__init__(f"entry {index}: {detail}")
        self.index = index


class EvidenceError(WholesaleError):
    """Evidence that shows nothing."""


class ShareError(WholesaleError):
    """A result that cannot be shared."""


class BasketError(WholesaleError):
    """A basket that has no value, or none on that date."""
