"""Shards of a run, and what becomes of them: ``certify --shard`` and ``merge``."""

import random
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eiraku.conformance import shards
from eiraku.conformance.results import CheckResult, Level, Outcome, RoundTrips, Run, Shard
from eiraku.conformance.statement import content, envelope, shard
from eiraku.conformance.verdict import verdict
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.report.certify import json_report, junit
from eiraku.spec.errors import Misuse, Refused

pytestmark = pytest.mark.slow

SAMPLES = runpy.run_path(str(Path(__file__).with_name("statement_samples.py")))
KEY, SUBJECT = SAMPLES["KEY"], SAMPLES["SUBJECT"]
WHOLE: Run = SAMPLES["sample"]({5: Outcome.FAIL, 9: Outcome.CRASH})


def change(run: Run, **fields: Any) -> Run:
    return msgspec.structs.replace(run, **fields)


def cut(whole: Run, of: int) -> dict[str, Run]:
    """The shards that runs of parts of the checks of `whole` would be."""
    dealt = shards.deal(whole.results, whole.level, of)

    def seen(result: CheckResult, number: int) -> CheckResult:
        owner = dealt.get(result.id)
        if owner is None or owner.number == number:
            return result
        left = {"outcome": Outcome.NOT_RUN, "reason": shards.reason(owner), "deselected": True}
        return msgspec.structs.replace(result, **left, evidence=None, transcript="", seconds=0.0)

    return {
        f"s{number}": change(
            whole,
            shard=Shard(number=number, of=of),
            results=tuple(seen(result, number) for result in whole.results),
        )
        for number in range(1, of + 1)
    }


def checks(rng: random.Random, count: int) -> list[CheckResult]:
    found = [
        CheckResult(
            id=f"test_m{rng.randrange(9)}::test_{at}",
            title="t",
            location="l",
            requirements=("EPP-GEN-001",),
            level=rng.choice([*Level]),
            outcome=Outcome.PASS,
        )
        for at in range(count)
    ]
    rng.shuffle(found)
    return found


@pytest.mark.parametrize("of", (1, 2, 3, 7, 100))
@pytest.mark.parametrize("level", (*Level,))
def test_shards_are_disjoint_cover_the_level_and_depend_on_nothing_else(level: Level, of: int) -> None:
    rng = random.Random(of)
    found = checks(rng, 200)
    dealt = shards.deal(found, level, of)
    assert set(dealt) == {check.id for check in found if check.level.rank <= level.rank}
    assert {shard.of for shard in dealt.values()} == {of}
    sizes = [sum(shard.number == number for shard in dealt.values()) for number in range(1, of + 1)]
    assert max(sizes) - min(sizes) <= 1
    rng.shuffle(found)
    assert shards.deal(found, level, of) == dealt


@pytest.mark.parametrize("of", (1, 2, 5))
def test_merged_shards_are_the_run(of: int) -> None:
    parts = cut(WHOLE, of)
    for run in parts.values():
        assert verdict(run).verdict != "conformant"
        assert verdict(run).exit_code in {0, 1}
    merged = shards.merge(dict(reversed(parts.items())))
    assert change(merged, round_trips=()) == change(WHOLE, round_trips=())
    assert verdict(merged) == verdict(WHOLE)
    assert junit.render(merged) == junit.render(WHOLE)
    assert content.transcript(merged) == content.transcript(WHOLE)


def test_a_shard_never_certifies_and_says_so() -> None:
    conformant = SAMPLES["conformant"]()
    assert verdict(conformant).words == "conformant"
    (run,) = cut(conformant, 1).values()
    assert verdict(run).words == "shard passed, not a certificate"
    assert content.obstacle(run) == "a run with the limit shard never certifies"
    assert content.state(shards.merge({"s": run}), SUBJECT) == content.state(conformant, SUBJECT)


def test_what_ended_a_shard_is_said_of_the_whole() -> None:
    parts = cut(SAMPLES["conformant"](), 2)
    parts["s2"] = change(parts["s2"], interrupted="the lights went out")
    merged = shards.merge(parts)
    assert merged.interrupted == "shard 2/2: the lights went out"
    assert verdict(merged).exit_code == 3


def test_times_are_those_of_the_whole() -> None:
    row = RoundTrips(verb="act", count=1, median=2.0, p95=4.0, maximum=5.0, total=2.0)
    parts = cut(WHOLE, 2)
    parts["s1"] = change(parts["s1"], round_trips=(row,), started="2026-01-02T00:00:00Z")
    other = msgspec.structs.replace(row, count=3, median=6.0, maximum=9.0, total=18.0)
    parts["s2"] = change(parts["s2"], round_trips=(other,), finished="2999-01-01T00:00:00Z")
    merged = shards.merge(parts)
    assert merged.round_trips == (
        RoundTrips(verb="act", count=4, median=5.0, p95=4.0, maximum=9.0, total=20.0),
    )
    assert merged.finished == "2999-01-01T00:00:00Z"
    assert merged.started == min(WHOLE.started, "2026-01-02T00:00:00Z")


def info(run: Run, **fields: Any) -> Run:
    return change(run, wallet=msgspec.structs.replace(run.wallet, **fields))  # type: ignore[type-var]


