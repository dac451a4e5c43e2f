"""What ends a run before its time."""

from eiraku.spec.errors import Refused


class ConservationError(Refused):
    """Value was lost or made. Says what differs, where, and with which seed it happens again."""

    def __init__(self, detail: str, seed: int) -> None:
        super().__init__(f"value is not conserved: {detail}; run it again with --seed {seed}")
        self.detail = detail
        self.seed = seed

    def __reduce__(self) -> tuple[type["ConservationError"], tuple[str, int]]:
        return type(self), (self.detail, self.seed)
