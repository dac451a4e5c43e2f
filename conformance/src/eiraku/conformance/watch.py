"""What is watched in every check, whatever it asks: the wallet's durable writes, its digest, and, in some
checks, what it still knows after a loss of power.

Between two looks at the state of the wallet the digest has changed if and only if `writes` has grown, and
`writes` has grown by one for each commit (EPP-CRS-004): for a purse that was provisioned, for each bulletin,
key list or scheme key that it did not hold, and for each payment that became pending, settled or credited.
Nothing else is a commit: no order, no handshake, nothing that was refused.

In a check *with restarts* the state is looked at after each step, and power is cut after an accepted
provisioning and after each commit. A cut ends a session (EPP-CRS-014), takes the purpose of the next one away
(EPP-GEN-025) and disarms another cut, up to which the check counts writes itself; so it waits until there is
none of these. What a check counts is the same with and without restarts, for a cut writes nothing. A commit
in a session that the check leaves open is followed by a cut when the check ends. Before and after a cut the
state must be the same.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.adapter.observed import ObservedWallet
from eiraku.conformance.adapter.wire import Role
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.spec import bulletins
from eiraku.spec.errors import Refusal

_NOTHING: Final = b""
_NEWS: Final = frozenset({"bulletin", "keys", "scheme-key"})


class Violation(AssertionError):
    """Something that is watched in every check is not as it must be."""

    def __init__(self, requirement: str, words: str) -> None:
        super().__init__(f"{requirement}: {words}")
        self.requirement = requirement


@dataclass(frozen=True, slots=True)
class _Commits:
    """So many durable writes at least and at most, but for those that `State` shows."""

    least: int = 0
    most: int = 0

    def more(self, least: int, most: int) -> "_Commits":
        return _Commits(self.least + least, self.most + most)


class _Book:
    """What is known of the purse: what it holds that no state shows, and what was due since the last look."""

    def __init__(self) -> None:
        self.due = _Commits()
        self.requirements: set[str] = set()
        """Those by which something was due."""
        self.steps = 0
        """That may have changed something."""
        self.held: dict[str, bytes | None] = {}
        """By kind of news the newest that the purse took; None if it may be that or the one before."""
        self.scheme_keys: set[bytes] = set()
        self.given: set[bytes] = set()
        """Transactions that were pending once."""

    def provisioned(self, arguments: dict[str, Any]) -> None:
        anchor = arguments["anchor"]
        self.held = {
            "bulletin": _signed(arguments["bulletin"]),
            "device": anchor["device_keys"],
            "money": anchor["money_keys"],
        }
        self.scheme_keys = set(anchor["scheme_keys"])
        self._due("EPP-GEN-005", 1, 1)

    def took(self, action: str, fields: dict[str, Any]) -> None:
        """News, which was accepted."""
        if action == "scheme-key":
            known = fields["key"] in self.scheme_keys
            self.scheme_keys.add(fields["key"])
            # It may have been erased meanwhile, or lost when power failed.
            self._due("EPP-KEY-049", 0 if known else 1, 1)
            return
        kind = "bulletin" if action == "bulletin" else fields["centre"]
        news = _signed(fields["bulletin"]) if action == "bulletin" else fields["keys"]
        before = self.held.get(kind, None)
        unknown = news is None or before is None
        self.held[kind] = news
        requirement = "EPP-BUL-004" if action == "bulletin" else "EPP-KEY-035"
        self._due(requirement, 0 if unknown or news == before else 1, 1 if unknown or news != before else 0)

    def interrupted(self) -> None:
        """Power was lost in a step: before its write or after."""
        self.held = dict.fromkeys(self.held)
        self._due("EPP-CRS-004", 0, 1)

    def _due(self, requirement: str, least: int, most: int) -> None:
        self.due = self.due.more(least, most)
        self.requirements.add(requirement)
        self.steps += 1

    def payments(self, before: State | None, now: State) -> int:
        """Commits that the payments in both states show."""
        credited = {(each.peer, each.transaction) for each in before.credited} if before else set()
        settled = {each.transaction for each in before.settled} if before else set()
        pending = {each.transaction for each in now.pending}
        count = sum((each.peer, each.transaction) not in credited for each in now.credited)
        count += sum(2 - (tx in self.given) for tx in {s.transaction for s in now.settled} - settled)
        count += len(pending - self.given)
        self.given |= pending | {each.transaction for each in now.settled}
        return count

    def looked(self) -> None:
        self.due, self.requirements, self.steps = _Commits(), set(), 0


class WatchedWallet(ObservedWallet):
    """See the module's docstring."""

    restarts = False
    """Whether power is cut after each commit."""
    notes: EvidenceNotes | None = None
    """Of the check that is running."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.violation: Violation | None = None
        """The first since it was last taken away."""
        self._blank: bytes | None = None
        """Digest of a purse that is not provisioned."""
        self._afresh()

    def _afresh(self) -> None:
        self._book = _Book()
        self._seen: State | None = None
        self._current: State | None = None
        """What the wallet says now, if it was asked since the last step."""
        self._unsure = False
        """Whether the wallet was killed while it may have been writing."""
        self._last_cut = 0
        self._session = self._purpose = self._armed = self._touched = False
        """Whether something was asked of the wallet since it was reset."""

    # --- the requests ---------------------------------------------------------------------------------

    def connect(self) -> None:
        """See `Wallet`."""
        again = self._killed
        super().connect()
        if not again:
            self._blank = None
            self._afresh()

    def kill(self) -> None:
        """See `LastingWallet`."""
        known = self._current
        super().kill()
        # What is stored is that of before; only `writes` counts anew.
        self._book.looked()
        self._seen = None if known is None else replace(known, writes=0)
        self._unsure = known is None
        self._current, self._last_cut = None, 0
        self._session = self._purpose = self._armed = False

    def deliver_and_kill(self, data: bytes, seconds: float) -> Reply | None:
        """See `LastingWallet`."""
        self._current = None
        return super().deliver_and_kill(data, seconds)

    def reset(self) -> None:
        """See `Wallet`."""
        super().reset()
        self._afresh()

    def provision(self, **arguments: Any) -> Reply:
        """See `Wallet`."""
        reply = super().provision(**arguments)
        if reply.accepted:
            self._book.provisioned(arguments)
        return self._stepped(reply, commits=reply.accepted)

    def act(self, action: str, **fields: Any) -> Reply:
        """See `Wallet`."""
        reply = super().act(action, **fields)
        if action == "scheme-key" and reply.outcome == "power-cut":
            self._book.scheme_keys.add(fields["key"])
        if reply.accepted and action in _NEWS:
            self._book.took(action, fields)
        elif reply.accepted:
            self._purpose = True
        return self._stepped(reply, commits=reply.accepted and action in _NEWS)

    def open(self, role: Role) -> Reply:
        """See `Wallet`."""
        reply = super().open(role)
        self._session = reply.session == "open"
        self._purpose = self._purpose and not reply.accepted
        return self._stepped(reply, commits=False)

    def deliver(self, data: bytes, *, seconds: float | None = None) -> Reply:
        """See `Wallet`."""
        reply = super().deliver(data, seconds=seconds)
        self._session = reply.session == "open"
        return self._stepped(reply, commits=not self._session)

    def state(self) -> State:
        """See `Wallet`; asked twice in a row, the wallet is asked once."""
        return self._current if self._current is not None else self._look()

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """See `Wallet`."""
        super().power_cut(when, write)
        self._current = None
        self._armed = when in {"before", "after"}
        if when == "now":
            self._session = self._purpose = False

    # --- within ---------------------------------------------------------------------------------------

    def ends(self) -> None:
        """The check is over: look a last time, and cut the power if no cut followed the last commit."""
        if not (self.running and self._touched):
            return
        state = self.state()
        if self.restarts and state.writes > self._last_cut:
            self._cut(state, "the end of the check")

    def _stepped(self, reply: Reply, *, commits: bool) -> Reply:
        """After a step. `commits`: it may be time for a cut."""
        self._current = None
        self._touched = True
        self._book.steps += reply.accepted
        if reply.outcome == "power-cut":
            self._book.interrupted()
            self._session = self._purpose = self._armed = False
        if self.restarts:
            state = self._look()
            idle = not (self._session or self._purpose or self._armed)
            if commits and idle and state.writes > self._last_cut:
                self._cut(state, "a commit")
        return reply

    def _cut(self, before: State, after_what: str) -> None:
        super().power_cut("now")
        self._session = self._purpose = self._armed = False
        self._last_cut = before.writes
        now = super().state()
        if _money(now) != _money(before):
            words = f"loss of power after {after_what}: expected the money of before"
            self._violated("EPP-CRS-005", words, _money(before), _money(now))
        if (now.epoch, now.digest, now.writes) != (before.epoch, before.digest, before.writes):
            words = f"loss of power after {after_what}: expected epoch, digest and durable writes of before"
            both = ((each.epoch, each.digest.hex(), each.writes) for each in (before, now))
            self._violated("EPP-CRS-017", words, *both)
        self._current = self._seen = now

    def _look(self) -> State:
        """Ask the wallet, and compare with the last time."""
        now = super().state()
        before, book = self._seen, self._book
        grown = now.writes - (before.writes if before else 0)
        shown = book.payments(before, now)
        if self._unsure:
            shown, before, self._unsure = 0, now, False
        least, most = book.due.least + shown, book.due.most + shown
        if not least <= grown <= most:
            expected = f"{least}" if least == most else f"{least} to {most}"
            words = f"expected {expected} more durable writes since the last look, found {grown}"
            self._violated(self._requirement(shown), words, expected, grown)
        digest = before.digest if before else self._blank
        if digest is not None and (now.digest != digest) != (grown > 0):
            words = f"expected a digest that changes if and only if there are durable writes, found {grown}"
            self._violated(
                "EPP-CRS-004", words, "another digest" if grown else digest.hex(), now.digest.hex()
            )
        if not now.writes and not book.given:
            self._blank = now.digest
        self._current = self._seen = now
        book.looked()
        return now

    def _requirement(self, payments: int) -> str:
        """What is violated if the durable writes are not as many as were due."""
        if not self._book.steps:
            return "EPP-CRS-015"
        others = self._book.requirements
        return next(iter(others)) if len(others) == 1 and not payments else "EPP-CRS-004"

    def _violated(self, requirement: str, words: str, expected: object, actual: object) -> None:
        violation = Violation(requirement, words)
        self.violation = self.violation or violation
        if self.notes is not None:
            self.notes.expect(expected, actual)
        raise violation


def _signed(update: bytes | None) -> bytes | None:
    """The bulletin in an update; None if there is none to be found."""
    if update is None:
        return _NOTHING
    try:
        return bulletins.update(update).signed
    except Refusal:
        return None


def _money(state: State) -> tuple[object, ...]:
    lists = (state.units, state.pending, state.credited, state.settled)
    return (state.balance, *(frozenset(found) for found in lists))
