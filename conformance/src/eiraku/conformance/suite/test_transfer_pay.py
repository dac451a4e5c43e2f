"""Chapter 7, the wallet as payee: PAY, its endorsements, and the receipt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256

import pytest

from eiraku.conformance.suite.negative_transfer import (
    Plan,
    Scene,
    alternating,
    complete,
    flip,
    set_up,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World, endorsement_payload
from eiraku.reference.crypto import cose, ed25519
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Pay
from eiraku.spec.objects import EndorsementPayload
from eiraku.spec.tables import Side

POSITIONS = pytest.mark.parametrize("index", [pytest.param(n, id=f"unit-{n}") for n in range(3)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """One endorsement that is not what it should be."""

    name: str
    sign: Callable[[World, Scene, EndorsementPayload], bytes]
    """The signature in its place, given the right payload."""


def _over(name: str, **changes: object) -> Forgery:
    """The payer's own signature, over a payload with other fields."""

    def sign(_: World, scene: Scene, payload: EndorsementPayload) -> bytes:
        return _signed(scene, replace(payload, **changes))  # type: ignore[arg-type]

    return Forgery(name=name, sign=sign)


def _signed(scene: Scene, payload: EndorsementPayload, context: bytes = objects.CONTEXT_ENDORSEMENT) -> bytes:
    return cose.sign_detached(scene.talk.peer.key, context, payload.encode())


FORGERIES = (
    Forgery(
        name="another-purse",
        sign=lambda world, _, payload: cose.sign_detached(
            world.purse().key, objects.CONTEXT_ENDORSEMENT, payload.encode()
        ),
    ),
    Forgery(
        name="issuing-centre",
        sign=lambda world, _, payload: cose.sign_detached(
            world.issuing.keys[-1].unit_key, objects.CONTEXT_ENDORSEMENT, payload.encode()
        ),
    ),
    Forgery(
        name="payees-own-key",
        sign=lambda world, _, payload: cose.sign_detached(
            world.wallet.key, objects.CONTEXT_ENDORSEMENT, payload.encode()
        ),
    ),
    Forgery(
        name="hop-as-held",
        sign=lambda _, scene, payload: _signed(scene, replace(payload, hop=payload.hop - 1)),
    ),
    Forgery(
        name="hop-beyond",
        sign=lambda _, scene, payload: _signed(scene, replace(payload, hop=payload.hop + 1)),
    ),
    _over("another-unit", unit_id=b"\x5a" * 32),
    _over("another-history", history_digest=b"\x5a" * 32),
    _over("digest-of-no-history", history_digest=sha256(b"").digest()),
    _over("another-payer", payer=b"\x5a" * 8),
    _over("issuer-as-payer", payer=objects.ISSUER_NUMBER),
    _over("another-payee", payee=b"\x5a" * 8),
    _over("another-transaction", transaction=b"\x5a" * 16),
    Forgery(
        name="payer-and-payee-exchanged",
        sign=lambda _, scene, payload: _signed(
            scene, replace(payload, payer=payload.payee, payee=payload.payer)
        ),
    ),
    Forgery(
        name="signed-as-a-receipt",
        sign=lambda _, scene, payload: _signed(scene, payload, objects.CONTEXT_RECEIPT),
    ),
    Forgery(
        name="signed-with-a-kid",
        sign=lambda _, scene, payload: cose.sign_detached(
            scene.talk.peer.key,
            objects.CONTEXT_ENDORSEMENT,
            payload.encode(),
            kid=ed25519.key_id(scene.talk.peer.key.public),
        ),
    ),
    Forgery(
        name="signed-without-context",
        sign=lambda _, scene, payload: scene.talk.peer.key.sign(payload.encode()),
    ),
    Forgery(name="first-bit", sign=lambda _, scene, payload: flip(_signed(scene, payload), 0)),
    Forgery(name="last-bit", sign=lambda _, scene, payload: flip(_signed(scene, payload))),
    Forgery(name="zeros", sign=lambda _world, _scene, _payload: bytes(64)),
)


def _right_pay(scene: Scene) -> Pay:
    return flows.pay_of(scene.talk, scene.offer, scene.holdings)


def _forged(scene: Scene, forgery: Forgery, *positions: int) -> Pay:
    """The right PAY but for the endorsements at `positions`."""
    right = _right_pay(scene)
    endorsements = list(right.endorsements)
    for position in positions:
        payload = endorsement_payload(
            scene.holdings[position],
            payer=scene.talk.peer.number,
            payee=scene.talk.wallet_id.number,
            transaction=scene.offer.transaction,
        )
        endorsements[position] = forgery.sign(scene.talk.stage.world, scene, payload)
    return replace(right, endorsements=tuple(endorsements))


