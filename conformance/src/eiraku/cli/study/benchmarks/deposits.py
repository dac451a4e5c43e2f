"""``eiraku detect --measure``: what a deposit costs the issuing centre, beside the bare cryptography in it.

The floor of a unit that comes home at hop n is what it needs and nothing else: n + 1 openings of a layer by
HPKE, n + 1 verifications of an endorsement and one of the unit, each timed in the same run with the best
library known for it: `cryptography` opens, libsodium verifies. Ratios are of processor time; what waiting for
the disk adds is told besides.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from eiraku.spec.messages import OfferedUnit
from eiraku.system.database import Database
from eiraku.system.issuing.deposits import open_deposit
from eiraku.system.issuing.pools import SameProcess, local
from eiraku.testing.detection import Run, prepare
from eiraku.testing.population import Plan
from eiraku.testing.prefill import prefill
from eiraku.testing.town import HOME, ISSUER, VAULT, Town

HOPS = (0, 1, 5, 10, 20)
OPENED = 60
"""Units opened for each number of hops, three times."""
STORED = 1000
"""Units deposited for each size of the history database."""
SINGLE = 60
"""Units deposited one by one."""
DEPOSIT_HOPS = 5
STORING = ("units", "open_us", "store_cpu_us", "floor_us", "ratio", "store_us", "store_single_us")


def measure(
    seed: int, database: Database, executor: Executor | None, *, workers: int, prefills: Sequence[int]
) -> dict[str, Any]:
    """All figures, as plain data; times in microseconds.

    `executor`: where the chains are opened for the figure of throughput; None: pools of one process and of
    `workers`. Raises Unavailable, DatabaseError.
    """
    timed = [bare()]

    def floor(hop: int) -> float:
        """From before and after what was measured last: the machine's speed drifts."""
        timed.append(bare())
        return (_floor(hop, timed[-2]) + _floor(hop, timed[-1])) / 2

    opening = []
    for hop in HOPS:
        row = _opening(hop)
        least = floor(hop)
        opening.append(row | {"floor_us": round(least, 1), "ratio": round(row["open_us"] / least, 2)})
    sizes = sorted({0, *prefills})
    rounds = 2 + len(sizes)
    plan = Plan(seed=seed, units=rounds * (STORED + SINGLE), hops=(DEPOSIT_HOPS,) * 2, repeats=0)
    issuer = prepare(database, plan)
    turn = iter(range(rounds))
    storing = []
    run = Run(plan, issuer, SameProcess(), workers=1)
    for size in sizes:
        there = prefill(issuer, size, hops=DEPOSIT_HOPS)
        timed.append(bare())
        row = {"units": there} | _storing(run, next(turn))
        least, spent = floor(DEPOSIT_HOPS), row["open_us"] + row["store_cpu_us"]
        storing.append(row | {"floor_us": round(least, 1), "ratio": round(spent / least, 2)})
    throughput = []
    if executor is not None:
        throughput.append(_throughput(Run(plan, issuer, executor, workers=workers), next(turn)))
    else:
        for count in sorted({1, workers}):
            with local(count) as pool:
                throughput.append(_throughput(Run(plan, issuer, pool, workers=count), next(turn)))
    slope, fixed, worst = _line([(row["hops"], row["open_us"]) for row in opening])
    return {
        "database": database.dialect,
        "operations_us": {name: round(statistics.mean(each[name] for each in timed), 1) for name in timed[0]},
        "opening": opening,
        "line": {
            "us_per_hop": round(slope, 1),
            "us_fixed": round(fixed, 1),
            "worst_percent": round(worst, 1),
        },
        "deposit_hops": DEPOSIT_HOPS,
        "storing": storing,
        "throughput": throughput,
    }


def bare() -> dict[str, float]:
    """Microseconds of one operation with its library alone, keys loaded."""
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from nacl.bindings import crypto_sign_open

    signer, holder = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    message, layer, info = bytes(160), bytes(700), bytes(45)
    signed, public = signer.sign(message) + message, signer.public_key().public_bytes_raw()
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    sealed = suite.encrypt(layer, holder.public_key(), info=info)
    return {
        "Ed25519 verification": _median(lambda: crypto_sign_open(signed, public)),
        "HPKE opening": _median(lambda: suite.decrypt(sealed, holder, info=info)),
    }


