"""The five kinds of signed objects, each put before the wallet with a signature that a check chooses.

A `Craft` makes the signed form of an object; everything else about it is right. For a unit, a purse ID and a
bulletin that form is the whole COSE_Sign1, for an endorsement and a receipt the bare signature.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    Attack,
    Part,
    money,
    prepare,
    refused_in_handshake,
)
from eiraku.conformance.tester.bulletins import payload as payload_of
from eiraku.conformance.tester.bulletins import whole
from eiraku.conformance.tester.flows import (
    accept_of,
    expect_accept,
    expect_pay,
    expect_receipt,
    expect_reject,
    meet_payee,
    meet_payer,
    offer_of,
)
from eiraku.conformance.tester.peer import Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, World, endorsement_payload
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit, Pay, Receipt, offer_digest
from eiraku.spec.objects import ReceiptPayload
from eiraku.spec.revoked import coded
from eiraku.spec.tables import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be signed, and how it would be signed rightly."""

    world: World
    seed: bytes
    """Private key, 32 bytes."""
    context: bytes
    payload: bytes
    kid: bytes | None
    """Key identifier of a centre's key; None for a purse's, whose signatures are detached."""

    @property
    def key(self) -> SigningKey:
        """The right key."""
        return SigningKey(self.seed)


Craft = Callable[[Task], bytes]


def signed(
    task: Task, *, key: SigningKey | None = None, context: bytes | None = None, kid: bytes | None = None
) -> bytes:
    """The object, rightly signed but for what is given."""
    kid = task.kid if kid is None else kid
    key = key or task.key
    context = task.context if context is None else context
    if task.kid is None:
        return cose.sign_detached(key, context, task.payload, kid=kid)
    return cose.sign(key, context, task.payload, kid=kid)


