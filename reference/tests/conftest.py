"""A small simulated world for the tests of the purse, and purses that do not play by the rules."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eiraku.reference.policy import Policy
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Link, Send
from eiraku.reference.simulation import World
from eiraku.spec import messages
from eiraku.spec.messages import Message

Alter = Callable[[Message], Message | bytes]

POLICY = """
max_units = 4
capacity = 6
max_hops = 3
[balance_limits]
1 = 100
2 = 2000
[[operations]]
name = "transfer"
payer = ["person"]
payee = ["person", "vault"]
same_holder = false
limits = { 1 = 50, 2 = 1024 }
[[operations]]
name = "own"
payer = ["person"]
payee = ["person"]
same_holder = true
limits = { 1 = 65, 2 = 1500 }
[[operations]]
name = "redemption"
payer = ["vault"]
payee = ["centre"]
same_holder = false
limits = { 2 = 2000 }
"""


class Crook(Purse):
    """A purse whose messages are altered before they are sealed; what it believes itself stays as it was."""

    def __init__(self, alter: Alter) -> None:
        super().__init__()
        self.alter = alter

    def say(self, link: Link, message: bytes) -> tuple[Link, Send]:
        altered = self.alter(messages.decode(message))
        return super().say(link, altered if isinstance(altered, bytes) else altered.encode())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Generous policy."""
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[World]:
    """Small limits, so that every one can be reached."""
    made = World(tmp_path, policy=Policy.from_toml(POLICY))
    yield made
    made.close()


@pytest.fixture
def crook() -> Callable[[Alter], Purse]:
    """Makes a purse that alters its messages."""
    return Crook
