"""``junit.xml``: what CI servers read.

There is no one standard; this keeps to what Jenkins (junit-10.xsd of its xUnit plugin), GitLab and GitHub
actions have in common. Therefore requirement ids are properties of the suite, named after the check: a
``properties`` element within a ``testcase`` makes strict readers refuse the whole file.

One ``testsuite`` per chapter, one ``testcase`` per check in scope. FAIL is a failure; CRASH, TIMEOUT,
ADAPTER_ERROR and HARNESS_ERROR are errors; NOT_APPLICABLE and NOT_RUN are skipped; WARN passes, with its
reason in ``system-out``.
"""

from xml.etree import ElementTree as ET

from eiraku.conformance.results import CheckResult, Evidence, Outcome, Run
from eiraku.conformance.verdict import in_scope
from eiraku.report.certify.evidence import hints
from eiraku.report.certify.summary import chapter_of, chapter_title, reproduce
from eiraku.report.text import one_line, tail, visible

MOST = 20_000
"""Characters kept of what a check printed; all of it is in ``report.json``."""

_ELEMENT = {
    Outcome.FAIL: "failure",
    Outcome.CRASH: "error",
    Outcome.TIMEOUT: "error",
    Outcome.ADAPTER_ERROR: "error",
    Outcome.HARNESS_ERROR: "error",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.NOT_RUN: "skipped",
}
_COUNT = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def render(run: Run) -> bytes:
    """The bytes of ``junit.xml``."""
    grouped: dict[str, list[CheckResult]] = {}
    chapters = {requirement.id: requirement.chapter for requirement in run.requirement_set.requirements}
    scope = sorted(in_scope(run), key=lambda result: result.id)
    for result in scope:
        grouped.setdefault(chapter_of(result, chapters), []).append(result)
    totals = _totals(scope)
    del totals["skipped"]  # not an attribute of testsuites in the Jenkins schema
    root = ET.Element("testsuites", {"name": f"eiraku {run.requirement_set.version}", **totals})
    for at, chapter in enumerate(sorted(grouped)):
        _suite(root, run, at, chapter, grouped[chapter])
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _totals(results: list[CheckResult]) -> dict[str, str]:
    counts = dict.fromkeys(("failures", "errors", "skipped"), 0)
    for result in results:
        if result.outcome in _ELEMENT:
            counts[_COUNT[_ELEMENT[result.outcome]]] += 1
    return {
        "tests": str(len(results)),
        **{name: str(count) for name, count in counts.items()},
        "time": _seconds(sum(result.seconds for result in results)),
    }


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _suite(root: ET.Element, run: Run, at: int, chapter: str, results: list[CheckResult]) -> None:
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": chapter_title(chapter),
            "id": str(at),
            "package": f"eiraku.{chapter}",
            "timestamp": one_line(run.started).removesuffix("Z"),
            **_totals(results),
        },
    )
    facts = {
        "selector": run.selector,
        "seed": run.seed,
        "level": str(run.level),
        "suite-version": run.suite_version,
        "requirement-set": run.requirement_set.digest,
    }
    if run.wallet:
        facts |= {"wallet": run.wallet.name, "wallet-version": run.wallet.version}
    facts |= {f"requirements {result.id}": " ".join(result.requirements) for result in results}
    properties = ET.SubElement(suite, "properties")
    for name, value in facts.items():
        ET.SubElement(properties, "property", {"name": one_line(name), "value": one_line(value)})
    for result in results:
        _case(suite, run, chapter, result)


def _case(suite: ET.Element, run: Run, chapter: str, result: CheckResult) -> None:
    module, _, name = result.id.partition("::")
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": one_line(f"eiraku.{chapter}.{module}"),
            "name": one_line(name or module),
            "time": _seconds(result.seconds),
        },
    )
    kind = _ELEMENT.get(result.outcome)
    reason = one_line(result.reason) or str(result.outcome)
    if kind == "skipped":
        ET.SubElement(case, kind, {"type": str(result.outcome), "message": reason})
    elif kind:
        problem = ET.SubElement(case, kind, {"type": str(result.outcome), "message": reason})
        problem.text = visible(_explain(run, result))
    elif result.outcome is Outcome.WARN:
        ET.SubElement(case, "system-out").text = visible(f"WARN: {reason}\n\n{_explain(run, result)}")
    if result.evidence and result.evidence.stderr:
        ET.SubElement(case, "system-err").text = visible(tail(result.evidence.stderr, MOST))


def _explain(run: Run, result: CheckResult) -> str:
    evidence = result.evidence or Evidence()
    parts = [
        f"{result.title}\n{' '.join(result.requirements)}",
        f"Expected: {evidence.expected}" if evidence.expected else "",
        f"Actual: {evidence.actual}" if evidence.actual else "",
        f"Violated by the step that failed: {evidence.violated}" if evidence.violated else "",
        "\n".join(f"Hint: {hint}" for hint in hints(evidence, holding=True)),
        "\n".join(evidence.notes),
        f"At: {result.location}",
        f"Reproduce: {reproduce(run, result.id)}",
        tail(evidence.traceback, MOST),
    ]
    return "\n\n".join(part for part in parts if part)
