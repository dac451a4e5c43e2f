"""A market of the wallet and three tills, in which everything happens that may happen, in any order.

Hypothesis chooses the steps. After each of them the oracle compares the wallet's book with its own and counts
every unit over all purses. What fails is shrunk to the shortest sequence of steps that still fails; the notes
of the check tell that sequence in words.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eiraku.conformance.adapter.client import HeldUnit
from eiraku.conformance.suite.journey import (
    HANDSHAKE,
    Flow,
    Journey,
    Line,
    Lost,
    PowerLost,
    Refused,
    expect_refused_peer,
)
from eiraku.conformance.suite.negative_session import error_of_the_peer
from eiraku.conformance.suite.oracle import Oracle, Till
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import LAST_EPOCH, World, identifier, value
from eiraku.reference.edhoc.errors import begins_with_integer
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

T = TypeVar("T")

MOST_HOPS = 10
"""Of the policy and of the units."""
WALLET = (1, 1, 2, 4, 8)
TILLS = ((1, 2), (4, 4), (8, 2))
"""Values of the units that each begins with."""

ANY = st.integers(min_value=0, max_value=11)
SIDE = st.sampled_from(Side)
MASKS = st.integers(min_value=1, max_value=63)
TROUBLES = st.integers(min_value=0, max_value=20)
"""What goes wrong in a session; nothing if 0, and for the rest see `troubles`."""


def troubles(flow: Flow) -> list[str]:
    """Everything that can go wrong in a flow, by its name."""
    records = [name for name in flow.messages if name not in HANDSHAKE]
    answers = ["OFFER", "PAY"] if flow.wallet_pays else ["ACCEPT", "RECEIPT"]
    answers = (["REDELIVER"] if flow.wallet_pays else ["RECEIPT"]) if flow.redelivery else answers
    cuts = [f"cut {when} write {n + 1}" for n in range(len(flow.commits)) for when in ("before", "after")]
    lost = [f"lose {name}" for name in (*answers, *records, flow.messages[0])]
    return [*lost, *cuts, *(f"spoil {name}" for name in records)]


class Trouble(Line):
    """Makes one thing go wrong, and remembers what was sent."""

    def __init__(self, words: str, sent: list[bytes]) -> None:
        """`words`: one of `troubles`."""
        self.kind, _, self.name = words.partition(" ")
        self.sent = sent

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        if name != self.name:
            self.sent.append(data)
            return data
        if self.kind == "lose":
            raise Lost(name)
        return data[:-1] + bytes([data[-1] ^ 1])

    def from_wallet(self, name: str) -> None:
        """See `Line`."""
        if self.kind == "lose" and name == self.name:
            raise Lost(name)


class Market(RuleBasedStateMachine):
    """The wallet under test, three tills, the device centre, and a channel without any guarantee."""

    def __init__(self, stage: Stage, seed: bytes, *, watched: bool = True) -> None:
        """`watched`: the wallet is asked for its book after every step, and not only after the last."""
        super().__init__()
        self.watched = watched
        if not watched:
            stage.unwatch()
        if not stage.wallet.running:
            # It has crashed in a sequence before this one, which Hypothesis now tries to shorten.
            stage.wallet.start()
        stage.world = world = World(seed, stage.world.policy)
        self.stage = stage
        self.tills = [Till(identity=world.purse()) for _ in TILLS]
        for till, worths in zip(self.tills, TILLS, strict=True):
            for held in (world.holding(worth, holder=till.number) for worth in worths):
                till.held[identifier(held)] = held
        holdings = [world.holding(worth, holder=world.wallet.number) for worth in WALLET]
        self.oracle = Oracle(stage, holdings, self.tills)
        self.sent: list[bytes] = []
        self.steps = 0
        stage.evidence.notes.clear()

    # --- transfers ------------------------------------------------------------------------------------

    # Each in two rules, because Hypothesis gives every rule the same share of the steps.

    @precondition(lambda self: self._movable())
    @rule(till=ANY, mask=MASKS, trouble=TROUBLES)
    def wallet_pays_as_initiator(self, till: int, mask: int, trouble: int) -> None:
        """The wallet pays some of what it has to a till."""
        self._wallet_pays(Side.INITIATOR, till, mask, trouble)

    @precondition(lambda self: self._movable())
    @rule(till=ANY, mask=MASKS, trouble=TROUBLES)
    def wallet_pays_as_responder(self, till: int, mask: int, trouble: int) -> None:
        """The same, at the till's request."""
        self._wallet_pays(Side.RESPONDER, till, mask, trouble)

    @rule(till=ANY, mask=MASKS, trouble=TROUBLES)
    def till_pays_at_request(self, till: int, mask: int, trouble: int) -> None:
        """A till pays some of what it has, at the wallet's request."""
        self._till_pays(Side.INITIATOR, till, mask, trouble)

    @rule(till=ANY, mask=MASKS, trouble=TROUBLES)
    def till_pays(self, till: int, mask: int, trouble: int) -> None:
        """A till pays some of what it has."""
        self._till_pays(Side.RESPONDER, till, mask, trouble)

    def _wallet_pays(self, side: Side, till: int, mask: int, trouble: int) -> None:
        amount = sum(unit.value for unit in some(self._movable(), mask))
        flow = Flow(wallet_pays=True, side=side)
        self._go(f"the wallet pays {amount} to till {till % 3}", flow, self._till(till), trouble, amount)

    def _till_pays(self, side: Side, till: int, mask: int, trouble: int) -> None:
        payer = self._till(till)
        pending = self._pending_units()
        free = [held for name, held in sorted(payer.held.items()) if name not in pending]
        chosen = tuple(some([held for held in free if held.hop < MOST_HOPS], mask))
        if chosen:
            words = f"till {till % 3} pays {sum(map(value, chosen))} to the wallet"
            self._go(words, Flow(wallet_pays=False, side=side), payer, trouble, chosen)

    @rule(payer=ANY, payee=ANY, mask=MASKS)
    def till_pays_till(self, payer: int, payee: int, mask: int) -> None:
        """Units go from till to till, so that they can come back to the wallet in a circle."""
        source, target = self._till(payer), self._till(payee)
        movable = [held for _, held in sorted(source.held.items()) if held.hop < MOST_HOPS]
        if source is target or not movable:
            return
        chosen = some(movable, mask)
        self._say(f"till {payer % 3} pays {sum(map(value, chosen))} to till {payee % 3}")
        for held in chosen:
            del source.held[identifier(held)]
            target.held[identifier(held)] = self.stage.world.move(
                held, payer=source.identity, payee=target.number
            )

    # --- redelivery -----------------------------------------------------------------------------------

    @precondition(lambda self: self.oracle.pending)
    @rule(which=ANY, side=SIDE, trouble=TROUBLES)
    def wallet_redelivers(self, which: int, side: Side, trouble: int) -> None:
        """The wallet redelivers a pending transaction."""
        transaction = pick(self.oracle.pending, which)
        payee = self.oracle.pending[transaction].till
        words = f"the wallet redelivers {transaction.hex()[:8]}"
        self._go(words, Flow(wallet_pays=True, side=side, redelivery=True), payee, trouble, transaction)

    @precondition(lambda self: any(till.pending or till.settled for till in self.tills))
    @rule(which=ANY, side=SIDE, trouble=TROUBLES)
    def till_redelivers(self, which: int, side: Side, trouble: int) -> None:
        """A till redelivers what is pending there, or once more what is settled."""
        owed = [(t, p) for t in self.tills for p in (*t.pending.values(), *t.settled.values())]
        payer, payment = pick(owed, which)
        words = f"till {self.tills.index(payer)} redelivers {payment.offer.transaction.hex()[:8]}"
        known = (payer.number, payment.offer.transaction) in self.oracle.credited
        flow = Flow(wallet_pays=False, side=side, redelivery=True, known=known)
        self._go(words, flow, payer, trouble, payment)

    @precondition(lambda self: self.oracle.pending)
    @rule(which=ANY, till=ANY, side=SIDE)
    def wallet_meets_another_payee(self, which: int, till: int, side: Side) -> None:
        """The wallet wants to redeliver and meets another till."""
        transaction = pick(self.oracle.pending, which)
        stranger = self._till(till)
        if stranger is self.oracle.pending[transaction].till:
            return
        self._say(f"the wallet, {side.value}, wants to redeliver and meets till {till % 3}")
        self.stage.order("redeliver", transaction=transaction)
        expect_refused_peer(self.stage, side, stranger.identity, Code.TRANSACTION, "another payee")

    @precondition(lambda self: self.oracle.pending or any(till.pending for till in self.tills))
    @rule(side=SIDE)
    def all_is_settled(self, side: Side) -> None:
        """Everything that is pending anywhere is redelivered."""
        self._say("everything pending is redelivered")
        for transaction, effect in tuple(self.oracle.pending.items()):
            flow = Flow(wallet_pays=True, side=side, redelivery=True)
            Journey(self.oracle, flow, effect.till).redeliver(transaction)
        for till in self.tills:
            for payment in tuple(till.pending.values()):
                flow = Flow(wallet_pays=False, side=side, redelivery=True)
                Journey(self.oracle, flow, till).receive_again(payment)

    # --- attacks --------------------------------------------------------------------------------------

    @precondition(lambda self: any(till.settled for till in self.tills))
    @rule(which=ANY, side=SIDE)
    def till_pays_with_a_copy(self, which: int, side: Side) -> None:
        """A till offers again what it has paid to the wallet before."""
        payer, payment = pick([(t, p) for t in self.tills for p in t.settled.values()], which)
        self._say(f"till {self.tills.index(payer)} pays {payment.amount} with copies, wallet {side.value}")
        self._offer_copies(payer, payment.holdings, side)

    @precondition(lambda self: self._pending_units())
    @rule(which=ANY, side=SIDE)
    def till_returns_too_early(self, which: int, side: Side) -> None:
        """A till offers a unit to the wallet that the wallet has endorsed to it and not settled."""
        pending = self._pending_units()
        early = [(t, held) for t in self.tills for name, held in sorted(t.held.items()) if name in pending]
        early = [(t, held) for t, held in early if held.hop < MOST_HOPS]
        if not early:
            return
        payer, held = pick(early, which)
        self._say(f"till {self.tills.index(payer)} pays with a unit that is pending at the wallet")
        self._offer_copies(payer, (held,), side)

    @precondition(lambda self: self.sent)
    @rule(which=ANY, till=ANY, session=st.booleans())
    def channel_replays(self, which: int, till: int, session: bool) -> None:  # noqa: FBT001
        """An old message comes again, in a session or in none."""
        data = self.sent[-1 - which % len(self.sent)]
        self._say(f"an old message comes again, {'in a session' if session else 'after a loss of power'}")
        if session:
            self.stage.order("receive")
            connect(self.stage, Side.RESPONDER, peer=self._till(till).identity)
            if begins_with_integer(data):
                # An old message_1 (EPP-SES-033).
                error_of_the_peer(self.stage, data, "an old message")
                return
            codes = {Code.RECORD, Code.MALFORMED}
        else:
            self.stage.wallet.power_cut("now")
            codes = {Code.UNEXPECTED_MESSAGE}
        reply = self.stage.deliver(data, "an old message")
        self.stage.refused(reply, codes, "an old message")
        self.stage.equal(reply.out, None, "answer to an old message")

    # --- around ---------------------------------------------------------------------------------------

    @rule(step=st.integers(min_value=-1, max_value=4), when=st.sampled_from(("", "before", "after")))
    def bulletin_comes(self, step: int, when: Any) -> None:
        """A bulletin comes: old, known, or new; power may be lost meanwhile."""
        epoch = self.oracle.epoch + step
        if epoch > LAST_EPOCH:
            return
        self._say(f"bulletin of epoch {epoch}" + (f"; power will be lost {when} its write" if when else ""))
        bulletin = self.stage.world.bulletin(epoch)
        if step < 0:
            stale = self.stage.act("bulletin", bulletin=bulletin)
            self.stage.refused(stale, Code.BULLETIN_STALE, "older bulletin")
        elif step == 0 or not when:
            self.stage.order("bulletin", bulletin=bulletin)
            self.oracle.epoch = epoch
        else:
            self.stage.wallet.power_cut(when, 1)
            reply = self.stage.act("bulletin", bulletin=bulletin)
            self.stage.equal(reply.outcome, "power-cut", "outcome of the bulletin")
            self.oracle.epoch = epoch if when == "after" else self.oracle.epoch

    @rule(lost=st.booleans())
    def holder_overspends(self, lost: bool) -> None:  # noqa: FBT001
        """The holder orders to pay more than can be spent, perhaps after a loss of power."""
        amount = self.oracle.balance + 1
        self._say(f"{'power is lost; ' if lost else ''}the holder orders to pay {amount}")
        if lost:
            self.stage.wallet.power_cut("now")
        refused = self.stage.act("pay", amount=amount)
        self.stage.refused(refused, Code.INSUFFICIENT_FUNDS, "order to pay more than is spendable")

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        """The wallet's book is the oracle's, and each unit is in one place (EPP-CRS-005)."""
        if self.watched:
            self.oracle.check(f"step {self.steps}")

    def teardown(self) -> None:
        """The end of a sequence; if it was not a failure, the same must hold then."""
        if not self.watched and sys.exc_info()[1] is None:
            self.oracle.check("the last step")

    # --- within ---------------------------------------------------------------------------------------

    def _go(self, words: str, flow: Flow, till: Till, number: int, what: Any) -> None:
        """Carry out a flow of `what` (see `_carry_out`), in which trouble of this number strikes."""
        possible = troubles(flow)
        trouble = possible[number % len(possible)] if number else "none"
        self._say(f"{words}; wallet {flow.side.value}; trouble: {trouble}")
        journey = Journey(self.oracle, flow, till, Trouble(trouble, self.sent))
        kind, *details = trouble.split()
        if kind == "cut":
            self.stage.wallet.power_cut("before" if details[0] == "before" else "after", int(details[-1]))
        try:
            _carry_out(journey, what)
            strikes = number and not trouble.startswith("cut")
            self.stage.require(not strikes, trouble, "the end of the session", words)
        except Lost:
            return
        except PowerLost as lost:
            if lost.effect is None:
                raise AssertionError(f"power lost at {lost.name}: expected no durable write there") from None
            if details[0] == "after":
                self.oracle.apply(lost.effect)
        except Refused as refused:
            self.stage.refused(refused.answer.reply, Code.RECORD, f"spoilt {refused.name}")
            self.stage.equal(refused.answer.reply.out, None, f"answer to spoilt {refused.name}")
        finally:
            if kind == "cut" and self.stage.wallet.running:
                self.stage.wallet.power_cut("never")

    def _offer_copies(self, payer: Till, holdings: Iterable[OfferedUnit], side: Side) -> None:
        """Offer what the wallet has, or has had at the same or a higher hop."""
        holdings = tuple(holdings)
        talk = flows.meet_payee(self.stage, side, sum(map(value, holdings)), peer=payer.identity)
        name = identifier(holdings[0])
        here = name in self.oracle.spendable or name in self._pending_units()
        answer = talk.send(flows.offer_of(talk, holdings))
        code = Code.UNIT_HELD if here else Code.UNIT_SEEN
        flows.expect_reject(talk, answer, code, "OFFER of a unit that was here", 0)

    def _pending_units(self) -> set[bytes]:
        owed = (effect.offer.units for effect in self.oracle.pending.values())
        return {identifier(held) for holdings in owed for held in holdings}

    def _till(self, number: int) -> Till:
        return self.tills[number % len(self.tills)]

    def _movable(self) -> list[HeldUnit]:
        movable = (unit for unit in self.oracle.spendable.values() if unit.hop < MOST_HOPS)
        return sorted(movable, key=lambda unit: unit.unit_id)

    def _say(self, words: str) -> None:
        self.steps += 1
        self.stage.evidence.note(f"{self.steps}. {words}")


def _carry_out(journey: Journey, what: Any) -> None:
    """The flow of the journey: an amount, units, a transaction, or a payment."""
    flow = journey.flow
    if flow.redelivery:
        (journey.redeliver if flow.wallet_pays else journey.receive_again)(what)
    else:
        (journey.pay if flow.wallet_pays else journey.receive)(what)


def some(things: Sequence[T], mask: int) -> list[T]:
    """At least one of `things`, if there are any: those whose bit is set in `mask`, or the first."""
    return [thing for at, thing in enumerate(things) if mask >> at & 1] or list(things[:1])


def pick(things: Iterable[T], which: int) -> T:
    """One of `things`, of which there is one at least."""
    listed = list(things)
    return listed[which % len(listed)]
