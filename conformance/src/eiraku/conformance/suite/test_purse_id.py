"""Purse IDs: what a wallet believes of its peer, and what it shows of itself (chapter 3)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from eiraku.conformance.suite.odd_claims import SHAPES, raw_purse
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.flows import (
    expect_accept,
    expect_reject,
    give,
    meet_payee,
    offer_of,
    pay_of,
    still_alive,
    take,
)
from eiraku.conformance.tester.peer import Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import (
    EPOCH,
    LAST_EPOCH,
    Identity,
)
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.objects import PurseId, Role
from eiraku.spec.tables import Side

# --- claims of the wrong shape or out of range --------------------------------------------------------------


@pytest.mark.requirement("EPP-PID-001", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_shape(stage: Stage, name: str, part: Part) -> None:
    """A purse ID of another shape, or out of range, is refused"""
    handshake_attack(stage, part, Attack(peer=lambda stage: raw_purse(stage, SHAPES[name])))


# --- a purse ID that the anchor does not vouch for ----------------------------------------------------------


def _stranger_centre(stage: Stage) -> Identity:
    key = stage.world.master_key(1, LAST_EPOCH)
    return stage.world.purse(centre=replace(stage.world.device, keys=(key,)))


def _altered_after_signing(stage: Stage) -> Identity:
    honest = stage.world.purse(tier=1)
    return replace(honest, purse_id=_swapped(honest.purse_id, honest.claims, tier=2))


def _key_exchanged(stage: Stage) -> Identity:
    """The purse ID of somebody else, with one's own key put in: what a thief of purse IDs would try."""
    victim, seed = stage.world.purse(), stage.world.random(32)
    mine = SigningKey(seed)
    altered = _swapped(victim.purse_id, victim.claims, public_key=mine.public)
    return Identity(claims=victim.claims, purse_id=altered, key=mine, seed=seed)


