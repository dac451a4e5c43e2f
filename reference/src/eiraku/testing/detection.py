"""Does an issuing centre find the cheats among any number of units? A population comes home, and is compared.

Workers open and verify chains, one writer compares and stores them (chapter 12). The work is handed to a
`concurrent.futures` executor, so it may be a pool of processes or a cluster. What was found is read from the
database at the end and compared with what was planted.
"""

import pickle
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol

from eiraku.reference.anchor import parse_unit
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Misuse
from eiraku.spec.messages import OfferedUnit
from eiraku.system.database import Database, DatabaseError, batches
from eiraku.system.issuing.cases import BAD_HISTORY, COPY
from eiraku.system.issuing.chain import Opener
from eiraku.system.issuing.deposits import Opened, open_deposit
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.pools import completed
from eiraku.system.issuing.schema import Rules
from eiraku.testing import population
from eiraku.testing.population import HOME, ISSUE, VAULTS, Homecoming, Issued, Plan

CHUNK = 100
"""Deposits in one call of a worker, and in one durable write."""
BLOCK = 5000
"""Units made, and then deposited, before the next ones are made: what is in memory at once."""
ECONOMY = 392
EPOCH = 10
RULES = Rules(redemption_grace=10, claim_grace=20, unit_lifetime=100, max_hops=250)

Finding = tuple[int, str, bytes, int]
"""Unit number, kind of case, number of the purse, hop."""


class Watcher(Protocol):
    """Is told how far the work is."""

    def made(self, units: int) -> None:
        """So many more units are ready to come home."""

    def deposited(self, count: int) -> None:
        """So many more deposits are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedChunk:
    """What a worker found. `seconds`: hop -> how many deposits, and processor seconds for all of them."""

    opened: list[Opened]
    seconds: dict[int, tuple[int, float]]


@dataclass(kw_only=True)
class Detection:
    """What was done and found; times in seconds. `opening`: hop -> deposits, processor seconds of workers."""

    plan: Plan
    workers: int
    dialect: str
    deposits: int = 0
    issuing: float = 0.0
    making: float = 0.0
    depositing: float = 0.0
    storing: float = 0.0
    storing_cpu: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    opening: dict[int, tuple[int, float]] = field(default_factory=dict)
    planted: frozenset[Finding] = frozenset()
    found: frozenset[Finding] = frozenset()
    problems: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Plain data for JSON."""
        low, high = self.plan.hops
        return {
            "units": self.plan.units,
            "hops": [low, high],
            "seed": self.plan.seed,
            "workers": self.workers,
            "database": self.dialect,
            "deposits": self.deposits,
            "outcomes": dict(sorted(self.outcomes.items())),
            "cheats": {"planted": len(self.planted), "found": len(self.found & self.planted)},
            "accused_wrongly": len(self.found - self.planted),
            "problems": self.problems,
            "seconds": {
                "issuing": round(self.issuing, 3),
                "making": round(self.making, 3),
                "depositing": round(self.depositing, 3),
                "storing": round(self.storing, 3),
            },
            "deposits_per_second": round(self.deposits / self.depositing, 1) if self.depositing else None,
            "store_us_per_deposit": round(1e6 * self.storing / self.deposits, 1) if self.deposits else None,
            "open_us_by_hop": {
                str(hop): round(1e6 * seconds / count, 1)
                for hop, (count, seconds) in sorted(self.opening.items())
            },
        }


def prepare(database: Database, plan: Plan) -> Issuer:
    """An issuing centre for the population, in an empty database. Raises DatabaseError, IssuerError."""
    public_keys = plan.public_keys()
    issuer = Issuer(
        Office.create(
            database,
            seal=sha256(b"audit").digest()[:16],
            economies=[ECONOMY],
            rules=RULES,
            epoch=EPOCH,
            random=Drbg(b"audit %d" % plan.seed),
            root=SigningKey(sha256(b"audit root").digest()),
            public_keys=public_keys.get,
        )
    )
    issuer.office.add_purse(plan.number(HOME))
    for vault in range(1, 1 + VAULTS):
        issuer.accounts.fund(sha256(b"fund %d" % vault).digest()[:16], plan.number(vault), plan.units)
    return issuer


def detect(
    plan: Plan, issuer: Issuer, executor: Executor, *, workers: int, watcher: Watcher | None = None
) -> Detection:
    """Issue, make and deposit the whole population, then compare what was found with what was planted.

    `workers`: how many calls the executor runs at once. Raises Misuse, Unavailable.
    """
    if issuer.history.path(1):
        raise Misuse("expected a database without units; name an empty one")
    run = Run(plan, issuer, executor, workers=workers, watcher=watcher)
    done = run.done
    late: list[OfferedUnit] = []
    for first in range(0, plan.units, BLOCK):
        indices = range(first, min(first + BLOCK, plan.units))
        made = run.make(run.issue(indices))
        # What comes home late comes after the units of the next block, or at the very end.
        run.deposit([first for first, *_ in made] + late)
        late = [held for _, *later in made for held in later]
    run.deposit(late)
    judge(done, issuer)
    return done


