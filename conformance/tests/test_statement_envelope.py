"""The envelope of a statement: any changed byte is found; and the keys and files that it needs."""

import base64
import hashlib
import json
import runpy
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from eiraku.conformance.statement import content, envelope, inputs
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Misuse, Refused

SAMPLES = runpy.run_path(str(Path(__file__).with_name("statement_samples.py")))
KEY, SUBJECT, sample = SAMPLES["KEY"], SAMPLES["SUBJECT"], SAMPLES["sample"]
conformant, signed, accepted = SAMPLES["conformant"], SAMPLES["signed"], SAMPLES["accepted"]
pytestmark = pytest.mark.slow


# --- the envelope -------------------------------------------------------------------------------------------


def test_the_encoding_that_is_signed_is_that_of_the_standard() -> None:
    """The example of the DSSE protocol, version 1.0.2."""
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert envelope.pae("", b"") == b"DSSEv1 0  0 "


def test_another_reader_of_the_standard_verifies_it() -> None:
    """From the text of DSSE alone, with another library."""
    found = json.loads(signed())
    assert set(found) == {"payload", "payloadType", "signatures"}
    assert found["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(found["payload"], validate=True)
    (signature,) = found["signatures"]
    message = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    key = Ed25519PublicKey.from_public_bytes(KEY.public)
    key.verify(base64.b64decode(signature["sig"], validate=True), message)
    assert json.loads(payload)["_type"] == "https://in-toto.io/Statement/v1"


# A small statement: of the large one the middle of the payload is like the rest of it.
SMALL = envelope.sign(b'{"_type":"https://in-toto.io/Statement/v1"}', KEY)


def test_every_byte_counts() -> None:
    """Each byte of an envelope, changed to each other value, removed or doubled."""
    envelope.read(SMALL).verify(KEY.public)
    missed = []
    for at in range(len(SMALL)):
        changed = [
            SMALL[:at] + bytes([value]) + SMALL[at + 1 :] for value in range(256) if value != SMALL[at]
        ]
        changed += [SMALL[:at] + SMALL[at + 1 :], SMALL[: at + 1] + SMALL[at:]]
        for data in changed:
            try:
                envelope.read(data).verify(KEY.public)
            except Refused:
                continue
            if data != SMALL:
                missed.append((at, data))
    assert not missed


@given(data=st.data())
def test_any_change_of_a_whole_statement_is_refused(data: st.DataObject) -> None:
    whole = signed()
    at = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 4))
    other = data.draw(st.binary(max_size=6))
    changed = whole[:at] + other + whole[at + length :]
    if changed == whole:
        assert accepted(changed) == accepted(whole)
        return
    with pytest.raises(Refused):
        accepted(changed)


@pytest.mark.parametrize(
    "change",
    (
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b":", b": ", 1),
        lambda data: data.replace(b'"payload"', b'"p\\u0061yload"', 1),
        lambda data: data.replace(b"{", b'{"more":1,', 1),
        lambda data: data.replace(b'{"payload"', b'{"payload":"","payload"', 1),
        lambda data: json.dumps(json.loads(data), indent=1).encode(),
        lambda data: json.dumps(
            json.loads(data) | {"signatures": json.loads(data)["signatures"] * 2}
        ).encode(),
        lambda data: json.dumps(json.loads(data) | {"signatures": []}).encode(),
        lambda _: b"[" * 100_000,
        lambda _: b"",
        lambda _: b"null",
    ),
)
def test_the_same_in_another_encoding_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(Refused):
        accepted(change(signed()))


def test_a_key_that_did_not_sign_is_refused() -> None:
    other = SigningKey(bytes(32))
    with pytest.raises(Refused, match="expected a signature by the key"):
        accepted(signed(), other.public)
    found = envelope.read(signed())
    forged = envelope.Envelope(
        payload=found.payload, keyid=envelope.key_id(other.public), signature=found.signature
    )
    with pytest.raises(Refused, match="does not verify"):
        accepted(forged.encode(), other.public)


@pytest.mark.parametrize(
    "payload",
    (
        b"{}",
        b"[" * 100_000,
        b'{"_type":"https://in-toto.io/Statement/v0.1"}',
        json.dumps(json.loads(content.state(sample(), SUBJECT).encode())).encode(),
        content.state(sample(), SUBJECT).encode().replace(b'"subject"', b'"more":0,"subject"', 1),
    ),
    ids=("empty", "deep", "old", "spaced", "more"),
)
def test_a_payload_that_we_did_not_write_is_refused_though_signed(payload: bytes) -> None:
    with pytest.raises(Refused):
        accepted(envelope.sign(payload, KEY))


# --- keys and files -----------------------------------------------------------------------------------------


def openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True)


def test_keys_are_those_of_openssl(tmp_path: Path) -> None:
    key, public, der = tmp_path / "key", tmp_path / "public", tmp_path / "der"
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    openssl("pkey", "-pubin", "-in", str(public), "-outform", "DER", "-out", str(der))
    signing = inputs.private_key(key)
    assert inputs.public_key(public) == signing.public
    assert envelope.key_id(signing.public) == hashlib.sha256(der.read_bytes()).hexdigest()
    data = envelope.sign(content.state(conformant(), SUBJECT).encode(), signing)
    assert accepted(data, inputs.public_key(public)).subject == SUBJECT


def test_what_is_no_key_is_misuse(tmp_path: Path) -> None:
    key, public, secret, other = (tmp_path / name for name in ("key", "public", "secret", "other"))
    openssl("genpkey", "-algorithm", "ed25519", "-out", str(key))
    openssl("pkey", "-in", str(key), "-pubout", "-out", str(public))
    openssl("pkey", "-in", str(key), "-aes256", "-passout", "pass:word", "-out", str(secret))
    openssl("genpkey", "-algorithm", "x25519", "-out", str(other))
    for path, said in ((public, "private key in PEM"), (secret, "passphrase"), (other, "Ed25519 key")):
        with pytest.raises(Misuse, match=said):
            inputs.private_key(path)
    with pytest.raises(Misuse, match="public key in PEM"):
        inputs.public_key(key)
    openssl("pkey", "-in", str(other), "-pubout", "-out", str(public))
    with pytest.raises(Misuse, match="Ed25519 public key"):
        inputs.public_key(public)


def test_subjects_are_sorted_files_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    found = inputs.subjects([tmp_path / "b", tmp_path / "a"])
    assert [each.name for each in found] == [(tmp_path / name).as_posix() for name in ("a", "b")]
    assert found[0].digest == {"sha256": hashlib.sha256(b"a").hexdigest()}
    with pytest.raises(Misuse, match="named twice"):
        inputs.subjects([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(Misuse, match="expected a file"):
        inputs.subjects([tmp_path])
    with pytest.raises(FileNotFoundError):
        inputs.subjects([tmp_path / "c"])
