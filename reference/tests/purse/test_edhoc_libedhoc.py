"""An unmodified libedhoc carries an EPP purse: one made on it meets the reference purse, in both roles.

libedhoc is not part of this project: EIRAKU_LIBEDHOC names the folder with its `include` and `lib`. See
`docs/howto/edhoc-library.md` for how it must have been configured.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.reference import records
from eiraku.reference.device import Accepted
from eiraku.reference.edhoc import schedule
from eiraku.reference.edhoc.messages import Ead, encode_ead
from eiraku.reference.edhoc.party import Credential, Established
from eiraku.reference.purse import credential
from eiraku.reference.records import Channel
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, Request
from eiraku.spec.tables import Side
from eiraku.testing.purses import World
from eiraku.testing.stacks import REFUSED, SIDES, Alter, Bout, Ring, compiled

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).parent / "edhoc_stacks"
SEAL = credential.seal
PADDING = Ead(label=0, value=None, critical=False)


@pytest.fixture(scope="module")
def libedhoc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("libedhoc") / "purse"
    return compiled("libedhoc", ("libedhoc", "backend_cbor", "zcbor"), SOURCES, out)


@pytest.fixture
def ring(world: World) -> Ring:
    return Ring(world=world)


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
@pytest.mark.parametrize("suite", (4, 0))
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
    assert bout.sizes == [63 + first, 402 + second, 364 + tag, 1 + tag]


# EPP-SES-036
@SIDES
def test_an_empty_identifier_of_its_own(libedhoc: Path, ring: Ring, side: Side) -> None:
    """`edhoc_set_connection_id` refuses it."""
    bout = ring.meet(libedhoc, side, connection_id=b"")
    assert bout.told == {"refused": "prepare -104 library"}


# EPP-SES-020
@SIDES
@pytest.mark.parametrize("length", (0, 2, 8, 24, 256, 1000))
def test_identifiers_of_the_peer(libedhoc: Path, ring: Ring, side: Side, length: int) -> None:
    ring.manner = {"connection_id": bytes(length)}
    check_open(ring, ring.meet(libedhoc, side), 4, side)


# EPP-PID-012
@SIDES
@pytest.mark.parametrize("kid", (b"", b"\x02", b"\x20", bytes(2), bytes(288), bytes(544), bytes(1400)))
def test_another_kid(libedhoc: Path, ring: Ring, side: Side, kid: bytes) -> None:
    ring.manner = {"id_cred": {4: kid}}
    bout = ring.meet(libedhoc, side)
    assert bout.told["refused"].startswith(f"message_{2 if side is Side.INITIATOR else 3} ")
    assert bout.sent[-1] == REFUSED


# EPP-PID-006, EPP-PID-030, EPP-SES-062
@SIDES
def test_the_longest_purse_id(libedhoc: Path, ring: Ring, side: Side) -> None:
    """On both sides: `reserved` of 32 bytes. No message is longer."""
    ring.claims = {"reserved": bytes(32)}
    bout = ring.meet(libedhoc, side)
    check_open(ring, bout, 4, side)
    assert bout.sizes == [63, 402, 380, 17]


# EPP-SES-034, EPP-PID-014
@SIDES
@pytest.mark.parametrize("value", (None, b"", bytes(200)))
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
@pytest.mark.parametrize("which", (1, 2, 3, 4))
def test_an_altered_message(libedhoc: Path, ring: Ring, which: int) -> None:
    """Whoever receives it says that it is refused, and the other side closes."""
    side = Side.INITIATOR if which % 2 == 0 else Side.RESPONDER
    bout = ring.meet(libedhoc, side, flipped(which, -1))
    assert bout.told.keys() == {"refused"}
    assert bout.sent[which:] == [REFUSED]
    assert bout.results[-1] == Accepted(out=None, is_open=False)


def instead(which: int, other: bytes) -> Alter:
    """Something else stands in place of one message."""
    return lambda number, data: other if number == which else data


ERRORS = (
    REFUSED,
    cbor.encode_sequence(1, "refused"),
    b"\x00\xf5",
    cbor.encode_sequence(2, (0, 4)),
    b"\x03\x60",
)


# EPP-SES-018, EPP-SES-032
@pytest.mark.parametrize("which", (1, 2, 3, 4))
@pytest.mark.parametrize("error", ERRORS, ids=bytes.hex)
def test_an_error_is_not_answered(libedhoc: Path, ring: Ring, which: int, error: bytes) -> None:
    side = Side.INITIATOR if which % 2 == 0 else Side.RESPONDER
    bout = ring.meet(libedhoc, side, instead(which, error))
    assert bout.told == {"peer-error": error.hex()}
    assert bout.sent[which:] == []


# EPP-SES-026
@pytest.mark.parametrize("which", (2, 3, 4))
def test_a_message_that_is_too_large(libedhoc: Path, ring: Ring, which: int) -> None:
    side = Side.INITIATOR if which % 2 == 0 else Side.RESPONDER
    bout = ring.meet(libedhoc, side, instead(which, cbor.encode(bytes(2046))))
    assert bout.told == {"refused": "message 0 too-large"}
    assert bout.sent[which:] == [REFUSED]


# EPP-SES-018
@pytest.mark.parametrize("which", (2, 3, 4))
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
    assert bout.sizes == [63, 2]
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
@pytest.mark.parametrize("critical", (False, True))
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
    ring.padding = [Ead(label=credential.LABEL_PURSE_ID, value=bytes(288), critical=True)]
    bout = ring.meet(libedhoc, side)
    assert bout.told == {"refused": f"message_{2 if side is Side.INITIATOR else 3} -121 authentication"}


FORMS: dict[str, tuple[int, bytes]] = {
    "287 bytes": (255, b""),
    "289 bytes": (257, b""),
    "a second item": (256, b"\x01"),
    "an item after a zero": (256, b"\x00\x01"),
}
"""Bytes that are sealed, and what stands after the purse ID."""


# EPP-PID-010, EPP-PID-031
@SIDES
@pytest.mark.parametrize("form", FORMS)
def test_another_sealed_form(libedhoc: Path, ring: Ring, side: Side, form: str) -> None:
    size, after = FORMS[form]

    def seal(scheme_key: bytes, nonce: bytes, purse_id: bytes) -> Ead:
        return SEAL(scheme_key, nonce, purse_id + after)

    ring.patches = ((credential, "seal", seal), (objects, "PURSE_ID_MAX", size))
    bout = ring.meet(libedhoc, side)
    assert bout.told == {"refused": f"message_{2 if side is Side.INITIATOR else 3} -121 authentication"}
    assert bout.sent[-1] == REFUSED


# EPP-SES-004
def test_another_suite(libedhoc: Path, ring: Ring) -> None:
    """The library compares one suite, and says so with ERR_CODE 2."""
    ring.manner = {"suites": (0,)}
    bout = ring.meet(libedhoc, Side.RESPONDER)
    assert bout.told == {"refused": "message_1 -130 suite"}
    assert bout.sent[-1] == cbor.encode_sequence(2, 4)


# EPP-SES-002
def test_a_responder_with_both_suites(libedhoc: Path, ring: Ring) -> None:
    check_open(ring, ring.meet(libedhoc, Side.RESPONDER, suite=0), 4, Side.RESPONDER)


# EPP-SES-005, EPP-SES-061
@pytest.mark.parametrize("suites", ((4, 0), (0, 4), (6, 24), 2), ids=str)
def test_suites_of_a_responder_with_both(libedhoc: Path, ring: Ring, suites: cbor.Item) -> None:
    sent = own_message_1(ring.world, suites, [])
    bout = ring.meet(libedhoc, Side.RESPONDER, instead(1, sent), suite=0)
    assert bout.told == {"refused": "message_1 -130 suite"}
    assert bout.sent[-1] == cbor.encode_sequence(2, (4, 0))


def own_message_1(world: World, suites: cbor.Item, ead: Sequence[Ead]) -> bytes:
    """A message_1 of a member, with these suites and these items after the version."""
    ephemeral = (9).to_bytes(32, "little")
    before = cbor.encode_sequence(0, suites, ephemeral, b"") + encode_ead([credential.offer(), *ead])
    return before + encode_ead([credential.member(world.scheme_key, before)])


# EPP-SES-004, EPP-SES-034, EPP-SES-039
@pytest.mark.parametrize(
    ("suites", "ead", "told"),
    (
        ((0, 1, 4), [], None),
        (4, [PADDING], None),
        ((0, 1, 2, 4), [], "message_1 -130 suite"),
        (4, [PADDING, PADDING], "message_1 0 authentication"),
        (4, [credential.member(bytes(32), b""), PADDING], "message_1 0 authentication"),
    ),
    ids=["three suites", "three items", "four suites", "four items", "a member and a fourth item"],
)
def test_lists_of_more_than_three(
    libedhoc: Path, ring: Ring, suites: cbor.Item, ead: Sequence[Ead], told: str | None
) -> None:
    """The library decodes three of each, and drops the rest of message_1 without a word."""
    sent = own_message_1(ring.world, suites, ead)
    bout = ring.meet(libedhoc, Side.RESPONDER, instead(1, sent))
    assert bout.told.get("refused") == told


# EPP-SES-034
@SIDES
@pytest.mark.parametrize("count", (1, 2, 3))
def test_items_of_the_peer(libedhoc: Path, ring: Ring, side: Side, count: int) -> None:
    """Three items in all: EAD_2 has two of ours, EAD_3 one."""
    ring.padding = [PADDING] * count
    bout = ring.meet(libedhoc, side)
    if count + (2 if side is Side.INITIATOR else 1) <= 3:
        check_open(ring, bout, 4, side)
    else:
        assert bout.told["refused"].endswith("library")
