"""The purse as a pure function: `step(state, input, env)` gives the new state and the effects.

Nothing is written, sent or drawn at random here but through `env` and the effects, which the driver carries
out in order: a `Write` that stands before a `Send` is a commit point (chapter 8). Which message may come
in a state of a session, which state follows, and whether the step writes, is read from `eiraku.spec.tables`
and nowhere else; handlers judge what came, and give the data for whatever state the table says. What needs no
session (provisioning, bulletins, issues, renewals) is one step each, with its own write.
A step raises no Refusal: input at fault becomes a `Refuse` effect. Other exceptions are defects of the purse.
"""

from dataclasses import replace
from typing import TypeAlias

from eiraku.reference.edhoc import errors
from eiraku.reference.edhoc.errors import PeerError
from eiraku.reference.purse import handshake, holder, online, payee, payer, provisioning
from eiraku.reference.purse.ledger import Ledger
from eiraku.reference.purse.state import (
    Answer,
    CannotOffer,
    Collect,
    CommittedBefore,
    Deliver,
    Effect,
    Empty,
    Env,
    Handshaking,
    Input,
    Link,
    NoSession,
    Open,
    OpenSession,
    Order,
    PayOrder,
    PayUnitsOrder,
    PeerRejected,
    Provisioning,
    PurseState,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    Refuse,
    RequestOrder,
    Send,
    SessionState,
    SetOrder,
    TakeBulletin,
    TakeIssue,
    TakeKeys,
    TakePurseId,
    TakeSchemeKey,
    UnitRefusal,
    Write,
)
from eiraku.spec import messages, tables
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Message, Offer, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.tables import Session, SessionEvent, Side, Transfer, TransferEvent

Result: TypeAlias = tuple[PurseState, tuple[Effect, ...]]
Turn: TypeAlias = tuple[SessionState, tuple[Effect, ...]]
"""What a session comes to, and the effects."""

# What to say instead of a code that is never sent (EPP-ERR-002); a code that is not here is sent as it is.
LOCAL: dict[Code, Code | None] = {
    Code.RECORD: None,
    Code.UNKNOWN_TRANSACTION: Code.TRANSACTION,
    # EPP-ERR-030
    Code.UNIT_HELD: Code.NOT_TAKEN,
    Code.UNIT_SEEN: Code.NOT_TAKEN,
    Code.CAPACITY: Code.NOT_TAKEN,
    Code.BALANCE_LIMIT: Code.NOT_TAKEN,
}


def restore(ledger: Ledger) -> PurseState:
    """The state after power comes back: everything volatile is gone (chapter 8)."""
    provision, stored = ledger.provision(), ledger.bulletin()
    if provision is None:
        return Empty()
    bulletin = None if stored is None else holder.restored(stored)
    identity = provisioning.identity(provision)
    return Ready(identity=identity, bulletin=bulletin, order=None, session=NoSession())


def step(state: PurseState, given: Input, env: Env) -> Result:
    """One step. See the module."""
    try:
        if isinstance(given, Provisioning):
            return provisioning.provision(state, given)
        purse = ready(state)
        match given:
            case SetOrder():
                holder.check_order(purse, given.order, env)
                return replace(purse, order=given.order), ()
            case TakeBulletin():
                return holder.take_bulletin(purse, given.update)
            case TakeKeys():
                return holder.take_keys(purse, given.centre, given.keys)
            case TakeSchemeKey():
                return holder.take_scheme_key(purse, given.key)
            case TakeIssue():
                return online.take_issue(purse, given.issue, env)
            case TakePurseId():
                return online.take_purse_id(purse, given.purse_id)
            case Collect():
                return online.collect(purse, given.unit_ids, env)
            case OpenSession():
                return open_session(purse, given.side, env)
            case Deliver():
                session, effects = deliver(purse.session, given.data, env)
                return replace(purse, session=session), effects
    except Refusal as refusal:
        # EPP-CRS-015
        return state, (Refuse(refusal=refusal),)


def ready(state: PurseState) -> Ready:
    """A purse that can do something. Raises Refusal(NOT_PROVISIONED)."""
    # EPP-GEN-004
    if isinstance(state, Empty):
        raise Refusal(Code.NOT_PROVISIONED, "EPP-GEN-004", "this purse is empty")
    return state


# --- sessions ---


