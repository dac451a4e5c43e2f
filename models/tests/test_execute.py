"""Many calls at once: in threads, in other processes, and when somebody interrupts."""

import builtins
import runpy
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from eiraku.models import execute, limits
from eiraku.models.execute import Call
from eiraku.models.limits import Limits
from eiraku.models.manifest import Job
from eiraku.models.prover import Outcome, Task
from eiraku.models.results import Verdict
from eiraku.spec.errors import Unavailable

HERE = Path(__file__).parent
FAKE = runpy.run_path(str(HERE / "fake_prover.py"))
TEXT = (HERE / "tiny" / "theories" / "tiny.spthy").read_text(encoding="utf-8")


def calls(*lemmas: str) -> list[Call]:
    return [
        (
            Task(theory="tiny", text=TEXT, lemmas=(lemma,), limits=Limits(timeout=60.0), keep=True),
            (Job(theory="tiny", lemma=lemma, flag=None, expected="verified"),),
        )
        for lemma in lemmas
    ]


def verdicts(outcomes: Mapping[Job, Outcome]) -> dict[str, Verdict]:
    return {job.lemma: outcome.reading.verdict for job, outcome in outcomes.items()}


def test_each_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", FAKE["HONEST"] | {"made_once": "die"})))
    told: list[str] = []
    with execute.local(2) as executor:
        outcomes = execute.everything(
            calls("made_once", "possible", "taken_was_made"), executor, lambda job, _: told.append(job.lemma)
        )
    assert sorted(told) == ["made_once", "possible", "taken_was_made"]
    assert verdicts(outcomes) == {
        "made_once": Verdict.KILLED,
        "possible": Verdict.VERIFIED,
        "taken_was_made": Verdict.VERIFIED,
    }


def test_a_call_can_be_sent_to_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cluster does: task and outcome are pickled, and the other side finds its own prover."""
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", FAKE["HONEST"])))
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as executor:
        outcomes = execute.everything(calls("possible"), executor, lambda *_: None)
    assert verdicts(outcomes) == {"possible": Verdict.VERIFIED}
    (outcome,) = outcomes.values()
    assert outcome.version is not None
    assert "SOLVED" in outcome.proof


def test_a_cluster_proves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real scheduler with one worker in a process of its own."""
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", FAKE["HONEST"] | {"made_once": "die"})))
    told: list[str] = []
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None) as workers,
        execute.cluster(workers.scheduler_address) as executor,
    ):
        outcomes = execute.everything(
            calls("made_once", "possible"), executor, lambda job, _: told.append(job.lemma)
        )
    assert sorted(told) == ["made_once", "possible"]
    assert verdicts(outcomes) == {"made_once": Verdict.KILLED, "possible": Verdict.VERIFIED}


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "CONNECT", 1)
    with pytest.raises(Unavailable, match="no scheduler answers"), execute.cluster("tcp://127.0.0.1:1"):
        pass


class Dead(Executor):
    """A worker that does not come back."""

    def submit(self, fn: object, /, *_: object, **__: object) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor(f"{fn} was lost"))
        return future


def test_a_worker_that_dies_has_proved_nothing() -> None:
    outcomes = execute.everything(calls("possible"), Dead(), lambda *_: None)
    assert verdicts(outcomes) == {"possible": Verdict.KILLED}


def test_an_interruption_leaves_no_prover_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PATH", str(FAKE["install"](tmp_path / "bin", {"made_once": "die", "possible": "hang"}))
    )

    def interrupt(*_: object) -> None:
        deadline = time.monotonic() + 30
        while not (tmp_path / "bin" / "processes").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        raise KeyboardInterrupt

    start = time.monotonic()
    with execute.local(2) as executor, pytest.raises(KeyboardInterrupt):
        execute.everything(calls("possible", "made_once"), executor, interrupt)
    assert time.monotonic() - start < 50
    left = [Path("/proc") / pid / "stat" for pid in (tmp_path / "bin" / "processes").read_text().split()]
    assert not [stat for stat in left if stat.exists() and " Z " not in stat.read_text()]


def test_without_the_extra_a_cluster_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def without(
        name: str,
        names: Mapping[str, object] | None = None,
        here: Mapping[str, object] | None = None,
        wanted: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "distributed":
            raise ImportError(name)
        return known(name, names, here, wanted, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unavailable, match="eiraku\\[cluster\\]"), execute.cluster("tcp://127.0.0.1:1"):
        pass


def test_jobs_fit_into_cores_and_memory() -> None:
    assert limits.parallel(Limits(memory=1)) == limits.cores()
    assert limits.parallel(Limits(memory=10**9)) == 1
    assert limits.machine().memory_gib >= 1
