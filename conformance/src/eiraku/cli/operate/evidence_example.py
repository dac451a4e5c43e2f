"""Example files of evidence for whoever writes a verifier: the same bytes every time."""

from dataclasses import replace
from hashlib import sha256

from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import MoneyKey, sign_unit
from eiraku.reference.centres.roots import Roots
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import unit_id
from eiraku.reference.purse.units import endorse
from eiraku.spec import objects
from eiraku.spec.objects import Role, Unit
from eiraku.system.issuing.chain import Endorsement
from eiraku.system.issuing.evidence import Evidence

LAST_EPOCH = 100
ECONOMY = 392


def files() -> dict[str, bytes]:
    """By name: an anchor, evidence against a purse (EPP-CEN-023) and against a centre (EPP-CEN-024)."""
    random = Drbg(b"example of evidence")
    money = MoneyKey(
        unit_key=SigningKey(random(32)),
        history_key=AgreementKey(random(32)),
        valid_from=0,
        valid_to=LAST_EPOCH,
    )
    master = PurseMasterKey(key=SigningKey(random(32)), valid_from=0, valid_to=LAST_EPOCH)
    devices = DeviceCentre(keys=(master,), seal=random(16), economy=ECONOMY)
    anchor = Roots(device=SigningKey(random(32)), money=SigningKey(random(32))).anchor(
        economies=(ECONOMY,),
        device_keys=(master.announced,),
        money_keys=(money.announced,),
        device_seal=devices.seal,
        money_seal=random(16),
    )
    purse, number = SigningKey(random(32)), random(8)
    purse_id = devices.certify(
        number=number,
        public_key=purse.public,
        role=Role.PERSON,
        tier=2,
        holder=random(32),
        issued=1,
        expires=LAST_EPOCH,
    )
    payload = Unit(
        number=1,
        issue=0,
        value=1,
        economy=ECONOMY,
        issued=1,
        expires=LAST_EPOCH,
        max_hops=20,
        seal=anchor.money_seal,
    ).encode()
    unit, identifier = sign_unit(money, payload), unit_id(money.kid, payload)

    def endorsed(key: SigningKey, payer: bytes, hop: int, history: bytes) -> Endorsement:
        """The unit given to somebody."""
        blank = Endorsement(
            hop=hop,
            history_digest=sha256(history).digest(),
            payer=payer,
            payee=random(8),
            transaction=random(16),
            signature=b"",
        )
        return replace(blank, signature=endorse(key, blank.payload(identifier)))

    def evidence(signer: bytes, key: SigningKey, payer: bytes, hop: int, history: bytes) -> bytes:
        """Of one copy of the unit, given to two."""
        first, second = (endorsed(key, payer, hop, history) for _ in range(2))
        return Evidence(unit=unit, purse_id=signer, first=first, second=second).to_json()

    return {
        "anchor.json": anchor.to_json(),
        "purse.json": evidence(purse_id, purse, number, 2, random(440)),
        "centre.json": evidence(b"", money.unit_key, objects.ISSUER_NUMBER, 0, b""),
    }
