"""The reports other than the page: what they say, what they never do, and how they are written."""

import errno
import io
import json
import re
import runpy
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from rich.console import Console

from eiraku.conformance.results import Level, Outcome, Run
from eiraku.report import files, text
from eiraku.report.certify import badge, json_report, junit, summary, terminal, writing
from eiraku.spec.errors import Misuse

pytestmark = pytest.mark.slow

SAMPLES = runpy.run_path(str(Path(__file__).with_name("report_samples.py")))
sample, hostile, MIXED = (SAMPLES[name] for name in ("sample", "hostile", "MIXED"))

# --- files --------------------------------------------------------------------------------------------


def test_all_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    written = writing.write_all(sample(), folder)
    assert [path.name for path in written] == ["report.html", "report.json", "junit.xml", "badge.svg"]
    assert sorted(folder.iterdir()) == sorted(written)


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    writing.write_all(sample(), tmp_path)
    writing.write_all(sample(MIXED), tmp_path)
    report = msgspec.json.decode((tmp_path / "report.json").read_bytes(), type=json_report.Report)
    assert report.judgement.verdict == "non-conformant"


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misuse, match=r"cannot write reports into .*file"):
        files.prepare(tmp_path / "file" / "reports")


def test_a_file_that_cannot_be_replaced_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").mkdir()
    (tmp_path / "junit.xml" / "kept").touch()
    with pytest.raises(Misuse, match=r"cannot write .*junit\.xml"):
        writing.write_all(sample(), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_disk_that_is_full_is_not_misuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(tmp_path / "report.json", b"{}")
    assert not list(tmp_path.iterdir())


# --- JSON ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", (sample(), sample(MIXED), sample(wallet=None), hostile()))
def test_json_follows_its_schema_and_reads_back(run: Run) -> None:
    content = json_report.render(run)
    schema = json.loads(json_report.stored_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(content))
    assert json_report.encode(msgspec.json.decode(content, type=json_report.Report)) == content


def test_the_packaged_schema_is_that_of_the_types() -> None:
    assert json_report.stored_schema() == json_report.schema()


def test_another_format_is_refused() -> None:
    schema = jsonschema.Draft202012Validator(json.loads(json_report.stored_schema()))
    content = json_report.render(sample()).replace(b"eiraku-report/1", b"eiraku-report/9")
    with pytest.raises(jsonschema.ValidationError, match="eiraku-report/9"):
        schema.validate(json.loads(content))


def without_times(value: Any, kind: str = "Report") -> Any:
    """`value` of a kind in the schema, without what the schema calls a time."""
    schema = json.loads(json_report.stored_schema())["$defs"]
    if isinstance(value, list):
        return [without_times(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    fields = schema[kind].get("properties", {})
    if not value.keys() <= fields.keys():
        return value  # counts by name
    return {
        name: without_times(item, next(iter(re.findall(r"[$]defs/(\w+)", json.dumps(fields[name]))), kind))
        for name, item in value.items()
        if "A time" not in fields[name].get("$comment", "")
    }


def test_reruns_differ_in_times_only() -> None:
    run = sample(MIXED)
    replace = msgspec.structs.replace
    results = []
    for result in reversed(run.results):
        proof = result.evidence and replace(
            result.evidence,
            exchanges=tuple(replace(e, milliseconds=e.milliseconds + 7) for e in result.evidence.exchanges),
        )
        results.append(replace(result, seconds=result.seconds + 7, evidence=proof))
    rows = tuple(replace(r, median=9.0, p95=9.0, maximum=9.0, total=9.0) for r in reversed(run.round_trips))
    later = replace(run, started="later", finished="later", results=tuple(results), round_trips=rows)
    first, second, other = (json.loads(json_report.render(each)) for each in (run, later, sample()))
    assert first != second
    assert without_times(first) == without_times(second)
    assert without_times(first) != without_times(other)


# --- JUnit --------------------------------------------------------------------------------------------

SUITE_ATTRIBUTES = {
    *("name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"),
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
}
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": SUITE_ATTRIBUTES,
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    **{tag: {"type", "message"} for tag in ("skipped", "error", "failure")},
}
REQUIRED = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name"},
    "property": {"name", "value"},
}


def assert_junit(root: ET.Element) -> None:
    """The rules of the schema that the xUnit plugin of Jenkins applies."""
    assert root.tag == "testsuites"
    for element in root.iter():
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set())
        assert set(element.attrib) >= REQUIRED.get(element.tag, set())
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    for suite in root:
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(suite.findall(f"testcase/{tag}"))
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert int(root.attrib["tests"]) == sum(int(suite.attrib["tests"]) for suite in root)
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("run", (sample(), sample(MIXED), hostile(), sample(wallet=None, results=())))
def test_junit_keeps_to_the_strictest_reader(run: Run) -> None:
    root = ET.fromstring(junit.render(run))
    assert_junit(root)
    assert len(list(root.iter("testcase"))) == len(run.results)


def test_junit_leaves_out_what_is_out_of_scope() -> None:
    results = sample().results
    replace = msgspec.structs.replace
    above = tuple(replace(each, level=Level.FULL, outcome=Outcome.NOT_RUN) for each in results[:5])
    left = tuple(replace(each, outcome=Outcome.NOT_RUN, deselected=True) for each in results[5:7])
    root = ET.fromstring(junit.render(sample(results=(*above, *left, *results[7:]))))
    assert_junit(root)
    assert len(list(root.iter("testcase"))) == len(results) - 7
    assert not list(root.iter("skipped"))


