"""What the vectors show: three purses, two units, one payment from purse A to purse B.

A is payer and responder, B payee and initiator; C gave A the second unit. All private inputs are SHA-256
digests of their names: nothing is drawn at random, and an implementation can start from any value.
"""

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from hashlib import sha256
from typing import Any, cast

from eiraku.reference import policy
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.centres import roots
from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import IssuingCentre, MoneyKey, identifier, sign_unit, taken
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.purse import units
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.key_lists import (
    CONTEXT_DEVICE_KEYS,
    CONTEXT_MONEY_KEYS,
    DeviceKeys,
    MoneyKeys,
    scheme_key_id,
)
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import EndorsementPayload, PurseId, Role, Unit
from eiraku.spec.record import Record
from eiraku.spec.revoked import coded

EPOCH, LAST_EPOCH = 7, 99
ECONOMY = 392


def secret(name: str, length: int = 32) -> bytes:
    """The private input called `name`: the first `length` bytes of SHA-256 of the name in UTF-8."""
    return sha256(name.encode()).digest()[:length]


def plain(value: Any) -> Any:
    """A record, or a field of one, as JSON: byte strings in hexadecimal, records as objects."""
    if isinstance(value, Record):
        return {f.name: plain(getattr(value, f.name)) for f in fields(cast("Any", value))}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, IntEnum) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a unit: who endorsed what, and the layer in which its payee sealed it."""

    payload: EndorsementPayload
    signer: str
    """Name of the private key."""
    signature: bytes
    before: OfferedUnit
    """The unit as the payer had it."""
    ephemeral: str
    """Name of the HPKE ephemeral key."""
    after: OfferedUnit
    """The unit as the payee has it."""


KEYS = {name: SigningKey(secret(f"purse key {name}")) for name in "ABC"}
SCHEME_KEY = secret("scheme key")
MASTER = PurseMasterKey(key=SigningKey(secret("purse master key")), valid_from=0, valid_to=LAST_EPOCH)
MONEY = MoneyKey(
    unit_key=SigningKey(secret("unit key")),
    history_key=AgreementKey(secret("history key")),
    valid_from=0,
    valid_to=LAST_EPOCH,
)
DEVICE_CENTRE = DeviceCentre(keys=(MASTER,), seal=secret("device seal", 16), economy=ECONOMY)
ISSUING_CENTRE = IssuingCentre(keys=(MONEY,), seal=secret("money seal", 16), economy=ECONOMY)
DEVICE_ROOT, MONEY_ROOT = (SigningKey(secret(f"{centre} root")) for centre in ("device", "money"))
CHANGE = EPOCH + 1
"""The epoch from which the second key lists revoke the first keys, whose successors they announce."""
_SCHEME_KEYS = tuple(map(scheme_key_id, (SCHEME_KEY, secret("second scheme key"))))
_SUCCESSOR = AgreementKey(secret("second history key")).public
SECOND_UNIT_KEY = SigningKey(secret("second unit key"))
DEVICE_LISTS = (
    DeviceKeys(
        sequence=1,
        expires=200,
        keys=((MASTER.key.public, 0, LAST_EPOCH),),
        scheme=((_SCHEME_KEYS[0], 0, LAST_EPOCH),),
    ),
    DeviceKeys(
        sequence=2,
        expires=400,
        keys=(
            (MASTER.key.public, 0, EPOCH),
            (SigningKey(secret("second purse master key")).public, CHANGE, LAST_EPOCH),
        ),
        scheme=((_SCHEME_KEYS[0], 0, EPOCH), (_SCHEME_KEYS[1], 0, LAST_EPOCH)),
    ),
)
MONEY_LISTS = (
    MoneyKeys(
        sequence=1,
        expires=200,
        keys=((MONEY.unit_key.public, MONEY.history_key.public, 0, LAST_EPOCH),),
    ),
    MoneyKeys(
        sequence=2,
        expires=400,
        keys=(
            (MONEY.unit_key.public, MONEY.history_key.public, 0, EPOCH),
            (SECOND_UNIT_KEY.public, _SUCCESSOR, CHANGE, LAST_EPOCH),
        ),
    ),
)
ANCHOR = TrustAnchor.from_mapping(
    {
        "economies": [ECONOMY],
        "device_root": DEVICE_ROOT.public.hex(),
        "money_root": MONEY_ROOT.public.hex(),
        "device_keys": roots.sign(DEVICE_ROOT, CONTEXT_DEVICE_KEYS, DEVICE_LISTS[0].encode()).hex(),
        "money_keys": roots.sign(MONEY_ROOT, CONTEXT_MONEY_KEYS, MONEY_LISTS[0].encode()).hex(),
        "device_seal": DEVICE_CENTRE.seal.hex(),
        "money_seal": ISSUING_CENTRE.seal.hex(),
        "scheme_keys": [SCHEME_KEY.hex()],
    }
)
POLICY = policy.default()


def _claims(name: str) -> PurseId:
    return PurseId(
        number=secret(f"purse number {name}", 8),
        public_key=KEYS[name].public,
        role=Role.MERCHANT if name == "B" else Role.PERSON,
        tier=1,
        holder=secret(f"holder {name}"),
        economy=ECONOMY,
        issued=1,
        expires=LAST_EPOCH,
        seal=DEVICE_CENTRE.seal,
        reserved=secret("reserved", 8) if name == "B" else b"",
    )


CLAIMS = {name: _claims(name) for name in KEYS}
PURSE_IDS = {
    name: DEVICE_CENTRE.sign(objects.CONTEXT_PURSE_ID, claims.encode()) for name, claims in CLAIMS.items()
}
REVOKED = ((5, 7, 20), tuple(n * n for n in range(1, 2801)))
"""The revoked numbers of two bulletins; the second list has two chunks."""
LISTS = tuple(map(coded, REVOKED))
BULLETINS = tuple(
    Bulletin.of(listed, epoch=EPOCH + place, policy_digest=secret("policy"))
    for place, listed in enumerate(LISTS)
)
TRANSACTION = secret("transaction", 16)


def _unit(number: int, value: int, reserved: bytes = b"") -> Unit:
    return Unit(
        number=number,
        issue=0,
        value=value,
        economy=ECONOMY,
        issued=EPOCH,
        expires=LAST_EPOCH,
        max_hops=5,
        seal=ISSUING_CENTRE.seal,
        reserved=reserved,
    )


UNITS = (_unit(1, 8), _unit(2, 4, secret("reserved")))
LATER = replace(_unit(3, 8), issued=CHANGE)
"""A unit of the epoch of the change: under the first unit key it is valid by the first list only, under the
second one by the second only.
"""
AMOUNT = sum(unit.value for unit in UNITS)


def _moved(held: OfferedUnit, payer: str | None, payee: str, transaction: bytes, ephemeral: str) -> Move:
    """`payer`: a purse, or None for the issuing centre."""
    payload = units.move(
        identifier(held.unit),
        held.hop + 1,
        inner=held.history,
        payer=objects.ISSUER_NUMBER if payer is None else CLAIMS[payer].number,
        payee=CLAIMS[payee].number,
        transaction=transaction,
    )
    signature = units.endorse(MONEY.unit_key if payer is None else KEYS[payer], payload)
    after = taken(
        held,
        payer=payload.payer,
        payee=payload.payee,
        transaction=transaction,
        signature=signature,
        history_key=MONEY.history_key.public,
        ephemeral=secret(ephemeral),
    )
    return Move(
        payload=payload,
        signer="unit key" if payer is None else f"purse key {payer}",
        signature=signature,
        before=held,
        ephemeral=ephemeral,
        after=after,
    )


def _fresh(unit: Unit) -> OfferedUnit:
    return OfferedUnit(unit=sign_unit(MONEY, unit.encode()), hop=-1, history=b"")


def _history() -> dict[str, Move]:
    first = _moved(_fresh(UNITS[0]), None, "A", secret("issue 1", 16), "layer 1-0")
    second = _moved(_fresh(UNITS[1]), None, "C", secret("issue 2", 16), "layer 2-0")
    third = _moved(second.after, "C", "A", secret("transaction C", 16), "layer 2-1")
    return {
        "unit-1-hop-0": first,
        "unit-2-hop-0": second,
        "unit-2-hop-1": third,
        "unit-1-hop-1": _moved(first.after, "A", "B", TRANSACTION, "layer 1-1"),
        "unit-2-hop-2": _moved(third.after, "A", "B", TRANSACTION, "layer 2-2"),
    }


MOVES = _history()
PAID = (MOVES["unit-1-hop-1"], MOVES["unit-2-hop-2"])
"""The moves of the payment from A to B, in the order of the OFFER."""
