"""``eiraku certify --statement``: what has to be right before the run, and the signature after it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.results import Level, Run
from eiraku.conformance.statement import content, envelope, inputs
from eiraku.conformance.statement.content import FILE, Resource
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.report.files import write
from eiraku.spec.errors import Misuse

if TYPE_CHECKING:
    from eiraku.conformance.runner import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A statement that was asked for."""

    key: SigningKey
    files: tuple[Path, ...]
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


def fulfil(wanted: Order, run: Run, folder: Path) -> str:
    """Write the statement into ``folder``, or say why there is none; empty if there is."""
    found = content.obstacle(run)
    if found:
        return found
    try:
        changed = inputs.subjects(wanted.files) != wanted.subjects
    except (Misuse, OSError):
        changed = True
    if changed:
        return "a subject changed during the run, so nobody knows which wallet was judged"
    statement = content.state(run, wanted.subjects)
    write(folder / FILE, envelope.sign(statement.encode(), wanted.key))
    return ""
