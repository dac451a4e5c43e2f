"""What a wallet is driven in lock-step with."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.adapter.wire import Role
from eiraku.spec.messages import Message


class Player(Protocol):
    """Whoever answers as a wallet does: `eiraku.conformance.adapter.client.Wallet` is one."""

    def reset(self) -> None:
        """Nothing provisioned, nothing stored, no session."""

    def provision(
        self,
        *,
        purse: Mapping[str, Any],
        anchor: Mapping[str, Any],
        policy: Mapping[str, Any],
        bulletin: bytes | None = None,
        holdings: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """Make a purse (EPP-GEN-005)."""

    def act(self, action: str, **fields: Any) -> Reply:
        """What the holder does."""

    def open(self, role: Role) -> Reply:
        """Begin a session."""

    def deliver(self, data: bytes) -> Reply:
        """Bytes from the peer."""

    def state(self) -> State:
        """What is durable."""

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """Cut the power now, or around a later durable write, or disarm."""


class Oracle(Player, Protocol):
    """What is right, for a wallet that does the same at the same time."""

    def follow(self, said: Message | None) -> None:
        """What the wallet has just said, in place of which the oracle speaks next.

        Where the text leaves a choice to the purse (transaction, units, seals, the nonce of a signature) the
        oracle takes this one, if it is lawful. An oracle that chooses itself need not listen.
        """

    @property
    def reason(self) -> str:
        """The requirement of the last refusal; empty if it does not know, or has refused nothing."""
