"""One session between two wallets, message by message, with at most one thing that goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from eiraku.conformance.adapter.client import Reply
from eiraku.conformance.interop.flow import COMMITS, Begins, Fault, Flow, Refusal
from eiraku.conformance.interop.purses import Meeting, Purse
from eiraku.spec.errors import Code

REFERENCE = "till 7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who pays whom, how, and what the line or the power does to it."""

    payer: Purse
    payee: Purse
    flow: Flow
    fault: Fault | None = None
    refusal: Refusal | None = None

    @property
    def meeting(self) -> Meeting:
        """Where they meet."""
        return self.payer.meeting

    def pay(
        self, amount: int, *, named: bytes | None = None, requested: int | None = None
    ) -> tuple[str, ...]:
        """A payment; see `converse`. `named`: payee of the order; `requested`: if not `amount`."""
        self.payer.order("pay", amount=amount, **({} if named is None else {"payee": named}))
        self.expect_payment(amount if requested is None else requested)
        return self.converse()

    def redeliver(self, transaction: bytes, *, requested: int = 1) -> tuple[str, ...]:
        """The payer redelivers; see `converse`."""
        self.payer.order("redeliver", transaction=transaction)
        self.expect_payment(requested)
        return self.converse()

    def expect_payment(self, amount: int) -> None:
        """The payee's holder expects to be paid."""
        if self.flow.begins is Begins.PAYEE:
            self.payee.order("request", amount=amount, reference=REFERENCE)
        else:
            self.payee.order("receive")

    def converse(self) -> tuple[str, ...]:
        """Pass the messages on. The names of those that had a durable effect, in order.

        Raises AssertionError if a wallet does something else than it must.
        """
        by_payer = self.flow.begins is Begins.PAYER
        initiator, responder = (self.payer, self.payee) if by_payer else (self.payee, self.payer)
        waiting = responder.wallet.open("responder")
        self._opened(responder, "responder", waiting, sends=False)
        opened = initiator.wallet.open("initiator")
        self._opened(initiator, "initiator", opened, sends=True)
        data = opened.out or b""
        committed: list[str] = []
        for at, name in enumerate(self.flow.messages):
            source, target = (initiator, responder) if at % 2 == 0 else (responder, initiator)
            if self.fault is not None and self.fault.at == name:
                return (*committed, *self._struck(self.fault, source, target, data))
            if self.refusal is not None and self.refusal.at == name:
                self._refused(self.refusal, source, target, data)
                return tuple(committed)
            last = name == self.flow.messages[-1]
            reply = self._deliver(source, target, name, data)
            self._passed(target, name, reply, answered=not last, closed=last or name in {"PAY", "REDELIVER"})
            committed += [name] * (name in COMMITS)
            data = reply.out or b""
        return tuple(committed)

    def _opened(self, purse: Purse, role: str, reply: Reply, *, sends: bool) -> None:
        self.meeting.evidence.step(purse.name, purse.name, f"open as {role}", outcome=str(reply))
        self._passed(purse, f"open as {role}", reply, answered=sends, closed=False)

    def _deliver(self, source: Purse, target: Purse, name: str, data: bytes) -> Reply:
        reply = target.wallet.deliver(data)
        self.meeting.evidence.step(source.name, target.name, name, data, outcome=str(reply))
        return reply

    def _passed(self, target: Purse, name: str, reply: Reply, *, answered: bool, closed: bool) -> None:
        judge, what = self.meeting, f"{target.name}: {name}"
        judge.require(reply.accepted, "accepted", reply, what)
        judge.require((reply.out is not None) == answered, *_words(answered), f"{what}: its answer")
        judge.equal(reply.session, "closed" if closed else "open", f"{what}: session afterwards")

    def _struck(self, fault: Fault, source: Purse, target: Purse, data: bytes) -> tuple[str, ...]:
        """What happens at the message of the fault; its name if it had a durable effect."""
        effect = (fault.at,) if fault.at in COMMITS else ()
        strikes: dict[str, Callable[[], bool]] = {
            "lost": lambda: self._lost(source, target, fault.at, data),
            "receiver-off": lambda: self._receiver_off(source, target, fault.at, data),
            "sender-off": lambda: self._sender_off(source, target, fault.at, data),
            "before-write": lambda: self._cut(source, target, fault.at, data, after=False),
            "after-write": lambda: self._cut(source, target, fault.at, data, after=True),
        }
        return effect if strikes[fault.kind]() else ()

    def _lost(self, source: Purse, target: Purse, name: str, data: bytes) -> bool:
        self.meeting.evidence.step(source.name, target.name, f"{name}, lost on the line", data)
        return False

    def _receiver_off(self, source: Purse, target: Purse, name: str, data: bytes) -> bool:
        target.lose_power()
        self._strange(target, name, self._deliver(source, target, name, data))
        return False

    def _sender_off(self, source: Purse, target: Purse, name: str, data: bytes) -> bool:
        source.lose_power()
        reply = self._deliver(source, target, name, data)
        self.meeting.require(reply.accepted, "accepted", reply, f"{target.name}: {name}")
        if reply.out is not None:
            self._strange(source, name, self._deliver(target, source, f"answer to {name}", reply.out))
        return True

    def _strange(self, purse: Purse, name: str, reply: Reply) -> None:
        """Whatever belongs to the session before the loss of power is refused, in silence (EPP-REC-005)."""
        self.meeting.refused(reply, Code.UNEXPECTED_MESSAGE, f"{purse.name}: after loss of power at {name}")
        self.meeting.equal(reply.out, None, f"{purse.name}: answer after loss of power at {name}")

    def _cut(self, source: Purse, target: Purse, name: str, data: bytes, *, after: bool) -> bool:
        target.will_lose_power("after" if after else "before")
        reply = self._deliver(source, target, name, data)
        self.meeting.equal(reply.outcome, "power-cut", f"{target.name}: outcome of {name}")
        target.wallet.power_cut("never")
        return after

    def _refused(self, refusal: Refusal, source: Purse, target: Purse, data: bytes) -> None:
        """The refusal, and what its peer makes of being told."""
        judge = self.meeting
        reply = self._deliver(source, target, refusal.at, data)
        judge.refused(reply, refusal.code, f"{target.name}: {refusal.at}")
        judge.equal(reply.session, "closed", f"{target.name}: session after refusing {refusal.at}")
        judge.require(
            (reply.out is not None) == refusal.told, *_words(refusal.told), f"{target.name}: its answer"
        )
        if reply.out is not None:
            heard = self._deliver(target, source, f"refusal of {refusal.at}", reply.out)
            self._passed(source, "refusal", heard, answered=False, closed=True)


def _words(answered: bool) -> tuple[str, str]:  # noqa: FBT001 - what was expected
    return ("a message", "none") if answered else ("none", "a message")
