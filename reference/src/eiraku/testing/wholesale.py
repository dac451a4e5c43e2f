"""What an operator of the wholesale side signs, honest or not: functions, no world, for no purse is in it."""

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
SDR = """
unit = "XDR"
quote = "USD"
date = 2011-10-19
max_age = 1
decimals = 5
minor_digits = 2

[amounts]
EUR = "0.4230"
JPY = "12.1000"
GBP = "0.1110"
USD = "0.6600"

[rates]
EUR = "1.38450"
GBP = "1.58010"

[inverse_rates]
JPY = "76.79000"
"""
"""A basket as the International Monetary Fund published it on 19 October 2011: SDR 1 = US$ 1.57861."""
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
