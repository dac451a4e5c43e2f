"""A purse as a device: the pure core, its memory, its randomness.

`Device` carries out the effects of each step in order. A refusal is a `Rejected` result and never escapes as
an exception, but from `self_report` and `sign_request`, which change nothing. `StoreError` and defects do,
after the session has been dropped (EPP-CRS-018).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eiraku.reference.purse import core, online
from eiraku.reference.purse.ledger import Credit, HoldingSummary, Pending, Settlement
from eiraku.reference.purse.state import (
    Collect,
    Deliver,
    Effect,
    Env,
    Input,
    NoSession,
    OpenSession,
    Order,
    PeerRejected,
    Provisioning,
    PurseState,
    Random,
    Ready,
    Refuse,
    Send,
    SetOrder,
    TakeBulletin,
    TakeIssue,
    TakeKeys,
    TakePurseId,
    TakeSchemeKey,
    Write,
)
from eiraku.reference.store import Store
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import Reject
from eiraku.spec.tables import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a device has to say: `Accepted` or `Rejected`. A device that dies on the way says neither.

    `out`: bytes for the peer, None for nothing; `is_open`: a session is open.
    """

    out: bytes | None
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Result):
    """Done. `reject`: what the peer refused with."""

    reject: Reject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Result):
    """The input was at fault. `out`: what the peer is told."""

    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a holder, or a test, can see. `balance`: of spendable units; `digest`: of all durable content."""

    balance: int
    epoch: int
    units: Sequence[HoldingSummary]
    pending: Sequence[Pending]
    credited: Sequence[Credit]
    settled: Sequence[Settlement]
    writes: int
    digest: bytes


class Device:
    """One purse. `store`: its memory, or where to open it; `random`: so many fresh random bytes."""

    def __init__(self, store: Store | Path, random: Random) -> None:
        """Switch the device on. Raises StoreError."""
        self.store = store if isinstance(store, Store) else Store(store)
        self._env = Env(ledger=self.store, random=random)
        self._state: PurseState = core.restore(self.store)

    # --- what the holder and the peer do ---

    def provision(self, given: Provisioning) -> Result:
        """Fill an empty purse (EPP-GEN-005)."""
        return self._take(given)

    def order(self, order: Order) -> Result:
        """Set what the next session is for (EPP-GEN-002)."""
        return self._take(SetOrder(order=order))

    def bulletin(self, update: bytes) -> Result:
        """Hand over a bulletin with its chunks or a delta (EPP-BUL-007)."""
        return self._take(TakeBulletin(update=update))

    def keys(self, centre: Centre, signed: bytes) -> Result:
        """Hand over a key list of one centre, as signed."""
        return self._take(TakeKeys(centre=centre, keys=signed))

    def scheme_key(self, key: bytes) -> Result:
        """Hand over a scheme key, 32 bytes."""
        return self._take(TakeSchemeKey(key=key))

    def open(self, side: Side) -> Result:
        """Open a session; an initiator's `out` is message_1."""
        return self._take(OpenSession(side=side))

    def deliver(self, data: bytes) -> Result:
        """Hand over bytes from the peer."""
        return self._take(Deliver(data=data))

    # --- what a centre does ---

    def take_issue(self, issue: bytes) -> Result:
        """Credit an issue (EPP-CEN-069); `out` is the signature of the receipt, 64 bytes."""
        return self._take(TakeIssue(issue=issue))

    def take_purse_id(self, signed: bytes) -> Result:
        """Hand over a renewed purse ID, as signed (EPP-DEV-002)."""
        return self._take(TakePurseId(purse_id=signed))

    def collect(self, unit_ids: Sequence[bytes]) -> Result:
        """Take units out of a centre's purse once they are in its database (EPP-CEN-063)."""
        return self._take(Collect(unit_ids=tuple(unit_ids)))

    def self_report(self, challenge: bytes) -> bytes:
        """What this purse says of itself, over a challenge as signed (EPP-DEV-006).

        Raises Refusal, StoreError.
        """
        return online.self_report(core.ready(self._state), challenge, self._env)

    def sign_request(self, audience: str, method: str, sequence: int, body: bytes) -> bytes:
        """A request to a service, signed (EPP-SVC-002). Raises Refusal."""
        purse = core.ready(self._state)
        return online.sign_request(purse, audience=audience, method=method, sequence=sequence, body=body)

    # --- what anybody does ---

    def drop_session(self) -> None:
        """End the open session, and forget what the next one was to be for (EPP-CRS-017)."""
        if isinstance(self._state, Ready):
            self._state = replace(self._state, session=NoSession(), order=None)

    def snapshot(self) -> Snapshot:
        """What there is now."""
        _, balance = self.store.total()
        epoch = self._state.epoch if isinstance(self._state, Ready) else 0
        return Snapshot(
            balance=balance,
            epoch=epoch,
            units=self.store.summaries(),
            pending=self.store.pendings(epoch),
            credited=self.store.credits(),
            settled=self.store.settlements(),
            writes=self.store.writes,
            digest=self.store.digest(),
        )

    @property
    def state(self) -> PurseState:
        """The volatile state, for diagrams and tests."""
        return self._state

    def close(self) -> None:
        """Close the memory."""
        self.store.close()

    # --- effects ---

    def _take(self, given: Input) -> Result:
        try:
            state, effects = core.step(self._state, given, self._env)
            is_open = isinstance(state, Ready) and not isinstance(state.session, NoSession)
            result = self.execute(effects, is_open=is_open)
        except Exception:
            # EPP-CRS-017, EPP-CRS-018
            self.drop_session()
            raise
        self._state = state
        return result

    def execute(self, effects: Sequence[Effect], *, is_open: bool) -> Accepted | Rejected:
        """Carry out effects in the order given: nothing is sent before what it depends on is written.

        `is_open`: a session is open once they are carried out.
        """
        out: bytes | None = None
        reject: Reject | None = None
        refusal: Refusal | None = None
        for effect in effects:
            match effect:
                case Write():
                    # EPP-CRS-001, EPP-CRS-002, EPP-CRS-003
                    self.store.apply(effect.change)
                case Send():
                    out = effect.data
                case PeerRejected():
                    reject = effect.reject
                case Refuse():
                    refusal = effect.refusal
        if refusal is not None:
            return Rejected(refusal=refusal, out=out, is_open=is_open)
        return Accepted(out=out, is_open=is_open, reject=reject)
