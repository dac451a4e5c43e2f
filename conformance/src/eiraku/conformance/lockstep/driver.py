"""A wallet and an oracle in lock-step: each gets the same, and after each step both must be alike.

The first difference is raised, with the requirement that the oracle names; the notes of the stage tell what
was before it in words.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep.oracle import Oracle, Player
from eiraku.conformance.lockstep.peer import SUITE, Conversation, Said, Turn, Wrong
from eiraku.conformance.lockstep.views import MONEY, reply_text, state_lines
from eiraku.conformance.lockstep.voices import Purses
from eiraku.conformance.tester.peer import describe
from eiraku.conformance.tester.stage import PEER, WALLET
from eiraku.conformance.tester.world import Identity, World
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.edhoc.errors import begins_with_integer
from eiraku.spec.messages import Message
from eiraku.spec.tables import Side

ANSWER = {
    "OFFER": "EPP-TRF-045",
    "ACCEPT": "EPP-CRS-001",
    "PAY": "EPP-CRS-002",
    "REDELIVER": "EPP-CRS-012",
    "RECEIPT": "EPP-CRS-003",
    "REQUEST": "EPP-TRF-012",
    "order": "EPP-GEN-002",
    "state": "EPP-CRS-005",
}
"""What is cited where the oracle refuses nothing: who must answer what (chapters 7 and 8)."""

Voice = Callable[[Message | None], Said | None]
When = Literal["now", "before", "after", "never"]


class Difference(AssertionError):
    """The wallet did something else than the oracle. `requirement`: the one at stake."""

    def __init__(self, requirement: str, what: str, expected: str, found: str) -> None:
        super().__init__(f"{what}: expected {expected} [{requirement}], found {found}")
        self.requirement = requirement
        self.expected = expected
        self.found = found


@dataclass(slots=True, kw_only=True)
class End:
    """One of both, with the tester's purses as it has met them."""

    player: Player
    purses: Purses
    random: Drbg
    before: State | None = None
    """Its state when both were last compared; None after a loss of power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """One session: what the holder orders, whom the wallet meets, and what the tester's purse says."""

    side: Side
    action: str
    fields: Callable[[End], Mapping[str, Any]]
    us: Identity
    voice: Callable[[End], Voice]
    keys: Sequence[bytes]
    suite: int = SUITE
    """See `Conversation`."""


LOST = -1
OPENING = -1
Interrupt = Callable[[int, str], int | bytes]
"""Happens before the n-th message (from 0) of a name, and before the session opens (OPENING). Gives 0 if that
arrives as it was sent, LOST if it does not, nor anything after it, bytes that arrive in its place, else what
the last byte is changed by.
"""


@dataclass(slots=True, kw_only=True)
class _Session:
    """One session with both. `pair`: what is said next and has not arrived."""

    talks: Sequence[Conversation]
    turns: Sequence[Generator[Turn, Reply, None]]
    replies: Sequence[Reply]
    number: int = 0
    pair: list[Turn] | None = None


