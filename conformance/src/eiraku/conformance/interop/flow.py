"""How value moves between two wallets: the messages in order, who sends which, what goes wrong on the way.

The line cannot read the records; by the tables of chapter 7 it knows all the same which message comes when.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from eiraku.spec.errors import Code

HANDSHAKE = ("message_1", "message_2", "message_3", "message_4")


class Begins(StrEnum):
    """Who is the initiator of the session."""

    PAYER = "payer"
    PAYEE = "payee"

    @property
    def other(self) -> "Begins":
        """The other way round."""
        return Begins.PAYEE if self is Begins.PAYER else Begins.PAYER


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A payment or a redelivery."""

    begins: Begins
    redelivery: bool = False

    @property
    def messages(self) -> tuple[str, ...]:
        """Their names, in order: the first from the initiator, then by turns."""
        request = ("REQUEST",) if self.begins is Begins.PAYEE else ()
        transfer = ("REDELIVER", "RECEIPT") if self.redelivery else ("OFFER", "ACCEPT", "PAY", "RECEIPT")
        return HANDSHAKE + request + transfer

    @property
    def commits(self) -> tuple[str, ...]:
        """The messages at which whoever receives them makes a durable write."""
        return tuple(name for name in self.messages if name in COMMITS)

    def by_payer(self, name: str) -> bool:
        """Whether the payer sends the message `name`."""
        return (self.messages.index(name) % 2 == 0) == (self.begins is Begins.PAYER)


COMMITS = {
    "ACCEPT": "EPP-CRS-001",
    "PAY": "EPP-CRS-002",
    "REDELIVER": "EPP-CRS-002",
    "RECEIPT": "EPP-CRS-003",
}
"""Who receives one of these commits, and the requirement that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong at the message `at`."""

    kind: Literal["lost", "receiver-off", "sender-off", "before-write", "after-write"]
    at: str

    def __str__(self) -> str:
        return f"{self.at}-{self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Who receives the message `at` must refuse it so. `told`: whether it must answer its peer."""

    at: str
    code: Code
    told: bool = True


def faults(flow: Flow) -> list[Fault]:
    """Each message lost; the power of each side lost around each message; each durable write cut.

    A handshake is the same whatever follows, so that of a redelivery is left alone.
    """
    names = [name for name in flow.messages if not (flow.redelivery and name in HANDSHAKE)]
    found = [Fault(kind="lost", at=name) for name in names]
    found += [Fault(kind="receiver-off", at=name) for name in names]
    found += [Fault(kind="sender-off", at=name) for name in names]
    for name in flow.commits:
        found += [Fault(kind="before-write", at=name), Fault(kind="after-write", at=name)]
    return found
