"""Another wallet in the place of the oracle: both are led through one life, compared by what they mean."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from eiraku.conformance.adapter.client import Reply, State, Wallet
from eiraku.conformance.adapter.wire import Role
from eiraku.conformance.differ.meaning import Meaning, units_of
from eiraku.conformance.lockstep.driver import Interrupt, Lockstep, Meeting
from eiraku.conformance.lockstep.living import Living
from eiraku.conformance.lockstep.peer import Conversation, Turn, Wrong
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.steps import Life, NewUnit, Step, TillPays
from eiraku.spec.messages import Message

EXPONENTS = range(5, 41)
"""Of the units that come in a life: each has a value of its own, so that a sum can be paid in one way."""


class FreeChoice(Exception):
    """Both offer the amount in other units, which each may; from here on their lives are two."""


@dataclass(slots=True, kw_only=True)
class Other:
    """The second wallet; it chooses itself, and knows no requirement."""

    wallet: Wallet
    reason: str = ""

    def reset(self) -> None:
        """See `Player`."""
        self.wallet.reset()

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
        return self.wallet.provision(
            purse=purse, anchor=anchor, policy=policy, bulletin=bulletin, holdings=holdings
        )

    def act(self, action: str, **fields: Any) -> Reply:
        """See `Player`."""
        return self.wallet.act(action, **fields)

    def open(self, role: Role) -> Reply:
        """See `Player`."""
        return self.wallet.open(role)

    def deliver(self, data: bytes) -> Reply:
        """See `Player`."""
        return self.wallet.deliver(data)

    def state(self) -> State:
        """See `Player`."""
        return self.wallet.state()

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """See `Player`."""
        self.wallet.power_cut(when, write)

    def follow(self, said: Message | None) -> None:
        """See `Oracle`."""


class Pairing(Lockstep):
    """Lock-step of two wallets."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.meanings = tuple(Meaning(wallet=self.world.wallet) for _ in self.ends)
        self.met: Callable[[], None] = lambda: None
        """Is told of each session."""

    def meet(self, meeting: Meeting, interrupt: Interrupt = lambda *_: 0) -> Reply | None:
        """See `Lockstep`."""
        self.met()
        return super().meet(meeting, interrupt)

    def open(self, meeting: Meeting, interrupt: Interrupt = lambda *_: 0) -> Reply:
        """See `Lockstep`."""
        for meaning in self.meanings:
            meaning.us, meaning.offered = meeting.us, b""
        return super().open(meeting, interrupt)

    def _next(
        self, turns: Sequence[Generator[Turn, Reply, None]], replies: Sequence[Reply] | None
    ) -> list[Turn] | None:
        found = super()._next(turns, replies)
        if found is not None and (len(found) < len(turns) or found[0].name != found[1].name):
            raise self._difference("EPP-TRF-001", "the session", "goes on", "is over, or goes on otherwise")
        return found

    def _deliver(
        self, talks: Sequence[Conversation], pair: Sequence[Turn], data: Sequence[bytes]
    ) -> list[Reply]:
        for meaning, turn in zip(self.meanings, pair, strict=True):
            meaning.told(turn.plaintext)
        return super()._deliver(talks, pair, data)

    def _alike(
        self,
        what: str,
        replies: Sequence[Reply],
        requirement: str,
        out: tuple[bytes | None, bytes | None] | None = (None, None),
    ) -> None:
        """See `Lockstep`. Raises FreeChoice."""
        first, second = (units_of(each) for each in out or (None, None))
        if first is not None and second is not None and first != second and first[0] == second[0]:
            raise FreeChoice(what)
        super()._alike(what, replies, requirement, out)

    def meaning(self, n: int, plaintext: bytes | None) -> object:
        """See `Lockstep`."""
        return None if plaintext is None else self.meanings[n].of(plaintext)

    def lines(self, n: int, state: State, name: str) -> list[str]:
        """See `Lockstep`."""
        return self.meanings[n].lines(state, name)

    def wrong(self, n: int, what: str, wrong: Wrong) -> Exception:
        """See `Lockstep`. Whoever of both said it."""
        texts = ["what the specification asks for"] * 2
        texts[n] = str(wrong)
        return self._difference(wrong.requirement, what, texts[1], texts[0])


class LivingAsTwo(Living):
    """One life of two wallets."""

    lockstep = Pairing


def live(one: Judged, other: Wallet, life: Life, seed: bytes, met: Callable[[], None]) -> None:
    """A whole life; `met` is told of each session. Raises Difference, FreeChoice, AdapterFailure."""
    living = LivingAsTwo(one, life.start, seed, lambda _: Other(wallet=other))
    if isinstance(living.both, Pairing):
        living.both.met = met
    living.live(distinct(life.steps, life.start.worth.bit_length()))


def distinct(steps: Sequence[Step], taken: int) -> tuple[Step, ...]:
    """The same steps, each new unit with a value of its own; `taken`: an exponent that is not free."""
    free = [exponent for exponent in EXPONENTS if exponent != taken]
    number = 0
    found: list[Step] = []
    for step in steps:
        if isinstance(step, TillPays):
            new: list[NewUnit] = []
            for each in step.new:
                new.append(replace(each, exponent=free[number % len(free)]))
                number += 1
            found.append(replace(step, new=tuple(new)))
        else:
            found.append(step)
    return tuple(found)
