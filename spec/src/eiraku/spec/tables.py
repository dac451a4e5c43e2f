"""The state machines of EPP/1 as data. What is not in a table is illegal (EPP-TRF-001, EPP-SES-017).

Rules of this file:
- A table maps (state, event) to the next state. An event is a message received, `OPEN` (the holder opens a
  session), or, where one message has several lawful answers, the message with the choice made
  (`REQUEST` answered by an offer or by a redelivery).
- Handshake states wait for exactly one message each. Any refusal leads to CLOSED from every state.
- `REJECT` is lawful in every open state and leads to CLOSED.
- `COMMITS` names the transitions that make one durable write before their answer is sent, unless all of it is
  durable already (EPP-CRS-010); no other makes any.
The reference executes these tables: it looks up here which state follows and whether a step writes, and has
no other knowledge of it. The models prove them, the suite tries every pair that is absent, and the diagrams
are drawn from them.
"""

from enum import Enum

from eiraku.spec import messages


class Session(Enum):
    """Handshake states of one purse (chapter 5)."""

    IDLE = "idle"
    WAIT_MESSAGE_1 = "wait message_1"
    WAIT_MESSAGE_2 = "wait message_2"
    WAIT_MESSAGE_3 = "wait message_3"
    WAIT_MESSAGE_4 = "wait message_4"
    OPEN = "open"
    CLOSED = "closed"


class SessionEvent(Enum):
    """What a purse can meet in a handshake."""

    OPEN_AS_INITIATOR = "open as initiator"
    OPEN_AS_RESPONDER = "open as responder"
    MESSAGE_1 = "message_1"
    MESSAGE_2 = "message_2"
    MESSAGE_3 = "message_3"
    MESSAGE_4 = "message_4"
    ERROR = "EDHOC error"


SESSION: dict[tuple[Session, SessionEvent], Session] = {
    (Session.IDLE, SessionEvent.OPEN_AS_INITIATOR): Session.WAIT_MESSAGE_2,
    (Session.IDLE, SessionEvent.OPEN_AS_RESPONDER): Session.WAIT_MESSAGE_1,
    (Session.WAIT_MESSAGE_1, SessionEvent.MESSAGE_1): Session.WAIT_MESSAGE_3,
    (Session.WAIT_MESSAGE_1, SessionEvent.ERROR): Session.CLOSED,
    (Session.WAIT_MESSAGE_2, SessionEvent.MESSAGE_2): Session.WAIT_MESSAGE_4,
    (Session.WAIT_MESSAGE_2, SessionEvent.ERROR): Session.CLOSED,
    (Session.WAIT_MESSAGE_3, SessionEvent.MESSAGE_3): Session.OPEN,
    (Session.WAIT_MESSAGE_3, SessionEvent.ERROR): Session.CLOSED,
    (Session.WAIT_MESSAGE_4, SessionEvent.MESSAGE_4): Session.OPEN,
    (Session.WAIT_MESSAGE_4, SessionEvent.ERROR): Session.CLOSED,
}


class Transfer(Enum):
    """Transfer states of one purse in an open session (chapter 7)."""

    PAYER_WAIT_REQUEST = "payer, waits for REQUEST"
    PAYER_OFFERED = "payer, OFFER sent"
    PAYER_PAID = "payer, PAY or REDELIVER sent"
    PAYEE_REQUESTED = "payee, REQUEST sent"
    PAYEE_WAIT_OFFER = "payee, waits for OFFER"
    PAYEE_ACCEPTED = "payee, ACCEPT sent"
    CLOSED = "closed"


class TransferEvent(Enum):
    """A message received, by type."""

    REQUEST = messages.Request.TYPE
    OFFER = messages.Offer.TYPE
    ACCEPT = messages.Accept.TYPE
    PAY = messages.Pay.TYPE
    RECEIPT = messages.Receipt.TYPE
    REDELIVER = messages.Redeliver.TYPE
    REJECT = messages.Reject.TYPE


class Purpose(Enum):
    """What the holder has set for the next session (EPP-GEN-002)."""

    PAY = "pay"
    REQUEST = "request"
    RECEIVE = "receive"
    REDELIVER = "redeliver"


