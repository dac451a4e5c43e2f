"""The page of a run: everything is in it, nothing is loaded, and no text of a manifest becomes markup."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from eiraku.models import library, trace
from eiraku.models.results import Machine, Result, Run, Solved, Standing, Verdict
from eiraku.report.prove import page

DATA = Path(__file__).resolve().parents[2] / "models" / "tests" / "data"
EVIL = "<script>alert(1)</script>"
MANIFEST = f"""
title = "Pay {EVIL}"
[[lemma]]
name = "payment_is_possible"
says = "A purse can pay another one."
verdict = "verified"
quantifier = "exists-trace"
requirements = ["EPP-TRF-011"]
[[lemma]]
name = "unit_was_issued"
says = "What a purse credits was issued. {EVIL}"
verdict = "verified"
quantifier = "all-traces"
requirements = ["EPP-UNI-002", "EPP-UNI-003"]
[[removed]]
name = "no_unit_signature"
check = "The signature on a unit is verified. {EVIL}"
requirements = ["EPP-UNI-002"]
falls = ["unit_was_issued"]
attack = "The adversary makes a unit. {EVIL}"
[[removed]]
name = "no_receipt"
check = "The payee sends a receipt."
requirements = ["EPP-CRS-010"]
stays = "It lets the payer settle."
"""
FLAWED = """
title = "The annex of 2007"
[[lemma]]
name = "key_is_secret"
says = "A key stays secret."
verdict = "falsified"
quantifier = "all-traces"
requirements = []
weakness = "W-1"
attack = "The payee forwards it."
"""
VOID = {"meta", "link", "br", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes and ids, and sees that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.attributes if each == name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    theories = tmp_path / "theories"
    theories.mkdir()
    pay = (
        (DATA / "pay.spthy")
        .read_text()
        .replace("restriction once", "#ifdef no_receipt\n#endif\nrestriction once")
    )
    (theories / "pay.spthy").write_text(pay)
    (theories / "pay.toml").write_text(MANIFEST)
    (theories / "annex_2007.spthy").write_text(
        (DATA / "leak.spthy").read_text().replace("theory leak", "theory annex_2007")
    )
    (theories / "annex_2007.toml").write_text(FLAWED)
    for name, lemma, flag, graph in (
        ("pay", "no_unit_signature", "no_unit_signature", "forged-unit"),
        ("annex_2007", "key_is_secret", None, "leaked-key"),
    ):
        raw = (DATA / f"{graph}.json").read_bytes().replace(b"trace_leak_", b"trace_annex_2007_")
        read = trace.read(raw, library.subject(tmp_path, name).theory(flag))
        trace.save(read, name=lemma, folder=tmp_path / "attacks")
    return tmp_path


def run_of(folder: Path, *, verdict: Verdict | None = None, standing: Standing = Standing.PROVED) -> Run:
    results = tuple(
        Result(
            job=job,
            standing=standing,
            verdict=verdict or Verdict(job.expected),
            steps=12,
            seconds=3.5,
            memory_mib=200,
            date="2026-11-22",
            detail=EVIL if verdict else "",
        )
        for _, subject in library.subjects(folder)
        if not isinstance(subject, str)
        for job in subject.jobs
    )
    solved = Solved(
        name="tables",
        says="Every state has an answer.",
        requirements=("EPP-TRF-001",),
        method="enumeration",
        holds=True,
        queries=3,
        seconds=0.1,
        twins=(("gap", True, (f"state {EVIL}",)),),
    )
    return Run(
        date="2026-11-22",
        seconds=70,
        prover="1.10.0",
        maude="3.4",
        machine=Machine(cores=2, memory_gib=8, system=f"Linux {EVIL}"),
        results=results,
        solved=(solved,),
        complaints=(EVIL,) if verdict else (),
        notes=(f"A note. {EVIL}",),
    )


def read(run: Run, folder: Path) -> tuple[str, Reader]:
    text = page.html(run, folder=folder).decode()
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    return text, reader


def test_nothing_is_loaded_and_nothing_runs(folder: Path) -> None:
    text, reader = read(run_of(folder), folder)
    assert "default-src 'none'" in text
    assert "script" not in reader.tags
    assert "@import" not in text
    assert "url(" not in text
    assert not reader.all("src")
    assert all(link.startswith(("#", "data:,")) for link in reader.all("href"))
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_links_within_the_page_lead_somewhere(folder: Path) -> None:
    _, reader = read(run_of(folder), folder)
    ids = reader.all("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in reader.all("href") if link.startswith("#")} <= set(ids)


def test_texts_of_manifests_are_escaped(folder: Path) -> None:
    text, _ = read(run_of(folder), folder)
    assert EVIL not in text
    assert text.count("&lt;script&gt;") >= 6


def test_everything_is_shown(folder: Path) -> None:
    text, reader = read(run_of(folder), folder)
    for words in (
        "All as claimed",
        "Tamarin 1.10.0",
        "Maude 3.4",
        "EPP-UNI-003",
        "W-1",
        "It lets the payer settle.",
    ):
        assert words in text
    assert reader.all("class").count("sequence") == 2
    assert text.count("violates unit_was_issued") == 1
    assert "composed by the adversary" in text


def test_what_is_wrong_is_shown_first(folder: Path) -> None:
    text, _ = read(run_of(folder, verdict=Verdict.FALSIFIED), folder)
    assert text.index("Not as claimed") < text.index("<nav")
    assert text.index("expected verified, found falsified") < text.index("<nav")
    text, _ = read(run_of(folder, verdict=Verdict.TIMEOUT, standing=Standing.MISSING), folder)
    assert "timeout" in text


def test_page_without_traces_and_results_can_be_read(folder: Path) -> None:
    for file in (folder / "attacks").rglob("*.json"):
        file.unlink()
    text, reader = read(run_of(folder), folder)
    assert "no trace recorded" in text
    assert "svg" in reader.tags  # the sign of the verdict
    assert "sequence" not in reader.all("class")
    empty = run_of(folder)
    read(
        Run(**{**{f: getattr(empty, f) for f in empty.__struct_fields__}, "results": (), "solved": ()}),
        folder,
    )


def test_stale_evidence_is_not_green(folder: Path) -> None:
    text, _ = read(run_of(folder, standing=Standing.STALE), folder)
    assert "Not as claimed" in text
    assert 'class="pill pass">verified' not in text
