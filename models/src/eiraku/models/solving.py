"""The proofs by the SMT solver with their broken twins, and the lints: always run, they need no prover."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from pathlib import Path
from time import monotonic

from eiraku.models.results import Solved, Watcher

Question = tuple[int, int | None]
"""Number of a proof, and of its twin; None is the proof itself."""
Answer = tuple[bool, tuple[str, ...], int, float]
"""Whether it holds, the counterexample or why the solver cannot tell, queries, seconds."""


def solve(watcher: Watcher, *, jobs: int) -> tuple[Solved, ...]:
    """Run every proof and every twin, `jobs` at once, each in a process: the solver knows no threads."""
    from eiraku.models.smt.catalogue import PROOFS  # noqa: PLC0415 - loading the solver takes a while

    questions: list[Question] = []
    for number, proof in enumerate(PROOFS):
        questions += [(number, None), *((number, twin) for twin in range(len(proof.twins)))]
    watcher.begin("proofs by the SMT solver", len(PROOFS))
    answers: dict[Question, Answer] = {}
    found: dict[int, Solved] = {}
    for question, answer in _answers(questions, jobs):
        answers[question] = answer
        number = question[0]
        if all(each in answers for each in questions if each[0] == number):
            found[number] = _solved(number, answers)
            watcher.done(found[number])
    return tuple(found[number] for number in range(len(PROOFS)))


def lints(folder: Path) -> list[str]:
    """What the lints complain about, of the theories in `folder`/theories."""
    from eiraku.models.lints import lints as complaints  # noqa: PLC0415 - loads the solver too

    return complaints(within=folder / "theories")


def ask(question: Question) -> Answer:
    """Run one proof or twin. A solver that cannot tell has neither proved nor refuted."""
    from eiraku.models.smt.catalogue import PROOFS  # noqa: PLC0415 - see above
    from eiraku.models.smt.proof import SolverUnknownError  # noqa: PLC0415 - see above

    start = monotonic()
    number, twin = question
    asked = PROOFS[number] if twin is None else PROOFS[number].twins[twin]
    try:
        result = asked.prove()
    except SolverUnknownError as error:
        # A proof that is not known to hold does not; a twin that is not known to fail counts as holding.
        return twin is not None, (f"the solver cannot tell: {error}",), 0, monotonic() - start
    return result.holds, result.counterexample, result.checks, monotonic() - start


def _answers(questions: list[Question], jobs: int) -> Iterator[tuple[Question, Answer]]:
    if jobs == 1:
        yield from ((question, ask(question)) for question in questions)
        return
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as executor:
        futures = {executor.submit(ask, question): question for question in questions}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            # A query may take a minute: nobody who interrupts waits for it.
            for child in active_children():
                child.terminate()
            raise


def _solved(number: int, answers: dict[Question, Answer]) -> Solved:
    from eiraku.models.smt.catalogue import PROOFS  # noqa: PLC0415 - see above

    proof = PROOFS[number]
    holds, counterexample, _, _ = answers[number, None]
    mine = [answer for question, answer in answers.items() if question[0] == number]
    twins = [(twin.name, answers[number, at]) for at, twin in enumerate(proof.twins)]
    return Solved(
        name=proof.name,
        says=proof.says,
        requirements=proof.requirements,
        method=proof.method,
        holds=holds,
        queries=sum(queries for _, _, queries, _ in mine),
        seconds=round(sum(seconds for _, _, _, seconds in mine), 2),
        twins=tuple((name, not answer[0], answer[1]) for name, answer in twins),
        counterexample=counterexample,
    )
