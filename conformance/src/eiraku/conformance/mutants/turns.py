"""Mutants of chapter 7, messages and turns, and of chapter 10, errors."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import core, payee, payer
from eiraku.reference.purse.ledger import Ledger
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    Open,
    PayOrder,
    PayUnitsOrder,
    PeerRejected,
    SessionState,
    Terms,
)
from eiraku.spec import messages
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message, Reject
from eiraku.spec.objects import Role
from eiraku.spec.tables import Transfer
from eiraku.testing.patches import Patch, edit, instead

AREA = Area(__name__)
_decode, _deliver, _open = messages.decode, core.deliver, core.open_session
REFUSED = "    except Refusal as refusal:\n        return refuse(state.link, refusal)\n    return follow("
"""Where the record is open: an earlier refusal, of the record itself, is another place."""


def ignored(code: str) -> tuple[str, str]:
    """Messages refused with a code are ignored instead."""
    first, rest = REFUSED.split("\n", 1)
    return REFUSED, f"{first}\n        if refusal.code is Code.{code}: return state, ()\n{rest}"


UNIT_SEAL = "anchor.check_unit_seal(trusted, unit)"

AREA.edits(
    "EPP-TRF-001",
    "ignores_messages_out_of_turn",
    "Ignores a message that its state does not permit, and waits for the next.",
    core.take_record,
    ignored("UNEXPECTED_MESSAGE"),
)
AREA.edits(
    "EPP-TRF-002",
    "ignores_malformed_messages",
    "Ignores a message that is malformed, and waits for the next.",
    core.take_record,
    ignored("MALFORMED"),
)


@AREA.replaces("EPP-TRF-002", (messages, "decode"))
def takes_unknown_types_for_reject(data: bytes) -> Message:
    """Takes a message of an unknown type for REJECT."""
    try:
        return _decode(data)
    except Refusal:
        if data[:1] and data[0] >> 5 == 4 and len(data) > 1 and (data[1] == 0 or 7 < data[1] < 0x20):
            return Reject(code=Code.MALFORMED, index=None)
        raise


@AREA.makes("EPP-TRF-004")
def carries_a_second_transfer() -> Sequence[Patch]:
    """After a transfer as payee takes another OFFER in the same session."""
    links: list[Link] = []

    def deliver(session: SessionState, data: bytes, env: Env) -> core.Turn:
        if isinstance(session, NoSession) and links:
            waiting = payee.WaitOffer(requested=None)
            session = Open(row=Transfer.PAYEE_WAIT_OFFER, link=links.pop(), data=waiting)
        turn = _deliver(session, data, env)
        if not isinstance(session, Open) or not isinstance(session.data, payee.Accepted):
            return turn
        if isinstance(turn[0], NoSession) and len(turn[1]) > 1:
            # The counters as they are after PAY and RECEIPT.
            _, channel = session.link.channel.open(data)
            _, channel = channel.seal(b"")
            links.append(replace(session.link, channel=channel))
        return turn

    def open_session(*arguments: object) -> core.Result:
        links.clear()
        return _open(*arguments)  # type: ignore[arg-type]  # passed on as they came

    return [instead(core.deliver, deliver), instead(core.open_session, open_session)]


AREA.edits(
    "EPP-TRF-005",
    "answers_reject",
    "Answers REJECT with REJECT.",
    core.respond,
    (
        "return Answer(told=PeerRejected(reject=message))",
        "return Answer(say=message.encode(), told=PeerRejected(reject=message))",
    ),
)


@AREA.makes("EPP-TRF-110")
def forfeits_rejected_offers() -> Sequence[Patch]:
    """Cannot spend units any more if its OFFER of them was answered with REJECT."""
    choose, lost = payer.choose, set[bytes]()

    def deliver(session: SessionState, data: bytes, env: Env) -> core.Turn:
        turn = _deliver(session, data, env)
        offered = session.data if isinstance(session, Open) else None
        if isinstance(offered, payer.Offered) and any(isinstance(e, PeerRejected) for e in turn[1]):
            lost.update(move.unit_id for move in offered.moves)
        return turn

    def left(
        order: PayOrder | PayUnitsOrder, amount: int, ledger: Ledger, terms: Terms, payee: Role | None
    ) -> tuple[bytes, ...]:
        found = choose(order, amount, ledger, terms, payee)
        if lost.intersection(found):
            raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-TRF-110", "the units were refused before")
        return found

    return [instead(core.deliver, deliver), instead(payer.choose, left)]


AREA.edits(
    "EPP-TRF-006",
    "knows_only_its_own_codes",
    "Refuses a REJECT with a code that it does not know.",
    core.take_record,
    (
        "event, row = permitted(state, message)",
        (
            "if isinstance(message, Reject) and message.code not in set(Code):\n"
            '            raise Refusal(Code.MALFORMED, "EPP-TRF-006", "unknown code")\n'
            "        event, row = permitted(state, message)"
        ),
    ),
)
INDEX = "refusal.index if isinstance(refusal, UnitRefusal) and code is not Code.NOT_TAKEN else None"
AREA.edits(
    "EPP-TRF-007",
    "rejects_silently",
    "Closes the session without REJECT when it refuses a message.",
    core.refuse,
    ("if code is None:", "if True:"),
)
AREA.edits(
    "EPP-TRF-113",
    "is_silent_if_it_cannot_offer",
    "As initiator closes the session without a word if it cannot offer.",
    core.begin,
    ("return refuse(link, refusal)", "return NoSession(), (Refuse(refusal=refusal),)"),
)
AREA.edits(
    "EPP-TRF-114",
    "is_silent_about_bad_receipts",
    "Closes the session without REJECT when it refuses a RECEIPT.",
    core.refuse,
    ("if code is None:", "if code in (None, Code.RECEIPT):"),
)
AREA.edits(
    "EPP-TRF-112",
    "rejects_without_position",
    "Never says which unit is at fault.",
    core.refuse,
    (INDEX, "None"),
)
AREA.edits(
    "EPP-TRF-112",
    "counts_units_from_one",
    "Counts the position of the unit at fault from 1.",
    core.refuse,
    (INDEX, INDEX.replace("refusal.index", "refusal.index + 1", 1)),
)

# --- codes --------------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-ERR-001",
    "confuses_two_codes",
    "Refuses a unit of another seal with `unit-signature`.",
    payee.check_money,
    (
        UNIT_SEAL,
        (
            f"try: {UNIT_SEAL}\n"
            "    except Refusal as refusal:\n"
            "        raise Refusal(Code.UNIT_SIGNATURE, refusal.requirement, refusal.detail) from None"
        ),
    ),
)
AREA.edits(
    "EPP-ERR-002",
    "sends_local_codes",
    "Sends every code as it is, those marked as local too.",
    core.refuse,
    (
        "Code.AMOUNT if isinstance(refusal, CannotOffer) else LOCAL.get(refusal.code, refusal.code)",
        "None if refusal.code is Code.RECORD else refusal.code",
    ),
)


@AREA.makes("EPP-ERR-002")
def rejects_bad_records() -> Sequence[Patch]:
    """Answers a record that does not decrypt with REJECT."""
    return [
        edit(
            core.take_record,
            (
                "if refusal.code is not Code.TOO_LARGE:",
                "if refusal.code not in (Code.TOO_LARGE, Code.RECORD):",
            ),
        ),
        edit(core.refuse, ("LOCAL.get(refusal.code, refusal.code)", "refusal.code")),
    ]


AREA.edits(
    "EPP-ERR-003",
    "stops_on_nothing",
    "Fails if it is given no bytes at all, or a message cut short.",
    core.deliver,
    ("match session:", 'if not data: raise IndexError("no first byte")\n    match session:'),
)
AREA.edits(
    "EPP-ERR-003",
    "stops_on_truncated_records",
    "Fails on a record that is cut short.",
    core.take_record,
    (
        "try:\n        plaintext,",
        (
            'if data[:1] == b"\\x58" and len(data) < 2 + data[1]: raise IndexError("record ends early")\n'
            '    if data[:1] == b"\\x59" and len(data) < 3 + int.from_bytes(data[1:3], "big"):\n'
            '        raise IndexError("record ends early")\n'
            "    try:\n        plaintext,"
        ),
    ),
)
