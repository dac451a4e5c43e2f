"""What a handshake carries beside its keys: EAD, suites, methods, sizes, error messages."""

from dataclasses import replace
from functools import partial

import pytest

from eiraku.reference.edhoc import errors, initiator, messages, responder, schedule
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.testing.handshakes import EAD, VERSION, X, Y, in_suite, party, readers, refused, run

SUITES = pytest.mark.parametrize("suite", (4, 0))


# --- EAD ---


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


# --- suites, methods, sizes ---


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
    wide = replace(party("alice"), id_cred={4: bytes(2000)})
    with pytest.raises(ValueError, match="2048"):
        run(wide, party("bob"))


# --- errors ---


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


@pytest.mark.parametrize(
    ("wire", "code"),
    (
        ("00f5", 0),
        ("0001", 0),
        ("01", None),
        ("02", None),
        ("016161f6", None),
        ("03f7", None),
        ("03c100", None),
        ("03f90000", None),
        ("18", None),
        ("1801f5", None),
        ("1f", None),
        ("3bff", None),
        ("01" + "58ff" * 2000, None),
    ),
)
def test_all_that_begins_with_an_integer_is_a_peer_error(wire: str, code: int | None) -> None:
    """EPP-SES-018: where a byte string is due, the first byte decides."""
    for read in readers(in_suite(4))[1:]:
        with pytest.raises(errors.PeerError) as caught:
            read(bytes.fromhex(wire))
        assert caught.value.code == code


@pytest.mark.parametrize("wire", ("", "616100", "f5", "80", "a0", "c100", "820101", "ff"))
def test_what_begins_with_something_else_is_no_peer_error(wire: str) -> None:
    for read in readers(in_suite(4))[1:]:
        assert refused(read, bytes.fromhex(wire)).code is Code.MALFORMED


def test_no_suites_is_no_error_message() -> None:
    with pytest.raises(ValueError, match="no cipher suite"):
        errors.wrong_suite(())
