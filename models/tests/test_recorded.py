"""What is recorded about the theories of this checkout is fresh and as claimed; no prover is asked."""

import pytest

from eiraku.models import evidence, library, plan, recording, theory

pytestmark = pytest.mark.slow

NAMES = theory.names()


def test_there_are_theories() -> None:
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_rests_on_fresh_evidence(name: str) -> None:
    made = plan.make(library.PACKAGE, theories=(name,))
    assert not made.unusable
    recorded = evidence.load(library.PACKAGE, name)
    results = {job: evidence.result(job, made.subjects[name], recorded) for job in made.jobs}
    missing = plan.unproved({job: result.as_claimed for job, result in results.items()}, made.subjects)
    assert not [
        f"{job.lemma} {job.flag or ''}: {result.standing}, {result.verdict} {result.detail} {missing[job]}"
        for job, result in results.items()
        if not result.as_claimed or missing[job]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_stored_proofs_are_of_lemmas_that_are_claimed(name: str) -> None:
    made = plan.make(library.PACKAGE, theories=(name,))
    claimed = {job.lemma for job in made.jobs if job.flag is None}
    assert set(recording.proofs(library.PACKAGE, name)) <= claimed
