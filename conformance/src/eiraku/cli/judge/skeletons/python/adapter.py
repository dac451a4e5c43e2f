"""An adapter in Python without packages: it speaks the protocol and has no wallet behind it.

Put calls to your wallet where it says HERE. As it stands it refuses every order, and so it can never pass.
"""

import json
import sys
import traceback
from typing import Any

Fields = dict[str, Any]
SUPPORTED_PROTOCOL = 1


class Refusal(Exception):
    """The input is at fault, and the wallet knows why: `code` is a name of chapter 10 of the text."""

    def __init__(self, code: str, detail: str = "", out: bytes | None = None) -> None:
        super().__init__(detail or code)
        self.code = code
        self.out = out
        """What the wallet answers its peer."""


def progress(out: bytes | None, session: str) -> Fields:
    """What the wallet wants to tell its peer, and whether the session is now open or closed."""
    return {"out": None if out is None else out.hex(), "session": session}


# One function per verb. It gets the request and returns the fields of an accepted response. It raises Refusal
# if the input is at fault; any other exception is the wallet's own fault, and is answered errored.


def start(request: Fields) -> Fields:
    versions = request["protocol"]
    if not versions["min"] <= SUPPORTED_PROTOCOL <= versions["max"]:
        raise ValueError(f"this adapter speaks protocol {SUPPORTED_PROTOCOL} only")
    # HERE: keep request.get("seed") if the wallet can draw all its randomness from it; then declare
    # "deterministic".
    return {
        "protocol": SUPPORTED_PROTOCOL,
        "name": "Skeleton",
        "version": "0",
        # Declare what works. All five are needed to certify; "suite-0" and "deterministic" are optional.
        "capabilities": ["initiator", "responder", "payer", "payee", "power-cut"],
        # HERE: how much the wallet can hold (EPP-POL-018); it refuses a policy that asks for more.
        "room": {
            "capacity": 256,
            "max_bulletin": 65536,
            "max_record": 32768,
            "max_given": 1024,
            "max_credited": 1024,
            "max_seen": 4096,
        },
    }


def reset(_: Fields) -> Fields:
    # HERE: forget the purse, the money and the session.
    return {}


def provision(request: Fields) -> Fields:
    bytes.fromhex(request["purse"]["private_key"])
    # HERE: give the wallet its purse, anchor, policy, bulletin and holdings; refuse only what does not fit.
    raise Refusal("provision", "there is no wallet here yet")


def act(_: Fields) -> Fields:
    # HERE: pay, request, receive and redeliver say what the next session is for; bulletin, keys and
    # scheme-key are deliveries.
    raise Refusal("not-provisioned")


def open_(_: Fields) -> Fields:
    # HERE: an initiator returns progress(message_1, "open"), a responder progress(None, "open").
    raise Refusal("not-provisioned")


def deliver(request: Fields) -> Fields:
    bytes.fromhex(request["data"])
    # HERE: give the bytes to the wallet, and return progress(its answer, "open" or "closed").
    raise Refusal("unexpected-message")


def state(_: Fields) -> Fields:
    # HERE: read all of it from durable storage. The digest changes if and only if something else does.
    return {
        "balance": 0,
        "epoch": 0,
        "units": [],
        "pending": [],
        "credited": [],
        "settled": [],
        "writes": 0,
        "digest": "00" * 32,
    }


def power_cut(_: Fields) -> Fields:
    # HERE: "now": drop everything that is not on disk and load again. "before" and "after": do so at the
    # write-th durable write from now; the request it happens in is answered {"outcome": "power-cut"}. As long
    # as nothing is ever written, there is nothing to lose.
    return {}


def stop(_: Fields) -> Fields:
    return {}


VERBS = {
    "start": start,
    "reset": reset,
    "provision": provision,
    "act": act,
    "open": open_,
    "deliver": deliver,
    "state": state,
    "power_cut": power_cut,
    "stop": stop,
}


def answer(line: bytes) -> Fields:
    """The response to one line, whatever stands in it."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"seq": 0, "outcome": "errored", "detail": f"no JSON: {error}"}
    if not isinstance(request, dict) or type(request.get("seq")) is not int:
        return {"seq": 0, "outcome": "errored", "detail": "expected an object with an integer seq"}
    seq, verb = request["seq"], str(request.get("verb"))
    if verb not in VERBS:
        return {"seq": seq, "outcome": "unsupported"}
    try:
        return {"seq": seq, "outcome": "accepted", **VERBS[verb](request)}
    except Refusal as refusal:
        found = {"seq": seq, "outcome": "rejected", "code": refusal.code, "detail": str(refusal)}
        return found | (progress(refusal.out, "closed") if verb in {"open", "deliver"} else {})
    except Exception as error:  # the loop goes on, and the suite is told what happened
        traceback.print_exc()  # standard error is kept for the report; standard output is for responses only
        return {"seq": seq, "outcome": "errored", "detail": f"{type(error).__name__}: {error}"}


def main() -> None:
    """One response for each line, until stop or the end of input."""
    for line in sys.stdin.buffer:
        response = answer(line)
        sys.stdout.write(json.dumps(response) + "\n")
        sys.stdout.flush()
        if response["outcome"] == "accepted" and json.loads(line)["verb"] == "stop":
            break


if __name__ == "__main__":
    main()
