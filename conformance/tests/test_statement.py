"""What a statement says of a run, and which runs are signed."""

import hashlib
import json
import runpy
from pathlib import Path

import msgspec
import pytest

from eiraku.conformance import CATALOGUE, sources
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.adapter.schema import stored_schema
from eiraku.conformance.adapter.transcript import Transcript
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.findings import stored_catalogue
from eiraku.conformance.results import Level, Outcome, Run
from eiraku.conformance.statement import content, envelope
from eiraku.conformance.statement.comparing import differences
from eiraku.conformance.verdict import PLAYED, WORD_OF_THE_WALLET, verdict
from eiraku.spec import merkle
from eiraku.spec.errors import Refused

SAMPLES = runpy.run_path(str(Path(__file__).with_name("statement_samples.py")))
KEY, SUBJECT, sample = SAMPLES["KEY"], SAMPLES["SUBJECT"], SAMPLES["sample"]
conformant, signed, accepted = SAMPLES["conformant"], SAMPLES["signed"], SAMPLES["accepted"]
pytestmark = pytest.mark.slow

REFERENCE = "python:eiraku.conformance.wallet:factory"


# --- what it says -------------------------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_bytes_at_another_time() -> None:
    run = conformant()
    later = msgspec.structs.replace(
        run,
        started="2027-01-01T00:00:00Z",
        finished="2027-01-01T00:09:00Z",
        round_trips=(),
        results=tuple(msgspec.structs.replace(each, seconds=9.9) for each in reversed(run.results)),
    )
    assert envelope.sign(content.state(later, SUBJECT).encode(), KEY) == signed()


def test_it_has_the_form_of_a_test_result() -> None:
    found = json.loads(envelope.read(signed()).payload)
    assert list(found) == ["_type", "subject", "predicateType", "predicate"]
    assert found["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert found["subject"] == [{"name": "wallet.bin", "digest": {"sha256": "ab" * 32}}]
    predicate = found["predicate"]
    assert predicate["result"] == "PASSED"
    assert predicate["passedTests"] == sorted(each.id for each in conformant().results)
    assert predicate["warnedTests"] == predicate["failedTests"] == []
    assert all(set(each) == {"name", "digest"} for each in predicate["configuration"])


def test_it_names_what_it_was_judged_by() -> None:
    run = sample(
        catalogue=stored_catalogue(), sources=sources.digest(), adapter_schema=sources.adapter_schema()
    )
    found = {each.name: each.digest["sha256"] for each in content._configuration(run)}
    assert (
        found.pop("requirement set")
        == hashlib.sha256(msgspec.json.encode(run.requirement_set.requirements)).hexdigest()
    )
    assert found == {
        f"specification {run.requirement_set.version}": run.requirement_set.digest,
        "catalogue": hashlib.sha256(CATALOGUE.read_bytes()).hexdigest(),
        "suite": hashlib.sha256(sources.listing()).hexdigest(),
        "adapter schema": hashlib.sha256(stored_schema()).hexdigest(),
    }
    assert f"{hashlib.sha256(CATALOGUE.read_bytes()).hexdigest()}  conformance/catalogue.json\n".encode() in (
        sources.listing()
    )


def test_it_says_what_it_does_not_cover() -> None:
    details = accepted(signed()).predicate.eiraku
    every = conformant().requirement_set.requirements
    untested = [each.not_tested for each in every if each.not_tested and each.about_wallets]
    others = [each for each in every if not each.about_wallets]
    assert untested
    assert others
    assert details.not_covered.not_about_wallets == len(others)
    assert {details.requirements[each.id] for each in others} == {Outcome.NOT_APPLICABLE}
    assert details.not_covered.not_tested == {reason: untested.count(reason) for reason in set(untested)}
    assert details.not_covered.word_of_the_wallet == (*WORD_OF_THE_WALLET, PLAYED)
    assert [*details.requirements.values()].count(Outcome.NOT_TESTED) == len(untested)
    assert set(details.requirements) == {each.id for each in conformant().requirement_set.requirements}


@pytest.mark.parametrize(
    ("outcome", "result"),
    (
        (Outcome.WARN, "WARNED"),
        (Outcome.FAIL, "FAILED"),
        (Outcome.CRASH, "FAILED"),
        (Outcome.TIMEOUT, "FAILED"),
    ),
)
def test_a_wallet_that_did_not_pass_is_signed_too(outcome: Outcome, result: str) -> None:
    run = sample({7: outcome})
    found = content.state(run, SUBJECT).predicate
    assert found.result == result
    assert isinstance(found.eiraku, content.Details)
    assert found.eiraku.verdict == verdict(run).verdict
    assert found.eiraku.requirements[run.results[7].requirements[0]] in {outcome, Outcome.PASS, Outcome.FAIL}
    listed = {"WARNED": found.warned_tests, "FAILED": found.failed_tests}[result]
    assert len(listed) == 1
    assert len(found.passed_tests) == len(run.results) - 1


def test_a_mandatory_capability_that_is_missing_is_a_reason() -> None:
    wallet = msgspec.structs.replace(conformant().wallet, capabilities=("initiator",))
    found = content.state(msgspec.structs.replace(conformant(), wallet=wallet), SUBJECT).predicate
    assert found.result == "FAILED"
    assert found.failed_tests == ()
    assert "not declared though mandatory" in found.eiraku.reasons[0]


def test_a_hostile_name_of_a_wallet_can_be_signed() -> None:
    wallet = SAMPLES["REPORTS"]["hostile"]().wallet
    found = content.state(msgspec.structs.replace(conformant(), wallet=wallet), SUBJECT)
    assert content.read(found.encode()) == found


def test_the_root_is_over_the_transcript_of_each_check() -> None:
    run = conformant()
    found = content.transcript(run)
    assert found.checks == len(run.results)
    leaves = [f"{each.id} {each.transcript}".encode() for each in run.results]
    proof = [merkle.root(span, merkle.complete(leaves)) for span in merkle.inclusion(5, len(leaves))]
    merkle.verify_inclusion(leaves[5], 5, len(leaves), proof, bytes.fromhex(found.root))
    changed = msgspec.structs.replace(run.results[5], transcript="00" * 32)
    other = msgspec.structs.replace(run, results=(*run.results[:5], changed, *run.results[6:]))
    assert content.transcript(other).root != found.root
    (line,) = differences(content.state(run, SUBJECT), content.state(other, SUBJECT))
    assert line.startswith("transcript root: ")


# --- what is not signed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "run",
    (
        sample(seed="00" * 32),
        sample(level=Level.SMOKE),
        sample({3: Outcome.NOT_RUN}),
        sample({3: Outcome.HARNESS_ERROR}),
        sample({3: Outcome.FAIL, 4: Outcome.NOT_RUN}),
        sample(interrupted="interrupted"),
        sample(selection="-k few"),
        sample(policy="11" * 32),
        sample(suite="mine"),
        sample(certifying=False),
        sample(selector="python:mine:make"),
        sample(wallet=None),
        sample(results=conformant().results[1:], catalogue=conformant().catalogue),
    ),
    ids=content.obstacle,
)
def test_only_a_complete_certifying_run_is_signed(run: Run) -> None:
    assert content.obstacle(run)
    with pytest.raises(Refused):
        content.state(run, SUBJECT)


