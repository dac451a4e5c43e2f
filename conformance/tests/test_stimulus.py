"""What is drawn for a check and for a run: the worlds, the order, the seed."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from eiraku.cli.main import group
from eiraku.conformance import DEFAULT_SEED, runner
from eiraku.conformance.results import CheckResult, Outcome
from eiraku.conformance.runner import Plan
from eiraku.conformance.tester import drawn
from eiraku.conformance.tester.drawn import LAST, SEAMS, Calendar, Drawn, Economy
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, SEQUENCE, World, identifier
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.keylists import device_keys
from eiraku.spec.bulletins import Bulletin, Whole
from eiraku.spec.objects import Unit
from eiraku.spec.shape import EPOCH_MAX

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
WORLDS = [World(bytes([n]) * 32, policy()) for n in range(40)]
DRAWN = [world.drawn for world in WORLDS]
CHECKS = """
import pytest
pytestmark = [pytest.mark.requirement("EPP-GEN-001"), pytest.mark.level("smoke")]

@pytest.mark.parametrize("number", range(12))
def test_pass(wallet, number):
    assert wallet.state().balance == 0
"""


@pytest.mark.parametrize("calendar", (*(each.calendar for each in DRAWN[:6]), drawn.PLAIN))
def test_a_calendar_keeps_order_and_can_be_read(calendar: Calendar) -> None:
    seen = [calendar.at(epoch) for epoch in range(LAST)]
    assert all(one < other for one, other in pairwise(seen))
    assert [calendar.read(epoch) for epoch in seen] == list(range(LAST))
    assert [other - one for one, other in pairwise(seen[1:])].count(1) >= LAST - 2 - len(SEAMS)
    assert max(seen) < EPOCH_MAX


@pytest.mark.parametrize("epoch", (-1, 0, LAST, 2**31, EPOCH_MAX, 2**32))
def test_the_ends_of_time_are_what_they_are(epoch: int) -> None:
    assert {each.calendar.at(epoch) for each in DRAWN} == {epoch}


def test_what_no_check_counts_is_read_as_it_is() -> None:
    calendar = Calendar(origin=5000, gaps=(0, 10, 20, 30, 40))
    assert calendar.read(calendar.at(SEAMS[0]) + 1) == 5000 + SEAMS[0] + 1


def test_economies_differ_in_more_than_a_bit() -> None:
    for each in DRAWN:
        home, other, foreign, neighbour = (each.economy(economy) for economy in Economy)
        assert neighbour == home + 1
        assert min(home, other, foreign) >= 1
        assert max(home, other, foreign, neighbour) <= 65535
        for one, two in ((home, other), (home, foreign), (other, foreign), (neighbour, other)):
            assert (one ^ two).bit_count() > 1


def test_worlds_are_of_every_magnitude_and_none_is_like_another() -> None:
    for found in (
        [each.calendar.origin for each in DRAWN],
        [each.first_unit for each in DRAWN],
        [each.first_sequence for each in DRAWN],
    ):
        assert len({number.bit_length() for number in found}) > 12
    assert len({each.policy_digest for each in DRAWN}) == len(DRAWN)
    assert len({each.economy(Economy.HOME) for each in DRAWN}) == len(DRAWN)
    looks = [each.looks for each in DRAWN]
    assert looks.count(0) > len(DRAWN) // 4
    assert max(looks) > 0


def test_what_a_wallet_is_given_has_the_numbers_that_were_drawn() -> None:
    world = WORLDS[0]
    found: Drawn = world.drawn
    held = world.holding(4, expires=EPOCH + 1)
    unit = Unit.decode(cose.parse(held.unit).payload)
    assert len(identifier(held)) == 32
    assert (unit.expires, unit.economy) == (found.calendar.at(EPOCH + 1), found.economy(Economy.HOME))
    assert unit.number >= found.first_unit
    bulletin = Bulletin.decode(cose.parse(Whole.decode(world.bulletin()).signed).payload)
    assert (bulletin.epoch, bulletin.policy_digest) == (found.calendar.at(EPOCH), found.policy_digest)
    listed = device_keys(world.roots.device.public, world.device_keys())
    assert listed.sequence == found.first_sequence + SEQUENCE
    assert found.calendar.at(LAST_EPOCH) in {key.valid_to for key in listed.keys.values()}
    assert world.wallet.claims.expires == found.calendar.at(LAST_EPOCH)
    assert TrustAnchor.from_mapping(_hex(world.anchor())).economies == {
        found.economy(Economy.HOME),
        found.economy(Economy.OTHER),
    }


def _hex(anchor: dict[str, object]) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, bytes):
            return value.hex()
        return [plain(each) for each in value] if isinstance(value, list) else value

    return {name: plain(value) for name, value in anchor.items()}


def test_equal_seeds_draw_alike() -> None:
    assert drawn.draw(Drbg(b"a")) == drawn.draw(Drbg(b"a"))
    assert drawn.draw(Drbg(b"a")) != drawn.draw(Drbg(b"b"))


class Order:
    """A `Watcher` that remembers in which order checks end."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def begin(self, count: int) -> None:
        assert count == 12

    def done(self, result: CheckResult) -> None:
        assert result.outcome is Outcome.PASS
        self.ids.append(result.id.partition("::")[2])


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    # A module of the same name would be found imported already.
    (tmp_path / f"test_{tmp_path.name}.py".replace("-", "_")).write_text(CHECKS)
    return tmp_path


def order(suite: Path, seed: str) -> list[str]:
    watcher = Order()
    run = runner.execute(Plan(selector=f"cmd:{sys.executable} {FAKE} good", suite=suite, seed=seed), watcher)
    assert [result.id for result in run.results] == sorted(result.id for result in run.results)
    return watcher.ids


def test_the_order_of_checks_follows_from_the_seed(suite: Path) -> None:
    first, second = order(suite, "01" * 32), order(suite, "02" * 32)
    assert first != second
    assert sorted(first) == sorted(second)
    assert order(suite, "01" * 32) == first


def test_every_run_has_a_seed_of_its_own(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(suite)
    seeds = []
    for more in ((), (), ("--seed", "default")):
        arguments = ["certify", f"cmd:{sys.executable} {FAKE} good", "--suite", str(suite), "--workers", "1"]
        result = CliRunner().invoke(group, [*arguments, *more], standalone_mode=False)
        assert result.return_value == 0
        report = json.loads((suite / "eiraku-report" / "report.json").read_bytes())
        seeds.append(report["run"]["seed"])
    assert len(set(seeds)) == 3
    assert seeds[2] == DEFAULT_SEED
