"""A toy wallet on standard input and output, and the ways in which it can misbehave: its first argument.

It knows nothing of EPP/1. It is a program of its own, without imports from the suite it is to fool.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import Any

HOW = sys.argv[1] if len(sys.argv) > 1 else "good"
ROOM = {
    "capacity": 9,
    "max_bulletin": 9,
    "max_record": 9999,
    "max_given": 9,
    "max_credited": 9,
    "max_seen": 99,
}
ALL = ["initiator", "responder", "payer", "payee", "power-cut"]


class Toy:
    def __init__(self) -> None:
        self.units: list[str] = []
        self.purse = False
        self.writes = 0

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        verb = request.get("verb")
        method = getattr(self, f"do_{verb}", None)
        return method(request) if method else {"outcome": "unsupported"}

    def do_start(self, request: dict[str, Any]) -> dict[str, Any]:
        if not request["protocol"]["min"] <= 1 <= request["protocol"]["max"]:
            return {"outcome": "errored", "detail": "version"}
        declared = {
            "half": ALL[:2],
            "curious": [*ALL, "time-travel"],
            "deterministic": [*ALL, "deterministic"],
            "moody": [*ALL, "deterministic"],
        }.get(HOW, ALL)
        version = 7 if HOW == "future" else 1
        return accepted(protocol=version, name="Toy", version="1.0", capabilities=declared, room=ROOM)

    def do_reset(self, _: dict[str, Any]) -> dict[str, Any]:
        if HOW != "forgets-nothing":
            self.purse, self.units, self.writes = False, [], 0
        return accepted()

    def do_provision(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["purse"]["purse_id"] == "00" and HOW != "accepts-all":
            return {"outcome": "rejected", "code": "provision"}
        if HOW == "rejects-all":
            return {"outcome": "rejected", "code": "provision"}
        self.purse = True
        self.writes = 1
        self.units = [hashlib.sha256(h["unit"].encode()).hexdigest() for h in request["holdings"]]
        return accepted()

    def do_act(self, _: dict[str, Any]) -> dict[str, Any]:
        return accepted()

    def do_open(self, request: dict[str, Any]) -> dict[str, Any]:
        if HOW == "liar":
            return {"outcome": "unsupported"}
        if not self.purse and HOW != "accepts-all":
            return {"outcome": "rejected", "code": "not-provisioned", "out": None, "session": "closed"}
        return accepted(out="00" if request["role"] == "initiator" else None, session="open")

    def do_deliver(self, _: dict[str, Any]) -> dict[str, Any]:
        if HOW == "accepts-all":
            return accepted(out=None, session="open")
        return {"outcome": "rejected", "code": "unexpected-message", "out": None, "session": "closed"}

    def do_state(self, _: dict[str, Any]) -> dict[str, Any]:
        mood = os.urandom(8) if HOW == "moody" else b""
        digest = hashlib.sha256(repr((self.purse, self.units, mood)).encode()).hexdigest()
        units = [{"unit_id": unit, "value": 1, "hop": 0} for unit in self.units]
        return accepted(
            balance=len(units),
            epoch=0,
            units=units,
            pending=[],
            credited=[],
            settled=[],
            writes=self.writes,
            digest=digest,
        )

    def do_power_cut(self, _: dict[str, Any]) -> dict[str, Any]:
        return accepted()

    def do_stop(self, _: dict[str, Any]) -> dict[str, Any]:
        return accepted()


def accepted(**fields: Any) -> dict[str, Any]:
    return {"outcome": "accepted", **fields}


def write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def misbehave(seq: int, verb: str) -> bool:
    """True if the request was dealt with, in the way the first argument says."""
    early = verb != "start"
    match HOW:
        case "hang":
            time.sleep(1000)
        case "hang-later" if verb == "state":
            time.sleep(1000)
        case "garbage":
            write("Segmentation fault (core dumped)")
        case "binary":
            sys.stdout.buffer.write(b"\xff\xfe\x00\x01\n")
            sys.stdout.buffer.flush()
        case "wrong-seq" if early:
            write(json.dumps({"seq": seq + 1, "outcome": "accepted"}))
        case "extra-field" if early:
            write(json.dumps({"seq": seq, "outcome": "accepted", "expected": "pass"}))
        case "upper-case" if verb == "open":
            write(json.dumps({"seq": seq, "outcome": "accepted", "out": "AB", "session": "open"}))
        case "new-outcome" if early:
            write(json.dumps({"seq": seq, "outcome": "maybe"}))
        case "half-line" if early:
            sys.stdout.write('{"seq": ')
            sys.stdout.flush()
            os._exit(3)
        case "long" if early:
            write(json.dumps({"seq": seq, "outcome": "errored", "detail": "x" * (5 << 20)}))
        case "endless" if early:
            while True:
                sys.stdout.write("x" * 65536)
        case "dies" if verb in {"state", "open"}:
            sys.stderr.write("out of cheese\n")
            os.abort()
        case "errored":
            write(json.dumps({"seq": seq, "outcome": "errored", "detail": "no"}))
        case "unsupported":
            write(json.dumps({"seq": seq, "outcome": "unsupported"}))
        case "grandchild" if early:
            child = subprocess.Popen(["sleep", "1000"])
            sys.stderr.write(f"grandchild {child.pid}\n")
            time.sleep(1000)
        case "chatty":
            sys.stderr.write("noise " * 60000 + "the end\n")
            return False
        case _:
            return False
    return True


def main() -> None:
    wallet = Toy()
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except ValueError:
            write(json.dumps({"seq": 0, "outcome": "errored", "detail": "no JSON"}))
            continue
        if misbehave(request["seq"], request.get("verb")):
            continue
        write(json.dumps({"seq": request["seq"], **wallet.handle(request)}))
        if request.get("verb") == "stop" and HOW != "immortal":
            return
    if HOW == "immortal":
        time.sleep(1000)


if __name__ == "__main__":
    main()
