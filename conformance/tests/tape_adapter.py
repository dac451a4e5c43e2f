"""A wallet that writes down its answers, and one that has nothing but those: `record FILE`, `play FILE`."""

import json
import sys
from pathlib import Path

from eiraku.conformance.wallet import ReferenceWallet


def record(file: Path) -> None:
    """Answer as the reference does, and keep what was said."""
    wallet = ReferenceWallet()
    with file.open("w") as tape:
        for line in sys.stdin:
            answer = wallet.handle(json.loads(line))
            for target in (tape, sys.stdout):
                target.write(json.dumps(answer) + "\n")
                target.flush()


def play(file: Path) -> None:
    """Say what was said to the request of this number, whatever is asked."""
    tape = [json.loads(line) for line in file.read_text().splitlines()]
    for number, line in enumerate(sys.stdin):
        seq = json.loads(line)["seq"]
        answer = tape[number] if number < len(tape) else {"outcome": "errored"}
        sys.stdout.write(json.dumps({**answer, "seq": seq}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    {"record": record, "play": play}[sys.argv[1]](Path(sys.argv[2]))
