"""A wallet that tells what is done to it besides orders and messages, as steps for the report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.adapter.lasting import LastingWallet

_FEW: Final = 8
"""Units of a state that are named."""
_MOMENTS: Final = {"now": "power lost", "never": "power stays on"}


class ObservedWallet(LastingWallet):
    """A wallet with an observer."""

    observer: Callable[[str, str, str], None] | None = None
    """Told of each step: in words, what came of it, details."""

    def reset(self) -> None:
        """See `Wallet.reset`."""
        self._tell("reset")
        super().reset()

    def provision(
        self,
        *,
        purse: Mapping[str, Any],
        anchor: Mapping[str, Any],
        policy: Mapping[str, Any],
        bulletin: bytes | None = None,
        holdings: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """See `Wallet.provision`."""
        label = f"provision, units: {len(holdings)}"
        try:
            reply = super().provision(
                purse=purse, anchor=anchor, policy=policy, bulletin=bulletin, holdings=holdings
            )
        except AdapterFailure as failure:
            self._tell(label, str(failure))
            raise
        self._tell(label, str(reply))
        return reply

    def state(self) -> State:
        """See `Wallet.state`."""
        try:
            found = super().state()
        except AdapterFailure as failure:
            self._tell("state", str(failure))
            raise
        if self.observer is not None:
            self._tell("state", _brief(found), _full(found))
        return found

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """See `Wallet.power_cut`."""
        self._tell(_MOMENTS.get(when) or f"power will be lost {when} write {write}")
        super().power_cut(when, write)

    def kill(self) -> None:
        """See `LastingWallet.kill`."""
        self._tell("killed, and started again on its store")
        super().kill()

    def _tell(self, label: str, outcome: str = "", decoded: str = "") -> None:
        if self.observer is not None:
            self.observer(label, outcome, decoded)


def _brief(state: State) -> str:
    pending = f", {len(state.pending)} pending" if state.pending else ""
    return f"balance {state.balance}, {state.writes} writes{pending}"


def _full(state: State) -> str:
    units = "".join(
        f"\n  {unit.unit_id.hex()} value {unit.value} hop {unit.hop}" for unit in state.units[:_FEW]
    )
    more = f"\n  and {len(state.units) - _FEW} more" if len(state.units) > _FEW else ""
    counts = f"{len(state.pending)} pending, {len(state.credited)} credited, {len(state.settled)} settled"
    return (
        f"epoch {state.epoch}, {counts}, digest {state.digest.hex()}\nunits: {len(state.units)}{units}{more}"
    )