def test_junit_and_the_terminal_say_what_explains_a_failure() -> None:
    run = sample({4: Outcome.FAIL})
    (failure,) = ET.fromstring(junit.render(run)).iter("failure")
    assert "Violated by the step that failed: EPP-HIS-001" in (failure.text or "")
    assert "Hint: endorsement: verifies with hop - 1" in (failure.text or "")
    lines = "\n".join(printed(run))
    assert "violated     EPP-HIS-001 A payer endorses each unit" in lines
    assert "hint         endorsement: verifies with hop - 1" in lines
    assert "exchanged" not in (failure.text or "") + lines


def test_junit_says_which_kind_of_failure() -> None:
    run = sample(MIXED)
    kinds = {
        (child.tag, child.attrib["type"])
        for case in ET.fromstring(junit.render(run)).iter("testcase")
        for child in case
        if "type" in child.attrib
    }
    assert kinds == {
        ("failure", "FAIL"),
        *(("error", kind) for kind in ("CRASH", "TIMEOUT", "ADAPTER_ERROR", "HARNESS_ERROR")),
        ("skipped", "NOT_APPLICABLE"),
        ("skipped", "NOT_RUN"),
    }


def test_junit_names_the_requirements_of_each_check() -> None:
    run = sample()
    properties = {
        p.attrib["name"]: p.attrib["value"] for p in ET.fromstring(junit.render(run)).iter("property")
    }
    for result in run.results:
        assert properties[f"requirements {result.id}"] == " ".join(result.requirements)


# --- terminal -----------------------------------------------------------------------------------------


def printed(run: Run, *, encoding: str = "utf-8") -> list[str]:
    """The lines printed where there is no terminal."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    terminal.print_run(run, Console(file=stream), files=[Path("out/report.html")])
    stream.flush()
    return raw.getvalue().decode(encoding).split("\n")


@pytest.mark.parametrize("encoding", ("utf-8", "ascii"))
@pytest.mark.parametrize("run", (sample(), sample(MIXED), hostile(), sample(wallet=None, results=())))
def test_without_a_terminal_the_report_is_plain(run: Run, encoding: str) -> None:
    lines = printed(run, encoding=encoding)
    assert not [line for line in lines if re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", line)]
    assert not [line for line in lines if len(line) > 100 and not line.startswith("  reproduce: ")]
    assert not [line for line in lines if line.endswith(" ")]


def test_a_failure_shows_what_is_needed_to_work_on_it() -> None:
    lines = "\n".join(printed(sample({4: Outcome.FAIL})))
    for words in (
        "FAIL test_",
        "EPP-GEN-002  A purse refuses to open a session, with `declined`, unless its",
        "expected     rejected hop-limit",
        "actual       accepted",
        "reproduce: eiraku certify 'cmd:./my-wallet --adapter' --only 'test_scope::test_gen_002[case-1]'",
        "Verdict: non-conformant",
        "out/report.html",
    ):
        assert words in lines


def test_it_fits_into_80_columns_of_a_terminal() -> None:
    stream = io.StringIO()
    terminal.print_run(sample(MIXED), Console(file=stream, width=80, force_terminal=True))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert "\x1b[" in stream.getvalue()
    assert not [x for x in plain.split("\n") if len(x) > 80 and not x.startswith("  reproduce: ")]
    assert "Not ap-" in plain  # the table kept all its columns


def test_very_many_failures_are_summed_up() -> None:
    lines = printed(sample(dict.fromkeys(range(80), Outcome.FAIL)))
    assert "and 30 more, which the report files show" in lines


# --- common -------------------------------------------------------------------------------------------


def test_the_command_survives_a_shell() -> None:
    run = sample(
        selector="cmd:./it's here --x='$HOME'", level=Level.FULL, policy="ab" * 32, suite="my checks"
    )
    words = shlex.split(summary.reproduce(run, "test_a::test_b[c d]"))
    assert words[:3] == ["eiraku", "certify", run.selector]
    assert words[3:] == [
        *("--level", "full", "--only", "test_a::test_b[c d]", "--seed", run.seed),
        *("--suite", "my checks", "--policy", "POLICY.toml"),
    ]


def test_chapters_add_up() -> None:
    for chapter in summary.summarise(sample(MIXED)).chapters:
        parts = sum(count for column, count in chapter.counts.items() if column != "tested")
        assert parts == len(chapter.requirements)


@pytest.mark.parametrize(
    ("given", "shown"),
    (
        ("a\x1b[1;31mb\x1b[0m", "ab"),
        ("\x1b]0;title\x07", "<U+001B>]0;title<U+0007>"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("over\rwritten", "over<U+000D>written"),
        ("\ud800\u202e\ufeff", "<U+D800><U+202E><U+FEFF>"),
    ),
)
def test_control_characters_are_written_out(given: str, shown: str) -> None:
    assert text.visible(given) == shown


@pytest.mark.parametrize(
    ("markdown", "sentence"),
    (
        ("One. Two.", "One."),
        ("See `a. B` there. Then.", "See `a. B` there."),
        ("Section 4.2.1 holds, e.g. here. `x` is next.", "Section 4.2.1 holds, e.g. here."),
        ("No stop\n\nNext.", "No stop"),
    ),
)
def test_first_sentence(markdown: str, sentence: str) -> None:
    assert text.first_sentence(markdown) == sentence


@pytest.mark.parametrize("run", (sample(), sample(MIXED), hostile()))
def test_the_badge_is_well_formed(run: Run) -> None:
    root = ET.fromstring(badge.render(run))
    assert root.attrib["aria-label"].startswith("EPP/1: ")
