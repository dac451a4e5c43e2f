"""The purse as a pure function: `Purse.step(state, input, env)` gives the new state and the effects.

Nothing is written, sent or drawn at random here but through `env` and the effects, which the driver carries
out in order: a `Write` that stands before a `Send` is a commit point (chapter 8). Which message is permitted
in which state is read from `eiraku.spec.tables`; what is absent there is refused with `unexpected-message`.
A step raises no Refusal: input at fault becomes a `Refuse` effect. Other exceptions are defects of the purse.
"""

from dataclasses import replace

from eiraku.reference.crypto import cose
from eiraku.reference.purse.handshake import Handshake
from eiraku.reference.purse.ledger import BulletinAccepted, HoldingSummary, Ledger
from eiraku.reference.purse.online import Online
from eiraku.reference.purse.provisioning import Maker, held_bulletin, identity
from eiraku.reference.purse.select import choose
from eiraku.reference.purse.state import (
    Collect,
    Deliver,
    Effect,
    Empty,
    Env,
    Input,
    NoSession,
    Open,
    OpenSession,
    Order,
    PayeeAccepted,
    PayeeRequested,
    PayeeWaitOffer,
    PayerOffered,
    PayerPaid,
    PayerWaitRequest,
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
    SessionState,
    SetOrder,
    TakeBulletin,
    TakeIssue,
    TakePurseId,
    Turn,
    WaitMessage1,
    WaitMessage2,
    WaitMessage3,
    WaitMessage4,
    Write,
)
from eiraku.spec import tables
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Message, Offer, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.objects import Bulletin
from eiraku.spec.tables import Transfer, TransferEvent

Result = tuple[PurseState, tuple[Effect, ...]]


