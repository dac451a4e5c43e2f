"""Mutants of chapter 3, scheme keys: which is used, which are taken and kept."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.keylists import Validity
from eiraku.reference.purse import core, handshake

AREA = Area(__name__)
BEST = "best = min(names, key=lambda name: (-named[name].valid_from, name), default=None)"
LASTING = "self._lasting(epoch)"
AGAIN = "the check hands over several, or meets under several"

AREA.edits(
    "EPP-KEY-045",
    "begins_under_the_oldest_scheme_key",
    "As initiator uses the scheme key that came into force first.",
    TrustAnchor.scheme_key_of_initiator,
    (BEST, BEST.replace("-named[name].valid_from", "named[name].valid_from")),
    collateral={"EPP-KEY-046": "the same checks meet in both roles"},
)
AREA.edits(
    "EPP-KEY-045",
    "begins_under_any_scheme_key",
    "As initiator uses a scheme key before its first epoch.",
    TrustAnchor.scheme_key_of_initiator,
    ("named[name].covers(epoch)", "named[name].valid_to >= epoch"),
    collateral={"EPP-KEY-047": "a key that is not in force yet is one of its cases"},
)
AREA.edits(
    "EPP-KEY-045",
    "takes_the_highest_of_equal_scheme_keys",
    "Of scheme keys of one first epoch uses the one with the highest identifier.",
    TrustAnchor.scheme_key_of_initiator,
    (BEST, "best = max(names, key=lambda name: (named[name].valid_from, name), default=None)"),
)
AREA.edits(
    "EPP-KEY-046",
    "answers_under_its_own_scheme_key_only",
    "As responder answers only under the scheme key that it would use as initiator.",
    handshake.on_message_1,
    ("credential.key_of(terms.scheme_keys, data)", "terms.scheme_key"),
    collateral={"EPP-KEY-045": "the same checks meet in both roles", "EPP-KEY-049": AGAIN},
)
AREA.edits(
    "EPP-KEY-046",
    "answers_under_scheme_keys_that_are_over",
    "As responder answers under every scheme key that it holds.",
    TrustAnchor.scheme_keys_of_responder,
    (LASTING, "self.scheme_keys"),
    collateral={"EPP-KEY-049": "the check looks for a key that is over"},
)
AREA.edits(
    "EPP-KEY-046",
    "answers_only_under_scheme_keys_in_force",
    "As responder refuses a scheme key before its first epoch.",
    TrustAnchor.scheme_keys_of_responder,
    (
        f"{LASTING}.values()",
        f"key for name, key in {LASTING}.items() if self.device.scheme[name].covers(epoch)",
    ),
)
AREA.edits(
    "EPP-KEY-046",
    "seals_under_its_own_scheme_key",
    "As responder seals its purse ID under the scheme key that it would use as initiator.",
    handshake.party,
    ("credential.seal(scheme_key, nonce", "credential.seal(terms.scheme_key, nonce"),
    collateral={"EPP-KEY-045": "the same checks meet in both roles", "EPP-KEY-049": AGAIN},
)
AREA.edits(
    "EPP-KEY-047",
    "opens_without_a_scheme_key",
    "Opens a session with a scheme key that is not in force, if it has no other.",
    core.open_session,
    (
        "if terms.scheme_key is None:",
        (
            "if terms.scheme_key is None and terms.identity.anchor.scheme_keys:\n"
            "        first = next(iter(terms.identity.anchor.scheme_keys.values()))\n"
            "        terms = replace(terms, scheme_key=first, scheme_keys=(first,))\n"
            "    if terms.scheme_key is None:"
        ),
    ),
    collateral={"EPP-KEY-046": "the check ends without a key"},
)
AREA.edits(
    "EPP-KEY-048",
    "takes_unknown_scheme_keys",
    "Takes a scheme key that its device list does not name.",
    TrustAnchor.with_scheme_key,
    ("if name not in self.device.scheme:", "if False:"),
)
AREA.edits(
    "EPP-KEY-064",
    "answers_under_void_scheme_keys",
    "Takes a void scheme key for one that is not over before its `to`.",
    Validity.is_over,
    ("max(epoch, self.valid_from)", "epoch"),
    collateral={"EPP-KEY-065": "a void key is one of its cases"},
)
AREA.edits(
    "EPP-KEY-065",
    "takes_scheme_keys_that_are_over",
    "Takes a scheme key that is over.",
    TrustAnchor.with_scheme_key,
    ("if self.device.scheme[name].is_over(epoch):", "if False:"),
)
AREA.edits(
    "EPP-KEY-065",
    "takes_held_scheme_keys_that_are_over",
    "Takes a scheme key that is over if it holds it.",
    TrustAnchor.with_scheme_key,
    (
        "if self.device.scheme[name].is_over(epoch):",
        "if name not in self.scheme_keys and self.device.scheme[name].is_over(epoch):",
    ),
)
AREA.edits(
    "EPP-KEY-049",
    "holds_more_scheme_keys",
    "Holds five scheme keys.",
    TrustAnchor.with_scheme_key,
    ("if len(kept) == key_lists.SCHEME_KEYS_MAX:", "if len(kept) > key_lists.SCHEME_KEYS_MAX:"),
)
AREA.edits(
    "EPP-KEY-049",
    "keeps_scheme_keys_that_are_over",
    "Does not erase scheme keys that are over.",
    TrustAnchor.with_scheme_key,
    (LASTING, "self.scheme_keys"),
)
