"""``report.json``: the run, the verdict on it, and one line per requirement.

The fields that hold times, and only they, differ between two runs with the same seed against the same
deterministic wallet; the schema marks them. Everything is sorted: results by check id, round trips by
verb, requirements in the order of the specification.

``report.schema.json`` (JSON Schema 2020-12) describes the file; `schema` makes it from the types.
"""

from importlib.resources import files
from typing import Any

import msgspec

from eiraku.conformance.results import Model, Run, to_json
from eiraku.conformance.verdict import Judgement, verdict
from eiraku.spec.errors import Refused

REPORT_FORMAT = "eiraku-report/1"
SCHEMA_ID = "urn:eiraku:report:1"


class Report(Model, frozen=True, kw_only=True):
    """The content of ``report.json``."""

    format: str = REPORT_FORMAT
    judgement: Judgement
    run: Run


def report(run: Run) -> Report:
    """Judge ``run``; sorted whatever the order it came in."""
    run = msgspec.structs.replace(
        run,
        results=tuple(sorted(run.results, key=lambda result: result.id)),
        round_trips=tuple(sorted(run.round_trips, key=lambda row: row.verb)),
    )
    return Report(judgement=verdict(run), run=run)


def render(run: Run) -> bytes:
    """The bytes of ``report.json``, indented, UTF-8."""
    return encode(report(run))


def read(data: bytes) -> Run:
    """The run in a ``report.json``. Raises Refused unless the file is what `render` makes of a run."""
    try:
        found = msgspec.json.decode(data, type=Report)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the report cannot be read: {error}") from None
    if report(found.run) != found:
        raise Refused("the report contradicts itself: its judgement does not follow from its results")
    return found.run


def encode(value: Report) -> bytes:
    """``value`` as JSON, indented, UTF-8."""
    # A wallet's output may hold lone surrogates, which have no UTF-8.
    return msgspec.json.format(msgspec.json.encode(_encodable(to_json(value))), indent=1) + b"\n"


def schema() -> bytes:
    """The bytes of ``report.schema.json``."""
    content: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **msgspec.json.schema(Report),
    }
    definitions = content["$defs"]
    definitions["Report"]["properties"]["format"] = {"const": REPORT_FORMAT, "default": REPORT_FORMAT}
    for name, field in _TIMES:
        definitions[name]["properties"][field]["$comment"] = "A time: differs from run to run."
    return msgspec.json.format(msgspec.json.encode(content, order="sorted"), indent=1) + b"\n"


def stored_schema() -> bytes:
    """``report.schema.json`` as packaged."""
    return files(__package__).joinpath("report.schema.json").read_bytes()


_TIMES = (
    ("Run", "started"),
    ("Run", "finished"),
    ("CheckResult", "seconds"),
    ("Exchange", "milliseconds"),
    *(("RoundTrips", field) for field in ("median", "p95", "maximum", "total")),
)


def _encodable(value: Any) -> Any:
    """``value`` with what has no UTF-8 as question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: _encodable(item) for key, item in value.items()}
    return value
