"""Whole handshakes in both suites: agreement, tampering with every byte, replays, EAD, suites, errors."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc import errors, initiator, messages, responder, schedule
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

KEYS = {name: SigningKey(hashlib.sha256(name.encode()).digest()) for name in ("alice", "bob", "carol")}
VERSION = 65001


def cred(name: str) -> bytes:
    return cbor.encode((name, KEYS[name].public, bytes(200)))


def id_cred(name: str) -> cbor.Map:
    return {-70001: hashlib.sha256(name.encode()).digest()}


def resolve(given_id: cbor.Map) -> Credential[str]:
    for name, key in KEYS.items():
        if given_id in (id_cred(name), {4: name.encode()}, {4: name[:1].encode()}, {4: b"\x01"}):
            return Credential(cred=cred(name), public_key=key.public, subject=name)
    raise Refusal(Code.AUTHENTICATION, "EPP-PID-010", "unknown")


def party(name: str, *, suites: tuple[int, ...] = (4, 0), connection_id: bytes = b"") -> Party[str]:
    return Party(
        suites=suites,
        connection_id=connection_id,
        id_cred=id_cred(name),
        cred=cred(name),
        key=KEYS[name],
        resolve=resolve,
        ead_labels=frozenset({VERSION}),
    )


X, Y = b"\x11" * 32, b"\x22" * 32
EAD = (Ead(label=VERSION, value=b"\x81\x01", critical=True),)
SUITES = pytest.mark.parametrize("suite", (4, 0))


@dataclass(frozen=True)
class Run:
    """Every state and message of one honest handshake."""

    wait_2: initiator.WaitMessage2[str]
    wait_3: responder.WaitMessage3[str]
    wait_4: initiator.WaitMessage4[str]
    sent: tuple[bytes, bytes, bytes, bytes]
    at_initiator: Established[str]
    at_responder: Established[str]


def run(alice: Party[str], bob: Party[str], x: bytes = X, y: bytes = Y) -> Run:
    wait_2, message_1 = initiator.write_message_1(alice, ephemeral=x, ead=EAD)
    first = responder.read_message_1(bob, message_1)
    wait_3, message_2 = responder.write_message_2(first, ephemeral=y, ead=EAD)
    second = initiator.read_message_2(wait_2, message_2)
    wait_4, message_3 = initiator.write_message_3(second)
    third = responder.read_message_3(wait_3, message_3)
    at_responder, message_4 = responder.write_message_4(third)
    at_initiator = initiator.read_message_4(wait_4, message_4)
    assert first.ead == second.ead == EAD
    assert third.ead == ()
    return Run(
        wait_2, wait_3, wait_4, (message_1, message_2, message_3, message_4), at_initiator, at_responder
    )


def in_suite(suite: int, x: bytes = X, y: bytes = Y) -> Run:
    return run(party("alice", suites=(suite,)), party("bob"), x, y)


def refused(call: Callable[..., object], *args: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call(*args)
    return caught.value


@SUITES
def test_both_sides_agree(suite: int) -> None:
    done = in_suite(suite)  # bob would prefer 4, but accepts 0 from one who does not offer 4
    assert done.wait_2.suite.number == suite
    assert done.at_initiator.peer.subject == "bob"
    assert done.at_responder.peer.subject == "alice"
    assert done.at_initiator.prk_exporter == done.at_responder.prk_exporter
    for label in (65001, 65002):
        key = done.at_initiator.exporter(label, b"", 32)
        assert key == done.at_responder.exporter(label, b"", 32)
        assert len(key) == 32
    assert done.at_initiator.exporter(65001, b"", 32) != done.at_initiator.exporter(65002, b"", 32)
    assert done.at_initiator.exporter(65001, b"", 32) != done.at_initiator.exporter(65001, b"x", 32)
    assert done.at_initiator.prk_exporter.hex() not in repr(done.at_initiator)


@SUITES
def test_same_randomness_same_bytes(suite: int) -> None:
    assert in_suite(suite).sent == in_suite(suite).sent


def spoilt(data: bytes) -> list[bytes]:
    """Every byte changed in four ways, every truncation, and a byte more."""
    changed = [
        data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        for at in range(len(data))
        for mask in (0x01, 0x20, 0x80, 0xFF)
    ]
    return changed + [data[:n] for n in range(len(data))] + [data + b"\x00", data + data]


def readers(done: Run) -> list[Callable[[bytes], object]]:
    """What reads message_1, 2, 3 and 4 in that handshake."""
    return [
        partial(responder.read_message_1, party("bob")),
        partial(initiator.read_message_2, done.wait_2),
        partial(responder.read_message_3, done.wait_3),
        partial(initiator.read_message_4, done.wait_4),
    ]


def answer_to(message_1: bytes) -> bytes | Refusal:
    try:
        first = responder.read_message_1(party("bob"), message_1)
        return responder.write_message_2(first, ephemeral=Y)[1]
    except Refusal as refusal:
        return refusal


@SUITES
def test_tampered_message_1(suite: int) -> None:
    """What the responder cannot see, the initiator sees in message_2: the transcript has two versions."""
    done = in_suite(suite)
    codes = set()
    for bad in spoilt(done.sent[0]):
        answer = answer_to(bad)
        if isinstance(answer, Refusal):
            codes.add(answer.code)
        else:
            assert refused(initiator.read_message_2, done.wait_2, answer).code is Code.AUTHENTICATION
    assert codes == {Code.MALFORMED, Code.SUITE}


@SUITES
@pytest.mark.parametrize("number", (2, 3, 4))
def test_tampered_message(suite: int, number: int) -> None:
    done = in_suite(suite)
    sent, read = done.sent[number - 1], readers(done)[number - 1]
    content = cbor.decode(sent)
    assert isinstance(content, bytes)
    head = len(sent) - len(content)
    for bad in spoilt(sent):
        code = refused(read, bad).code
        whole = len(bad) == len(sent) and bad[:head] == sent[:head]
        assert code is (Code.AUTHENTICATION if whole else Code.MALFORMED)
    # The same, with the head made to fit what is left.
    for length in range(len(content)):
        code = refused(read, cbor.encode(content[:length])).code
        assert code is (Code.MALFORMED if number == 2 and length < 32 else Code.AUTHENTICATION)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([4, 0]))
def test_any_bytes_at_any_position(data: bytes, suite: int) -> None:
    for read in readers(in_suite(suite)):
        for candidate in (data, cbor.encode(data)):
            with pytest.raises((Refusal, errors.PeerError)):
                read(candidate)


@SUITES
def test_messages_of_other_sessions_and_positions(suite: int) -> None:
    done, other = in_suite(suite), in_suite(suite, x=b"\x33" * 32, y=b"\x44" * 32)
    for expected, read in enumerate(readers(done)):
        for position in range(4):
            for source in (done, other):
                # Any message_1 opens a session; all others are good at one place only.
                if position != expected or (source is other and position != 0):
                    refused(read, source.sent[position])


def test_another_valid_identity_is_refused() -> None:
    """Bob signs, but shows Carol's credential (EPP-SES-030)."""
    carol = replace(party("bob"), id_cred=id_cred("carol"))
    wait_2, message_1 = initiator.write_message_1(party("alice"), ephemeral=X)
    _, message_2 = responder.write_message_2(responder.read_message_1(carol, message_1), ephemeral=Y)
    refusal = refused(initiator.read_message_2, wait_2, message_2)
    assert (refusal.code, refusal.requirement) == (Code.AUTHENTICATION, "EPP-SES-013")
    masked = replace(party("alice"), id_cred=id_cred("carol"), cred=cred("carol"))
    wait_2, message_1 = initiator.write_message_1(masked, ephemeral=X)
    wait_3, message_2 = responder.write_message_2(
        responder.read_message_1(party("bob"), message_1), ephemeral=Y
    )
    _, message_3 = initiator.write_message_3(initiator.read_message_2(wait_2, message_2))
    assert refused(responder.read_message_3, wait_3, message_3).requirement == "EPP-SES-013"


