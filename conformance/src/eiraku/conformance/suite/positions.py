"""The nine places in a session where a wallet waits for a record, and how to get there."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from eiraku.conformance.suite.negative_session import AMOUNT, Part, money
from eiraku.conformance.tester.flows import (
    REFERENCE,
    accept_of,
    expect_accept,
    expect_pay,
    meet_payee,
    meet_payer,
    offer_of,
    pay_of,
    receipt_of,
    redeliver_of,
)
from eiraku.conformance.tester.peer import Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.messages import Message, Offer, Reject, Request
from eiraku.spec.tables import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A session in which the wallet waits for `message`."""

    talk: Talk
    message: Message
    """The right one."""
    offer: Offer | None = None
    """The OFFER that it is about, if one was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Which message the wallet waits for, and in which part."""

    message: str
    part: Part
    reach: Callable[[Stage, Part], Waiting]

    def __str__(self) -> str:
        return f"{self.message}-{self.part}"

    @property
    def first(self) -> bool:
        """Whether it is the first record for a responder, where an EDHOC error may come (EPP-SES-033)."""
        return self.part.side is Side.RESPONDER and self.message in {
            "OFFER",
            "REQUEST",
            "REDELIVER",
            "REJECT",
        }

    def go(self, stage: Stage) -> Waiting:
        """Reset and provision the wallet and bring it there."""
        stage.begin(money(stage, self.part))
        return self.reach(stage, self.part)


def _at_offer(stage: Stage, part: Part) -> Waiting:
    talk = meet_payee(stage, part.side, AMOUNT)
    return Waiting(talk=talk, message=offer_of(talk, [stage.world.holding(AMOUNT)]))


def _at_pay(stage: Stage, part: Part) -> Waiting:
    held = [stage.world.holding(AMOUNT)]
    talk = meet_payee(stage, part.side, AMOUNT)
    offer = offer_of(talk, held)
    expect_accept(talk, offer, talk.send(offer))
    return Waiting(talk=talk, message=pay_of(talk, offer, held), offer=offer)


def _at_redeliver(stage: Stage, part: Part) -> Waiting:
    """REDELIVER of a transfer of which the wallet knows nothing, so that it has to check all of it."""
    held = [stage.world.holding(AMOUNT)]
    talk = meet_payee(stage, part.side, AMOUNT)
    offer = offer_of(talk, held)
    return Waiting(talk=talk, message=redeliver_of(talk, offer, held), offer=offer)


def _at_reject(stage: Stage, part: Part) -> Waiting:
    return Waiting(talk=meet_payee(stage, part.side, AMOUNT), message=Reject(code=1, index=None))


def _at_request(stage: Stage, part: Part) -> Waiting:
    stage.order("pay", amount=AMOUNT)
    return Waiting(talk=connect(stage, part.side), message=Request(amount=AMOUNT, reference=REFERENCE))


def _at_accept(stage: Stage, part: Part) -> Waiting:
    talk, offer = meet_payer(stage, part.side, AMOUNT)
    return Waiting(talk=talk, message=accept_of(offer), offer=offer)


def _at_receipt(stage: Stage, part: Part) -> Waiting:
    talk, offer = meet_payer(stage, part.side, AMOUNT)
    expect_pay(talk, offer, talk.send(accept_of(offer)))
    return Waiting(talk=talk, message=receipt_of(talk, offer), offer=offer)


ALL = (
    *(
        Position(message=name, part=Part(side=side, pays=pays), reach=reach)
        for name, pays, reach in (
            ("OFFER", False, _at_offer),
            ("PAY", False, _at_pay),
            ("ACCEPT", True, _at_accept),
            ("RECEIPT", True, _at_receipt),
        )
        for side in Side
    ),
    Position(message="REQUEST", part=Part(side=Side.RESPONDER, pays=True), reach=_at_request),
)
POSITIONS = tuple(pytest.param(position, id=str(position)) for position in ALL)
ONCE_AT_STANDARD = tuple(
    pytest.param(
        position,
        id=str(position),
        marks=() if position.part.side is Side.RESPONDER else pytest.mark.level("full"),
    )
    for position in ALL
)
"""The same; at level standard each message once, with the wallet as responder."""
EACH_MESSAGE = tuple(
    pytest.param(position, id=position.message) for position in ALL if position.part.side is Side.RESPONDER
)
"""One position for each kind of message that a wallet waits for."""
EVERY_MESSAGE = (
    *EACH_MESSAGE,
    *(
        pytest.param(Position(message=name, part=Part(side=Side.RESPONDER), reach=reach), id=name)
        for name, reach in (("REDELIVER", _at_redeliver), ("REJECT", _at_reject))
    ),
)
"""The same, and the two messages that come instead of another."""
