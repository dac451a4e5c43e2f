"""A life is lived: each step is done to the wallet and to the oracle, and told in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eiraku.conformance.adapter.client import Payment, Reply, State
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import answers, faults, telling
from eiraku.conformance.lockstep.driver import LOST, End, Lockstep, Meeting, Voice
from eiraku.conformance.lockstep.faults import Draft, Scene
from eiraku.conformance.lockstep.news import News
from eiraku.conformance.lockstep.oracle import Oracle, Player
from eiraku.conformance.lockstep.peer import Said
from eiraku.conformance.lockstep.scenes import epoch_of, rules_of, tills_of, world_of
from eiraku.conformance.lockstep.shadow import Shadow
from eiraku.conformance.lockstep.spoiling import SPOILING
from eiraku.conformance.lockstep.steps import (
    Bulletin,
    Circle,
    Keys,
    Life,
    NewUnit,
    Power,
    SchemeKey,
    Start,
    Step,
    TillPays,
    TillRepeats,
    Trouble,
    WalletPays,
    WalletRedelivers,
)
from eiraku.conformance.lockstep.voices import REFERENCE, Paid, Paying
from eiraku.conformance.tester.world import Identity, World, identifier, value
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import HOP_MAX, VALUES, history_size
from eiraku.spec.shape import AMOUNT_MAX, EPOCH_MAX
from eiraku.spec.tables import Side

HANDSHAKE = 2
"""Messages of ours before the first record."""
EDGES = (1 << 8, 1 << 16, 1 << 31, 1 << 32, AMOUNT_MAX)
LISTS = tuple(
    Keys(centre, kind) for centre in Centre for kind in ("newer", "shorter", "without-old", "new-history")
)
"""Key lists that may come in a session."""


MakeOracle = Callable[[News], Oracle]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The wallet: how it is reached, where its evidence goes, what it has room for (see `responses.Room`)."""

    player: Player
    notes: EvidenceNotes
    room: Mapping[str, int]


