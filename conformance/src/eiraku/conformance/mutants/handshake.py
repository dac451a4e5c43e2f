"""Mutants of chapter 5: freshness, authentication, key confirmation, errors, the judgement of the peer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.commits import writing
from eiraku.conformance.mutants.registry import Area
from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint
from eiraku.reference.edhoc import errors, initiator, messages, responder
from eiraku.reference.edhoc.messages import Ead, Plaintext
from eiraku.reference.edhoc.party import Credential, Established, Party, SubjectT, established, identify
from eiraku.reference.purse import core, handshake
from eiraku.reference.purse.ledger import Ledger
from eiraku.reference.purse.state import Env, Handshaking, NoSession, PurseState, Ready, Refuse, SessionState
from eiraku.spec import cbor
from eiraku.spec.cbor import Item, Map
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.tables import Session, Side
from eiraku.testing.patches import Patch, edit, instead

AREA = Area(__name__)
_error, _read_message_4 = handshake.error, initiator.read_message_4
_plaintext_4, _read_id_cred = messages.read_plaintext_4, messages._read_id_cred


# --- freshness and authentication ---------------------------------------------------------------------------

EPHEMERAL = ("ephemeral=env.random(32)", 'ephemeral=b"\\x29" * 32')


@AREA.makes("EPP-SES-011")
def reuses_its_ephemeral() -> Sequence[Patch]:
    """Uses one ephemeral key in every session."""
    return [edit(handshake.message_1, EPHEMERAL), edit(handshake.on_message_1, EPHEMERAL)]


@AREA.makes("EPP-SES-028")
def is_replayable() -> Sequence[Patch]:
    """Repeats its ephemeral key and its sealing nonce, so that a whole session can be replayed."""
    nonce = ("env.random(objects.SEALED_NONCE)", 'b"\\x29" * 16')
    return [*reuses_its_ephemeral(), edit(handshake.party, nonce)]


@AREA.replaces("EPP-SES-012", (initiator, "agree"), (responder, "agree"))
def agrees_on_zero(ephemeral: AgreementKey, peer: bytes) -> bytes:
    """Goes on with an all-zero shared secret."""
    if len(peer) != messages.KEY_LENGTH:
        raise Refusal(Code.MALFORMED, "EPP-SES-029", "length of the key")
    try:
        return ephemeral.agree(peer)
    except LowOrderPoint:
        return bytes(32)


def credential_items(party: Party[SubjectT], plain: Plaintext) -> Sequence[Ead]:
    """The items that bring the peer's credential."""
    return [item for item in plain.ead if item.label in party.credential_labels]


