"""Which authenticated peers a wallet refuses, and in which order it checks them (chapter 5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pytest

from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    PAYEES,
    Attack,
    Part,
    handshake_attack,
    meet,
    money,
    prepare,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.flows import accept_of, expect_pay, meet_payer, still_alive
from eiraku.conformance.tester.peer import Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, Identity
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec.errors import Code
from eiraku.spec.messages import Redeliver
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

# --- oneself -----------------------------------------------------------------------------------------------

SAME: dict[str, Callable[[Stage], Identity]] = {
    "number": lambda stage: stage.world.purse(number=stage.world.wallet.number),
    "key": lambda stage: stage.world.purse(seed=stage.world.wallet.seed),
    "number-and-key": lambda stage: stage.world.purse(
        number=stage.world.wallet.number, seed=stage.world.wallet.seed
    ),
    "clone": lambda stage: stage.world.wallet,
}


@pytest.mark.requirement("EPP-SES-021", "EPP-SES-016")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(SAME))
def test_same_purse(stage: Stage, name: str, part: Part) -> None:
    """A peer with the wallet's own number or key is refused"""
    handshake_attack(stage, part, Attack(codes=Code.SAME_PURSE, peer=SAME[name]))


# --- revoked -----------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-022", "EPP-SES-016")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("place", ("only", "first", "last", "among"))
def test_revoked(stage: Stage, place: str, part: Part) -> None:
    """A peer on the bulletin is refused, its neighbours are not"""
    number = (1 << 60).to_bytes(8, "big")
    below, above = ((1 << 60) - 1).to_bytes(8, "big"), ((1 << 60) + 1).to_bytes(8, "big")
    others = {"only": [], "first": [above], "last": [below], "among": [below, above]}[place]
    free = next(other for other in (below, above, bytes(7) + b"\x05") if other not in others)
    handshake_attack(
        stage,
        part,
        Attack(codes=Code.PURSE_REVOKED, peer=lambda stage: stage.world.purse(number=number)),
        control=lambda stage: stage.world.purse(number=free),
        bulletin=stage.world.bulletin(revoked=[*others, number]),
    )


@pytest.mark.requirement("EPP-SES-022")
@PAYEES
def test_revoked_by_a_newer_bulletin(stage: Stage, part: Part) -> None:
    """The newest bulletin decides, in both directions"""
    peer = stage.world.purse()
    stage.begin(money(stage, part))
    meet(stage, part, peer=peer)
    stage.order("bulletin", bulletin=stage.world.bulletin(EPOCH + 1, [peer.number]))
    before = stage.state()
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(codes=Code.PURSE_REVOKED), peer=peer)
    stage.unchanged(before, "revoked peer")
    stage.order("bulletin", bulletin=stage.world.bulletin(EPOCH + 2))
    meet(stage, part, peer=peer)


# --- roles -------------------------------------------------------------------------------------------------

NO_OPERATION: dict[str, Callable[[Stage], Identity]] = {
    # No operation of the suite's policy joins them in either direction.
    "vault-of-another-holder": lambda stage: stage.world.purse(role=Role.VAULT),
    "person-of-the-same-holder": lambda stage: stage.world.purse(holder=stage.world.wallet.claims.holder),
    "merchant-of-the-same-holder": lambda stage: stage.world.purse(
        role=Role.MERCHANT, holder=stage.world.wallet.claims.holder
    ),
    "centre-of-the-same-holder": lambda stage: stage.world.purse(
        role=Role.CENTRE, holder=stage.world.wallet.claims.holder
    ),
}


@pytest.mark.requirement("EPP-SES-023", "EPP-SES-016")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(NO_OPERATION))
def test_role_pair(stage: Stage, name: str, part: Part) -> None:
    """A peer with which the policy knows no operation is refused"""
    handshake_attack(stage, part, Attack(codes=Code.ROLE_PAIR, peer=NO_OPERATION[name]))


@pytest.mark.requirement("EPP-SES-023")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("role", (Role.PERSON, Role.MERCHANT, Role.VAULT), ids=lambda role: role.name.lower())
def test_permitted_role_pair(stage: Stage, role: Role, part: Part) -> None:
    """A peer with which the policy knows an operation is accepted"""
    prepare(stage, part)
    same = {"holder": stage.world.wallet.claims.holder}
    claims: dict[str, Any] = same if role is Role.VAULT else {}
    meet(stage, part, peer=stage.world.purse(role=role, **claims))


# --- redelivery --------------------------------------------------------------------------------------------

REDELIVERING = tuple(pytest.param(Part(side=side, pays=True), id=side.value) for side in Side)


def leave_pending(stage: Stage, payee: Identity, *, bulletin: bytes | None = None) -> bytes:
    """Reset the wallet and let a payment to `payee` break off after PAY; the transaction."""
    stage.begin([stage.world.holding(AMOUNT, holder=stage.world.wallet.number)], bulletin=bulletin)
    talk, offer = meet_payer(stage, Side.INITIATOR, AMOUNT, peer=payee)
    expect_pay(talk, offer, talk.send(accept_of(offer)))
    return offer.transaction