def test_refusal_of_the_resolver_passes_through() -> None:
    stranger = replace(party("bob"), id_cred={-70001: b"nobody"})
    wait_2, message_1 = initiator.write_message_1(party("alice"), ephemeral=X)
    _, message_2 = responder.write_message_2(responder.read_message_1(stranger, message_1), ephemeral=Y)
    assert refused(initiator.read_message_2, wait_2, message_2).requirement == "EPP-PID-010"


@pytest.mark.parametrize(
    ("raw", "wire"),
    (
        (b"", "40"),
        (b"\x00", "00"),
        (b"\x17", "17"),
        (b"\x18", "4118"),
        (b"\x1f", "411f"),
        (b"\x20", "20"),
        (b"\x37", "37"),
        (b"\x38", "4138"),
        (b"\x40", "4140"),
        (b"\xff", "41ff"),
        (b"\x00\x00", "420000"),
    ),
)
def test_connection_identifiers(raw: bytes, wire: str) -> None:
    assert messages.encode_identifier(raw).hex() == wire
    done = run(party("alice", connection_id=raw), party("bob", connection_id=raw))
    assert done.at_initiator.peer_connection_id == done.at_responder.peer_connection_id == raw
    assert done.sent[0][36 : 36 + len(wire) // 2].hex() == wire


@pytest.mark.parametrize("wire", ("4100", "4117", "4120", "4137", "1818", "3818", "6161", "80", "f6", "f5"))
def test_other_forms_of_connection_identifiers(wire: str) -> None:
    message_1 = bytes.fromhex("00045820" + "09" + "00" * 31 + wire)
    refusal = refused(responder.read_message_1, party("bob"), message_1)
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, "EPP-SES-029")


