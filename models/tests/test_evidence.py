"""Evidence is worth what it was recorded of, and no more; only verdicts are recorded."""

import runpy
import shutil
from pathlib import Path

import msgspec
import pytest

from eiraku.models import evidence, library, plan, proving, recording, solving, stored
from eiraku.models.evidence import EvidenceError
from eiraku.models.limits import Limits
from eiraku.models.proving import Mode, Request
from eiraku.models.results import Result, Run, Solved, Standing, Verdict
from eiraku.spec.errors import Misuse, Unavailable

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
FAKE = runpy.run_path(str(HERE / "fake_prover.py"))
LEMMA = "taken_was_made"


class Silent:
    """Nobody watches."""

    def begin(self, text: str, count: int) -> None: ...

    def done(self, result: Result | Solved) -> None: ...


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small theory, alone: without the proofs by the solver, and no complaints about chapters."""
    shutil.copytree(HERE / "tiny", tmp_path / "models")
    monkeypatch.setattr(solving, "lints", lambda _: [])
    monkeypatch.setattr(solving, "solve", lambda *_, **__: ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "models"


def prove(folder: Path, monkeypatch: pytest.MonkeyPatch, request: Request, **answers: object) -> Run:
    """With a prover that gives these answers, otherwise those of the real one."""
    told = FAKE["HONEST"] | {name.replace("__", " "): answer for name, answer in answers.items()}
    with monkeypatch.context() as context:
        context.setenv("PATH", str(FAKE["install"](folder.parent / "bin", told)))
        return proving.prove(request, folder, Silent())


def check(folder: Path) -> dict[str, Result]:
    """What the evidence says where there is no prover, by lemma and flag."""
    run = proving.prove(Request(), folder, Silent())
    assert run.prover is None
    return {f"{each.job.lemma} {each.job.flag or ''}".strip(): each for each in run.results}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def recorded(folder: Path) -> evidence.Evidence:
    found = evidence.load(folder, "tiny")
    assert found is not None
    return found


def test_recorded_evidence_is_enough_where_there_is_no_prover(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert prove(folder, monkeypatch, Request(record=True)).exit_code == 0
    run = proving.prove(Request(), folder, Silent())
    assert run.exit_code == 0
    assert {result.standing for result in run.results} == {Standing.RECORDED}
    assert all(result.date == run.date and result.good for result in run.results)
    assert run.notes == ("There is no tamarin-prover on PATH: recorded evidence is checked instead.",)


def test_without_a_prover_and_without_evidence_nothing_is_good(folder: Path) -> None:
    run = proving.prove(Request(), folder, Silent())
    assert run.exit_code == 1
    assert {(result.standing, result.good) for result in run.results} == {(Standing.MISSING, False)}


@pytest.mark.parametrize(
    ("edited", "why", "changed"),
    (
        (("j < i", "j < i | j = i"), "the lemma was changed", [LEMMA, f"{LEMMA} no_check"]),
        (("[reuse]", "[reuse, use_induction]"), "the lemma was changed", ["made_once"]),
        (("functions: h/1", "functions: h/1, g/1"), "the theory was changed", []),
    ),
)
def test_a_change_makes_it_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, edited: tuple[str, str], why: str, changed: list[str]
) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "theories" / "tiny.spthy", *edited)
    results = check(folder)
    assert {each.standing for each in results.values()} == {Standing.STALE}
    assert all(why in results[name].detail for name in changed or results)
    assert proving.prove(Request(), folder, Silent()).exit_code == 1


def test_comments_and_layout_do_not_make_it_stale(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "theories" / "tiny.spthy", "/* agreement */\n", "// Said otherwise.\n\n")
    assert {each.standing for each in check(folder).values()} == {Standing.RECORDED}


def test_another_verdict_than_claimed_is_not_good(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "evidence" / "tiny.json", '"falsified"', '"verified"')
    assert not check(folder)[f"{LEMMA} no_check"].good


def test_a_lemma_counts_only_with_what_it_assumes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = prove(folder, monkeypatch, Request(), made_once="unfinished")
    by_name = {(each.job.lemma, each.job.flag): each for each in run.results}
    assert by_name[LEMMA, None].as_claimed
    assert by_name[LEMMA, None].unproved == ("made_once",)
    assert not by_name[LEMMA, None].good
    # A trace that was found is one, whatever was assumed.
    assert by_name["possible", None].good
    assert by_name[LEMMA, "no_check"].good
    assert run.exit_code == 3


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    (
        ("falls", Verdict.FALSIFIED, 1),
        ("syntax", Verdict.SYNTAX, 1),
        ("warning", Verdict.NOT_WELL_FORMED, 1),
        ("die", Verdict.KILLED, 3),
        ("hang", Verdict.TIMEOUT, 3),
        ("out_of_memory", Verdict.OUT_OF_MEMORY, 3),
        ("without_maude", Verdict.NO_MAUDE, 3),
        ("unfinished", Verdict.INCOMPLETE, 3),
    ),
)
def test_exit_codes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, verdict: Verdict, code: int
) -> None:
    request = Request(lemmas=(LEMMA,), limits=Limits(timeout=5.0))
    run = prove(folder, monkeypatch, request, taken_was_made=answer)
    failing = [result for result in run.results if not result.good]
    assert [(each.job.lemma, each.verdict, each.job.flag) for each in failing] == [(LEMMA, verdict, None)]
    decided = verdict is Verdict.FALSIFIED
    assert failing[0].standing is (Standing.PROVED if decided else Standing.UNDECIDED)
    assert run.exit_code == code


def test_what_was_not_finished_is_not_recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True), taken_was_made="out_of_memory")
    results = check(folder)
    assert results[LEMMA].standing is Standing.MISSING
    assert results["made_once"].standing is Standing.RECORDED


def test_whoever_stops_a_recording_keeps_what_was_proved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Impatient(Silent):
        def done(self, result: Result | Solved) -> None:
            assert isinstance(result, Result)
            if seen:
                raise KeyboardInterrupt
            seen.append(result.job.lemma)

    monkeypatch.setenv("PATH", str(FAKE["install"](folder.parent / "bin", FAKE["HONEST"])))
    with pytest.raises(KeyboardInterrupt):
        proving.prove(Request(record=True, jobs=1), folder, Impatient())
    assert [each.lemma for each in recorded(folder).jobs] == seen


def test_recording_a_part_leaves_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    before = recorded(folder)
    edit(folder / "evidence" / "tiny.json", before.sessions[0].date, "2001-02-03")
    prove(folder, monkeypatch, Request(record=True, lemmas=("possible",)))
    after = recorded(folder)
    assert [(each.lemma, each.flag) for each in after.jobs] == [
        (each.lemma, each.flag) for each in before.jobs
    ]
    dates = {each.lemma: after.sessions[each.session].date for each in after.jobs}
    assert dates["made_once"] == "2001-02-03"
    assert dates["possible"] == before.sessions[0].date
    assert set(recording.proofs(folder, "tiny")) == {"possible", LEMMA}


def test_recording_drops_what_is_no_longer_claimed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    assert (folder / "attacks" / "tiny" / "no_check.json").is_file()
    manifest = folder / "theories" / "tiny.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text[: text.index("[[removed]]")], encoding="utf-8")
    prove(folder, monkeypatch, Request(record=True, lemmas=("possible",)))
    assert {each.flag for each in recorded(folder).jobs} == {None}
    assert not (folder / "attacks" / "tiny" / "no_check.json").exists()


def test_recording_after_a_change_keeps_nothing_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "theories" / "tiny.spthy", "functions: h/1", "functions: h/1, g/1")
    prove(folder, monkeypatch, Request(record=True, lemmas=("possible",)))
    assert {name for name, each in check(folder).items() if each.standing is Standing.RECORDED} == {
        "possible"
    }


def test_the_file_is_the_same_every_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    file = folder / "evidence" / "tiny.json"
    first = file.read_bytes()
    evidence.save(folder, recorded(folder))
    assert file.read_bytes() == first
    assert first.endswith(b"}\n")


@pytest.mark.parametrize(
    ("content", "says"),
    (
        (b"", "truncated"),
        (b"\xff\xfe", "tiny.json"),
        (b'{"theory": "tiny"}', "digest"),
        (b'{"theory": "other", "digest": ""}', "about the theory other"),
        (b'{"theory": "tiny", "digest": "", "more": 1}', "more"),
    ),
)
def test_evidence_that_cannot_be_read_is_a_complaint(folder: Path, content: bytes, says: str) -> None:
    (folder / "evidence").mkdir()
    (folder / "evidence" / "tiny.json").write_bytes(content)
    with pytest.raises(EvidenceError, match=says):
        evidence.load(folder, "tiny")
    run = proving.prove(Request(), folder, Silent())
    assert run.exit_code == 1
    assert says in run.complaints[0]


def test_evidence_that_does_not_say_from_where_is_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "evidence" / "tiny.json", '"maude": "3.4"', '"maude": ""')
    assert {each.standing for each in check(folder).values()} == {Standing.STALE}


def test_another_verdict_than_recorded_is_a_complaint_other_steps_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "evidence" / "tiny.json", '"steps": 4', '"steps": 40')
    run = prove(folder, monkeypatch, Request())
    assert run.exit_code == 0
    assert run.notes == ("tiny possible: 4 steps here, 40 in the recorded evidence",)
    edit(folder / "evidence" / "tiny.json", '"falsified"', '"verified"')
    run = prove(folder, monkeypatch, Request())
    assert run.exit_code == 1
    assert run.complaints == (
        f"tiny {LEMMA} under no_check: falsified here, verified in the recorded evidence",
    )


def test_a_lemma_without_verdict_here_does_not_contradict_the_evidence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(folder, monkeypatch, Request(record=True))
    run = prove(folder, monkeypatch, Request(), possible="out_of_memory")
    assert (run.complaints, run.exit_code) == ((), 3)


def test_another_version_proves_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    edit(folder / "evidence" / "tiny.json", '"prover": "1.10.0"', '"prover": "1.9.9"')
    run = prove(folder, monkeypatch, Request())
    assert run.exit_code == 0
    assert run.notes == (
        "The evidence about tiny is from version 1.9.9 with maude 3.4; here it is 1.10.0 with maude 3.4.",
    )


def test_a_prover_that_cannot_be_used_is_not_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = FAKE["install"](folder.parent / "bin", {}, version="version_without_maude")
    monkeypatch.setenv("PATH", str(bin_folder))
    with pytest.raises(Unavailable, match=r"maude.*--evidence"):
        proving.prove(Request(), folder, Silent())
    assert proving.prove(Request(mode=Mode.EVIDENCE), folder, Silent()).prover is None


@pytest.mark.parametrize("request_", (Request(record=True), Request(mode=Mode.RECHECK)))
def test_some_requests_need_a_prover(folder: Path, request_: Request) -> None:
    with pytest.raises(Unavailable, match="no tamarin-prover on PATH"):
        proving.prove(request_, folder, Silent())


def test_a_stored_proof_is_put_into_the_theory_of_today(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(folder, monkeypatch, Request(record=True))
    proofs = recording.proofs(folder, "tiny")
    assert proofs["possible"].splitlines()[0] == "simplify"
    text = (folder / "theories" / "tiny.spthy").read_text(encoding="utf-8")
    spliced = stored.insert(text, proofs)
    assert spliced == (folder / "proofs" / "tiny.spthy").read_text(encoding="utf-8")
    assert library.subject(folder, "tiny").theory().digest != ""
    without = "\n".join(
        line for line in spliced.splitlines() if line not in "\n".join(proofs.values()).splitlines()
    )
    assert without.split() == text.split()


def test_rechecking_asks_for_no_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    for call in FAKE["calls"](folder.parent / "bin"):
        assert any(argument.startswith("--prove=") for argument in call)
    (folder.parent / "bin" / "calls").unlink()
    answer = FAKE["said"](LEMMA)
    answer["stdout"] = answer["stdout"].replace("analysis incomplete (1 steps)", "verified (4 steps)")
    run = prove(folder, monkeypatch, Request(mode=Mode.RECHECK), **{"--load": answer})
    calls = FAKE["calls"](folder.parent / "bin")
    assert len(calls) == 1  # one for the theory
    assert not [argument for call in calls for argument in call if argument.startswith("--prove")]
    standing = {(each.job.lemma, each.job.flag): each.standing for each in run.results}
    assert standing == {
        ("made_once", None): Standing.RECORDED,  # the captured output of this one has no proof
        (LEMMA, None): Standing.RECHECKED,
        ("possible", None): Standing.RECHECKED,
        (LEMMA, "no_check"): Standing.RECORDED,
    }
    assert run.exit_code == 0


def test_proofs_that_are_too_large_are_left_out() -> None:
    assert stored.smallest({"a": "x" * 50, "b": "y" * 10, "c": "z" * 30}, 60) == {
        "b": "y" * 10,
        "c": "z" * 30,
    }


def test_a_lemma_brings_what_it_assumes(folder: Path) -> None:
    chosen = plan.make(folder, lemmas=(LEMMA,))
    assert [(job.lemma, job.flag) for job in chosen.jobs] == [
        ("made_once", None),
        (LEMMA, None),
        (LEMMA, "no_check"),
    ]
    assert [job.flag for job in plan.make(folder, flags=("no_check",)).jobs] == ["no_check"]


@pytest.mark.parametrize(
    ("asked", "says"),
    (
        ({"theories": ("big",)}, "no theory big; the theories are: tiny"),
        ({"lemmas": ("l",)}, "no lemma l; the lemmas are: made_once, possible, taken_was_made"),
        ({"flags": ("f",)}, "no removed check f; the removed checks are: no_check"),
        ({"flags": ("no_check",), "lemmas": ("possible",)}, "no lemma possible is claimed about no_check"),
    ),
)
def test_names_that_are_not_there(folder: Path, asked: dict[str, tuple[str, ...]], says: str) -> None:
    with pytest.raises(Misuse, match=says):
        plan.make(folder, **asked)


def test_a_theory_that_cannot_be_used_is_a_complaint(folder: Path) -> None:
    (folder / "theories" / "second.spthy").write_text("theory second\nbegin\nend\n", encoding="utf-8")
    run = proving.prove(Request(), folder, Silent())
    assert any("second" in complaint and "manifest" in complaint for complaint in run.complaints)


def test_evidence_has_no_machine_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(folder, monkeypatch, Request(record=True))
    assert str(folder.parent) not in msgspec.json.encode(recorded(folder)).decode()
