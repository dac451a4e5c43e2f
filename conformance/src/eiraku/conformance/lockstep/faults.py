"""What can be wrong with a payment to the wallet, one thing at a time, at any position and of any magnitude.

A `Draft` is a payment that is right in everything; a `Fault` makes one thing of it wrong. The rule that it
breaks is the one for which a payee must refuse it while all else is right, and the shadow must agree.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.edwards import L
from eiraku.conformance.tester.world import Identity, World, endorse
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey, key_id
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import Offer, OfferedUnit, Pay, Redeliver
from eiraku.spec.objects import Unit
from eiraku.spec.shape import EPOCH_MAX

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A payment by `payer` to the purse number `payee`, before anything of it is encoded."""

    payer: Identity
    payee: bytes
    transaction: bytes
    amount: int
    units: tuple[OfferedUnit, ...]
    endorsements: tuple[bytes, ...] | None = None
    """None: the right ones."""
    paid: bytes | None = None
    """Another transaction, in PAY."""

    @property
    def offer(self) -> Offer:
        """The OFFER."""
        return Offer(transaction=self.transaction, amount=self.amount, units=self.units)

    def signatures(self) -> tuple[bytes, ...]:
        """The endorsements."""
        return self.endorsements if self.endorsements is not None else tuple(map(self.endorsed, self.units))

    def endorsed(self, unit: OfferedUnit, **changes: Any) -> bytes:
        """The endorsement of one unit, but for changes; what is no unit has none that could verify."""
        given = {"payer": self.payer, "payee": self.payee, "transaction": self.transaction, **changes}
        try:
            return endorse(unit, **given)
        except Refusal:
            return bytes(64)

    @property
    def pay(self) -> Pay:
        """The PAY."""
        return Pay(transaction=self.paid or self.transaction, endorsements=self.signatures())

    @property
    def redeliver(self) -> Redeliver:
        """The REDELIVER."""
        return Redeliver(offer=self.offer.encode(), endorsements=self.signatures())


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a fault is put. `position`: of the unit at fault; `base`: 0, or the power of two by which a
    number is wrong, so that its low bits are right; `epoch`: the wallet's.
    """

    world: World
    random: Random
    position: int
    base: int
    epoch: int

    @property
    def off(self) -> int:
        """By how much a number is wrong."""
        return self.base or 1


Spoil = Callable[[Draft, Scene], Draft]


def nothing(_: Draft) -> dict[str, Any]:
    """The policy need not be another."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: of the OFFER, or (`signing`) of what follows it."""

    name: str
    rules: tuple[str, ...]
    """The requirements of which one must be the reason of a refusal; none if there is no fault."""
    spoil: Spoil
    signing: bool = False
    policy: Callable[[Draft], dict[str, Any]] = nothing
    """What the policy must say, for `policies.policy`."""
    placed: bool = False
    """Whether it is about one unit of the bundle."""
    before: str = ""
    """What must have been before: see `KNOWN`; another unit must have been here and be gone."""
    asks_more: bool = False
    """Whether the wallet's holder asks for what the OFFER says, not for what the units are worth."""


# --- units --------------------------------------------------------------------------------------------------


def _with(draft: Draft, at: int, unit: OfferedUnit) -> Draft:
    units = list(draft.units)
    units[at] = unit
    return replace(draft, units=tuple(units))


def _reissued(
    draft: Draft, scene: Scene, change: Callable[[Unit], Unit], key: Any = None, kid: bytes | None = None
) -> Draft:
    """The unit at the position, signed anew with other content, or under another key."""
    held = draft.units[scene.position]
    signed = cose.parse(held.unit)
    made = next((k for k in scene.world.issuing.keys if k.kid == signed.kid), scene.world.issuing.keys[-1])
    payload = change(Unit.decode(signed.payload)).encode()
    secret = made.unit_key if key is None else key
    encoded = cose.sign(secret, objects.CONTEXT_UNIT, payload, kid=kid or made.kid)
    return _with(draft, scene.position, replace(held, unit=encoded))


def _changed(change: Callable[[Unit, Scene], Unit]) -> Spoil:
    return lambda draft, scene: _reissued(draft, scene, lambda unit: change(unit, scene))


def _raw(change: Callable[[bytes], bytes]) -> Spoil:
    """The signed unit at the position, changed."""

    def spoil(draft: Draft, scene: Scene) -> Draft:
        held = draft.units[scene.position]
        return _with(draft, scene.position, replace(held, unit=change(held.unit)))

    return spoil


def _abroad(unit: Unit, scene: Scene) -> Unit:
    return replace(unit, economy=scene.world.drawn.economy(Economy.FOREIGN))


def _foreign(draft: Draft, scene: Scene) -> Draft:
    return _reissued(draft, scene, lambda unit: unit, SigningKey(scene.random(32)))


