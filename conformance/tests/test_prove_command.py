"""`eiraku prove` as its users meet it, about a small theory and with a prover that repeats the real one."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from eiraku.cli import main
from eiraku.models import library, solving

MODELS = Path(__file__).resolve().parents[2] / "models" / "tests"
FAKE = runpy.run_path(str(MODELS / "fake_prover.py"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(MODELS / "tiny", tmp_path / "models")
    monkeypatch.setattr(library, "PACKAGE", tmp_path / "models")
    monkeypatch.setattr(solving, "lints", lambda _: [])
    monkeypatch.setattr(solving, "solve", lambda *_, **__: ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "models"


def eiraku(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["eiraku", "prove", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return ended.value.code


def with_prover(folder: Path, monkeypatch: pytest.MonkeyPatch, **answers: str) -> None:
    monkeypatch.setenv("PATH", str(FAKE["install"](folder.parent / "bin", FAKE["HONEST"] | answers)))


def test_everything_proved_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch) == 0
    said = capsys.readouterr()
    assert "tiny: Tiny" in said.out
    assert "What is taken was made" in said.out
    assert "All as claimed: 4 of 4 lemmas as claimed (4 proved here)" in said.out
    assert said.err.count("falsified") == 1


def test_the_evidence_path_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch, "--record") == 0
    monkeypatch.setenv("PATH", str(folder))
    capsys.readouterr()
    assert eiraku(monkeypatch) == 0
    said = capsys.readouterr().out
    assert "There is no tamarin-prover on PATH: recorded evidence is checked instead." in said
    assert said.count("recorded evidence of 20") == 4
    assert "proved here" not in said


def test_a_false_lemma_is_exit_code_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_prover(folder, monkeypatch, taken_was_made="falls")
    assert eiraku(monkeypatch) == 1
    assert "tiny taken_was_made: expected verified, found falsified; proved here" in capsys.readouterr().out


def test_an_attack_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch, "--check-removed", "no_check") == 0
    said = capsys.readouterr().out
    assert "The adversary sends what nobody made." in said
    assert "1 of 1 lemmas as claimed" in said


def test_json(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch, "--json", "--theory", "tiny") == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["format"], document["exit_code"], document["prover"]) == (1, 0, "1.10.0")
    assert [(each["job"]["lemma"], each["good"]) for each in document["results"]] == [
        ("made_once", True),
        ("taken_was_made", True),
        ("possible", True),
        ("taken_was_made", True),
    ]
    assert said.err == ""


def test_reports(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch, "--report", str(tmp_path / "report")) == 0
    assert json.loads((tmp_path / "report" / "prove.json").read_text())["exit_code"] == 0
    assert "taken_was_made" in (tmp_path / "report" / "prove.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    (
        (("--theory", "big"), "the theories are: tiny"),
        (("--lemma", "other"), "the lemmas are: made_once, possible, taken_was_made"),
        (("--check-removed", "other"), "the removed checks are: no_check"),
        (("--evidence", "--record"), "--evidence asks no prover"),
        (("--recheck", "--record"), "does not go with --recheck"),
        (("--scheduler", "tcp://127.0.0.1:1", "--jobs", "2"), "the workers decide"),
    ),
)
def test_misuse(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    with_prover(folder, monkeypatch)
    assert eiraku(monkeypatch, *arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", (("--record",), ("--recheck",)))
def test_a_missing_prover_that_is_needed_is_exit_code_3(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    assert folder.is_dir()
    assert eiraku(monkeypatch, *arguments) == 3
    assert "there is no tamarin-prover on PATH" in capsys.readouterr().err


def test_a_prover_without_maude_is_exit_code_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FAKE["install"](folder.parent / "bin", {}, version="version_without_maude")
    monkeypatch.setenv("PATH", str(fake))
    assert eiraku(monkeypatch) == 3
    assert "does not find its program maude" in capsys.readouterr().err


def test_an_installed_package_records_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_prover(folder, monkeypatch)
    installed = folder.parent / "site-packages" / "models"
    shutil.copytree(folder, installed)
    monkeypatch.setattr(library, "PACKAGE", installed)
    assert eiraku(monkeypatch, "--record") == 2
    assert "--record needs a checkout" in capsys.readouterr().err
    assert not (installed / "evidence").exists()
