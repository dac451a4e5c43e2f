"""Whole handshakes in both suites: agreement, tampering with every byte, replays, identities."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.edhoc import errors, initiator, messages, responder
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.testing.handshakes import X, Y, cred, id_cred, in_suite, party, readers, refused, resolve, run

SUITES = pytest.mark.parametrize("suite", (4, 0))


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
                if position == 0 and expected != 0:
                    # EPP-SES-018: it begins with an integer
                    with pytest.raises(errors.PeerError):
                        read(source.sent[position])
                elif position != expected or (source is other and position != 0):
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


def by_ead(_id_cred: cbor.Map, ead: Sequence[Ead]) -> Credential[str]:
    """The credential that is named by the one item with label 7."""
    (item,) = ead
    assert item.label == 7
    return resolve({4: item.value or b""})


@pytest.mark.parametrize("before", ((), (Ead(label=8, value=b"x"),)), ids=["alone", "with another"])
def test_credential_from_ead(before: tuple[Ead, ...]) -> None:
    """What brings the credential goes to the resolver, and to nobody else; the rest not to the resolver."""
    ours: dict[str, Any] = {"id_cred": {4: b"\x01"}, "resolve": by_ead, "credential_labels": frozenset({7})}
    alice, bob = (
        replace(
            party(name), **ours, credential_ead=(*before, Ead(label=7, value=name.encode(), critical=True))
        )
        for name in ("alice", "bob")
    )
    done = run(alice, bob)
    assert (done.at_initiator.peer.subject, done.at_responder.peer.subject) == ("bob", "alice")


def test_what_brings_the_credential_is_signed() -> None:
    """An item that is changed on the way, and still brings the same credential, is refused (EPP-SES-030)."""
    alice = replace(party("alice"), resolve=by_ead, credential_labels=frozenset({7}))
    sent = replace(party("bob"), credential_ead=(Ead(label=7, value=b"bob"),))
    wait_2, message_1 = initiator.write_message_1(alice, ephemeral=X)
    first = responder.read_message_1(sent, message_1)
    _, message_2 = responder.write_message_2(first, ephemeral=Y)
    assert initiator.read_message_2(wait_2, message_2).peer.subject == "bob"
    content = bytearray(message_2)
    # label 7, critical: the head before the 4 bytes of the value
    content[-5] ^= 0x07 ^ 0x26
    refusal = refused(initiator.read_message_2, wait_2, bytes(content))
    assert refusal.requirement == "EPP-SES-013"


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
