"""Plays every scenario with every ordered pair of makes, and the rounds with all of them."""

import functools
import hashlib
import itertools
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol

from eiraku.conformance import sources
from eiraku.conformance.adapter.errors import AdapterFailure, SelectorError
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.classify import NotAttempted, classify, worst_failure
from eiraku.conformance.findings import requirement_set
from eiraku.conformance.interop.flow import Begins
from eiraku.conformance.interop.news import news_scenarios
from eiraku.conformance.interop.purses import Make, Meeting
from eiraku.conformance.interop.results import InteropRun, MakeInfo, Result
from eiraku.conformance.interop.rounds import each_keeps_some, through_all
from eiraku.conformance.interop.scenarios import Pair, Scenario, pair_scenarios
from eiraku.conformance.results import Evidence, Level, Outcome
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.world import World

LETTERS = "ABCDEFGH"
"""Of the makes; as many as can take part: a unit of the suite moves ten times at most."""
POLICY = policy(capacity=32, max_given=32, max_credited=32, max_seen=128)
ROLES = ("initiator", "responder", "payer", "payee")
_GIVE_UP = 3
"""Starts of a wallet that may fail in a row before it is not tried again."""
_TRACEBACK_KEPT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A scenario that is to be played."""

    route: tuple[str, ...]
    begins: Begins
    group: str
    name: str
    title: str
    needs: frozenset[tuple[str, str]]
    """Letter of a make, capability that it needs."""
    play: Callable[[Meeting], None]

    @property
    def id(self) -> str:
        """Unique in a run."""
        return f"{'-'.join(self.route)} {self.begins} {self.group.replace(' ', '-')} {self.name}"


class Watcher(Protocol):
    """Is told how a run goes on."""

    def begin(self, count: int) -> None:
        """So many scenarios will be played. Said once, before the first result."""

    def done(self, result: Result) -> None:
        """One of them has ended."""


def make_all(selectors: Sequence[str], seed: str, timeout: float) -> list[Make]:
    """The makes, not started. Each draws from a seed of its own, also if a wallet is named twice."""
    return [
        Make(
            letter=letter,
            selector=selector,
            wallet=LastingWallet(selector, timeout=timeout, seed=_digest(f"{seed} {letter}")),
        )
        for letter, selector in zip(LETTERS, selectors, strict=False)
    ]


def plan(makes: Sequence[Make], level: Level) -> list[Planned]:
    """All that is to be played, in order."""
    found = []
    for at, (payer, payee) in enumerate(itertools.permutations(makes, 2)):
        for begins in Begins:
            scenarios = [*pair_scenarios(begins), *news_scenarios()]
            if level is Level.SMOKE:
                scenarios = [each for each in scenarios if _in_turn(each, at % 2, begins)]
            found += [_of_pair(payer, payee, begins, each) for each in scenarios]
    for start in range(len(makes)):
        order = [*makes[start:], *makes[:start]]
        found += [_round(order, begins, play) for begins in Begins for play in (through_all, each_keeps_some)]
    return found


def _in_turn(scenario: Scenario, at: int, begins: Begins) -> bool:
    """Whether at level smoke it is the turn of this one of two pairs, if their sessions begin so."""
    ways = [way for way in Begins if scenario.name in _names(way)]
    number = _names(ways[0]).index(scenario.name)
    return scenario.group == "payments" or number % (2 * len(ways)) == len(ways) * at + ways.index(begins)


@functools.cache
def _names(begins: Begins) -> tuple[str, ...]:
    return tuple(each.name for each in (*pair_scenarios(begins), *news_scenarios()))


def _of_pair(payer: Make, payee: Make, begins: Begins, scenario: Scenario) -> Planned:
    first, second = (payer, payee) if begins is Begins.PAYER else (payee, payer)
    both = (payer.letter, payee.letter)
    needs = set(itertools.product(both, ROLES))
    if scenario.direct:
        needs = {
            (payer.letter, "payer"),
            (payee.letter, "payee"),
            (first.letter, "initiator"),
            (second.letter, "responder"),
        }
    return Planned(
        route=both,
        begins=begins,
        group=scenario.group,
        name=scenario.name,
        title=scenario.title,
        needs=frozenset(needs | set(itertools.product(both, scenario.needs))),
        play=lambda meeting: scenario.play(Pair(meeting=meeting, payer=payer, payee=payee, begins=begins)),
    )


def _round(
    makes: Sequence[Make], begins: Begins, play: Callable[[Meeting, Sequence[Make], Begins], None]
) -> Planned:
    letters = tuple(make.letter for make in makes)
    return Planned(
        route=(*letters, letters[0]),
        begins=begins,
        group="rounds",
        name=play.__name__.replace("_", "-"),
        title=(play.__doc__ or "").partition("\n")[0],
        needs=frozenset((letter, role) for letter in letters for role in ROLES),
        play=lambda meeting: play(meeting, makes, begins),
    )


def execute(makes: Sequence[Make], seed: str, level: Level, watcher: Watcher) -> InteropRun:
    """Play the plan. Ctrl-C ends the run, not the call: what is left is NOT_RUN.

    Raises SelectorError if there never was a wallet to reach; a wallet that fails has failed its scenarios.
    """
    sources.digest()
    started, interrupted, results = _now(), "", []
    player = _Player(makes, seed)
    try:
        for make in makes:
            player.greet(make)
        planned = plan(makes, level)
        watcher.begin(len(planned))
        for each in planned:
            if not interrupted:
                try:
                    results.append(player.result(each))
                except KeyboardInterrupt:
                    interrupted = "interrupted"
                else:
                    watcher.done(results[-1])
            if interrupted:
                results.append(_without(each, Outcome.NOT_RUN, "the run was interrupted"))
    finally:
        for make in makes:
            make.wallet.close()
    known = requirement_set()
    return InteropRun(
        suite_version=version("eiraku"),
        sources=sources.digest(),
        adapter_schema=sources.adapter_schema(),
        specification=known.version,
        registry=known.digest,
        makes=tuple(
            MakeInfo(letter=make.letter, selector=make.selector, wallet=make.wallet.info) for make in makes
        ),
        seed=seed,
        level=level,
        interrupted=interrupted,
        started=started,
        finished=_now(),
        results=tuple(results),
    )


class _Player:
    """Keeps the wallets running, and makes a result of each scenario."""

    def __init__(self, makes: Sequence[Make], seed: str) -> None:
        self.makes = {make.letter: make for make in makes}
        self.all = makes
        self.seed = seed
        self.failed_starts = dict.fromkeys(self.makes, 0)

    def greet(self, make: Make) -> None:
        """Start a wallet. Raises SelectorError if there is none; a failure is left to the scenarios."""
        try:
            make.wallet.start()
        except SelectorError:
            raise
        except AdapterFailure:
            self.failed_starts[make.letter] += 1

    def result(self, planned: Planned) -> Result:
        """Play one scenario, if the makes declare what it needs."""
        makes = [self.makes[letter] for letter in dict.fromkeys(planned.route)]
        missing = sorted(
            f"{self.makes[letter].title} does not declare {need}"
            for letter, need in planned.needs
            if self.makes[letter].wallet.info is not None and not self.makes[letter].wallet.declares(need)
        )
        if missing:
            return _without(planned, Outcome.NOT_APPLICABLE, "; ".join(missing))
        meeting = Meeting(world=World(_digest(f"{self.seed} {planned.id}"), POLICY), makes=makes)
        begun = time.perf_counter()
        outcome, reason, trace = Outcome.PASS, "", ""
        for make in makes:
            make.wallet.take_failures()
            make.wallet.clear_trace()
        try:
            for make in makes:
                self._run(make)
            planned.play(meeting)
        except Exception as error:  # noqa: BLE001 - `classify` tells a defect of ours from a wallet's
            outcome, reason = classify(error)
            trace = traceback.format_exc()[-_TRACEBACK_KEPT:]
        broken = [(make, worst_failure(make.wallet.take_failures())) for make in makes]
        for make, failure in broken:
            if failure is not None:
                outcome, reason = failure[0], f"{make.title}: {failure[1]}"
                break
        evidence = None
        if outcome not in {Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_RUN}:
            evidence = Evidence(
                expected=meeting.evidence.expected,
                actual=meeting.evidence.actual or reason,
                steps=tuple(meeting.evidence.steps),
                stderr="\n".join(
                    f"{make.title}:\n{make.wallet.stderr}" for make in makes if make.wallet.stderr
                ),
                traceback=trace if outcome is Outcome.HARNESS_ERROR else "",
            )
        said = " ".join(make.wallet.transcript for make in makes)
        return Result(
            id=planned.id,
            route=planned.route,
            begins=planned.begins,
            group=planned.group,
            name=planned.name,
            title=planned.title,
            outcome=outcome,
            reason=reason,
            seconds=round(time.perf_counter() - begun, 4),
            transcript="" if outcome is Outcome.NOT_RUN else _digest(said).hex(),
            evidence=evidence,
        )

    def _run(self, make: Make) -> None:
        """Have the wallet run. Raises NotAttempted, AdapterFailure."""
        if make.wallet.running:
            return
        if self.failed_starts[make.letter] >= _GIVE_UP:
            raise NotAttempted(f"{make.title} failed to start {_GIVE_UP} times in a row")
        try:
            make.wallet.start()
        except AdapterFailure:
            self.failed_starts[make.letter] += 1
            raise
        self.failed_starts[make.letter] = 0


def _without(planned: Planned, outcome: Outcome, reason: str) -> Result:
    """Of a scenario that was not played."""
    return Result(
        id=planned.id,
        route=planned.route,
        begins=planned.begins,
        group=planned.group,
        name=planned.name,
        title=planned.title,
        outcome=outcome,
        reason=reason,
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
