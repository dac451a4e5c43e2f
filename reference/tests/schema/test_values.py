"""Every CBOR value in the vectors, and all that is said on a day, is as its rule in the schema says."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eiraku.spec.vectors import forms
from eiraku.testing.heard import as_array

Judge = Callable[[str, bytes], bool]
Value = tuple[str, str, str]
"""Id of the case, rule, hexadecimal value."""

OBJECTS = {
    "purse ID": ("purse-id-claims", "signed-purse-id"),
    "bulletin": ("bulletin-payload", "signed-bulletin"),
    "device keys": ("device-keys-payload", "signed-device-keys"),
    "money keys": ("money-keys-payload", "signed-money-keys"),
    "unit": ("unit-payload", "signed-unit"),
    "endorsement": ("endorsement-payload", None),
    "receipt": ("receipt-payload", None),
}
"""The rules of payload and COSE_Sign1."""

WHOLESALE = {"entries": "entry"}
"""The rules of what is CBOR in the log of `wholesale.json`; everything else there is hashes and numbers."""

# EDHOC's own traces, signatures and notes of other projects; numbers; keys; and what is refused.
ELSEWHERE = {"rfc9529.json", "ed25519.json", "c2sp-notes.json", "boundaries.json", "keys.json"}
NEGATIVE = {f"negative-{name}.json" for name in ("encoding", "objects", "session", "transfer", "holder")}
POSITIVE = {"objects.json", "revoked.json", "sealing.json", "session.json", "transfer.json", "wholesale.json"}


def values() -> Iterator[Value]:
    for signed in forms.load("objects.json", forms.Objects).cases:
        payload, whole = OBJECTS[signed.object]
        yield signed.id, payload, signed.outputs.payload
        if whole is not None and signed.outputs.encoded is not None:
            yield signed.id, whole, signed.outputs.encoded
    for sealed in forms.load("sealing.json", forms.Sealing).cases:
        if isinstance(sealed, forms.PurseIdSealing):
            yield sealed.id, "ead-purse-id", sealed.outputs.ead_item
        else:
            yield sealed.id, "history-layer", sealed.outputs.plaintext
    for listed in forms.load("revoked.json", forms.Revoked).cases:
        yield listed.id, "bulletin-update", listed.outputs.update
        if isinstance(listed, forms.ListDelta):
            yield listed.id, "delta", listed.outputs.delta
    for session in forms.load("session.json", forms.Session).cases:
        for number in (1, 2, 3, 4):
            yield session.id, f"message-{number}", session.outputs[f"message_{number}"]
        yield session.id, "id-cred", session.outputs["id_cred_i"]
    for told in forms.load("transfer.json", forms.Transfer).cases:
        for step in told.steps:
            yield told.id, step.message.lower(), step.plaintext
            yield told.id, "record", step.record


def test_every_file_of_vectors_is_known() -> None:
    folder = Path(forms.__file__).parent
    found = {path.name for path in folder.glob("*.json") if ".schema." not in path.name}
    assert found == ELSEWHERE | NEGATIVE | POSITIVE


@pytest.mark.parametrize(("case", "rule", "value"), tuple(values()))
def test_vectors(case: str, rule: str, value: str, cddl_verifier: Judge, zcbor: Judge) -> None:
    data = bytes.fromhex(value)
    data = as_array(data) if rule in {"message-1", "ead-purse-id"} else data
    assert cddl_verifier(rule, data), case
    assert zcbor(rule, data), case


@pytest.mark.parametrize("part", WHOLESALE)
def test_the_log(part: str, cddl_verifier: Judge, zcbor: Judge) -> None:
    log: dict[str, Any] = json.loads(forms.read("wholesale.json"))["log"]
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
