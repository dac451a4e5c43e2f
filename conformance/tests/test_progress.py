"""Progress lines off a terminal: at each tenth, after a silence, and none in a short run."""

import re
import subprocess
import sys
from pathlib import Path

from eiraku.cli.progress import BREATH, SILENCE, Pace
from eiraku.testing.processes import until


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_at_each_tenth() -> None:
    said: list[str] = []
    clock = Clock()
    pace = Pace(said.append, "checks", clock=clock)
    pace.begin(200)
    for at in range(200):
        clock.now += BREATH / 10
        pace.done("FAIL 1" if at > 100 else "")
    assert [line.partition(" ")[0] for line in said] == [str(20 * tenth) for tenth in range(1, 10)]
    assert said[0] == "20 of 200 checks (10 %), 4 s"
    assert said[-1] == "180 of 200 checks (90 %), 36 s; FAIL 1"


def test_a_short_run_has_no_line() -> None:
    said: list[str] = []
    clock = Clock()
    pace = Pace(said.append, "checks", clock=clock)
    pace.begin(50)
    for _ in range(50):
        clock.now += BREATH / 51
        pace.done()
    assert not said


def test_a_silence_ends() -> None:
    """Nothing is done, and time passes."""
    said: list[str] = []
    clock = Clock()
    with Pace(said.append, "proofs", silence=0.02, clock=clock) as pace:
        pace.begin(3)
        pace.done()
        clock.now = SILENCE
        until(lambda: bool(said))
    assert said[0] == "1 of 3 proofs (33 %), 15 s"


SUITE = """
import time, pytest
pytestmark = pytest.mark.requirement("EPP-GEN-001")

@pytest.mark.parametrize("n", range(10))
def test_slow(wallet, n):
    time.sleep(0.25)
"""
ENTRY = "import sys; from eiraku.cli import entry; sys.argv[0] = 'eiraku'; entry()"


def test_a_log_of_certify_shows_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_tiny.py").write_text(SUITE)
    fake = Path(__file__).with_name("fake_adapter.py")
    done = subprocess.run(
        [
            *(sys.executable, "-c", ENTRY, "certify", f"cmd:{sys.executable} -S {fake} good"),
            *("--suite", "suite", "--workers", "1"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^[1-9] of 10 checks \([1-9]0 %\), \d+ s$", done.stdout, re.MULTILINE)
    assert "\r" not in done.stdout
