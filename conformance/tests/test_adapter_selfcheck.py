import sys
from pathlib import Path

import pytest

from eiraku.conformance.adapter.errors import SelectorError
from eiraku.conformance.adapter.selfcheck import Item, run_selfcheck
from eiraku.conformance.results import FAILURES, Outcome

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
PROVISIONING = {
    "purse": {"number": bytes(8), "private_key": bytes(32), "purse_id": b"\xd2\x84"},
    "anchor": {
        "economies": [392],
        "device_root": bytes(32),
        "money_root": bytes(32),
        "device_keys": b"\x00",
        "money_keys": b"\x00",
        "device_seal": bytes(16),
        "money_seal": bytes(16),
        "scheme_keys": [],
    },
    "policy": {},
    "bulletin": None,
    "holdings": [{"unit": b"one", "hop": 0, "history": b""}, {"unit": b"two", "hop": 0, "history": b""}],
}


def check(how: str, *, timeout: float = 5.0) -> dict[str, Item]:
    selector = f"cmd:{sys.executable} -S {FAKE} {how}"
    return {item.name: item for item in run_selfcheck(selector, timeout=timeout, provisioning=PROVISIONING)}


def test_a_sound_adapter() -> None:
    assert {item.outcome for item in check("good").values()} == {Outcome.PASS}


def test_without_a_valid_purse() -> None:
    items = list(run_selfcheck(f"cmd:{sys.executable} -S {FAKE}"))
    assert [item.outcome for item in items].count(Outcome.NOT_APPLICABLE) == 2
    assert not {item.outcome for item in items} & FAILURES


@pytest.mark.parametrize(
    ("how", "outcome", "name"),
    (
        ("half", Outcome.WARN, "start: capabilities are known and complete"),
        ("curious", Outcome.WARN, "start: capabilities are known and complete"),
        ("accepts-all", Outcome.FAIL, "provision: a purse that is none is rejected"),
        ("accepts-all", Outcome.FAIL, "deliver without a session is rejected"),
        ("rejects-all", Outcome.FAIL, "provision: a valid purse is accepted"),
        ("forgets-nothing", Outcome.FAIL, "reset forgets purse and money"),
        ("liar", Outcome.FAIL, "provision: a valid purse is accepted"),
        ("dies", Outcome.CRASH, "state: complete, and empty after reset"),
        ("wrong-seq", Outcome.ADAPTER_ERROR, "an unknown verb is unsupported"),
    ),
)
def test_a_defect_is_named(how: str, outcome: Outcome, name: str) -> None:
    item = check(how)[name]
    assert item.outcome is outcome
    assert item.detail


@pytest.mark.parametrize(
    ("how", "outcome"),
    (
        ("hang", Outcome.TIMEOUT),
        ("garbage", Outcome.ADAPTER_ERROR),
        ("errored", Outcome.ADAPTER_ERROR),
        ("unsupported", Outcome.ADAPTER_ERROR),
        ("future", Outcome.ADAPTER_ERROR),
    ),
)
def test_a_wallet_that_does_not_start_is_asked_once(how: str, outcome: Outcome) -> None:
    first, *rest = check(how, timeout=0.3).values()
    assert first.outcome is outcome
    assert {item.outcome for item in rest} == {Outcome.NOT_RUN}


def test_no_wallet() -> None:
    with pytest.raises(SelectorError):
        list(run_selfcheck("cmd:no-such-program-here"))
