"""How a new purse comes into being online: a code of the operator, used once (EPP-SVC-009).

The operator makes a code for a role, tier, holder and economy and gives it to the holder; the purse makes its
own key pair and sends the code with the public half, signed by the private one. Only a digest of the code is
kept. The same purse may ask again with the same code; another one may not.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import select

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.policy import Policy
from eiraku.spec.centre_objects import CONTEXT_REQUEST, EnrolBody, Enrolled, Request
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import ISSUER_NUMBER, Role
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.services.journal import ENROLMENTS
from eiraku.system.services.requests import DEVICE_CENTRE, parse

RULE = "EPP-SVC-009"
METHOD = "enrol"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a code is good for. `holder`: 32 bytes; `expires`: of the purse ID; `last_epoch`: of the code."""

    role: Role
    tier: int
    holder: bytes
    economy: int
    expires: int
    last_epoch: int


def first_request(key: SigningKey, code: str) -> bytes:
    """What a new purse sends: the code and its public key, signed. `code`: as the operator gave it."""
    request = Request(
        audience=DEVICE_CENTRE,
        method=METHOD,
        purse=ISSUER_NUMBER,
        sequence=1,
        body=EnrolBody(code=plain(code), public_key=key.public).encode(),
    )
    return cose.sign(key, CONTEXT_REQUEST, request.encode())


def plain(code: str) -> str:
    """A code as it is compared: capitals and digits only."""
    return "".join(letter for letter in code.upper() if letter.isascii() and letter.isalnum())[:64]


def new_code(database: Database, invitation: Invitation, random: Callable[[int], bytes]) -> str:
    """A code, in groups of four letters; of it only a digest is kept. Raises DatabaseError."""
    code = base64.b32encode(random(15)).decode()
    with database.writing() as connection:
        connection.execute(
            ENROLMENTS.insert().values(
                # EPP-SVC-067
                digest=sha256(code.encode()).digest(),
                role=invitation.role.name,
                tier=invitation.tier,
                holder=invitation.holder,
                economy=invitation.economy,
                expires=invitation.expires,
                last_epoch=invitation.last_epoch,
            )
        )
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolments:
    """The codes that are out. `database`: of schema `journal.SCHEMA`."""

    database: Database
    registry: Registry
    anchor: Callable[[], TrustAnchor]
    policy: Policy
    vault_of: Callable[[bytes], bytes | None]

    def enrol(self, signed: bytes) -> bytes:
        """Register the purse that signed, if its code is good. Raises ServiceRefused, DatabaseError."""
        code, public_key = _read(signed)
        digest = sha256(code.encode()).digest()
        epoch = self.registry.bulletins.epoch
        with self.database.writing() as connection:
            row = connection.execute(select(ENROLMENTS).where(ENROLMENTS.c.digest == digest)).one_or_none()
            # EPP-SVC-068
            if row is None or row.public_key not in (None, public_key) or epoch > row.last_epoch:
                detail = "expected a code that is known, unused and not too old; ask for another"
                raise ServiceRefused("enrolment-code", "EPP-SVC-068", detail)
            # EPP-SVC-066
            mine = ENROLMENTS.c.digest == digest
            connection.execute(ENROLMENTS.update().where(mine).values(public_key=public_key))
        try:
            purse_id = self.registry.purses.register(
                public_key,
                role=Role[row.role],
                tier=row.tier,
                holder=bytes(row.holder),
                economy=row.economy,
                expires=row.expires,
            )
        except RegistryError as error:
            raise ServiceRefused("refused", "EPP-SVC-062", str(error)) from None
        return Enrolled(
            purse_id=purse_id,
            anchor=json.dumps(self.anchor().to_mapping()),
            policy=json.dumps(self.policy.to_mapping()),
            bulletin=self.registry.bulletins.newest(),
            vault=self.vault_of(bytes(row.holder)),
        ).encode()


def _read(signed: bytes) -> tuple[str, bytes]:
    """Code and public key of a first request that verifies under that key. Raises ServiceRefused."""
    try:
        parsed, request = parse(signed)
        read = EnrolBody.decode(request.body)
    except Refusal as refusal:
        raise ServiceRefused("malformed", RULE, refusal.detail) from None
    named = (request.audience, request.method, request.purse, request.sequence)
    # EPP-SVC-009
    if named != (DEVICE_CENTRE, METHOD, ISSUER_NUMBER, 1):
        detail = f"expected {METHOD} at {DEVICE_CENTRE}, sequence 1, and eight zero bytes as purse"
        raise ServiceRefused("wrong-audience", RULE, detail)
    # EPP-SVC-009
    if not cose.verify(read.public_key, CONTEXT_REQUEST, parsed):
        raise ServiceRefused("authentication", RULE, "expected a signature by the key that is sent")
    return read.code, read.public_key