class Purse(Handshake, Maker, Online):
    """The behaviour of a purse. It has no state of its own."""

    def restore(self, ledger: Ledger) -> PurseState:
        """The state after power comes back: everything volatile is gone (chapter 8)."""
        provision, signed = ledger.provision(), ledger.bulletin()
        if provision is None:
            return Empty()
        bulletin = None
        if signed is not None:
            bulletin = held_bulletin(Bulletin.decode(cose.parse(signed).payload), signed)
        return Ready(identity=identity(provision), bulletin=bulletin, order=None, session=NoSession())

    def step(self, state: PurseState, given: Input, env: Env) -> Result:
        """One step. See the module."""
        try:
            if isinstance(given, Provisioning):
                return self.provision(state, given)
            ready = self.ready(state)
            match given:
                case SetOrder():
                    return replace(ready, order=self.order(ready, given.order, env)), ()
                case TakeBulletin():
                    return self.take_bulletin(ready, given.bulletin)
                case TakeIssue():
                    return self.take_issue(ready, given.issue, env)
                case TakePurseId():
                    return self.take_purse_id(ready, given.purse_id)
                case Collect():
                    return self.collect(ready, given.unit_ids, env)
                case OpenSession():
                    return self.open(ready, given, env)
                case Deliver():
                    session, effects = self.deliver(ready, given.data, env)
                    return replace(ready, session=session), effects
        except Refusal as refusal:
            # EPP-CRS-015
            return state, (Refuse(refusal=refusal),)

    def ready(self, state: PurseState) -> Ready:
        """A purse that can do something. Raises Refusal(NOT_PROVISIONED)."""
        # EPP-GEN-004
        if isinstance(state, Empty):
            raise Refusal(Code.NOT_PROVISIONED, "EPP-GEN-004", "this purse is empty")
        return state

    # --- the holder ---

    def order(self, state: Ready, order: Order, env: Env) -> Order:
        """What the holder sets for the next session. Raises Refusal."""
        match order:
            case PayOrder():
                self.payable(state, order.amount, list(env.ledger.summaries()))
            case PayUnitsOrder():
                chosen = self.chosen(order, env)
                self.payable(state, sum(unit.value for unit in chosen), chosen)
            case RequestOrder():
                self.checks.amount_to_request(order.amount, order.reference)
            case RedeliverOrder():
                self.checks.to_redeliver(env.ledger, order.transaction)
            case ReceiveOrder():
                pass
        return order

    def payable(self, state: Ready, amount: int, units: list[HoldingSummary]) -> None:
        """That an amount can be paid to somebody out of these units. Raises Refusal."""
        self.checks.amount_to_pay(amount)
        policy = state.identity.policy
        self.checks.highest_limit(policy, state.identity.claims, amount)
        candidates = self.candidates(units, epoch=state.epoch, max_hops=policy.max_hops, payee=None)
        choose(candidates, amount, max_units=policy.max_units)

    def take_bulletin(self, state: Ready, signed: bytes) -> Result:
        """A newer bulletin is stored, the one held already changes nothing. Raises Refusal."""
        bulletin = self.checks.bulletin(state.identity.anchor, signed)
        if not self.checks.newer(state.bulletin, bulletin, signed):
            return state, ()
        # EPP-BUL-004
        write = Write(change=BulletinAccepted(bulletin=signed))
        return replace(state, bulletin=held_bulletin(bulletin, signed)), (write,)

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        """Begin a session; the earlier one is gone even if this one is refused."""
        # EPP-SES-027
        closed = replace(state, session=NoSession())
        try:
            session, effects = self.open_session(state, given.side, env)
        except Refusal as refusal:
            return closed, (Refuse(refusal=refusal),)
        # EPP-GEN-002
        return replace(closed, session=session, order=None), effects

    # --- the peer ---

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        """Bytes from the peer, in whatever state."""
        match state.session:
            case NoSession():
                # EPP-REC-005, EPP-SES-017
                refusal = Refusal(Code.UNEXPECTED_MESSAGE, "EPP-REC-005", "no session is open")
                return state.session, (Refuse(refusal=refusal),)
            case WaitMessage1() | WaitMessage2() | WaitMessage3() | WaitMessage4():
                return self.handshake(state.session, data, env)
            case _:
                return self.record(state.session, data, env)

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        """One record in an open session."""
        try:
            plaintext, channel = self.open_record(state.link.channel, data)
        except Refusal as refusal:
            # EPP-REC-003, EPP-REC-006: nothing is answered to what is no record of this session
            if refusal.code is not Code.TOO_LARGE:
                return NoSession(), (Refuse(refusal=refusal),)
            return self.refuse(state.link, refusal)
        link = replace(state.link, channel=channel)
        try:
            message = self.decode_message(plaintext)
            row = self.permitted(state, message)
            turn = self.message(replace(state, link=link), message, plaintext, env)
        except Refusal as refusal:
            return self.refuse(link, refusal)
        self.agree(row, turn[0])
        return turn

    def permitted(self, state: Open, message: Message) -> Transfer:
        """The row that a message leads to. Raises Refusal(UNEXPECTED_MESSAGE)."""
        row = tables.next_transfer(state.row, TransferEvent(message.TYPE), state.link.purpose)
        # EPP-TRF-001
        if row is None:
            raise Refusal(
                Code.UNEXPECTED_MESSAGE, "EPP-TRF-001", f"{type(message).__name__} to a {state.row.value}"
            )
        return row

    def agree(self, row: Transfer, session: SessionState) -> None:
        """The purse does what the table says, or is defective."""
        found = Transfer.CLOSED if isinstance(session, NoSession) else session.row
        if found is not row:
            raise AssertionError(f"the table says {row}, the purse {found}")

    def message(self, state: Open, message: Message, encoded: bytes, env: Env) -> Turn:
        """What each permitted message does. Raises Refusal."""
        match state, message:
            case _, Reject():
                # EPP-TRF-005, EPP-TRF-006
                return NoSession(), (PeerRejected(reject=message),)
            case PayerWaitRequest(), Request():
                return self.on_request(state, message, env)
            case PayerOffered(), Accept():
                return self.on_accept(state, message)
            case PayerPaid(), Receipt():
                return self.on_receipt(state, message)
            case PayeeRequested() | PayeeWaitOffer(), Offer():
                return self.on_offer(state, message, encoded, env)
            case PayeeRequested() | PayeeWaitOffer(), Redeliver():
                return self.on_redeliver(state, message, env)
            case PayeeAccepted(), Pay():
                return self.on_pay(state, message, env)
        raise AssertionError(f"the table permits {type(message).__name__} in {state.row}, the purse does not")