@pytest.mark.parametrize(("kid", "wire"), ((b"\x01", "01"), (b"b", "4162"), (b"bob", "43626f62")))
def test_compact_kid(kid: bytes, wire: str) -> None:
    assert messages.encode_id_cred({4: kid}).hex() == wire
    who = "alice" if kid == b"\x01" else "bob"
    done = run(party("alice"), replace(party(who), id_cred={4: kid}))
    assert done.at_initiator.peer.subject == who


def test_only_a_lone_kid_is_compact() -> None:
    for id_map in ({4: b"x", 34: b""}, {4: "x"}, {4: 1}, {34: b"x"}, {}):
        assert messages.encode_id_cred(id_map) == cbor.encode(id_map)  # type: ignore[arg-type]


# EAD


def message_1_with(ead: str) -> bytes:
    return bytes.fromhex("00045820" + "09" + "00" * 31 + "40" + ead)


@pytest.mark.parametrize(
    ("wire", "expected"),
    (
        ("", ()),
        ("00", ()),
        ("0043000000", ()),
        ("19fde9", (Ead(label=VERSION),)),
        ("39fde8", (Ead(label=VERSION, critical=True),)),
        ("39fde8428101", EAD),
        ("0039fde842810100420000", EAD),
        ("19fdea39fde8428101", EAD),
        ("19fdea414239fde8428101", EAD),
        ("39fde842810139fde8428101", EAD + EAD),
    ),
)
def test_ead_accepted(wire: str, expected: tuple[Ead, ...]) -> None:
    assert responder.read_message_1(party("bob"), message_1_with(wire)).ead == expected


@pytest.mark.parametrize(
    ("wire", "requirement"),
    (
        ("20", "EPP-SES-010"),
        ("39fde9", "EPP-SES-010"),
        ("39fde941ff", "EPP-SES-010"),
        ("39fde842810139fde9", "EPP-SES-010"),
        ("41ff", "EPP-ENC-008"),
        ("39fde8410141ff", "EPP-ENC-008"),
        ("39fde88101", "EPP-ENC-008"),
        ("39fde86161", "EPP-ENC-008"),
        ("f6", "EPP-ENC-008"),
        ("f4", "EPP-ENC-008"),
    ),
)
def test_ead_refused(wire: str, requirement: str) -> None:
    refusal = refused(responder.read_message_1, party("bob"), message_1_with(wire))
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, requirement)


