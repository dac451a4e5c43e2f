"""Mutants of chapters 7 to 10: whom it pays, what its peer learns, what lapses, what is too little."""

from collections.abc import Sequence

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import policy as policy_module
from eiraku.reference.purse import core, handshake, holder, payee, payer
from eiraku.reference.purse.ledger import Change, PaymentSettled
from eiraku.reference.store import Store
from eiraku.testing.patches import Patch, edit

AREA = Area(__name__)
_write = Store._write

# --- the named payee ----------------------------------------------------------------------------------------

NAMED = "order.payee not in (None, peer.number)"
AREA.edits(
    "EPP-TRF-080",
    "pays_whoever_relays",
    "Does not look at the payee that its order names.",
    handshake.judge,
    (NAMED, "False"),
)
AREA.edits(
    "EPP-TRF-080",
    "knows_payees_by_seven_bytes",
    "Compares seven bytes of the number that its order names.",
    handshake.judge,
    (NAMED, "order.payee is not None and order.payee[:7] != peer.number[:7]"),
)
AREA.edits(
    "EPP-TRF-080",
    "pays_only_purses_that_are_named",
    "Takes an order that names no payee for one that names nobody.",
    handshake.judge,
    (NAMED, "order.payee != peer.number"),
    collateral={"*": "no order without a name can be carried out"},
)
AREA.edits(
    "EPP-SES-025",
    "looks_at_the_name_first",
    "Looks whether the peer is the payee that is named before it looks whether it may meet it at all.",
    handshake.judge,
    (
        "    own, policy = terms.identity.claims, terms.identity.policy\n",
        (
            "    own, policy = terms.identity.claims, terms.identity.policy\n"
            '    if getattr(order, "payee", None) not in (None, peer.number):\n'
            '        raise Refusal(Code.WRONG_PAYEE, "EPP-TRF-080", "too early")\n'
        ),
    ),
)

# --- what the peer learns -----------------------------------------------------------------------------------

SENT = "LOCAL.get(refusal.code, refusal.code)"
INDEX = "and code is not Code.NOT_TAKEN"


@AREA.makes("EPP-ERR-030")
def tells_its_peer_what_it_holds() -> Sequence[Patch]:
    """Sends the precise code, and the position of the unit."""
    kept = "LOCAL.get(refusal.code, refusal.code) if refusal.code in (Code.RECORD, Code.UNKNOWN_TRANSACTION)"
    return [edit(core.refuse, (SENT, f"({kept} else refusal.code)"))]


AREA.edits(
    "EPP-ERR-030",
    "tells_its_peer_that_it_is_full",
    "Sends `capacity` as it is.",
    core.refuse,
    (SENT, f"refusal.code if refusal.code is Code.CAPACITY else {SENT}"),
)
AREA.edits(
    "EPP-ERR-030",
    "tells_its_peer_how_rich_it_is",
    "Sends `balance-limit` as it is.",
    core.refuse,
    (SENT, f"refusal.code if refusal.code is Code.BALANCE_LIMIT else {SENT}"),
)
AREA.edits(
    "EPP-ERR-030",
    "tells_its_peer_which_unit_it_knows",
    "Sends `not-taken` with the position of the unit.",
    core.refuse,
    (INDEX, ""),
)
AREA.edits(
    "EPP-ERR-031",
    "looks_for_copies_unit_by_unit",
    "Looks whether it knows a unit before it looks at the next one.",
    payee.check_offer,
    (
        "            check_unit(link.terms, unit, offered)\n",
        (
            "            check_unit(link.terms, unit, offered)\n"
            "            check_copy(link, unit, index, offered.hop + 1, ledger)\n"
        ),
    ),
)

# --- what comes to nothing ----------------------------------------------------------------------------------

LAST = "epoch - self._grace()"
AREA.edits(
    "EPP-CRS-030",
    "delivers_again_for_ever",
    "Takes an order to redeliver a transaction that has lapsed.",
    Store.pending,
    (LAST, "0"),
)
AREA.edits(
    "EPP-CRS-030",
    "keeps_what_has_lapsed",
    "Shows a transaction as pending after it has lapsed.",
    Store.pendings,
    (LAST, "0"),
)
AREA.edits(
    "EPP-CRS-030",
    "counts_what_has_lapsed",
    "Counts a pending transaction for ever.",
    Store.entries,
    (LAST, "0"),
)
AREA.edits(
    "EPP-CRS-030",
    "gives_up_when_units_expire",
    "Lets a pending transaction lapse with its units, while it can still be claimed.",
    Store._grace,
    ("provision.policy.claim_grace", "0"),
)
AREA.edits(
    "EPP-CRS-030",
    "gives_up_in_the_last_epoch",
    "Lets a pending transaction lapse in its last epoch.",
    Store._grace,
    ("provision.policy.claim_grace", "provision.policy.claim_grace - 1"),
)
AREA.edits(
    "EPP-CRS-030",
    "gives_up_with_the_first_unit",
    "Lets a pending transaction lapse with the first of its units.",
    Store._move_to_pending,
    ("last = max(", "last = min("),
)


