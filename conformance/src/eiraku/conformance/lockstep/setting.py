"""Where a life is lived: the world, the tills, the news, and how the wallet and the oracle meet a till."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eiraku.conformance.adapter.client import State
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import answers, telling
from eiraku.conformance.lockstep.driver import LOST, OPENING, End, Lockstep, Meeting, Voice
from eiraku.conformance.lockstep.faults import Draft, Scene
from eiraku.conformance.lockstep.news import News
from eiraku.conformance.lockstep.oracle import Oracle, Player
from eiraku.conformance.lockstep.peer import SUITE, Said
from eiraku.conformance.lockstep.scenes import epoch_of, rules_of, tills_of, world_of
from eiraku.conformance.lockstep.shadow import Shadow
from eiraku.conformance.lockstep.spoiling import SPOILING
from eiraku.conformance.lockstep.steps import (
    Announcement,
    Bulletin,
    Keys,
    NewUnit,
    Ordering,
    Power,
    Reopen,
    SchemeKey,
    Start,
    TillPays,
    TillRepeats,
    Trouble,
    WalletPays,
    WalletRedelivers,
)
from eiraku.conformance.lockstep.voices import REFERENCE, Paid, Paying
from eiraku.conformance.tester.world import Identity, World, value
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import HOP_MAX, VALUES, history_size
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.tables import Side

HANDSHAKE = 2
"""Messages of ours before the first record."""
ERRORS = (b"\x00", b"\x00\xf5", b"\x01\x60", b"\x02\x04", b"\x03", b"", b"\x20")
"""Errors of EDHOC, right or wrong, and what is none."""


MakeOracle = Callable[[News], Oracle]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The wallet: how it is reached, where its evidence goes, what it has room for (see `responses.Room`)."""

    player: Player
    notes: EvidenceNotes
    room: Mapping[str, int]
    suite_0: bool = False
    """Whether it declares that suite."""