def _unlisted(draft: Draft, scene: Scene) -> Draft:
    key = SigningKey(scene.random(32))
    return _reissued(draft, scene, lambda unit: unit, key, key_id(key.public))


def _late(draft: Draft, scene: Scene) -> Draft:
    """Under the old key, issued after its end."""
    old = scene.world.issuing.keys[0]
    issued = min(old.valid_to + scene.off, EPOCH_MAX)
    return _reissued(draft, scene, lambda unit: replace(unit, issued=issued), old.unit_key, old.kid)


def _twice(draft: Draft, scene: Scene) -> Draft:
    return _with(draft, scene.position, draft.units[0 if scene.position else 1])


def _history(change: Callable[[bytes], bytes]) -> Spoil:
    def spoil(draft: Draft, scene: Scene) -> Draft:
        held = draft.units[scene.position]
        return _with(draft, scene.position, replace(held, history=change(held.history)))

    return spoil


def _far(draft: Draft, scene: Scene) -> Draft:
    """At the last hop that its own limit allows."""
    far = _reissued(draft, scene, lambda unit: replace(unit, max_hops=1))
    held = replace(far.units[scene.position], hop=1, history=scene.random(objects.history_size(1)))
    return _with(far, scene.position, held)


# --- endorsements -------------------------------------------------------------------------------------------


def flip(data: bytes, at: int = -1) -> bytes:
    """With the lowest bit of one byte changed."""
    altered = bytearray(data)
    altered[at] ^= 1
    return bytes(altered)


def malleable(signature: bytes) -> bytes:
    """With S + L for S: the same by an equation that does not ask for the least S."""
    s = int.from_bytes(signature[32:], "little") + L
    return signature[:32] + s.to_bytes(32, "little")


def _signed(change: Callable[[Draft, Scene, OfferedUnit, bytes], bytes]) -> Spoil:
    """The endorsement at the position, changed."""

    def spoil(draft: Draft, scene: Scene) -> Draft:
        found = list(draft.signatures())
        at = scene.position
        found[at] = change(draft, scene, draft.units[at], found[at])
        return replace(draft, endorsements=tuple(found))

    return spoil


def _over(**made: Callable[[Draft, Scene], Any]) -> Spoil:
    """The endorsement at the position, over something else."""

    def change(draft: Draft, scene: Scene, unit: OfferedUnit, _: bytes) -> bytes:
        return draft.endorsed(unit, **{name: make(draft, scene) for name, make in made.items()})

    return _signed(change)


def _impostor(draft: Draft, scene: Scene) -> Identity:
    return replace(draft.payer, key=SigningKey(scene.random(32)))


