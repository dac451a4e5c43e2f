"""Mutants of chapter 7, the payer, and of what it endorses (chapter 4)."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.offerable import Offerable
from eiraku.reference.purse import core, holder, payer, select, units
from eiraku.reference.purse.ledger import Holding
from eiraku.reference.purse.select import Candidate, Stock, choose
from eiraku.reference.purse.state import Answer, Link
from eiraku.reference.store import Store
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Receipt
from eiraku.spec.objects import VALUES, EndorsementPayload

AREA = Area(__name__)
_endorse, _holdings, _on_receipt = units.endorse, Store.holdings, payer.on_receipt

AREA.edits(
    "EPP-TRF-003",
    "reuses_transactions",
    "Uses one transaction for every OFFER.",
    payer.offer,
    ("env.random(16)", 'b"\\x33" * 16'),
)

# --- orders -------------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-TRF-010",
    "pays_nothing",
    "Takes an order to pay nothing.",
    holder.check_amount,
    ("if amount <= 0:", "if False:"),
)
AREA.edits(
    "EPP-TRF-010",
    "ignores_limits_of_orders",
    "Takes an order to pay more than the policy allows in any operation.",
    holder.check_amount,
    ("if amount > bounds.most:", "if False:"),
)


@AREA.replaces("EPP-TRF-065", (select, "choose"))
def takes_the_smallest_units_first(
    stock: Stock, amount: int, *, max_units: int, max_record: int
) -> tuple[bytes, ...]:
    """Takes the smallest units first, and so misses exact choices."""
    chosen: list[Candidate] = []
    rest = amount
    for value in sorted(VALUES):
        found = stock.lightest(value, rest // value)
        chosen += found
        rest -= value * len(found)
    if rest or len(chosen) > max_units:
        # Not enough money is not the defect; an exact choice that is there and not found is.
        choose(stock, amount, max_units=max_units, max_record=max_record)
        raise Refusal(Code.NO_EXACT_CHANGE, "EPP-TRF-065", "no exact choice found")
    return tuple(unit.unit_id for unit in chosen)


@AREA.replaces("EPP-TRF-011", (select, "choose"))
def calls_poverty_lack_of_change(
    stock: Stock, amount: int, *, max_units: int, max_record: int
) -> tuple[bytes, ...]:
    """Refuses an order beyond its means with `no-exact-change`."""
    try:
        return choose(stock, amount, max_units=max_units, max_record=max_record)
    except Refusal as refusal:
        if refusal.code is not Code.INSUFFICIENT_FUNDS:
            raise
        raise Refusal(Code.NO_EXACT_CHANGE, refusal.requirement, refusal.detail) from None


AREA.edits(
    "EPP-TRF-064",
    "offers_too_many_units",
    "Offers more units than the policy permits.",
    payer.choose,
    ("max_units=policy.max_units", "max_units=policy.max_units + 1000"),
)
AREA.edits(
    "EPP-TRF-011",
    "counts_units_at_the_last_hop",
    "Counts units at hop 255, which nobody may take, for an order.",
    Offerable.__init__,
    ("HOP_MAX if max_hops is None", "HOP_MAX + 1 if max_hops is None"),
)
AREA.edits(
    "EPP-TRF-011",
    "counts_only_what_anybody_takes",
    "Does not count units at their hop limit for an order.",
    payer.choose,
    ("payee in (None, Role.VAULT, Role.CENTRE)", "payee in (Role.VAULT, Role.CENTRE)"),
)
AREA.edits(
    "EPP-TRF-066",
    "chooses_for_nobody_in_particular",
    "Offers what it would offer to anybody, also to a payee that may not take it.",
    payer.choose_for,
    ("link.terms, link.peer.role)", "link.terms, None)"),
)
AREA.edits(
    "EPP-TRF-116",
    "calls_all_lack_of_choice_poverty",
    "Says that it has too little whenever it could not choose units for a payee.",
    payer.choose_for,
    ("raise CannotOffer(refusal.code,", "raise CannotOffer(Code.INSUFFICIENT_FUNDS,"),
)
AREA.edits(
    "EPP-TRF-117",
    "tells_the_payee_why_it_cannot_offer",
    "Sends the code for which it could not choose units.",
    payer.choose_for,
    ("raise CannotOffer(refusal.code, refusal.requirement, refusal.detail) from None", "raise"),
)
AREA.edits(
    "EPP-TRF-117",
    "tells_the_payee_of_long_bundles",
    "Sends `too-large` where all that it could offer to this payee is too long.",
    payer.choose_for,
    (
        "raise CannotOffer(",
        "if refusal.code is Code.TOO_LARGE:\n            raise\n        raise CannotOffer(",
    ),
)
AREA.edits(
    "EPP-TRF-060",
    "offers_what_the_greatest_policy_allows",
    "Offers bundles of which REDELIVER has up to 65 535 bytes, whatever its policy says.",
    payer.choose,
    ("max_record=policy.max_record", "max_record=65535"),
)
AREA.edits(
    "EPP-TRF-060",
    "offers_more_than_fits",
    "Offers bundles that would be too long for REDELIVER.",
    select.choose,
    ("> max_record", "> 1 << 20"),
)


# --- OFFER --------------------------------------------------------------------------------------------------

HOMEWARD = "homeward = payee in (None, Role.VAULT, Role.CENTRE)"
AREA.edits(
    "EPP-TRF-012",
    "offers_expired_units",
    "Offers units that have expired.",
    payer.choose,
    ("epoch=alive", "epoch=0"),
)
AREA.edits(
    "EPP-TRF-012",
    "offers_units_at_their_limit",
    "Offers units at their hop limit to everybody.",
    payer.choose,
    (HOMEWARD, "homeward = True"),
)
AREA.edits(
    "EPP-TRF-012",
    "keeps_units_at_their_limit",
    "Does not offer units at their hop limit to a vault either.",
    payer.choose,
    (HOMEWARD, "homeward = False"),
)


@AREA.replaces("EPP-TRF-012", (Store, "holdings"))
def offers_a_lower_hop(store: Store, unit_ids: Sequence[bytes]) -> tuple[Holding, ...]:
    """Offers units at a hop one lower than they are held at, where that is possible."""
    return tuple(replace(held, hop=max(held.hop - 1, 0)) for held in _holdings(store, unit_ids))


AREA.edits(
    "EPP-TRF-013",
    "pays_whatever_is_requested",
    "Does not compare REQUEST with the amount that its holder has set.",
    payer.offer,
    ("if requested not in (None, amount):", "if False:"),
)
AREA.edits(
    "EPP-TRF-014",
    "ignores_the_payers_limit",
    "As payer does not look at limits.",
    payer.offer,
    ("if amount > link.bounds.most:", "if False:"),
)

# --- ACCEPT -------------------------------------------------------------------------------------------------

OTHER_TRANSACTION = "accept.transaction != state.transaction"
OTHER_DIGEST = "accept.offer_digest != state.digest"
OTHER = f"{OTHER_TRANSACTION} or {OTHER_DIGEST}"
AREA.edits(
    "EPP-TRF-015",
    "takes_any_accept",
    "Takes an ACCEPT of another offer.",
    payer.on_accept,
    (OTHER, "False"),
)
AREA.edits(
    "EPP-TRF-015",
    "ignores_the_digest_of_accept",
    "Looks only at the transaction of ACCEPT.",
    payer.on_accept,
    (OTHER, OTHER_TRANSACTION),
)
AREA.edits(
    "EPP-TRF-015",
    "ignores_the_transaction_of_accept",
    "Looks only at the digest of ACCEPT.",
    payer.on_accept,
    (OTHER, OTHER_DIGEST),
)
AREA.edits(
    "EPP-TRF-016",
    "pays_without_accept",
    "Takes a message that is neither ACCEPT nor REJECT for consent to its OFFER.",
    core.take_record,
    (
        "event, row = permitted(state, message)",
        (
            "offer = state.data\n"
            "        if isinstance(offer, payer.Offered) and not isinstance(message, Accept | Reject):\n"
            "            message = Accept(transaction=offer.transaction, offer_digest=offer.digest)\n"
            "        event, row = permitted(state, message)"
        ),
    ),
)

# --- endorsements -------------------------------------------------------------------------------------------

PAYS_NOBODY = {"*": "no payee can take such an endorsement, so every flow in which the wallet pays fails"}


@AREA.replaces("EPP-HIS-001", (units, "endorse"), collateral=PAYS_NOBODY)
def endorses_the_held_hop(key: SigningKey, move: EndorsementPayload) -> bytes:
    """Endorses the hop at which it holds the unit, not the next."""
    return _endorse(key, replace(move, hop=move.hop - 1))


@AREA.replaces("EPP-HIS-001", (units, "endorse"), collateral=PAYS_NOBODY)
def endorses_no_history(key: SigningKey, move: EndorsementPayload) -> bytes:
    """Endorses without the digest of the history."""
    return _endorse(key, replace(move, history_digest=bytes(32)))


@AREA.replaces("EPP-HIS-001", (units, "endorse"), collateral=PAYS_NOBODY)
def endorses_nobody(key: SigningKey, move: EndorsementPayload) -> bytes:
    """Endorses to no payee in particular."""
    return _endorse(key, replace(move, payee=bytes(8)))


# --- RECEIPT ------------------------------------------------------------------------------------------------

OTHER_RECEIPT = "if receipt.transaction != state.transaction:"
UNSIGNED = """if not cose.verify_detached(
        link.peer.public_key, objects.CONTEXT_RECEIPT, expected.encode(), receipt.signature
    ):"""
AREA.edits(
    "EPP-TRF-017",
    "takes_any_receipt",
    "Settles on any RECEIPT.",
    payer.on_receipt,
    (OTHER_RECEIPT, "if False:"),
    (UNSIGNED, "if False:"),
)
AREA.edits(
    "EPP-TRF-017",
    "skips_receipt_signatures",
    "Looks only at the transaction of RECEIPT, not at its signature.",
    payer.on_receipt,
    (UNSIGNED, "if False:"),
)


@AREA.replaces("EPP-TRF-017", (payer, "on_receipt"))
def ignores_the_amount_of_receipts(link: Link, state: payer.Paid, receipt: Receipt) -> Answer:
    """Takes a RECEIPT that is signed over the amount 0."""
    try:
        return _on_receipt(link, state, receipt)
    except Refusal:
        return _on_receipt(link, replace(state, amount=0), receipt)


AREA.edits(
    "EPP-TRF-018",
    "never_settles",
    "Takes the RECEIPT and keeps the transaction pending.",
    core.durable,
    ("match answer.change:", "if event is TransferEvent.RECEIPT: return ()\n    match answer.change:"),
)