def refuse_pay(
    stage: Stage, side: Side, alter: Callable[[Scene], Pay], code: Code, index: int | None
) -> None:
    """A wallet that credits a right PAY refuses the altered one and credits nothing."""
    control = set_up(stage, side, Plan())
    complete(control, control.talk.send(control.offer))
    scene = set_up(stage, side, Plan())
    flows.expect_accept(scene.talk, scene.offer, scene.talk.send(scene.offer))
    before = stage.state()
    flows.expect_reject(scene.talk, scene.talk.send(alter(scene)), code, "PAY", index)
    stage.unchanged(before, "a refused PAY")
    flows.still_alive(stage)
    # Nothing of the refused bundle may be remembered as credited or seen.
    talk = flows.meet_payee(stage, side, scene.offer.amount)
    complete(replace(scene, talk=talk), talk.send(scene.offer))


@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048", "EPP-ERR-001")
@alternating("forgery", {forgery.name: forgery for forgery in FORGERIES})
def test_forged_endorsement(stage: Stage, side: Side, forgery: Forgery) -> None:
    """An endorsement that is not the payer's signature over exactly this move is refused."""
    index = FORGERIES.index(forgery) % 3
    refuse_pay(stage, side, lambda scene: _forged(scene, forgery, index), Code.ENDORSEMENT, index)


@SIDES
@POSITIONS
@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048")
def test_one_bad_among_many(stage: Stage, side: Side, index: int) -> None:
    """One bad endorsement anywhere in the bundle: nothing is credited, the index is its position."""
    forgery = FORGERIES[-1]
    refuse_pay(stage, side, lambda scene: _forged(scene, forgery, index), Code.ENDORSEMENT, index)


@SIDES
@pytest.mark.requirement("EPP-TRF-048")
def test_several_bad(stage: Stage, side: Side) -> None:
    """Where several endorsements are bad, the index is that of the first."""
    forgery = FORGERIES[0]
    refuse_pay(stage, side, lambda scene: _forged(scene, forgery, 2, 1), Code.ENDORSEMENT, 1)


def _endorsements(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Callable[[Scene], Pay]:
    def alter(scene: Scene) -> Pay:
        right = _right_pay(scene)
        return replace(right, endorsements=change(right.endorsements))

    return alter


@SIDES
@pytest.mark.requirement("EPP-HIS-002", "EPP-TRF-048")
@pytest.mark.parametrize(
    ("order", "index"),
    (
        pytest.param((1, 0, 2), 0, id="first-two-exchanged"),
        pytest.param((0, 2, 1), 1, id="last-two-exchanged"),
        pytest.param((0, 0, 2), 1, id="first-one-twice"),
        pytest.param((2, 1, 0), 0, id="backwards"),
    ),
)
def test_order_of_endorsements(stage: Stage, side: Side, order: tuple[int, ...], index: int) -> None:
    """Endorsements in another order than the units are refused."""
    alter = _endorsements(lambda right: tuple(right[n] for n in order))
    refuse_pay(stage, side, alter, Code.ENDORSEMENT, index)


@SIDES
@pytest.mark.requirement("EPP-TRF-047", "EPP-ERR-001")
@pytest.mark.parametrize(
    "change",
    (
        pytest.param(lambda _: (), id="none"),
        pytest.param(lambda right: right[:-1], id="one-too-few"),
        pytest.param(lambda right: right[1:], id="first-missing"),
        pytest.param(lambda right: (*right, right[-1]), id="one-too-many"),
    ),
)
def test_number_of_endorsements(
    stage: Stage, side: Side, change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
) -> None:
    """A PAY with another number of endorsements than units is refused, about no unit in particular."""
    refuse_pay(stage, side, _endorsements(change), Code.ENDORSEMENT, None)


@SIDES
@pytest.mark.requirement("EPP-TRF-047", "EPP-ERR-001")
@pytest.mark.parametrize("how", ("one-bit", "zeros", "endorsed-as-well"))
def test_pay_for_another_transaction(stage: Stage, side: Side, how: str) -> None:
    """A PAY for another transaction than the accepted one is refused."""

    def alter(scene: Scene) -> Pay:
        other = bytes(16) if how == "zeros" else flip(scene.offer.transaction)
        if how == "endorsed-as-well":
            return flows.pay_of(scene.talk, replace(scene.offer, transaction=other), scene.holdings)
        return replace(_right_pay(scene), transaction=other)

    refuse_pay(stage, side, alter, Code.TRANSACTION, None)


@SIDES
@pytest.mark.requirement("EPP-TRF-047")
def test_transaction_before_endorsements(stage: Stage, side: Side) -> None:
    """A PAY wrong in transaction and in endorsements is refused for the transaction."""
    refuse_pay(
        stage,
        side,
        lambda scene: Pay(transaction=flip(scene.offer.transaction), endorsements=()),
        Code.TRANSACTION,
        None,
    )