OTHERS: dict[str, tuple[Callable[[Run], Run], str]] = {
    "a whole run": (lambda _: WHOLE, "s2: expected a shard, found a whole run"),
    "the first again": (lambda _: cut(WHOLE, 2)["s1"], "s1 and s2 are both shard 1/2: name each shard once"),
    "of three": (lambda _: cut(WHOLE, 3)["s3"], "s1 is shard 1/2, s2 is shard 3/3: not of one run"),
    "seed": (lambda run: change(run, seed="77" * 32), "differ in seed: .* draw one seed"),
    "level": (lambda run: change(run, level=Level.FULL), "differ in level: standard and full"),
    "selector": (lambda run: change(run, selector="cmd:other"), "differ in selector: .* and cmd:other"),
    "wallet": (lambda run: info(run, version="9"), "differ in wallet"),
    "capabilities": (lambda run: info(run, capabilities=()), "differ in wallet"),
    "suite": (lambda run: change(run, suite_version="9"), "differ in suite version"),
    "sources": (lambda run: change(run, sources="00" * 32), "differ in sources"),
    "catalogue": (lambda run: change(run, catalogue={}), "differ in catalogue"),
    "checks": (lambda run: change(run, results=run.results[1:]), "differ in the checks that they know"),
    "policy": (lambda run: change(run, policy="00" * 32), "differ in policy"),
    "selection": (lambda run: change(run, selection="--only x"), "differ in selection"),
    "made by others": (lambda run: change(run, certifying=False), "differ in certifying"),
    "renumbered": (
        lambda _: change(cut(WHOLE, 2)["s1"], shard=Shard(number=2, of=2)),
        r"s2: .* is not dealt to it as shard 2/2 says",
    ),
    "all of it": (
        lambda run: change(run, results=WHOLE.results),
        r"s2: .* is not dealt to it as shard 2/2 says",
    ),
}


@pytest.mark.parametrize("name", (*OTHERS,))
def test_what_is_not_of_one_run_is_refused(name: str) -> None:
    parts = cut(WHOLE, 2)
    other, words = OTHERS[name]
    parts["s2"] = other(parts["s2"])
    with pytest.raises(Misuse, match=words):
        shards.merge(parts)


def test_a_missing_shard_is_named() -> None:
    parts = cut(WHOLE, 4)
    with pytest.raises(Misuse, match="missing: shard 1/4, 3/4; run it with certify --shard"):
        shards.merge({name: parts[name] for name in ("s2", "s4")})


def test_a_wallet_that_never_started_in_one_shard_is_no_other_wallet() -> None:
    parts = cut(WHOLE, 3)
    parts["s1"] = change(parts["s1"], wallet=None)
    assert shards.merge(parts).wallet == WHOLE.wallet
    parts["s3"] = info(parts["s3"], version="9")
    with pytest.raises(Misuse, match="s2 and s3 differ in wallet"):
        shards.merge(parts)


@pytest.mark.parametrize("text", ("", "1", "0/2", "3/2", "1/0", "-1/2", "1/1001", "1/2/3", "a/b", "1/99999"))
def test_there_is_no_such_shard(text: str) -> None:
    with pytest.raises(Misuse, match="expected a shard such as 2/4, of at most 1000, found"):
        Shard.parse(text)


def test_a_shard_has_one_form() -> None:
    assert str(Shard.parse("2/4")) == "2/4"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"number": 5, "of": 4}, Shard)


# --- what is signed about a shard ---------------------------------------------------------------------------


def test_a_shard_is_signed_with_its_report_and_the_wallet() -> None:
    report = json_report.render(cut(WHOLE, 2)["s1"])
    data = shard.sign(report, SUBJECT, KEY)
    assert shard.verify(data, report, KEY.public) == SUBJECT
    with pytest.raises(Refused, match=r"report\.json is not the one that was signed"):
        shard.verify(data, report + b" ", KEY.public)
    with pytest.raises(Refused, match="expected a signature by the key"):
        shard.verify(data, report, SigningKey(bytes(32)).public)
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(Refused):
            shard.verify(changed, report, KEY.public)


def test_what_is_signed_about_a_shard_is_no_statement_and_the_other_way_round() -> None:
    report = json_report.render(WHOLE)
    data = shard.sign(report, SUBJECT, KEY)
    with pytest.raises(Refused, match=r"expected a payload of type application/vnd\.in-toto"):
        envelope.read(data)
    with pytest.raises(Refused, match=r"expected a payload of type application/vnd\.eiraku\.shard"):
        shard.verify(SAMPLES["signed"](), report, KEY.public)
    # Nor is a signature over the one good under the type of the other.
    moved = envelope.read(data, shard.PAYLOAD_TYPE)
    relabelled = envelope.Envelope(payload=moved.payload, keyid=moved.keyid, signature=moved.signature)
    with pytest.raises(Refused, match="does not verify"):
        relabelled.verify(KEY.public)


def test_shards_about_different_files_make_no_statement() -> None:
    other = (content.Resource(name="wallet.bin", digest={"sha256": "cd" * 32}),)
    assert shard.common({"a": SUBJECT, "b": SUBJECT}) == SUBJECT
    with pytest.raises(Refused, match="a and b are about different files"):
        shard.common({"a": SUBJECT, "b": other})
