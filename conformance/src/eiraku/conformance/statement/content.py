"""What a statement says: an in-toto Statement, version 1, with a test-result predicate, version 0.1.

It is about one wallet that was judged, or about several that met (`eiraku.conformance.statement.meeting`).
Everything in it follows from a `Run` and the digests of the wallet's files, and nothing is a time: the same
inputs give the same bytes. What in-toto has no field for stands in one object, ``eiraku``.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from eiraku.conformance.interop.results import Verdict as Interoperability
from eiraku.conformance.results import FAILURES, Level, Model, Outcome, Run, WalletInfo, catalogue_file
from eiraku.conformance.verdict import Judgement, Verdict, in_scope, limits, verdict, word_of_the_wallet
from eiraku.spec import merkle
from eiraku.spec.errors import Refused

FILE = "statement.json"
"""Its name in the folder of the reports."""


class _Json(Model, frozen=True, kw_only=True, rename="camel"):
    """Part of a statement."""


class Resource(_Json, frozen=True, kw_only=True):
    """A ResourceDescriptor of in-toto: something with a name and its SHA-256, hex."""

    name: str
    digest: dict[Literal["sha256"], str]


class Wallet(_Json, frozen=True, kw_only=True):
    """Fields as in `WalletInfo`."""

    name: str
    version: str
    protocol: int
    capabilities: tuple[str, ...]
    unknown_capabilities: tuple[str, ...]
    room: dict[str, int]


class NotCovered(_Json, frozen=True, kw_only=True):
    """What the result does not say."""

    not_tested: dict[str, int]
    """Requirements that apply and that a black box cannot show: their number by reason."""
    not_about_wallets: int
    """Requirements of centres and services, which are no question of a wallet: their number."""
    word_of_the_wallet: tuple[str, ...]


class Transcript(_Json, frozen=True, kw_only=True):
    """All exchanges of all checks in scope."""

    checks: int
    root: str
    """Root, hex, of the tree of RFC 9162 over a leaf ``ID DIGEST`` for each check, sorted by id."""


class Details(_Json, frozen=True, kw_only=True, tag_field="format", tag="eiraku-statement/1"):
    """What in-toto has no field for: of a wallet that was judged."""

    suite_version: str
    wallet: Wallet
    level: Level
    seed: str
    policy: Literal["none"] = "none"
    """None but the suite's own: a run with another one never certifies."""
    verdict: Verdict
    reasons: tuple[str, ...]
    counts: dict[str, int]
    requirements: dict[str, Outcome]
    not_covered: NotCovered
    transcript: Transcript


class MakeOf(_Json, frozen=True, kw_only=True):
    """One of the wallets that met, by its letter; `subjects`: names of its files among the subjects."""

    letter: str
    subjects: tuple[str, ...]
    wallet: Wallet


class MeetingDetails(_Json, frozen=True, kw_only=True, tag_field="format", tag="eiraku-interop-statement/1"):
    """What in-toto has no field for: of wallets that met."""

    suite_version: str
    makes: tuple[MakeOf, ...]
    level: Level
    seed: str
    verdict: Interoperability
    reasons: tuple[str, ...]
    counts: dict[str, int]
    word_of_the_wallet: tuple[str, ...]
    transcript: Transcript


class Predicate(_Json, frozen=True, kw_only=True):
    """``https://in-toto.io/attestation/test-result/v0.1``; checks that did not apply are in no list."""

    result: Literal["PASSED", "WARNED", "FAILED"]
    configuration: tuple[Resource, ...]
    passed_tests: tuple[str, ...]
    warned_tests: tuple[str, ...]
    failed_tests: tuple[str, ...]
    eiraku: Details | MeetingDetails


class Statement(_Json, frozen=True, kw_only=True):
    """``https://in-toto.io/Statement/v1``."""

    type: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(
        name="_type", default="https://in-toto.io/Statement/v1"
    )
    subject: tuple[Resource, ...]
    """The wallet's files."""
    predicate_type: Literal["https://in-toto.io/attestation/test-result/v0.1"] = (
        "https://in-toto.io/attestation/test-result/v0.1"
    )
    predicate: Predicate

    def encode(self) -> bytes:
        """The one encoding: JSON without white space, fields as declared, names of tables sorted."""
        return msgspec.json.encode(self, order="deterministic")


