"""The traces of RFC 9529: every value of the method-0 trace, and the invalid messages.

The trace's inputs are its private keys, identifiers and credentials; everything else in it is computed here
and compared. A value in the file that this test does not know fails it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference.crypto import ed25519, hkdf
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import initiator, messages, responder, schedule
from eiraku.reference.edhoc.errors import SuiteRefused
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

FILE = Path(__file__).resolve().parents[3] / "spec/src/eiraku/spec/vectors/rfc9529.json"
DATA: dict[str, Any] = json.loads(FILE.read_text())
TRACE: list[dict[str, str]] = DATA["method_0_suite_0"]


def short(entry: dict[str, str]) -> str:
    """Name of an entry without its prose and length: 'G_X (Raw Value) (32 bytes)' -> 'G_X raw'."""
    if entry["section"].startswith("Certificates"):
        return entry["section"]
    name = re.sub(r" \(\d+ bytes?\)$", "", entry["name"])
    for long, form in ((" (CBOR Data Item)", " item"), (" (CBOR byte string)", " bstr")):
        name = name.replace(long, form)
    name = name.replace(" (Raw Value)", " raw").replace(" (CBOR Sequence)", "")
    name = name.replace(" (ECDH shared secret)", "")
    return name.split(" | ")[1] if " | " in name and not name.endswith("-16") else name


FOUND = {short(entry): bytes.fromhex(entry["hex"]) for entry in TRACE if "(int)" not in entry["name"]}
ROOT_KEY = FOUND["Certificates / Common Root Certificate"][:32]


def check_certificate(der: bytes, printed: bytes) -> None:
    """The certificate holds the printed key and signature (96 bytes) and verifies under the common root."""
    assert der[:3] == b"\x30\x81\xee"
    assert der[3:6] == b"\x30\x81\xa1"
    signed = der[3 : 6 + 0xA1]
    assert printed[:32] in signed
    assert der.endswith(printed[32:])
    assert ed25519.verify(ROOT_KEY, signed, printed[32:])


def resolve(id_cred: cbor.Map, _ead: Sequence[Ead]) -> Credential[str]:
    """x5t (COSE header 34) with SHA-256/64 (-15), over the trace's two certificates."""
    for who in ("I", "R"):
        der = FOUND[f"CRED_{who} raw"]
        if id_cred == {34: (-15, hashlib.sha256(der).digest()[:8])}:
            key = FOUND[f"PK_{who} raw"]
            return Credential(cred=cbor.encode(der), public_key=key, subject=who)
    raise Refusal(Code.AUTHENTICATION, "RFC 9528 section 3.5", "unknown certificate")


def party(who: str, *, suites: tuple[int, ...] = (0,)) -> Party[str]:
    id_cred = cbor.decode(FOUND[f"ID_CRED_{who} item"])
    assert isinstance(id_cred, dict)
    return Party(
        suites=suites,
        connection_id=FOUND[f"C_{who} raw"],
        id_cred=id_cred,
        cred=cbor.encode(FOUND[f"CRED_{who} raw"]),
        key=ed25519.SigningKey(FOUND[f"SK_{who} raw"]),
        resolve=resolve,
    )


def run() -> tuple[list[bytes], Established[str], Established[str], bytes]:
    """The trace's handshake through the public functions: messages, both results, the responder's PRK."""
    wait_2, message_1 = initiator.write_message_1(party("I"), ephemeral=FOUND["X raw"])
    first = responder.read_message_1(party("R"), message_1)
    wait_3, message_2 = responder.write_message_2(first, ephemeral=FOUND["Y raw"])
    second = initiator.read_message_2(wait_2, message_2)
    wait_4, message_3 = initiator.write_message_3(second)
    third = responder.read_message_3(wait_3, message_3)
    at_responder, message_4 = responder.write_message_4(third)
    at_initiator = initiator.read_message_4(wait_4, message_4)
    assert (second.peer.subject, third.peer.subject) == ("R", "I")
    assert wait_3.prk == second.prk == wait_4.prk == third.prk
    return [message_1, message_2, message_3, message_4], at_initiator, at_responder, third.prk