def _swapped(purse_id: bytes, claims: PurseId, **changes: Any) -> bytes:
    return purse_id.replace(claims.encode(), replace(claims, **changes).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A peer that must not be believed, and the peer of the positive control, which differs in that alone."""

    peer: Callable[[Stage], Identity]
    like: Callable[[Stage], Identity] = lambda stage: stage.world.purse()


STRANGERS = {
    "stranger-centre": (("EPP-PID-002",), Stranger(peer=_stranger_centre)),
    "altered-after-signing": (("EPP-PID-002",), Stranger(peer=_altered_after_signing)),
    "key-exchanged": (("EPP-PID-002",), Stranger(peer=_key_exchanged)),
    "other-seal": (("EPP-PID-003",), Stranger(peer=lambda stage: stage.world.purse(seal=bytes(16)))),
    "seal-off-by-one-bit": (
        ("EPP-PID-003",),
        Stranger(peer=lambda stage: stage.world.purse(seal=_flipped(stage.world.device.seal))),
    ),
    "seal-of-the-issuing-centre": (
        ("EPP-PID-003",),
        Stranger(peer=lambda stage: stage.world.purse(seal=stage.world.issuing.seal)),
    ),
    "foreign-economy": (
        ("EPP-PID-007",),
        Stranger(
            peer=lambda stage: stage.world.purse(economy=Economy.FOREIGN),
            like=lambda stage: stage.world.purse(economy=Economy.OTHER),
        ),
    ),
    "reserved-33-bytes": (
        ("EPP-PID-001", "EPP-PID-006"),
        Stranger(
            peer=lambda stage: stage.world.purse(reserved=bytes(33)),
            like=lambda stage: stage.world.purse(reserved=bytes(32)),
        ),
    ),
}


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(stranger, id=name, marks=pytest.mark.requirement(*ids))
        for name, (ids, stranger) in STRANGERS.items()
    ],
)
def test_stranger(stage: Stage, stranger: Stranger, part: Part) -> None:
    """A purse ID that does not verify under the anchor is refused"""
    handshake_attack(stage, part, Attack(peer=stranger.peer), control=stranger.like)


@pytest.mark.requirement("EPP-PID-004")
@pytest.mark.parametrize("part", PARTS)
def test_expired(stage: Stage, part: Part) -> None:
    """A purse ID is good in its last epoch and refused in the next"""
    attack = Attack(
        codes=Code.PURSE_EXPIRED, peer=lambda stage: stage.world.purse(issued=90, expires=EPOCH - 1)
    )
    handshake_attack(stage, part, attack, control=lambda stage: stage.world.purse(issued=90, expires=EPOCH))


@pytest.mark.requirement("EPP-PID-004")
@PAYEES
@pytest.mark.parametrize("role", Role, ids=lambda role: role.name.lower())
def test_expired_in_any_role(stage: Stage, role: Role, part: Part) -> None:
    """A purse ID that has expired is refused, whatever the peer is"""
    peer = stage.world.purse(role=role, holder=stage.world.wallet.claims.holder, expires=EPOCH - 1, issued=90)
    stage.begin(money(stage, part))
    before = stage.state()
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(codes=Code.PURSE_EXPIRED), peer=peer)
    stage.unchanged(before, "expired peer")


@pytest.mark.requirement("EPP-PID-004")
@PAYEES
def test_expires_with_a_new_bulletin(stage: Stage, part: Part) -> None:
    """A purse ID expires when the wallet learns of a later epoch"""
    peer = stage.world.purse(expires=EPOCH)
    stage.begin(money(stage, part))
    meet(stage, part, peer=peer)
    stage.order("bulletin", bulletin=stage.world.bulletin(EPOCH + 1))
    before = stage.state()
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(codes=Code.PURSE_EXPIRED), peer=peer)
    stage.unchanged(before, "expired peer")
    still_alive(stage)


ACCEPTABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "issued-in-the-future": ("EPP-PID-005", {"issued": LAST_EPOCH - 1}),
    "issued-next-epoch": ("EPP-PID-005", {"issued": EPOCH + 1}),
    "issued-and-expires-now": ("EPP-PID-004", {"issued": EPOCH, "expires": EPOCH}),
    "expires-at-the-end-of-time": ("EPP-PID-001", {"expires": 2**32 - 1}),
    "tier-0": ("EPP-PID-001", {"tier": 0}),
    "reserved-1-byte": ("EPP-PID-006", {"reserved": b"\xff"}),
    "reserved-32-bytes": ("EPP-PID-006", {"reserved": bytes(range(32))}),
    "reserved-looks-like-cbor": ("EPP-PID-006", {"reserved": cbor.encode({8: 1})}),
    "other-economy-of-the-anchor": ("EPP-PID-007", {"economy": Economy.OTHER}),
    "number-almost-zero": ("EPP-PID-001", {"number": bytes(7) + b"\x01"}),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(claims, id=name, marks=pytest.mark.requirement(requirement))
        for name, (requirement, claims) in ACCEPTABLE.items()
    ],
)
def test_acceptable(stage: Stage, claims: dict[str, Any], part: Part) -> None:
    """A purse ID at the edge of what is permitted is accepted"""
    prepare(stage, part)
    peer = stage.world.purse(**claims)
    if part.pays:
        take(stage, part.side, AMOUNT, peer=peer)
    else:
        give(stage, part.side, [stage.world.holding(AMOUNT, holder=peer.number)], peer=peer)


# --- the sealed form ----------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-PID-008", "EPP-PID-012")
@pytest.mark.level("smoke")
@PAYEES
def test_own_purse_id_is_sealed(stage: Stage, part: Part) -> None:
    """The wallet shows exactly the purse ID it was given, sealed, and the ID_CRED of every purse"""
    seen: list[cbor.Map] = []
    prepare(stage, part)
    talk = connect(stage, part.side, manner=Manner(notice=lambda id_cred, _: seen.append(id_cred)))
    stage.equal(seen, [{4: b"\x01"}], "ID_CRED")
    stage.equal(talk.wallet_id, stage.world.wallet.claims, "claims of the wallet's purse ID")
    stage.equal(talk.wallet_purse_id.hex(), stage.world.wallet.purse_id.hex(), "the wallet's purse ID")


@pytest.mark.requirement("EPP-PID-009")
def test_own_purse_id_is_sealed_afresh(stage: Stage) -> None:
    """Every session has another nonce and another sealed purse ID"""
    sealed: list[bytes] = []
    manner = Manner(notice=lambda _, item: sealed.append(item))
    stage.begin()
    for part in (*_both(), *_both()):
        set_purpose(stage, part)
        connect(stage, part.side, manner=manner)
    stage.wallet.power_cut("now")
    for part in _both():
        set_purpose(stage, part)
        connect(stage, part.side, manner=manner)
    stage.equal(len(sealed), 6, "sessions")
    stage.equal(len({item[: objects.SEALED_NONCE] for item in sealed}), 6, "different nonces")
    stage.equal(len({item[objects.SEALED_NONCE :] for item in sealed}), 6, "different ciphertexts")


def _both() -> tuple[Part, Part]:
    return Part(side=Side.RESPONDER), Part(side=Side.INITIATOR)


# --- who the peer is ----------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-PID-011")
@PAYEES
def test_endorsed_by_another_purse(stage: Stage, part: Part) -> None:
    """An endorsement by a purse other than the one the handshake authenticated is refused"""
    world = stage.world
    stage.begin()
    give(stage, part.side, [world.holding(AMOUNT)])
    stage.begin()
    before = stage.state()
    other = world.purse()
    held = [world.holding(AMOUNT, holder=other.number)]
    talk = meet_payee(stage, part.side, AMOUNT)
    offer = offer_of(talk, held)
    expect_accept(talk, offer, talk.send(offer))
    talk.peer = other
    expect_reject(talk, talk.send(pay_of(talk, offer, held)), Code.ENDORSEMENT, "PAY", 0)
    stage.unchanged(before, "PAY by another purse")
    still_alive(stage)


@pytest.mark.requirement("EPP-PID-011")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_each_session_has_its_own_peer(stage: Stage, side: Side) -> None:
    """What the wallet signs and records names the purse of this session, not of an earlier one"""
    world = stage.world
    first, second = world.purse(), world.purse(economy=Economy.HOME, tier=2)
    stage.begin()
    for peer in (first, second):
        give(stage, side, [world.holding(AMOUNT, holder=peer.number)], peer=peer)
    credited = {(payment.peer, payment.amount) for payment in stage.state().credited}
    stage.equal(credited, {(first.number, AMOUNT), (second.number, AMOUNT)}, "payers credited")
    for peer in (second, first):
        take(stage, side, AMOUNT, peer=peer)
    settled = {(payment.peer, payment.amount) for payment in stage.state().settled}
    stage.equal(settled, {(first.number, AMOUNT), (second.number, AMOUNT)}, "payees settled")


@pytest.mark.requirement("EPP-PID-011")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_renewed_peer(stage: Stage, side: Side) -> None:
    """A peer that comes back with a new purse ID is what that one says, not what it was before"""
    world = stage.world
    first = world.purse(tier=1)
    new_key = world.purse(number=first.number, tier=1)
    new_tier = world.purse(number=first.number, seed=new_key.seed, tier=0)
    stage.begin()
    for peer in (first, new_key):
        give(stage, side, [world.holding(512, holder=peer.number)], peer=peer)
    take(stage, side, 512, peer=new_key)
    before = stage.state()
    # Tier 0 may pay 500, tier 1 twenty thousand.
    talk = meet_payee(stage, side, 512, peer=new_tier)
    answer = talk.send(offer_of(talk, [world.holding(512, holder=new_tier.number)]))
    expect_reject(talk, answer, Code.AMOUNT_LIMIT, "OFFER")
    stage.unchanged(before, "OFFER above the limit of the new tier")
    still_alive(stage)