@AREA.replaces("EPP-CRS-031", (Store, "_write"))
def drops_receipts_of_what_has_lapsed(store: Store, change: Change) -> None:
    """Settles nothing of which it has learnt meanwhile that it has lapsed."""
    if isinstance(change, PaymentSettled):
        bulletin = store.bulletin()
        held = None if bulletin is None else holder.restored(bulletin)
        if held is not None and store.pending(change.settlement.transaction, held.epoch) is None:
            return
    _write(store, change)


AREA.edits(
    "EPP-CRS-032",
    "has_no_room_for_dead_units",
    "Counts units that have expired.",
    payee.make_room,
    ("ledger.total(terms.epoch)", "ledger.total()"),
)
AREA.edits(
    "EPP-CRS-032",
    "buries_units_in_their_last_epoch",
    "Does not count units in their last epoch.",
    payee.make_room,
    ("ledger.total(terms.epoch)", "ledger.total(terms.epoch + 1)"),
)
AREA.edits(
    "EPP-CRS-032",
    "has_no_room_for_what_has_lapsed",
    "Counts pending units for ever.",
    payee.make_room,
    ("ledger.pending_units(terms.epoch)", "ledger.pending_units()"),
)
AREA.edits(
    "EPP-CRS-032",
    "counts_pending_units_until_they_expire",
    "Counts pending units until they expire, while their transaction is pending.",
    Store.pending_units,
    (LAST, "epoch"),
)

AREA.edits(
    "EPP-CRS-034",
    "counts_dead_money",
    "Compares units that have expired with the balance limit too.",
    payee.make_room,
    ("balance=balance + amount", "balance=ledger.total()[1] + amount"),
)

# --- life ---------------------------------------------------------------------------------------------------

LIFE = "if not homeward and terms.epoch + terms.identity.policy.min_life > unit.expires:"
AREA.edits(
    "EPP-TRF-083",
    "takes_dying_units",
    "Takes units that have not expired, however soon they will.",
    payee.check_money,
    (LIFE, "if False:"),
)
AREA.edits(
    "EPP-TRF-083",
    "refuses_dying_units_everywhere",
    "Refuses units that die soon as a vault and as the centre too.",
    payee.check_money,
    (LIFE, LIFE.replace("not homeward and ", "")),
)
AREA.edits(
    "EPP-POL-032",
    "excludes_the_least_life",
    "Refuses a unit that is good for exactly `min_life` epochs more.",
    payee.check_money,
    (
        LIFE,
        LIFE.replace("> unit", ">= unit").replace(
            "not homeward and ", "not homeward and terms.identity.policy.min_life and "
        ),
    ),
)
ALIVE = "terms.epoch if homeward else terms.epoch + policy.min_life"
AREA.edits(
    "EPP-TRF-084",
    "offers_dying_units",
    "Offers everybody units that have not expired, however soon they will.",
    payer.choose,
    (ALIVE, "terms.epoch"),
)
AREA.edits(
    "EPP-TRF-084",
    "keeps_dying_units",
    "Offers units that die soon to nobody, not even a vault.",
    payer.choose,
    (ALIVE, "terms.epoch + policy.min_life"),
)

# --- amounts ------------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-TRF-085",
    "takes_orders_to_pay_too_little",
    "Takes an order to pay less than the policy allows in any operation.",
    holder.check_amount,
    ("if amount < bounds.least:", "if False:"),
)
AREA.edits(
    "EPP-TRF-086",
    "offers_too_little",
    "As payer does not look at the least amount.",
    payer.offer,
    ("if amount < link.bounds.least:", "if False:"),
)
AREA.edits(
    "EPP-TRF-087",
    "takes_too_little",
    "As payee does not look at the least amount.",
    payee.check_offer,
    ("if offer.amount < link.bounds.least:", "if False:"),
)
AREA.edits(
    "EPP-TRF-088",
    "requests_too_little",
    "Takes an order to request less than the policy allows in any operation.",
    holder.check_request,
    ("if order.amount < bounds.least:", "if False:"),
)
AREA.edits(
    "EPP-POL-032",
    "excludes_the_least_amount",
    "Refuses an amount equal to the least amount, where that is more than 1.",
    payee.check_offer,
    ("if offer.amount < link.bounds.least:", "if 1 < link.bounds.least >= offer.amount:"),
)
AREA.edits(
    "EPP-POL-030",
    "takes_least_amounts_of_the_way_home",
    "Takes a policy with which small rests cannot be redeemed.",
    policy_module._redeemable,
    ("if form.min_amount > 1 and", "if False and"),
)
AREA.edits(
    "EPP-POL-031",
    "refuses_least_amounts_above_a_limit",
    "Refuses a policy in which a tier's limit is less than the least amount.",
    policy_module._redeemable,
    (
        "if form.min_amount > 1 and",
        "if any(v < form.min_amount for v in form.limits.values()) or form.min_amount > 1 and",
    ),
)
