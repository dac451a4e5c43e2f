"""Mutants of chapter 7, the payee: the checks on an OFFER and their order."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import payee

AREA = Area(__name__)

RIGHT_AMOUNT = "offer.amount == 0 or requested not in (None, offer.amount)"
RIGHT_COUNT = "1 <= len(offer.units) <= most"
AREA.edits(
    "EPP-TRF-030",
    "takes_any_amount",
    "Takes an OFFER of any amount.",
    payee.check_offer,
    (RIGHT_AMOUNT, "False"),
)
AREA.edits(
    "EPP-TRF-030",
    "takes_offers_of_nothing",
    "Takes an OFFER of amount 0, if nothing else is wrong with it.",
    payee.check_offer,
    (RIGHT_AMOUNT, "requested not in (None, offer.amount)"),
)
AREA.edits(
    "EPP-TRF-030",
    "takes_more_than_it_asked_for",
    "Takes an OFFER of more than it requested.",
    payee.check_offer,
    (RIGHT_AMOUNT, "offer.amount == 0 or requested is not None and offer.amount < requested"),
)
AREA.edits(
    "EPP-TRF-031",
    "ignores_the_payees_limit",
    "As payee does not look at limits.",
    payee.check_offer,
    ("offer.amount > link.bounds.most", "False"),
)
AREA.edits(
    "EPP-TRF-032",
    "takes_any_number_of_units",
    "Takes any number of units.",
    payee.check_offer,
    (RIGHT_COUNT, "True"),
)
AREA.edits(
    "EPP-TRF-032",
    "takes_empty_offers",
    "Does not refuse an OFFER without units with `unit-count`.",
    payee.check_offer,
    (RIGHT_COUNT, "len(offer.units) <= most"),
)
AREA.edits(
    "EPP-TRF-033",
    "takes_duplicates",
    "Takes one unit twice in a bundle.",
    payee.distinct,
    ("if unit.unit_id in earlier:", "if False:"),
)
AREA.edits(
    "EPP-TRF-033",
    "names_the_first_duplicate",
    "Names the first of two equal units as the one at fault.",
    payee.distinct,
    ("UnitRefusal(twice, index)", "UnitRefusal(twice, 0)"),
)
AREA.edits(
    "EPP-TRF-034",
    "takes_transactions_again",
    "Takes an OFFER of a transaction that it has credited.",
    payee.check_offer,
    ("if ledger.credit(link.peer.number, offer.transaction) is not None:", "if False:"),
)

# --- order of the checks on a unit --------------------------------------------------------------------------

MONEY = """    # EPP-TRF-036 to EPP-TRF-038
    check_money(terms, signed)
"""
SIGNATURE = """    # EPP-TRF-036, EPP-UNI-002
    anchor.check_unit_signature(trusted, signed, at_any_epoch=redeems)
"""
SEAL = """    # EPP-TRF-037, EPP-UNI-003
    anchor.check_unit_seal(trusted, unit)
"""
ECONOMY = """    # EPP-TRF-037, EPP-UNI-004
    anchor.check_unit_economy(trusted, unit)
"""
EXPIRY = """    if terms.epoch > unit.expires:
        raise Refusal(Code.UNIT_EXPIRED, "EPP-UNI-005", f"expired after epoch {unit.expires}")
    homeward = role in (Role.VAULT, Role.CENTRE)
    # EPP-TRF-083, EPP-POL-032
    if not homeward and terms.epoch + terms.identity.policy.min_life > unit.expires:
        raise Refusal(Code.UNIT_EXPIRED, "EPP-TRF-083", f"expires soon, in epoch {unit.expires}")
"""
VALUE = """    # EPP-TRF-038, EPP-UNI-007
    anchor.check_unit_value(unit)
"""
HOP = """    # EPP-TRF-039, EPP-HIS-005, EPP-POL-004
    if hop > most:
        raise Refusal(Code.HOP_LIMIT, "EPP-HIS-005", f"hop {hop} is above the limit of {most}")
"""
HISTORY = """    size, expected = len(offered.history), objects.history_size(offered.hop)
    # EPP-TRF-039, EPP-HIS-004
    if size != expected:
        detail = f"history of {size} bytes, {expected} belong to hop {offered.hop}"
        raise Refusal(Code.HISTORY_SIZE, "EPP-HIS-004", detail)
"""
HELD = """    # EPP-TRF-040
    if ledger.is_held(unit_id):
        raise Refusal(Code.UNIT_HELD, "EPP-TRF-040", "is held here")
"""
SEEN = """    last = ledger.last_seen(unit_id)
    # EPP-TRF-041
    if hop is not None and last is not None and hop <= last:
        raise Refusal(Code.UNIT_SEEN, "EPP-TRF-041", f"hop {hop}, was here at hop {last}")