def computed() -> dict[str, bytes]:
    """Every value of the trace, by the name that `short` gives it, from the trace's inputs alone."""
    item = cbor.encode
    x, y = AgreementKey(FOUND["X raw"]), AgreementKey(FOUND["Y raw"])
    sk_r, sk_i = ed25519.SigningKey(FOUND["SK_R raw"]), ed25519.SigningKey(FOUND["SK_I raw"])
    c_i, c_r = FOUND["C_I raw"], FOUND["C_R raw"]
    cert_r, cert_i = FOUND["CRED_R raw"], FOUND["CRED_I raw"]
    cred_r, cred_i = item(cert_r), item(cert_i)
    id_r = item({34: (-15, hashlib.sha256(cert_r).digest()[:8])})
    id_i = item({34: (-15, hashlib.sha256(cert_i).digest()[:8])})
    suite, h = schedule.SUITES[0], schedule.digest
    key_length, iv_length = suite.aead.key_length, suite.aead.nonce_length

    message_1 = b"\x00\x00" + item(x.public) + messages.encode_identifier(c_i)
    th_2_input = item(y.public) + item(h(message_1))
    th_2 = schedule.th_2(y.public, h(message_1))
    prk = schedule.prk_2e(th_2, x.agree(y.public))
    context_2 = schedule.context(id_r, th_2, cred_r, b"", c_r=messages.encode_identifier(c_r))
    mac_2 = schedule.mac(prk, schedule.MAC_2, context_2)
    m_2 = schedule.to_be_signed(id_r, th_2, cred_r, b"", mac_2)
    signature_2 = sk_r.sign(m_2)
    plaintext_2 = messages.encode_identifier(c_r) + id_r + item(signature_2)
    keystream_2 = schedule.keystream_2(prk, th_2, len(plaintext_2))
    ciphertext_2 = schedule.xor(plaintext_2, keystream_2)

    th_3 = schedule.next_th(th_2, plaintext_2, cred_r)
    context_3 = schedule.context(id_i, th_3, cred_i, b"")
    mac_3 = schedule.mac(prk, schedule.MAC_3, context_3)
    m_3 = schedule.to_be_signed(id_i, th_3, cred_i, b"", mac_3)
    signature_3 = sk_i.sign(m_3)
    plaintext_3 = id_i + item(signature_3)
    labels_3, labels_4 = (schedule.K_3, schedule.IV_3), (schedule.K_4, schedule.IV_4)
    ciphertext_3 = schedule.seal(suite, prk, th_3, labels_3, plaintext_3)

    th_4 = schedule.next_th(th_3, plaintext_3, cred_i)
    ciphertext_4 = schedule.seal(suite, prk, th_4, labels_4, b"")
    out = schedule.prk_out(prk, th_4)
    exporter = schedule.prk_exporter(out)
    context = FOUND["context for KeyUpdate raw"]
    out_2 = schedule.kdf(out, 11, context, 32)  # EDHOC_KeyUpdate, which EPP/1 does not use
    exporter_2 = schedule.prk_exporter(out_2)
    info, kdf = schedule.info, schedule.kdf

    values = {
        "METHOD item": b"\x00",
        "SUITES_I item": b"\x00",
        "X raw": FOUND["X raw"],
        "Y raw": FOUND["Y raw"],
        "G_X": x.public,
        "G_Y": y.public,
        "C_I raw": c_i,
        "C_I item": messages.encode_identifier(c_i),
        "C_R raw": c_r,
        "C_R item": messages.encode_identifier(c_r),
        "EAD_1": messages.encode_ead(()),
        "EAD_2": b"",
        "EAD_3": b"",
        "EAD_4": b"",
        "message_1": message_1,
        "H(message_1)": h(message_1),
        "Input to calculate TH_2": th_2_input,
        "TH_2": th_2,
        "G_XY": x.agree(y.public),
        "salt": th_2,
        "PRK_2e": prk,
        "PRK_3e2m": prk,
        "PRK_4e3m": prk,
        "SK_R raw": FOUND["SK_R raw"],
        "SK_I raw": FOUND["SK_I raw"],
        "PK_R": sk_r.public,
        "PK_I": sk_i.public,
        "ID_CRED_R item": id_r,
        "ID_CRED_I item": id_i,
        "CRED_R": cert_r,
        "CRED_I": cert_i,
        "context_2": context_2,
        "context_2 bstr": item(context_2),
        "info for MAC_2": info(schedule.MAC_2, context_2, 32),
        "MAC_2": mac_2,
        "Message to be signed 2 item": m_2,
        "Signature_or_MAC_2": signature_2,
        "PLAINTEXT_2": plaintext_2,
        "info for KEYSTREAM_2": info(schedule.KEYSTREAM_2, th_2, len(plaintext_2)),
        "KEYSTREAM_2": keystream_2,
        "CIPHERTEXT_2": ciphertext_2,
        "message_2": item(y.public + ciphertext_2),
        "Input to calculate TH_3": item(th_2) + plaintext_2 + cred_r,
        "TH_3": th_3,
        "context_3": context_3,
        "context_3 bstr": item(context_3),
        "info for MAC_3": info(schedule.MAC_3, context_3, 32),
        "MAC_3": mac_3,
        "Message to be signed 3 item": m_3,
        "Signature_or_MAC_3": signature_3,
        "PLAINTEXT_3": plaintext_3,
        "A_3 item": schedule.enc_structure(th_3),
        "info for K_3": info(schedule.K_3, th_3, key_length),
        "K_3": kdf(prk, schedule.K_3, th_3, key_length),
        "info for IV_3": info(schedule.IV_3, th_3, iv_length),
        "IV_3": kdf(prk, schedule.IV_3, th_3, iv_length),
        "CIPHERTEXT_3": ciphertext_3,
        "message_3": item(ciphertext_3),
        "Input to calculate TH_4": item(th_3) + plaintext_3 + cred_i,
        "TH_4": th_4,
        "PLAINTEXT_4": b"",
        "A_4 item": schedule.enc_structure(th_4),
        "info for K_4": info(schedule.K_4, th_4, key_length),
        "K_4": kdf(prk, schedule.K_4, th_4, key_length),
        "info for IV_4": info(schedule.IV_4, th_4, iv_length),
        "IV_4": kdf(prk, schedule.IV_4, th_4, iv_length),
        "CIPHERTEXT_4": ciphertext_4,
        "message_4": item(ciphertext_4),
        "info for PRK_out": info(schedule.PRK_OUT, th_4, 32),
        "PRK_out": out,
        "info for PRK_exporter": info(schedule.PRK_EXPORTER, b"", 32),
        "PRK_exporter": exporter,
        # Exporter labels 0 and 1 are OSCORE's Master Secret and Master Salt (RFC 9528 appendix A.1).
        "Client's OSCORE Sender ID": c_r,
        "Server's OSCORE Sender ID": c_i,
        "info for OSCORE Master Secret": info(0, b"", 16),
        "OSCORE Master Secret": kdf(exporter, 0, b"", 16),
        "info for OSCORE Master Salt": info(1, b"", 8),
        "OSCORE Master Salt": kdf(exporter, 1, b"", 8),
        "context for KeyUpdate": context,
        "PRK_out after KeyUpdate": out_2,
        "PRK_exporter after KeyUpdate": exporter_2,
        "OSCORE Master Secret after KeyUpdate": kdf(exporter_2, 0, b"", 16),
        "OSCORE Master Salt after KeyUpdate": kdf(exporter_2, 1, b"", 8),
    }
    # Where the file prints a value both raw and as a byte string, both follow from the raw one.
    for name, value in list(values.items()):
        values.setdefault(f"{name} raw", value)
        values.setdefault(f"{name} item", item(value))
    return values


