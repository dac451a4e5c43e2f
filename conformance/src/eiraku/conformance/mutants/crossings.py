"""Mutants that are wrong only where two features meet: news, orders, refusals, purposes, keys, time."""

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.purse import core, handshake, holder, payer

AREA = Area(__name__)
_NO_KEY = '"EPP-KEY-047", "no scheme key is in force")\n        return '
_EXPIRED = '"EPP-KEY-043", f"a key list expired after epoch {expires}")\n        return '
_BEFORE_THE_SIGNATURE = """\
if held is not None and update.signed == held.signed:
        return held
    said = anchor.verify_bulletin("""
_LIMITED = """\
if to_redeliver(state.order, link.terms, env.ledger).amount > link.bounds.most:
            raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-014", "above the limit")
        return redeliver("""
_UNDER_ANY = """\
sealed = credential.sealed_in(ead)
    raw = None
    for held in terms.scheme_keys:
        with contextlib.suppress(Refusal):
            raw = credential.unseal(held, sealed)
    if raw is None:
        raw = credential.unseal(scheme_key, sealed)"""

AREA.edits(
    "EPP-GEN-024",
    "uses_up_a_purpose_that_it_could_not_serve",
    "Forgets its purpose when it refuses to open a session for want of a scheme key.",
    core.open_session,
    (f"{_NO_KEY}closed, ", f"{_NO_KEY}replace(closed, order=None), "),
    expected=("test_crossings::test_event[*-scheme-key]",),
)
AREA.edits(
    "EPP-SES-027",
    "goes_on_after_a_refused_opening",
    "Keeps the earlier session if it refuses to open one because a key list has expired.",
    core.open_session,
    (f"{_EXPIRED}closed, ", f"{_EXPIRED}purse, "),
    expected=("test_crossings::test_event[*-list-over]",),
)
AREA.edits(
    "EPP-BUL-006",
    "knows_the_bulletin_that_it_holds",
    "Accepts the bulletin that it holds, though the key that signed it is void by now.",
    holder.check_bulletin,
    (
        "said = anchor.verify_bulletin(",
        _BEFORE_THE_SIGNATURE,
    ),
    expected=("test_crossings::test_event[again-without-its-key]",),
)
AREA.edits(
    "EPP-KEY-049",
    "erases_scheme_keys_of_later",
    "Erases scheme keys that are not in force yet when another one comes.",
    TrustAnchor.with_scheme_key,
    (
        "kept = self._lasting(epoch)",
        "kept = {n: k for n, k in self._lasting(epoch).items() if self.device.scheme[n].valid_from <= epoch}",
    ),
    expected=("test_crossings::test_event[scheme-key*]",),
)
AREA.edits(
    "EPP-GEN-022",
    "forgets_its_purpose_over_a_scheme_key",
    "Forgets the purpose that is set when a scheme key comes.",
    holder.take_scheme_key,
    ("return _trusting(purse,", "return _trusting(replace(purse, order=None),"),
    expected=("test_crossings::test_event[*scheme-key*]",),
)
AREA.edits(
    "EPP-REC-006",
    "takes_any_integer_for_an_error",
    "Takes whatever begins with an integer for the peer's EDHOC error in every state of an open session.",
    core.take_record,
    ("state.link.channel.fresh and ", ""),
)
AREA.edits(
    "EPP-TRF-014",
    "limits_redeliveries",
    "Compares a redelivery with the limit of a payee that was renewed into a lower tier.",
    payer.on_request,
    (
        "return redeliver(",
        _LIMITED,
    ),
    expected=("test_lockstep_life::test_renewed_into_a_lower_tier*",),
)
AREA.edits(
    "EPP-PID-010",
    "opens_a_purse_id_under_any_key",
    "Opens a sealed purse ID under any scheme key that it holds.",
    handshake.resolve,
    (
        "raw = credential.unseal(scheme_key, credential.sealed_in(ead))",
        f"import contextlib\n    {_UNDER_ANY}",
    ),
    expected=("test_scheme_keys::test_purse_id_under_another_key_that_is_held*",),
)
