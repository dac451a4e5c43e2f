"""What a certifier signs about one shard of a run, so that a statement can be made of all: `FILE`.

A statement on merged shards says of every transcript that it was exchanged with the wallet's files. Who
merges has exchanged nothing, so the one who ran each shard signs its report and the files, with the key that
signs the statement.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from eiraku.conformance.results import Model
from eiraku.conformance.statement import envelope
from eiraku.conformance.statement.content import Resource
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Refused

FILE: Final = "shard.json"
"""Its name in the folder of the reports."""
PAYLOAD_TYPE: Final = "application/vnd.eiraku.shard+json"


class _Signed(Model, frozen=True, kw_only=True):
    """The payload."""

    format: Literal["eiraku-shard/1"] = "eiraku-shard/1"
    report: str
    """SHA-256, hex, of ``report.json``."""
    subject: tuple[Resource, ...]
    """The wallet's files."""


def sign(report: bytes, subject: tuple[Resource, ...], key: SigningKey) -> bytes:
    """The bytes of the file on a shard with this ``report.json``, of the wallet in the files ``subject``."""
    payload = msgspec.json.encode(_Signed(report=hashlib.sha256(report).hexdigest(), subject=subject))
    return envelope.sign(payload, key, PAYLOAD_TYPE)


def verify(data: bytes, report: bytes, public: bytes) -> tuple[Resource, ...]:
    """The subject of a shard. Raises Refused unless ``public`` signed it, with this ``report.json``."""
    found = envelope.read(data, PAYLOAD_TYPE)
    found.verify(public)
    try:
        signed = msgspec.json.decode(found.payload, type=_Signed)
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected a shard of this version of Eiraku: {error}") from None
    if signed.report != hashlib.sha256(report).hexdigest():
        raise Refused("report.json is not the one that was signed: it was changed after the run")
    return signed.subject


def common(subjects: Mapping[str, tuple[Resource, ...]]) -> tuple[Resource, ...]:
    """The subject of all shards, each by a name for people. Raises Refused if they differ."""
    (first, subject), *others = subjects.items()
    for name, other in others:
        if other != subject:
            raise Refused(f"{first} and {name} are about different files of a wallet")
    return subject
