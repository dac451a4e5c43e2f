"""An unmodified EDHOC library carries an EPP purse: the reference purse meets one made on libedhoc.

Needs libedhoc as its own `install` makes it, which is not part of this project: EIRAKU_LIBEDHOC is the folder with its
`include` and `lib` (zcbor in them too), and EIRAKU_LIBEDHOC_LONG one that was built for connection identifiers of
2 000 bytes. See `docs/howto/edhoc-library.md`. A C compiler and OpenSSL 3 with its headers are needed too.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference import records
from eiraku.reference.device import Accepted, Rejected, Result
from eiraku.reference.edhoc import schedule
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.reference.purse import credential, handshake
from eiraku.reference.purse.state import PayOrder
from eiraku.reference.records import Channel
from eiraku.spec import cbor, messages
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, Request
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch
from eiraku.testing.processes import PATIENCE
from eiraku.testing.purses import World

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "edhoc_stacks"
WHERE = "its install folder, see docs/howto/edhoc-library.md"
REFUSED = cbor.encode_sequence(1, "refused")
PADDING = Ead(label=0, value=None, critical=False)
SIDES = pytest.mark.parametrize("side", Side)
"""Which side the purse on the library is."""


def build(variable: str, out: Path) -> Path:
    """Our program on the library in a folder that the environment names; skips without it."""
    named = os.environ.get(variable)
    if named is None:
        pytest.skip(f"{variable} is not set: {WHERE}")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler cc")
    folder, program = Path(named), out / variable
    sources = [SOURCES / name for name in ("libedhoc.c", "epp.c", "crypto.c")]
    flags = ("-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-o", program)
    libraries = ("-llibedhoc", "-lbackend_cbor", "-lzcbor", "-lcrypto")
    command = (compiler, *flags, f"-I{folder / 'include'}", *sources, f"-L{folder / 'lib'}", *libraries)
    subprocess.run(command, check=True)
    return program


@pytest.fixture(scope="module")
def libedhoc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("EIRAKU_LIBEDHOC", tmp_path_factory.mktemp("libedhoc"))


@pytest.fixture(scope="module")
def long_identifiers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("EIRAKU_LIBEDHOC_LONG", tmp_path_factory.mktemp("libedhoc"))


@dataclass(kw_only=True)
class Bout:
    """What happened: lengths of the messages, what each side says in the end."""

    sent: list[bytes] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    """What the program prints: `prk-out`, `com-ka`, `com-kb`, `peer`; or `refused`, `peer-error`."""

    @property
    def sizes(self) -> list[int]:
        """Bytes of each message."""
        return [len(message) for message in self.sent]

    @property
    def codes(self) -> list[Code]:
        """What the reference refused with."""
        return [result.refusal.code for result in self.results if isinstance(result, Rejected)]


Alter = Callable[[int, bytes], bytes]


@dataclass(kw_only=True)
class Ring:
    """A world with a reference purse that pays 4, and one on the library that meets it."""

    world: World
    manner: dict[str, Any] = field(default_factory=dict)
    """Fields of the reference's `Party` that are other than usual."""
    padding: Sequence[Ead] = ()
    """After the reference's purse ID in EAD_2 or EAD_3."""

    def party(self, *given: Any) -> Party[Any]:
        made = HONEST(*given)
        return replace(made, credential_ead=(*made.credential_ead, *self.padding), **self.manner)

    def meet(self, program: Path, side: Side, alter: Alter = lambda _, data: data, **arguments: Any) -> Bout:
        """One handshake; `side` is the program's. `alter` may change the n-th message, from 1."""
        patches: Sequence[Patch] = ((handshake, "party", self.party),)
        self.reference = self.world.purse([4, 4], patches=patches)
        given = self.world.provisioning()
        named = {
            "role": side.name.lower(),
            "suite": 4,
            "connection-id": b"\x00",
            "scheme-key": self.world.scheme_key,
            "key": given.private_key,
            "device-key": self.world.device_centre.keys[0].key.public,
            "purse-id": given.purse_id,
        } | {name.replace("_", "-"): value for name, value in arguments.items()}
        words = (f"{k}={v.hex() if isinstance(v, bytes) else v}" for k, v in named.items())
        device, bout = self.reference.device, Bout()
        device.order(PayOrder(amount=4))
        ours = Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR
        pipe = subprocess.PIPE
        with subprocess.Popen([program, *words], stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None

            def say(result: Result) -> None:
                bout.results.append(result)
                # the fourth message ends the handshake; what follows is a record
                if result.out is None or len(bout.sent) >= 4:
                    return
                bout.sent.append(alter(len(bout.sent) + 1, result.out))
                process.stdin.write(bout.sent[-1].hex() + "\n")
                process.stdin.flush()

            say(device.open(ours))
            for line in process.stdout:
                name, _, value = line.strip().partition(" ")
                if name == "send":
                    bout.sent.append(alter(len(bout.sent) + 1, bytes.fromhex(value)))
                    say(device.deliver(bout.sent[-1]))
                else:
                    bout.told[name] = value
                if name in {"refused", "peer-error"}:
                    process.stdin.close()
            assert process.wait(PATIENCE) == int("prk-out" not in bout.told)
        return bout


HONEST = handshake.party


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    world = World(tmp_path)
    yield Ring(world=world)
    world.close()


def channel(bout: Bout, suite: int, side: Side) -> Channel:
    """The records of the program's side, from its PRK_out; its exporter must agree."""
    prk_out = bytes.fromhex(bout.told["prk-out"])
    nobody = Credential(cred=b"", public_key=b"", subject=None)
    session = Established(
        peer=nobody,
        peer_connection_id=b"",
        ead_4=(),
        prk_out=prk_out,
        prk_exporter=schedule.prk_exporter(prk_out),
    )
    aead = schedule.SUITES[suite].aead
    for name, label in (("com-ka", 65001), ("com-kb", 65002)):
        material = session.exporter(label, b"", aead.key_length + aead.nonce_length)
        assert bout.told[name] == material.hex()
    return records.channel(session, aead, side, messages.LIMIT)


def check_open(ring: Ring, bout: Bout, suite: int, side: Side) -> None:
    """Both sides have the keys: the reference purse offers units, and the offer opens with the program's."""
    assert bout.told.keys() == {"prk-out", "com-ka", "com-kb", "peer"}
    assert bout.told["peer"] == ring.reference.claims.public_key.hex()
    ours, result = channel(bout, suite, side), bout.results[-1]
    if side is Side.INITIATOR:
        record, ours = ours.seal(Request(amount=4).encode())
        result = ring.reference.device.deliver(record)
    assert isinstance(result, Accepted)
    assert result.out is not None
    plaintext, _ = ours.open(result.out)
    assert isinstance(messages.decode(plaintext), Offer)


IDENTIFIERS = {
    "constant, an integer": b"\x00",
    "negative integer": b"\x2a",
    "one byte": b"\x18",
    "two bytes": b"\xfe\xed",
    "7 bytes": bytes.fromhex("f00dfeedbeef99"),
}


# EPP-SES-002, EPP-SES-003, EPP-SES-006, EPP-SES-014, EPP-SES-035, EPP-SES-037, EPP-PID-012, EPP-REC-001
@SIDES
@pytest.mark.parametrize("suite", [4, 0])
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_a_session_opens(libedhoc: Path, ring: Ring, side: Side, suite: int, name: str) -> None:
    ring.manner = {"suites": (suite,)}
    own = IDENTIFIERS[name]
    bout = ring.meet(libedhoc, side, suite=suite, connection_id=own)
    check_open(ring, bout, suite, side)
    # an empty identifier has one byte, and so has an integer
    more = len(cbor.encode(own)) - 1 if name[0] in "ot7" else 0
    first, second = (more, 0) if side is Side.INITIATOR else (0, more)
    tag = schedule.SUITES[suite].aead.tag_length
    assert bout.sizes == [63 + first, 348 + second, 310 + tag, 1 + tag]


# EPP-SES-036
@SIDES
@pytest.mark.parametrize("length", [0, 8])
def test_own_identifiers_that_the_library_refuses(
    libedhoc: Path, ring: Ring, side: Side, length: int
) -> None:
    """`edhoc_set_connection_id` refuses none, and more than it was built for."""
    bout = ring.meet(libedhoc, side, connection_id=bytes(length))
    assert bout.told == {"refused": "prepare -104 library"}


# EPP-SES-020
@SIDES
@pytest.mark.parametrize("length", [0, 2, 8])
def test_identifiers_of_the_peer(libedhoc: Path, ring: Ring, side: Side, length: int) -> None:
    ring.manner = {"connection_id": bytes(length)}
    check_open(ring, ring.meet(libedhoc, side), 4, side)


@SIDES
def test_a_long_identifier_needs_another_build(libedhoc: Path, ring: Ring, side: Side) -> None:
    """Built as it comes, the library refuses what EPP-SES-020 has it accept."""
    ring.manner = {"connection_id": bytes(9)}
    bout = ring.meet(libedhoc, side)
    assert bout.told["refused"].endswith("library")
    assert bout.sent[-1] == REFUSED


# EPP-SES-020
@SIDES
@pytest.mark.parametrize("length", [0, 24, 256, 1000])
def test_with_another_build(long_identifiers: Path, ring: Ring, side: Side, length: int) -> None:
    ring.manner = {"connection_id": bytes(length)}
    check_open(ring, ring.meet(long_identifiers, side), 4, side)


# EPP-SES-034, EPP-PID-014
@SIDES
@pytest.mark.parametrize("value", [None, b"", bytes(200)])
def test_padding(libedhoc: Path, ring: Ring, side: Side, value: bytes | None) -> None:
    ring.padding = [replace(PADDING, value=value)]
    check_open(ring, ring.meet(libedhoc, side), 4, side)


# --- what is refused ---


def flipped(which: int, at: int) -> Alter:
    """One bit of one message is another."""

    def alter(number: int, data: bytes) -> bytes:
        place = at % len(data)
        changed = bytes([data[place] ^ 1])
        return data[:place] + changed + data[place + 1 :] if number == which else data

    return alter


# EPP-SES-016, EPP-SES-018, EPP-SES-033
@pytest.mark.parametrize("which", [1, 2, 3, 4])
def test_an_altered_message(libedhoc: Path, ring: Ring, which: int) -> None:
    """Whoever receives it says that it is refused, and the other side closes."""
    side = Side.INITIATOR if which % 2 == 0 else Side.RESPONDER
    bout = ring.meet(libedhoc, side, flipped(which, -1))
    assert bout.told.keys() == {"refused"}
    assert bout.sent[which:] == [REFUSED]
    assert bout.results[-1] == Accepted(out=None, is_open=False)


# EPP-SES-018
@pytest.mark.parametrize("which", [2, 3, 4])
def test_the_reference_refuses(libedhoc: Path, ring: Ring, which: int) -> None:
    side = Side.RESPONDER if which % 2 == 0 else Side.INITIATOR
    bout = ring.meet(libedhoc, side, flipped(which, -1))
    assert bout.codes == [Code.AUTHENTICATION]
    # a responder that has sent message_4 is open, and takes the error in place of a record (EPP-SES-033)
    assert which == 4 or bout.told == {"peer-error": REFUSED.hex()}


# EPP-SES-038
@SIDES
def test_a_stranger(libedhoc: Path, ring: Ring, side: Side) -> None:
    """Without the scheme key nobody gets past message_1."""
    bout = ring.meet(libedhoc, side, scheme_key=bytes(32))
    assert bout.sizes == [63, 9]
    if side is Side.INITIATOR:
        assert bout.codes == [Code.AUTHENTICATION]
    else:
        assert bout.told == {"refused": "message_1 0 authentication"}


# EPP-PID-002
@SIDES
def test_no_member(libedhoc: Path, ring: Ring, side: Side) -> None:
    bout = ring.meet(libedhoc, side, device_key=bytes(32))
    assert bout.told == {"refused": f"message_{2 if side is Side.INITIATOR else 3} -121 authentication"}
    assert bout.sent[-1] == REFUSED


# EPP-SES-010
@SIDES
@pytest.mark.parametrize("critical", [False, True])
def test_an_unknown_item(libedhoc: Path, ring: Ring, side: Side, *, critical: bool) -> None:
    ring.padding = [Ead(label=99, value=b"?", critical=critical)]
    bout = ring.meet(libedhoc, side)
    if critical:
        assert bout.told == {"refused": f"message_{2 if side is Side.INITIATOR else 3} 0 malformed"}
        assert bout.sent[-1] == REFUSED
    else:
        check_open(ring, bout, 4, side)


# EPP-PID-013
@SIDES
def test_a_second_purse_id(libedhoc: Path, ring: Ring, side: Side) -> None:
    ring.padding = [Ead(label=credential.LABEL_PURSE_ID, value=bytes(300), critical=True)]
    bout = ring.meet(libedhoc, side)
    assert bout.told == {"refused": f"message_{2 if side is Side.INITIATOR else 3} -121 authentication"}


# EPP-SES-004
def test_another_suite(libedhoc: Path, ring: Ring) -> None:
    """The library compares one suite, and says so with ERR_CODE 2."""
    ring.manner = {"suites": (0,)}
    bout = ring.meet(libedhoc, Side.RESPONDER)
    assert bout.told == {"refused": "message_1 -130 suite"}
    assert bout.sent[-1] == cbor.encode_sequence(2, 4)
