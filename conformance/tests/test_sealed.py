"""Whatever stands in the environment or the current folder, the judge judges as it does without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eiraku import cli
from eiraku.cli import main
from eiraku.conformance.sealed import wallet_environment

pytestmark = pytest.mark.slow

ENTRY = "from eiraku.cli import entry; entry()"
ONLY = (
    "certify",
    *("--seed", "default"),
    *("--level", "smoke"),
    *("--only", "test_transfer_roles"),
    "--workers",
)
SHADOWED = ("select", "random", "json", "conftest", "msgspec", "pytest", "eiraku", "usercustomize")
WALLET = """
import json, os, sys
sys.stderr.write(json.dumps({k: v for k, v in os.environ.items() if k.startswith(("PY", "EIRAKU"))}))
"""


def judged(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`eiraku`, begun as its console script does: not from the current folder."""
    command = [sys.executable, "-P", "-c", ENTRY, *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The outcomes without anything hostile."""
    folder = tmp_path_factory.mktemp("friendly")
    assert judged(folder, *ONLY, "1").returncode == 0
    return outcomes(folder)


def outcomes(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "eiraku-report" / "report.json").read_bytes())
    return {each["id"]: each["outcome"] for each in report["run"]["results"]}


@pytest.mark.parametrize("workers", ("1", "2"))
@pytest.mark.parametrize(
    "environment",
    (
        {"PYTEST_ADDOPTS": "-k nothing"},
        {"PYTEST_ADDOPTS": "--deselect test_transfer_roles.py --maxfail=1"},
        {"PYTEST_PLUGINS": "no_such_plugin"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONPATH": "{folder}", "PYTHONSAFEPATH": ""},
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
        {"HYPOTHESIS_PROFILE": "other", "CI": "1"},
    ),
    ids=lambda given: "-".join(given) if isinstance(given, dict) else None,
)
def test_the_environment_changes_nothing(
    tmp_path: Path, found: dict[str, str], environment: dict[str, str], workers: str
) -> None:
    if "PYTHONPATH" in environment:
        # What is imported before anybody can do anything about it is left alone.
        (tmp_path / "select.py").write_text("raise RuntimeError('shadowed')")
    given = {name: value.format(folder=tmp_path) for name, value in environment.items()}
    done = judged(tmp_path, *ONLY, workers, **given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(tmp_path) == found


@pytest.mark.parametrize("workers", ("1", "2"))
def test_files_of_the_current_folder_change_nothing(
    tmp_path: Path, found: dict[str, str], workers: str
) -> None:
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "eiraku").mkdir()
    (tmp_path / "eiraku" / "__init__.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k nothing\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-k nothing'\n")
    done = judged(tmp_path, *ONLY, workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outcomes(tmp_path) == found


def test_a_wallet_gets_what_its_vendor_set_and_nothing_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "wallet.py").write_text(WALLET)
    done = judged(
        tmp_path,
        *ONLY,
        "1",
        f"cmd:{sys.executable} wallet.py",
        PYTHONPATH="vendor",
        PYTEST_ADDOPTS="-v",
    )
    assert done.returncode == 1
    report = json.loads((tmp_path / "eiraku-report" / "report.json").read_bytes())
    crashed = next(each for each in report["run"]["results"] if each["outcome"] == "CRASH")
    said = json.loads(crashed["evidence"]["stderr"])
    expected = {name: value for name, value in os.environ.items() if name.startswith(("PY", "EIRAKU"))}
    assert said == expected | {"PYTHONPATH": "vendor", "PYTEST_ADDOPTS": "-v"}


def test_in_somebody_s_own_pytest_a_wallet_cannot_tell_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "this one")
    monkeypatch.setenv("PYTHONPATH", "vendor")
    given = wallet_environment()
    assert given["PYTHONPATH"] == "vendor"
    assert not [name for name in given if name.startswith("PYTEST_")]


def test_all_that_judge_are_sealed() -> None:
    # These two say and write what is in the package, and run no wallet.
    assert set(cli.JUDGES) == set(main.GROUPS["Judge"]) - {"explain", "new-adapter"}
