"""The way of a unit from its issue, as the issuing centre reads and verifies it (EPP-HIS-001, 003)."""

from dataclasses import dataclass
from hashlib import sha256

from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World, identifier
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import EndorsementPayload, Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One move: who gave the unit to whom, in which transaction, under which signature if that is known."""

    payer: bytes
    payee: bytes
    key: bytes
    """Public key of the payer, 32 bytes."""
    transaction: bytes | None = None
    signature: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A unit as held, and the moves by which it came there, genesis first."""

    held: OfferedUnit
    links: tuple[Link, ...]

    @classmethod
    def to_peer(cls, world: World, value: int, *, moves: int) -> "Chain":
        """A new unit that has come to the suite's purse after `moves` moves between purses."""
        owners: list[Identity] = [world.purse() for _ in range(moves)]
        numbers = [*(owner.number for owner in owners), world.peer.number]
        held = world.holding(value, holder=numbers[0])
        issuer = world.issuing.keys[-1].unit_key.public
        links = [Link(payer=objects.ISSUER_NUMBER, payee=numbers[0], key=issuer)]
        for owner, payee in zip(owners, numbers[1:], strict=True):
            held = world.move(held, payer=owner, payee=payee)
            links.append(Link(payer=owner.number, payee=payee, key=owner.key.public))
        return cls(held=held, links=tuple(links))

    def moved(self, held: OfferedUnit, payment: Payment, *, payer: Identity, payee: bytes) -> "Chain":
        """After `payer` gave the unit away in `payment` to the number `payee`, which has it as `held`."""
        link = Link(
            payer=payer.number,
            payee=payee,
            key=payer.key.public,
            transaction=payment.offer.transaction,
            signature=payment.pay.endorsements[_position(payment, held)],
        )
        return Chain(held=held, links=(*self.links, link))


def passed_on(stage: Stage, payment: Payment, unit: OfferedUnit) -> OfferedUnit:
    """The unit, known by its identifier, as the wallet offered it in `payment`."""
    for held in payment.holdings:
        if identifier(held) == identifier(unit):
            return held
    stage.require(False, identifier(unit).hex(), "other units", "unit offered")
    raise AssertionError


def sealed_by_peer(
    world: World, payment: Payment, held: OfferedUnit, *, peer: Identity | None = None
) -> OfferedUnit:
    """What the suite's purse, or another `peer`, holds after the wallet gave it `held` in `payment`."""
    layer = Layer(
        inner=held.history,
        payer=world.wallet.number,
        payee=(peer or world.peer).number,
        transaction=payment.offer.transaction,
        signature=payment.pay.endorsements[_position(payment, held)],
    )
    return OfferedUnit(unit=held.unit, hop=held.hop + 1, history=world.seal(held, layer))


def check_chain(stage: Stage, chain: Chain) -> None:
    """The centre opens every layer, finds the moves as they were, and verifies every endorsement."""
    try:
        layers = stage.world.issuing.open_history(chain.held)
    except (CannotOpen, Refusal) as error:
        raise AssertionError(f"the issuing centre cannot open the history: {error!r}") from None
    stage.equal(len(layers), len(chain.links), "layers of the history")
    unit_id = identifier(chain.held)
    for hop, (layer, link) in enumerate(zip(reversed(layers), chain.links, strict=True)):
        where = f"of the layer of hop {hop}"
        stage.equal(layer.payer, link.payer, f"payer {where}")
        stage.equal(layer.payee, link.payee, f"payee {where}")
        stage.equal(layer.transaction, link.transaction or layer.transaction, f"transaction {where}")
        stage.equal(layer.signature, link.signature or layer.signature, f"signature {where}")
        payload = EndorsementPayload(
            unit_id=unit_id,
            hop=hop,
            history_digest=sha256(layer.inner).digest(),
            payer=link.payer,
            payee=link.payee,
            transaction=layer.transaction,
        )
        good = cose.verify_detached(link.key, objects.CONTEXT_ENDORSEMENT, payload.encode(), layer.signature)
        stage.require(good, "an endorsement that verifies", layer.signature.hex(), f"endorsement {where}")


def _position(payment: Payment, unit: OfferedUnit) -> int:
    return [identifier(held) for held in payment.holdings].index(identifier(unit))
