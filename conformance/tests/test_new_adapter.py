"""``eiraku new-adapter``: each skeleton speaks the protocol, and so does the frame of the page."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.judge.new_adapter import LANGUAGES, SKELETONS, page
from eiraku.cli.judge.selfcheck import _provisioning
from eiraku.cli.main import group
from eiraku.conformance.adapter.protocol import ACCEPTED, check_request, check_response, parse_object
from eiraku.conformance.adapter.selfcheck import run_selfcheck
from eiraku.conformance.results import FAILURES, Outcome

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "adapter.md"
OF_A_WALLET = {
    "provision: a valid purse is accepted",
    "reset forgets purse and money",
    "power_cut now: durable state survives",
}
"""Items of the self-check that nobody passes without a wallet."""
HOSTILE = (
    b"this is no JSON",
    b"",
    b"[" * 5000,
    b'"',
    b'{"seq":"\\',
    b"\xff\xfe",
    b"7",
    b"[]",
    b"{}",
    b'{"seq":"1","verb":"state"}',
    b'{"seq":1,"verb":"state"} x',
    b'{"seq":1,"verb":"state",}',
)
"""Lines that are no requests."""


def eiraku(*arguments: object) -> Result:
    return CliRunner().invoke(group, [*map(str, arguments)], standalone_mode=False)


@pytest.fixture(params=[*LANGUAGES])
def begun(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The command of a skeleton, built in the current folder as its page says."""
    chosen = LANGUAGES[request.param]
    for program in (shlex.split(line)[0] for line in (chosen.build, chosen.run) if line):
        if not program.startswith("./") and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path / "adapter"
    assert eiraku("new-adapter", "--lang", request.param, folder).return_value == 0
    monkeypatch.chdir(folder)
    if chosen.build:
        subprocess.run(shlex.split(chosen.build), check=True, timeout=300)
    return chosen.run


def said(command: str, lines: bytes) -> list[dict[str, object]]:
    """What a program answers to `lines`, and that it ends well."""
    done = subprocess.run(
        shlex.split(command),
        input=lines,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )
    return [parse_object(line) for line in done.stdout.splitlines()]


def test_a_skeleton_speaks_the_protocol_and_cannot_pass(begun: str) -> None:
    items = {item.name: item for item in run_selfcheck(f"cmd:{begun}", provisioning=_provisioning())}
    assert {name for name, item in items.items() if item.outcome is Outcome.FAIL} == OF_A_WALLET
    assert {item.outcome for name, item in items.items() if name not in OF_A_WALLET} == {Outcome.PASS}
    # What was recorded is answered line by line, and `stop` ends it.
    requests, responses = (Path(f"payment-{each}.jsonl").read_bytes() for each in ("requests", "responses"))
    answers = said(begun, requests + requests)
    assert len(answers) == len(requests.splitlines()) == len(responses.splitlines())
    for line, found in zip(requests.splitlines(), answers, strict=True):
        request = parse_object(line)
        assert found["seq"] == request["seq"]
        check_response(str(request["verb"]), found)
    # Whatever is no request does no harm.
    answers = said(
        begun, b"\n".join([*HOSTILE, b'{"seq":8,"verb":{"a":["stop"]}}', b'{"seq":9,"verb":"state"}', b""])
    )
    assert [found["outcome"] for found in answers[: len(HOSTILE)]] == ["errored"] * len(HOSTILE)
    assert answers[-1]["seq"] == 9
    assert answers[-1]["outcome"] == "accepted"
    assert len(answers) == len(HOSTILE) + 2


@pytest.mark.parametrize("name", (*LANGUAGES,))
def test_a_skeleton_is_whole(name: str) -> None:
    """Also where its language is not installed."""
    chosen = LANGUAGES[name]
    assert [path.name for path in (SKELETONS / name).iterdir() if path.name != "__pycache__"] == [chosen.file]
    text = (SKELETONS / name / chosen.file).read_text(encoding="utf-8")
    for verb in ACCEPTED:
        assert re.search(rf"\b{verb}\b", text), verb
    assert text.count("HERE") >= 8
    assert max(map(len, text.splitlines())) <= 120
    said = page(chosen)
    assert not re.search(r"[{}]", said)
    assert chosen.file in said
    assert f"cmd:{chosen.run}" in said
    assert len(said.splitlines()) < 60


def test_the_recorded_payment_is_one(tmp_path: Path) -> None:
    assert eiraku("new-adapter", "--lang", "c", tmp_path).return_value == 0
    requests = [
        parse_object(line) for line in (tmp_path / "payment-requests.jsonl").read_bytes().splitlines()
    ]
    responses = [
        parse_object(line) for line in (tmp_path / "payment-responses.jsonl").read_bytes().splitlines()
    ]
    for request, response in zip(requests, responses, strict=True):
        check_request(request)
        check_response(request["verb"], response)
        assert response["seq"] == request["seq"]
        assert response["outcome"] == "accepted"
    balances = [response["balance"] for response in responses if "balance" in response]
    assert (balances[0], balances[-1]) == (13, 10)
    assert set(ACCEPTED) - {request["verb"] for request in requests} == {"power_cut"}
    assert len(responses[-2]["settled"]) == len(responses[-2]["credited"]) == 1


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "adapter.py").write_text("mine")
    result = eiraku("new-adapter", "--lang", "python", tmp_path)
    assert "expected a new or an empty folder" in str(result.exception)
    assert (tmp_path / "adapter.py").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.py"]


WALLET = """
class Wallet:
    room = dict.fromkeys(
        ("capacity", "max_bulletin", "max_record", "max_given", "max_credited", "max_seen"), 9
    )
    session = "open"

    class Refused(Exception):
        code = "unexpected-message"
        session_fields = {"out": None, "session": "closed"}

    def receive(self, data):
        raise self.Refused


main(Wallet())
"""


@pytest.mark.skipif(not PAGE.exists(), reason="no documentation in a source distribution")
def test_the_frame_of_the_page_survives_the_self_check(tmp_path: Path) -> None:
    """It has two verbs; what it is asked besides it answers `unsupported`, and it never dies."""
    (frame,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "frame.py").write_text(frame + WALLET)
    selector = f"cmd:{sys.executable} {tmp_path / 'frame.py'}"
    answers = said(selector.removeprefix("cmd:"), b'no JSON\n{"seq":3,"verb":"state"}\n')
    assert [(each["seq"], each["outcome"]) for each in answers] == [(0, "errored"), (3, "unsupported")]
    items = {item.name: item.outcome for item in run_selfcheck(selector)}
    assert items["start: the wallet says who it is"] is Outcome.PASS
    assert Outcome.CRASH not in items.values()
    assert Outcome.TIMEOUT not in items.values()
    line = json.dumps({"seq": 4, "verb": "deliver", "data": "00"}).encode()
    assert said(selector.removeprefix("cmd:"), line + b"\n")[0]["outcome"] == "rejected"
    assert FAILURES & set(items.values()) == {Outcome.ADAPTER_ERROR}
