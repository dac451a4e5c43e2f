"""``conformance/ci``: each script is run as its service would run it, without the service."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from eiraku.conformance.results import Outcome
from eiraku.report import github
from eiraku.report.certify import json_report

ROOT = Path(__file__).parents[2]
CI = ROOT / "conformance" / "ci"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CI.is_dir(), reason="the pipeline is not part of this copy"),
]
FAKE = Path(__file__).with_name("fake_adapter.py")
WALLET = f"cmd:{sys.executable} -S {FAKE} good"
GUIDE = ROOT / "docs" / "howto" / "pipeline.md"
ENTRY = "from eiraku.cli import entry; entry()"
SUITE = """
import pathlib, pytest
pytestmark = [pytest.mark.requirement("EPP-GEN-001"), pytest.mark.level("smoke")]

@pytest.mark.parametrize("n", range(3))
def test_empty(wallet, n):
    assert wallet.state().balance == 0

def test_red(wallet, evidence):
    evidence.expect("green", "::warning::an order|<b>")
    assert not pathlib.Path("red").exists(), "::set-output name=verdict::conformant"
"""


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CI / "action.yml").read_text())
    return found


def gitlab() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CI / "gitlab.yml").read_text())
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a job: a suite, and on PATH an eiraku that takes it for its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_tiny.py").write_text(SUITE)
    tools = tmp_path / "tools"
    tools.mkdir()
    python = shlex.quote(sys.executable)
    program(
        tools / "eiraku",
        f'verb=$1; shift; [ "$verb" = merge ] && exec {python} -c "{ENTRY}" merge "$@"\n'
        f'exec {python} -c "{ENTRY}" "$verb" --suite suite --workers 1 "$@"',
    )
    program(tools / "pip", 'printf "%s\\n" "$@" > pip.log')
    # What the action installs with: it makes no environment, but says what it was asked for.
    program(
        tools / "installer",
        f'printf "%s\\n" "$@" > venv.log; mkdir -p "$3/bin"\nln -sf {shlex.quote(str(tools))}/* "$3/bin/"',
    )
    program(tools / "python", f'exec {python} "$@"')
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- GitHub -------------------------------------------------------------------------------------------------


def environment(step: dict[str, Any], inputs: dict[str, str], place: Path) -> dict[str, str]:
    """What the runner gives a step, nothing of our own."""
    given = {name: str(each.get("default", "")) for name, each in action()["inputs"].items()} | inputs
    runner = {
        "PATH": f"{place / 'tools'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(place),
        "RUNNER_TEMP": str(place / "temp"),
        "GITHUB_ACTION_PATH": str(CI),
        "GITHUB_OUTPUT": str(place / "output"),
        "GITHUB_STEP_SUMMARY": str(place / "summary"),
    }
    for name, text in step.get("env", {}).items():
        (wanted,) = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", text).groups()  # type: ignore[union-attr]
        runner[name] = given[wanted]
    return runner


def act(place: Path, **inputs: str) -> tuple[int, str]:
    """Run the steps of the action until one fails: its exit code, and all that they printed."""
    inputs = {name.replace("_", "-"): text for name, text in inputs.items()}
    output = ""
    for step in action()["runs"]["steps"]:
        (place / "step.sh").write_text(step["run"])
        done = subprocess.run(
            ("bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"),
            env=environment(step, {"python": "installer", **inputs}, place),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        output += done.stdout + done.stderr
        if done.returncode:
            return done.returncode, output
    return 0, output


def outputs(place: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (place / "output").read_text().splitlines())


def test_the_action_uses_and_documents_its_inputs_and_mixes_none_into_a_script() -> None:
    found = action()
    used = [text for step in found["runs"]["steps"] for text in step.get("env", {}).values()]
    assert sorted(used) == sorted(f"${{{{ inputs.{name} }}}}" for name in found["inputs"])
    for step in found["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        for name in step["env"]:
            assert f'"${name}"' in step["run"] or f'"${name}/' in step["run"]
    given = {step["id"] for step in found["runs"]["steps"] if "id" in step}
    for name, each in found["outputs"].items():
        (step, output) = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.([a-z-]+) \}\}", each["value"]).groups()  # type: ignore[union-attr]
        assert (step in given, output) == (True, name)
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", GUIDE.read_text(), re.MULTILINE))
    assert rows == {*found["inputs"]}
    assert all(each["description"] for each in [*found["inputs"].values(), *found["outputs"].values()])


def test_the_action_judges_and_shows_what_failed(place: Path) -> None:
    code, output = act(place, wallet=WALLET, level="smoke", seed="5e" * 32)
    assert code == 0, output
    assert outputs(place) == {"exit-code": "0", "verdict": "other suite passed, not a certificate"}
    assert (place / "venv.log").read_text().split() == ["-m", "venv", str(place / "temp" / "eiraku")]
    assert (place / "pip.log").read_text().split()[:2] == ["install", "--quiet"]
    assert Path((place / "pip.log").read_text().split()[2]).resolve() == ROOT
    assert "::error" not in output
    (place / "red").touch()
    code, output = act(place, wallet=WALLET, level="smoke")
    assert code == 1
    assert outputs(place) == {"exit-code": "1", "verdict": "non-conformant"}
    # What the wallet says comes between an order to ignore orders and its end, by a word nobody can guess.
    (word,) = re.findall(r"^::stop-commands::([0-9a-f]{32})$", output, re.MULTILINE)
    before, judged, after = re.split(rf"^::(?:stop-commands::)?{word}(?:::)?$", output, flags=re.MULTILINE)
    assert "::set-output" in judged
    assert "::set-output" not in before
    orders = [line for line in after.splitlines() if line.startswith("::")]
    assert len(orders) == 1
    assert orders[0].startswith("::error title=FAIL EPP-GEN-001%3A test_tiny%3A%3Atest_red::")
    summary = (place / "summary").read_text()
    assert "EPP&#45;GEN&#45;001" in summary
    assert "| FAIL | test" in summary


def test_shards_of_the_action_are_merged(place: Path) -> None:
    (place / "red").touch()
    for number in ("1", "2"):
        act(place, wallet=WALLET, seed="5e" * 32, shard=f"{number}/2", report=f"a folder {number}")
        report = json.loads((place / f"a folder {number}" / "report.json").read_text())
        assert report["run"]["shard"] == {"number": int(number), "of": 2}
    code, output = act(place, merge="a folder 1\n\na folder 2\n", report="merged")
    assert code == 1, output
    assert json.loads((place / "merged" / "report.json").read_text())["run"]["shard"] is None
    entry = 'check = "test_tiny::test_red"\nreason = "known-bug"\nissue = "1"\nexpires = 2999-01-01\n'
    (place / "my list.toml").write_text(f"[[expected]]\n{entry}")
    given = {"report": "merged", "expected_failures": "my list.toml"}
    assert act(place, merge="a folder 1\na folder 2", **given)[0] == 0
    assert act(place, merge="a folder 1", **given)[0] == 2
    assert outputs(place)["exit-code"] == "2"


def test_no_input_of_the_action_is_read_as_shell(place: Path) -> None:
    order = "\"; touch pwned; $(touch pwned) `touch pwned` ' ::error::x"
    inputs = dict.fromkeys(action()["inputs"], order)
    judged = {name: text for name, text in inputs.items() if name not in {"python", "merge"}}
    for given in ({"wallet": WALLET, "python": order}, judged, {"merge": order, "report": "r"}):
        code, output = act(place, **given)
        assert code != 0
        assert not (place / "pwned").exists()
        assert not [line for line in output.splitlines() if line.startswith("::error")]
    code, output = act(place)
    assert (code, "name a wallet, or folders to merge" in output) == (2, True)
    code, output = act(place, wallet=WALLET, merge="s1")
    assert (code, "exclude each other" in output) == (2, True)


def test_what_a_hostile_wallet_says_is_one_line_of_text(tmp_path: Path) -> None:
    samples = runpy.run_path(str(Path(__file__).with_name("report_samples.py")))
    run = samples["sample"](dict.fromkeys(range(20), Outcome.FAIL))
    hostile = samples["HOSTILE"] + "\n::error::x\r\n| a | <img src=x> **b** [l](http://x) `c` %0A"
    results = tuple(
        msgspec.structs.replace(each, reason=hostile, title=hostile) if each.reason else each
        for each in run.results
    )
    run = msgspec.structs.replace(run, results=results)
    (tmp_path / "report.json").write_bytes(json_report.render(run))
    summary, output = tmp_path / "summary", tmp_path / "output"
    said = github.write(
        tmp_path / "report.json", {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    )
    lines = said.splitlines()
    assert len(lines) == github.MOST + 1
    assert all(line.count("::error title=") == 1 and line.startswith("::error title=") for line in lines)
    assert all(re.fullmatch(r"::error title=[^:,]*::[^\r\n]*", line) for line in lines)
    assert "%250A" in said
    text = summary.read_text(encoding="utf-8")
    assert not re.search(r"<|\*\*|\]\(|http:|\x1b", text)
    rows = [line for line in text.splitlines() if line.startswith("| FAIL")]
    assert len(rows) == 20
    assert {row.count("|") for row in rows} == {6}
    assert output.read_text() == "verdict=non-conformant\n"
    assert "never started" in github.summary(msgspec.structs.replace(run, wallet=None))


# --- GitLab -------------------------------------------------------------------------------------------------


def job(name: str, place: Path, **variables: str) -> int:
    """Run the script of a job of the template as GitLab does, its variables in the environment."""
    (place / "job.sh").write_text("\n".join(gitlab()[name]["script"]))
    given = {key: str(value) for key, value in gitlab()["variables"].items()} | variables
    path = f"{place / 'tools'}:/usr/local/bin:/usr/bin:/bin"
    command = ("sh", "-e", "job.sh")  # an image may have no other
    return subprocess.run(command, env={"PATH": path, **given}, timeout=120, check=False).returncode


def test_the_template_draws_a_seed_judges_shards_and_merges_them(place: Path) -> None:
    assert job("eiraku-seed", place) == 0
    (name, seed) = (place / "eiraku.env").read_text().strip().split("=")
    assert (name, len(bytes.fromhex(seed))) == ("EIRAKU_SEED", 32)
    (place / "red").touch()
    given = {"EIRAKU_WALLET": WALLET, "EIRAKU_SEED": seed, "EIRAKU_LEVEL": "smoke", "CI_NODE_TOTAL": "2"}
    codes = [job("eiraku-certify", place, CI_NODE_INDEX=index, **given) for index in ("1", "2")]
    assert codes == [0, 0]
    assert job("eiraku-merge", place, **given) == 1
    entry = 'check = "test_tiny::test_red"\nreason = "known-bug"\nissue = "1"\nexpires = 2999-01-01\n'
    (place / "my list.toml").write_text(f"[[expected]]\n{entry}")
    assert job("eiraku-merge", place, EIRAKU_EXPECTED_FAILURES="my list.toml", **given) == 0
    assert (place / gitlab()["eiraku-merge"]["artifacts"]["reports"]["junit"]).exists()
    order = {"EIRAKU_WALLET": '"; touch pwned; $(touch pwned)'}
    assert job("eiraku-certify", place, CI_NODE_INDEX="1", **(given | order)) == 2
    assert not (place / "pwned").exists()


def test_the_template_is_whole() -> None:
    found = gitlab()
    text = (CI / "gitlab.yml").read_text()
    for name in found["variables"]:
        assert text.count(f"${name}") + text.count(f"${{{name}") >= 1, name
        assert name in GUIDE.read_text()
    jobs = {name: each for name, each in found.items() if "script" in each}
    for each in jobs.values():
        assert each["extends"] in found
        assert set(each.get("needs", ())) <= set(jobs)
    assert "$[[" not in text


# --- the container, and the pages ---------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    lines = (CI / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


def test_the_container_has_what_an_installation_needs() -> None:
    found = instructions()
    known = {"FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in found} == known
    copied = [rest.split() for name, rest in found if name == "COPY"]
    sources = [source for *some, _ in copied for source in some if not source.startswith(("/", "--from"))]
    assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["license-files"], project["project"]["readme"], "pyproject.toml"]
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed += [each.removesuffix("/eiraku") for each in packages]
    assert sorted(sources) == sorted(needed)
    # Each lands where pyproject.toml looks for it.
    for *some, target in copied[1:-1]:
        assert target == f"/src/{some[0]}"
    (build,) = (rest for name, rest in found if name == "RUN")
    (kept,) = (words[1] for words in copied if words[0] == "--from=build")
    assert build.split(" && ")[0] == f"python3 -m venv {kept}"
    pip = f"{kept}/bin/pip install --no-cache-dir --quiet /src"
    assert build.split(" && ")[1] == pip
    variables = dict(word.split("=", 1) for name, rest in found if name == "ENV" for word in rest.split())
    assert variables["PATH"].split(":")[0] == f"{kept}/bin"
    (user,) = (rest for name, rest in found if name == "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    names = [name for name, _ in found]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_the_container_writes_only_reports_and_temporary_files(tmp_path: Path) -> None:
    found = dict(instructions())
    (entry,) = json.loads(found["ENTRYPOINT"])
    usual = (entry_point(entry), *json.loads(found["CMD"]))
    assert subprocess.run(usual, capture_output=True, check=True).stdout
    for name in ("judge", "judge/eiraku-report", "home", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "judge").chmod(0o555)
    only = ("--only", "test_encoding::test_what_the_wallet_sends[ACCEPT-initiator-payer]")
    variables = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        (entry_point(entry), "certify", *only),
        cwd=tmp_path / "judge",
        env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in (tmp_path / "judge").iterdir()] == ["eiraku-report"]
    assert (tmp_path / "judge" / "eiraku-report" / "report.json").exists()
    assert not list((tmp_path / "home").iterdir())
    assert not list((tmp_path / "tmp").iterdir())


def entry_point(name: str) -> str:
    """As it is installed."""
    return os.fspath(Path(sys.executable).with_name(name))


def test_the_pages_of_the_pipeline_can_be_read() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    workflow, included = map(yaml.safe_load, blocks)
    (step,) = (each for each in workflow["jobs"]["judge"]["steps"] if "conformance/ci@" in each["uses"])
    assert set(step["with"]) <= set(action()["inputs"])
    assert (ROOT / included["include"][0]["file"]).exists()
    assert set(included["variables"]) <= set(gitlab()["variables"])
    assert "eiraku-certify" in gitlab()
