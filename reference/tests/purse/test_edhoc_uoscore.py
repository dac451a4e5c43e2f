"""What an unmodified uoscore-uedhoc cannot do: a purse made on it does not meet the reference purse.

The library is not part of this project: EIRAKU_UOSCORE names the folder with its `include` and `lib`. See
`docs/howto/edhoc-library.md`.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.reference.edhoc import messages as edhoc_messages
from eiraku.reference.edhoc.messages import Plaintext
from eiraku.reference.purse import credential
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch
from eiraku.testing.purses import World
from eiraku.testing.stacks import REFUSED, SIDES, Ring, compiled

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "edhoc_stacks"


@pytest.fixture(scope="module")
def uoscore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uoscore") / "purse"
    return compiled("uoscore", ("uoscore-uedhoc",), SOURCES, out)


@pytest.fixture
def ring(world: World) -> Ring:
    return Ring(world=world)


# EPP-SES-002
@SIDES
def test_uoscore_has_no_suite_4(uoscore: Path, ring: Ring, side: Side) -> None:
    bout = ring.meet(uoscore, side)
    assert bout.told == {"refused": f"{side.name.lower()} 106 library"}


# EPP-SES-029
def test_uoscore_sends_ead_1_as_one_byte_string(uoscore: Path, ring: Ring) -> None:
    ring.manner = {"suites": (0,)}
    bout = ring.meet(uoscore, Side.INITIATOR, suite=0)
    assert bout.sizes == [65, 2]
    assert bout.codes == [Code.MALFORMED]


# EPP-PID-012
def test_uoscore_signs_another_kid(uoscore: Path, ring: Ring) -> None:
    ring.manner = {"suites": (0,)}
    bout = ring.meet(uoscore, Side.RESPONDER, suite=0)
    assert bout.sizes == [63, 402, 2]
    assert bout.codes == [Code.AUTHENTICATION]
    assert bout.told == {"peer-error": REFUSED.hex()}


def as_an_integer(plaintext: bytes) -> tuple[bytes, Plaintext]:
    """PLAINTEXT_2 whose 01 stands for { 4: 1 }, as uoscore-uedhoc takes it."""
    c_r, plain = READ_PLAINTEXT_2(plaintext)
    assert plain.id_cred == credential.ID_CRED
    return c_r, replace(plain, id_cred={4: 1})


READ_PLAINTEXT_2 = edhoc_messages.read_plaintext_2


def test_uoscore_signs_the_kid_as_an_integer(uoscore: Path, ring: Ring) -> None:
    """A peer that takes 01 so too verifies message_2; then the library looks for its kid in a list."""
    ring.manner = {"suites": (0,)}
    lenient: Patch = (credential, "check_id_cred", lambda _: None)
    ring.patches = ((edhoc_messages, "read_plaintext_2", as_an_integer), lenient)
    bout = ring.meet(uoscore, Side.RESPONDER, suite=0)
    assert bout.sizes == [63, 402, 372, 2]
    assert bout.codes == []
    assert bout.told == {"refused": "responder 116 library"}
