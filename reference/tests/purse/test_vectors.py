"""The published vectors are what this implementation computes, and hold together when read back."""

import json
from hashlib import sha256
from pathlib import Path

from eiraku.reference import vectors
from eiraku.reference.crypto import cose, hpke
from eiraku.reference.crypto.aead import CHACHA20_POLY1305
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec import cbor, messages, objects

FILE = Path(__file__).parents[3] / "spec" / "vectors" / "epp1.json"


def published() -> dict[str, dict[str, bytes]]:
    found = json.loads(FILE.read_text())["vectors"]
    return {v["id"]: {k: bytes.fromhex(h) for k, h in v["values"].items()} for v in found}


def test_file_is_current() -> None:
    assert json.loads(FILE.read_text()) == vectors.vectors(), "run eiraku maintain vectors --write"


def test_private_inputs_are_digests_of_their_names() -> None:
    assert published()["unit"]["private_key"] == sha256(b"unit key").digest()


def test_records_open_under_the_published_keys() -> None:
    """From chapter 6, without the reference's channel."""
    found = published()
    secrets = (found["handshake"]["com_ka"], found["handshake"]["com_kb"])
    for position, name in enumerate(("request", "offer", "accept", "pay", "receipt")):
        secret, number = secrets[position % 2], position // 2
        nonce = (int.from_bytes(secret[32:], "big") ^ number).to_bytes(12, "big")
        sealed = cbor.decode(found[f"message-{name}"]["record"])
        assert isinstance(sealed, bytes)
        plaintext = CHACHA20_POLY1305.open(secret[:32], nonce, b"", sealed)
        assert plaintext == found[f"message-{name}"]["plaintext"]
        assert type(messages.decode(plaintext)).__name__.lower() == name


def test_histories_open_with_the_history_key() -> None:
    found = published()
    info = objects.INFO_HISTORY + found["unit"]["unit_id"]
    for hop, name in enumerate(("genesis", "first-move")):
        sealed = found[name]["sealed_history"]
        assert len(sealed) == objects.history_size(hop)
        key = AgreementKey(found[name]["history_private_key"])
        assert hpke.open_(key, info, sealed) == found[name]["layer"]


def test_the_endorsement_is_the_one_that_pay_carries() -> None:
    found = published()
    pay = messages.decode(found["message-pay"]["plaintext"])
    assert isinstance(pay, messages.Pay)
    assert pay.endorsements == (found["first-move"]["signature"],)
    payer = objects.PurseId.decode(found["purse-id-A"]["payload"])
    assert cose.verify_detached(
        payer.public_key,
        objects.CONTEXT_ENDORSEMENT,
        found["first-move"]["endorsement_payload"],
        found["first-move"]["signature"],
    )
