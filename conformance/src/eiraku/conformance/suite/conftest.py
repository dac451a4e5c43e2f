"""Fixtures of the suite's tests."""

from importlib import resources
from typing import Any

import pytest

from eiraku.conformance import tester
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.reference.policy import Policy


@pytest.fixture(scope="session")
def policy(policy_file: dict[str, Any] | None) -> dict[str, Any]:
    """The policy that wallets are given, in JSON form: the suite's own unless the run names another."""
    if policy_file is not None:
        return policy_file
    return Policy.from_toml(resources.files(tester).joinpath("policy.toml").read_text()).to_mapping()


@pytest.fixture
def stage(wallet: LastingWallet, evidence: EvidenceNotes, check_seed: bytes, policy: dict[str, Any]) -> Stage:
    """The wallet under test, reset and not provisioned, in a world of its own."""
    return Stage(wallet, World(check_seed, policy), evidence)
