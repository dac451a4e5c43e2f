"""A tamarin-prover that says what the real one said: run as a program it answers from files beside it.

Tests call `install`; answers name the sections of prover_said.toml. "hang" and "die" are what they say.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SAID = "prover_said.toml"
HONEST = {
    "made_once": "made_once",
    "taken_was_made": "taken_was_made",
    "possible": "possible",
    "taken_was_made no_check": "falls",
}
"""Answers to everything that is claimed about the theory in tiny/."""


def said(name: str) -> dict[str, str | int]:
    """One section: code, stdout and stderr, perhaps proof and trace."""
    return dict(tomllib.loads((HERE / SAID).read_text(encoding="utf-8"))[name])


def install(
    folder: Path, answers: dict[str, str | dict[str, str | int]], *, version: str = "version"
) -> Path:
    """Put it into `folder` as tamarin-prover; `answers` by lemma and flag. Returns the folder for PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "tamarin-prover"
    program.write_text(
        f"#!{sys.executable} -S\n{Path(__file__).read_text(encoding='utf-8')}", encoding="utf-8"
    )
    program.chmod(0o755)
    shutil.copy(HERE / SAID, folder / SAID)
    (folder / "answers.json").write_text(json.dumps({"--version": version} | answers))
    return folder


def calls(folder: Path) -> list[list[str]]:
    """The arguments of each call that was not for the version."""
    log = folder / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _main() -> int:
    arguments = sys.argv[1:]
    answers = json.loads((HERE / "answers.json").read_text())
    if arguments == ["--version"]:
        answer = answers["--version"]
    else:
        with (HERE / "calls").open("a") as log:
            log.write(json.dumps(arguments) + "\n")
        joined = " ".join(arguments)
        lemma = re.search(r"--prove=(\w+)", joined)
        flag = re.search(r"(?:^| )-D(\w+)", joined)
        key = lemma[1] if lemma else "--load"
        answer = answers[f"{key} {flag[1]}" if flag else key]
    if answer == "hang":
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        (HERE / "processes").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
    if answer == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    spoken = said(answer) if isinstance(answer, str) else answer
    for name, file in (("proof", "proof.out"), ("trace", "trace.json")):
        if name in spoken:
            Path(file).write_text(str(spoken[name]), encoding="utf-8")
    sys.stdout.write(str(spoken["stdout"]))
    sys.stderr.write(str(spoken["stderr"]))
    return int(spoken["code"])


if __name__ == "__main__":
    sys.exit(_main())
