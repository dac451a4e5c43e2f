"""Mutants of chapter 1: roles, and the purpose that a holder sets."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import core, holder
from eiraku.reference.purse.state import Env, Handshaking, Order, Ready
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)

AREA.edits(
    "EPP-GEN-001",
    "cannot_ask_for_money",
    "Refuses to be an initiator that is paid.",
    core.open_session,
    ("if order is None or", "if initiates and isinstance(order, RequestOrder) or order is None or"),
    collateral={"*": "every flow in which the wallet asks for money fails"},
)
ORDER = "order = purse.order"
AREA.edits(
    "EPP-GEN-002",
    "opens_without_a_purpose",
    "As responder receives money though its holder has set nothing.",
    core.open_session,
    (ORDER, f"{ORDER} or (None if side is Side.INITIATOR else ReceiveOrder())"),
)
AREA.edits(
    "EPP-GEN-021",
    "opens_to_receive",
    "As initiator opens a session though its holder has only set it to receive.",
    core.open_session,
    (" or (side, order.purpose) not in tables.START:", ":"),
    collateral={"EPP-GEN-024": "the check has such an opening refused"},
)
AREA.edits(
    "EPP-GEN-023",
    "keeps_its_first_purpose",
    "Keeps the purpose that is set when its holder sets another.",
    core.step,
    ("order=given.order)", "order=purse.order or given.order)"),
    collateral={"*": "the check sets a purpose while another is set"},
)
AREA.edits(
    "EPP-GEN-024",
    "loses_its_purpose_by_a_refused_opening",
    "Forgets its purpose when an opening is refused.",
    core.open_session,
    (
        "closed = replace(purse, session=NoSession())",
        "closed = replace(purse, session=NoSession(), order=None)",
    ),
)
AREA.edits(
    "EPP-GEN-022",
    "keeps_its_purpose",
    "Serves its purpose again in the sessions that follow.",
    core.open_session,
    ("session=session, order=None)", "session=session, order=order)"),
)


@AREA.makes("EPP-GEN-025")
def keeps_its_purpose_without_power() -> Sequence[Patch]:
    """Serves its purpose after a loss of power."""
    check, open_session, purposes = holder.check_order, core.open_session, list[Order]()

    def keep(purse: Ready, order: Order, env: Env) -> None:
        check(purse, order, env)
        purposes[:] = [order]

    def again(purse: Ready, side: Side, env: Env) -> core.Result:
        if purse.order is None and purposes:
            purse = replace(purse, order=purposes[0])
        after, effects = open_session(purse, side, env)
        if isinstance(after, Ready) and isinstance(after.session, Handshaking):
            purposes.clear()
        return after, effects

    return [instead(holder.check_order, keep), instead(core.open_session, again)]