def honest(task: Task) -> bytes:
    """The right signature."""
    return signed(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of signed object: how it reaches the wallet, and what a bad signature of it is called."""

    name: str
    code: Code
    context: bytes
    present: Callable[[Stage, Craft, Code | None], None]
    """Put one before a wallet of its own; it must be refused with the code, or accepted if there is none."""
    by_centre: bool = True


SEEDS = {"unit": bytes(range(32)), "device": bytes(range(32, 64))}
"""Private keys of the centres, for signatures that no honest key makes."""


def known_keys(world: World) -> None:
    """Give both centres current keys of which the private half is known, and certify both purses anew."""
    unit_key, device_key = SigningKey(SEEDS["unit"]), SigningKey(SEEDS["device"])
    current = replace(world.issuing.keys[-1], unit_key=unit_key)
    master = replace(world.device.keys[-1], key=device_key)
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys[:-1], current))
    world.device = replace(world.device, keys=(*world.device.keys[:-1], master))
    world.wallet, world.peer = world.purse(), world.purse()


def unit_task(world: World, payload: bytes) -> Task:
    """A unit, to be signed with the current unit key."""
    kid = world.issuing.keys[-1].kid
    return Task(world=world, seed=SEEDS["unit"], context=objects.CONTEXT_UNIT, payload=payload, kid=kid)


def device_task(world: World, context: bytes, payload: bytes) -> Task:
    """A purse ID or bulletin, to be signed with the current master key."""
    kid = world.device.keys[-1].kid
    return Task(world=world, seed=SEEDS["device"], context=context, payload=payload, kid=kid)


def held_unit(world: World, craft: Craft) -> OfferedUnit:
    """A unit of the world's peer, signed as `craft` does."""
    held = world.holding(AMOUNT)
    return replace(held, unit=craft(unit_task(world, cose.parse(held.unit).payload)))


def _judge(talk: Talk, offer: Offer, code: Code | None) -> None:
    before = talk.stage.state()
    answer = talk.send(offer)
    if code is None:
        expect_accept(talk, offer, answer)
    else:
        expect_reject(talk, answer, code, "OFFER", 0)
    talk.stage.unchanged(before, "OFFER")


def _unit(stage: Stage, craft: Craft, code: Code | None) -> None:
    stage.begin()
    talk = meet_payee(stage, Side.RESPONDER, AMOUNT)
    _judge(talk, offer_of(talk, [held_unit(stage.world, craft)], AMOUNT), code)


def _purse_id(stage: Stage, craft: Craft, code: Code | None) -> None:
    for side in Side:
        before = prepare(stage, Part(side=side))
        peer = stage.world.purse()
        task = device_task(stage.world, objects.CONTEXT_PURSE_ID, peer.claims.encode())
        peer = replace(peer, purse_id=craft(task))
        if code is None:
            connect(stage, side, peer=peer)
        else:
            refused_in_handshake(stage, Part(side=side), Attack(codes=code), peer=peer)
        stage.unchanged(before, "handshake")


def _bulletin(stage: Stage, craft: Craft, code: Code | None) -> None:
    stage.begin()
    before = stage.state()
    listed = coded((1,))
    payload = payload_of(stage.world, listed, epoch=EPOCH + 1).encode()
    signed = craft(device_task(stage.world, objects.CONTEXT_BULLETIN, payload))
    reply = stage.act("bulletin", bulletin=whole(signed, listed))
    if code is None:
        stage.accepted(reply, "bulletin")
        stage.equal(stage.epoch(), EPOCH + 1, "epoch")
    else:
        stage.refused(reply, code, "bulletin")
        stage.unchanged(before, "bulletin")


def _endorsement(stage: Stage, craft: Craft, code: Code | None) -> None:
    stage.begin()
    before = stage.state()
    talk = meet_payee(stage, Side.RESPONDER, AMOUNT)
    held = stage.world.holding(AMOUNT)
    offer = offer_of(talk, [held])
    expect_accept(talk, offer, talk.send(offer))
    payload = endorsement_payload(
        held, payer=talk.peer.number, payee=talk.wallet_id.number, transaction=offer.transaction
    )
    signature = craft(_purse_task(talk, objects.CONTEXT_ENDORSEMENT, payload.encode()))
    answer = talk.send(Pay(transaction=offer.transaction, endorsements=(signature,)))
    if code is None:
        expect_receipt(talk, offer, answer)
    else:
        expect_reject(talk, answer, code, "PAY", 0)
        stage.unchanged(before, "PAY")


def _receipt(stage: Stage, craft: Craft, code: Code | None) -> None:
    stage.begin(money(stage, Part(side=Side.RESPONDER, pays=True)))
    talk, offer = meet_payer(stage, Side.RESPONDER, AMOUNT)
    expect_pay(talk, offer, talk.send(accept_of(offer)))
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=talk.wallet_id.number,
        payee=talk.peer.number,
        amount=offer.amount,
        offer_digest=offer_digest(offer.encode()),
    )
    signature = craft(_purse_task(talk, objects.CONTEXT_RECEIPT, payload.encode()))
    before = stage.state()
    answer = talk.send(Receipt(transaction=offer.transaction, signature=signature))
    if code is None:
        stage.accepted(answer.reply, "RECEIPT", "closed")
        stage.equal(len(stage.state().settled), 1, "settled payments")
    else:
        expect_reject(talk, answer, code, "RECEIPT")
        stage.unchanged(before, "RECEIPT")


def _purse_task(talk: Talk, context: bytes, payload: bytes) -> Task:
    return Task(world=talk.stage.world, seed=talk.peer.seed, context=context, payload=payload, kid=None)


KINDS = (
    Kind(name="unit", code=Code.UNIT_SIGNATURE, context=objects.CONTEXT_UNIT, present=_unit),
    Kind(name="purse-id", code=Code.AUTHENTICATION, context=objects.CONTEXT_PURSE_ID, present=_purse_id),
    Kind(name="bulletin", code=Code.BULLETIN_SIGNATURE, context=objects.CONTEXT_BULLETIN, present=_bulletin),
    Kind(
        name="endorsement",
        code=Code.ENDORSEMENT,
        context=objects.CONTEXT_ENDORSEMENT,
        present=_endorsement,
        by_centre=False,
    ),
    Kind(
        name="receipt",
        code=Code.RECEIPT,
        context=objects.CONTEXT_RECEIPT,
        present=_receipt,
        by_centre=False,
    ),
)
EVERY = tuple(pytest.param(kind, id=kind.name) for kind in KINDS)
BY_CENTRE = tuple(pytest.param(kind, id=kind.name) for kind in KINDS if kind.by_centre)
BY_PURSE = tuple(pytest.param(kind, id=kind.name) for kind in KINDS if not kind.by_centre)
