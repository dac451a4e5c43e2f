"""From an exception to an outcome. The order of the rules is the order of `SEVERITY`."""

from collections.abc import Iterator, Sequence

import pytest

from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.results import SEVERITY, Outcome


class NotAttempted(Exception):
    """The check was not tried, because the wallet has failed to start several times in a row."""


class NoRoom(Exception):
    """The check needs a greater table, or a longer record, than the wallet declares."""


def classify(error: BaseException) -> tuple[Outcome, str]:
    """The outcome of a check that ended with ``error``, and why in one line. FAIL may yet become WARN."""
    if isinstance(error, pytest.skip.Exception):
        return Outcome.NOT_RUN, f"skipped by the suite: {error}"
    found = list(_leaves(error))
    failure = worst_failure([each for each in found if isinstance(each, AdapterFailure)])
    if failure is not None:
        return failure
    for each in found:
        if isinstance(each, NotAttempted):
            return Outcome.NOT_RUN, str(each)
        if isinstance(each, NoRoom):
            return Outcome.NOT_APPLICABLE, str(each)
    for each in found:
        if not isinstance(each, AssertionError | pytest.fail.Exception):
            return Outcome.HARNESS_ERROR, f"{type(each).__name__}: {_first_line(each)}"
    return Outcome.FAIL, _first_line(found[0])


def worst_failure(failures: Sequence[AdapterFailure]) -> tuple[Outcome, str] | None:
    """The most severe of ``failures``, or None if there are none."""
    if not failures:
        return None
    failure = min(failures, key=lambda each: SEVERITY.index(each.outcome))
    return failure.outcome, _first_line(failure)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    # Hypothesis and task groups raise several errors as one.
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