def _floor(hop: int, costs: dict[str, float]) -> float:
    verify, opening = costs["Ed25519 verification"], costs["HPKE opening"]
    return (hop + 1) * (verify + opening) + verify


def _median(call: Callable[[], object], rounds: int = 400) -> float:
    times = []
    for _ in range(rounds):
        begun = time.thread_time_ns()
        call()
        times.append(time.thread_time_ns() - begun)
    return statistics.median(times) / 1000


def _opening(hop: int) -> dict[str, Any]:
    """Opening and verifying units of one hop, in this process."""
    names = [f"purse {n}" for n in range(20)]
    village = Town(names)
    way = (ISSUER, VAULT, *names[:hop])[: hop + 1]
    copies = [village.move(village.unit(), *way, HOME) for _ in range(OPENED)]
    opener, times = village.opener, []
    for copy in copies * 3:
        begun = time.thread_time_ns()
        open_deposit(opener, copy.unit, copy.hop, copy.history)
        times.append(time.thread_time_ns() - begun)
    return {"hops": hop, "open_us": round(statistics.median(times) / 1000, 1)}


def _storing(run: Run, turn: int) -> dict[str, Any]:
    """Deposits of fresh units, one by one, and then 100 in one durable write."""
    first = turn * (STORED + SINGLE)
    deposits = _home(run, first)
    times = []
    for deposit in deposits[:SINGLE]:
        before = run.done.storing
        run.deposit([deposit])
        times.append(run.done.storing - before)
    before, cpu, opened = run.done.storing, run.done.storing_cpu, _opened(run)
    run.deposit(deposits[SINGLE:])
    many = (run.done.storing - before) / STORED
    busy = (run.done.storing_cpu - cpu) / STORED
    cost = (_opened(run) - opened) / STORED
    return {
        "open_us": round(1e6 * cost, 1),
        "store_cpu_us": round(1e6 * busy, 1),
        "store_us": round(1e6 * many, 1),
        "store_single_us": round(1e6 * statistics.median(times), 1),
    }


def _home(run: Run, first: int) -> list[OfferedUnit]:
    """The units of one turn as they come home, each once."""
    return [held for (held,) in run.make(run.issue(range(first, first + STORED + SINGLE)))]


def _opened(run: Run) -> float:
    return sum(seconds for _, seconds in run.done.opening.values())


def _throughput(run: Run, turn: int) -> dict[str, Any]:
    """Deposits a second with these workers, after some that are not counted."""
    first = turn * (STORED + SINGLE)
    deposits = _home(run, first)
    run.deposit(deposits[:SINGLE])
    before = run.done.depositing
    run.deposit(deposits[SINGLE:])
    return {
        "workers": run.done.workers,
        "deposits_per_second": round(STORED / (run.done.depositing - before), 1),
    }


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float, float]:
    """Slope and intercept of the line through the points, and by how many percent the worst is off."""
    slope, fixed = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return slope, fixed, max(100 * abs(slope * x + fixed - y) / y for x, y in points)


def show(figures: dict[str, Any]) -> None:
    """Print all tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    bare_costs = ", ".join(f"{name} {cost} us" for name, cost in figures["operations_us"].items())
    console.print(f"Bare: {bare_costs}")

    def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        made = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in columns:
            made.add_column(column, justify="right")
        for row in rows:
            made.add_row(*map(str, row))
        console.print(made)

    table(
        "Opening and verifying one unit, by hop",
        ("hop", "us", "floor", "ratio"),
        [[row[name] for name in ("hops", "open_us", "floor_us", "ratio")] for row in figures["opening"]],
    )
    line = figures["line"]
    console.print(
        f"{line['us_per_hop']} us for each hop and {line['us_fixed']} us besides; "
        f"no figure is more than {line['worst_percent']} % off that line"
    )
    table(
        f"One deposit at hop {figures['deposit_hops']} in {figures['database']}, by size of the history",
        ("units there", "open", "store", "floor", "ratio", "with the disk", "alone"),
        [[row[name] for name in STORING] for row in figures["storing"]],
    )
    console.print(
        "Microseconds of processor for opening, and for storing 100 in one durable write; the bare "
        "cryptography, and their ratio; storing with what waits for the disk, so, and one by one"
    )
    for row in figures["throughput"]:
        console.print(f"{row['deposits_per_second']} deposits a second with {row['workers']} worker(s)")
