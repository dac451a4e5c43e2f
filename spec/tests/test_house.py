"""Rules of the house that no other tool checks: directions of imports, sizes of files, what text may say."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.spec import registry

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("spec", "reference", "conformance", "models")
MAY_IMPORT = {
    "spec": {"spec"},
    "reference": {"reference", "spec"},
    # models: for the command line only, see docs/adr/0011-proofs-on-the-command-line.md
    "conformance": {"conformance", "models", "reference", "spec"},
    "models": {"models", "spec"},
}
TEXT = {
    ".md",
    ".py",
    ".toml",
    ".ini",
    ".json",
    ".cddl",
    ".spthy",
    ".html",
    ".css",
    ".svg",
    ".txt",
    ".j2",
    ".sh",
}
BUILT = {"__pycache__", "_build", "_generated"}
LONGEST = 500

# Written in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile("/" + "work/|/" + "root/|/" + "opt/pypi|/" + r"home/\w")
UNFINISHED = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|XX" + "X|TB" + r"D)\b")
CITED = re.compile(r"\bEPP-[A-Z]{3}-\d{3}\b")


def texts() -> Iterator[Path]:
    """Every text file that is or will be committed."""
    yield from (path for path in ROOT.iterdir() if path.suffix in TEXT or path.name == ".gitignore")
    for folder in (*FOLDERS, "docs", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            wanted = path.suffix in TEXT or folder == ".ci"
            if wanted and path.is_file() and not BUILT & set(path.relative_to(ROOT).parts):
                if path.is_relative_to(ROOT / ".ci" / "venv"):
                    continue
                yield path


def found(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """(file:line, match) of `pattern` in all texts."""
    return [
        (f"{path.relative_to(ROOT)}:{number}", match[0])
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


def imported(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a Python file imports, at any depth of its code."""
    package = path.parent.parts[path.parent.parts.index("eiraku") :] if "eiraku" in path.parts else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    """spec <- reference and models <- conformance; tests follow the rule of their folder."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / folder).rglob("*.py")
        for name in imported(path)
        if (parts := name.split("."))[0] == "eiraku" and len(parts) > 1 and parts[1] not in MAY_IMPORT[folder]
    ]
    assert not wrong


def test_the_namespace_stays_open() -> None:
    """A single eiraku/__init__.py would hide the other three roots."""
    assert not [folder for folder in FOLDERS if (ROOT / folder / "src" / "eiraku" / "__init__.py").exists()]


def test_every_root_is_marked_as_typed() -> None:
    assert not [name for name in FOLDERS if not (ROOT / name / "src" / "eiraku" / name / "py.typed").exists()]


def test_no_python_file_has_two_subjects() -> None:
    """Beyond 500 lines there are two in it; usual are 100 to 300."""
    sizes = {path: len(path.read_bytes().splitlines()) for path in texts() if path.suffix == ".py"}
    assert not [f"{path.relative_to(ROOT)}: {size}" for path, size in sizes.items() if size > LONGEST]


def test_no_machine_paths() -> None:
    assert not found(MACHINE_PATH)


def test_nothing_is_marked_unfinished() -> None:
    assert not found(UNFINISHED)


def test_every_cited_requirement_exists() -> None:
    known = registry.by_id()
    assert not [(place, cited) for place, cited in found(CITED) if cited not in known]


RANGE = re.compile(r"EPP-([A-Z]{3})-(\d{3}) to (?:EPP-[A-Z]{3}-)?(\d{3})")


def test_what_is_tested_on_the_reference_is_named_by_a_test() -> None:
    """The suite cannot reach these; the reason that says so must be true."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "reference" / "tests").glob("*.py"))
    named = set(CITED.findall(text)) | {
        f"EPP-{area}-{number:03d}"
        for area, first, last in RANGE.findall(text)
        for number in range(int(first), int(last) + 1)
    }
    promised = [each.id for each in registry.load() if "tested on the reference" in (each.not_tested or "")]
    assert len(promised) > 80
    assert not sorted(set(promised) - named)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """What a newcomer copies from the README is what CI proves to work."""
    commands = re.findall(
        r"^(python3 -m venv .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert [command for command in commands if command in script and "tox" in command]


def test_docs_have_a_page_for_every_chapter() -> None:
    chapters = {path.name for path in (ROOT / "spec").glob("*.md")}
    pages = {path.name for path in (ROOT / "docs" / "spec").glob("*.md")}
    assert chapters == pages - {"index.md", "states.md"}
