"""Checks of other requirements that a mutant fails too, and why that cannot be otherwise.

Each row: mutants (names, or the requirement that they violate), checks (requirements, or patterns of check
ids without the leading `test_`), and the reason, which is printed in the kill matrix.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

EVERY_FLOW = "every flow meets it, and these go on to where it shows"
_ROWS: tuple[tuple[str, str, str], ...] = (
    ("*", "campaign::*", "random flows meet most defects sooner or later"),
    ("*", "lockstep_life::* lockstep_rules::* crossings::*", "the shadow purse differs from most defects"),
    (
        "*",
        (
            "widths_epochs::* widths_numbers::* news_in_sessions::* void_keys::* history_keys::* "
            "full_tables::* sizes::* unwatched::* drawn::*"
        ),
        "whole flows at unusual moments, which meet most defects too",
    ),
    (
        "keeps_16_bits_of_a_validity",
        "transfer_roles::*",
        "a world is in an epoch of any magnitude, and plain payments too",
    ),
    ("EPP-HIS-003", "*", "whoever is paid with what the wallet received opens its layers"),
    (
        "EPP-ENC-*",
        (
            "EPP-TRF-002 EPP-REC-006 EPP-PID-001 EPP-UNI-001 EPP-TRF-035 EPP-TRF-046 errors::* "
            "session_authentication::* redelivery_refused::*"
        ),
        "checks of a shape try encodings that are wrong",
    ),
    ("writes_long_heads*", "privacy::*", "the check takes part in the exchange that goes wrong"),
    (
        "opens_unprovisioned",
        "policy::* power_cut::test_cut_at_provisioning*",
        "a wallet that is not provisioned shows it by refusing to open",
    ),
    (
        "EPP-KEY-006",
        "units::test_signed_as_something_else*",
        "the check signs a unit under another context",
    ),
    (
        "EPP-KEY-010",
        "bulletin::* general::* keys::* units::*",
        "the check needs what an old key has signed to be good",
    ),
    (
        "takes_any_tier",
        "session_peer::test_order_of_checks*",
        "the check puts a wrong tier before other faults",
    ),
    (
        "EPP-PID-002 EPP-PID-003 EPP-PID-004 EPP-SES-021 EPP-SES-022 EPP-SES-023 EPP-POL-002 EPP-POL-003",
        (
            "session_order::* session_peer::* privacy::* errors::* power_cut::* bulletin::* history::* "
            "transfer_orders::*"
        ),
        "the check uses this refusal to show something else about refusals",
    ),
    (
        "EPP-PID-005 EPP-UNI-006",
        "general::*",
        "the check of the clock uses a purse or a unit issued in the future",
    ),
    (
        "EPP-UNI-* EPP-HIS-002",
        "transfer_order::* transfer_pay::* keys::* purse_id::*",
        "the check has such a unit or endorsement as one fault of several, or forges it in its own way",
    ),
    ("EPP-UNI-005", "bulletin::*", "the check lets a unit expire to show when a bulletin counts"),
    (
        "EPP-HIS-005 EPP-POL-004",
        "policy::test_limits_are_inclusive* history::*",
        "both are about the same limit",
    ),
    (
        "EPP-HIS-008",
        "*",
        "no payee takes a unit with such a history, so whatever was received cannot be spent",
    ),
    (
        "EPP-BUL-001",
        "keys::* provisioning::*",
        "the check is about one way in which the signature of a bulletin can be wrong",
    ),
    (
        "EPP-BUL-002 EPP-BUL-004",
        "bulletin::* power_cut::* general::*",
        "checks of bulletins look back at the one before",
    ),
    (
        "EPP-SES-011 EPP-SES-028",
        "channel_faults::test_replaced_by_older* privacy::* session_order::* purse_id::*",
        "what is repeated can be replayed, and can be seen",
    ),
    (
        "EPP-SES-013",
        "keys::* session_authentication::* session_messages::*",
        "the check is about one way in which a signature of the handshake can be wrong",
    ),
    (
        "EPP-SES-014 EPP-SES-015 is_silent_about_a_bad_message_4",
        "channel_faults::test_repeated* session_order::*",
        "message_4 is refused there for another reason",
    ),
    (
        "lets_a_handshake_be_tried_again EPP-SES-027",
        "session_messages::* session_order::* records::*",
        "the check goes on with a session that is over",
    ),
    ("tells_why_it_refuses", "*", "every check of a refused handshake looks at the answer"),
    (
        "writes_in_the_handshake writes_when_it_accepts writes_refusals",
        "*",
        "most checks count durable writes",
    ),
    (
        "EPP-SES-022",
        "bulletin::*",
        "a bulletin shows its effect by revoking somebody",
    ),
    (
        "EPP-SES-023 EPP-TRF-014 EPP-TRF-031 EPP-POL-005",
        "policy::* purse_id::test_renewed_peer* redelivery_refused::* transfer_payer::*",
        "policy shows in what is refused",
    ),
    (
        "EPP-SES-003 EPP-SES-004 EPP-SES-061",
        "session_negotiation::*",
        "these are the same answers for other reasons",
    ),
    (
        "EPP-SES-009",
        "session_negotiation::test_malformed_choice*",
        "a choice of no sense is not offered either",
    ),
    ("EPP-SES-085", "session_peer::test_order_of_checks*", "the check has that order for its subject"),
    (
        "EPP-SES-010 EPP-SES-082 EPP-SES-083 EPP-SES-084 EPP-SES-085 EPP-SES-034",
        "membership::test_padding_before* membership::test_membership_in_later* session_messages::*",
        "the check puts padding or an unknown item into the message",
    ),
    (
        "EPP-SES-018 EPP-SES-087",
        "session_order::* channel_faults::test_repeated* session_lifetime::*",
        "a message_1 where a byte string is due is an error too",
    ),
    (
        "EPP-SES-032 EPP-SES-033",
        "session_lifetime::* records::* errors::*",
        "the check meets such an error too",
    ),
    (
        "is_silent_about_a_bad_message_4",
        "attacks_on_sessions::test_offer_before* channel_faults::* membership::test_membership_in_later*",
        "every check of a refused message_4 looks at the answer",
    ),
    (
        "EPP-SES-037 EPP-SES-038",
        "channel_faults::* session_messages::* privacy::* session_authentication::*",
        "the check alters message_1, or plays one that was heard",
    ),
    (
        "EPP-SES-026",
        "session_messages::test_order_of_checks_of_message_1*",
        "size is the first in that order",
    ),
    (
        "EPP-REC-003 EPP-REC-005 rejects_bad_records locks_after_a_bad_record",
        "errors::* records::* session_order::* session_messages::* general::* power_cut::* transfer_turns::*",
        "many checks deliver a bad record, or bytes after the end",
    ),
    (
        "EPP-REC-006 EPP-REC-020 EPP-TRF-002",
        (
            "encoding::* errors::* keys::* records::* redelivery_refused::* "
            "transfer_order::* transfer_turns::* "
            "units::*"
        ),
        "checks of encodings and shapes deliver malformed messages",
    ),
    ("EPP-TRF-007 EPP-TRF-112", "*", "every check of a refused message looks at REJECT"),
    ("confuses_two_codes", "units::*", "the check expects the code for the seal"),
    ("sends_local_codes", "policy::*", "the check expects the code for the peer"),
    (
        (
            "reuses_transactions offers_a_lower_hop takes_the_smallest_units_first "
            "never_settles refunds_itself "
            "keeps_the_hop loses_the_last_unit pays_before_it_commits"
        ),
        "*",
        EVERY_FLOW,
    ),
    (
        "calls_poverty_lack_of_change offers_expired_units EPP-TRF-012",
        "bulletin::* history::* policy::* recovery::* transfer_orders::* transfer_payer::*",
        "the check learns from an order what can be spent",
    ),
    ("pays_nothing EPP-CRS-009", "general::* transfer_payer::*", "the check uses an order that is refused"),
    ("pays_whatever_is_requested", "encoding::test_greatest_amount*", "that amount is not the one agreed"),
    ("EPP-TRF-030 EPP-TRF-044", "redelivery_refused::*", "REDELIVER is checked like an OFFER"),
    (
        "EPP-TRF-041 EPP-TRF-046 EPP-TRF-115",
        "history::* recovery::* redelivery_refused::* transfer_payer::*",
        "the check brings back a unit that was here",
    ),
    (
        "EPP-CRS-001 EPP-CRS-002 EPP-CRS-003 EPP-CRS-004 EPP-CRS-005 EPP-CRS-006 EPP-TRF-019",
        "history::* power_cut::* recovery::* redelivery::* transfer_payee::* transfer_payer::*",
        "crash safety and redelivery look at the same pending transaction",
    ),
    (
        "EPP-CRS-007 EPP-CRS-008 EPP-HIS-006",
        "history::* privacy::* recovery::* redelivery::* transfer_orders::* transfer_payer::*",
        "many checks redeliver",
    ),
    (
        "EPP-CRS-010 EPP-CRS-012 EPP-CRS-040 EPP-CRS-014",
        "encoding::* redelivery_refused::* transfer_payer::*",
        "the check redelivers as its control, or ends a session between PAY and RECEIPT",
    ),
    (
        "EPP-CRS-016 EPP-CRS-020 EPP-CRS-021",
        (
            "history::* power_cut::* recovery::* redelivery_refused::* transfer_payee::* "
            "room::* remembering::* boundaries::*"
        ),
        "the check relies on what a purse must remember",
    ),
    (
        "EPP-CRS-022 EPP-CRS-023 EPP-TRF-061 EPP-TRF-062 EPP-TRF-063",
        "room::* remembering::* boundaries::*",
        "the check fills a table",
    ),
    (
        (
            "EPP-CRS-001 EPP-CRS-002 EPP-CRS-003 EPP-CRS-007 EPP-CRS-008 EPP-CRS-010 EPP-TRF-019 EPP-TRF-041 "
            "EPP-TRF-115"
        ),
        "room::* remembering::* signing::*",
        "the check pays and redelivers to show something else",
    ),
    (
        "EPP-GEN-011 EPP-GEN-012 EPP-GEN-013 EPP-GEN-014 EPP-GEN-015",
        "provisioning::*",
        "the order of the checks is shown with such a fault",
    ),
    (
        "counts_only_what_anybody_takes",
        "history::* transfer_orders::* transfer_choice::* boundaries::*",
        "no order is taken that only a vault can be paid with",
    ),
    (
        "EPP-POL-004 excludes_the_last_place",
        "policy::* redelivery_refused::* transfer_order::* transfer_payee::* transfer_roles::*",
        "the checks of order have everything just within its limit",
    ),
)


def related(name: str, requirement: str) -> Mapping[str, str]:
    """Patterns of checks that a mutant may fail beside its requirement, with the reasons."""
    found: dict[str, str] = {}
    for who, checks, reason in _ROWS:
        if any(fnmatchcase(name, one) or fnmatchcase(requirement, one) for one in who.split()):
            for pattern in checks.split():
                found.setdefault(f"test_{pattern}" if "::" in pattern else pattern, reason)
    return found