def open_session(purse: Ready, side: Side, env: Env) -> Result:
    """Begin a session for the purpose that is set; the earlier one is gone even if this one is refused."""
    # EPP-SES-027
    closed = replace(purse, session=NoSession())
    order = purse.order
    initiates = side is Side.INITIATOR
    event = SessionEvent.OPEN_AS_INITIATOR if initiates else SessionEvent.OPEN_AS_RESPONDER
    row = tables.SESSION.get((NoSession.row, event))
    # EPP-GEN-002, EPP-GEN-021; EPP-REC-004: who only receives cannot speak first
    if order is None or row is None or (side, order.purpose) not in tables.START:
        refusal = Refusal(Code.DECLINED, "EPP-GEN-002", "no purpose is set for a session in this role")
        return closed, (Refuse(refusal=refusal),)
    terms = purse.terms
    expires = terms.identity.anchor.expires
    # EPP-KEY-043
    if terms.epoch > expires:
        refusal = Refusal(Code.ANCHOR_EXPIRED, "EPP-KEY-043", f"a key list expired after epoch {expires}")
        return closed, (Refuse(refusal=refusal),)
    # EPP-KEY-047
    if terms.scheme_key is None:
        refusal = Refusal(Code.ANCHOR_EXPIRED, "EPP-KEY-047", "no scheme key is in force")
        return closed, (Refuse(refusal=refusal),)
    answer = handshake.message_1(terms, env) if initiates else Answer()
    session = Handshaking(row=row, side=side, terms=terms, order=order, data=answer.data)
    # EPP-GEN-022
    return replace(closed, session=session, order=None), spoken(answer)


def deliver(session: SessionState, data: bytes, env: Env) -> Turn:
    """Bytes from the peer, in whatever state."""
    match session:
        case NoSession():
            # EPP-REC-005, EPP-SES-017
            refusal = Refusal(Code.UNEXPECTED_MESSAGE, "EPP-REC-005", "no session is open")
            return session, (Refuse(refusal=refusal),)
        case Handshaking():
            return take_handshake(session, data, env)
        case Open():
            return take_record(session, data, env)


# --- the handshake ---


def take_handshake(state: Handshaking, data: bytes, env: Env) -> Turn:
    """The message that this state waits for, or an EDHOC error."""
    try:
        row, answer = read_handshake(state, data, env)
    except Refusal as refusal:
        # EPP-SES-016
        told = Send(data=handshake.error(state.row, refusal))
        # EPP-SES-017
        return NoSession(), (told, Refuse(refusal=refusal))
    if row is Session.CLOSED:
        return NoSession(), spoken(answer)
    if row is not Session.OPEN:
        return replace(state, row=row, data=answer.data), spoken(answer)
    if not isinstance(answer.data, Link):
        raise AssertionError(f"the table opens a session after {state.row}, the purse does not")
    session, effects = begin(answer.data, state, env)
    return session, (*spoken(answer), *effects)


def read_handshake(state: Handshaking, data: bytes, env: Env) -> tuple[Session, Answer]:
    """The row that follows, and what the message does. Raises Refusal."""
    event = tables.awaited(state.row)
    try:
        answer = handshake.answer(state, event, data, env)
    except PeerError:
        # EPP-SES-087
        event, answer = SessionEvent.ERROR, Answer()
    row = None if event is None else tables.SESSION.get((state.row, event))
    # EPP-SES-017
    if row is None:
        raise Refusal(Code.UNEXPECTED_MESSAGE, "EPP-SES-017", f"{event} in {state.row}")
    return row, answer


def begin(link: Link, state: Handshaking, env: Env) -> Turn:
    """The first state of an open session; an initiator says the first record (EPP-REC-004)."""
    row = tables.START[state.side, state.order.purpose]
    try:
        answer = speak(link, state.order, env) if state.side is Side.INITIATOR else listen(state.order)
    except Refusal as refusal:
        return refuse(link, refusal)
    return follow(row, link, answer, ())


def speak(link: Link, order: Order, env: Env) -> Answer:
    """What an initiator says first. Raises Refusal."""
    match order:
        case PayOrder() | PayUnitsOrder():
            return payer.offer(link, order, None, env)
        case RedeliverOrder():
            return payer.redeliver(order, link.terms, env)
        case RequestOrder():
            return payee.request(order)
        case ReceiveOrder():  # absent from the table START, so never opened
            raise AssertionError("an initiator that only receives")


def listen(order: Order) -> Answer:
    """What a responder waits for."""
    match order:
        case PayOrder() | PayUnitsOrder() | RedeliverOrder():
            return Answer(data=payer.WaitRequest(order=order))
        case RequestOrder():
            return Answer(data=payee.WaitOffer(requested=order.amount))
        case ReceiveOrder():
            return Answer(data=payee.WaitOffer(requested=None))


# --- records ---


