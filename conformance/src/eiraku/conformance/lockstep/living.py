"""A life is lived: each step is done to the wallet and to the oracle, and told in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from eiraku.conformance.adapter.client import Payment, State
from eiraku.conformance.lockstep import faults, telling
from eiraku.conformance.lockstep.driver import End, Voice
from eiraku.conformance.lockstep.faults import Draft, Scene
from eiraku.conformance.lockstep.setting import Judged, MakeOracle, Setting
from eiraku.conformance.lockstep.steps import (
    Bulletin,
    Circle,
    Keys,
    Life,
    NewUnit,
    Ordering,
    Orders,
    Power,
    Reopen,
    Resume,
    SchemeKey,
    Step,
    TillPays,
    TillRepeats,
    WalletPays,
    WalletRedelivers,
)
from eiraku.conformance.lockstep.voices import REFERENCE, Paid, Paying
from eiraku.conformance.tester.world import Identity, identifier, value
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import HOP_MAX
from eiraku.spec.shape import AMOUNT_MAX
from eiraku.spec.tables import Side

ASKED = (1, 1, 0, AMOUNT_MAX)
"""In a REQUEST to a wallet that is to redeliver."""
EDGES = (1 << 8, 1 << 16, 1 << 31, 1 << 32, AMOUNT_MAX)


class Living(Setting):
    """One life."""

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
            case Ordering():
                self.both.say("the holder gives an order")
                self._order(step.number)
            case Orders():
                self._orders()
            case Reopen():
                self._reopen(step)
            case Resume():
                self.both.say("what was lost last arrives after all")
                self.both.resume()
            case Circle():
                self._circle(step)
            case Power():
                self.both.say("power is lost and comes back")
                self.both.cut("now")
                self.both.look("a loss of power")
            case Bulletin() | Keys() | SchemeKey():
                self._news(step)

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
        us = self._till(step.which + 1) if step.stranger else self._one_of(draft.payer.number, step.which)
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
        self._be_paid(step, us, "pay", lambda _: fields, min(max(amount + step.asks, 0), AMOUNT_MAX))

    def _amount(self, step: WalletPays) -> int:
        state = self.now
        if step.kind == "some":
            worths = [unit.value for unit in sorted(state.units, key=lambda unit: unit.unit_id)]
            return sum(worth for n, worth in enumerate(worths) if step.number >> n % 6 & 1) or sum(worths[:1])
        if step.kind == "twins":
            worths = [unit.value for unit in state.units]
            return 2 * max(worths, key=lambda worth: (worths.count(worth), worth), default=1)
        if step.kind == "all":
            return state.balance
        if step.kind == "number":
            return EDGES[step.number % len(EDGES)]
        operations = self.world.policy["operations"]
        limits = [limit for each in operations for limit in each["limits"].values()]
        limits += [each["min_amount"] for each in operations]
        return int(limits[step.number % len(limits)])

    def _orders(self) -> None:
        self.both.say("orders to pay and to request, at and around every limit")
        named = {
            amount
            for each in self.world.policy["operations"]
            for amount in (*each["limits"].values(), each["min_amount"])
        }
        around = sorted(
            {each + off for each in named for off in (-1, 0, 1)} | {self.now.balance, self.now.balance + 1}
        )
        for amount in (each for each in around if 0 <= each <= AMOUNT_MAX):
            for action in ("pay", "request"):
                fields = {"amount": amount, **({"reference": REFERENCE} if action == "request" else {})}
                self.both.act(action, partial(_given, fields))
        # What is ordered now is told as what was ordered last.
        self._order(3)

    def _wallet_redelivers(self, step: WalletRedelivers) -> None:
        owed = _pending(self.now)
        if step.known and not owed:
            return
        peers = [payment.peer for payment in owed[step.which % len(owed) :][:1]] if owed else []
        payee = self._one_of(peers[0], step.which) if peers else self.tills[0]
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

        self._be_paid(step, us, "redeliver", fields, ASKED[step.which % len(ASKED)])

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

    def _one_of(self, number: bytes, which: int) -> Identity:
        """A till of this number, by one purse ID or another."""
        there = [till for till in self.tills if till.number == number]
        return there[which % len(there)]

    # --- between the tills ---

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


def _cannot(fault: faults.Fault, draft: Draft) -> bool:
    """Whether a bundle is too small for a fault."""
    return fault.name == "twice-in-the-bundle" and len(draft.units) == 1


def _given(fields: Mapping[str, Any], _: End) -> Mapping[str, Any]:
    return fields


def _pending(state: State) -> list[Payment]:
    return sorted(state.pending, key=lambda payment: (payment.amount, payment.peer, payment.transaction))


def live(wallet: Judged, life: Life, seed: bytes, oracle: MakeOracle | None = None) -> None:
    """A whole life. Raises Difference."""
    Living(wallet, life.start, seed, oracle).live(life.steps)
