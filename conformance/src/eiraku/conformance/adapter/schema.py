"""``schema.json``: the adapter protocol as JSON Schema 2020-12, made from the types that parse its lines.

``eiraku maintain schema --write`` writes the file anew; a test compares it with the types.
"""

from importlib.resources import files
from typing import Any, get_args

import msgspec

from eiraku.conformance.adapter.protocol import ACCEPTED, IN_SESSION
from eiraku.conformance.adapter.requests import Request
from eiraku.conformance.adapter.responses import Bare, Errored, Rejected, RejectedInSession, Response
from eiraku.conformance.adapter.wire import MAX_LINE

FILE = "schema.json"


def schema() -> bytes:
    """The bytes of ``schema.json``: ``request`` and, for each verb, ``response_to_VERB``."""
    requests, responses = get_args(Request), get_args(Response)
    found, definitions = msgspec.json.schema_components(
        (*requests, *responses), ref_template="#/$defs/{name}"
    )
    of_kind = dict(zip((*requests, *responses), found, strict=True))
    lines = {"request": [of_kind[kind] for kind in requests]}
    for verb, accepted in ACCEPTED.items():
        rejected = RejectedInSession if verb in IN_SESSION else Rejected
        lines[f"response_to_{verb}"] = [of_kind[kind] for kind in (accepted, rejected, Errored, Bare)]
    content: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:eiraku:adapter:1",
        "title": "Eiraku adapter protocol, version 1",
        "description": "One line of JSON per request and per response, UTF-8, at most "
        f"{MAX_LINE} bytes with its newline. Any line is one of request and response_to_VERB; which response "
        "is allowed depends on the verb it answers.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in lines],
        "$defs": {name: {"oneOf": kinds} for name, kinds in lines.items()} | definitions,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def stored_schema() -> bytes:
    """``schema.json`` as packaged."""
    return files(__package__).joinpath(FILE).read_bytes()
