"""Forgeries that the prover found when a check was removed from the models of transfer and life cycle.

Each check plays the adversary of one recorded trace against the wallet: money of its own making, endorsements
and receipts that do not bind the one who sends them.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from eiraku.conformance.suite.attacks import VALUE, committed, money, offered, refused_pay, settle
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Talk
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World, endorse, endorsement_payload
from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Receipt
from eiraku.spec.objects import EndorsementPayload
from eiraku.spec.tables import Side


@SIDES
@pytest.mark.requirement("EPP-UNI-002", "EPP-TRF-036", "EPP-KEY-007")
@pytest.mark.parametrize("signer", ("cheat", "device-centre"))
def test_home_made_money(stage: Stage, side: Side, signer: str) -> None:
    """A cheat makes a unit of its own, with the seal of the issuing centre, and pays with it"""
    world = stage.world
    cheat = world.purse()
    stage.begin()
    flows.give(stage, side, [world.holding(VALUE, holder=cheat.number)], peer=cheat)
    key = cheat.key if signer == "cheat" else world.device.keys[-1].key
    payload = world.unit(VALUE).encode()
    forged = cose.sign(key, objects.CONTEXT_UNIT, payload, kid=world.issuing.keys[-1].kid)
    right = world.holding(VALUE, holder=cheat.number)
    before = stage.state()
    talk, answer = offered(stage, side, replace(right, unit=forged), cheat)
    flows.expect_reject(talk, answer, Code.UNIT_SIGNATURE, "OFFER", 0)
    stage.unchanged(before, "a refused unit")
    flows.still_alive(stage)


MISMADE: dict[str, Callable[[World, EndorsementPayload], EndorsementPayload]] = {
    "to-another-payee": lambda world, right: replace(right, payee=world.purse().number),
    "to-nobody": lambda _, right: replace(right, payee=bytes(8)),
    "from-another-payer": lambda world, right: replace(right, payer=world.purse().number),
    "in-another-transaction": lambda world, right: replace(right, transaction=world.random(16)),
    "in-no-transaction": lambda _, right: replace(right, transaction=bytes(16)),
    "for-the-hop-before": lambda _, right: replace(right, hop=right.hop - 1),
    "over-no-history": lambda _, right: replace(right, history_digest=sha256(b"").digest()),
}


@SIDES
@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048")
@pytest.mark.parametrize("name", sorted(MISMADE))
def test_endorsement_of_something_else(stage: Stage, side: Side, name: str) -> None:
    """A cheat pays with an endorsement that does not bind it: the wallet would be blamed in its place"""
    world = stage.world
    cheat = world.purse()
    held, control = (world.holding(VALUE, holder=cheat.number) for _ in range(2))
    stage.begin()
    flows.give(stage, side, [control], peer=cheat)
    talk = flows.meet_payee(stage, side, VALUE, peer=cheat)
    offer = flows.offer_of(talk, [held])
    right = endorsement_payload(
        held, payer=cheat.number, payee=world.wallet.number, transaction=offer.transaction
    )
    payload = MISMADE[name](world, right).encode()
    refused_pay(talk, offer, cose.sign_detached(cheat.key, objects.CONTEXT_ENDORSEMENT, payload))


@SIDES
@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048", "EPP-KEY-006")
@pytest.mark.parametrize("name", ("by-another-purse", "signed-as-a-receipt"))
def test_endorsement_by_the_wrong_signature(stage: Stage, side: Side, name: str) -> None:
    """A cheat pays with a signature that is no endorsement of its own: the wallet would be blamed for it"""
    world = stage.world
    cheat = world.purse()
    held, control = (world.holding(VALUE, holder=cheat.number) for _ in range(2))
    stage.begin()
    flows.give(stage, side, [control], peer=cheat)
    talk = flows.meet_payee(stage, side, VALUE, peer=cheat)
    offer = flows.offer_of(talk, [held])
    payload = endorsement_payload(
        held, payer=cheat.number, payee=world.wallet.number, transaction=offer.transaction
    ).encode()
    key = world.purse().key if name == "by-another-purse" else cheat.key
    context = objects.CONTEXT_RECEIPT if name == "signed-as-a-receipt" else objects.CONTEXT_ENDORSEMENT
    refused_pay(talk, offer, cose.sign_detached(key, context, payload))


@SIDES
@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048")
def test_history_exchanged(stage: Stage, side: Side) -> None:
    """A cheat hands over another history than the one it signs for: the centre could not open the chain"""
    world = stage.world
    cheat = world.purse()
    held = world.holding(VALUE, hop=1, holder=cheat.number)
    other = world.holding(VALUE, hop=1, holder=cheat.number)
    stage.begin()
    flows.give(stage, side, [world.holding(VALUE, hop=1, holder=cheat.number)], peer=cheat)
    exchanged = replace(held, history=other.history)
    talk = flows.meet_payee(stage, side, VALUE, peer=cheat)
    offer = flows.offer_of(talk, [exchanged])
    wallet = world.wallet.number
    refused_pay(talk, offer, endorse(held, payer=cheat, payee=wallet, transaction=offer.transaction))


@SIDES
@pytest.mark.requirement("EPP-TRF-015")
def test_accept_of_what_was_not_offered(stage: Stage, side: Side) -> None:
    """A payee accepts another offer than the wallet made: the wallet signs nothing"""
    stage.begin([money(stage)])
    talk, offer = flows.meet_payer(stage, side, VALUE)
    before = stage.state()
    other = flows.accept_of(replace(offer, amount=VALUE - 1))
    flows.expect_reject(talk, talk.send(other), Code.TRANSACTION, "ACCEPT")
    stage.unchanged(before, "a refused ACCEPT")
    flows.take(stage, side, VALUE)


@SIDES
@pytest.mark.requirement("EPP-TRF-017", "EPP-CRS-013", "EPP-CRS-014")
@pytest.mark.parametrize("name", ("by-a-stranger", "of-an-earlier-payment"))
def test_receipt_without_a_credit(stage: Stage, side: Side, name: str) -> None:
    """A payee answers PAY with a receipt that does not bind it: the wallet keeps the means to redeliver"""
    world = stage.world
    shop, stranger = world.purse(), world.purse()
    stage.begin([money(stage), money(stage)])
    talk, earlier = flows.meet_payer(stage, side, VALUE, peer=shop)
    first = flows.receipt_of(talk, earlier)
    flows.expect_pay(talk, earlier, talk.send(flows.accept_of(earlier)))
    stage.accepted(talk.send(first).reply, "RECEIPT", "closed")
    talk, payment = committed(stage, side, shop)
    forged = flows.receipt_of(_as(talk, stranger), payment.offer)
    if name == "of-an-earlier-payment":
        forged = Receipt(transaction=payment.offer.transaction, signature=first.signature)
    before = stage.state()
    flows.expect_reject(talk, talk.send(forged), Code.RECEIPT, "RECEIPT")
    stage.unchanged(before, "a refused RECEIPT")
    settle(stage, payment, shop)
    flows.still_alive(stage)


def _as(talk: Talk, stranger: Identity) -> Talk:
    """The same session, with the key of another purse behind the payee's number."""
    forged = object.__new__(Talk)
    forged.__dict__.update(talk.__dict__)
    forged.peer = replace(talk.peer, key=stranger.key)
    return forged