class Living:
    """One life."""

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
        self._new_key = False
        """Whether the wallet has the newer scheme key, under which it is then met as well."""
        self._begin()

    def _begin(self) -> None:
        start, world = self.start, self.world
        holdings = [
            self._unit(NewUnit(n % 5 if n else start.worth.bit_length()), world.wallet, self.first)
            for n in range(min(start.holdings, world.policy["capacity"]))
        ]
        update = world.bulletin(self.first) if start.bulletin else None
        told = f"with a bulletin of epoch {self.first}" if start.bulletin else "without a bulletin"
        self.both.say(f"a purse {told}, {len(holdings)} units, {start.rules} policy")
        fields = {**world.provisioning(holdings), "anchor": self.news.anchor, "bulletin": update}
        self.both.provision(fields)

    def live(self, steps: Sequence[Step]) -> None:
        """Everything in turn. Raises Difference."""
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """One step."""
        match step:
            case TillPays():
                self._till_pays(step)
            case TillRepeats():
                self._till_repeats(step)
            case WalletPays():
                self._wallet_pays(step)
            case WalletRedelivers():
                self._wallet_redelivers(step)
            case Circle():
                self._circle(step)
            case Power():
                self.both.say("power is lost and comes back")
                self.both.cut("now")
                self.both.look("a loss of power")
            case Bulletin() | Keys() | SchemeKey():
                self._news(step)

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

    # --- the tills pay ---

    def _till_pays(self, step: TillPays) -> None:
        us = self._till(step.till)
        new = step.new or (() if step.old and self.both.wallet.purses.units else (NewUnit(step.place % 5),))
        for each in new:
            held = self._unit(each, us, self.now.epoch)
            for end in self.both.ends:
                end.purses.units.append(held)
        inside = self._in_the_wallet()
        transaction = self.world.random(16)
        drafts = {
            id(end): self._draft(end, replace(step, new=new), us, transaction, inside)
            for end in self.both.ends
        }
        if not all(draft.units for draft in drafts.values()):
            return
        amount = drafts[id(self.both.wallet)].amount
        fault = faults.ALL[step.fault % len(faults.ALL)]
        fault = faults.GOOD if fault.before or _cannot(fault, drafts[id(self.both.wallet)]) else fault
        how = "REDELIVER at once" if step.at_once else "OFFER"
        units = ", ".join(telling.of_unit(held) for held in drafts[id(self.both.wallet)].units)
        wrong = "" if fault is faults.GOOD else f"; wrong: {fault.name}"
        self._say(f"{self._name(us)} pays {amount} ({units}) by {how}{wrong}", step.side, step.troubles)
        epoch = self.now.epoch

        def voice(end: End) -> Voice:
            draft = drafts[id(end)]
            scene = Scene(
                world=self.world,
                random=end.random,
                position=step.place % len(draft.units),
                base=self.start.worth,
                epoch=epoch,
            )
            return Paying(
                purses=end.purses,
                draft=draft,
                at_once=step.at_once,
                fault=fault,
                scene=scene,
                spoil=self._spoil(step.troubles, scene, None),
            )

        action, fields = self._asks(step.side, amount, step.asked)
        self._meet(step, action, lambda _: fields, us, voice)

    def _draft(self, end: End, step: TillPays, us: Identity, transaction: bytes, inside: set[bytes]) -> Draft:
        there = end.purses.units if step.copies else end.purses.newest(inside)
        chosen: dict[bytes, OfferedUnit] = {}
        for held in end.purses.units[len(end.purses.units) - len(step.new) :] if step.new else ():
            chosen[identifier(held)] = held
        for number in step.old:
            if there:
                held = there[-1 - number % len(there)]
                chosen.setdefault(identifier(held), held)
        units = tuple(chosen.values())
        return Draft(
            payer=us,
            payee=self.world.wallet.number,
            transaction=transaction,
            amount=sum(map(value, units)),
            units=units,
        )

    def _asks(self, side: Side, amount: int, more: int | None) -> tuple[str, dict[str, Any]]:
        """The order of a holder that wants to be paid."""
        if side is Side.RESPONDER and more is None:
            return "receive", {}
        wanted = min(max(amount + (more or 0), 0), AMOUNT_MAX)
        return "request", {"amount": wanted, "reference": REFERENCE}

    def _till_repeats(self, step: TillRepeats) -> None:
        given = self.both.wallet.purses.given
        if not given:
            return
        number = step.which % len(given)
        draft = given[-1 - number]
        us = self._till(step.which + 1) if step.stranger else draft.payer
        how = "offers again" if step.offer else "redelivers"
        name = draft.transaction.hex()[:12]
        self._say(f"{self._name(us)} {how} transaction {name} of {draft.amount}", step.side, step.troubles)

        def voice(end: End) -> Voice:
            known = end.purses.given[-1 - number]
            return Paying(
                purses=end.purses,
                draft=known,
                at_once=not step.offer,
                spoil=self._spoil(step.troubles, None, None),
            )

        action, fields = self._asks(step.side, draft.amount, None)
        self._meet(step, action, lambda _: fields, us, voice)

    # --- the wallet pays ---

    def _wallet_pays(self, step: WalletPays) -> None:
        us = self._till(step.till)
        amount = min(max(self._amount(step) + step.off, 0), AMOUNT_MAX)
        fields: dict[str, Any] = {"amount": amount}
        if step.named != "nobody":
            fields["payee"] = us.number if step.named == "the-payee" else self._till(step.till + 1).number
        named = "" if step.named == "nobody" else f", naming {step.named}"
        self._say(f"the wallet pays {amount} to {self._name(us)}{named}", step.side, step.troubles)
        self._be_paid(step, us, "pay", lambda _: fields, min(max(amount + step.asks, 1), AMOUNT_MAX))

    def _amount(self, step: WalletPays) -> int:
        state = self.now
        if step.kind == "some":
            worths = [unit.value for unit in sorted(state.units, key=lambda unit: unit.unit_id)]
            return sum(worth for n, worth in enumerate(worths) if step.number >> n % 6 & 1) or sum(worths[:1])
        if step.kind == "all":
            return state.balance
        if step.kind == "number":
            return EDGES[step.number % len(EDGES)]
        operations = self.world.policy["operations"]
        limits = [limit for each in operations for limit in each["limits"].values()]
        limits += [each["min_amount"] for each in operations]
        return int(limits[step.number % len(limits)])

    def _wallet_redelivers(self, step: WalletRedelivers) -> None:
        owed = _pending(self.now)
        if step.known and not owed:
            return
        peers = [payment.peer for payment in owed[step.which % len(owed) :][:1]] if owed else []
        payee = next((till for till in self.tills if till.number in peers), self.tills[0])
        us = self._till(step.which + 1) if step.stranger else payee
        what = (
            f"the {step.which % len(owed) + 1}. of {len(owed)} pending" if owed else "nothing that is pending"
        )
        self._say(f"the wallet redelivers {what} to {self._name(us)}", step.side, step.troubles)
        unknown = self.world.random(16)

        def fields(end: End) -> Mapping[str, Any]:
            there = _pending(end.player.state())
            if not there or not step.known:
                return {"transaction": unknown}
            return {"transaction": there[step.which % len(there)].transaction}

        self._be_paid(step, us, "redeliver", fields, 1)

    def _be_paid(
        self,
        step: WalletPays | WalletRedelivers,
        us: Identity,
        action: str,
        fields: Callable[[End], Mapping[str, Any]],
        asks: int,
    ) -> None:
        epoch = self.now.epoch

        def voice(end: End) -> Voice:
            made = Paid(purses=end.purses, us=us, asks=asks)
            scene = Scene(world=self.world, random=end.random, position=0, base=self.start.worth, epoch=epoch)
            made.spoil = self._spoil(step.troubles, scene, made)
            return made

        self._meet(step, action, fields, us, voice)

    # --- between the tills, and news ---

    def _circle(self, step: Circle) -> None:
        inside = self._in_the_wallet()
        for end in self.both.ends:
            there = end.purses.newest(inside)
            if not there:
                return
            held = there[-1 - step.which % len(there)]
            for move in range(step.moves):
                if held.hop >= HOP_MAX - 1:
                    break
                payer, payee = self.tills[move % 2], self.tills[(move + 1) % 2]
                held = end.purses.pass_on(held, payer, payee)
        self.both.say(f"{telling.of_unit(held)} has gone round from till to till")

    def _news(self, step: Bulletin | Keys | SchemeKey) -> None:
        self.both.say(telling.of_news(step))
        if step.cut:
            self.both.cut("before" if step.cut == "before" else "after", 1)
        self._bring(step)
        if step.cut:
            self.both.cut("never")
        self.both.look("the news")

    def _bring(self, step: Bulletin | Keys | SchemeKey) -> Reply:
        match step:
            case Bulletin():
                fields = self.news.bulletin(step, self.now.epoch, self.tills)
                return self.both.act("bulletin", lambda _: fields)
            case Keys():
                fields = self.news.keys(step, self.now.epoch)
                return self.both.act("keys", lambda _: fields)
            case SchemeKey():
                fields = self.news.scheme_key(step)
                reply = self.both.act("scheme-key", lambda _: fields)
                self._new_key |= step.kind == "new" and reply.accepted
                return reply

    # --- sessions ---

    def _meet(
        self,
        step: TillPays | TillRepeats | WalletPays | WalletRedelivers,
        action: str,
        fields: Callable[[End], Mapping[str, Any]],
        us: Identity,
        voice: Callable[[End], Voice],
    ) -> None:
        def interrupt(number: int, _: str) -> int:
            marks = [self._trouble(trouble) for trouble in step.troubles if trouble.at == number]
            return next((mark for mark in marks if mark), 0)

        keys = (self.world.scheme_key, self.news.next_key)
        keys = keys[::-1] if self._new_key and self.both.steps % 2 else keys
        meeting = Meeting(side=step.side, action=action, fields=fields, us=us, voice=voice, keys=keys)
        self.both.meet(meeting, interrupt)
        if any(trouble.kind.startswith("cut") for trouble in step.troubles):
            self.both.cut("never")

    def _trouble(self, trouble: Trouble) -> int:
        """What comes before a message; what becomes of it (see `Interrupt`)."""
        number = trouble.number
        match trouble.kind:
            case "lost":
                return LOST
            case "spoilt":
                return 1 << number % 8
            case "power":
                self.both.cut("now")
            case "cut-before" | "cut-after":
                self.both.cut("before" if trouble.kind == "cut-before" else "after", 1)
            case "bulletin":
                revokes = (number % 3,) if number % 2 else ()
                self._bring(Bulletin(by=number % 4, revokes=revokes))
            case "keys":
                self._bring(LISTS[number % len(LISTS)])
            case "scheme-key":
                self._bring(SchemeKey("new"))
            case "order":
                self.both.act("receive", lambda _: {})
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


def _cannot(fault: faults.Fault, draft: Draft) -> bool:
    """Whether a bundle is too small for a fault."""
    return fault.name == "twice-in-the-bundle" and len(draft.units) == 1


def _pending(state: State) -> list[Payment]:
    return sorted(state.pending, key=lambda payment: (payment.amount, payment.peer, payment.transaction))


def live(wallet: Judged, life: Life, seed: bytes, oracle: MakeOracle | None = None) -> None:
    """A whole life. Raises Difference."""
    Living(wallet, life.start, seed, oracle).live(life.steps)
