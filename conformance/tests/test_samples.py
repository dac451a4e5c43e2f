"""The sample adapters: neither may ever pass."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eiraku.conformance.adapter.selfcheck import run_selfcheck
from eiraku.conformance.results import Outcome

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "samples"
SUITE = """
import pytest
pytestmark = [pytest.mark.requirement("EPP-GEN-001"), pytest.mark.level("smoke")]

def test_empty(wallet):
    assert wallet.state().balance == 0

def test_refuses(wallet, evidence):
    reply = wallet.open("initiator")
    evidence.expect("rejected", reply)
    assert reply.outcome == "rejected"
"""
ENTRY = "from eiraku.cli import entry; entry()"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
needs_folder = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not part of this copy")


def certify(tmp_path: Path, selector: str) -> tuple[int, dict[str, str], str]:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_tiny.py").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, "certify", selector, "--suite", "suite", "--level", "smoke"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads((tmp_path / "eiraku-report" / "report.json").read_text())
    found = {result["id"].partition("::")[2]: result["outcome"] for result in report["run"]["results"]}
    return done.returncode, found, " ".join(done.stdout.split())


@needs_folder
@needs_node
def test_the_skeleton_speaks_the_protocol_and_does_not_pass(tmp_path: Path) -> None:
    selector = f"cmd:node {SAMPLES / 'skeleton.mjs'}"
    code, found, output = certify(tmp_path, selector)
    assert (code, found) == (1, {"test_empty": "PASS", "test_refuses": "FAIL"})
    assert "open as initiator: not implemented" in output
    items = {item.name: item.outcome for item in run_selfcheck(selector)}
    assert items["a line of garbage does no harm"] is Outcome.PASS
    assert items["start: a version it does not speak is refused"] is Outcome.PASS
    assert items["provision: a purse that is none is rejected"] is Outcome.FAIL
    # The one verb that has no other answer than accepted.
    assert items.pop("power_cut now: durable state survives") is Outcome.ADAPTER_ERROR
    assert not {Outcome.CRASH, Outcome.TIMEOUT, Outcome.ADAPTER_ERROR} & set(items.values())


@needs_folder
def test_the_skeleton_is_short() -> None:
    assert len((SAMPLES / "skeleton.mjs").read_text().splitlines()) < 150


@needs_folder
def test_a_wallet_that_dies_of_everything(tmp_path: Path) -> None:
    code, found, output = certify(tmp_path, f"cmd:/bin/sh {SAMPLES / 'crash.sh'}")
    assert code == 1
    assert set(found.values()) == {"CRASH"}
    assert "about to die of" in output
    assert "exit status 70" in output


@needs_folder
@needs_node
def test_the_wallet_written_from_the_specification_alone_passes(tmp_path: Path) -> None:
    """A second implementation: neither the suite nor the text is married to the reference."""
    selector = f"cmd:node {SAMPLES / 'node-wallet' / 'adapter.mjs'}"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ENTRY,
            "certify",
            selector,
            "--seed",
            "default",
            "--level",
            "smoke",
            "--workers",
            "1",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "smoke passed, not a certificate" in done.stdout


@needs_folder
@needs_node
def test_the_second_wallet_reproduces_the_vectors() -> None:
    done = subprocess.run(
        ["node", "--test", str(SAMPLES / "node-wallet")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
