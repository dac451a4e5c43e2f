"""What outsiders can see, and what the scheme key is worth (chapter 11)."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import combinations

import pytest

from eiraku.conformance.suite import message_1
from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    first_message,
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
    order_receive,
    still_alive,
    take,
)
from eiraku.conformance.tester.inside import Inside
from eiraku.conformance.tester.peer import (
    MEMBER_BYTES,
    REFUSED,
    VERSION_OFFER,
    Manner,
    connect,
    member_item,
    party,
)
from eiraku.conformance.tester.stage import WALLET, Stage
from eiraku.conformance.tester.world import LAST_EPOCH, Identity, identifier
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc import initiator, schedule
from eiraku.reference.edhoc.errors import PeerError
from eiraku.reference.edhoc.party import Credential
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import OfferedUnit, Redeliver
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side


def overheard(stage: Stage) -> list[bytes]:
    """What the wallet has sent since the evidence was last cleared."""
    return [bytes.fromhex(step.data) for step in stage.evidence.steps if step.source == WALLET and step.data]


def not_fixed(stage: Stage) -> list[bytes]:
    """The same without the connection identifier in message_1, which may be fixed (EPP-SES-035)."""
    found = []
    for step in stage.evidence.steps:
        if step.source == WALLET and step.data:
            data = bytes.fromhex(step.data)
            if step.label == "message_1":
                parts = message_1.parts_of(data)
                found += [parts["method"] + parts["suites"] + parts["key"], parts["ead"]]
            else:
                found.append(data)
    return found


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
    now = windows(not_fixed(stage), 16)
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
    earlier = windows(not_fixed(stage), 16)
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


# --- an outsider with a list of purse IDs ------------------------------------------------------------------

LISTED = 5
Waiting = initiator.WaitMessage2[PurseId]


def _believe(credential: Credential[PurseId], *_: object) -> Credential[PurseId]:
    return credential


def recognised(waiting: Waiting, message_2: bytes, listed: Iterable[Identity]) -> list[Identity]:
    """Whose message_2 it is: an outsider decrypts it with its own ephemeral key and tries each public key.

    It cannot unseal the purse ID, and need not: the signature is under one of the keys, or none.
    """
    found = []
    for suspect in listed:
        credential = Credential(
            cred=suspect.purse_id, public_key=suspect.claims.public_key, subject=suspect.claims
        )
        us = replace(waiting.party, resolve=partial(_believe, credential))
        try:
            initiator.read_message_2(replace(waiting, party=us), message_2)
        except (Refusal, PeerError):
            continue
        found.append(suspect)
    return found


def _of_an_outsider(stage: Stage, key: bytes) -> tuple[Waiting, bytes]:
    """message_1 with an ephemeral private key of the outsider's own, without the last item."""
    us = party(stage, stage.world.peer, Manner(), Inside(wallet=Side.RESPONDER))
    return initiator.write_message_1(us, ephemeral=key, ead=(VERSION_OFFER,))


def _heard(stage: Stage) -> dict[str, bytes]:
    """The messages of an honest peer's session with the wallet."""
    heard: dict[str, bytes] = {}

    def keep(name: str, data: bytes) -> bytes:
        heard[name] = data
        return data

    order_receive(stage, Side.RESPONDER, AMOUNT)
    connect(stage, Side.RESPONDER, manner=Manner(alter=keep))
    heard["message_2"] = next(
        bytes.fromhex(step.data) for step in stage.evidence.steps if step.label == "message_2"
    )
    return heard


def _own_key_in(heard: bytes, own: bytes) -> bytes:
    """A message_1 that was heard, with the key of `own` in it."""
    return message_1.rebuilt(key=message_1.parts_of(own)["key"])(heard)


TRIES: dict[str, Callable[[Stage, bytes, bytes], bytes]] = {
    # Given the outsider's message_1 without the last item and one that was heard, what it sends.
    "nothing-more": lambda _, own, __: own,
    "guessed": lambda stage, own, _: own + member_item(stage.world.random(32), own),
    "zeros": lambda _, own, __: own + member_item(bytes(32), own)[:4] + bytes(16),
    "item-that-was-heard": lambda _, own, heard: own + heard[-MEMBER_BYTES:],
    "own-key-in-what-was-heard": lambda _, own, heard: _own_key_in(heard, own),
}


@pytest.mark.requirement("EPP-SES-038")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
@pytest.mark.parametrize("name", sorted(TRIES))
def test_outsider_with_a_list_of_purse_ids(stage: Stage, name: str, pays: bool) -> None:  # noqa: FBT001
    """An outsider who has a list of purse IDs does not find out that the wallet is on it"""
    part = Part(side=Side.RESPONDER, pays=pays)
    world = stage.world
    listed = [*(world.purse() for _ in range(LISTED)), world.wallet]
    stage.begin(money(stage, part))
    heard = _heard(stage)["message_1"]
    # The control: whoever has the scheme key recognises the wallet, and nobody else on the list.
    set_purpose(stage, part)
    first_message(stage, part)
    waiting, own = _of_an_outsider(stage, world.random(32))
    own += member_item(world.scheme_key, own)
    waiting = replace(waiting, message_1_digest=schedule.digest(own))
    reply = stage.accepted(stage.deliver(own, "message_1 of a member"), "message_1 of a member", "open")
    stage.equal(recognised(waiting, reply.out or b"", listed), [world.wallet], "purses that a member finds")
    # The attack.
    before = stage.state()
    set_purpose(stage, part)
    first_message(stage, part)
    waiting, own = _of_an_outsider(stage, world.random(32))
    sent = TRIES[name](stage, own, heard)
    waiting = replace(waiting, message_1_digest=schedule.digest(sent))
    reply = stage.deliver(sent, "message_1 of an outsider")
    found = [each.number.hex() for each in recognised(waiting, reply.out or b"", listed)]
    stage.require(not found, "nobody recognised", found, "list of the outsider")
    stage.refused(reply, Code.AUTHENTICATION, "message_1 of an outsider")
    stage.equal((reply.out, reply.session), (REFUSED, "closed"), "answer to an outsider, session")
    stage.unchanged(before, "an outsider's message_1")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-011", "EPP-SEC-002")
def test_outsider_with_a_recorded_message_1(stage: Stage) -> None:
    """An outsider who replays a recorded message_1 gets a message_2 that he can neither open nor compare"""
    world = stage.world
    listed = [*(world.purse() for _ in range(LISTED)), world.wallet]
    stage.begin()
    before = stage.state()
    heard = _heard(stage)
    answers = [heard["message_2"]]
    for _ in range(3):
        set_purpose(stage, RESPONDER)
        first_message(stage, RESPONDER)
        reply = stage.deliver(heard["message_1"], "message_1 again")
        answers.append(stage.accepted(reply, "message_1 again", "open").out or b"")
        waiting, _ = _of_an_outsider(stage, world.random(32))
        waiting = replace(waiting, message_1_digest=schedule.digest(heard["message_1"]))
        stage.equal(recognised(waiting, answers[-1], listed), [], "purses that an outsider finds")
        stage.refused(stage.deliver(heard["message_3"], "message_3 again"), Code.AUTHENTICATION, "message_3")
    for one, other in combinations(answers, 2):
        common = windows([one], 16) & windows([other], 16)
        stage.require(not common, "nothing in common", len(common), "16 bytes of two answers")
    stage.unchanged(before, "a message_1 played again")
    still_alive(stage)


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
    key = stage.world.master_key(1, LAST_EPOCH)
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
