"""Statements to read, change and refuse. Loaded by path: test modules cannot import each other."""

import functools
import runpy
from pathlib import Path

from eiraku.conformance.results import Run
from eiraku.conformance.statement import content, envelope
from eiraku.conformance.statement.content import Resource
from eiraku.reference.crypto.ed25519 import SigningKey

REPORTS = runpy.run_path(str(Path(__file__).with_name("report_samples.py")))
SEED = "5e" * 32
KEY = SigningKey(bytes(range(32)))
SUBJECT = (Resource(name="wallet.bin", digest={"sha256": "ab" * 32}),)
sample = functools.partial(REPORTS["sample"], seed=SEED)


@functools.cache
def conformant() -> Run:
    run: Run = sample()
    return run


@functools.cache
def signed() -> bytes:
    return envelope.sign(content.state(conformant(), SUBJECT).encode(), KEY)


def accepted(data: bytes, public: bytes = KEY.public) -> content.Statement:
    """As `eiraku statement verify` does."""
    found = envelope.read(data)
    found.verify(public)
    return content.read(found.payload)
