"""Rules of the house that no other tool checks: directions of imports, sizes of files, what text may say."""

import ast
import re
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from eiraku.spec import registry

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("spec", "reference", "conformance", "models")
ROOMS = {
    # room: (the root that holds it, the other rooms that it may import)
    "spec": ("spec", set()),
    "reference": ("reference", {"spec"}),
    "system": ("reference", {"reference", "spec"}),
    "testing": ("reference", {"reference", "spec", "system"}),
    "models": ("models", {"spec"}),
    # testing: the wallet that the suite is tried with can lose its power, and mutants are patches
    "conformance": ("conformance", {"reference", "spec", "testing"}),
    "report": ("conformance", {"conformance", "models", "spec"}),
    "cli": ("conformance", {"conformance", "models", "reference", "report", "spec", "system"}),
}
ROOM_OF_STUDIES = "eiraku.cli.study"
"""Measures and studies make their own worlds: the only product code that may import `eiraku.testing`."""
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
LONGEST = 400

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


def modules() -> dict[str, Path]:
    """Every module of the namespace `eiraku`, by its dotted name."""
    return {
        ".".join(part for part in path.relative_to(source).with_suffix("").parts if part != "__init__"): path
        for source in (ROOT / folder / "src" for folder in FOLDERS)
        for path in source.rglob("*.py")
    }


def imported(path: Path, known: Collection[str]) -> set[str]:
    """Modules of the namespace that a Python file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports by relative name"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name in known}


def graph() -> dict[str, set[str]]:
    """What each module imports."""
    known = modules()
    return {name: imported(path, known) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """The package of the namespace that a module belongs to."""
    return module.split(".")[1]


def test_every_room_is_known_and_stands_in_its_root() -> None:
    found = {(room(name), path.relative_to(ROOT).parts[0]) for name, path in modules().items()}
    assert found == {(name, root) for name, (root, _) in ROOMS.items()}


def test_imports_go_one_way() -> None:
    """In order: spec, reference, system, cli; reference, conformance, report, cli; spec, models, report."""
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if room(other) not in {room(name), *ROOMS[room(name)][1]}
        and not (room(other) == "testing" and name.startswith(ROOM_OF_STUDIES))
    ]
    assert not sorted(wrong)


def test_the_suite_needs_nothing_of_the_money_system() -> None:
    """Not by way of the worlds made for tests either."""
    imports = graph()
    seen: set[str] = set()
    waiting = [name for name in imports if room(name) == "conformance"]
    while waiting:
        seen.add(name := waiting.pop())
        waiting += imports[name] - seen
    assert not [name for name in sorted(seen) if room(name) == "system"]


def test_no_imports_go_round_in_a_circle() -> None:
    """The modules of the whole namespace can be put in order."""
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_tests_import_what_their_folder_may(folder: str) -> None:
    """The tests of a root see what its rooms see, and the worlds made for tests."""
    known = modules()
    own = {name for name, (root, _) in ROOMS.items() if root == folder}
    allowed = own.union({"testing"}, *(ROOMS[name][1] for name in own))
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / folder / "tests").rglob("*.py")
        for name in imported(path, known)
        if room(name) not in allowed
    ]
    assert not wrong


def test_the_namespace_stays_open() -> None:
    """A single eiraku/__init__.py would hide the other three roots."""
    assert not [folder for folder in FOLDERS if (ROOT / folder / "src" / "eiraku" / "__init__.py").exists()]


def test_every_room_is_marked_as_typed() -> None:
    assert not [
        name
        for name, (root, _) in ROOMS.items()
        if not (ROOT / root / "src" / "eiraku" / name / "py.typed").exists()
    ]


def test_no_python_file_has_two_subjects() -> None:
    """Beyond 400 lines there are two in it; usual are 100 to 300."""
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
    tests = (ROOT / "reference" / "tests").rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in tests)
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
    assert chapters == pages - {"index.md"}