COMPUTED = computed()


@pytest.mark.parametrize("entry", TRACE, ids=[f"{n}-{e['section']}-{short(e)}" for n, e in enumerate(TRACE)])
def test_every_value(entry: dict[str, str]) -> None:
    name = short(entry)
    if name == "Application AEAD Algorithm (int)":
        # Printed in decimal: 10 is AES-CCM-16-64-128 in the COSE registry.
        assert entry["hex"] == "10"
        assert schedule.SUITES[0].aead.name == "AES-CCM-16-64-128"
        return
    if name == "Application Hash Algorithm (int) | -16":
        # SHA-256 in the COSE registry.
        assert schedule.digest(b"") == hashlib.sha256().digest()
        assert len(schedule.digest(b"")) == hkdf.HASH_LENGTH
        return
    if name.startswith("Certificates / "):
        who = {"Responder": "R", "Initiator": "I"}.get(name.split()[2])
        assert len(bytes.fromhex(entry["hex"])) == 96
        if who is not None:
            assert COMPUTED[f"PK_{who}"] == bytes.fromhex(entry["hex"])[:32]
            check_certificate(COMPUTED[f"CRED_{who}"], bytes.fromhex(entry["hex"]))
        return
    assert COMPUTED[name].hex() == entry["hex"]
    length = re.search(r"\((\d+) bytes?\)$", entry["name"])
    assert length is not None
    assert len(COMPUTED[name]) == int(length[1])


