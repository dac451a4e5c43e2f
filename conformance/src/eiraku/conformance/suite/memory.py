"""What a purse must remember: units that it has seen, and payments that it has credited, offered again."""

from collections.abc import Sequence
from random import Random

from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import value
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit, Redeliver
from eiraku.spec.tables import Side


def repeat(stage: Stage, side: Side, payment: Payment) -> None:
    """The redelivery of what the wallet has credited must get the same receipt."""
    before = stage.state()
    flows.order_receive(stage, side, payment.amount)
    talk = connect(stage, side)
    answer = talk.send(Redeliver(offer=payment.offered, endorsements=payment.pay.endorsements))
    stage.accepted(answer.reply, "REDELIVER", "closed")
    stage.equal(answer.message, payment.receipt, "answer to REDELIVER")
    stage.unchanged(before, "redelivery of what is credited")


def refuse_offer(stage: Stage, held: OfferedUnit, code: Code, index: int | None = None) -> None:
    """One unit is offered; the wallet must refuse it with the code, unharmed."""
    before = stage.state()
    talk = flows.meet_payee(stage, Side.RESPONDER, value(held))
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, [held])), code, "OFFER", index)
    stage.unchanged(before, "a refused OFFER")


def sample(stage: Stage, count: int, most: int) -> list[int]:
    """So many positions of `count`: the first, the last, and others at random."""
    random = Random(stage.world.random(8))  # noqa: S311 - variety, not secrecy
    ends = {0, count - 1}
    return sorted(ends | set(random.sample(range(count), min(count, most))))


def bundles(units: Sequence[OfferedUnit], most: int) -> list[Sequence[OfferedUnit]]:
    """The units in parts of at most so many."""
    return [units[n : n + most] for n in range(0, len(units), most)]