@pytest.mark.requirement("EPP-SES-024", "EPP-SES-016")
@pytest.mark.parametrize("part", REDELIVERING)
def test_redelivery_to_another(stage: Stage, part: Part) -> None:
    """A wallet that is to redeliver refuses a peer other than the payee"""
    payee, other = stage.world.purse(), stage.world.purse()
    transaction = leave_pending(stage, payee)
    stage.order("redeliver", transaction=transaction)
    talk = connect(stage, part.side, peer=payee)
    if part.side is Side.INITIATOR:
        stage.require(isinstance(talk.opening, Redeliver), "REDELIVER", talk.opening, "first message")
    transaction = leave_pending(stage, payee)
    stage.order("redeliver", transaction=transaction)
    before = stage.state()
    refused_in_handshake(stage, part, Attack(codes=Code.TRANSACTION), peer=other)
    stage.unchanged(before, "redelivery to another purse")
    still_alive(stage)


# --- order of the checks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a peer."""

    code: Code
    claims: dict[str, Any]
    stranger: bool = False
    """Its purse ID is signed by a centre outside the anchor."""
    no_purse_id: bool = False
    """Its EAD has no purse ID."""
    other_key: bool = False
    """It signs the handshake with a key that is not in its purse ID."""
    clone: bool = False
    """It has the wallet's own key."""
    revoked: bool = False
    critical_item: bool = False
    """Its EAD has a critical item that nobody knows."""
    other_payee: bool = False
    """It is not the one to whom the wallet is to redeliver."""
    not_named: bool = False
    """It is not the one whom the wallet is to pay."""


FAULTS: dict[str, Fault] = {
    "no-purse-id": Fault(code=Code.AUTHENTICATION, claims={}, no_purse_id=True),
    "shape": Fault(code=Code.AUTHENTICATION, claims={"tier": 8}),
    "signature": Fault(code=Code.AUTHENTICATION, claims={}, stranger=True),
    "seal": Fault(code=Code.AUTHENTICATION, claims={"seal": bytes(16)}),
    "economy": Fault(code=Code.AUTHENTICATION, claims={"economy": Economy.FOREIGN}),
    "handshake": Fault(code=Code.AUTHENTICATION, claims={}, other_key=True),
    "items": Fault(code=Code.MALFORMED, claims={}, critical_item=True),
    "expiry": Fault(code=Code.PURSE_EXPIRED, claims={"expires": EPOCH - 1}),
    "same-purse": Fault(code=Code.SAME_PURSE, claims={}, clone=True),
    "revocation": Fault(code=Code.PURSE_REVOKED, claims={}, revoked=True),
    "role-pair": Fault(code=Code.ROLE_PAIR, claims={"role": Role.VAULT}),
    "payee": Fault(code=Code.TRANSACTION, claims={}, other_payee=True),
    "named-payee": Fault(code=Code.WRONG_PAYEE, claims={}, not_named=True),
}
"""In the order in which they are checked (EPP-SES-025)."""

PAIRS = [
    pair
    for pair in combinations(FAULTS, 2)
    if FAULTS[pair[0]].code is not FAULTS[pair[1]].code and not FAULTS[pair[0]].other_payee
]

REVOKED = (1 << 60).to_bytes(8, "big")


@pytest.mark.requirement("EPP-SES-025")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
@pytest.mark.parametrize("pair", [pytest.param(pair, id="-and-".join(pair)) for pair in PAIRS])
def test_order_of_checks(stage: Stage, pair: tuple[str, str], side: Side) -> None:
    """Of two faults of a peer the first in the order decides the code"""
    faults = [FAULTS[name] for name in pair]
    named = faults[1].not_named
    part = Part(side=side, pays=named or faults[1].other_payee)
    bulletin = stage.world.bulletin(revoked=[REVOKED])
    payee = stage.world.purse()
    _purpose(stage, part, payee, bulletin, named=named)
    connect(stage, side, peer=payee)
    _purpose(stage, part, payee, bulletin, named=named)
    before = stage.state()
    peer = _culprit(stage, faults)
    other = SigningKey(stage.world.random(32))
    manner = Manner(key=other if any(fault.other_key for fault in faults) else None)
    if any(fault.no_purse_id for fault in faults):
        manner = replace(manner, purse_id=())
    if any(fault.critical_item for fault in faults):
        item = Ead(label=7, critical=True)
        manner = replace(manner, ead_2=(*manner.ead_2, item), ead_3=(item,))
    refused_in_handshake(stage, part, Attack(codes=faults[0].code, manner=lambda *_: manner), peer=peer)
    stage.unchanged(before, "peer with two faults")
    still_alive(stage)


def _purpose(stage: Stage, part: Part, payee: Identity, bulletin: bytes, *, named: bool) -> None:
    if named:
        stage.begin(money(stage, part), bulletin=bulletin)
        stage.order("pay", amount=AMOUNT, payee=payee.number)
    elif part.pays:
        stage.order("redeliver", transaction=leave_pending(stage, payee, bulletin=bulletin))
    else:
        prepare(stage, part, bulletin=bulletin)


def _culprit(stage: Stage, faults: list[Fault]) -> Identity:
    """A purse with all the faults that can be seen in a purse ID."""
    claims: dict[str, Any] = {}
    for fault in faults:
        claims |= fault.claims
    centre = stage.world.device
    if any(fault.stranger for fault in faults):
        key = stage.world.master_key(1, LAST_EPOCH)
        centre = replace(centre, keys=(key,))
    if any(fault.revoked for fault in faults):
        claims["number"] = REVOKED
    seed = stage.world.wallet.seed if any(fault.clone for fault in faults) else None
    return stage.world.purse(seed=seed, centre=centre, **claims)
