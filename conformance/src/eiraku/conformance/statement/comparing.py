"""Two statements side by side, fact by fact."""

from collections.abc import Collection, Iterator

from eiraku.conformance.statement.content import MeetingDetails, Statement, Wallet

TRANSCRIPT = "transcript"
"""Begins the names of facts that are the same in a second run only if the wallet is deterministic."""


def facts(statement: Statement) -> dict[str, str]:
    """All that a statement says, under one name each, in its order."""
    return dict(_facts(statement))


def _facts(statement: Statement) -> Iterator[tuple[str, str]]:
    predicate = statement.predicate
    details = predicate.eiraku
    yield "result", predicate.result
    if isinstance(details, MeetingDetails):
        yield from _facts_of_meeting(statement, details)
        return
    yield "verdict", details.verdict
    yield "level", details.level
    yield "seed", details.seed
    yield "policy", details.policy
    yield from _bound(statement)
    yield "suite version", details.suite_version
    wallet = details.wallet
    yield from _declared("wallet", wallet)
    yield from ((f"requirement {name}", outcome) for name, outcome in details.requirements.items())
    yield from _tests("check", statement)
    yield from ((f"count {outcome}", str(count)) for outcome, count in details.counts.items())
    yield "reasons", "; ".join(details.reasons) or "none"
    covered = details.not_covered
    yield "requirements not about wallets", str(covered.not_about_wallets)
    yield from ((f"not tested: {reason}", str(count)) for reason, count in covered.not_tested.items())
    yield "word of the wallet", "; ".join(covered.word_of_the_wallet)
    yield f"{TRANSCRIPT} checks", str(details.transcript.checks)
    yield f"{TRANSCRIPT} root", details.transcript.root


def _facts_of_meeting(statement: Statement, details: MeetingDetails) -> Iterator[tuple[str, str]]:
    yield "verdict", details.verdict
    yield "level", details.level
    yield "seed", details.seed
    yield from _bound(statement)
    yield "suite version", details.suite_version
    for make in details.makes:
        yield f"make {make.letter} subjects", ", ".join(make.subjects)
        yield from _declared(f"make {make.letter}", make.wallet)
    yield from _tests("scenario", statement)
    yield from ((f"count {outcome}", str(count)) for outcome, count in details.counts.items())
    yield "reasons", "; ".join(details.reasons) or "none"
    yield "word of the wallet", "; ".join(details.word_of_the_wallet)
    yield f"{TRANSCRIPT} scenarios", str(details.transcript.checks)
    yield f"{TRANSCRIPT} root", details.transcript.root


def _bound(statement: Statement) -> Iterator[tuple[str, str]]:
    yield from ((f"subject {each.name}", each.digest["sha256"]) for each in statement.subject)
    judges = statement.predicate.configuration
    yield from ((f"judged by {each.name}", each.digest["sha256"]) for each in judges)


def _declared(who: str, wallet: Wallet) -> Iterator[tuple[str, str]]:
    yield f"{who} name", wallet.name
    yield f"{who} version", wallet.version
    yield f"{who} protocol", str(wallet.protocol)
    yield from ((f"{who} capability {name}", "declared") for name in wallet.capabilities)
    yield from ((f"{who} capability {name}", "unknown") for name in wallet.unknown_capabilities)
    yield from ((f"{who} room {name}", str(size)) for name, size in wallet.room.items())


def _tests(what: str, statement: Statement) -> Iterator[tuple[str, str]]:
    predicate = statement.predicate
    yield from ((f"{what} {name}", "passed") for name in predicate.passed_tests)
    yield from ((f"{what} {name}", "warned") for name in predicate.warned_tests)
    yield from ((f"{what} {name}", "failed") for name in predicate.failed_tests)


def differences(one: Statement, other: Statement, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """A line for each fact that differs; ``without`` has the first words of those that may."""
    left, right = facts(one), facts(other)
    return tuple(
        f"{name}: {left.get(name, 'absent')} -> {right.get(name, 'absent')}"
        for name in (*left, *(name for name in right if name not in left))
        if left.get(name) != right.get(name) and name.partition(" ")[0] not in without
    )
