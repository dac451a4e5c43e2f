"""An operator of the wholesale side and what it signs, honest or not."""

import itertools

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.wholesale_objects import Checkpoint, Entry, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import checkpoint, register, vector_notes, vectors
from eiraku.system.wholesale.note import SignatureType, Trust, VerifierKey
from eiraku.system.wholesale.register import Register
from eiraku.system.wholesale.vector_notes import secret

KEY = SigningKey(secret("operator key"))
OTHER = SigningKey(secret("other key"))
"""Of somebody else who signs what an operator signs."""
_NUMBERS = itertools.count(1000)


def fresh() -> bytes:
    """A posting id that no other test has."""
    return next(_NUMBERS).to_bytes(16, "big")


def operator(url: str) -> Register:
    """The operator of the vectors, with an empty log."""
    database = Database(url, register.SCHEMA)
    return Register.create(
        database, origin=vector_notes.ORIGIN, epoch=1, random=lambda length: secret("operator key", length)
    )


def operator_key(key: SigningKey = KEY, *, origin: str = vector_notes.ORIGIN) -> VerifierKey:
    """The verifier key of an operator."""
    return VerifierKey(name=origin, type=SignatureType.OPERATOR, public=key.public)


TRUST = Trust(operator=operator_key())


def signed(
    leaves: list[bytes], *, epoch: int = 9, origin: str = vector_notes.ORIGIN, key: SigningKey = KEY
) -> str:
    """What an operator signs who signs anything."""
    root = vectors.mth(leaves)
    return checkpoint.sign(key, Checkpoint(origin=origin, size=len(leaves), root=root, epoch=epoch))


def entry(kind: Kind, economy: int, amount: int, *, at: int = 0, epoch: int = 1, posting: int = 0) -> bytes:
    """An entry of a log; in a posting of its own, unless asked for one."""
    return Entry(
        posting=posting.to_bytes(16, "big") if posting else fresh(),
        kind=kind,
        epoch=epoch,
        economy=economy,
        at=at or economy,
        amount=amount,
    ).encode()
