"""One call of the prover: a fake one that does what provers do on bad days, and the real one where it is."""

import os
import runpy
import shutil
import time
from pathlib import Path

import pytest

from eiraku.models import evidence, library, prover, stored, theory
from eiraku.models.limits import Limits
from eiraku.models.prover import AbsentError, Outcome, ProverError, Task
from eiraku.models.results import Standing, Verdict

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
FAKE = runpy.run_path(str(HERE / "fake_prover.py"))
TEXT = (HERE / "tiny" / "theories" / "tiny.spthy").read_text(encoding="utf-8")


def task(lemma: str = "made_once", *, flag: str | None = None, timeout: float = 60.0) -> Task:
    limits = Limits(timeout=timeout)
    return Task(theory="tiny", text=TEXT, lemmas=(lemma,), flag=flag, limits=limits, keep=True)


def ask(task: Task) -> Outcome:
    """The outcome for its one lemma."""
    (outcome,) = prover.run(task).values()
    return outcome


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: object, *, timeout: float = 60.0) -> Outcome:
    monkeypatch.setenv("PATH", str(FAKE["install"](folder, {"made_once": answer})))
    return ask(task(timeout=timeout))


def recheck(proof: str) -> Verdict:
    text = stored.insert(TEXT, {"taken_was_made": proof})
    return ask(Task(theory="tiny", text=text, lemmas=("taken_was_made",), search=False)).reading.verdict


def alive(pid: int) -> bool:
    """A zombie that nobody has reaped yet does not live."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_prover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AbsentError, match="no tamarin-prover on PATH"):
        prover.identify()
    assert ask(task()).reading.verdict is Verdict.NO_PROVER


def test_what_it_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"taken_was_made no_check": "falls"}
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", answers)))
    outcome = ask(task("taken_was_made", flag="no_check"))
    assert outcome.reading.verdict is Verdict.FALSIFIED
    assert b"jgNodes" in outcome.trace
    assert "SOLVED" in outcome.proof
    (call,) = FAKE["calls"](tmp_path / "bin")
    assert {"--derivcheck-timeout=0", "--quit-on-warning", "--prove=taken_was_made", "-Dno_check"} <= set(
        call
    )
    assert call[-4:] == ["+RTS", "-N1", "-M5120m", "-RTS"]


def test_a_prover_without_maude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", {}, version="version_without_maude")))
    with pytest.raises(ProverError, match="maude"):
        prover.identify()
    assert ask(task()).reading.verdict is Verdict.NO_MAUDE


@pytest.mark.parametrize(
    ("version", "usable"), (("1.8.0", False), ("1.10.0", True), ("1.12.1", True), ("2.0", True))
)
def test_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, usable: bool) -> None:
    said = FAKE["said"]("version")
    said["stdout"] = said["stdout"].replace("Tamarin version 1.10.0", f"Tamarin version {version}")
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", {}, version=said)))
    if usable:
        assert prover.identify().prover == version
        return
    with pytest.raises(ProverError, match="too old"):
        prover.identify()
    assert ask(task()).reading.verdict is Verdict.NO_PROVER


@pytest.mark.parametrize(
    "said", ({"stdout": "hello", "stderr": "", "code": 0}, {"stdout": "", "stderr": "", "code": 1})
)
def test_another_program_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, str | int]
) -> None:
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", {}, version=said)))
    with pytest.raises(ProverError, match="does not say which version"):
        prover.identify()


def test_a_program_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tamarin-prover").write_bytes(b"\x7fELF not really")
    (tmp_path / "tamarin-prover").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProverError, match="does not answer"):
        prover.identify()


def test_a_prover_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path / "bin", monkeypatch, "die").reading.verdict is Verdict.KILLED


def test_a_prover_that_does_not_end_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run(tmp_path / "bin", monkeypatch, "hang", timeout=3.0)
    assert outcome.reading.verdict is Verdict.TIMEOUT
    assert 3.0 <= outcome.seconds < 30.0
    assert outcome.memory_mib > 0
    processes = [int(pid) for pid in (tmp_path / "bin" / "processes").read_text().split()]
    assert len(processes) == 2
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in processes if alive(pid)]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    (
        ("made_once", Verdict.VERIFIED),
        ("out_of_memory", Verdict.OUT_OF_MEMORY),
        ("syntax", Verdict.SYNTAX),
        ("warning", Verdict.NOT_WELL_FORMED),
        ({"stdout": "It is true.", "stderr": "", "code": 0}, Verdict.UNREADABLE),
    ),
)
def test_what_it_says_is_what_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object, verdict: Verdict
) -> None:
    outcome = run(tmp_path / "bin", monkeypatch, answer)
    assert outcome.reading.verdict is verdict
    assert outcome.version is not None
    assert outcome.seconds > 0


def test_a_stored_proof_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = FAKE["said"]("made_once") | {"proof": "simplify\nsorry /* invalid proof step encountered */\n"}
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", {"--load": said})))
    outcome = ask(Task(theory="tiny", text=TEXT, lemmas=("made_once",), search=False))
    assert outcome.reading.verdict is Verdict.INVALIDATED


def test_stored_proofs_are_checked_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each lemma gets its own verdict: one bad step spoils nothing but its own proof."""
    proofs = {"made_once": "by contradiction", "taken_was_made": "sorry /* invalid proof step encountered */"}
    said = FAKE["said"]("made_once") | {"proof": stored.insert(TEXT, proofs)}
    monkeypatch.setenv("PATH", str(FAKE["install"](tmp_path / "bin", {"--load": said})))
    lemmas = ("made_once", "taken_was_made")
    outcomes = prover.run(Task(theory="tiny", text=TEXT, lemmas=lemmas, search=False))
    assert {lemma: outcome.reading.verdict for lemma, outcome in outcomes.items()} == {
        "made_once": Verdict.VERIFIED,
        "taken_was_made": Verdict.INVALIDATED,
    }
    assert len(FAKE["calls"](tmp_path / "bin")) == 1


def test_the_real_prover_or_the_evidence_of_it() -> None:
    """One small theory for real where the prover is; elsewhere the recorded evidence is read."""
    if shutil.which(prover.PROGRAM, path=os.environ["PATH"]) is None:
        for name in theory.names():
            subject = library.subject(library.PACKAGE, name)
            recorded = evidence.load(library.PACKAGE, name)
            results = [evidence.result(job, subject, recorded) for job in subject.jobs]
            assert {result.standing for result in results} == {Standing.RECORDED}
        return
    proved = ask(task("taken_was_made"))
    assert (proved.reading.verdict, proved.reading.steps) == (Verdict.VERIFIED, 3)
    assert proved.memory_mib > 5
    proof = stored.proofs(proved.proof)["taken_was_made"]
    assert recheck(proof) is Verdict.VERIFIED
    assert (
        recheck(proof.replace("solve( !Sent( x ) ▶₁ #i )", "solve( Made( x ) @ #i )")) is Verdict.INVALIDATED
    )
    fallen = ask(task("taken_was_made", flag="no_check"))
    assert fallen.reading.verdict is Verdict.FALSIFIED
    assert b"jgNodes" in fallen.trace