class Setting:
    """What a life has, and what can happen to the wallet besides payments."""

    lockstep = Lockstep
    """What keeps both in step."""

    def __init__(self, wallet: Judged, start: Start, seed: bytes, oracle: MakeOracle | None = None) -> None:
        """Provision both. `oracle`: made when the world is; the shadow purse if not given."""
        self.start = start
        self.first = epoch_of(start)
        self.world: World = world_of(seed, self.first)
        self.world.policy = rules_of(start, wallet.room)
        self.tills = tills_of(self.world, self.first)
        self.news = News(self.world, self.first, start.list_life)
        beside = Shadow(seed, lambda: self.news.history_keys) if oracle is None else oracle(self.news)
        self.both = self.lockstep(wallet.player, beside, self.world, seed, wallet.notes, watch=start.watch)
        self._known = {0}
        """Scheme keys that the wallet was given; it is met under any of them."""
        self._suite = 0 if start.suite_0 and wallet.suite_0 else SUITE
        self._meeting: Meeting | None = None
        """What the holder has ordered last."""
        self._begin()

    def _begin(self) -> None:
        start, world = self.start, self.world
        exponents = [n % 5 if n else start.worth.bit_length() for n in range(start.holdings)]
        holdings = [
            self._unit(NewUnit(exponent, old=n % 2 > 0), world.wallet, self.first)
            for n, exponent in enumerate(exponents[: world.policy["capacity"]])
        ]
        update = world.bulletin(self.first) if start.bulletin else None
        told = f"with a bulletin of epoch {self.first}" if start.bulletin else "without a bulletin"
        self.both.say(f"a purse {told}, {len(holdings)} units, {start.rules} policy")
        fields = {**world.provisioning(holdings), "anchor": self.news.anchor, "bulletin": update}
        self.both.provision(fields)

    # --- what there is ---

    @property
    def now(self) -> State:
        """As it must be."""
        return self.both.oracle.state()

    def _unit(self, new: NewUnit, holder: Identity, epoch: int) -> OfferedUnit:
        """A new unit; what a history holds beyond its size matters to the issuing centre only."""
        world = self.world
        hop = min(new.hop, HOP_MAX - 1)
        keys = world.issuing.keys
        centre = replace(world.issuing, keys=keys[:1] if new.old else keys)
        held = world.holding(
            min(1 << new.exponent, max(VALUES)),
            holder=holder.number,
            centre=centre,
            issued=min(epoch, self.first),
            expires=min(epoch + new.life, EPOCH_MAX),
            max_hops=min(hop + new.room, HOP_MAX) or 1,
        )
        return replace(held, hop=hop, history=world.random(history_size(hop))) if hop else held

    def _in_the_wallet(self) -> set[bytes]:
        state = self.now
        spendable = {unit.unit_id for unit in state.units}
        return spendable | {name for payment in state.pending for name in payment.units}

    # --- news ---

    def _news(self, step: Announcement) -> None:
        self.both.say(telling.of_news(step))
        self._bring(step)
        self.both.look("the news")

    def _bring(self, step: Announcement) -> None:
        if step.cut:
            self.both.cut("before" if step.cut == "before" else "after", 1)
        self._deliver(step)
        if step.cut:
            self.both.cut("never")

    def _deliver(self, step: Announcement) -> None:
        match step:
            case Bulletin():
                fields = self.news.bulletin(step, self.now.epoch, self.tills)
                self.both.act("bulletin", lambda _: fields)
            case Keys():
                fields = self.news.keys(step, self.now.epoch)
                self.both.act("keys", lambda _: fields)
            case SchemeKey():
                fields = self.news.scheme_key(step)
                reply = self.both.act("scheme-key", lambda _: fields)
                if step.which is not None and reply.accepted:
                    self._known.add(step.which % len(self.news.scheme_keys))

    # --- sessions ---

    def _meet(
        self,
        step: TillPays | TillRepeats | WalletPays | WalletRedelivers,
        action: str,
        fields: Callable[[End], Mapping[str, Any]],
        us: Identity,
        voice: Callable[[End], Voice],
    ) -> None:
        def interrupt(number: int, _: str) -> int | bytes:
            if number == OPENING:
                self._meeting = meeting
            marks = [self._trouble(trouble) for trouble in step.troubles if trouble.at == number]
            return next((mark for mark in marks if mark != 0), 0)

        meeting = self._ordered(step.side, action, fields, us, voice)
        self.both.meet(meeting, interrupt)
        if any(trouble.kind in {"cut-before", "cut-after"} for trouble in step.troubles):
            self.both.cut("never")

    def _ordered(
        self,
        side: Side,
        action: str,
        fields: Callable[[End], Mapping[str, Any]],
        us: Identity,
        voice: Callable[[End], Voice],
    ) -> Meeting:
        known = sorted(self._known)
        first = known[self.both.steps % len(known)]
        others = (key for number, key in enumerate(self.news.scheme_keys) if number != first)
        return Meeting(
            side=side,
            action=action,
            fields=fields,
            us=us,
            voice=voice,
            keys=(self.news.scheme_keys[first], *others),
            suite=self._suite,
        )

    def _order(self, number: int) -> None:
        """An order of which nothing comes yet."""
        us = self._till(number // 8)

        def takes(end: End) -> Voice:
            return Paid(purses=end.purses, us=us, asks=1)

        unit = self._unit(NewUnit(1), us, self.now.epoch)
        transaction = self.world.random(16)

        def pays(end: End) -> Voice:
            if unit not in end.purses.units:
                end.purses.units.append(unit)
            draft = Draft(
                payer=us,
                payee=self.world.wallet.number,
                transaction=transaction,
                amount=value(unit),
                units=(unit,),
            )
            return Paying(purses=end.purses, draft=draft)

        def redelivers(end: End) -> Mapping[str, Any]:
            # Each names its own: what it draws is its choice.
            pending = sorted((p.amount, p.peer, p.transaction) for p in end.player.state().pending)
            return {"transaction": pending[0][2] if pending else transaction}

        orders: tuple[tuple[str, Mapping[str, Any], Callable[[End], Voice]], ...] = (
            ("pay", {"amount": 1}, takes),
            ("pay", {"amount": 1, "payee": us.number}, takes),
            ("pay", {"amount": self.now.balance}, takes),
            ("receive", {}, pays),
            ("request", {"amount": value(unit), "reference": REFERENCE}, pays),
            ("redeliver", {}, takes),
            ("pay", {"amount": 2, "payee": self._till(number // 8 + 1).number}, takes),
        )
        action, fields, voice = orders[number % len(orders)]
        given = redelivers if action == "redeliver" else lambda _: fields
        meeting = self._ordered(Side.RESPONDER, action, given, us, voice)
        if self.both.act(action, meeting.fields).accepted:
            self._meeting = meeting

    def _reopen(self, step: Reopen) -> None:
        """A session for what was ordered last, which may be no longer set."""
        self.both.say(f"a session is opened as {step.side.value}")
        if self._meeting is not None:
            self.both.open(replace(self._meeting, side=step.side))

    def _trouble(self, trouble: Trouble) -> int | bytes:
        """What comes before a message; what becomes of it (see `Interrupt`)."""
        number = trouble.number
        match trouble.kind:
            case "lost":
                return LOST
            case "spoilt":
                return 1 << number % 8
            case "cut-before" | "cut-after":
                self.both.cut("before" if trouble.kind == "cut-before" else "after", 1)
            case "error":
                return ERRORS[number % len(ERRORS)]
            case Ordering():
                self._order(trouble.kind.number)
            case Power():
                self.both.cut("now")
            case Bulletin() | Keys() | SchemeKey():
                self._bring(trouble.kind)
        return 0

    def _spoil(
        self, troubles: tuple[Trouble, ...], scene: Scene | None, payee: Paid | None
    ) -> Callable[[Said], Said]:
        """The last word on the messages of a session, of which it counts those in records."""
        wrong = {trouble.at - HANDSHAKE: trouble.number for trouble in troubles if trouble.kind == "wrong"}
        count = -1

        def spoil(right: Said) -> Said:
            nonlocal count
            count += 1
            if count not in wrong:
                return right
            number = wrong[count]
            if payee is not None and scene is not None and number % 2:
                fault = answers.ALL[number // 2 % len(answers.ALL)]
                return fault.spoiling(lambda: payee, scene)(right)
            return SPOILING[number // 2 % len(SPOILING)](right)

        return spoil

    # --- words ---

    def _till(self, number: int) -> Identity:
        return self.tills[number % len(self.tills)]

    def _name(self, us: Identity) -> str:
        return f"till {self.tills.index(us)} ({us.claims.role.name.lower()}, tier {us.claims.tier})"

    def _say(self, words: str, side: Side, troubles: tuple[Trouble, ...]) -> None:
        self.both.say(f"{words}; wallet {side.value}{telling.of_troubles(troubles)}")