def test_ead_in_every_message() -> None:
    alien = (Ead(label=7, value=b"x"), Ead(label=0, value=bytes(5)), Ead(label=0))
    secret = (Ead(label=7, value=b"x", critical=True),)
    alice, bob = party("alice"), party("bob")
    wait_2, message_1 = initiator.write_message_1(alice, ephemeral=X, ead=EAD + alien)
    first = responder.read_message_1(bob, message_1)
    _, bad = responder.write_message_2(first, ephemeral=Y, ead=secret)
    assert refused(initiator.read_message_2, wait_2, bad).requirement == "EPP-SES-010"
    wait_3, message_2 = responder.write_message_2(first, ephemeral=Y, ead=alien + EAD)
    second = initiator.read_message_2(wait_2, message_2)
    _, bad = initiator.write_message_3(second, ead=secret)
    assert refused(responder.read_message_3, wait_3, bad).requirement == "EPP-SES-010"
    wait_4, message_3 = initiator.write_message_3(second, ead=EAD + alien)
    third = responder.read_message_3(wait_3, message_3)
    _, bad = responder.write_message_4(third, ead=secret)
    assert refused(initiator.read_message_4, wait_4, bad).requirement == "EPP-SES-010"
    at_responder, message_4 = responder.write_message_4(third, ead=EAD + alien)
    at_initiator = initiator.read_message_4(wait_4, message_4)
    assert first.ead == second.ead == third.ead == at_initiator.ead_4 == EAD
    assert at_responder.prk_out == at_initiator.prk_out


@pytest.mark.parametrize("bad", (Ead(label=-1), Ead(label=0, critical=True)))
def test_ead_that_cannot_be_sent(bad: Ead) -> None:
    with pytest.raises(ValueError, match="padding"):
        messages.encode_ead([bad])


@SUITES
def test_plaintext_3_and_4_of_another_shape(suite: int) -> None:
    """A peer that holds the keys and still sends nonsense."""
    done = in_suite(suite)
    kid = "4162" + "5840" + "00" * 64
    for text in ("", "4162", "4162" + "583f" + "00" * 63, "f6" + kid[4:], "a1044162" + kid[4:], kid + "41"):
        sealed = schedule.seal(
            done.wait_3.suite,
            done.wait_3.prk,
            done.wait_3.th_3,
            (schedule.K_3, schedule.IV_3),
            bytes.fromhex(text),
        )
        refusal = refused(responder.read_message_3, done.wait_3, cbor.encode(sealed))
        assert (refusal.code, refusal.requirement) == (Code.AUTHENTICATION, "EPP-SES-013")
    for text in ("41ff", "f6", "6161", "18"):
        sealed = schedule.seal(
            done.wait_4.suite,
            done.wait_4.prk,
            done.wait_4.th_4,
            (schedule.K_4, schedule.IV_4),
            bytes.fromhex(text),
        )
        assert refused(initiator.read_message_4, done.wait_4, cbor.encode(sealed)).code is Code.AUTHENTICATION


# Suites


def test_suite_negotiation() -> None:
    alice, bob = party("alice", suites=(4, 0)), party("bob", suites=(0,))
    _, message_1 = initiator.write_message_1(alice, ephemeral=X)
    with pytest.raises(errors.SuiteRefused) as caught:
        responder.read_message_1(bob, message_1)
    assert (caught.value.code, caught.value.requirement) == (Code.SUITE, "EPP-SES-004")
    answer = errors.wrong_suite(caught.value.suites)
    assert answer.hex() == "0200"
    wait_2, _ = initiator.write_message_1(alice, ephemeral=X)
    with pytest.raises(errors.PeerError) as told:
        initiator.read_message_2(wait_2, answer)
    assert (told.value.code, told.value.suites) == (errors.WRONG_SUITE, (0,))
    wait_2, message_1 = initiator.write_message_1(alice, ephemeral=Y, peer_suites=told.value.suites)
    assert message_1[:4].hex() == "00820400"
    assert responder.read_message_1(bob, message_1).suite.number == wait_2.suite.number == 0
    with pytest.raises(errors.SuiteRefused) as caught:
        responder.read_message_1(party("carol", suites=(4, 0)), message_1)
    assert caught.value.requirement == "EPP-SES-005"
    assert errors.wrong_suite(caught.value.suites).hex() == "02820400"
    with pytest.raises(Refusal) as nothing:
        initiator.write_message_1(alice, ephemeral=X, peer_suites=(2, 3))
    assert nothing.value.code is Code.SUITE


