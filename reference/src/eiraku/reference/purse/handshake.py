"""The handshake of a purse: EDHOC with sealed purse IDs, and the judgement of the peer (chapter 5)."""

from functools import partial

from eiraku.reference import records
from eiraku.reference.edhoc import errors, initiator, messages, responder
from eiraku.reference.edhoc.errors import PeerError, SuiteRefused
from eiraku.reference.edhoc.party import Credential, Party
from eiraku.reference.purse import credential
from eiraku.reference.purse.payee import Payee
from eiraku.reference.purse.payer import Payer
from eiraku.reference.purse.state import (
    Env,
    Handshaking,
    Link,
    NoSession,
    Order,
    PayeeWaitOffer,
    PayerWaitRequest,
    PayOrder,
    PayUnitsOrder,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    Refuse,
    RequestOrder,
    Send,
    SuspectPurse,
    Terms,
    Turn,
    WaitMessage1,
    WaitMessage2,
    WaitMessage3,
    WaitMessage4,
)
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import START, Side


class Handshake(Payer, Payee):
    """From opening a session to an authenticated link."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        """Begin a session for the purpose that is set. Raises Refusal(DECLINED) if none is."""
        order = ready.order
        # EPP-GEN-002; EPP-REC-004: who only receives cannot speak first
        if order is None or (side, order.purpose) not in START:
            raise Refusal(Code.DECLINED, "EPP-GEN-002", "no purpose is set for a session in this role")
        terms = ready.terms
        if side is Side.RESPONDER:
            return WaitMessage1(terms=terms, order=order), ()
        # EPP-SES-002, EPP-SES-006
        waiting, message_1 = initiator.write_message_1(
            self.party(terms, env), ephemeral=self.ephemeral(env.random), ead=[credential.offer()]
        )
        return WaitMessage2(terms=terms, order=order, edhoc=waiting), (Send(data=message_1),)

    def handshake(self, state: Handshaking, data: bytes, env: Env) -> Turn:
        """Take the next handshake message."""
        try:
            match state:
                case WaitMessage1():
                    return self.message_1(state, data, env)
                case WaitMessage2():
                    return self.message_2(state, data, env)
                case WaitMessage3():
                    return self.message_3(state, data, env)
                case WaitMessage4():
                    return self.message_4(state, data, env)
        except PeerError:
            # EPP-SES-018
            return NoSession(), ()
        except Refusal as refusal:
            answer = self.handshake_error(state, refusal)
            told = () if answer is None else (Send(data=answer),)
            # EPP-SES-017
            return NoSession(), (*told, Refuse(refusal=refusal))

    def message_1(self, state: WaitMessage1, data: bytes, env: Env) -> Turn:
        """Responder: version and suite."""
        self.refuse_error(data)
        message = responder.read_message_1(self.party(state.terms, env), data)
        version = self.checks.version_offer(message.ead)
        waiting, message_2 = responder.write_message_2(
            message, ephemeral=self.ephemeral(env.random), ead=[credential.choice(version)]
        )
        return (
            WaitMessage3(terms=state.terms, order=state.order, edhoc=waiting),
            (Send(data=message_2),),
        )

    def message_2(self, state: WaitMessage2, data: bytes, env: Env) -> Turn:
        """Initiator: the responder's purse ID and signature."""
        message = initiator.read_message_2(state.edhoc, data)
        self.checks.version_choice(message.ead)
        limit = self.judge(state.terms, state.order, message.peer.subject, env)
        waiting, message_3 = initiator.write_message_3(message)
        return (
            WaitMessage4(terms=state.terms, order=state.order, limit=limit, edhoc=waiting),
            (Send(data=message_3),),
        )

    def message_3(self, state: WaitMessage3, data: bytes, env: Env) -> Turn:
        """Responder: the initiator's purse ID and signature; message_4 opens the session."""
        message = responder.read_message_3(state.edhoc, data)
        self.checks.no_version(message.ead)
        limit = self.judge(state.terms, state.order, message.peer.subject, env)
        # EPP-SES-014
        done, message_4 = responder.write_message_4(message)
        link = Link(
            terms=state.terms,
            purpose=state.order.purpose,
            peer=message.peer.subject,
            channel=records.channel(done, message.suite.aead, Side.RESPONDER),
            limit=limit,
        )
        return self.listen(link, state.order), (Send(data=message_4),)

    def message_4(self, state: WaitMessage4, data: bytes, env: Env) -> Turn:
        """Initiator: the responder has the key; now the first record."""
        # EPP-SES-014, EPP-SES-015
        done = initiator.read_message_4(state.edhoc, data)
        self.checks.no_version(done.ead_4)
        link = Link(
            terms=state.terms,
            purpose=state.order.purpose,
            peer=done.peer.subject,
            channel=records.channel(done, state.edhoc.suite.aead, Side.INITIATOR),
            limit=state.limit,
        )
        try:
            return self.speak(link, state.order, env)
        except Refusal as refusal:
            return self.refuse(link, refusal)

    def speak(self, link: Link, order: Order, env: Env) -> Turn:
        """The first record of an initiator."""
        match order:
            case PayOrder():
                return self.make_offer(link, order.amount, env)
            case PayUnitsOrder():
                return self.offer_units(link, order, env)
            case RedeliverOrder():
                return self.redeliver(link, order, env)
            case RequestOrder():
                return self.request(link, order)
            case ReceiveOrder():  # absent from the table START, so never opened
                raise AssertionError("an initiator that only receives")

    def listen(self, link: Link, order: Order) -> PayerWaitRequest | PayeeWaitOffer:
        """The state of a responder that waits for the first record."""
        match order:
            case PayOrder() | PayUnitsOrder() | RedeliverOrder():
                return PayerWaitRequest(link=link, order=order)
            case RequestOrder() | ReceiveOrder():
                return PayeeWaitOffer(link=link, order=order)

    # --- the peer ---

    def party(self, terms: Terms, env: Env) -> Party[PurseId]:
        """This purse, for one EDHOC run."""
        identity = terms.identity
        return Party(
            suites=self.suites,
            # EPP-SES-020
            connection_id=b"",
            id_cred=self.id_cred(identity, env.random),
            cred=identity.purse_id,
            key=identity.key,
            resolve=partial(self.resolve, terms),
            ead_labels=frozenset({credential.LABEL_VERSION}),
        )

    def resolve(self, terms: Terms, id_cred: cbor.Map) -> Credential[PurseId]:
        """The peer's purse ID: shape, signature, seal, economy (EPP-SES-025). Raises Refusal."""
        raw = self.checks.sealed_purse_id(terms, id_cred)
        purse_id = self.checks.purse_id_shape(raw)
        self.checks.purse_id_signature(terms, purse_id)
        self.checks.purse_id_seal(terms, purse_id.claims)
        self.checks.purse_id_economy(terms, purse_id.claims)
        # EPP-PID-011
        return Credential(cred=raw, public_key=purse_id.claims.public_key, subject=purse_id.claims)

    def judge(self, terms: Terms, order: Order, peer: PurseId, env: Env) -> int:
        """The rest of EPP-SES-025, once the handshake's signature is verified; the limit of the operation."""
        self.checks.peer_expiry(terms, peer)
        self.checks.same_purse(terms, peer)
        try:
            self.checks.revocation(terms, peer)
        except Refusal as refusal:
            raise SuspectPurse(refusal, peer.number) from None
        own = terms.identity.claims
        pays = isinstance(order, PayOrder | PayUnitsOrder | RedeliverOrder)
        limit = self.checks.role_pair(terms, own, peer) if pays else self.checks.role_pair(terms, peer, own)
        if isinstance(order, RedeliverOrder):
            self.checks.pending_payee(env.ledger, order, peer)
        return limit

    # --- errors ---

    def refuse_error(self, data: bytes) -> None:
        """Raise PeerError if an EDHOC error stands where message_1 belongs: it alone has two items."""
        try:
            items = cbor.decode_sequence(data, limit=messages.LIMIT)
        except Refusal:
            return
        if len(items) == 2:
            errors.raise_peer_error(items)

    def handshake_error(self, state: Handshaking, refusal: Refusal) -> bytes | None:
        """What a refused handshake message is answered with; None for nothing."""
        match state, refusal:
            case WaitMessage4(), _:
                # EPP-SES-016
                return None
            case WaitMessage1(), SuiteRefused():
                # EPP-SES-004
                return errors.wrong_suite(refusal.suites)
            case WaitMessage1(), _ if refusal.code is Code.VERSION:
                # EPP-SES-008
                return errors.unspecified("version")
            case _:
                # EPP-SES-016
                return errors.unspecified("refused")
