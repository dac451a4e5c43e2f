"""What the replayed attacks on value have in common: one unit, a cheat, and what an auditor would collect."""

from collections import defaultdict

from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.peer import Answer, Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, endorsement_payload
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit, Pay, Redeliver
from eiraku.spec.tables import Side

VALUE = 8


class Evidence:
    """What the wallet signed when it gave units away, as an auditor collects it (EPP-CEN-005)."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._signed: dict[tuple[bytes, int], set[bytes]] = defaultdict(set)

    def add(self, payment: Payment, payee: Identity) -> None:
        """Keep the endorsements of one payment."""
        for held in payment.holdings:
            payload = endorsement_payload(
                held,
                payer=self.stage.world.wallet.number,
                payee=payee.number,
                transaction=payment.offer.transaction,
            )
            self._signed[payload.unit_id, payload.hop].add(payload.encode())

    def blames_nobody(self) -> None:
        """No unit and hop was signed for twice with different content."""
        for (_, hop), payloads in self._signed.items():
            self.stage.equal(len(payloads), 1, f"different endorsements of one unit for hop {hop}")


def money(stage: Stage) -> OfferedUnit:
    """One unit that the wallet holds."""
    return stage.world.holding(VALUE, holder=stage.world.wallet.number)


def offered(stage: Stage, side: Side, held: OfferedUnit, peer: Identity) -> tuple[Talk, Answer]:
    """The peer offers one unit to the wallet."""
    talk = flows.meet_payee(stage, side, VALUE, peer=peer)
    return talk, talk.send(flows.offer_of(talk, [held]))


def committed(stage: Stage, side: Side, peer: Identity) -> tuple[Talk, Payment]:
    """The wallet has sent PAY to the peer, which does not answer."""
    talk, offer = flows.meet_payer(stage, side, VALUE, peer=peer)
    return talk, flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))


def settle(stage: Stage, payment: Payment, payee: Identity) -> None:
    """The wallet can still redeliver the payment to its payee, with the same bytes, and be receipted."""
    stage.order("redeliver", transaction=payment.offer.transaction)
    talk = connect(stage, Side.INITIATOR, peer=payee)
    sent = Redeliver(offer=payment.offered, endorsements=payment.pay.endorsements)
    stage.equal(talk.opening, sent, "redelivery")
    stage.accepted(talk.send(flows.receipt_of(talk, payment.offer)).reply, "RECEIPT", "closed")


def refused_pay(talk: Talk, offer: Offer, endorsement: bytes) -> None:
    """The wallet accepts the offer of one unit, and refuses a PAY with this endorsement, unharmed."""
    stage = talk.stage
    flows.expect_accept(talk, offer, talk.send(offer))
    before = stage.state()
    answer = talk.send(Pay(transaction=offer.transaction, endorsements=(endorsement,)))
    flows.expect_reject(talk, answer, Code.ENDORSEMENT, "PAY", 0)
    stage.unchanged(before, "a refused PAY")
    flows.still_alive(stage)
