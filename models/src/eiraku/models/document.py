"""A run as JSON, for programs; the order is that of the manifests."""

import msgspec

from eiraku.models.results import Run

FORMAT = 1


def document(run: Run) -> bytes:
    """The run with what follows from it: whether each job counts, and the exit code."""
    content = msgspec.to_builtins(run)
    for plain, result in zip(content["results"], run.results, strict=True):
        plain["good"] = result.good
    for plain, solved in zip(content["solved"], run.solved, strict=True):
        plain["good"] = solved.good
    content = {"format": FORMAT, "exit_code": run.exit_code, **content}
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"
