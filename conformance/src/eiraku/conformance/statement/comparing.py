"""Two statements side by side, fact by fact."""

from collections.abc import Collection, Iterator

from eiraku.conformance.statement.content import Statement

TRANSCRIPT = "transcript"
"""Begins the names of facts that are the same in a second run only if the wallet is deterministic."""


def facts(statement: Statement) -> dict[str, str]:
    """All that a statement says, under one name each, in its order."""
    return dict(_facts(statement))


def _facts(statement: Statement) -> Iterator[tuple[str, str]]:
    predicate = statement.predicate
    details = predicate.eiraku
    yield "result", predicate.result
    yield "verdict", details.verdict
    yield "level", details.level
    yield "seed", details.seed
    yield "policy", details.policy
    yield from ((f"subject {each.name}", each.digest["sha256"]) for each in statement.subject)
    yield from ((f"judged by {each.name}", each.digest["sha256"]) for each in predicate.configuration)
    yield "suite version", details.suite_version
    wallet = details.wallet
    yield "wallet name", wallet.name
    yield "wallet version", wallet.version
    yield "wallet protocol", str(wallet.protocol)
    yield from ((f"wallet capability {name}", "declared") for name in wallet.capabilities)
    yield from ((f"wallet capability {name}", "unknown") for name in wallet.unknown_capabilities)
    yield from ((f"wallet room {name}", str(size)) for name, size in wallet.room.items())
    yield from ((f"requirement {name}", outcome) for name, outcome in details.requirements.items())
    yield from ((f"check {name}", "passed") for name in predicate.passed_tests)
    yield from ((f"check {name}", "warned") for name in predicate.warned_tests)
    yield from ((f"check {name}", "failed") for name in predicate.failed_tests)
    yield from ((f"count {outcome}", str(count)) for outcome, count in details.counts.items())
    yield "reasons", "; ".join(details.reasons) or "none"
    covered = details.not_covered
    yield "requirements not about wallets", str(covered.not_about_wallets)
    yield from ((f"not tested: {reason}", str(count)) for reason, count in covered.not_tested.items())
    yield "word of the wallet", "; ".join(covered.word_of_the_wallet)
    yield f"{TRANSCRIPT} checks", str(details.transcript.checks)
    yield f"{TRANSCRIPT} root", details.transcript.root


def differences(one: Statement, other: Statement, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """A line for each fact that differs; ``without`` has the first words of those that may."""
    left, right = facts(one), facts(other)
    return tuple(
        f"{name}: {left.get(name, 'absent')} -> {right.get(name, 'absent')}"
        for name in (*left, *(name for name in right if name not in left))
        if left.get(name) != right.get(name) and name.partition(" ")[0] not in without
    )
