"""All report files of a run of ``eiraku interop``."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from eiraku.conformance.interop.results import InteropRun, Report, Result, judge
from eiraku.conformance.results import Outcome, to_json
from eiraku.report.files import prepare, write
from eiraku.report.interop import page
from eiraku.report.text import one_line, visible


def as_json(run: InteropRun) -> bytes:
    """The bytes of ``report.json``: the run and the judgement on it."""
    content = msgspec.json.encode(encodable(to_json(Report(judgement=judge(run), run=run))))
    return msgspec.json.format(content, indent=1) + b"\n"


def encodable(value: object) -> object:
    """A wallet's output may hold lone surrogates, which have no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    return value


_ELEMENT = {
    Outcome.FAIL: "failure",
    Outcome.CRASH: "error",
    Outcome.TIMEOUT: "error",
    Outcome.ADAPTER_ERROR: "error",
    Outcome.HARNESS_ERROR: "error",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.NOT_RUN: "skipped",
}


def as_junit(run: InteropRun) -> bytes:
    """The bytes of ``junit.xml``: a suite for each route, a case for each scenario."""
    root = ET.Element("testsuites", {"name": "eiraku interop", **_totals(run.results, skipped=False)})
    for at, route in enumerate(dict.fromkeys(each.route for each in run.results)):
        results = [each for each in run.results if each.route == route]
        name = " to ".join(run.make(letter).title for letter in route)
        facts = {"name": one_line(name), "id": str(at), "package": "eiraku.interop"}
        moment = {"timestamp": run.started.removesuffix("Z")}
        suite = ET.SubElement(root, "testsuite", facts | moment | _totals(results, skipped=True))
        for each in results:
            _case(suite, each)
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _case(suite: ET.Element, result: Result) -> None:
    place = f"eiraku.interop.{'-'.join(result.route)}.{result.group.replace(' ', '-')}"
    name = f"{result.name} [{result.begins} begins]"
    facts = {"classname": place, "name": name, "time": f"{result.seconds:.3f}"}
    case = ET.SubElement(suite, "testcase", facts)
    kind = _ELEMENT.get(result.outcome)
    if kind is None:
        return
    message = one_line(result.reason)
    found = ET.SubElement(case, kind, {"type": str(result.outcome), "message": message})
    if result.evidence is not None:
        steps = (
            f"{step.source} -> {step.target}: {step.label}  {step.outcome}" for step in result.evidence.steps
        )
        found.text = visible("\n".join((result.title, *steps)))


def _totals(results: tuple[Result, ...] | list[Result], *, skipped: bool) -> dict[str, str]:
    kinds = [_ELEMENT.get(each.outcome) for each in results]
    totals = {
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }
    return totals | ({"skipped": str(kinds.count("skipped"))} if skipped else {})


FILES: dict[str, Callable[[InteropRun], bytes]] = {
    "report.html": page.render,
    "report.json": as_json,
    "junit.xml": as_junit,
}
"""Name of each file and what makes its bytes."""


def write_all(run: InteropRun, directory: Path) -> list[Path]:
    """Write all files into ``directory``; their paths, the page for people first. Raises Misuse."""
    prepare(directory)
    contents = {directory / name: render(run) for name, render in FILES.items()}
    for path, content in contents.items():
        write(path, content)
    return list(contents)
