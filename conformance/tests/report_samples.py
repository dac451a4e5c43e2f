"""Runs to make reports of. Loaded by path: test modules cannot import each other."""

import json
import random

import msgspec

from eiraku.conformance.findings import requirement_set
from eiraku.conformance.results import (
    CheckResult,
    Evidence,
    Exchange,
    Fact,
    Hint,
    Insight,
    Level,
    Outcome,
    RoundTrips,
    Run,
    Step,
    WalletInfo,
    parts,
)

HOSTILE = "<script>alert(1)</script>\x1b[31mred\x1b[0m\x00\x08\u202eback\ud800]]>&\"'\ufffe`{{ 7*7 }}"
CAPABILITIES = ("deterministic", "initiator", "payee", "payer", "power-cut", "responder", "suite-0")
DECODED = "[\n  3,              / METHOD /\n  4,              / suite /\n  h'8af6f430ebe18d34',\n  h'2b'\n]"
UNTESTED = {Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.NOT_RUN}


def evidence(rng: random.Random, outcome: Outcome) -> Evidence:
    """What a check of a session would show."""
    steps = [
        Step(source="suite", target="wallet", label="power on", outcome="accepted"),
        Step(
            source="suite", target="wallet", label="message_1", data=rng.randbytes(37).hex(), decoded=DECODED
        ),
        Step(
            source="wallet",
            target="suite",
            label="message_2",
            data=rng.randbytes(190).hex(),
            decoded=DECODED,
            outcome="verified",
        ),
        Step(source="wallet", target="wallet", label="power cut before durable write 2"),
        Step(
            source="suite",
            target="wallet",
            label="TRANSFER with a unit whose hop is 11",
            data=rng.randbytes(412).hex(),
            decoded=DECODED,
            outcome="no answer" if outcome is Outcome.CRASH else "accepted",
        ),
    ]
    exchanges = [
        Exchange(
            seq=at,
            request=json.dumps({"seq": at, "verb": "deliver", "data": rng.randbytes(150).hex()}),
            response=json.dumps({"seq": at, "outcome": "accepted", "out": rng.randbytes(90).hex()}),
            milliseconds=1.5 * at,
        )
        for at in range(1, 15)
    ]
    crashed = outcome in {Outcome.CRASH, Outcome.HARNESS_ERROR}
    trace = 'File "test_transfer.py", line 91, in test_hops\n    wallet.deliver(message)'
    return Evidence(
        violated="EPP-HIS-001",
        hints=(
            Hint(about="endorsement", words="verifies with hop - 1", holds=True),
            Hint(about="endorsement", words="verifies with payer and payee exchanged", holds=False),
        ),
        insights=(
            Insight(
                title="Endorsement, as it was verified",
                facts=(Fact(name="Sig_structure", value=rng.randbytes(90).hex()),),
            ),
        ),
        expected="rejected hop-limit\nstate unchanged",
        actual="" if crashed else "accepted\nbalance 1200, was 1000",
        steps=tuple(steps),
        exchanges=tuple(exchanges),
        stderr="thread main panicked at src/transfer.rs:118\nnote: index out of bounds" if crashed else "",
        traceback=trace if crashed else "",
        notes=("The positive control passed: hop 10 was accepted.",),
    )


def sample(
    outcomes: dict[int, Outcome] | None = None,
    *,
    per_requirement: int = 3,
    level: Level = Level.STANDARD,
    **changes: object,
) -> Run:
    """A run of the built-in suite; ``outcomes`` says which results, by place, did not pass."""
    rng = random.Random(1)
    results: list[CheckResult] = []
    for requirement in requirement_set().requirements:
        for part in range(0 if requirement.not_tested else per_requirement):
            outcome = (outcomes or {}).get(len(results), Outcome.PASS)
            module = requirement.chapter.split("-", 1)[1]
            results.append(
                CheckResult(
                    id=f"test_{module}::test_{requirement.id[4:].lower().replace('-', '_')}[case-{part}]",
                    title=f"Case {part} of {requirement.id}: the wallet does as required and stays alive",
                    location=f"test_{module}.py:{20 + 7 * part}",
                    requirements=(requirement.id,),
                    level=Level.STANDARD,
                    outcome=outcome,
                    seconds=round(rng.random(), 3),
                    reason="" if outcome is Outcome.PASS else f"expected a refusal, found {outcome.lower()}",
                    evidence=None if outcome in UNTESTED else evidence(rng, outcome),
                )
            )
    fields = {
        "suite_version": "0.1.0",
        "suite": "eiraku.conformance.suite",
        "sources": "11" * 32,
        "adapter_schema": "22" * 32,
        "requirement_set": requirement_set(),
        "wallet": WalletInfo(name="Sample wallet", version="2.3", protocol=1, capabilities=CAPABILITIES),
        "selector": "cmd:./my-wallet --adapter",
        "seed": "5e" * 32,
        "level": level,
        "started": "2026-11-22T09:00:00Z",
        "finished": "2026-11-22T09:03:21Z",
        "round_trips": (
            RoundTrips(verb="deliver", count=4120, median=1.1, p95=4.7, maximum=81.2, total=6110.4),
            RoundTrips(verb="act", count=920, median=0.2, p95=0.3, maximum=2.2, total=201.9),
        ),
        "results": tuple(sorted(results, key=lambda result: result.id)),
        "certifying": True,
        **changes,
    }
    fields.setdefault("catalogue", parts(fields["results"]))  # type: ignore[arg-type]
    return Run(**fields)  # type: ignore[arg-type]


MIXED = {
    4: Outcome.FAIL,
    9: Outcome.CRASH,
    17: Outcome.WARN,
    40: Outcome.TIMEOUT,
    77: Outcome.ADAPTER_ERROR,
    120: Outcome.HARNESS_ERROR,
    130: Outcome.NOT_RUN,
    140: Outcome.NOT_APPLICABLE,
    200: Outcome.FAIL,
}


def hostile() -> Run:
    """Everything a wallet has a say in is hostile."""
    run = sample(MIXED)
    bad = Evidence(
        expected=HOSTILE,
        actual=HOSTILE,
        steps=(
            Step(source=HOSTILE, target="wallet", label=HOSTILE, data="zz", decoded=HOSTILE, outcome=HOSTILE),
        ),
        exchanges=(Exchange(seq=1, request=HOSTILE, response=HOSTILE, milliseconds=1.0),),
        stderr=HOSTILE,
        traceback=HOSTILE,
        notes=(HOSTILE,),
        violated=HOSTILE,
        hints=(Hint(about=HOSTILE, words=HOSTILE, holds=True), Hint(about="x", words=HOSTILE, holds=False)),
        insights=(Insight(title=HOSTILE, facts=(Fact(name=HOSTILE, value=HOSTILE),)),),
    )
    results = tuple(
        msgspec.structs.replace(
            r, title=HOSTILE, id=r.id + HOSTILE, location=HOSTILE, reason=HOSTILE, evidence=bad
        )
        for r in run.results
    )
    wallet = WalletInfo(
        name=HOSTILE, version=HOSTILE, protocol=1, capabilities=CAPABILITIES, unknown_capabilities=(HOSTILE,)
    )
    return msgspec.structs.replace(
        run, results=results, wallet=wallet, selector=HOSTILE, interrupted=HOSTILE, selection=HOSTILE
    )