def take_record(state: Open, data: bytes, env: Env) -> Turn:
    """One record in an open session, or the error with which an initiator refuses message_4."""
    # EPP-SES-033
    if state.link.channel.fresh and errors.begins_with_integer(data):
        return NoSession(), ()
    try:
        plaintext, channel = state.link.channel.open(data)
    except Refusal as refusal:
        # EPP-REC-003, EPP-REC-020: nothing is answered to what is no record of this session
        if refusal.code is not Code.TOO_LARGE:
            return NoSession(), (Refuse(refusal=refusal),)
        return refuse(state.link, refusal)
    state = replace(state, link=replace(state.link, channel=channel))
    try:
        # EPP-TRF-002
        message = messages.decode(plaintext)
        event, row = permitted(state, message)
        answer = respond(state, message, plaintext, env)
    except Refusal as refusal:
        return refuse(state.link, refusal)
    return follow(row, state.link, answer, durable(state.row, event, answer))


def permitted(state: Open, message: Message) -> tuple[TransferEvent, Transfer]:
    """The event that a message is, and the row that it leads to. Raises Refusal(UNEXPECTED_MESSAGE)."""
    event = TransferEvent(message.TYPE)
    row = tables.next_transfer(state.row, event, state.link.purpose)
    # EPP-TRF-001
    if row is None:
        detail = f"{type(message).__name__} to a {state.row.value}"
        raise Refusal(Code.UNEXPECTED_MESSAGE, "EPP-TRF-001", detail)
    return event, row


def respond(state: Open, message: Message, encoded: bytes, env: Env) -> Answer:
    """What each permitted message does. Raises Refusal."""
    match state.data, message:
        case _, Reject():
            # EPP-TRF-005, EPP-TRF-006
            return Answer(told=PeerRejected(reject=message))
        case payer.WaitRequest(), Request():
            return payer.on_request(state.link, state.data, message, env)
        case payer.Offered(), Accept():
            return payer.on_accept(state.link, state.data, message)
        case payer.Paid(), Receipt():
            return payer.on_receipt(state.link, state.data, message)
        case payee.WaitOffer(), Offer():
            return payee.on_offer(state.link, state.data, message, encoded, env)
        case payee.WaitOffer(), Redeliver():
            return payee.on_redeliver(state.link, message, env)
        case payee.Accepted(), Pay():
            return payee.on_pay(state.link, state.data, message, env)
    raise AssertionError(f"the table permits {type(message).__name__} in {state.row}, the purse does not")


def durable(row: Transfer, event: TransferEvent, answer: Answer) -> tuple[Write, ...]:
    """The one write of a step that commits (chapter 8); no other step writes."""
    if (row, event) not in tables.COMMITS:
        if answer.change is not None:
            raise AssertionError(f"{event} to a {row.value} changes something, and does not commit")
        return ()
    match answer.change:
        case None:
            raise AssertionError(f"{event} to a {row.value} commits, and nothing changes")
        case CommittedBefore():
            return ()
        case change:
            # EPP-CRS-001, EPP-CRS-002, EPP-CRS-003, EPP-CRS-004
            return (Write(change=change),)


def follow(row: Transfer, link: Link, answer: Answer, written: tuple[Write, ...]) -> Turn:
    """The state of a row, and the effects in their order: written, sent, told."""
    effects: tuple[Effect, ...] = written
    if answer.say is not None:
        link, said = say(link, answer.say)
        effects = (*effects, said)
    if answer.told is not None:
        effects = (*effects, answer.told)
    if row is Transfer.CLOSED:
        return NoSession(), effects
    return Open(row=row, link=link, data=answer.data), effects


def say(link: Link, message: bytes) -> tuple[Link, Send]:
    """Send one record."""
    record, channel = link.channel.seal(message)
    return replace(link, channel=channel), Send(data=record)


def refuse(link: Link, refusal: Refusal) -> Turn:
    """End an open session: tell the peer, if it may know, and the holder."""
    # EPP-ERR-002, EPP-TRF-117
    code = Code.AMOUNT if isinstance(refusal, CannotOffer) else LOCAL.get(refusal.code, refusal.code)
    if code is None:
        return NoSession(), (Refuse(refusal=refusal),)
    # EPP-ERR-030
    index = refusal.index if isinstance(refusal, UnitRefusal) and code is not Code.NOT_TAKEN else None
    # EPP-TRF-007, EPP-TRF-112
    _, answer = say(link, Reject(code=int(code), index=index).encode())
    return NoSession(), (answer, Refuse(refusal=refusal))


def spoken(answer: Answer) -> tuple[Send, ...]:
    """What is said outside of records, in the handshake."""
    return () if answer.say is None else (Send(data=answer.say),)