def _changed_list(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Spoil:
    return lambda draft, _: replace(draft, endorsements=change(draft.signatures()))


def _offer(name: str, rule: str, spoil: Spoil, policy: Callable[[Draft], dict[str, Any]] = nothing) -> Fault:
    return Fault(name=name, rules=(rule,), spoil=spoil, policy=policy)


def _unit(name: str, rule: str, spoil: Spoil, policy: Callable[[Draft], dict[str, Any]] = nothing) -> Fault:
    return Fault(name=name, rules=(rule,), spoil=spoil, policy=policy, placed=True)


def _sign(name: str, spoil: Spoil, rule: str = "EPP-HIS-002", *, placed: bool = True) -> Fault:
    return Fault(name=name, rules=(rule,), spoil=spoil, signing=True, placed=placed)


def _same(draft: Draft, _: Scene) -> Draft:
    return draft


GOOD = Fault(name="nothing", rules=(), spoil=_same, placed=True)

OFFER = (
    _offer("amount-zero", "EPP-TRF-030", lambda draft, _: replace(draft, amount=0)),
    _offer(
        "above-the-limit",
        "EPP-TRF-031",
        _same,
        lambda draft: {"transfer": {1: draft.amount - 1}},
    ),
    _offer(
        "below-the-least",
        "EPP-TRF-087",
        _same,
        lambda draft: {"min_amount": draft.amount + 1},
    ),
    _offer(
        "too-many-units",
        "EPP-TRF-032",
        _same,
        lambda draft: {"max_units": len(draft.units) - 1},
    ),
    _offer("no-unit", "EPP-TRF-032", lambda draft, _: replace(draft, units=())),
    _unit("twice-in-the-bundle", "EPP-TRF-033", _twice),
    Fault(
        name="sum-is-less",
        rules=("EPP-TRF-042",),
        spoil=lambda draft, scene: replace(draft, amount=draft.amount + scene.off),
        asks_more=True,
    ),
    _offer(
        "no-room-for-units",
        "EPP-TRF-043",
        _same,
        lambda draft: {"capacity": len(draft.units) - 1},
    ),
    Fault(
        name="no-room-for-seen",
        rules=("EPP-TRF-063",),
        spoil=_same,
        policy=lambda draft: {"max_seen": len(draft.units), "capacity": len(draft.units)},
        before="another",
    ),
    _offer(
        "above-the-balance",
        "EPP-TRF-044",
        _same,
        lambda draft: {"balance_limits": {1: draft.amount - 1}},
    ),
)
"""Faults of the whole offer."""

UNITS = (
    _unit("unit-with-a-byte-after-it", "EPP-ENC-004", _raw(lambda unit: unit + b"\0")),
    _unit(
        "unit-with-33-reserved-bytes",
        "EPP-UNI-001",
        _changed(lambda unit, _: replace(unit, reserved=bytes(33))),
    ),
    _unit("unit-signature-altered", "EPP-UNI-002", _raw(flip)),
    _unit("unit-signature-plus-L", "EPP-UNI-002", _raw(lambda unit: unit[:-64] + malleable(unit[-64:]))),
    _unit("unit-under-another-key", "EPP-UNI-002", _foreign),
    _unit("unit-under-an-unlisted-key", "EPP-KEY-008", _unlisted),
    _unit("unit-after-its-key", "EPP-KEY-009", _late),
    _unit("unit-seal", "EPP-UNI-003", _changed(lambda unit, _: replace(unit, seal=flip(unit.seal)))),
    _unit("unit-economy", "EPP-UNI-004", _changed(_abroad)),
    _unit(
        "unit-expired",
        "EPP-UNI-005",
        _changed(lambda unit, scene: replace(unit, issued=0, expires=max(scene.epoch - scene.off, 0))),
    ),
    _unit(
        "unit-expires-soon",
        "EPP-TRF-083",
        _changed(lambda unit, scene: replace(unit, expires=scene.epoch + 2)),
        lambda _: {"min_life": 3},
    ),
    _unit(
        "unit-of-no-denomination",
        "EPP-UNI-007",
        _changed(lambda unit, _: replace(unit, value=unit.value + 2 + (unit.value == 2))),
    ),
    _unit("unit-at-its-last-hop", "EPP-HIS-005", _far),
    _unit("history-longer", "EPP-HIS-004", _history(lambda data: data + b"\0")),
    _unit("history-shorter", "EPP-HIS-004", _history(lambda data: data[:-1])),
)
"""Faults of one unit by itself."""

SIGNED = (
    _sign("one-endorsement-too-few", _changed_list(lambda found: found[:-1]), "EPP-TRF-047", placed=False),
    _sign(
        "one-endorsement-too-many",
        _changed_list(lambda found: (*found, found[-1])),
        "EPP-TRF-047",
        placed=False,
    ),
    _sign("endorsement-altered", _signed(lambda _, __, ___, found: flip(found))),
    _sign("endorsement-plus-L", _signed(lambda _, __, ___, found: malleable(found))),
    _sign("endorsement-of-zeros", _signed(lambda _, __, ___, ____: bytes(64))),
    _sign(
        "endorsement-by-another",
        _over(payer=_impostor),
    ),
    _sign("endorsement-to-another", _over(payee=lambda _, scene: scene.random(8))),
    _sign("endorsement-of-another-transaction", _over(transaction=lambda _, scene: scene.random(16))),
    _sign(
        "endorsement-at-another-hop",
        _signed(lambda draft, _, unit, __: draft.endorsed(replace(unit, hop=unit.hop + 1))),
    ),
    _sign(
        "endorsement-of-another-history",
        _signed(lambda draft, _, unit, __: draft.endorsed(replace(unit, history=flip(unit.history)))),
    ),
    _sign(
        "endorsement-of-another-unit",
        _signed(lambda draft, scene, _, __: draft.signatures()[scene.position - 1]),
    ),
)
"""Faults of the endorsements, in PAY or REDELIVER."""

KNOWN = (
    Fault(name="unit-held", rules=("EPP-TRF-040",), spoil=_same, placed=True, before="held"),
    Fault(name="unit-pending", rules=("EPP-TRF-040",), spoil=_same, placed=True, before="pending"),
    Fault(name="unit-seen", rules=("EPP-TRF-041",), spoil=_same, placed=True, before="seen"),
    Fault(name="transaction-credited", rules=("EPP-TRF-034", "EPP-CRS-011"), spoil=_same, before="credited"),
)
"""Faults that are none of the payment itself: the unit at the position is, or was, with the wallet; it is
pending there and comes back from its payee; a payment with the same transaction was credited.
"""

ALL = (GOOD, *OFFER, *UNITS, *SIGNED, *KNOWN)


def named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults of these names."""
    known = {fault.name: fault for fault in ALL}
    return tuple(known[name] for name in names)