def test_handshake_reproduces_the_trace() -> None:
    sent, at_initiator, at_responder, prk = run()
    assert [m.hex() for m in sent] == [COMPUTED[f"message_{n}"].hex() for n in (1, 2, 3, 4)]
    assert prk == FOUND["PRK_4e3m raw"]
    for side in (at_initiator, at_responder):
        assert side.prk_out == FOUND["PRK_out raw"]
        assert side.prk_exporter == FOUND["PRK_exporter raw"]
        assert side.exporter(0, b"", 16) == FOUND["OSCORE Master Secret raw"]
        assert side.exporter(1, b"", 8) == FOUND["OSCORE Master Salt raw"]
    assert at_initiator.peer_connection_id == FOUND["C_R raw"]
    assert at_responder.peer_connection_id == FOUND["C_I raw"]


# The invalid messages belong to the trace of method 3 and suite 2 (P-256), but for one with suite 0. As
# published they are refused by us at the first thing that is wrong for us.
# Each row: the section, who reads it (see `deliver`), our code and requirement.
PUBLISHED = (
    ("Surplus array encoding of message", 1, Code.MALFORMED, "EPP-SES-029"),
    ("Surplus bstr encoding of connection identifier", 1, Code.MALFORMED, "EPP-SES-029"),
    ("Surplus array encoding of ciphersuite", 1, Code.MALFORMED, "EPP-SES-029"),
    ("Text string encoding of ephemeral key", 1, Code.MALFORMED, "EPP-SES-029"),
    ("Wrong number of CBOR sequence elements", 2, Code.MALFORMED, "EPP-SES-086"),
    ("Surplus map encoding of ID_CRED field", 20, Code.AUTHENTICATION, "EPP-SES-013"),
    ("Surplus bstr encoding of ID_CRED field", 20, Code.AUTHENTICATION, "EPP-SES-013"),
    ("Error in length of ephemeral key", 1, Code.MALFORMED, "EPP-SES-001"),  # method 3
    ("Error in elliptic curve representation", 1, Code.MALFORMED, "EPP-SES-001"),  # method 3
    ("Error in elliptic curve point", 1, Code.MALFORMED, "EPP-SES-001"),  # method 3
    ("Curve point of low order", 1, Code.MALFORMED, "EPP-SES-001"),  # method 3
    ("Error in length of MAC", 20, Code.AUTHENTICATION, "EPP-SES-013"),
    ("Error in elliptic curve encoding", 1, Code.MALFORMED, "EPP-SES-001"),  # method 3
    ("Unnecessary long encoding", 1, Code.MALFORMED, "EPP-ENC-002"),
    ("Indefinite-length array encoding", 1, Code.MALFORMED, "EPP-ENC-003"),
)

