"""Compares two wallets by lives drawn at random, until so many sessions were held or so much time is over."""

import hashlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal, Protocol

from eiraku.conformance import sources
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.differ.pairing import FreeChoice, live
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.findings import requirement_set
from eiraku.conformance.lockstep import drawing
from eiraku.conformance.lockstep.driver import Difference
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.steps import Life
from eiraku.conformance.results import Model, Step, WalletInfo

LIVES = 8
"""Lives that are drawn at a time; of those that differ one is shown, made short."""
STEPS = 12
"""Of a life, at most."""
MOST = 10
"""Differences after which the run ends."""


class Found(Model, frozen=True, kw_only=True):
    """A difference, and the shortest life in which it was seen."""

    what: str
    """At which answer or state."""
    first: str
    """What the first wallet did."""
    second: str
    requirement: str
    """The one that speaks of it; empty if a wallet failed."""
    life: tuple[str, ...]
    """Its steps in words."""
    steps: tuple[Step, ...] = ()
    """The messages of its last session, and before."""


class DifferRun(Model, frozen=True, kw_only=True):
    """The content of ``report.json``."""

    format: Literal["eiraku-differ/1"] = "eiraku-differ/1"
    suite_version: str
    sources: str
    registry: str
    selectors: tuple[str, str]
    wallets: tuple[WalletInfo, WalletInfo]
    seed: str
    started: str
    finished: str
    lives: int
    sessions: int
    free_choices: int
    """Lives that ended early, since both wallets chose other units for the same amount."""
    interrupted: str
    differences: tuple[Found, ...]

    @property
    def exit_code(self) -> int:
        """1: they differ; 3: nothing was compared, or not to the end."""
        if self.differences:
            return 1
        return 3 if self.interrupted or not self.sessions else 0


class Watcher(Protocol):
    """Is told how far a run is."""

    def done(self, sessions: int, differences: int) -> None:
        """So many so far."""


class _Failed(Exception):
    """A wallet did not answer."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first}; {second}")
        self.first = first
        self.second = second


@dataclass(slots=True, kw_only=True)
class Comparison:
    """Two wallets, started, and what was seen so far. `sessions`, `seconds`: when to end."""

    one: Wallet
    other: Wallet
    seed: str
    sessions: int
    seconds: float
    held: int = 0
    lives: int = 0
    free: int = 0
    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)

    def run(self, watcher: Watcher) -> str:
        """Go on until the end; why it was early, empty if it was not."""
        end = time.monotonic() + self.seconds
        number = 0
        try:
            while self.held < self.sessions and time.monotonic() < end and len(self.found) < MOST:
                self._draw(number)
                number += 1
                watcher.done(self.held, len(self.found))
        except KeyboardInterrupt:
            return "interrupted"
        return ""

    def _draw(self, number: int) -> None:
        evidence = EvidenceNotes()
        seeded = int.from_bytes(hashlib.sha256(f"{self.seed} {number}".encode()).digest()[:8], "big")
        try:
            drawing.explore(
                lambda life: self._live(life, evidence), evidence, number=LIVES, steps=STEPS, seeded=seeded
            )
        except Difference as difference:
            what = str(difference).partition(": expected ")[0].partition(", ")[2]
            self._enter(what, difference.found, difference.expected, difference.requirement, evidence)
        except _Failed as failed:
            self._enter("a wallet failed", failed.first, failed.second, "", evidence)

    def _live(self, life: Life, evidence: EvidenceNotes) -> None:
        """One life. Raises Difference, _Failed."""
        evidence.notes.clear()
        evidence.steps.clear()
        both = (self.one, self.other)
        self.lives += 1
        try:
            for wallet in both:
                wallet.take_failures()
                if not wallet.running:
                    wallet.start()
            judged = Judged(player=self.one, notes=evidence, room=room_of(self.one, self.other))
            live(judged, self.other, life, bytes.fromhex(self.seed), self._met)
        except FreeChoice:
            self.free += 1
        except AdapterFailure as failure:
            failures = [wallet.take_failures() for wallet in both]
            texts = [str(each[0]) if each else "goes on" for each in failures]
            raise _Failed(*texts) from failure

    def _met(self) -> None:
        self.held += 1

    def _enter(self, what: str, first: str, second: str, requirement: str, evidence: EvidenceNotes) -> None:
        found = Found(
            what=what,
            first=first,
            second=second,
            requirement=requirement,
            life=tuple(evidence.notes),
            steps=tuple(evidence.steps),
        )
        self.found.setdefault((what, _kind(first), _kind(second)), found)


def _kind(text: str) -> str:
    """What is the same of a difference that is seen twice: bytes and numbers are not."""
    return "".join(word for word in text.split() if word.isalpha())


def room_of(one: Wallet, other: Wallet) -> dict[str, int]:
    """What both have room for."""
    if one.info is None or other.info is None:
        raise RuntimeError("a wallet was not started")
    return {name: min(size, other.info.room[name]) for name, size in one.info.room.items()}


def compare(
    selectors: tuple[str, str], *, seed: str, sessions: int, seconds: float, timeout: float, watcher: Watcher
) -> DifferRun:
    """Compare two wallets. Raises SelectorError, and AdapterFailure if one does not start at all."""
    sources.digest()
    started = _now()
    wallets = [
        Wallet(text, timeout=timeout, seed=hashlib.sha256(f"{seed} {n}".encode()).digest())
        for n, text in enumerate(selectors)
    ]
    try:
        infos = [wallet.start() for wallet in wallets]
        compared = Comparison(one=wallets[0], other=wallets[1], seed=seed, sessions=sessions, seconds=seconds)
        interrupted = compared.run(watcher)
    finally:
        for wallet in wallets:
            wallet.close()
    return DifferRun(
        suite_version=version("eiraku"),
        sources=sources.digest(),
        registry=requirement_set().digest,
        selectors=selectors,
        wallets=(infos[0], infos[1]),
        seed=seed,
        started=started,
        finished=_now(),
        lives=compared.lives,
        sessions=compared.held,
        free_choices=compared.free,
        interrupted=interrupted,
        differences=tuple(compared.found.values()),
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
