"""The stage of one check: the wallet under test in a world, with everything said on it written down.

A wallet that sends what the specification does not allow fails the check (`AssertionError`), whoever notices.
"""

from collections.abc import Iterable
from typing import Any, Literal

from eiraku.conformance.adapter.client import Reply, State, Wallet
from eiraku.conformance.classify import NoRoom
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester.layers import Layers
from eiraku.conformance.tester.policies import TABLES
from eiraku.conformance.tester.world import World
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

PEER = "suite"
WALLET = "wallet"


class Stage:
    """Drives the wallet and keeps the sequence of what was sent for the report."""

    def __init__(self, wallet: Wallet, world: World, evidence: EvidenceNotes) -> None:
        """`wallet`: running and reset."""
        self.wallet = wallet
        self.world = world
        self.evidence = evidence
        self.layers = Layers()
        self.history_keys: dict[bytes, AgreementKey] = {}
        """By kid, as the last session began."""

    # --- preparation ----------------------------------------------------------------------------------

    def room(self, name: str) -> int:
        """The greatest of a size of a policy that the wallet declares (EPP-POL-018)."""
        return self.rooms[name]

    @property
    def rooms(self) -> dict[str, int]:
        """All of them."""
        info = self.wallet.info
        if info is None:
            raise RuntimeError("the wallet was not started")
        return info.room

    def provision(self, holdings: Iterable[OfferedUnit] = (), **changes: Any) -> None:
        """Give the wallet its purse (see `World.provisioning`); it must accept.

        Raises NoRoom if the policy is one that it cannot hold.
        """
        self.layers.clear()
        for name in TABLES:
            if self.world.policy[name] > self.room(name):
                wanted = self.world.policy[name]
                raise NoRoom(f"{name} of {wanted} is needed, the wallet declares {self.room(name)}")
        reply = self.wallet.provision(**self.world.provisioning(holdings, **changes))
        self.require(reply.accepted, "accepted", reply, "provision")

    def begin(self, holdings: Iterable[OfferedUnit] = (), **changes: Any) -> State:
        """Reset the wallet and provision it anew."""
        self.wallet.reset()
        self.evidence.steps.clear()
        self.provision(holdings, **changes)
        return self.wallet.state()

    # --- what the wallet is told ----------------------------------------------------------------------

    def act(self, action: str, **fields: Any) -> Reply:
        """The holder's order."""
        reply = self.wallet.act(action, **fields)
        shown = ", ".join(f"{name}={_short(value)}" for name, value in fields.items())
        self.evidence.step("holder", WALLET, f"{action}({shown})", outcome=str(reply))
        return reply

    def order(self, action: str, **fields: Any) -> None:
        """The holder's order, which the wallet must accept."""
        reply = self.act(action, **fields)
        self.require(reply.accepted, "accepted", reply, action)

    def cut(self, when: Literal["before", "after"], action: str, **fields: Any) -> None:
        """The holder's order, during whose first durable write power fails; then there is power again."""
        self.wallet.power_cut(when, 1)
        self.equal(self.act(action, **fields).outcome, "power-cut", f"outcome of {action}")
        self.wallet.power_cut("never")

    def open(self, side: Side) -> Reply:
        """Begin a session in the given role."""
        current = {key.kid: key.history_key for key in self.world.issuing.keys}
        self.history_keys = {**self.world.history_keys, **current}
        reply = self.wallet.open("initiator" if side is Side.INITIATOR else "responder")
        self.evidence.step("holder", WALLET, f"open as {side.value}", outcome=str(reply))
        if reply.out is not None:
            self.evidence.step(WALLET, PEER, "message_1", reply.out)
        return reply

    def deliver(self, data: bytes, label: str, decoded: str = "") -> Reply:
        """Bytes to the wallet; what it answers is for the caller to read."""
        reply = self.wallet.deliver(data)
        self.evidence.step(PEER, WALLET, label, data, decoded=decoded, outcome=str(reply))
        return reply

    def sent(self, data: bytes, label: str, decoded: str = "") -> None:
        """Write down what the wallet sent."""
        self.evidence.step(WALLET, PEER, label, data, decoded=decoded)

    def state(self) -> State:
        """Durable state of the wallet."""
        return self.wallet.state()

    # --- judgement ------------------------------------------------------------------------------------

    def require(self, condition: bool, expected: object, actual: object, what: str) -> None:  # noqa: FBT001
        """Fail the check, with both sides shown, unless `condition` holds."""
        if not condition:
            self.evidence.expect(expected, actual)
            raise AssertionError(f"{what}: expected {expected}, found {actual}")

    def equal(self, actual: object, expected: object, what: str) -> None:
        """Fail the check unless both are equal."""
        self.require(actual == expected, _short(expected), _short(actual), what)

    def accepted(self, reply: Reply, what: str, session: str | None = None) -> Reply:
        """The wallet must have accepted, and left the session as given."""
        self.require(reply.accepted, "accepted", reply, what)
        if session is not None:
            self.equal(reply.session, session, f"session after {what}")
        return reply

    def refused(self, reply: Reply, codes: Code | Iterable[Code], what: str) -> Reply:
        """The wallet must have refused with one of `codes`. Anything but `rejected` is no refusal."""
        allowed = [codes] if isinstance(codes, Code) else list(codes)
        labels = [code.label for code in allowed]
        expected = "rejected " + " or ".join(labels)
        self.require(reply.outcome == "rejected" and reply.code in labels, expected, reply, what)
        if reply.session is not None:
            self.equal(reply.session, "closed", f"session after {what}")
        return reply

    def unchanged(self, before: State, what: str) -> None:
        """No durable state may have changed, and no durable write been made, since `before` (EPP-CRS-015)."""
        after = self.state()
        self.equal(after.digest.hex(), before.digest.hex(), f"digest of durable state after {what}")
        self.equal(after.writes, before.writes, f"durable writes after {what}")
        self.equal(_money(after), _money(before), f"money after {what}")


def _money(state: State) -> tuple[object, ...]:
    return (state.balance, state.epoch, set(state.units), set(state.pending), set(state.settled))


def _short(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