@pytest.mark.parametrize("suites", ("80", "8104", "f6", "4104", "820441ff", "8204f5", "a0", "6134"))
def test_suites_of_another_shape(suites: str) -> None:
    message_1 = bytes.fromhex("00" + suites + "5820" + "09" + "00" * 31 + "40")
    refusal = refused(responder.read_message_1, party("bob"), message_1)
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, "EPP-SES-029")


@pytest.mark.parametrize("method", ("01", "02", "03", "20", "1863"))
def test_other_methods(method: str) -> None:
    message_1 = bytes.fromhex(method + "045820" + "09" + "00" * 31 + "40")
    assert refused(responder.read_message_1, party("bob"), message_1).requirement == "EPP-SES-001"


@pytest.mark.parametrize("key", ("4109", "581f" + "09" * 31, "5821" + "09" * 33, "40"))
def test_ephemeral_keys_of_another_length(key: str) -> None:
    refusal = refused(responder.read_message_1, party("bob"), bytes.fromhex("0004" + key + "40"))
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, "EPP-SES-029")
    done = in_suite(4)
    for content in (b"", bytes(31)):
        assert refused(initiator.read_message_2, done.wait_2, cbor.encode(content)).code is Code.MALFORMED


def test_small_order_ephemeral_keys() -> None:
    for point in (bytes(32), b"\x01" + bytes(31)):
        first = responder.read_message_1(party("bob"), b"\x00\x04\x58\x20" + point + b"\x40")
        refusal = refused(partial(responder.write_message_2, first, ephemeral=Y))
        assert (refusal.code, refusal.requirement) == (Code.AUTHENTICATION, "EPP-SES-012")
        refusal = refused(initiator.read_message_2, in_suite(4).wait_2, cbor.encode(point + bytes(100)))
        assert (refusal.code, refusal.requirement) == (Code.AUTHENTICATION, "EPP-SES-012")


def test_message_size() -> None:
    done = in_suite(4)
    long = cbor.encode(bytes(messages.LIMIT - 2))
    assert len(long) == messages.LIMIT + 1
    for read in readers(done):
        refusal = refused(read, long)
        assert (refusal.code, refusal.requirement) == (Code.TOO_LARGE, "EPP-SES-026")
        assert refused(read, cbor.encode(bytes(messages.LIMIT - 3))).code is not Code.TOO_LARGE
    wide = replace(party("alice"), id_cred={-70001: bytes(2000)})
    with pytest.raises(ValueError, match="2048"):
        run(wide, party("bob"))


# Errors


@pytest.mark.parametrize(
    ("wire", "code", "text", "suites"),
    (
        (errors.unspecified("refused").hex(), 1, "refused", ()),
        (errors.wrong_suite((4,)).hex(), 2, "", (4,)),
        (errors.wrong_suite((4, 0)).hex(), 2, "", (4, 0)),
        ("03f5", 3, "", ()),
        ("186f80", 111, "", ()),
        ("20f6", -1, "", ()),
        # EPP-SES-018: ERR_INFO of a type that its code does not have
        ("0140", 1, "", ()),
        ("0101", 1, "", ()),
        ("0280", 2, "", ()),
        ("028104", 2, "", ()),
        ("02f6", 2, "", ()),
        ("02820441ff", 2, "", ()),
    ),
)
def test_peer_error(wire: str, code: int, text: str, suites: tuple[int, ...]) -> None:
    done = in_suite(4)
    for read in readers(done)[1:]:
        with pytest.raises(errors.PeerError) as caught:
            read(bytes.fromhex(wire))
        error = caught.value
        assert (error.code, error.text, error.suites) == (code, text, suites)


@pytest.mark.parametrize("wire", ("01", "00f5", "0001", "016161f6", "02"))
def test_peer_error_of_another_shape(wire: str) -> None:
    refusal = refused(initiator.read_message_2, in_suite(4).wait_2, bytes.fromhex(wire))
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, "EPP-ENC-008")


def test_no_suites_is_no_error_message() -> None:
    with pytest.raises(ValueError, match="no cipher suite"):
        errors.wrong_suite(())
