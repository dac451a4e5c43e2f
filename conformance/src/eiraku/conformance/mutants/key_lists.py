"""Mutants of chapter 3, key lists: which of them are accepted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, TypeAlias

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import keylists
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.purse import holder
from eiraku.reference.purse.state import Effect, Ready
from eiraku.spec import key_lists
from eiraku.spec.errors import Refusal
from eiraku.spec.fields import Epoch
from eiraku.spec.key_lists import Centre
from eiraku.spec.layout import Count
from eiraku.spec.record import Record, record
from eiraku.testing.patches import Patch, patched

AREA = Area(__name__)
Step: TypeAlias = tuple[Ready, tuple[Effect, ...]]
_take = holder.take_keys
_with_keys = TrustAnchor.with_keys
VERIFIED = "if kid != ed25519.key_id(root) or not cose.verify(root, context, parsed):"
ORDER = "such a list is one fault of several"
ANCHOR = "an anchor holds such lists"
BACK = "the check looks back at the list before"

# --- acceptance ---------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-KEY-020",
    "skips_signature_of_key_lists",
    "Does not verify the signature of a key list.",
    keylists._verified,
    (VERIFIED, "if False:"),
    collateral={"EPP-KEY-026": ORDER, "EPP-KEY-034": ANCHOR},
)
AREA.edits(
    "EPP-KEY-020",
    "ignores_kid_of_key_lists",
    "Ignores the kid of a key list.",
    keylists._verified,
    (VERIFIED, "if not cose.verify(root, context, parsed):"),
)
AREA.edits(
    "EPP-KEY-020",
    "takes_key_lists_under_either_context",
    "Verifies a key list as one of either centre.",
    keylists._verified,
    (
        VERIFIED,
        (
            "both = (key_lists.CONTEXT_DEVICE_KEYS, key_lists.CONTEXT_MONEY_KEYS)\n"
            "    known = parsed.kid == ed25519.key_id(root)\n"
            "    if not known or not any(cose.verify(root, each, parsed) for each in both):"
        ),
    ),
)


@AREA.replaces("EPP-KEY-020", (holder, "take_keys"))
def takes_key_lists_of_known_keys(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Takes a key list that a key of the centre has signed in place of the root."""
    trusted = purse.identity.anchor
    publics = [key.public for key in trusted.device_keys.values()]
    publics += [key.public for key in trusted.money_keys.values()]
    for public in publics:
        try:
            if centre is Centre.DEVICE:
                found = replace(trusted, device=keylists.device_keys(public, signed))
            else:
                found = replace(trusted, money=keylists.money_keys(public, signed))
        except Refusal:
            continue
        return holder._trusting(purse, found)
    return _take(purse, centre, signed)


AREA.edits(
    "EPP-KEY-021",
    "ignores_the_size_of_key_lists",
    "Does not limit the size of a key list.",
    keylists._verified,
    ("if len(signed) > key_lists.LIST_MAX:", "if False:"),
)
AREA.edits(
    "EPP-KEY-021",
    "takes_only_short_key_lists",
    "Takes key lists of 1024 bytes only.",
    keylists._verified,
    ("if len(signed) > key_lists.LIST_MAX:", "if len(signed) > 1024:"),
)


@record("EPP-KEY-022")
class _LooseDeviceKeys(Record):
    sequence: key_lists.Sequence
    expires: Epoch
    keys: Annotated[tuple[tuple[key_lists.Key, Epoch, Epoch], ...], Count(0, 64)]
    scheme: Annotated[tuple[tuple[key_lists.SchemeKeyId, Epoch, Epoch], ...], Count(0, 64)]


@record("EPP-KEY-022")
class _LooseMoneyKeys(Record):
    sequence: key_lists.Sequence
    expires: Epoch
    keys: Annotated[tuple[tuple[key_lists.Key, key_lists.Key, Epoch, Epoch], ...], Count(0, 64)]


@AREA.makes("EPP-KEY-022", collateral={"EPP-KEY-026": ORDER, "EPP-KEY-034": ANCHOR})
def takes_any_number_of_keys() -> Sequence[Patch]:
    """Takes key lists with no key or with 33."""
    return [(keylists, "DeviceKeys", _LooseDeviceKeys), (keylists, "MoneyKeys", _LooseMoneyKeys)]


