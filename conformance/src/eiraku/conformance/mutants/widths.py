"""Mutants that keep only the low bits of a number, or take a large one for a negative."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor, keylists
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.keylists import Validity
from eiraku.reference.purse import core, payee, payer
from eiraku.reference.store import Store
from eiraku.spec import bulletins

AREA = Area(__name__)
SIGNED_16 = "(({0} & 0xFFFF) ^ 0x8000) - 0x8000"

AREA.edits(
    "EPP-KEY-009",
    "keeps_16_bits_of_a_validity",
    "Keeps 16 bits of the first and the last epoch of a key.",
    Validity.covers,
    (
        "self.valid_from <= epoch <= self.valid_to",
        "self.valid_from & 0xFFFF <= epoch & 0xFFFF <= self.valid_to & 0xFFFF",
    ),
    collateral={"EPP-KEY-045": "a scheme key has such epochs too"},
)
AREA.edits(
    "EPP-KEY-009",
    "knows_no_epoch_after_2_to_31",
    "Takes an epoch of 2^31 or more for one before all others when it looks at a key.",
    Validity.covers,
    (
        "self.valid_from <= epoch <= self.valid_to",
        "all(a ^ 2**31 <= b ^ 2**31 for a, b in ((self.valid_from, epoch), (epoch, self.valid_to)))",
    ),
    collateral={"*": "every key list of the suite that never ends has such an epoch"},
)
AREA.edits(
    "EPP-KEY-023",
    "counts_key_lists_in_a_byte",
    "Keeps 8 bits of the sequences of key lists.",
    keylists.is_held,
    ("if new.sequence < held.sequence:", "if new.sequence & 0xFF < held.sequence & 0xFF:"),
    collateral={"EPP-KEY-035": "the check takes lists of great sequences"},
)
AREA.edits(
    "EPP-KEY-043",
    "keeps_16_bits_of_list_expiry",
    "Keeps 16 bits of the last epoch of its key lists.",
    core.open_session,
    ("if terms.epoch > expires:", "if terms.epoch & 0xFFFF > expires & 0xFFFF:"),
    collateral={"*": "a list that never expires has the greatest epoch, and none is greater in 16 bits"},
)
AREA.edits(
    "EPP-KEY-046",
    "keeps_8_bits_of_a_scheme_key",
    "Keeps 8 bits of the last epoch of a scheme key.",
    TrustAnchor._lasting,
    ("not named[name].is_over(epoch)", "named[name].valid_to & 0xFF >= epoch & 0xFF"),
    collateral={"EPP-KEY-049": "what is over is erased"},
)
AREA.edits(
    "EPP-UNI-005",
    "keeps_16_bits_of_unit_expiry",
    "Takes the last epoch of a unit for a signed number of 16 bits.",
    payee.check_money,
    ("if terms.epoch > unit.expires:", f"if terms.epoch > {SIGNED_16.format('unit.expires')}:"),
    collateral={"*": "units of epochs without end"},
)
AREA.edits(
    "EPP-CRS-022",
    "counts_entries_by_16_bits",
    "Counts what is kept by 16 bits of the epochs.",
    Store.entries,
    ("AND expires >= ?", "AND expires & 65535 >= ? & 65535"),
    collateral={"EPP-CRS-016": "what counts no longer is forgotten"},
)
AREA.edits(
    "EPP-BUL-021",
    "keeps_8_bits_of_a_delta_epoch",
    "Keeps 8 bits of the epoch from which a delta goes on.",
    bulletins.changed,
    ("if change.from_epoch != epoch:", "if epoch is None or (change.from_epoch ^ epoch) & 0xFF:"),
)
AREA.edits(
    "EPP-TRF-013",
    "keeps_32_bits_of_a_request",
    "Compares 32 bits of the amount requested with the order.",
    payer.offer,
    (
        "if requested not in (None, amount):",
        "if requested is not None and (requested ^ amount) & 0xFFFFFFFF:",
    ),
    collateral={"EPP-TRF-030": "the check tries both sides of an agreement"},
)
AREA.edits(
    "EPP-TRF-031",
    "keeps_32_bits_of_an_amount",
    "Takes the amount of an OFFER for a signed number of 32 bits when it looks at limits.",
    payee.check_offer,
    (
        "if offer.amount > link.bounds.most:",
        "if ((offer.amount & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000 > link.bounds.most:",
    ),
    collateral={"EPP-TRF-010": "the check tries each limit", "EPP-TRF-068": "the check tries each limit"},
)
AREA.edits(
    "EPP-TRF-044",
    "keeps_32_bits_of_its_balance",
    "Keeps 32 bits of the balance when it looks at the limit.",
    payee.check_room,
    ("if balance > limit:", "if balance & 0xFFFFFFFF > limit:"),
)
AREA.edits(
    "EPP-HIS-005",
    "keeps_7_bits_of_a_hop",
    "Keeps 7 bits of the hop when it looks at the limit.",
    payee.check_unit,
    ("if hop > most:", "if hop & 0x7F > most:"),
    collateral={"*": "limits at hop 254 and 255"},
)
AREA.edits(
    "EPP-UNI-004",
    "keeps_8_bits_of_an_economy",
    "Keeps 8 bits of the economy of a unit.",
    anchor.check_unit_economy,
    (
        "unit.economy not in anchor.economies",
        "unit.economy & 0xFF not in {e & 0xFF for e in anchor.economies}",
    ),
)
