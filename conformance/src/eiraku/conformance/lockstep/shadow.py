"""The shadow purse: the pure core over the tables, beside the wallet, making the wallet's choices.

It is what the specification says, executed: `eiraku.reference.purse.core.step`, on a memory of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from eiraku.conformance.adapter.client import HeldUnit, Payment, Reply, State
from eiraku.conformance.adapter.wire import Role, to_wire
from eiraku.conformance.lockstep.choices import Choices, FollowingKey
from eiraku.conformance.lockstep.ledger import Memory
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.purse import core
from eiraku.reference.purse.state import (
    Deliver,
    Empty,
    Env,
    Input,
    NoSession,
    OpenSession,
    Order,
    PayOrder,
    Provisioning,
    PurseState,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    Refuse,
    RequestOrder,
    Send,
    SetOrder,
    TakeBulletin,
    TakeKeys,
    TakeSchemeKey,
    Write,
)
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import Message, OfferedUnit
from eiraku.spec.tables import Side

_TRANSACTION = 16


class _PowerLost(Exception):
    """An armed cut has fired."""


class Shadow:
    """The oracle of the specification; see `Oracle`."""

    def __init__(self, seed: bytes, history_keys: Callable[[], Iterable[AgreementKey]]) -> None:
        """`seed`: 32 bytes for what the wallet's messages do not show; `history_keys`: see `Choices`."""
        self._seed = seed
        self._history_keys = history_keys
        self.reset()

    def reset(self) -> None:
        """See `Player`."""
        self._refused = ""
        self.choices = Choices(self._history_keys)
        self.memory = Memory(self.choices)
        self._drbg = Drbg(self._seed)
        self._env = Env(ledger=self.memory, random=self._random)
        self._state: PurseState = Empty()
        self._armed: tuple[str, int] | None = None

    def follow(self, said: Message | None) -> None:
        """See `Oracle`."""
        self.choices.follow(said)

    @property
    def reason(self) -> str:
        """See `Oracle`; also the requirement that forbids what the wallet has just chosen."""
        return self._refused or self.choices.fault

    # --- the verbs ---

    def provision(
        self,
        *,
        purse: Mapping[str, Any],
        anchor: Mapping[str, Any],
        policy: Mapping[str, Any],
        bulletin: bytes | None = None,
        holdings: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """See `Player`."""
        units = (OfferedUnit(unit=h["unit"], hop=h["hop"], history=h["history"]) for h in holdings)
        given = Provisioning(
            **purse, anchor=to_wire(anchor), policy=policy, bulletin=bulletin, holdings=tuple(units)
        )
        return _plain(self._take(given))

    def act(self, action: str, **fields: Any) -> Reply:
        """See `Player`."""
        match action:
            case "bulletin":
                given: Input = TakeBulletin(update=fields["bulletin"])
            case "keys":
                given = TakeKeys(centre=Centre(fields["centre"]), keys=fields["keys"])
            case "scheme-key":
                given = TakeSchemeKey(key=fields["key"])
            case _:
                given = SetOrder(order=_order(action, fields))
        return _plain(self._take(given))

    def open(self, role: Role) -> Reply:
        """See `Player`."""
        return self._take(OpenSession(side=Side(role)))

    def deliver(self, data: bytes) -> Reply:
        """See `Player`."""
        return self._take(Deliver(data=data))

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """See `Player`."""
        self._armed = None if write is None else (when, write)
        if when == "now":
            self._restore()

    def state(self) -> State:
        """See `Player`."""
        memory = self.memory
        epoch = self._state.epoch if isinstance(self._state, Ready) else 0
        return State(
            balance=memory.total()[1],
            epoch=epoch,
            units=tuple(HeldUnit(unit_id=u.unit_id, value=u.value, hop=u.hop) for u in memory.units.values()),
            pending=tuple(
                Payment(transaction=p.transaction, peer=p.payee, amount=p.amount, units=p.unit_ids)
                for p in memory.pendings(epoch)
            ),
            credited=tuple(
                Payment(transaction=c.transaction, peer=c.payer, amount=c.amount)
                for c in memory.credited.values()
            ),
            settled=tuple(
                Payment(transaction=s.transaction, peer=s.payee, amount=s.amount)
                for s in memory.settled.values()
            ),
            writes=memory.writes,
            digest=memory.digest(),
        )

    # --- within ---

    def _take(self, given: Input) -> Reply:
        """One step, and its effects in their order."""
        self._refused = ""
        state, effects = core.step(self._state, given, self._env)
        out, refusal = None, None
        try:
            for effect in effects:
                match effect:
                    case Write():
                        self._write(effect)
                    case Send():
                        out = effect.data
                    case Refuse():
                        refusal = effect.refusal
        except _PowerLost:
            self._restore()
            return Reply(outcome="power-cut")
        self._state = self._following(state)
        is_open = isinstance(state, Ready) and not isinstance(state.session, NoSession)
        session: Literal["open", "closed"] = "open" if is_open else "closed"
        if refusal is None:
            return Reply(outcome="accepted", out=out, session=session)
        self._refused = refusal.requirement
        label, detail = refusal.code.label, f"{refusal.requirement}: {refusal.detail}"
        return Reply(outcome="rejected", code=label, detail=detail, out=out, session=session)

    def _write(self, effect: Write) -> None:
        when, left = self._armed or ("", 0)
        if left > 1:
            self._armed = when, left - 1
        if left != 1 or when == "after":
            self.memory.apply(effect.change)
        if left == 1:
            self._armed = None
            raise _PowerLost

    def _restore(self) -> None:
        self._state = self._following(core.restore(self.memory))

    def _following(self, state: PurseState) -> PurseState:
        """The purse, with the key that signs as the wallet does."""
        made = self.memory.provision()
        if made is None or not isinstance(state, Ready) or isinstance(state.identity.key, FollowingKey):
            return state
        key = FollowingKey(made.private_key, self.choices)
        return replace(state, identity=replace(state.identity, key=key))

    def _random(self, length: int) -> bytes:
        chosen = self.choices.transaction() if length == _TRANSACTION else None
        return self._drbg(length) if chosen is None else chosen


def _plain(reply: Reply) -> Reply:
    """Outside of sessions nothing is said to a peer."""
    return replace(reply, out=None, session=None)


def _order(action: str, fields: Mapping[str, Any]) -> Order:
    match action:
        case "pay":
            return PayOrder(amount=fields["amount"], payee=fields.get("payee"))
        case "request":
            return RequestOrder(amount=fields["amount"], reference=fields["reference"])
        case "redeliver":
            return RedeliverOrder(transaction=fields["transaction"])
    return ReceiveOrder()
