"""Mutants whose tables or buffers are smaller, or greater, than they say."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import keylists
from eiraku.reference.crypto import cose
from eiraku.reference.edhoc import messages
from eiraku.reference.purse import payer
from eiraku.reference.purse.ledger import Ledger, Pending
from eiraku.reference.purse.state import RedeliverOrder, Terms
from eiraku.reference.records import Channel
from eiraku.reference.store import Store
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer
from eiraku.spec.objects import Unit

AREA = Area(__name__)
_to_redeliver = payer.to_redeliver

# --- tables -------------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-CRS-010",
    "finds_32_credits",
    "Finds only 32 of its credited transactions when one is redelivered.",
    Store.credit,
    (
        'self._credits(_CREDITED + " WHERE payer = ? AND tx = ?", payer, transaction)',
        "(c for c in self.credits()[:32] if (c.payer, c.transaction) == (payer, transaction))",
    ),
    collateral={"EPP-CRS-020": "what is not found is not kept", "EPP-TRF-040": "the same check"},
)
AREA.edits(
    "EPP-CRS-021",
    "lists_50_settled_transactions",
    "Shows only 50 settled transactions.",
    Store.settlements,
    ('" ORDER BY tx"', '" ORDER BY tx LIMIT 50"'),
    collateral={"EPP-CRS-003": "the same check", "EPP-CRS-008": "the same", "EPP-CRS-014": "the same"},
)
AREA.edits(
    "EPP-CRS-016",
    "remembers_100_units",
    "Remembers only 100 of the units that have been here.",
    Store.last_seen,
    ("FROM seen WHERE", "FROM (SELECT * FROM seen ORDER BY unit_id LIMIT 100) WHERE"),
    collateral={"EPP-TRF-041": "what is forgotten is taken again", "EPP-TRF-115": "the same check"},
)
AREA.edits(
    "EPP-KEY-010",
    "knows_16_money_keys",
    "Knows only 16 money keys of a list.",
    keylists.money_keys,
    ("in found.keys", "in found.keys[:16]"),
    ("len(keys) != len(found.keys)", "len(keys) != len(found.keys[:16])"),
    collateral={"*": "lists of many keys"},
)


@AREA.replaces("EPP-CRS-008", (payer, "to_redeliver"))
def redelivers_nothing_expired(order: RedeliverOrder, terms: Terms, ledger: Ledger) -> Pending:
    """Refuses to redeliver a transaction whose units have all expired."""
    pending = _to_redeliver(order, terms, ledger)
    offer = Offer.decode(pending.offer)
    last = max(Unit.decode(cose.parse(unit.unit).payload).expires for unit in offer.units)
    if terms.epoch > last:
        raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-009", "expired")
    return pending


# --- sizes --------------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-ENC-010",
    "takes_a_tag_more_than_a_record",
    "Decrypts records that are longer than the longest by as much as a tag.",
    Channel.open,
    ("self.most + self.aead.tag_length", "self.most + 2 * self.aead.tag_length"),
)
AREA.edits(
    "EPP-ENC-010",
    "excludes_the_longest_of_suite_0",
    "Under suite 0 refuses a record of the greatest length.",
    Channel.open,
    ("self.most + self.aead.tag_length", "self.most - (self.aead.tag_length == 8) + self.aead.tag_length"),
)
AREA.edits(
    "EPP-SES-018",
    "takes_no_long_errors",
    "Does not take more than 2 048 bytes for an EDHOC error after message_1.",
    messages.read_byte_string,
    ("if begins_with_integer(data):", "if begins_with_integer(data) and len(data) <= LIMIT:"),
)
AREA.edits(
    "EPP-BUL-004",
    "keeps_the_rest_of_a_longer_list",
    "Overwrites as many chunks of its list as the new one has, and keeps the others.",
    Store._replace_bulletin,
    (
        'self._db.execute("DELETE FROM chunk")',
        'self._db.execute("DELETE FROM chunk WHERE position < ?", (len(bulletin.chunks),))',
    ),
    collateral={"*": "a wallet that does not come up again"},
)
