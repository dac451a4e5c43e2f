"""Every CBOR value in the vectors, and all that is said on a day, is as its rule in the schema says."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from eiraku.testing.heard import as_array

VECTORS = Path(__file__).parents[3] / "spec" / "vectors"
Judge = Callable[[str, bytes], bool]

OBJECTS: Mapping[str, Mapping[str, str]] = {
    **{
        name: {"payload": "bulletin-payload", "bulletin": "signed-bulletin", "update": "bulletin-update"}
        for name in ("bulletin", "bulletin-2")
    },
    "delta": {"delta": "delta", "update": "bulletin-update"},
    "unit": {"payload": "unit-payload", "unit": "signed-unit"},
    "purse-id-A": {"payload": "purse-id-claims", "purse_id": "signed-purse-id"},
    "purse-id-B": {"payload": "purse-id-claims", "purse_id": "signed-purse-id"},
    "sealed-purse-id-A": {"ead_item": "ead-purse-id", "id_cred": "id-cred"},
    "sealed-purse-id-B": {"ead_item": "ead-purse-id", "id_cred": "id-cred"},
    "genesis": {"endorsement_payload": "endorsement-payload", "layer": "history-layer"},
    "first-move": {"endorsement_payload": "endorsement-payload", "layer": "history-layer"},
    **{
        f"{centre}-keys-{n}": {"payload": f"{centre}-keys-payload", "key_list": f"signed-{centre}-keys"}
        for centre in ("device", "money")
        for n in (1, 2)
    },
    **{
        f"unit-under-{name}": {"payload": "unit-payload", "unit": "signed-unit"}
        for name in ("revoked-key", "successor")
    },
    "receipt": {"receipt_payload": "receipt-payload"},
    "handshake": {f"message_{n}": f"message-{n}" for n in (1, 2, 3, 4)},
    **{
        f"message-{name}": {"plaintext": name, "record": "record"}
        for name in ("request", "offer", "accept", "pay", "receipt")
    },
}
"""The rule of each value of `epp1.json` that is CBOR, by vector and name."""

RAW = {
    *("private_key", "public_key", "kid", "scheme_key", "nonce", "key_and_iv", "unit_id", "signature"),
    *("ephemeral", "ephemeral_initiator", "ephemeral_responder", "history_private_key", "sealed_history"),
    *("member_key", "prk_exporter", "com_ka", "com_kb", "id"),
}
"""Names of values that are no CBOR: keys, digests, signatures, ciphertexts."""

WHOLESALE = {"entries": "entry"}
"""The rules of what is CBOR in the log of `wholesale.json`; everything else there is hashes and numbers."""

# EDHOC's own traces, signatures and notes of other projects: none has an object of EPP/1 in it.
ELSEWHERE = {"rfc9529.json", "ed25519-speccheck.json", "c2sp-notes.json"}


def epp1() -> Iterator[tuple[str, str, str]]:
    """Vector, name and hexadecimal value."""
    for vector in json.loads((VECTORS / "epp1.json").read_text())["vectors"]:
        yield from ((vector["id"], name, value) for name, value in vector["values"].items())


def test_every_file_of_vectors_is_known() -> None:
    assert {path.name for path in VECTORS.glob("*.json")} == ELSEWHERE | {"epp1.json", "wholesale.json"}


@pytest.mark.parametrize(("vector", "name", "value"), tuple(epp1()))
def test_vectors(vector: str, name: str, value: str, cddl_verifier: Judge, zcbor: Judge) -> None:
    """One without a rule is either no CBOR or new: then it gets one."""
    rule = OBJECTS.get(vector, {}).get(name)
    assert (rule is None) == (name in RAW), "expected a rule in OBJECTS, or the name in RAW"
    if rule is not None:
        data = bytes.fromhex(value)
        data = as_array(data) if rule in {"message-1", "ead-purse-id"} else data
        assert cddl_verifier(rule, data)
        assert zcbor(rule, data)


@pytest.mark.parametrize("part", WHOLESALE)
def test_the_log(part: str, cddl_verifier: Judge, zcbor: Judge) -> None:
    log: dict[str, Any] = json.loads((VECTORS / "wholesale.json").read_text())["log"]
    assert log.keys() == {"origin", "private_key", "operator", "accounts", "checkpoints", *WHOLESALE}
    assert log[part]
    for row in log[part]:
        data = bytes.fromhex(row if isinstance(row, str) else row["entry"])
        assert cddl_verifier(WHOLESALE[part], data)
        assert zcbor(WHOLESALE[part], data)


def test_everything_that_is_said(heard: dict[str, list[bytes]], cddl_verifier: Judge, zcbor: Judge) -> None:
    """Whole sessions, news, signed objects, requests and answers of services."""
    for rule, values in heard.items():
        for data in values:
            assert cddl_verifier(rule, data), (rule, data.hex())
            assert zcbor(rule, data), (rule, data.hex())
    whole = {f"message-{n}" for n in (1, 2, 3, 4)} | {
        "record",
        "request",
        "offer",
        "accept",
        "pay",
        "receipt",
    }
    assert whole | {"redeliver", "reject", "signed-request", "enrol-answer"} <= heard.keys()
