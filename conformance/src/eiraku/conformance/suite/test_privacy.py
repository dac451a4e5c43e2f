"""What outsiders can see, and what the scheme key is worth (chapter 11)."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    PAYEES,
    Attack,
    Part,
    handshake_attack,
    money,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.tester.flows import (
    REFERENCE,
    accept_of,
    check_endorsements,
    expect_pay,
    give,
    meet_payer,
    take,
)
from eiraku.conformance.tester.peer import Manner, connect
from eiraku.conformance.tester.stage import WALLET, Stage
from eiraku.conformance.tester.world import LAST_EPOCH, Identity, identifier
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor, objects
from eiraku.spec.messages import OfferedUnit, Redeliver
from eiraku.spec.tables import Side


def overheard(stage: Stage) -> list[bytes]:
    """What the wallet has sent since the evidence was last cleared."""
    return [bytes.fromhex(step.data) for step in stage.evidence.steps if step.source == WALLET and step.data]


def windows(data: Iterable[bytes], size: int) -> set[bytes]:
    """All byte strings of `size` bytes in any of the messages."""
    return {each[i : i + size] for each in data for i in range(len(each) - size + 1)}


# --- nothing in clear --------------------------------------------------------------------------------------

BIG = 0x24925
"""An amount whose encoding has five bytes, so that it is not met by chance."""


def _powers(stage: Stage, amount: int, holder: Identity) -> list[OfferedUnit]:
    values = [1 << bit for bit in range(amount.bit_length()) if amount >> bit & 1]
    return [stage.world.holding(value, holder=holder.number) for value in values]


@pytest.mark.requirement("EPP-SEC-001", "EPP-PID-008")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("part", PARTS)
def test_nothing_in_clear(stage: Stage, part: Part) -> None:
    """No number, key, unit, amount or reference is seen in what the wallet sends"""
    world = stage.world
    world.wallet, world.peer = world.purse(tier=2), world.purse(tier=2)
    units = _powers(stage, BIG, world.wallet if part.pays else world.peer)
    stage.begin(units if part.pays else [])
    payment = take(stage, part.side, BIG) if part.pays else give(stage, part.side, units)
    seen = overheard(stage)
    stage.require(len(seen) >= 3, "at least three messages of the wallet", len(seen), "messages")
    secrets = {
        "transaction": payment.offer.transaction,
        "purse ID": world.wallet.purse_id,
        "peer's purse ID": world.peer.purse_id,
        "OFFER": payment.offered,
        "PAY": payment.pay.encode(),
        "unit identifier": identifier(units[0]),
    }
    clear = windows(seen, 8)
    for name, secret in secrets.items():
        found = windows([secret], 8) & clear
        stage.require(not found, f"nothing of the {name}", [each.hex() for each in found][:1], "on the wire")
    together = b"|".join(seen)
    for name, short in {
        "wallet's number": world.wallet.number,
        "peer's number": world.peer.number,
        "amount": cbor.encode(BIG),
        "reference": REFERENCE.encode(),
    }.items():
        stage.require(short not in together, f"no {name}", short.hex(), "on the wire")


# --- nothing in common -------------------------------------------------------------------------------------


def _transfer(stage: Stage, part: Part, peer: Identity) -> None:
    if part.pays:
        take(stage, part.side, AMOUNT, peer=peer)
    else:
        give(stage, part.side, [stage.world.holding(AMOUNT, holder=peer.number)], peer=peer)


@pytest.mark.requirement("EPP-SEC-002", "EPP-SES-011", "EPP-PID-009")
@pytest.mark.parametrize("same_peer", (True, False), ids=["same-peer", "other-peer"])
@pytest.mark.parametrize("part", PARTS)
def test_nothing_in_common(stage: Stage, part: Part, same_peer: bool) -> None:  # noqa: FBT001
    """Two sessions of the wallet have no 16 bytes in common"""
    stage.begin([held for _ in range(4) for held in money(stage, part)])
    peer = stage.world.purse()
    earlier: set[bytes] = set()
    for round_ in range(4):
        stage.evidence.steps.clear()
        _transfer(stage, part, peer if same_peer else stage.world.purse())
        _fresh(stage, earlier)
        if round_ == 2:
            stage.wallet.power_cut("now")


def _fresh(stage: Stage, earlier: set[bytes]) -> None:
    """What was overheard must have nothing in common with `earlier`, to which it is added."""
    now = windows(overheard(stage), 16)
    common = now & earlier
    stage.require(not common, "nothing in common", [each.hex() for each in common][:1], "16 bytes")
    earlier |= now


@pytest.mark.requirement("EPP-SEC-002")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_nothing_in_common_in_redelivery(stage: Stage, side: Side) -> None:
    """The same payment delivered again looks like another session"""
    peer = stage.world.purse()
    stage.begin(money(stage, Part(side=side, pays=True)))
    talk, offer = meet_payer(stage, side, AMOUNT, peer=peer)
    payment = expect_pay(talk, offer, talk.send(accept_of(offer)))
    check_endorsements(talk, offer, payment.pay)
    earlier = windows(overheard(stage), 16)
    for _ in range(2):
        stage.evidence.steps.clear()
        stage.order("redeliver", transaction=offer.transaction)
        again = connect(stage, Side.INITIATOR, peer=peer)
        stage.require(isinstance(again.opening, Redeliver), "REDELIVER", again.opening, "first message")
        _fresh(stage, earlier)


@pytest.mark.requirement("EPP-SEC-002", "EPP-SES-016")
@PAYEES
def test_nothing_in_common_in_refusals(stage: Stage, part: Part) -> None:
    """Sessions that are refused have no 16 bytes in common either"""
    stage.begin()
    earlier: set[bytes] = set()
    for _ in range(3):
        stage.evidence.steps.clear()
        set_purpose(stage, part)
        refused_in_handshake(stage, part, Attack(), peer=stage.world.purse(seal=bytes(16)))
        _fresh(stage, earlier)


# --- the scheme key has leaked -----------------------------------------------------------------------------


def _forged(stage: Stage, key: SigningKey, kid: bytes | None) -> Identity:
    """A purse ID right in all but its signature, by somebody who knows the scheme key."""
    seed = stage.world.random(32)
    honest = stage.world.purse(seed=seed)
    signed = cose.sign(key, objects.CONTEXT_PURSE_ID, honest.claims.encode(), kid=kid)
    return replace(honest, purse_id=signed)


def _self_made(stage: Stage) -> Identity:
    key = SigningKey(stage.world.random(32))
    return _forged(stage, key, stage.world.device.keys[-1].kid)


def _own_centre(stage: Stage) -> Identity:
    key = PurseMasterKey(key=SigningKey(stage.world.random(32)), valid_from=1, valid_to=LAST_EPOCH)
    return _forged(stage, key.key, key.kid)


def _unsigned(stage: Stage) -> Identity:
    honest = stage.world.purse()
    return replace(honest, purse_id=honest.purse_id[:-64] + bytes(64))


def _thief(stage: Stage, _: Identity) -> Manner:
    """Has read somebody's purse ID, but has not the key."""
    return Manner(key=SigningKey(stage.world.random(32)))


def _scheme_key_as_key(stage: Stage, _: Identity) -> Manner:
    return Manner(key=SigningKey(stage.world.scheme_key))


OUTSIDERS: dict[str, Attack] = {
    "signed-by-oneself": Attack(peer=_self_made),
    "signed-by-a-centre-of-ones-own": Attack(peer=_own_centre),
    "not-signed": Attack(peer=_unsigned),
    "stolen-purse-id": Attack(manner=_thief),
    "scheme-key-as-purse-key": Attack(manner=_scheme_key_as_key),
}


@pytest.mark.requirement("EPP-SEC-004")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(OUTSIDERS))
def test_scheme_key_alone(stage: Stage, name: str, part: Part) -> None:
    """Who has the scheme key but no purse of the scheme is refused"""
    handshake_attack(stage, part, OUTSIDERS[name])
