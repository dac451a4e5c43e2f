"""Mutants of chapters 7 and 8: how much room there is, and what takes it."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import payee, payer
from eiraku.reference.store import Store

AREA = Area(__name__)
GIVEN = "if given >= most:"
CREDITED = 'if ledger.entries("credited", epoch) >= policy.max_credited:'
SEEN = "if seen > policy.max_seen:"
COUNTED = "AND expires >= ?"

AREA.edits(
    "EPP-TRF-061",
    "gives_without_end",
    "Gives away more transactions than its policy has room for.",
    payer.check_room,
    (GIVEN, "if False:"),
)
AREA.edits(
    "EPP-TRF-061",
    "excludes_the_last_given",
    "Refuses an order that would fill the table of given transactions.",
    payer.check_room,
    (GIVEN, "if given + 1 >= most:"),
)
AREA.edits(
    "EPP-TRF-062",
    "credits_without_end",
    "Credits more transactions than its policy has room for.",
    payee.check_room,
    (CREDITED, "if False:"),
)
AREA.edits(
    "EPP-TRF-062",
    "excludes_the_last_credit",
    "Refuses an OFFER that would fill the table of credited transactions.",
    payee.check_room,
    (CREDITED, 'if ledger.entries("credited", epoch) + 1 >= policy.max_credited:'),
)
AREA.edits(
    "EPP-TRF-062",
    "looks_at_the_balance_before_its_room",
    "Looks at the balance before the table of credited transactions.",
    payee.check_room,
    (CREDITED, "if balance <= policy.balance_limit(terms.identity.claims.tier) and " + CREDITED[3:]),
)
AREA.edits(
    "EPP-TRF-063",
    "sees_without_end",
    "Takes more units than its policy has room to remember.",
    payee.check_room,
    (SEEN, "if False:"),
)
AREA.edits(
    "EPP-TRF-063",
    "excludes_the_last_unit_seen",
    "Refuses an OFFER that would fill the seen-set.",
    payee.check_room,
    (SEEN, "if seen >= policy.max_seen:"),
)
AREA.edits(
    "EPP-TRF-063",
    "counts_units_that_come_back",
    "Counts a unit that it has seen once more when it comes back.",
    payee.make_room,
    ("sum(ledger.last_seen(unit.unit_id) is None for unit in offered)", "len(offered)"),
)
AREA.edits(
    "EPP-CRS-022",
    "counts_what_has_expired",
    "Never has room again for what has expired.",
    Store.entries,
    (COUNTED, "AND expires >= 0 * ?"),
)
AREA.edits(
    "EPP-CRS-022",
    "does_not_count_the_last_epoch",
    "Counts an entry until the last epoch of its units, and not in it.",
    Store.entries,
    (COUNTED, "AND expires > ?"),
)
AREA.edits(
    "EPP-CRS-022",
    "does_not_count_pending_payments",
    "Counts settled transactions only.",
    Store.entries,
    ('if table != "given":', "if True:"),
)
AREA.edits(
    "EPP-CRS-022",
    "counts_credits_until_a_unit_expires",
    "Counts a credited transaction until the first of its units has expired.",
    Store._write,
    ("last = max(", "last = min("),
)
AREA.edits(
    "EPP-CRS-022",
    "counts_payments_until_a_unit_expires",
    "Counts a settled transaction until the first of its units has expired.",
    Store._move_to_pending,
    ("last = max(", "last = min("),
)
AREA.edits(
    "EPP-CRS-023",
    "answers_no_redelivery_when_full",
    "Refuses every redelivery when the table of credited transactions is full.",
    payee.on_redeliver,
    (
        "if credit is None:",
        (
            'full = env.ledger.entries("credited", link.terms.epoch)'
            " >= link.terms.identity.policy.max_credited\n"
            "    if credit is None or full:"
        ),
    ),
)