class Side(Enum):
    """Who speaks first (EPP-REC-004)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


START: dict[tuple[Side, Purpose], Transfer] = {
    (Side.INITIATOR, Purpose.PAY): Transfer.PAYER_OFFERED,
    (Side.INITIATOR, Purpose.REDELIVER): Transfer.PAYER_PAID,
    (Side.INITIATOR, Purpose.REQUEST): Transfer.PAYEE_REQUESTED,
    (Side.RESPONDER, Purpose.PAY): Transfer.PAYER_WAIT_REQUEST,
    (Side.RESPONDER, Purpose.REDELIVER): Transfer.PAYER_WAIT_REQUEST,
    (Side.RESPONDER, Purpose.REQUEST): Transfer.PAYEE_WAIT_OFFER,
    (Side.RESPONDER, Purpose.RECEIVE): Transfer.PAYEE_WAIT_OFFER,
}
"""State in which an open session begins. (INITIATOR, RECEIVE) is absent: the initiator must speak first."""

TRANSFER: dict[tuple[Transfer, TransferEvent, Purpose | None], Transfer] = {
    (Transfer.PAYER_WAIT_REQUEST, TransferEvent.REQUEST, Purpose.PAY): Transfer.PAYER_OFFERED,
    (Transfer.PAYER_WAIT_REQUEST, TransferEvent.REQUEST, Purpose.REDELIVER): Transfer.PAYER_PAID,
    (Transfer.PAYER_OFFERED, TransferEvent.ACCEPT, None): Transfer.PAYER_PAID,
    (Transfer.PAYER_PAID, TransferEvent.RECEIPT, None): Transfer.CLOSED,
    (Transfer.PAYEE_REQUESTED, TransferEvent.OFFER, None): Transfer.PAYEE_ACCEPTED,
    (Transfer.PAYEE_REQUESTED, TransferEvent.REDELIVER, None): Transfer.CLOSED,
    (Transfer.PAYEE_WAIT_OFFER, TransferEvent.OFFER, None): Transfer.PAYEE_ACCEPTED,
    (Transfer.PAYEE_WAIT_OFFER, TransferEvent.REDELIVER, None): Transfer.CLOSED,
    (Transfer.PAYEE_ACCEPTED, TransferEvent.PAY, None): Transfer.CLOSED,
    (Transfer.PAYER_WAIT_REQUEST, TransferEvent.REJECT, None): Transfer.CLOSED,
    (Transfer.PAYER_OFFERED, TransferEvent.REJECT, None): Transfer.CLOSED,
    (Transfer.PAYER_PAID, TransferEvent.REJECT, None): Transfer.CLOSED,
    (Transfer.PAYEE_REQUESTED, TransferEvent.REJECT, None): Transfer.CLOSED,
    (Transfer.PAYEE_WAIT_OFFER, TransferEvent.REJECT, None): Transfer.CLOSED,
    (Transfer.PAYEE_ACCEPTED, TransferEvent.REJECT, None): Transfer.CLOSED,
}
"""The third part of a key is the purpose where it decides the answer, else None."""

COMMITS: frozenset[tuple[Transfer, TransferEvent]] = frozenset(
    {
        (Transfer.PAYER_OFFERED, TransferEvent.ACCEPT),  # EPP-CRS-001
        (Transfer.PAYEE_ACCEPTED, TransferEvent.PAY),  # EPP-CRS-002
        (Transfer.PAYEE_REQUESTED, TransferEvent.REDELIVER),  # EPP-CRS-012, unless credited before
        (Transfer.PAYEE_WAIT_OFFER, TransferEvent.REDELIVER),  # EPP-CRS-012, unless credited before
        (Transfer.PAYER_PAID, TransferEvent.RECEIPT),  # EPP-CRS-003
    }
)


def awaited(state: Session) -> SessionEvent | None:
    """The one message that a handshake state waits for; None if it waits for none.

    Raises AssertionError if the table has two for it: its rows have no order.
    """
    found = [e for s, e in SESSION if s is state and e is not SessionEvent.ERROR]
    if len(found) > 1:
        raise AssertionError(f"{state} waits for one message, the table has {found}")
    return found[0] if found else None


def next_transfer(state: Transfer, event: TransferEvent, purpose: Purpose) -> Transfer | None:
    """The next state, or None if the message is not permitted in this state."""
    return TRANSFER.get((state, event, None)) or TRANSFER.get((state, event, purpose))


def illegal_pairs() -> list[tuple[Transfer, TransferEvent]]:
    """Every (open state, message) that no purpose permits."""
    legal = {(state, event) for state, event, _ in TRANSFER}
    open_states = [state for state in Transfer if state is not Transfer.CLOSED]
    return [(s, e) for s in open_states for e in TransferEvent if (s, e) not in legal]
