import contextlib
import json
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.conformance.adapter import schema
from eiraku.conformance.adapter.protocol import (
    ACCEPTED,
    ProtocolError,
    UnknownVerbError,
    check_request,
    check_response,
    parse_object,
    shorten,
)

HOSTILE = (
    b"[" * 5000,
    b'{"seq": 1, "a": ' * 50_000,
    b'{"seq": 1, "outcome": "accepted", "outcome": "rejected"}',
    b'{"seq": 1, "outcome": "accepted", "units": [{"hop": 0, "hop": 1}]}',
    b'{"seq": 1, "balance": 1e999}',
    b'{"seq": ' + b"9" * 5000 + b"}",
    b'{"seq": 1, "name": "\xff"}',
    b'{"seq": 1, "name": "\\ud800"}',
    b'{"seq": NaN}',
    b"\x00" * 100,
    b"",
)
SCHEMA = json.loads(schema.stored_schema())
A8, A16, A32 = "0a" * 8, "0b" * 16, "0c" * 32

PROVISION = {
    "seq": 3,
    "verb": "provision",
    "purse": {"number": A8, "private_key": A32, "purse_id": "d2"},
    "anchor": {
        "economies": [392],
        "device_root": A32,
        "money_root": A32,
        "device_keys": "d2",
        "money_keys": "d2",
        "device_seal": A16,
        "money_seal": A16,
        "scheme_keys": [A32],
    },
    "policy": {"max_hops": 8},
    "bulletin": None,
    "holdings": [{"unit": "d2", "hop": 0, "history": ""}],
}
REQUESTS = [
    {"seq": 1, "verb": "start", "protocol": {"min": 1, "max": 1}},
    {"seq": 1, "verb": "start", "protocol": {"min": 1, "max": 2}, "seed": A32},
    {"seq": 2, "verb": "reset"},
    PROVISION,
    {**PROVISION, "bulletin": "d2"},
    {"seq": 4, "verb": "act", "action": "pay", "amount": 5},
    {"seq": 4, "verb": "act", "action": "request", "amount": 5, "reference": "tea"},
    {"seq": 4, "verb": "act", "action": "receive"},
    {"seq": 4, "verb": "act", "action": "redeliver", "transaction": A16},
    {"seq": 4, "verb": "act", "action": "bulletin", "bulletin": "d2"},
    {"seq": 4, "verb": "act", "action": "keys", "centre": "device", "keys": "d2"},
    {"seq": 4, "verb": "act", "action": "scheme-key", "key": A32},
    {"seq": 5, "verb": "open", "role": "responder"},
    {"seq": 6, "verb": "deliver", "data": ""},
    {"seq": 7, "verb": "state"},
    {"seq": 8, "verb": "power_cut", "when": "now"},
    {"seq": 8, "verb": "power_cut", "when": "never"},
    {"seq": 8, "verb": "power_cut", "when": "after", "write": 1},
    {"seq": 9, "verb": "stop"},
]
BAD_REQUESTS = [
    {"verb": "reset"},
    {"seq": "1", "verb": "reset"},
    {"seq": 2, "verb": "reset", "hard": True},
    {"seq": 2, "verb": "fly"},
    {"seq": 1, "verb": "start"},
    {"seq": 1, "verb": "start", "protocol": {"min": 0, "max": 1}},
    {"seq": 1, "verb": "start", "protocol": {"min": 1, "max": 1}, "seed": "00"},
    {key: value for key, value in PROVISION.items() if key != "anchor"},
    {**PROVISION, "purse": {"number": A16, "private_key": A32, "purse_id": ""}},
    {**PROVISION, "holdings": [{"unit": "d2", "hop": -1, "history": ""}]},
    {"seq": 4, "verb": "act", "action": "steal", "amount": 5},
    {"seq": 4, "verb": "act", "action": "pay", "amount": -5},
    {"seq": 4, "verb": "act", "action": "pay", "amount": 1.5},
    {"seq": 4, "verb": "act", "action": "request", "amount": 5},
    {"seq": 4, "verb": "act", "action": "keys", "centre": "mint", "keys": "d2"},
    {"seq": 4, "verb": "act", "action": "scheme-key", "key": A16},
    {"seq": 5, "verb": "open", "role": "spectator"},
    {"seq": 6, "verb": "deliver", "data": "0"},
    {"seq": 6, "verb": "deliver", "data": "AB"},
    {"seq": 8, "verb": "power_cut", "when": "before"},
    {"seq": 8, "verb": "power_cut", "when": "before", "write": 0},
    {"seq": 8, "verb": "power_cut", "when": "now", "write": 1},
]