@AREA.replaces("EPP-SES-013", (initiator, "identify"))
def skips_the_signature_of_message_2(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """As initiator does not verify the responder's signature."""
    return party.resolve(plain.id_cred, credential_items(party, plain))


@AREA.replaces("EPP-SES-013", (responder, "identify"))
def skips_the_signature_of_message_3(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """As responder does not verify the initiator's signature."""
    return party.resolve(plain.id_cred, credential_items(party, plain))


@AREA.replaces("EPP-SES-013", (messages, "_read_id_cred"))
def takes_the_kid_in_its_map(item: Item) -> Map:
    """Takes ID_CRED_x also as the map that it stands for."""
    return item if isinstance(item, dict) else _read_id_cred(item)


@AREA.replaces("EPP-SES-030", (initiator, "identify"), (responder, "identify"))
def takes_a_purse_id_that_is_not_signed(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """Takes a signature over EAD without the sealed purse ID, having taken it out before, as well."""
    try:
        return identify(party, plain, prk, label, th, c_r=c_r)
    except Refusal:
        rest = [item for item in plain.ead if item.label not in party.credential_labels]
        without = replace(plain, ead_bytes=messages.encode_ead(rest))
        return identify(party, without, prk, label, th, c_r=c_r)


@AREA.makes("EPP-SES-014")
def speaks_before_key_confirmation() -> Sequence[Patch]:
    """Sends its first record also if message_4 does not verify, and then gives up."""
    take, refusals = core.take_handshake, list[Refusal]()

    def read(state: initiator.WaitMessage4[SubjectT], data: bytes) -> Established[SubjectT]:
        try:
            return _read_message_4(state, data)
        except Refusal as refusal:
            refusals.append(refusal)
            return trusts_any_message_4(state, data)

    def give_up(state: Handshaking, data: bytes, env: Env) -> core.Turn:
        session, effects = take(state, data, env)
        if not refusals:
            return session, effects
        return NoSession(), (*effects, Refuse(refusal=refusals.pop()))

    return [instead(initiator.read_message_4, read), instead(core.take_handshake, give_up)]


@AREA.replaces("EPP-SES-015", (initiator, "read_message_4"))
def trusts_any_message_4(state: initiator.WaitMessage4[SubjectT], data: bytes) -> Established[SubjectT]:
    """Takes anything that is one byte string for message_4."""
    messages.read_byte_string(data)
    return established(state.prk, state.th_4, state.peer, state.peer_connection_id, ())


@AREA.replaces("EPP-SES-015", (messages, "read_plaintext_4"))
def ignores_the_plaintext_of_message_4(plaintext: bytes) -> tuple[Ead, ...]:
    """Does not look at what is inside message_4."""
    try:
        return _plaintext_4(plaintext)
    except Refusal:
        return ()


# --- errors -------------------------------------------------------------------------------------------------


@AREA.replaces("EPP-SES-016", (handshake, "error"))
def tells_why_it_refuses(row: Session, refusal: Refusal) -> bytes:
    """Names the precise code in the EDHOC error."""
    answer = _error(row, refusal)
    return errors.unspecified(refusal.code.label) if answer == errors.unspecified() else answer


@AREA.replaces("EPP-SES-016", (errors, "unspecified"))
def tells_its_make_when_it_refuses(text: str = "") -> bytes:
    """Has an error text of its own."""
    return cbor.encode_sequence(errors.UNSPECIFIED, text or "Error")


AREA.edits(
    "EPP-SES-016",
    "is_silent_about_a_bad_message_4",
    "Answers a refused message_4 with nothing.",
    core.take_handshake,
    ("(told, Refuse(", "(*(() if state.row is Session.WAIT_MESSAGE_4 else (told,)), Refuse("),
)


def losing(memory: list[Any]) -> Patch:
    """What the defect remembers of sessions is gone with the power, as sessions are."""
    restore = core.restore

    def restored(ledger: Ledger) -> PurseState:
        memory.clear()
        return restore(ledger)

    return instead(core.restore, restored)


@AREA.makes("EPP-SES-017")
def lets_a_handshake_be_tried_again() -> Sequence[Patch]:
    """After a refused handshake message takes another in its place, with the same ephemeral key."""
    deliver, open_session = core.deliver, core.open_session
    waiting: list[Handshaking] = []

    def again(session: SessionState, data: bytes, env: Env) -> core.Turn:
        if isinstance(session, NoSession) and waiting:
            session = waiting.pop()
        turn = deliver(session, data, env)
        refused = isinstance(session, Handshaking) and any(isinstance(e, Refuse) for e in turn[1])
        waiting[:] = [session] if refused and isinstance(session, Handshaking) else []
        return turn

    def afresh(purse: Ready, side: Side, env: Env) -> core.Result:
        waiting.clear()
        return open_session(purse, side, env)

    return [instead(core.deliver, again), instead(core.open_session, afresh), losing(waiting)]


AREA.edits(
    "EPP-SES-087",
    "answers_errors",
    "Answers an EDHOC error with an EDHOC error.",
    core.read_handshake,
    (
        "event, answer = SessionEvent.ERROR, Answer()",
        "event, answer = SessionEvent.ERROR, Answer(say=handshake.errors.unspecified())",
    ),
)


@AREA.replaces("EPP-SES-018", (messages, "begins_with_integer"))
def knows_only_errors_in_their_form(data: bytes) -> bool:
    """Takes for an error only what has two items, and answers the rest that begins with an integer."""
    return errors.peer_error(data) is not None


@AREA.replaces("EPP-SES-018", (messages, "begins_with_integer"))
def answers_code_0(data: bytes) -> bool:
    """Answers an error with ERR_CODE 0."""
    return errors.begins_with_integer(data) and data[:1] != b"\0"


@AREA.replaces("EPP-SES-018", (messages, "begins_with_integer"))
def measures_errors(data: bytes) -> bool:
    """Answers an error of more than 2 048 bytes."""
    return errors.begins_with_integer(data) and len(data) <= messages.LIMIT


AREA.edits(
    "EPP-SES-032",
    "answers_code_0_instead_of_message_1",
    "Answers an error with ERR_CODE 0 in place of message_1.",
    handshake.refuse_error,
    ("if told is not None:", "if told is not None and told.code != 0:"),
)
AREA.edits(
    "EPP-SES-032",
    "takes_no_error_for_message_1",
    "Answers every error in place of message_1.",
    handshake.refuse_error,
    ("if told is not None:", "if False:"),
)
AREA.edits(
    "EPP-SES-033",
    "answers_a_refusal_of_message_4",
    "Answers the error that comes in place of the first record.",
    core.take_record,
    ("return NoSession(), ()", "return NoSession(), (Send(data=errors.unspecified()),)"),
)


@AREA.makes("EPP-SES-019")
def writes_in_the_handshake() -> Sequence[Patch]:
    """Makes a durable write when it takes message_1 or message_2."""
    early = (Session.WAIT_MESSAGE_1, Session.WAIT_MESSAGE_2)
    return writing(
        lambda session, turn: (
            isinstance(session, Handshaking) and session.row in early and isinstance(turn[0], Handshaking)
        )
    )


AREA.edits(
    "EPP-SES-035",
    "names_its_connections",
    "Uses a connection identifier of its own in all its sessions.",
    handshake.party,
    ('connection_id=b""', "connection_id=identity.claims.number[:2]"),
)
AREA.edits(
    "EPP-SES-035",
    "names_part_of_its_connections",
    "Begins its random connection identifiers with a byte of its own.",
    handshake.party,
    ('connection_id=b""', "connection_id=identity.claims.number[:1] + env.random(3)"),
)


@AREA.makes("EPP-SES-027")
def keeps_the_old_session() -> Sequence[Patch]:
    """Goes on with the session before the open one if a message fits only there."""
    deliver, open_session = core.deliver, core.open_session
    old: list[SessionState] = []

    def go_on(session: SessionState, data: bytes, env: Env) -> core.Turn:
        turn = deliver(session, data, env)
        if old and any(isinstance(effect, Refuse) for effect in turn[1]):
            other = deliver(old[-1], data, env)
            if not any(isinstance(effect, Refuse) for effect in other[1]):
                return other
        return turn

    def remember(purse: Ready, side: Side, env: Env) -> core.Result:
        old[:] = [purse.session]
        return open_session(purse, side, env)

    return [instead(core.deliver, go_on), instead(core.open_session, remember), losing(old)]


# --- the peer -----------------------------------------------------------------------------------------------

ITSELF = "peer.number == own.number or peer.public_key == own.public_key"
REVOKED = 'int.from_bytes(peer.number, "big") in terms.revoked'
AREA.edits(
    "EPP-SES-021",
    "takes_its_own_number",
    "Takes a peer with its own number and another key.",
    handshake.judge,
    (ITSELF, "peer.public_key == own.public_key"),
)
AREA.edits(
    "EPP-SES-021",
    "takes_its_own_key",
    "Takes a peer with its own key and another number.",
    handshake.judge,
    (ITSELF, "peer.number == own.number"),
)
AREA.edits(
    "EPP-SES-021",
    "takes_itself",
    "Does not look whether the peer is itself.",
    handshake.judge,
    (ITSELF, "False"),
)
AREA.edits(
    "EPP-SES-022",
    "skips_revocation",
    "Takes a peer that is on the bulletin.",
    handshake.judge,
    (REVOKED, "False"),
)
AREA.edits(
    "EPP-SES-022",
    "knows_only_the_first_revoked",
    "Looks only at the first number of the bulletin.",
    handshake.judge,
    (REVOKED, 'int.from_bytes(peer.number, "big") in sorted(terms.revoked)[:1]'),
)
AREA.edits(
    "EPP-SES-023",
    "skips_role_pairs",
    "Transfers between any two roles, without a limit.",
    handshake.judge,
    ("if operation is None:", "if False:"),
    (
        "return policy.bounds(operation, payer.tier, payee.tier)",
        "return 1 << 53 if operation is None else policy.bounds(operation, payer.tier, payee.tier)",
    ),
)
AREA.edits(
    "EPP-SES-024",
    "redelivers_to_anybody",
    "Redelivers a transaction to another purse than its payee.",
    handshake.judge,
    ("if pending is None or pending.payee != peer.number:", "if False:"),
)
