"""The handshake of a purse: EDHOC with sealed purse IDs, and the judgement of the peer (chapter 5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from eiraku.reference import anchor, records
from eiraku.reference.crypto.aead import Aead
from eiraku.reference.edhoc import errors, initiator, responder
from eiraku.reference.edhoc import messages as edhoc_messages
from eiraku.reference.edhoc.errors import SuiteRefused
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.reference.policy import Bounds
from eiraku.reference.purse import credential
from eiraku.reference.purse.state import (
    Answer,
    Data,
    Env,
    Handshaking,
    Link,
    Order,
    PayOrder,
    PayUnitsOrder,
    RedeliverOrder,
    SuspectPurse,
    Terms,
)
from eiraku.reference.records import Channel
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Session, SessionEvent, Side

SUITES = (4, 0)
"""EDHOC cipher suites, most preferred first (EPP-SES-061)."""


def answer(state: Handshaking, event: SessionEvent | None, data: bytes, env: Env) -> Answer:
    """What the message does for which a state waits. Raises Refusal, or PeerError for an EDHOC error."""
    match event, state.data:
        case SessionEvent.MESSAGE_1, None:
            return on_message_1(state.terms, data, env)
        case SessionEvent.MESSAGE_2, WaitMessage2():
            return on_message_2(state, state.data, data, env)
        case SessionEvent.MESSAGE_3, WaitMessage3():
            return on_message_3(state, state.data, data, env)
        case SessionEvent.MESSAGE_4, WaitMessage4():
            return on_message_4(state, state.data, data)
        case None, _:
            return Answer()
    raise AssertionError(f"the table waits for {event} in {state.row}, the purse does not")


# --- the initiator ---


def message_1(terms: Terms, env: Env) -> Answer:
    """What an initiator says first."""
    if terms.scheme_key is None:
        raise AssertionError("EPP-KEY-047: no session opens without a scheme key")
    # EPP-SES-002, EPP-SES-006, EPP-SES-011
    waiting, message = initiator.write_message_1(
        # EPP-KEY-045
        party(terms, env, terms.scheme_key),
        ephemeral=env.random(32),
        ead=[credential.offer()],
        # EPP-SES-037
        last=partial(credential.member, terms.scheme_key),
    )
    return Answer(data=WaitMessage2(edhoc=waiting), say=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitMessage2(Data):
    """Initiator, message_1 sent."""

    edhoc: initiator.WaitMessage2[PurseId]


def on_message_2(state: Handshaking, waiting: WaitMessage2, data: bytes, env: Env) -> Answer:
    """The responder's purse ID and signature. Raises Refusal, PeerError."""
    message = initiator.read_message_2(waiting.edhoc, data)
    # EPP-SES-009, EPP-SES-083
    credential.check_choice(credential.only(message.ead))
    bounds = judge(state.terms, state.order, message.peer.subject, env)
    following, message_3 = initiator.write_message_3(message)
    return Answer(data=WaitMessage4(edhoc=following, bounds=bounds), say=message_3)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitMessage4(Data):
    """Initiator, message_3 sent. `bounds`: of the operation, for both tiers."""

    edhoc: initiator.WaitMessage4[PurseId]
    bounds: Bounds


def on_message_4(state: Handshaking, waiting: WaitMessage4, data: bytes) -> Answer:
    """The responder has the key; now the first record. Raises Refusal, PeerError."""
    # EPP-SES-014, EPP-SES-015
    done = initiator.read_message_4(waiting.edhoc, data)
    check_no_version(done.ead_4)
    link = Link(
        terms=state.terms,
        purpose=state.order.purpose,
        peer=done.peer.subject,
        channel=channel(done, waiting.edhoc.suite.aead, Side.INITIATOR, state.terms),
        bounds=waiting.bounds,
    )
    return Answer(data=link)


# --- the responder ---


def on_message_1(terms: Terms, data: bytes, env: Env) -> Answer:
    """Suite, version, membership. Raises Refusal, PeerError."""
    refuse_error(data)
    # EPP-KEY-046
    scheme_key = credential.key_of(terms.scheme_keys, data)
    us = party(terms, env, scheme_key or terms.scheme_keys[0])
    us = replace(us, ead_labels=us.ead_labels | {credential.LABEL_MEMBER})
    message = responder.read_message_1(us, data)
    # EPP-SES-008, EPP-SES-083
    version = credential.choose_version(credential.read_offer(credential.only(message.ead)))
    # EPP-SES-040: before message_2, which uses keys
    credential.check_member(scheme_key, data, message.ead)
    # EPP-SES-011
    waiting, message_2 = responder.write_message_2(
        message, ephemeral=env.random(32), ead=[credential.choice(version)]
    )
    return Answer(data=WaitMessage3(edhoc=waiting), say=message_2)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitMessage3(Data):
    """Responder, message_2 sent."""

    edhoc: responder.WaitMessage3[PurseId]


def on_message_3(state: Handshaking, waiting: WaitMessage3, data: bytes, env: Env) -> Answer:
    """The initiator's purse ID and signature; message_4 opens the session. Raises Refusal, PeerError."""
    message = responder.read_message_3(waiting.edhoc, data)
    check_no_version(message.ead)
    bounds = judge(state.terms, state.order, message.peer.subject, env)
    # EPP-SES-014
    done, message_4 = responder.write_message_4(message)
    link = Link(
        terms=state.terms,
        purpose=state.order.purpose,
        peer=message.peer.subject,
        channel=channel(done, message.suite.aead, Side.RESPONDER, state.terms),
        bounds=bounds,
    )
    return Answer(data=link, say=message_4)


