"""``eiraku certify --statement``: what has to be right before the run, and the signature after it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.results import Level, Run
from eiraku.conformance.statement import content, envelope, inputs, shard
from eiraku.conformance.statement.content import Resource
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.report.files import write
from eiraku.spec.errors import Misuse, Refused

if TYPE_CHECKING:
    from eiraku.conformance.runner import Plan

REPORT = "report.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A statement that was asked for."""

    key: SigningKey
    files: tuple[Path, ...] | None
    """None after the run: `subjects` are what the shards of it were about."""
    subjects: tuple[Resource, ...]
    """What `files` were before the run."""


def order(key: Path | None, files: tuple[Path, ...], plan: "Plan") -> Order | None:
    """What ``--statement`` and ``--subject`` ask for; ends the command if ``plan`` is never signed."""
    if key is None:
        if files:
            raise click.UsageError("--subject goes with --statement")
        return None
    if not files:
        raise click.UsageError("--statement: name the wallet's files with --subject")
    limit = _limit(plan)
    if limit:
        raise click.UsageError(f"--statement: a run with {limit} never certifies, so it is not signed")
    with told(opening=True):
        return Order(key=inputs.private_key(key), files=files, subjects=inputs.subjects(files))


def _limit(plan: "Plan") -> str:
    """The first of these for which a run never certifies; empty if there is none."""
    given = {
        "a python: wallet": plan.selector.startswith("python:"),
        f"--level {plan.level}": plan.level is Level.SMOKE,
        "--only": bool(plan.only),
        "--suite": plan.suite is not None,
        "--policy": plan.policy is not None,
        "the default seed, which every wallet knows,": plan.seed == DEFAULT_SEED,
    }
    return next((name for name, holds in given.items() if holds), "")


def merged(key: Path | None, folders: tuple[Path, ...]) -> Order | None:
    """What ``--statement`` asks of shards: the same key signed each. Raises Refused, Misuse, OSError."""
    if key is None:
        return None
    signer = inputs.private_key(key)
    subjects = {}
    for folder in folders:
        signed = folder / shard.FILE
        if not signed.exists():
            raise Misuse(f"{folder}: the shard is not signed; certify it with --statement and --subject")
        report = (folder / REPORT).read_bytes()
        try:
            subjects[str(folder)] = shard.verify(signed.read_bytes(), report, signer.public)
        except Refused as refused:
            raise Refused(f"{folder}: {refused}") from None
    return Order(key=signer, files=None, subjects=shard.common(subjects))


def fulfil(wanted: Order, run: Run, folder: Path) -> tuple[Path | None, str]:
    """Sign ``run``, whose reports are in ``folder``: the file, or None and why there is none."""
    found = "" if run.shard else content.obstacle(run)
    if found:
        return None, found
    try:
        changed = wanted.files is not None and inputs.subjects(wanted.files) != wanted.subjects
    except (Misuse, OSError):
        changed = True
    if changed:
        return None, "a subject changed during the run, so nobody knows which wallet was judged"
    if run.shard:
        # Whether it can be part of a statement is seen when all of them are merged.
        path, data = (
            folder / shard.FILE,
            shard.sign((folder / REPORT).read_bytes(), wanted.subjects, wanted.key),
        )
    else:
        path = folder / content.FILE
        data = envelope.sign(content.state(run, wanted.subjects).encode(), wanted.key)
    write(path, data)
    return path, ""
