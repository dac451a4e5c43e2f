"""Files made from others: `eiraku maintain` sees a difference, names the remedy, and applies it."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from eiraku.cli.maintain import kept
from eiraku.cli.maintain.main import main
from eiraku.conformance.vectors import files as negative
from eiraku.models.smt import witnesses
from eiraku.models.smt.boundary import Boundary
from eiraku.spec import diagrams

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "registry": "spec/src/eiraku/spec/registry.json",
    "claims": "spec/07-transfer.md",
    "pins": "models/src/eiraku/models/theories/session.toml",
    "tables": "spec/07-transfer.md",
    "vectors": "spec/src/eiraku/spec/vectors/keys.json",
    "witnesses": "spec/src/eiraku/spec/vectors/boundaries.json",
    "schema": "conformance/src/eiraku/report/certify/report.schema.json",
}
"""Of each command whose files are compared byte by byte one file."""


class Said(NamedTuple):
    """What a command did, as `eiraku` shows it."""

    exit_code: int
    output: str


def run(*words: str) -> Said:
    done = CliRunner().invoke(main, words, standalone_mode=False)
    if isinstance(done.exception, click.ClickException):
        return Said(2, done.output + done.exception.format_message())
    assert done.exception is None
    return Said(done.return_value, done.output)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the commands read and write."""
    packages = "conformance/src/eiraku"
    schemas = (f"{packages}/report/certify", f"{packages}/conformance/adapter")
    for folder in ("spec", "models/src/eiraku/models/theories", "docs/attacks", *schemas):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def unplayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No negative vectors, which take minutes; that they are right is a test of their own."""
    kept_apart = {name: make for name, make in negative.FILES.items() if name == "negative-objects.json"}
    monkeypatch.setattr(negative, "FILES", kept_apart)


@pytest.fixture
def solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """One boundary case instead of a minute's work; that the real file is right is a test of the models."""
    case = Boundary(name="one", says="It is so.", requirements=(), given={}, expected="accepted")
    monkeypatch.setattr(witnesses, "boundaries", lambda: (case,))


@pytest.mark.parametrize("command", FILES)
@pytest.mark.usefixtures("solver", "unplayed")
def test_a_difference_is_seen_and_written(checkout: Path, command: str) -> None:
    run(command, "--write")
    assert run(command, "--check").exit_code == 0
    file = checkout / FILES[command]
    before = file.read_bytes()
    spoilt = {
        "claims": before.replace(b"*Proved:* ", b"*Proved:* session/nothing, ", 1),
        "pins": before.replace(b'formula = "', b'formula = "00', 1),
        "tables": before.replace(b"| yes |", b"| |", 1),
    }.get(command, before.replace(b"1", b"2"))
    assert spoilt != before
    file.write_bytes(spoilt)
    said = run(command, "--check")
    assert said.exit_code == 1
    assert f"{FILES[command]}: is not up to date" in said.output
    assert f"run eiraku maintain {command} --write" in said.output
    assert file.read_bytes() == spoilt
    assert f"{FILES[command]}: written" in run(command, "--write").output
    assert file.read_bytes() == before


def test_a_chapter_that_cannot_be_read_is_a_difference(checkout: Path) -> None:
    chapter = checkout / "spec" / "07-transfer.md"
    text = chapter.read_text().replace("#### EPP-TRF-001 MUST", "#### EPP-TRF-001 PERHAPS", 1)
    chapter.write_text(text)
    said = run("registry", "--check")
    assert said.exit_code == 1
    assert "07-transfer" in said.output


@pytest.mark.parametrize(
    ("command", "file"),
    (("diagrams", "spec/diagrams/transfer.svg"), ("graphs", "docs/attacks/session-no_context.svg")),
)
def test_pictures_are_known_by_the_digest_of_their_graph(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, command: str, file: str
) -> None:
    """Another release of Graphviz draws another picture of the same graph."""
    monkeypatch.setattr(diagrams, "draw", lambda graph: f"<svg><!-- {diagrams.digest(graph)} --></svg>")
    assert run(command, "--check").exit_code == 0
    picture = checkout / file
    surplus = picture.with_name("of-old.svg")
    surplus.write_text("<svg/>")
    picture.write_text(picture.read_text().replace("sha256:", "sha256:0"))
    said = run(command, "--check")
    assert said.exit_code == 1
    assert f"{file}: is not up to date" in said.output
    assert "of-old.svg: is made by nothing any more" in said.output
    assert run(command, "--write").exit_code == 0
    assert picture.read_text().startswith("<svg><!--")
    assert not surplus.exists()


def test_without_graphviz_the_command_says_so(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "spec" / "diagrams" / "transfer.svg").unlink()
    monkeypatch.setenv("PATH", str(checkout))
    said = run("diagrams", "--write")
    assert said.exit_code == 2
    assert "Graphviz is not installed" in said.output


def test_what_dot_says_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> str:
        raise subprocess.CalledProcessError(1, ["dot"], stderr="syntax error")

    (checkout / "spec" / "diagrams" / "transfer.svg").unlink()
    monkeypatch.setattr(diagrams, "draw", fail)
    assert "dot says: syntax error" in run("diagrams", "--write").output


@pytest.mark.parametrize("words", (["registry"], ["registry", "--now"], ["nothing", "--check"]))
def test_misuse(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_outside_a_checkout_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    said = run("registry", "--write")
    assert said.exit_code == 2
    assert "run this in a checkout" in said.output