AREA.edits(
    "EPP-KEY-023",
    "takes_older_key_lists",
    "Takes a key list of a lower sequence.",
    keylists.is_held,
    ("if new.sequence < held.sequence:", "if False:"),
    collateral={"EPP-KEY-026": ORDER, "EPP-KEY-035": BACK},
)
AREA.edits(
    "EPP-KEY-024",
    "takes_a_second_key_list_of_a_sequence",
    "Takes another key list of the sequence that it has.",
    keylists.is_held,
    ("if new.sequence == held.sequence:", "if False:"),
    collateral={"EPP-KEY-026": ORDER},
)
AREA.edits(
    "EPP-KEY-025",
    "refuses_the_key_list_it_has",
    "Refuses the key list that it holds already.",
    keylists.is_held,
    ("if new.signed == held.signed:", "if False:"),
    collateral={"EPP-KEY-035": BACK},
)
AREA.edits(
    "EPP-KEY-025",
    "stores_the_key_list_it_has",
    "Writes the key list, or scheme key, that it holds already once more.",
    holder._trusting,
    ("if trusted is purse.identity.anchor:", "if False:"),
    expected=("EPP-KEY-025", "EPP-KEY-049"),
)
AREA.edits(
    "EPP-KEY-026",
    "judges_the_keys_before_the_sequence",
    "Looks at the keys of a list before its sequence.",
    TrustAnchor.with_keys,
    (
        "if keylists.is_held(device, self.device):",
        ("keylists.check_keys(device, roots=roots)\n        if keylists.is_held(device, self.device):"),
    ),
)


@AREA.replaces("EPP-KEY-026", (TrustAnchor, "with_keys"))
def judges_the_sequence_before_the_signature(
    anchor: TrustAnchor, centre: Centre, signed: bytes
) -> TrustAnchor:
    """Looks at the sequence of a list before its signature."""
    with patched([(cose, "verify", lambda *_: True)]):
        if centre is Centre.DEVICE:
            keylists.is_held(keylists.device_keys(anchor.device_root, signed), anchor.device)
        else:
            keylists.is_held(keylists.money_keys(anchor.money_root, signed), anchor.money)
    return _with_keys(anchor, centre, signed)


# --- contents -----------------------------------------------------------------------------------------------

for _rule, _name, _summary, _test in (
    (
        "EPP-KEY-027",
        "takes_a_key_twice",
        "Takes a key list in which one key stands twice.",
        "if new.repeats:",
    ),
    (
        "EPP-KEY-029",
        "takes_small_keys_in_lists",
        "Takes a key list with a key of small order.",
        "if not all(ed25519.sound_key(key.public) for key in new.keys.values()):",
    ),
    (
        "EPP-KEY-030",
        "takes_small_history_keys",
        "Takes a key list with a history key of small order.",
        "if isinstance(new, MoneyList) and any(map(_is_small, new.keys.values())):",
    ),
    (
        "EPP-KEY-031",
        "takes_roots_as_keys",
        "Takes a key list with a root among its keys.",
        "if not new.keys.keys().isdisjoint(map(ed25519.key_id, roots)):",
    ),
):
    AREA.edits(
        _rule,
        _name,
        _summary,
        keylists.check_keys,
        (_test, "if False:"),
        collateral={"EPP-KEY-026": ORDER, "EPP-KEY-034": ANCHOR},
    )

AREA.edits(
    "EPP-KEY-029",
    "takes_keys_off_the_curve_in_lists",
    "Takes a key list with a key that is no point of the curve.",
    keylists.check_keys,
    ("ed25519.sound_key(key.public)", "ed25519.acceptable_point(key.public)"),
    collateral={"EPP-KEY-034": ANCHOR},
)

AREA.edits(
    "EPP-KEY-060",
    "refuses_keys_of_the_other_centre",
    "Refuses a key list with a key that is in the list of the other centre.",
    TrustAnchor.with_keys,
    (
        "keylists.check_keys(device, roots=roots)",
        (
            "keylists.check_keys(device, roots=roots)\n"
            "        if not device.keys.keys().isdisjoint(self.money.keys):\n"
            "            raise Refusal(Code.MALFORMED, 'EPP-KEY-060', 'again')"
        ),
    ),
)

# --- anchors ------------------------------------------------------------------------------------------------

_from_mapping = TrustAnchor.from_mapping.__func__  # type: ignore[attr-defined]  # a class method has one

AREA.edits(
    "EPP-KEY-033",
    "takes_any_roots",
    "Is provisioned with any two roots.",
    _from_mapping,
    ("if roots[0] == roots[1]:", "if False:"),
)
AREA.edits(
    "EPP-KEY-034",
    "takes_any_keys_in_an_anchor",
    "Does not judge the keys of an anchor.",
    _from_mapping,
    ("keylists.check_keys(device, roots=roots)", "pass"),
    ("keylists.check_keys(money, roots=roots)", "pass"),
)