# The same defects in method 0 and suite 0, so that nothing else is wrong. The two P-256 defects have no
# counterpart: every string of 32 bytes is an X25519 key.
G_X = FOUND["G_X item"].hex()
LOW_ORDER = "5820edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
OURS = (
    ("Surplus array encoding of message", 1, f"840000{G_X}0e", "EPP-SES-029"),
    ("Surplus bstr encoding of connection identifier", 1, f"0000{G_X}410e", "EPP-SES-029"),
    ("Surplus array encoding of ciphersuite", 1, f"008100{G_X}0e", "EPP-SES-029"),
    ("Text string encoding of ephemeral key", 1, f"0000{'7820' + '61' * 32}0e", "EPP-SES-029"),
    ("Wrong number of CBOR sequence elements", 2, FOUND["G_Y item"].hex() + "4401020304", "EPP-SES-086"),
    ("Surplus map encoding of ID_CRED field", 20, f"27a1044132{'5840' + '00' * 64}", "EPP-SES-013"),
    ("Surplus bstr encoding of ID_CRED field", 20, f"274132{'5840' + '00' * 64}", "EPP-SES-013"),
    ("Error in length of ephemeral key", 1, f"0000{'5821' + '01' * 33}0e", "EPP-SES-029"),
    ("Curve point of low order", 1, f"0000{LOW_ORDER}0e", "EPP-SES-012"),
    ("Error in length of MAC", 20, f"2732{'583f' + '00' * 63}", "EPP-SES-013"),
    ("Error in elliptic curve encoding", 1, f"0000{'581f' + '01' * 31}0e", "EPP-SES-029"),
    ("Unnecessary long encoding", 1, f"190000{'00'}{G_X}0e", "EPP-ENC-002"),
    ("Indefinite-length array encoding", 1, f"009f0600ff{G_X}0e", "EPP-ENC-003"),
)


def deliver(kind: int, data: bytes) -> Refusal:
    """How the side that reads it refuses: a message_1 (1), a message_2 (2) or a PLAINTEXT_2 (20)."""
    reads = {1: responder_reads, 2: initiator_reads, 20: initiator_reads_plaintext}[kind]
    with pytest.raises(Refusal) as caught:
        reads(data)
    return caught.value


def responder_reads(message_1: bytes) -> None:
    first = responder.read_message_1(party("R", suites=(0, 4)), message_1)
    responder.write_message_2(first, ephemeral=FOUND["Y raw"])


def initiator_reads(message_2: bytes) -> None:
    wait_2, _ = initiator.write_message_1(party("I"), ephemeral=FOUND["X raw"])
    initiator.read_message_2(wait_2, message_2)


def initiator_reads_plaintext(plaintext_2: bytes) -> None:
    stream = schedule.keystream_2(FOUND["PRK_2e raw"], FOUND["TH_2 raw"], len(plaintext_2))
    initiator_reads(cbor.encode(FOUND["G_Y raw"] + schedule.xor(plaintext_2, stream)))


@pytest.mark.parametrize(("entry", "expected"), list(zip(DATA["invalid"], PUBLISHED, strict=True)))
def test_invalid_as_published(entry: dict[str, str], expected: tuple[str, int, Code, str]) -> None:
    section, kind, code, requirement = expected
    assert entry["section"].endswith(section)
    kinds = {"Invalid message_1": 1, "Invalid message_2": 2, "Invalid PLAINTEXT_2": 20}
    assert kinds[entry["name"].rsplit(" (", 1)[0]] == kind
    refusal = deliver(kind, bytes.fromhex(entry["hex"]))
    assert (refusal.code, refusal.requirement) == (code, requirement)


@pytest.mark.parametrize(("section", "kind", "raw", "requirement"), OURS, ids=[o[0] for o in OURS])
def test_invalid_in_our_method_and_suite(section: str, kind: int, raw: str, requirement: str) -> None:
    assert any(entry["section"].endswith(section) for entry in DATA["invalid"])
    assert deliver(kind, bytes.fromhex(raw)).requirement == requirement


def test_the_defect_is_the_only_one() -> None:
    responder.read_message_1(party("R"), bytes.fromhex(f"0000{G_X}0e"))
    with pytest.raises(Refusal, match="unknown certificate"):
        initiator_reads_plaintext(bytes.fromhex(f"2732{'5840' + '00' * 64}"))


def test_suite_of_the_other_trace_is_refused() -> None:
    with pytest.raises(SuiteRefused) as caught:
        responder.read_message_1(party("R", suites=(4, 0)), bytes.fromhex(f"0002{G_X}0e"))
    assert caught.value.suites == (4, 0)