def read(payload: bytes) -> Statement:
    """The statement in ``payload``. Raises Refused for whatever `Statement.encode` does not give."""
    try:
        found = msgspec.json.decode(payload, type=Statement)
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected a statement of this version of Eiraku: {error}") from None
    if found.encode() != payload:
        raise Refused("the statement is not in its one encoding")
    return found


def obstacle(run: Run) -> str:
    """Why ``run`` cannot be signed; empty if it can."""
    limit = limits(run)
    if limit:
        return f"a run with the limit {limit} never certifies"
    return "; ".join(verdict(run).gaps)


def state(run: Run, subject: Sequence[Resource]) -> Statement:
    """The statement on ``run`` and the files ``subject``. Raises Refused if it cannot be signed."""
    found = obstacle(run)
    if found:
        raise Refused(found)
    if not subject:
        raise Refused("there is no subject")
    judgement = verdict(run)
    tests: dict[str, list[str]] = {"PASSED": [], "WARNED": [], "FAILED": []}
    for result in in_scope(run):
        if result.outcome in _LISTS:
            tests[_LISTS[result.outcome]].append(result.id)
    passed = "WARNED" if tests["WARNED"] else "PASSED"
    predicate = Predicate(
        result="FAILED" if judgement.verdict is not Verdict.CONFORMANT else passed,  # type: ignore[arg-type]
        configuration=_configuration(run),
        passed_tests=tuple(sorted(tests["PASSED"])),
        warned_tests=tuple(sorted(tests["WARNED"])),
        failed_tests=tuple(sorted(tests["FAILED"])),
        eiraku=_details(run, judgement),
    )
    return Statement(subject=tuple(subject), predicate=predicate)


_LISTS = {Outcome.PASS: "PASSED", Outcome.WARN: "WARNED", **dict.fromkeys(FAILURES, "FAILED")}


def _configuration(run: Run) -> tuple[Resource, ...]:
    """What the wallet was judged by."""
    requirements = msgspec.json.encode(run.requirement_set.requirements)
    digests = {
        f"specification {run.requirement_set.version}": run.requirement_set.digest,
        "requirement set": hashlib.sha256(requirements).hexdigest(),
        "catalogue": hashlib.sha256(catalogue_file(run.catalogue)).hexdigest(),
        "suite": run.sources,
        "adapter schema": run.adapter_schema,
    }
    return tuple(Resource(name=name, digest={"sha256": digest}) for name, digest in digests.items())


def _details(run: Run, judgement: Judgement) -> Details:
    untested = Counter(each.reason for each in judgement.requirements if each.outcome is Outcome.NOT_TESTED)
    return Details(
        suite_version=run.suite_version,
        wallet=wallet_of(run.wallet),
        level=run.level,
        seed=run.seed,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        counts=judgement.counts,
        requirements={each.id: each.outcome for each in judgement.requirements},
        not_covered=NotCovered(
            not_tested=dict(untested),
            not_about_wallets=sum(not each.about_wallets for each in run.requirement_set.requirements),
            word_of_the_wallet=word_of_the_wallet(run),
        ),
        transcript=transcript(run),
    )


def wallet_of(info: WalletInfo | None) -> Wallet:
    """What a wallet said of itself. Raises ValueError if there was none."""
    if info is None:
        raise ValueError("a run without a wallet has gaps")
    return Wallet(
        name=_encodable(info.name),
        version=_encodable(info.version),
        protocol=info.protocol,
        capabilities=info.capabilities,
        unknown_capabilities=tuple(_encodable(name) for name in info.unknown_capabilities),
        room=info.room,
    )


def _encodable(text: str) -> str:
    """As in ``report.json``: lone surrogates have no UTF-8."""
    return text.encode("utf-8", "replace").decode()


def transcript(run: Run) -> Transcript:
    """The root over the transcripts of the checks in scope."""
    return rooted({result.id: result.transcript for result in in_scope(run)})


def rooted(transcripts: dict[str, str]) -> Transcript:
    """The root over transcripts by id."""
    leaves = [f"{name} {digest}".encode() for name, digest in sorted(transcripts.items())]
    root = merkle.root(merkle.Range(0, len(leaves)), merkle.complete(leaves))
    return Transcript(checks=len(leaves), root=root.hex())