class Lockstep:
    """Both, from their reset on. `watch`: whether the state is compared after every message."""

    def __init__(
        self, wallet: Player, oracle: Oracle, world: World, seed: bytes, notes: EvidenceNotes, *, watch: bool
    ) -> None:
        self.world = world
        self.notes = notes
        self.oracle = oracle
        self.watch = watch
        self.ends = tuple(_end(player, world, seed) for player in (wallet, oracle))
        self.steps = 0
        self.session: _Session | None = None
        """The last one that was opened."""
        notes.steps.clear()
        notes.notes.clear()
        for end in self.ends:
            end.player.reset()

    @property
    def wallet(self) -> End:
        """The one that is judged."""
        return self.ends[0]

    def say(self, words: str) -> None:
        """The next step, for the reader."""
        self.steps += 1
        self.notes.note(f"{self.steps}. {words}")

    # --- what the holder does ---

    def provision(self, fields: Mapping[str, Any]) -> Reply:
        """Make a purse of both."""
        replies = [end.player.provision(**fields) for end in self.ends]
        self._alike("provision", replies, "EPP-GEN-005")
        self.look("provision")
        return replies[1]

    def act(self, action: str, fields: Callable[[End], Mapping[str, Any]]) -> Reply:
        """An order, or news."""
        self.oracle.follow(None)
        replies = [end.player.act(action, **fields(end)) for end in self.ends]
        self.notes.step("holder", WALLET, action, outcome=str(replies[0]))
        self._alike(action, replies, ANSWER["order"])
        self._lost_power(replies[1])
        if self.watch:
            self.look(action)
        return replies[1]

    def cut(self, when: When, write: int | None = None) -> None:
        """The power, now or around a write from now on, or no longer."""
        for end in self.ends:
            end.player.power_cut(when, write)
            if when == "now":
                end.before = None
        self.notes.step("holder", WALLET, f"power cut: {when}{'' if write is None else f' write {write}'}")

    # --- sessions ---

    def meet(self, meeting: Meeting, interrupt: Interrupt = lambda *_: 0) -> Reply | None:
        """A session to its end, or to where it is interrupted; what the oracle said last, None if no session
        was opened.
        """
        if not self.act(meeting.action, meeting.fields).accepted:
            return None
        if interrupt(OPENING, "open") == LOST:
            return None
        return self.open(meeting, interrupt)

    def open(self, meeting: Meeting, interrupt: Interrupt = lambda *_: 0) -> Reply:
        """A session for the purpose that is set; else as `meet`."""
        self.oracle.follow(None)
        side = meeting.side
        opened = [end.player.open(side.value) for end in self.ends]
        self.notes.step("holder", WALLET, f"open as {side.value}", outcome=str(opened[0]))
        self._alike(f"open as {side.value}", opened, "EPP-GEN-021", out=None)
        if not opened[1].accepted:
            return opened[1]
        talks = [
            Conversation(
                side=side,
                us=meeting.us,
                keys=meeting.keys,
                random=end.random,
                say=meeting.voice(end),
                suite=meeting.suite,
            )
            for end in self.ends
        ]
        turns = [talk.turns(reply) for talk, reply in zip(talks, opened, strict=True)]
        self.session = _Session(talks=talks, turns=turns, replies=opened)
        return self._talk(self.session, interrupt)

    def resume(self) -> None:
        """What was lost last arrives after all; nothing happens if nothing was."""
        session = self.session
        if session is not None and session.pair is not None:
            self._talk(session, lambda *_: 0)

    def _talk(self, session: _Session, interrupt: Interrupt) -> Reply:
        while True:
            heard = session.replies if session.number else None
            pair = session.pair or self._next(session.turns, heard)
            session.pair = None
            if pair is None:
                break
            mark = interrupt(session.number, pair[0].name)
            if mark == LOST:
                self.notes.step(PEER, WALLET, pair[0].name, decoded="lost")
                session.pair = pair
                break
            session.number += 1
            data = [_marked(turn.data, mark) for turn in pair]
            session.replies = self._deliver(session.talks, pair, data)
            if session.replies[1].session != "open":
                break
        self.look("the session")
        return session.replies[1]

    def _next(
        self, turns: Sequence[Generator[Turn, Reply, None]], replies: Sequence[Reply] | None
    ) -> list[Turn] | None:
        """What is said next; None at the end. Both say alike, since both heard alike."""
        found: list[Turn] = []
        for n, turn in enumerate(turns):
            try:
                found.append(next(turn) if replies is None else turn.send(replies[n]))
            except StopIteration:
                continue
            except Wrong as wrong:
                raise self.wrong(n, "what the wallet said", wrong) from wrong
        return found or None

    def _deliver(
        self, talks: Sequence[Conversation], pair: Sequence[Turn], data: Sequence[bytes]
    ) -> list[Reply]:
        name = pair[0].name
        decoded = describe(pair[0].plaintext) if pair[0].plaintext is not None else ""
        first = self.wallet.player.deliver(data[0])
        self.notes.step(PEER, WALLET, name, data[0], decoded=decoded, outcome=str(first))
        try:
            heard = _heard(talks[0], first)
        except Wrong as wrong:
            raise self.wrong(0, f"answer to {name}", wrong) from wrong
        if first.out is not None:
            shown = "bytes" if heard is None else describe(heard)
            self.notes.step(WALLET, PEER, shown.split(",")[0], first.out, decoded=shown)
        self.oracle.follow(None if heard is None else talks[0].heard)
        second = self.oracle.deliver(data[1])
        try:
            right = _heard(talks[1], second)
        except Wrong as wrong:
            raise self.wrong(1, f"answer to {name}", wrong) from wrong
        replies = [first, second]
        self._alike(f"answer to {name}", replies, ANSWER.get(name, "EPP-SES-017"), out=(heard, right))
        if talks[0].key_used != talks[1].key_used:
            keys = [f"scheme key {talk.key_used}" for talk in talks]
            raise self._difference("EPP-KEY-045", "the handshake", keys[1], keys[0])
        self._lost_power(second)
        if self.watch:
            self.look(name)
        return replies

    # --- judgement ---

    def _alike(
        self,
        what: str,
        replies: Sequence[Reply],
        requirement: str,
        out: tuple[bytes | None, bytes | None] | None = (None, None),
    ) -> None:
        """Both replies are alike; `out`: plaintexts of records, None if it is not to be compared."""
        first, second = replies
        same = (first.outcome, first.code, first.session) == (second.outcome, second.code, second.session)
        same = same and (first.out is None) == (second.out is None)
        if same and out is not None and first.out is not None:
            plain = out[0] is not None
            errors = begins_with_integer(first.out) or begins_with_integer(second.out or b"")
            meant = self.meaning(0, out[0]) == self.meaning(1, out[1])
            same = meant and (plain or not errors or first.out == second.out)
        if not same:
            heard = (None, None) if out is None else out
            raise self._difference(
                self.oracle.reason or requirement,
                what,
                reply_text(second, heard[1]),
                reply_text(first, heard[0]),
            )

    def look(self, what: str) -> None:
        """The state of both is alike, and what each has written."""
        states = [end.player.state() for end in self.ends]
        for name in MONEY:
            found, right = (self.lines(n, state, name) for n, state in enumerate(states))
            if found != right:
                missing = ", ".join(sorted(set(right) - set(found))) or "nothing more"
                more = ", ".join(sorted(set(found) - set(right))) or "nothing more"
                raise self._difference(ANSWER["state"], f"{name} after {what}", missing, more)
        marks = [_writes(end.before, state) for end, state in zip(self.ends, states, strict=True)]
        if marks[0] != marks[1]:
            raise self._difference("EPP-CRS-004", f"durable state after {what}", marks[1], marks[0])
        for end, state in zip(self.ends, states, strict=True):
            end.before = state

    def meaning(self, n: int, plaintext: bytes | None) -> object:  # noqa: ARG002 - as it is, whoever said it
        """What is compared of a message of the n-th of both."""
        return plaintext

    def lines(self, n: int, state: State, name: str) -> list[str]:  # noqa: ARG002 - as they are, whose ever
        """What is compared of a part of the state of the n-th of both."""
        return state_lines(state, name)

    def wrong(self, n: int, what: str, wrong: Wrong) -> Exception:
        """The error for what the n-th said and cannot be right; the oracle would not say so."""
        if n:
            return RuntimeError(f"the oracle is wrong: {wrong}")
        return self._difference(wrong.requirement, what, "what the specification asks for", str(wrong))

    def _difference(self, requirement: str, what: str, expected: str, found: str) -> Difference:
        self.notes.expect(f"{expected} [{requirement}]", found)
        return Difference(requirement, f"step {self.steps}, {what}", expected, found)

    def _lost_power(self, reply: Reply) -> None:
        if reply.outcome == "power-cut":
            for end in self.ends:
                end.before = None


def _end(player: Player, world: World, seed: bytes) -> End:
    random = Drbg(seed)
    return End(player=player, random=random, purses=Purses(world=world, random=random))


def _marked(data: bytes, mark: int | bytes) -> bytes:
    if isinstance(mark, bytes):
        return mark
    return data[:-1] + bytes([data[-1] ^ mark]) if mark and data else data


def _heard(talk: Conversation, reply: Reply) -> bytes | None:
    """The plaintext of a record that was answered; None if it was none. Raises Wrong."""
    out = reply.out
    if out is None or talk.channel is None or (not reply.accepted and begins_with_integer(out)):
        return None
    return talk.read(out)


def _writes(before: State | None, after: State) -> str:
    if before is None:
        return "after a loss of power"
    changed = "another digest" if after.digest != before.digest else "the same digest"
    return f"{after.writes - before.writes} durable writes, {changed}"
