"""The sample adapters: neither may ever pass."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eiraku.cli.judge.new_adapter import SKELETONS

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

def test_takes(wallet, evidence):
    from eiraku.cli.judge.selfcheck import _provisioning
    reply = wallet.provision(**_provisioning())
    evidence.expect("accepted", reply)
    assert reply.accepted
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


@needs_node
def test_the_skeleton_speaks_the_protocol_and_does_not_pass(tmp_path: Path) -> None:
    """Every skeleton is tried by the self-check in test_new_adapter.py; this one is judged as well."""
    skeleton = SKELETONS / "node" / "adapter.mjs"
    code, found, output = certify(tmp_path, f"cmd:node {skeleton}")
    assert (code, found) == (1, {"test_empty": "PASS", "test_refuses": "PASS", "test_takes": "FAIL"})
    assert "rejected provision" in output


@needs_folder
def test_pages_link_to_each_other() -> None:
    page = SAMPLES.parents[1] / "docs" / "howto" / "adapter.md"
    assert "conformance/samples/README.md" in page.read_text()
    assert "docs/howto/adapter.md" in (SAMPLES / "README.md").read_text()


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
