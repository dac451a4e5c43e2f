"""Mutants of chapter 5: freshness, authentication, key confirmation, errors, the judgement of the peer."""

from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.registry import defect, omits, replaces
from eiraku.conformance.mutants.wallet import Patch, replaced
from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint
from eiraku.reference.edhoc import errors, initiator, messages, responder
from eiraku.reference.edhoc.messages import Ead, Plaintext
from eiraku.reference.edhoc.party import Credential, Established, Party, SubjectT, established
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse, Result
from eiraku.reference.purse.ledger import BulletinAccepted
from eiraku.reference.purse.state import (
    Env,
    Handshaking,
    NoSession,
    OpenSession,
    Random,
    Ready,
    ReceiveOrder,
    Refuse,
    RequestOrder,
    Send,
    SessionState,
    Terms,
    Turn,
    WaitMessage1,
    WaitMessage2,
    WaitMessage4,
    Write,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side

AREA = "handshake"
NO_LIMIT = 1 << 53
_plaintext_4 = messages.read_plaintext_4


# --- roles and purposes (chapter 1) -------------------------------------------------------------------------


@defect("EPP-GEN-001", collateral={"*": "every flow in which the wallet asks for money fails"})
class CannotAskForMoney(Purse):
    """Refuses to be an initiator that is paid."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        if side is Side.INITIATOR and isinstance(ready.order, RequestOrder):
            raise Refusal(Code.DECLINED, "EPP-GEN-001", "not implemented")
        return super().open_session(ready, side, env)


@defect("EPP-GEN-002")
class OpensWithoutAPurpose(Purse):
    """As responder receives money though its holder has set nothing."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        if ready.order is None and side is Side.RESPONDER:
            ready = replace(ready, order=ReceiveOrder())
        return super().open_session(ready, side, env)


@defect("EPP-GEN-002")
class KeepsItsPurpose(Purse):
    """Serves its purpose again in the sessions that follow."""

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        after, effects = super().open(state, given, env)
        if isinstance(after, Ready):
            after = replace(after, order=state.order)
        return after, effects


# --- freshness and authentication ---------------------------------------------------------------------------


@defect("EPP-SES-011")
class ReusesItsEphemeral(Purse):
    """Uses one ephemeral key in every session."""

    def ephemeral(self, random: Random) -> bytes:
        return b"\x29" * 32


@defect("EPP-SES-028")
class IsReplayable(Purse):
    """Repeats its ephemeral key and its sealing nonce, so that a whole session can be replayed."""

    def ephemeral(self, random: Random) -> bytes:
        return b"\x29" * 32

    def sealing_nonce(self, random: Random) -> bytes:
        return b"\x29" * 16


@replaces("EPP-SES-012", (initiator, "agree"), (responder, "agree"))
def agrees_on_zero(ephemeral: AgreementKey, peer: bytes) -> bytes:
    """Goes on with an all-zero shared secret."""
    if len(peer) != messages.KEY_LENGTH:
        raise Refusal(Code.MALFORMED, "EPP-SES-029", "length of the key")
    try:
        return ephemeral.agree(peer)
    except LowOrderPoint:
        return bytes(32)


@replaces("EPP-SES-013", (initiator, "identify"))
def skips_the_signature_of_message_2(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """As initiator does not verify the responder's signature."""
    return party.resolve(plain.id_cred)


@replaces("EPP-SES-013", (responder, "identify"))
def skips_the_signature_of_message_3(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """As responder does not verify the initiator's signature."""
    return party.resolve(plain.id_cred)


@defect("EPP-SES-014")
class SpeaksBeforeKeyConfirmation(Purse):
    """Sends its first record also if message_4 does not verify, and then gives up."""

    def message_4(self, state: WaitMessage4, data: bytes, env: Env) -> Turn:
        try:
            return super().message_4(state, data, env)
        except Refusal as refusal:
            with replaced(Patch(owner=initiator, name="read_message_4", value=trusts_any_message_4)):
                _, effects = super().message_4(state, data, env)
            return NoSession(), (*effects, Refuse(refusal=refusal))


@replaces("EPP-SES-015", (initiator, "read_message_4"))
def trusts_any_message_4(state: initiator.WaitMessage4[SubjectT], data: bytes) -> Established[SubjectT]:
    """Takes anything that is one byte string for message_4."""
    messages.read_byte_string(data)
    return established(state.prk, state.th_4, state.peer, state.peer_connection_id, ())


@replaces("EPP-SES-015", (messages, "read_plaintext_4"))
def ignores_the_plaintext_of_message_4(plaintext: bytes) -> tuple[Ead, ...]:
    """Does not look at what is inside message_4."""
    try:
        return _plaintext_4(plaintext)
    except Refusal:
        return ()


# --- errors -------------------------------------------------------------------------------------------------


@defect("EPP-SES-016")
class TellsWhyItRefuses(Purse):
    """Names the precise code in the EDHOC error."""

    def handshake_error(self, state: Handshaking, refusal: Refusal) -> bytes | None:
        answer = super().handshake_error(state, refusal)
        return errors.unspecified(refusal.code.label) if answer == errors.unspecified("refused") else answer


@defect("EPP-SES-016")
class AnswersABadMessage4(Purse):
    """Answers a refused message_4 with an EDHOC error."""

    def handshake_error(self, state: Handshaking, refusal: Refusal) -> bytes | None:
        return super().handshake_error(state, refusal) or errors.unspecified("refused")


@defect("EPP-SES-017")
class LetsAHandshakeBeTriedAgain(Purse):
    """After a refused handshake message takes another in its place, with the same ephemeral key."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._waiting: Handshaking | None = None

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        self._waiting = None
        return super().open(state, given, env)

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        if isinstance(state.session, NoSession) and self._waiting is not None:
            state = replace(state, session=self._waiting)
        return super().deliver(state, data, env)

    def handshake(self, state: Handshaking, data: bytes, env: Env) -> Turn:
        turn = super().handshake(state, data, env)
        self._waiting = state if any(isinstance(effect, Refuse) for effect in turn[1]) else None
        return turn


@defect("EPP-SES-018")
class AnswersErrors(Purse):
    """Answers an EDHOC error with an EDHOC error."""

    def handshake(self, state: Handshaking, data: bytes, env: Env) -> Turn:
        turn = super().handshake(state, data, env)
        if turn == (NoSession(), ()):
            return NoSession(), (Send(data=errors.unspecified("refused")),)
        return turn


@defect("EPP-SES-019")
class WritesInTheHandshake(Purse):
    """Makes a durable write when it takes message_1 or message_2."""

    def _written(self, turn: Turn, env: Env) -> Turn:
        signed = env.ledger.bulletin()
        if signed is None:
            return turn
        return turn[0], (Write(change=BulletinAccepted(bulletin=signed)), *turn[1])

    def message_1(self, state: WaitMessage1, data: bytes, env: Env) -> Turn:
        return self._written(super().message_1(state, data, env), env)

    def message_2(self, state: WaitMessage2, data: bytes, env: Env) -> Turn:
        return self._written(super().message_2(state, data, env), env)


@defect("EPP-SES-020")
class NamesItsConnections(Purse):
    """Uses a connection identifier that is not empty."""

    def party(self, terms: Terms, env: Env) -> Party[PurseId]:
        return replace(super().party(terms, env), connection_id=b"\x01\x02")


@defect("EPP-SES-027")
class KeepsTheOldSession(Purse):
    """Goes on with the session before the open one if a message fits only there."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._old: SessionState = NoSession()

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        self._old = state.session
        return super().open(state, given, env)

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        turn = super().deliver(state, data, env)
        if any(isinstance(effect, Refuse) for effect in turn[1]):
            other = super().deliver(replace(state, session=self._old), data, env)
            if not any(isinstance(effect, Refuse) for effect in other[1]):
                return other
        return turn


# --- the peer -----------------------------------------------------------------------------------------------


@defect("EPP-SES-021")
class TakesItsOwnNumber(Checks):
    """Takes a peer with its own number and another key."""

    def same_purse(self, terms: Terms, peer: PurseId) -> None:
        if peer.public_key == terms.identity.claims.public_key:
            super().same_purse(terms, peer)


@defect("EPP-SES-021")
class TakesItsOwnKey(Checks):
    """Takes a peer with its own key and another number."""

    def same_purse(self, terms: Terms, peer: PurseId) -> None:
        if peer.number == terms.identity.claims.number:
            super().same_purse(terms, peer)


omits(AREA, "takes_itself", "same_purse", "EPP-SES-021", "Does not look whether the peer is itself.")
omits(AREA, "skips_revocation", "revocation", "EPP-SES-022", "Takes a peer that is on the bulletin.")


@defect("EPP-SES-022")
class KnowsOnlyTheFirstRevoked(Checks):
    """Looks only at the first number of the bulletin."""

    def revocation(self, terms: Terms, peer: PurseId) -> None:
        super().revocation(replace(terms, revoked=frozenset(sorted(terms.revoked)[:1])), peer)


omits(
    AREA,
    "skips_role_pairs",
    "role_pair",
    "EPP-SES-023",
    "Transfers between any two roles, without a limit.",
    result=NO_LIMIT,
)
omits(
    AREA,
    "redelivers_to_anybody",
    "pending_payee",
    "EPP-SES-024",
    "Redelivers a transaction to another purse than its payee.",
)
