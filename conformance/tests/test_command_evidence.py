"""``eiraku evidence``: outcomes, exit codes, and what is said about files that are not evidence."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.system.issuing.attribution import compare
from eiraku.system.issuing.evidence import Evidence
from eiraku.testing.town import Town


@pytest.fixture(scope="module")
def village() -> Town:
    return Town(("alice", "bob"))


@pytest.fixture
def files(tmp_path: Path, village: Town) -> tuple[Path, Path]:
    """Evidence against alice, and the public anchor."""
    held = village.move(village.unit(), "issuer", "vault", "alice")
    fork = compare(*(village.open(village.move(held, "alice", *way, "home")) for way in (["bob"], [])))
    assert fork is not None
    evidence = Evidence(
        unit=held.unit, purse_id=village.purse_ids["alice"], first=fork.first, second=fork.second
    )
    file, anchor = tmp_path / "case.json", tmp_path / "anchor.json"
    file.write_bytes(evidence.to_json())
    anchor.write_bytes(village.anchor.to_json())
    return file, anchor


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["evidence", *map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    """As `eiraku.cli.main` gives it."""
    if result.exception is not None and result.exc_info is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


def test_proven(files: tuple[Path, Path], village: Town) -> None:
    # EPP-CEN-025
    file, anchor = files
    result = run("verify", file, "--anchor", anchor)
    assert code(result) == 0
    assert result.output.startswith(f"proven: purse {village.numbers['alice'].hex()} gave one unit away")
    result = run("verify", file, "--anchor", anchor, "--json")
    assert code(result) == 0
    said = json.loads(result.output)
    assert said["proven"]
    assert said["number"] == village.numbers["alice"].hex()


def test_not_proven(files: tuple[Path, Path]) -> None:
    # EPP-CEN-022, EPP-CEN-025, EPP-CEN-079
    file, anchor = files
    data = file.read_bytes()
    fields = json.loads(data)
    fields["endorsements"][1] = fields["endorsements"][0]
    contents = (b"", b"{}", b"\xff\xfe", data[:700], data * 7, b"[" * 9000, json.dumps(fields).encode())
    for content in contents:
        file.write_bytes(content)
        result = run("verify", file, "--anchor", anchor)
        assert code(result) == 1
        assert result.output.startswith("not proven: evidence: ")
        assert result.output.count("\n") == 1
        said = json.loads(run("verify", file, "--anchor", anchor, "--json").output)
        assert not said["proven"]
        assert said["requirement"] == ("EPP-CEN-022" if content is contents[-1] else "EPP-CEN-079")


def test_another_scheme_proves_nothing(files: tuple[Path, Path], tmp_path: Path) -> None:
    # EPP-CEN-021
    other = tmp_path / "other.json"
    other.write_text(json.dumps(Town((), seed=b"other").anchor.to_mapping()))
    assert code(run("verify", files[0], "--anchor", other)) == 1


def test_misuse(files: tuple[Path, Path], tmp_path: Path) -> None:
    file, anchor = files
    assert code(run("verify", file)) == 2
    assert code(run("verify", tmp_path / "none", "--anchor", anchor)) == 2
    assert code(run("verify", tmp_path, "--anchor", anchor)) == 2
    for content in (b"", b"[]", b"\xff", b"{}", file.read_bytes()):
        anchor.write_bytes(content)
        result = run("verify", file, "--anchor", anchor)
        assert code(result) == 2
        assert "anchor" in str(result.exception)


def test_examples(tmp_path: Path) -> None:
    # EPP-CEN-024, EPP-CEN-025, EPP-CEN-081
    folder = tmp_path / "new" / "examples"
    assert code(run("example", folder)) == 0
    for name, start in (("purse", "proven: purse "), ("centre", "proven: the issuing centre ")):
        result = run("verify", folder / f"{name}.json", "--anchor", folder / "anchor.json")
        assert code(result) == 0
        assert result.output.startswith(start)
    assert "scheme_key" not in (folder / "anchor.json").read_text()
    again = run("example", folder)
    assert code(again) == 2
    assert "name another one" in str(again.exception)
    assert code(run("example", folder / "purse.json")) == 2
