"""The page about writing checks shows one: the reference passes it, and its mutant is found out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "check.md"
ENTRY = "from eiraku.cli import entry; entry()"
FIXTURES = "from eiraku.conformance.suite.conftest import policy, stage\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAGE.exists(), reason="no documentation in a source distribution"),
]


def outcomes(folder: Path, selector: str) -> list[str]:
    """Of the page's check on a wallet, for both sides."""
    (folder / "suite").mkdir()
    (folder / "suite" / "conftest.py").write_text(FIXTURES, encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "suite" / "test_example.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-c", ENTRY, "certify", selector, "--suite", "suite", "--level", "smoke"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
    report = json.loads((folder / "eiraku-report" / "report.json").read_text())
    return [result["outcome"] for result in report["run"]["results"]]


@pytest.mark.parametrize(
    ("selector", "outcome"),
    (
        ("python:eiraku.conformance.wallet:factory", "PASS"),
        ("python:eiraku.conformance.mutants:ignores_the_payees_limit", "FAIL"),
    ),
)
def test_the_example_is_a_check(tmp_path: Path, selector: str, outcome: str) -> None:
    assert outcomes(tmp_path, selector) == [outcome] * 2
