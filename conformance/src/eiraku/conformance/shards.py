"""One run in several parts: how the checks are dealt, and how the parts become one run again.

The checks of a level, sorted by id, are dealt one after another to shard 1, 2, up to N, and then to shard 1
again. So shards are disjoint, leave nothing out, have the same size to one check, and depend on nothing but
the suite and the level. A selection (``--only``) narrows each shard down afterwards.

Every shard knows the whole catalogue; `merge` takes each check from the shard that it was dealt to, and
refuses shards that were not made by the same suite, of the same wallet, under the same conditions.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from eiraku.conformance.results import (
    Check,
    CheckResult,
    Level,
    Outcome,
    RoundTrips,
    Run,
    Shard,
    parts,
)
from eiraku.spec.errors import Misuse

_OTHER = "belongs to shard "
_OWN = frozenset({"shard", "gate", "interrupted", "started", "finished", "round_trips", "results"})
"""Fields of a `Run` in which shards may differ."""
_SEED = "; draw one seed (openssl rand -hex 32) and give it to each with --seed"


def deal(checks: Iterable[Check | CheckResult], level: Level, of: int) -> dict[str, Shard]:
    """The shard of each check, by id; those above ``level`` are in none."""
    ids = sorted(check.id for check in checks if check.level.rank <= level.rank)
    return {key: Shard(number=at % of + 1, of=of) for at, key in enumerate(ids)}


def reason(shard: Shard) -> str:
    """Why another shard leaves a check of this one out."""
    return f"{_OTHER}{shard}"


def merge(runs: Mapping[str, Run]) -> Run:
    """The one run of which ``runs``, each by a name for people, are the shards. Raises Misuse.

    Times are those of the whole: from the first start to the last end. A shard has no samples of its round
    trips, so of medians and 95th percentiles the mean is given, weighted by count.
    """
    ordered = _numbered(runs)
    first_name, first = next((each for each in ordered if each[1].wallet), ordered[0])
    for name, run in ordered:
        _same(first_name, first, name, run)
    results = {result.id: result for result in first.results}
    dealt = deal(first.results, first.level, len(ordered))
    for name, run in ordered:
        results |= {result.id: result for result in _part(name, run, dealt)}
    return msgspec.structs.replace(
        first,
        shard=None,
        gate=None,
        interrupted="; ".join(
            f"shard {run.shard}: {run.interrupted}" for _, run in ordered if run.interrupted
        ),
        started=min(run.started for _, run in ordered),
        finished=max(run.finished for _, run in ordered),
        round_trips=_round_trips([row for _, run in ordered for row in run.round_trips]),
        results=tuple(results[key] for key in sorted(results)),
    )


def _numbered(runs: Mapping[str, Run]) -> list[tuple[str, Run]]:
    """In the order of the shards, each there once."""
    found: dict[Shard, str] = {}
    for name, run in runs.items():
        if run.shard is None:
            raise Misuse(f"{name}: expected a shard, found a whole run; certify --shard I/N makes shards")
        if run.shard in found:
            raise Misuse(f"{found[run.shard]} and {name} are both shard {run.shard}: name each shard once")
        found[run.shard] = name
    (first, first_name), *others = found.items()
    for shard, name in others:
        if shard.of != first.of:
            raise Misuse(f"{first_name} is shard {first}, {name} is shard {shard}: not of one run")
    missing = [
        str(shard)
        for number in range(1, first.of + 1)
        if (shard := Shard(number=number, of=first.of)) not in found
    ]
    if missing:
        raise Misuse(f"missing: shard {', '.join(missing)}; run it with certify --shard, and name its folder")
    return [(found[shard], runs[found[shard]]) for shard in sorted(found, key=lambda each: each.number)]


def _same(name: str, run: Run, other_name: str, other: Run) -> None:
    """Raises Misuse unless both are of one wallet, under the same conditions."""
    for field in run.__struct_fields__:
        mine, theirs = getattr(run, field), getattr(other, field)
        if field in _OWN or (field == "wallet" and theirs is None):
            continue  # a wallet that was never started there: the results say why
        if mine != theirs:
            shown = f": {mine} and {theirs}" if isinstance(mine, str) and isinstance(theirs, str) else ""
            hint = _SEED if field == "seed" else ""
            raise Misuse(f"{name} and {other_name} differ in {field.replace('_', ' ')}{shown}{hint}")
    if parts(run.results) != parts(other.results):
        raise Misuse(f"{name} and {other_name} differ in the checks that they know: not of one suite")


def _part(name: str, run: Run, dealt: Mapping[str, Shard]) -> Iterator[CheckResult]:
    """The results that are this shard's. Raises Misuse if it ran others, or left its own to others."""
    for result in run.results:
        shard = dealt.get(result.id)
        mine = shard == run.shard
        if shard is None:
            continue
        if result.reason.startswith(_OTHER) if mine else result.outcome is not Outcome.NOT_RUN:
            raise Misuse(f"{name}: {result.id} is not dealt to it as shard {run.shard} says; run it again")
        if mine:
            yield result


def _round_trips(rows: list[RoundTrips]) -> tuple[RoundTrips, ...]:
    by_verb: dict[str, list[RoundTrips]] = {}
    for row in rows:
        by_verb.setdefault(row.verb, []).append(row)
    return tuple(_together(verb, found) for verb, found in sorted(by_verb.items()))


def _together(verb: str, rows: list[RoundTrips]) -> RoundTrips:
    count = sum(row.count for row in rows) or 1
    return RoundTrips(
        verb=verb,
        count=count,
        median=round(sum(row.median * row.count for row in rows) / count, 3),
        p95=round(sum(row.p95 * row.count for row in rows) / count, 3),
        maximum=max(row.maximum for row in rows),
        total=round(sum(row.total for row in rows), 3),
    )
