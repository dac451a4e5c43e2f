"""Mutants of chapter 7, the payee: ACCEPT, PAY, RECEIPT."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.commits import writing
from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import holder, payee, units
from eiraku.reference.purse.state import Answer, Env, Link, Open, Refuse, SessionState, UnitRefusal
from eiraku.spec.messages import Reject
from eiraku.testing.patches import Patch, edit

AREA = Area(__name__)
BADLY_RECEIPTED = {"*": "no payer can take such a receipt, so every flow in which the wallet is paid fails"}
_take = payee.take


def accepts(session: SessionState) -> bool:
    """Whether ACCEPT has been sent, and nothing since."""
    return isinstance(session, Open) and isinstance(session.data, payee.Accepted)


AREA.edits(
    "EPP-TRF-029",
    "requests_anything",
    "Takes an order to request anything.",
    holder.check_request,
    ("if not 0 < order.amount <= shape.AMOUNT_MAX:", "if False:"),
)
AREA.edits(
    "EPP-TRF-068",
    "requests_more_than_anybody_may_pay",
    "Takes an order to request more than the policy allows it to be paid in any operation.",
    holder.check_request,
    ("if order.amount > bounds.most:", "if False:"),
)


@AREA.makes("EPP-TRF-067")
def cuts_references() -> Sequence[Patch]:
    """Takes an order to request with a reference of any length, and sends its beginning."""
    long = "if len(order.reference.encode()) > messages.REFERENCE_MAX:"
    return [
        edit(holder.check_request, (long, "if False:")),
        edit(payee.request, ("reference=order.reference", "reference=order.reference[:16]")),
    ]


@AREA.makes("EPP-TRF-045")
def writes_when_it_accepts() -> Sequence[Patch]:
    """Makes a durable write before it sends ACCEPT."""
    return writing(lambda before, turn: accepts(turn[0]) and not accepts(before))


AREA.edits(
    "EPP-TRF-047",
    "takes_pay_for_anything",
    "Takes a PAY of another transaction.",
    payee.on_pay,
    ("if pay.transaction != state.transaction:", "if False:"),
)


@AREA.replaces("EPP-TRF-047", (payee, "take"))
def ignores_surplus_endorsements(
    link: Link, offer: payee.Accepted, endorsements: tuple[bytes, ...], env: Env
) -> Answer:
    """Ignores endorsements beyond the units."""
    return _take(link, offer, endorsements[: len(offer.units)], env)


@AREA.replaces("EPP-TRF-047", (payee, "take"))
def takes_fewer_endorsements(
    link: Link, offer: payee.Accepted, endorsements: tuple[bytes, ...], env: Env
) -> Answer:
    """Credits as many units as are endorsed."""
    count = min(len(offer.units), len(endorsements))
    if 0 < count < len(offer.units):
        offer = replace(offer, units=offer.units[:count])
    return _take(link, offer, endorsements, env)


@AREA.replaces("EPP-TRF-048", (payee, "take"))
def credits_until_a_fault(
    link: Link, offer: payee.Accepted, endorsements: tuple[bytes, ...], env: Env
) -> Answer:
    """Credits the units before the first bad endorsement, and says which one is bad."""
    try:
        return _take(link, offer, endorsements, env)
    except UnitRefusal as refusal:
        if not refusal.index:
            raise
        good = replace(offer, units=offer.units[: refusal.index])
        answer = _take(link, good, endorsements[: refusal.index], env)
        reject = Reject(code=int(refusal.code), index=refusal.index)
        told: Any = Refuse(refusal=refusal)
        return replace(answer, say=reject.encode(), told=told)


VERIFIED = "if not units.is_endorsed(payer.public_key, move, signature):"
AREA.edits(
    "EPP-TRF-048",
    "verifies_only_the_first_endorsement",
    "Verifies the endorsement of the first unit only.",
    payee.take,
    (VERIFIED, VERIFIED.replace("if not", "if index == 0 and not")),
)
AREA.edits(
    "EPP-TRF-048",
    "names_the_first_endorsement",
    "Names the first unit as the one whose endorsement is bad.",
    payee.take,
    ("raise UnitRefusal(refusal, index)", "raise UnitRefusal(refusal, 0)"),
)
AREA.edits(
    "EPP-TRF-049",
    "keeps_the_hop",
    "Holds a unit at the hop at which the payer held it.",
    units.hold,
    ("return held(unit, move.hop, sealed)", "return held(unit, move.hop - 1, sealed)"),
)
AREA.edits(
    "EPP-TRF-049",
    "loses_the_last_unit",
    "Credits all units but the last of several.",
    payee.take,
    ("holdings=holdings)", "holdings=holdings[:-1] or holdings)"),
)
SIGNED = """        payer=payer,
        payee=identity.claims.number,
        amount=amount,
"""
AREA.edits(
    "EPP-TRF-050",
    "receipts_without_the_payer",
    "Signs the receipt without the payer's number.",
    payee.credited,
    (SIGNED, SIGNED.replace("payer=payer", "payer=bytes(8)")),
    collateral=BADLY_RECEIPTED,
)
AREA.edits(
    "EPP-TRF-050",
    "receipts_half_the_amount",
    "Signs the receipt over half the amount.",
    payee.credited,
    (SIGNED, SIGNED.replace("amount=amount", "amount=amount // 2")),
    collateral=BADLY_RECEIPTED,
)