def test_a_statement_is_about_something() -> None:
    assert not content.obstacle(conformant())
    with pytest.raises(Refused, match="no subject"):
        content.state(conformant(), ())


# --- the transcript -----------------------------------------------------------------------------------------


def test_the_transcript_forgets_numbers_and_nothing_else() -> None:
    def digest(request: bytes, answer: bytes, fields: dict[str, object] | None) -> str:
        transcript = Transcript()
        transcript.request(request)
        transcript.answer(answer, fields)
        return transcript.digest()

    one = digest(b'{"seq":1,"verb":"reset"}', b"", {"seq": 1, "outcome": "accepted"})
    assert one == digest(b'{"seq":17,"verb":"reset"}', b"other", {"outcome": "accepted", "seq": 9})
    others = {
        digest(b'{"seq":1,"verb":"state"}', b"", {"seq": 1, "outcome": "accepted"}),
        digest(b'{"seq":1,"verb":"reset"}', b"", {"seq": 1, "outcome": "rejected"}),
        digest(b'{"seq":1,"verb":"reset"}', b"", None),
        digest(b'{"seq":1,"verb":"reset"}', b"no JSON", None),
        Transcript().digest(),
    }
    assert one not in others
    assert len(others) == 5


@pytest.mark.parametrize("line", (b'{"seq":1,"outcome":"accepted","writes":%d}' % 2**70, b"[" * 5000, b"{"))
def test_whatever_a_wallet_says_has_a_digest(line: bytes) -> None:
    class Says:
        def exchange(self, _: bytes, timeout: float) -> bytes:
            assert timeout
            return line

        def stderr(self) -> str:
            return ""

        def close(self, grace: float) -> None:
            assert grace >= 0

    wallet = Wallet(Selector(text="", kind="", open=Says))
    wallet.connect()
    silent = wallet.transcript
    with pytest.raises(AdapterFailure):
        wallet.state()
    assert wallet.transcript != silent


def test_a_number_of_any_size_has_a_digest() -> None:
    transcript = Transcript()
    transcript.answer(b"", {"writes": 2**70, "detail": "\U0001f600"})
    assert transcript.digest() != Transcript().digest()


def test_a_deterministic_wallet_says_the_same_after_a_reset() -> None:
    def begun(wallet: Wallet) -> str:
        wallet.clear_trace()
        wallet.reset()
        wallet.state()
        return wallet.transcript

    with Wallet(REFERENCE, seed=bytes(32)) as wallet:
        wallet.start()
        first = begun(wallet)
        wallet.open("responder")
        assert wallet.transcript != first
        assert begun(wallet) == first