class Run:
    """The steps; what they cost is added to `done`."""

    def __init__(
        self,
        plan: Plan,
        issuer: Issuer,
        executor: Executor,
        *,
        workers: int,
        watcher: Watcher | None = None,
    ) -> None:
        self.plan = plan
        self.watcher = watcher
        self.issuer = issuer
        self.executor = executor
        self.done = Detection(plan=plan, workers=workers, dialect=issuer.office.database.dialect)
        self.history_key = issuer.office.money_keys()[-1].history_key.public
        self.opener = pickle.dumps(issuer.office.opener())

    def issue(self, indices: range) -> list[Issued]:
        """Fresh units from the issuing centre; in a new database unit `index` has the number `index` + 1."""
        begun, found = time.perf_counter(), []
        for some in batches(indices, ISSUE):
            vault = self.plan.number(self.plan.vault(some[0]))
            request = sha256(b"issue %d" % some[0]).digest()[:16]
            issue = Issue.decode(self.issuer.issues.issue(request, vault, ECONOMY, [1] * len(some)))
            found += [
                Issued(index=index, unit=unit, transaction=issue.transaction, signature=signature)
                for index, (unit, signature) in zip(some, issue.units, strict=True)
            ]
        self.done.issuing += time.perf_counter() - begun
        return found

    def make(self, issued: Sequence[Issued]) -> list[Homecoming]:
        """What comes home of these units."""
        begun = time.perf_counter()
        parts = list(batches(issued, CHUNK))
        found: list[list[Homecoming]] = [[]] * len(parts)
        for index, made in self._done((population.make, self.plan, self.history_key, part) for part in parts):
            found[index] = made
            if self.watcher is not None:
                self.watcher.made(len(parts[index]))
        self.done.making += time.perf_counter() - begun
        return [home for part in found for home in part]

    def deposit(self, holdings: Sequence[OfferedUnit]) -> None:
        """Open them by workers, and store them as they come."""
        begun, done = time.perf_counter(), self.done
        for _, chunk in self._done((open_chunk, self.opener, some) for some in batches(holdings, CHUNK)):
            before, cpu = time.perf_counter(), time.thread_time()
            results = self.issuer.deposits.store(chunk.opened)
            done.storing += time.perf_counter() - before
            done.storing_cpu += time.thread_time() - cpu
            done.deposits += len(results)
            if self.watcher is not None:
                self.watcher.deposited(len(results))
            done.outcomes.update(each.outcome for each in results)
            for hop, (count, seconds) in chunk.seconds.items():
                counted, spent = done.opening.get(hop, (0, 0.0))
                done.opening[hop] = counted + count, spent + seconds
        done.depositing += time.perf_counter() - begun

    def _done(self, calls: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
        return completed(self.executor, calls, at_once=3 * self.done.workers)


def open_chunk(opener: bytes, holdings: Sequence[OfferedUnit]) -> OpenedChunk:
    """For a worker: open deposits with a pickled opener."""
    loaded = _loaded(opener)
    found: list[Opened] = []
    seconds: dict[int, tuple[int, float]] = {}
    for held in holdings:
        begun = time.thread_time()
        found.append(open_deposit(loaded, held.unit, held.hop, held.history))
        spent = time.thread_time() - begun
        count, before = seconds.get(held.hop, (0, 0.0))
        seconds[held.hop] = count + 1, before + spent
    return OpenedChunk(opened=found, seconds=seconds)


@lru_cache(maxsize=4)
def _loaded(opener: bytes) -> Opener:
    loaded = pickle.loads(opener)  # noqa: S301 - made by the process that started this worker
    assert isinstance(loaded, Opener)  # noqa: S101 - for the type checker
    return loaded


def judge(done: Detection, issuer: Issuer) -> None:
    """Compare cases, outcomes and books with what was planted; what is wrong is added to `done.problems`."""
    done.planted = planted(done.plan)
    done.found = frozenset(
        (parse_unit(case.unit).unit.number, case.kind, case.purse, case.hop)
        for case in issuer.history.cases()
    )
    for title, which in (("not found", done.planted - done.found), ("wrong", done.found - done.planted)):
        done.problems += [
            f"{title}: unit {number}, {kind} by {purse.hex()} at hop {hop}"
            for number, kind, purse, hop in sorted(which)
        ]
    expected = outcomes(done.plan)
    if dict(done.outcomes) != expected:
        done.problems.append(f"expected the outcomes {expected}, found {dict(done.outcomes)}")
    try:
        issuer.history.conserved()
    except DatabaseError as error:
        done.problems.append(str(error))


def planted(plan: Plan) -> frozenset[Finding]:
    """The truth as the cases that a centre should have. A bad layer has the hop before its endorsement."""
    found: set[Finding] = set()
    for index, cheat in plan.cheated.items():
        for purse, hop in zip(cheat.guilty, cheat.hops, strict=True):
            if cheat.kind in population.BAD_LAYERS:
                found.add((index + 1, BAD_HISTORY, plan.number(purse), hop - 1))
            else:
                found.add((index + 1, COPY, plan.number(purse), hop))
    return frozenset(found)


def outcomes(plan: Plan) -> Mapping[str, int]:
    """How many deposits should have which outcome."""
    kinds = Counter(cheat.kind for cheat in plan.cheated.values())
    bad = sum(kinds[kind] for kind in population.BAD_LAYERS)
    copies = sum(count for kind, count in kinds.items() if kind not in population.BAD_LAYERS)
    repeated = sum(map(plan.repeated, range(plan.units)))
    expected = {
        "credited": plan.units - bad,
        "repeated": repeated,
        COPY: copies + kinds[population.FORK_TWICE],
        BAD_HISTORY: bad,
    }
    return {outcome: count for outcome, count in expected.items() if count}
