"""Wallets that recognise the judge: conformant as long as nothing was drawn, found out since."""

import shlex
import sys
from pathlib import Path

import pytest

from eiraku.conformance import DEFAULT_SEED, runner, stimulus
from eiraku.conformance.results import CheckResult, Level, Outcome
from eiraku.conformance.runner import Plan
from eiraku.conformance.tester import drawn, world
from eiraku.conformance.tester.drawn import Drawn, Economy, Random
from eiraku.conformance.tester.stage import Stage

pytestmark = pytest.mark.slow

TAPE = Path(__file__).with_name("tape_adapter.py")
SEED = "c7" * 32
"""As if it had just been drawn."""


def tame(patch: pytest.MonkeyPatch) -> None:
    """Let every world be the one of fixed numbers, and every check ask for the state as it begins."""

    def draw(random: Random) -> Drawn:
        del random
        return Drawn(
            calendar=drawn.PLAIN,
            economies={
                Economy.HOME: 392,
                Economy.OTHER: 702,
                Economy.FOREIGN: 840,
                Economy.NEIGHBOUR: 393,
            },
            first_unit=1,
            first_sequence=0,
            policy_digest=bytes(32),
            looks=0,
        )

    begin = Stage.begin

    def watched(stage: Stage, *arguments: object, **named: object) -> None:
        begin(stage, *arguments, **named)  # type: ignore[arg-type]  # as they come
        stage.state()

    patch.setattr(world, "draw", draw)
    patch.setattr(Stage, "begin", watched)


def suite_of(folder: Path, **modules: str) -> Path:
    """A suite of the checks of these names, separated by spaces, by module."""
    lines = ["from eiraku.conformance.suite.conftest import policy, stage"]
    for module, names in modules.items():
        lines.append(f"from eiraku.conformance.suite.{module} import {', '.join(names.split())}")
    folder.mkdir()
    # A module of the same name would be found imported already.
    name = f"test_{folder.parent.name}_{folder.name}".replace("-", "_")
    (folder / f"{name}.py").write_text("\n".join(lines) + "\n")
    return folder


class Watcher:
    """A `Watcher` that keeps quiet."""

    def begin(self, count: int) -> None:
        assert count

    def done(self, result: CheckResult) -> None:
        pass


def outcomes(selector: str, suite: Path, seed: str, level: Level = Level.STANDARD) -> set[Outcome]:
    """What the checks of a suite make of a wallet: the outcomes that occurred."""
    plan = Plan(selector=selector, suite=suite, seed=seed, level=level)
    results = runner.execute(plan, Watcher()).results
    assert not [result for result in results if result.outcome is Outcome.HARNESS_ERROR]
    return {result.outcome for result in results if not result.deselected}


def mutant(name: str) -> str:
    return f"python:eiraku.conformance.mutants:{name}"


@pytest.fixture
def seals(tmp_path: Path) -> Path:
    """Every check by which a wallet that compares no seal is found out, but for whole flows."""
    return suite_of(tmp_path / "seals", test_units="test_seal_of_the_device_centre")


@pytest.mark.parametrize(
    "name", ("honest_in_two_economies", "honest_near_epoch_100", "honest_with_small_numbers")
)
def test_fixed_numbers_are_no_longer_a_sign(seals: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcomes(mutant(name), seals, SEED) == {Outcome.FAIL}
    tame(monkeypatch)
    assert outcomes(mutant(name), seals, SEED) == {Outcome.PASS}


def test_the_default_seed_is_a_sign_and_certifies_nothing(seals: Path) -> None:
    wallet = mutant("honest_under_the_default_seed")
    assert outcomes(wallet, seals, DEFAULT_SEED) == {Outcome.PASS}
    assert outcomes(wallet, seals, SEED) == {Outcome.FAIL}


def test_a_wallet_is_judged_where_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wallet = mutant("honest_while_watched")
    stretch = suite_of(tmp_path / "stretch", test_unwatched="test_stretch_without_state")
    assert outcomes(wallet, stretch, SEED) == {Outcome.FAIL, Outcome.PASS}
    before = suite_of(
        tmp_path / "before",
        test_transfer_payee="test_copy_of_a_unit_paid_earlier test_seen_survives_loss_of_power",
        test_full_tables="test_each_unit_that_was_seen_is_remembered",
    )
    tame(monkeypatch)
    assert outcomes(wallet, before, SEED) == {Outcome.PASS}


def test_a_tape_can_be_played_once(tmp_path: Path) -> None:
    suite = suite_of(tmp_path / "suite", test_transfer_roles="test_wallet_is_paid test_wallet_pays")
    tape = tmp_path / "tape"

    def wallet(mode: str) -> str:
        return f"cmd:{shlex.join([sys.executable, str(TAPE), mode, str(tape)])}"

    assert outcomes(wallet("record"), suite, DEFAULT_SEED, Level.SMOKE) == {Outcome.PASS}
    assert outcomes(wallet("play"), suite, DEFAULT_SEED, Level.SMOKE) == {Outcome.PASS}
    assert Outcome.PASS not in outcomes(wallet("play"), suite, SEED, Level.SMOKE)


def test_what_follows_from_a_seed_is_different_for_each_purpose() -> None:
    seed = bytes.fromhex(SEED)
    found = {
        seed,
        stimulus.wallet_seed(seed),
        stimulus.check_seed(seed, ""),
        stimulus.check_seed(seed, "a"),
        stimulus.place(seed, "a"),
        stimulus.check_seed(bytes(32), "a"),
    }
    assert len(found) == 6
