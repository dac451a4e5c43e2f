"""Attacks on sessions that the prover found when a check was removed from the model of the handshake.

Each check plays the adversary of one recorded trace against the wallet, step by step. The adversary wants to
be somebody else, to be somebody whom nobody certified, or to have something said twice.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.message_1 import rebuilt
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    PARTS,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    first_message,
    handshake_attack,
    meet,
    money,
    prepare,
    refused_in_handshake,
)
from eiraku.conformance.tester.flows import order_receive, still_alive
from eiraku.conformance.tester.peer import Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc.messages import Ead
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

# --- purses that nobody certified ---------------------------------------------------------------------------


def _home_made(stage: Stage) -> Identity:
    """A purse ID that the cheat signed with a key of its own, under the name of the device centre's."""
    return _signed_by(stage, SigningKey(stage.world.random(32)))


def _made_by_the_mint(stage: Stage) -> Identity:
    """A purse ID that the issuing centre's unit key signed."""
    return _signed_by(stage, stage.world.issuing.keys[-1].unit_key)


def _signed_by(stage: Stage, key: SigningKey) -> Identity:
    world = stage.world
    purse = world.purse()
    kid = world.device.keys[-1].kid
    forged = cose.sign(key, objects.CONTEXT_PURSE_ID, purse.claims.encode(), kid=kid)
    return replace(purse, purse_id=forged)


def _signed_as_a_bulletin(stage: Stage) -> Identity:
    """What the device centre signed as something else."""
    world = stage.world
    purse = world.purse()
    signed = world.device.sign(objects.CONTEXT_BULLETIN, purse.claims.encode())
    return replace(purse, purse_id=signed)


def _of_another_scheme(stage: Stage) -> Identity:
    """Certified for another scheme, whose centre uses the same key by mistake."""
    return stage.world.purse(seal=stage.world.random(16))


UNCERTIFIED: dict[str, Callable[[Stage], Identity]] = {
    "home-made": _home_made,
    "made-by-the-mint": _made_by_the_mint,
    "of-another-scheme": _of_another_scheme,
    "signed-as-a-bulletin": _signed_as_a_bulletin,
}


@pytest.mark.requirement("EPP-PID-002", "EPP-PID-003", "EPP-KEY-006", "EPP-KEY-007")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(UNCERTIFIED))
def test_purse_that_nobody_certified(stage: Stage, name: str, part: Part) -> None:
    """A cheat comes with a purse ID that the device centre never signed as one"""
    handshake_attack(stage, part, Attack(peer=UNCERTIFIED[name]))


@pytest.mark.requirement("EPP-KEY-007")
@PAYEES
def test_mint_that_makes_purses(stage: Stage, part: Part) -> None:
    """The issuing centre's key signs a purse ID and names itself as the signer"""

    def minted(stage: Stage) -> Identity:
        key = stage.world.issuing.keys[-1]
        purse = stage.world.purse()
        signed = cose.sign(key.unit_key, objects.CONTEXT_PURSE_ID, purse.claims.encode(), kid=key.kid)
        return replace(purse, purse_id=signed)

    handshake_attack(stage, part, Attack(peer=minted))


# --- somebody else ------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-013", "EPP-SEC-004")
@pytest.mark.parametrize("part", PARTS)
def test_borrowed_purse_id(stage: Stage, part: Part) -> None:
    """A cheat shows the purse ID of another purse, which it has seen, and signs with its own key"""
    key = SigningKey(stage.world.random(32))
    handshake_attack(stage, part, Attack(manner=lambda *_: Manner(key=key)))


@pytest.mark.requirement("EPP-SES-030", "EPP-SES-013")
@pytest.mark.parametrize("part", PARTS)
def test_purse_id_outside_the_transcript(stage: Stage, part: Part) -> None:
    """An honest purse signs for its own purse ID, and the wallet is shown another with the same key"""

    def exchanged(stage: Stage, peer: Identity) -> Manner:
        other = stage.world.purse(seed=peer.seed)
        return Manner(cred=other.purse_id)

    handshake_attack(stage, part, Attack(manner=exchanged))


@pytest.mark.requirement("EPP-SES-021")
@pytest.mark.parametrize("part", PARTS)
def test_copy_of_the_wallet_itself(stage: Stage, part: Part) -> None:
    """A copy of the wallet, with its purse ID and key, pays it or is paid"""
    handshake_attack(stage, part, Attack(codes=Code.SAME_PURSE, peer=lambda stage: stage.world.wallet))


# --- old sessions -------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-011", "EPP-SES-028")
def test_recorded_session_played_again(stage: Stage) -> None:
    """An outsider records a whole session with the wallet and plays the honest purse's half again"""
    stage.begin()
    before = stage.state()
    recorded: dict[str, bytes] = {}

    def keep(name: str, data: bytes) -> bytes:
        recorded[name] = data
        return data

    order_receive(stage, Side.RESPONDER, 1)
    connect(stage, Side.RESPONDER, manner=Manner(alter=keep))
    order_receive(stage, Side.RESPONDER, 1)
    first_message(stage, RESPONDER)
    stage.accepted(stage.deliver(recorded["message_1"], "message_1 again"), "message_1 again", "open")
    reply = stage.deliver(recorded["message_3"], "message_3 again")
    stage.refused(reply, Code.AUTHENTICATION, "message_3 of another session")
    stage.unchanged(before, "a session played again")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-012")
@PAYEES
def test_secret_that_everybody_knows(stage: Stage, part: Part) -> None:
    """The peer's ephemeral key makes the shared secret zero, so that an outsider could read the session"""
    if part is INITIATOR:
        attack = Attack(at="message_2", manner=lambda *_: Manner(small_order_key=bytes(32)))
    else:
        zero = rebuilt(key=cbor.encode(bytes(32)))
        attack = Attack(at="message_1", manner=lambda *_: Manner(message_1=zero))
    handshake_attack(stage, part, attack)


# --- downgrade ----------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-009")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
def test_version_that_was_not_offered(stage: Stage, pays: bool) -> None:  # noqa: FBT001
    """The responder chooses a version that the wallet did not offer"""
    choice = Ead(label=65001, value=cbor.encode(2), critical=True)
    part = Part(side=Side.INITIATOR, pays=pays)
    handshake_attack(
        stage, part, Attack(codes=Code.VERSION, at="message_2", manner=lambda *_: Manner(ead_2=(choice,)))
    )


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-006")
def test_offer_of_versions_altered_on_the_way(stage: Stage) -> None:
    """The versions that the wallet offers are changed on the way: the responder's signature shows it"""

    def altered(message: bytes) -> bytes:
        return message.replace(b"\x42\x81\x01", b"\x43\x82\x01\x02")

    handshake_attack(stage, INITIATOR, Attack(manner=lambda *_: Manner(hear=altered)))


# --- key confirmation ---------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-014", "EPP-SES-015")
def test_offer_before_key_confirmation(stage: Stage) -> None:
    """A payer that has not seen message_4 has no partner yet: it offers nothing"""
    part = Part(side=Side.INITIATOR, pays=True)
    stage.begin(money(stage, part))
    meet(stage, part)
    before = prepare(stage, part)

    def forged(name: str, data: bytes) -> bytes:
        return data[:1] + bytes(len(data) - 1) if name == "message_4" else data

    attack = Attack(at="message_4", manner=lambda *_: Manner(alter=forged))
    refused_in_handshake(stage, part, attack)
    stage.unchanged(before, "a session without key confirmation")
    still_alive(stage)
