"""One payment with one fault, under a condition, at a position of the largest bundle, of a magnitude.

The wallet and the shadow purse go through it in lock-step, so nothing here says what must come of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from eiraku.conformance.classify import NoRoom
from eiraku.conformance.lockstep import answers, covering, faults
from eiraku.conformance.lockstep.covering import Row
from eiraku.conformance.lockstep.driver import LOST, End, Lockstep, Meeting
from eiraku.conformance.lockstep.faults import Draft, Scene
from eiraku.conformance.lockstep.scenes import world_of
from eiraku.conformance.lockstep.shadow import Shadow
from eiraku.conformance.lockstep.voices import Paid, Paying
from eiraku.conformance.tester.policies import PLENTY, RECORD_MAX, UNITS_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, value
from eiraku.spec.messages import Accept, OfferedUnit, Request
from eiraku.spec.objects import VALUES, Role
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.tables import Side

MAGNITUDES = {"small": 0, "2^8": 1 << 8, "2^16": 1 << 16, "2^31": 1 << 31, "2^32": 1 << 32, "2^53-1": 1 << 52}
CONDITIONS = ("fresh", "power-lost", "interrupted", "bulletin", "bulletin-within", "expired", "old-key")
DIMENSIONS = {
    "mode": ("PAY", "REDELIVER"),
    "condition": CONDITIONS,
    "position": ("first", "middle", "last"),
    "magnitude": tuple(MAGNITUDES),
    "side": tuple(side.value for side in Side),
}
OF_ANSWERS = {name: values for name, values in DIMENSIONS.items() if name != "position"}
GREATEST = max(VALUES)
"""Value of a unit."""
FEW = 3
"""Units of a bundle in which no position matters."""
OTHERS = (1, 2, 4)
"""What the wallet has beside."""


@cache
def pairwise(names: tuple[str, ...], *, answer: bool = False) -> Sequence[Row]:
    """The rows of level standard, for faults of these names."""
    return covering.pairwise({"fault": names, **(OF_ANSWERS if answer else DIMENSIONS)})


def full(name: str, *, answer: bool = False) -> Sequence[Row]:
    """Every row of one fault."""
    return covering.full({"fault": (name,), **(OF_ANSWERS if answer else DIMENSIONS)})


class Play:
    """One row on the stage."""

    def __init__(self, stage: Stage, seed: bytes, row: Row) -> None:
        self.stage = stage
        self.seed = seed
        self.row = row
        self.base = MAGNITUDES[self.row["magnitude"]]
        self.epoch = min(self.base, EPOCH_MAX - 8) - 1 if self.base else 100
        self.old = self.row["condition"] == "old-key"
        self.side = Side(self.row["side"])
        self.world = world_of(self.seed, self.epoch)
        if self.old:
            device = replace(self.world.device, keys=self.world.device.keys[:1])
            self.world.peer = self.world.purse(issued=0, role=Role.MERCHANT, centre=device)

    # --- what there is ---

    def unit(self, worth: int, holder: Identity, **changes: Any) -> OfferedUnit:
        """A unit, under the old key if the row says so."""
        keys = self.world.issuing.keys
        centre = replace(self.world.issuing, keys=keys[:1] if self.old else keys)
        given = {"issued": self.epoch, "holder": holder.number, **changes}
        return self.world.holding(worth, centre=centre, **given)

    def bundle(self, position: int, count: int) -> tuple[OfferedUnit, ...]:
        """Units of which the one at the position has the magnitude, so that low bits of a sum do not tell."""
        large = min(self.base, GREATEST) or 4
        small = large if self.base > GREATEST else 1
        values = [large if n == position else small << n % 2 * (small == 1) for n in range(count)]
        return tuple(self.unit(worth, self.world.peer) for worth in values)

    def begin(self, rules: dict[str, Any], holdings: Sequence[OfferedUnit]) -> Lockstep:
        """The wallet and the shadow, provisioned alike."""
        wanted = policy(**{"max_units": UNITS_MAX, "max_record": RECORD_MAX, "capacity": 128, **rules})
        for name, most in self.stage.rooms.items():
            if wanted[name] > most:
                raise NoRoom(f"{name} of {wanted[name]} is needed, the wallet declares {most}")
        self.world.policy = wanted
        shadow = Shadow(self.seed, self.world.history_keys.values)
        step = Lockstep(
            self.stage.wallet,
            shadow,
            self.world,
            self.seed,
            self.stage.evidence,
            watch=self.side is Side.INITIATOR,
        )
        step.say(f"a purse in epoch {self.epoch} with {len(holdings)} units; {self.row}")
        step.provision(self.world.provisioning(holdings, bulletin=self.world.bulletin(self.epoch)))
        return step

    # --- what happens ---

    def condition(self, step: Lockstep) -> None:
        """What comes before the payment."""
        match self.row["condition"]:
            case "power-lost":
                step.say("power is lost")
                step.cut("now")
            case "interrupted":
                step.say("power is lost while another payment is written")
                step.cut("before", 1)
                units = (self.unit(1, self.world.peer),)
                self.pay(step, self.draft(units))
                step.cut("never")
            case "bulletin":
                self.bulletin(step, 1)
            case "expired":
                # What the wallet got last expires before the next payment comes.
                units = (self.unit(1, self.world.peer, expires=self.epoch),)
                step.say("a unit comes in, and expires")
                self.pay(step, self.draft(units))
                self.bulletin(step, 2)

    def bulletin(self, step: Lockstep, by: int, revoked: Sequence[bytes] = ()) -> None:
        """A newer bulletin."""
        step.say(f"bulletin of epoch {self.epoch + by}{', which revokes the peer' if revoked else ''}")
        update = self.world.bulletin(self.epoch + by, revoked)
        step.act("bulletin", lambda _: {"bulletin": update})

    def draft(self, units: Sequence[OfferedUnit], transaction: bytes | None = None) -> Draft:
        """A right payment of these units by the peer."""
        return Draft(
            payer=self.world.peer,
            payee=self.world.wallet.number,
            transaction=transaction or self.world.random(16),
            amount=sum(map(value, units)),
            units=tuple(units),
        )

    def pay(
        self,
        step: Lockstep,
        draft: Draft,
        fault: faults.Fault = faults.GOOD,
        scene: Callable[[End], Scene] | None = None,
        *,
        at_once: bool = False,
        within: bool = False,
        asked: int | None = None,
    ) -> None:
        """The peer pays the wallet, which has asked for another amount (`asked`). `within`: a bulletin that
        revokes the peer comes in mid-handshake; it is for the next session.
        """

        def voice(end: End) -> Paying:
            where = None if scene is None else scene(end)
            return Paying(purses=end.purses, draft=draft, at_once=at_once, fault=fault, scene=where)

        self._meet(step, "request", {"amount": asked or draft.amount, "reference": ""}, voice, within=within)

    def be_paid(
        self,
        step: Lockstep,
        amount: int,
        fault: answers.Fault = answers.GOOD,
        *,
        again: bool = False,
        lose: str = "",
        within: bool = False,
    ) -> None:
        """The wallet pays the peer, or redelivers what it paid last (`again`); a message is lost."""

        def voice(end: End) -> Paid:
            made = Paid(purses=end.purses, us=self.world.peer, asks=amount)
            made.spoil = fault.spoiling(lambda: made, self.scene(end, 0))
            return made

        transaction = self._last(step) if again else b""
        action, fields = ("redeliver", {"transaction": transaction}) if again else ("pay", {"amount": amount})
        self._meet(step, action, fields, voice, lose=lose, within=within)

    def scene(self, end: End, position: int) -> Scene:
        """Where a fault is put."""
        return Scene(world=self.world, random=end.random, position=position, base=self.base, epoch=self.epoch)

    def _last(self, step: Lockstep) -> bytes:
        """Of what is pending, the greatest."""
        pending = step.oracle.state().pending
        if not pending:
            raise AssertionError("nothing is pending at the shadow")
        return max(pending, key=lambda payment: payment.amount).transaction

    def _meet(
        self,
        step: Lockstep,
        action: str,
        fields: dict[str, Any],
        voice: Callable[[End], Any],
        *,
        lose: str = "",
        within: bool = False,
    ) -> None:
        def interrupt(number: int, name: str) -> int:
            if within and number == 1:
                self.bulletin(step, 3, [self.world.peer.number])
            return LOST if name == lose else 0

        meeting = Meeting(
            side=self.side,
            action=action,
            fields=lambda _: fields,
            us=self.world.peer,
            voice=voice,
            keys=(self.world.scheme_key,),
        )
        step.meet(meeting, interrupt)


# --- the two kinds of rows ----------------------------------------------------------------------------------


def pays_the_wallet(stage: Stage, seed: bytes, row: Row) -> Lockstep:
    """The peer pays the wallet with one fault."""
    play = Play(stage, seed, row)
    fault = faults.named([row["fault"]])[0]
    count = UNITS_MAX if fault.placed else FEW
    position = {"first": 0, "middle": count // 2, "last": count - 1}[row["position"]]
    units = play.bundle(position, count)
    draft = play.draft(units)
    mine, offered = _before(play, fault.before, units[position])
    draft = replace(draft, units=(*units[:position], offered, *units[position + 1 :]))
    step = play.begin({"balance_limits": {1: PLENTY}, **fault.policy(draft)}, mine)
    if fault.before in {"seen", "pending"}:
        step.say(f"the wallet pays away what it has; {fault.before}")
        play.be_paid(step, value(units[position]), lose="RECEIPT" if fault.before == "pending" else "")
    if fault.before == "another":
        step.say("the wallet pays away what it has")
        play.be_paid(step, 1)
    if fault.before == "credited":
        step.say("a payment under the same transaction")
        play.pay(step, play.draft([play.unit(1, play.world.peer)], draft.transaction))
    play.condition(step)
    step.say(f"the peer pays {draft.amount} with {count} units, wrong in: {fault.name}")
    again = row["mode"] == "REDELIVER"
    within = row["condition"] == "bulletin-within"
    asked = draft.amount + (play.base or 1) * fault.asks_more
    scene = partial(play.scene, position=position)
    play.pay(step, draft, fault, scene, at_once=again, within=within, asked=asked)
    return step


def _before(play: Play, before: str, unit: OfferedUnit) -> tuple[list[OfferedUnit], OfferedUnit]:
    """What the wallet is provisioned with for a fault of what it knows, and what is then offered."""
    world = play.world
    if before == "another":
        return [play.unit(1, world.wallet)], unit
    if before not in {"held", "pending", "seen"}:
        return [], unit
    mine = world.move(unit, payer=world.peer, payee=world.wallet.number)
    back = world.move(mine, payer=world.wallet, payee=world.peer.number)
    return [mine], back if before == "pending" else unit


def is_paid_by_the_wallet(stage: Stage, seed: bytes, row: Row) -> Lockstep:
    """The wallet pays the peer, which makes one fault."""
    fault = next(fault for fault in answers.ALL if fault.name == row["fault"])
    # Only a responder is asked.
    play = Play(stage, seed, {**row, "side": "responder"} if fault.of is Request else row)
    worth = min(play.base, GREATEST) or 8
    values = (worth, worth // 2, *OTHERS)
    # Under that condition what is pending expires, and can still be redelivered.
    early = {"expires": play.epoch + 1} if row["condition"] == "expired" else {}
    holdings = [
        play.unit(each, play.world.wallet, **(early if not n else {})) for n, each in enumerate(values)
    ]
    step = play.begin({}, holdings)
    step.say("the wallet pays 1, and all is well")
    play.be_paid(step, 1)
    # In a redelivery there is no ACCEPT.
    again = row["mode"] == "REDELIVER" and fault.of is not Accept
    if again:
        step.say(f"the wallet pays {worth}, and the RECEIPT is lost")
        play.be_paid(step, worth, lose="RECEIPT")
    play.condition(step)
    amount = worth if again else worth // 2 + 2
    step.say(f"the wallet {'redelivers' if again else 'pays'} {amount}; the peer's fault: {fault.name}")
    play.be_paid(step, amount, fault, again=again, within=row["condition"] == "bulletin-within")
    return step