"""


def swapped(first: str, second: str) -> tuple[str, str]:
    """Two checks that stand one after the other, the other way round."""
    return first + second, second + first


AREA.edits(
    "EPP-TRF-035",
    "parses_all_units_first",
    "Looks at the shape of every unit before it looks at anything else of the first.",
    payee.distinct,
    ("shapes.append(refusal)", "raise UnitRefusal(refusal, index) from None"),
)
AREA.edits(
    "EPP-TRF-036",
    "checks_seals_before_signatures",
    "Compares the seal of a unit before it verifies the signature.",
    payee.check_money,
    swapped(SIGNATURE, SEAL),
)
AREA.edits(
    "EPP-TRF-037",
    "checks_economies_before_seals",
    "Looks at the economy of a unit before it compares the seal.",
    payee.check_money,
    swapped(SEAL, ECONOMY),
)
AREA.edits(
    "EPP-TRF-038",
    "checks_values_before_expiry",
    "Looks at the value of a unit before it looks whether it has expired.",
    payee.check_money,
    swapped(EXPIRY, VALUE),
)
AREA.edits(
    "EPP-TRF-039",
    "checks_histories_before_hops",
    "Looks at the size of the history before the hop limit.",
    payee.check_unit,
    swapped(HOP, HISTORY),
)
AREA.edits(
    "EPP-TRF-041",
    "checks_the_seen_set_first",
    "Looks into the seen-set before it looks whether it holds the unit.",
    payee.check_new,
    swapped(HELD, SEEN),
)

# --- held and seen ------------------------------------------------------------------------------------------

SEEN_BEFORE = "hop <= last"
AREA.edits(
    "EPP-TRF-040",
    "takes_units_it_holds",
    "Does not look whether it holds a unit already.",
    payee.check_new,
    ("if ledger.is_held(unit_id):", "if False:"),
)
AREA.edits(
    "EPP-TRF-040",
    "forgets_pending_units",
    "Takes a unit that is pending here, as if it were gone.",
    payee.check_new,
    ("ledger.is_held(unit_id)", "ledger.is_spendable(unit_id)"),
)
AREA.edits(
    "EPP-TRF-041",
    "ignores_the_seen_set",
    "Takes a unit again at any hop.",
    payee.check_new,
    (SEEN_BEFORE, "False"),
)
AREA.edits(
    "EPP-TRF-041",
    "takes_units_at_the_same_hop",
    "Takes a unit again at the hop at which it saw it last.",
    payee.check_new,
    (SEEN_BEFORE, "hop < last"),
)
AREA.edits(
    "EPP-TRF-041",
    "never_takes_a_unit_twice",
    "Refuses every unit that it has seen before, also one that came in a circle.",
    payee.check_new,
    (SEEN_BEFORE, "True"),
)

# --- the bundle ---------------------------------------------------------------------------------------------

RIGHT_SUM = "total != offer.amount"
AREA.edits(
    "EPP-TRF-042",
    "skips_the_sum",
    "Does not add up the values of the units.",
    payee.check_offer,
    (RIGHT_SUM, "False"),
)
AREA.edits(
    "EPP-TRF-042",
    "takes_bundles_worth_more",
    "Takes a bundle worth more than the amount.",
    payee.check_offer,
    (RIGHT_SUM, "total < offer.amount"),
)
AREA.edits(
    "EPP-TRF-043",
    "ignores_its_capacity",
    "Takes more units than it has room for.",
    payee.check_room,
    ("if count > policy.capacity:", "if False:"),
)
AREA.edits(
    "EPP-TRF-043",
    "counts_only_the_bundle",
    "Compares only the units of the OFFER with its capacity, not those that it holds.",
    payee.make_room,
    ("count += ledger.pending_units(terms.epoch) + len(offered)", "count = len(offered)"),
)
AREA.edits(
    "EPP-TRF-044",
    "ignores_the_balance_limit",
    "Takes more than its balance may be.",
    payee.check_room,
    ("if balance > limit:", "if False:"),
)
AREA.edits(
    "EPP-TRF-044",
    "checks_the_balance_before_the_amount",
    "Compares only the balance before the payment with the limit.",
    payee.make_room,
    ("balance=balance + amount", "balance=balance"),
)
AREA.edits(
    "EPP-TRF-046",
    "finds_the_last_fault",
    "Answers with the fault of the last bad unit, not of the first.",
    payee.check_offer,
    (
        "in enumerate(zip(shapes, offer.units, strict=True)):",
        "in reversed(list(enumerate(zip(shapes, offer.units, strict=True)))):",
    ),
    ("units=tuple(checked)", "units=tuple(reversed(checked))"),
)
AREA.edits(
    "EPP-TRF-046",
    "adds_up_before_it_looks_at_units",
    "Adds up the values before it checks the units.",
    payee.check_offer,
    (
        "    checked: list[tuple[SignedUnit, OfferedUnit]] = []\n",
        (
            "    checked: list[tuple[SignedUnit, OfferedUnit]] = []\n"
            "    values = [shape.unit.value for shape in shapes if isinstance(shape, SignedUnit)]\n"
            "    if len(values) == len(shapes) and sum(values) != offer.amount:\n"
            '        raise Refusal(Code.SUM, "EPP-TRF-042", "too early")\n'
        ),
    ),
)
