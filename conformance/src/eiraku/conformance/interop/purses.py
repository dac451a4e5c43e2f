"""The wallets as purses of one world, in one scenario, and what is said of them for the report.

The harness is the two centres and the line. It knows the keys of all purses, but the ephemeral keys of a
session only the wallets: what it passes on it cannot read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.classify import NoRoom
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester.policies import TABLES
from eiraku.conformance.tester.world import Identity, World
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit


@dataclass(slots=True, kw_only=True)
class Make:
    """A wallet that takes part: its letter, where it is, what it said of itself."""

    letter: str
    selector: str
    wallet: LastingWallet

    @property
    def title(self) -> str:
        """Letter and name."""
        info = self.wallet.info
        return self.letter if info is None else f"{self.letter} {info.name}"


class Purse:
    """A wallet that is provisioned as a purse of the world."""

    def __init__(self, meeting: "Meeting", make: Make, identity: Identity) -> None:
        self.meeting = meeting
        self.make = make
        self.wallet = make.wallet
        self.identity = identity

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.identity.number

    @property
    def name(self) -> str:
        """As in the report."""
        return self.make.title

    def provision(self, holdings: Iterable[OfferedUnit] = ()) -> State:
        """Reset and provision the wallet; its state. Raises NoRoom if the policy is too large for it."""
        world, info = self.meeting.world, self.wallet.info
        if info is None:
            raise RuntimeError("the wallet was not started")
        for table in TABLES:
            if world.policy[table] > info.room[table]:
                raise NoRoom(f"{self.name}: {table} of {world.policy[table]}, it declares {info.room[table]}")
        self.wallet.reset()
        reply = self.wallet.provision(**world.provisioning(holdings, identity=self.identity))
        self.meeting.require(reply.accepted, "accepted", reply, f"{self.name}: provision")
        return self.wallet.state()

    def act(self, action: str, **fields: Any) -> Reply:
        """The holder's order."""
        reply = self.wallet.act(action, **fields)
        shown = ", ".join(f"{name}={_short(value)}" for name, value in fields.items())
        self.meeting.evidence.step(self.name, self.name, f"{action}({shown})", outcome=str(reply))
        return reply

    def order(self, action: str, **fields: Any) -> None:
        """The holder's order, which the wallet must accept."""
        reply = self.act(action, **fields)
        self.meeting.require(reply.accepted, "accepted", reply, f"{self.name}: {action}")

    def refuse(self, code: Code, action: str, **fields: Any) -> None:
        """The holder's order, which the wallet must refuse without a durable write."""
        before = self.wallet.state()
        reply = self.act(action, **fields)
        self.meeting.refused(reply, code, f"{self.name}: {action}")
        self.meeting.equal(_trace(self.wallet.state()), _trace(before), f"{self.name}: state after {action}")

    def lose_power(self) -> None:
        """Power is lost now, and comes back."""
        self.wallet.power_cut("now")
        self.meeting.evidence.step(self.name, self.name, "loses power")

    def will_lose_power(self, when: Literal["before", "after"]) -> None:
        """Power will be lost at the next durable write."""
        self.wallet.power_cut(when, 1)
        self.meeting.evidence.step(self.name, self.name, f"will lose power {when} its next durable write")


@dataclass(slots=True, kw_only=True)
class Meeting:
    """The makes in one scenario: their world, and the evidence for the report."""

    world: World
    makes: Sequence[Make]
    evidence: EvidenceNotes = field(default_factory=EvidenceNotes)

    def purse(self, make: Make, **claims: Any) -> Purse:
        """A person of tier 1, but for `claims`."""
        return Purse(self, make, self.world.purse(**claims))

    def require(self, condition: bool, expected: object, actual: object, what: str) -> None:  # noqa: FBT001
        """End the scenario, with both sides shown, unless `condition` holds. Raises AssertionError."""
        if not condition:
            self.evidence.expect(expected, actual)
            raise AssertionError(f"{what}: expected {expected}, found {actual}")

    def equal(self, actual: object, expected: object, what: str) -> None:
        """End the scenario unless both are equal. Raises AssertionError."""
        self.require(actual == expected, expected, actual, what)

    def refused(self, reply: Reply, code: Code, what: str) -> None:
        """The wallet must have refused with `code`; nothing but `rejected` is a refusal."""
        good = reply.outcome == "rejected" and reply.code == code.label
        self.require(good, f"rejected {code.label}", reply, what)


def _trace(state: State) -> tuple[str, int]:
    return state.digest.hex(), state.writes


def _short(value: object) -> object:
    return (
        f"{value.hex()[:16]}..."
        if isinstance(value, bytes) and len(value) > 8
        else (value.hex() if isinstance(value, bytes) else value)
    )