OK = {"seq": 1, "outcome": "accepted"}
ROOM = runpy.run_path(str(Path(__file__).with_name("fake_adapter.py")))["ROOM"]
STARTED = {**OK, "protocol": 1, "name": "n", "version": "", "capabilities": ["payer", "new"], "room": ROOM}
STATE = {
    **OK,
    "balance": 4,
    "epoch": 100,
    "units": [{"unit_id": A32, "value": 4, "hop": 1}],
    "pending": [{"transaction": A16, "payee": A8, "amount": 2, "units": [A32]}],
    "credited": [{"transaction": A16, "payer": A8, "amount": 2}],
    "settled": [{"transaction": A16, "payee": A8, "amount": 2}],
    "writes": 3,
    "digest": A32,
}
REJECTED = {"seq": 1, "outcome": "rejected", "code": "unit-expired"}
IN_SESSION = {**REJECTED, "out": None, "session": "closed"}
RESPONSES = [
    ("start", STARTED),
    ("reset", OK),
    ("provision", OK),
    ("provision", REJECTED),
    ("act", {**REJECTED, "detail": "too old"}),
    ("open", {**OK, "out": "00", "session": "open"}),
    ("deliver", {**OK, "out": None, "session": "closed"}),
    ("deliver", IN_SESSION),
    ("open", {**IN_SESSION, "detail": "", "out": "00"}),
    ("state", STATE),
    ("power_cut", OK),
    ("stop", OK),
    *((verb, {"seq": 1, "outcome": "errored", "detail": "sorry"}) for verb in ACCEPTED),
    *((verb, {"seq": 1, "outcome": "unsupported"}) for verb in ACCEPTED),
    *((verb, {"seq": 1, "outcome": "power-cut"}) for verb in ACCEPTED),
]
BAD_RESPONSES = [
    ("reset", {"outcome": "accepted"}),
    ("reset", {"seq": 1}),
    ("reset", {"seq": 1, "outcome": "ACCEPTED"}),
    ("reset", {**OK, "note": "extra"}),
    ("reset", {"seq": 1, "outcome": "errored"}),
    ("reset", {"seq": 1, "outcome": "unsupported", "detail": ""}),
    ("start", OK),
    ("start", {**STARTED, "name": ""}),
    ("start", {**STARTED, "capabilities": "payer"}),
    ("start", {**STARTED, "room": {**ROOM, "max_seen": 0}}),
    ("start", {**STARTED, "room": {**ROOM, "max_units": 1}}),
    ("start", {name: value for name, value in STARTED.items() if name != "room"}),
    ("open", OK),
    ("open", {**OK, "out": "0G", "session": "open"}),
    ("open", {**OK, "out": None, "session": "ajar"}),
    ("deliver", REJECTED),
    ("act", IN_SESSION),
    ("act", {"seq": 1, "outcome": "rejected"}),
    ("act", {"seq": 1, "outcome": "rejected", "code": "Unit Expired"}),
    ("state", {key: value for key, value in STATE.items() if key != "digest"}),
    ("state", {**STATE, "balance": -1}),
    ("state", {**STATE, "digest": A16}),
    ("state", {**STATE, "units": [{"unit_id": A32, "value": 0, "hop": 0}]}),
    ("deliver", {**OK, "out": None, "session": "open", "seq": 1.5}),
]


def validator(definition: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{definition}"}]})


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_packaged_schema_is_that_of_the_types() -> None:
    assert schema.stored_schema() == schema.schema(), "write it anew with: eiraku maintain schema --write"


def test_every_object_of_the_schema_is_described_and_closed() -> None:
    objects = {name: found for name, found in SCHEMA["$defs"].items() if found.get("type") == "object"}
    assert len(objects) + len(ACCEPTED) + 1 == len(SCHEMA["$defs"])
    for name, found in objects.items():
        assert found["description"].endswith("."), name
        assert found["additionalProperties"] is False, name


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_schema_and_structs_accept_requests(request_: dict[str, Any]) -> None:
    validator("request").validate(request_)
    check_request(request_)
    jsonschema.Draft202012Validator(SCHEMA).validate(request_)


@pytest.mark.parametrize("request_", BAD_REQUESTS, ids=str)
def test_schema_and_structs_refuse_requests(request_: dict[str, Any]) -> None:
    assert not validator("request").is_valid(request_)
    with pytest.raises(ProtocolError):
        check_request(request_)


@pytest.mark.parametrize(("verb", "response"), RESPONSES, ids=str)
def test_schema_and_structs_accept_responses(verb: str, response: dict[str, Any]) -> None:
    validator(f"response_to_{verb}").validate(response)
    check_response(verb, response)
    jsonschema.Draft202012Validator(SCHEMA).validate(response)


@pytest.mark.parametrize(("verb", "response"), BAD_RESPONSES, ids=str)
def test_schema_and_structs_refuse_responses(verb: str, response: dict[str, Any]) -> None:
    assert not validator(f"response_to_{verb}").is_valid(response)
    with pytest.raises(ProtocolError):
        check_response(verb, response)


def test_every_verb_has_examples() -> None:
    assert {request["verb"] for request in REQUESTS} == set(ACCEPTED)
    assert {verb for verb, _ in RESPONSES} == set(ACCEPTED)
    assert {f"response_to_{verb}" for verb in ACCEPTED} <= set(SCHEMA["$defs"])


def test_unknown_verb_is_told_apart_from_a_bad_request() -> None:
    with pytest.raises(UnknownVerbError):
        check_request({"seq": 1, "verb": "fly"})


@pytest.mark.parametrize("line", (b"", b"{", b"[]", b"1", b"\xff", b'{"seq": true}', b'{"seq": 1.0}', b"NaN"))
def test_lines_that_are_no_message(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_object(line)


def test_shortened_lines_are_printable() -> None:
    assert shorten(b"\x1b[31mred\x07") == "\\x1b[31mred\\x07"
    assert shorten("x" * 300).endswith("... (300 characters)")


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: shorten(line, 20))
def test_a_hostile_line_is_an_error_of_the_protocol(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="expected"):
        parse_object(line)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_line_is_an_object_or_an_error_of_the_protocol(line: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(parse_object(line), dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(RESPONSES), st.data())
def test_any_answer_is_a_response_or_an_error_of_the_protocol(
    right: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    """One field is anything, or is missing, or is one too many."""
    verb, answer = right[0], dict(right[1])
    name = data.draw(st.sampled_from(sorted(answer)) | st.text(max_size=8))
    if data.draw(st.booleans()):
        answer[name] = data.draw(JSON)
    else:
        answer.pop(name, None)
    with contextlib.suppress(ProtocolError):
        check_response(verb, answer)