def channel(done: Established[PurseId], aead: Aead, side: Side, terms: Terms) -> Channel:
    """The records of the session that a handshake has opened."""
    # EPP-ENC-010
    return records.channel(done, aead, side, terms.identity.policy.max_record)


# --- the peer ---


def party(terms: Terms, env: Env, scheme_key: bytes) -> Party[PurseId]:
    """This purse, for one EDHOC run under one scheme key."""
    identity = terms.identity
    # EPP-PID-009
    nonce = env.random(objects.SEALED_NONCE)
    return Party(
        suites=SUITES,
        # EPP-SES-035, EPP-SES-036
        connection_id=b"",
        id_cred=credential.ID_CRED,
        cred=identity.purse_id,
        key=identity.key,
        resolve=partial(resolve, terms, scheme_key),
        credential_ead=(credential.seal(scheme_key, nonce, identity.purse_id),),
        credential_labels=frozenset({credential.LABEL_PURSE_ID}),
        ead_labels=frozenset({credential.LABEL_VERSION}),
    )


def resolve(terms: Terms, scheme_key: bytes, id_cred: cbor.Map, ead: Sequence[Ead]) -> Credential[PurseId]:
    """The peer's purse ID: shape, signature, seal, economy (EPP-SES-025). Raises Refusal."""
    trusted = terms.identity.anchor
    # EPP-PID-012
    credential.check_id_cred(id_cred)
    # EPP-PID-010, EPP-PID-013
    raw = credential.unseal(scheme_key, credential.sealed_in(ead))
    # EPP-PID-001
    purse_id = anchor.parse_purse_id(raw)
    # EPP-PID-002
    anchor.check_purse_id_signature(trusted, purse_id)
    # EPP-PID-003
    anchor.check_purse_id_seal(trusted, purse_id.claims)
    # EPP-PID-007
    anchor.check_purse_id_economy(trusted, purse_id.claims)
    # EPP-PID-011
    return Credential(cred=raw, public_key=purse_id.claims.public_key, subject=purse_id.claims)


def judge(terms: Terms, order: Order, peer: PurseId, env: Env) -> Bounds:
    """The rest of EPP-SES-025, once the handshake's signature is verified; the bounds of the operation."""
    own, policy = terms.identity.claims, terms.identity.policy
    # EPP-PID-004: valid up to and in its last epoch; `issued` is not compared (EPP-PID-005)
    if terms.epoch > peer.expires:
        raise Refusal(Code.PURSE_EXPIRED, "EPP-PID-004", f"peer: expired after epoch {peer.expires}")
    # EPP-SES-021
    if peer.number == own.number or peer.public_key == own.public_key:
        raise Refusal(Code.SAME_PURSE, "EPP-SES-021", "peer: this purse itself")
    # EPP-SES-022
    if int.from_bytes(peer.number, "big") in terms.revoked:
        refusal = Refusal(Code.PURSE_REVOKED, "EPP-SES-022", "peer: revoked by the bulletin")
        raise SuspectPurse(refusal, peer.number)
    pays = isinstance(order, PayOrder | PayUnitsOrder | RedeliverOrder)
    payer, payee = (own, peer) if pays else (peer, own)
    # EPP-POL-003
    same = payer.holder == payee.holder
    operation = policy.operation(payer.role, payee.role, same_holder=same)
    # EPP-SES-023, EPP-POL-002
    if operation is None:
        raise Refusal(
            Code.ROLE_PAIR,
            "EPP-SES-023",
            f"policy: nothing from {payer.role.name} to {payee.role.name}, same holder: {same}",
        )
    if isinstance(order, RedeliverOrder):
        pending = env.ledger.pending(order.transaction, terms.epoch)
        # EPP-SES-024
        if pending is None or pending.payee != peer.number:
            raise Refusal(Code.TRANSACTION, "EPP-SES-024", "peer: not the payee of the pending transaction")
    # EPP-TRF-080
    elif isinstance(order, PayOrder | PayUnitsOrder) and order.payee not in (None, peer.number):
        raise Refusal(Code.WRONG_PAYEE, "EPP-TRF-080", f"peer: purse {peer.number.hex()}, not the one named")
    # EPP-POL-005
    return policy.bounds(operation, payer.tier, payee.tier)


def check_no_version(ead: Sequence[Ead]) -> None:
    """EAD_3 and EAD_4 know no critical item. Raises Refusal."""
    # EPP-SES-084
    if any(item.critical for item in ead):
        raise Refusal(Code.MALFORMED, "EPP-SES-084", "critical EAD item in the wrong message")


# --- errors ---


def refuse_error(data: bytes) -> None:
    """Raise PeerError if an EDHOC error stands where message_1 belongs: it alone has two items."""
    told = errors.peer_error(data) if len(data) <= edhoc_messages.LIMIT else None
    # EPP-SES-032
    if told is not None:
        raise told


def error(row: Session, refusal: Refusal) -> bytes:
    """What a refused handshake message is answered with."""
    match row, refusal:
        case Session.WAIT_MESSAGE_1, SuiteRefused():
            # EPP-SES-004, EPP-SES-061
            return errors.wrong_suite(refusal.suites)
        case _:
            # EPP-SES-016
            return errors.unspecified()
