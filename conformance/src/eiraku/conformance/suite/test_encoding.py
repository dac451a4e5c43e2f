"""One encoding for one value: what a wallet refuses, and what it sends (chapter 2)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.results import Level
from eiraku.conformance.suite import message_1, plaintexts
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    altering,
    handshake_attack,
    silent,
)
from eiraku.conformance.suite.odd_encodings import (
    RECORDS,
    Recipe,
    chosen,
    families,
    refuse_plaintexts,
)
from eiraku.conformance.suite.positions import EACH_MESSAGE, EVERY_MESSAGE, POSITIONS, Position, Waiting
from eiraku.conformance.suite.signed_objects import BY_CENTRE, Kind, Task, honest, known_keys, signed
from eiraku.conformance.tester import bulletins, loose
from eiraku.conformance.tester.flows import REFERENCE, expect_reject, meet_payee, meet_payer, still_alive
from eiraku.conformance.tester.loose import Forms, Mutant
from eiraku.conformance.tester.peer import Manner
from eiraku.conformance.tester.policies import RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.spec import cbor, messages
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, Redeliver, Reject, Request
from eiraku.spec.objects import PurseId, Unit
from eiraku.spec.revoked import coded
from eiraku.spec.tables import Side

# --- messages in records -----------------------------------------------------------------------------------


@pytest.mark.parametrize("position", EVERY_MESSAGE)
@pytest.mark.parametrize("forms", families("maps", "bad-text"))
def test_message(stage: Stage, forms: Forms, position: Position, run_level: Level) -> None:
    """A message of which one item is wrongly encoded is refused"""

    def recipe(mutant: Mutant) -> Recipe:
        return lambda waiting: loose.again(cbor.decode(waiting.message.encode()), forms, mutant)

    def recipes(waiting: Waiting) -> dict[str, Recipe]:
        found = chosen(waiting.message.encode(), forms, messages.decode, run_level)
        return {str(mutant): recipe(mutant) for mutant in found}

    refuse_plaintexts(stage, position, recipes)


@pytest.mark.parametrize("forms", families("maps", "bad-text", "deep-nesting"))
def test_offer_in_redeliver(stage: Stage, forms: Forms, run_level: Level) -> None:
    """A REDELIVER of an OFFER of which one item is wrongly encoded is refused"""
    position = next(param.values[0] for param in EVERY_MESSAGE if param.id == "REDELIVER")
    assert isinstance(position, Position)

    def recipe(mutant: Mutant) -> Recipe:
        def make(waiting: Waiting) -> bytes:
            message = _redeliver(waiting)
            offer = loose.again(cbor.decode(message.offer), forms, mutant)
            return replace(message, offer=offer).encode()

        return make

    def recipes(waiting: Waiting) -> dict[str, Recipe]:
        found = chosen(_redeliver(waiting).offer, forms, _offer, run_level)
        return {str(mutant): recipe(mutant) for mutant in found}

    refuse_plaintexts(stage, position, recipes)


def _redeliver(waiting: Waiting) -> Redeliver:
    assert isinstance(waiting.message, Redeliver)
    return waiting.message


def _offer(data: bytes) -> Offer:
    message = messages.decode(data)
    if not isinstance(message, Offer):
        raise Refusal(Code.MALFORMED, "EPP-TRF-002", "not an OFFER")
    return message


REQUEST = next(param for param in EACH_MESSAGE if param.id == "REQUEST")
OFFER = next(param for param in EACH_MESSAGE if param.id == "OFFER")


@pytest.mark.requirement("EPP-ENC-007")
@pytest.mark.parametrize("position", (REQUEST,))
@pytest.mark.parametrize(
    "form", [pytest.param(form, id=form.replace(" ", "-")) for form in sorted(loose.bad_text(""))]
)
def test_text(stage: Stage, form: str, position: Position) -> None:
    """A reference that is not UTF-8 is refused"""
    raw = loose.bad_text("")[form]
    refuse_plaintexts(stage, position, lambda _: {form: _replacing((2,), raw)})


def _replacing(path: loose.Path, raw: bytes) -> Recipe:
    return lambda waiting: loose.replaced(cbor.decode(waiting.message.encode()), path, raw)


@pytest.mark.requirement("EPP-ENC-007")
@pytest.mark.parametrize(
    "reference",
    ("", "a" * 64, "\x00\x1f", "\u20ac\u00e9", "\uffff\ufffe", "\U0010ffff", "\ud7ff\ue000", "\u6c38\u697d"),
    ids=lambda text: text.encode().hex()[:16] or "empty",
)
def test_valid_text(stage: Stage, reference: str) -> None:
    """Every valid UTF-8 string is a good reference"""
    waiting = _at_request(stage)
    amount = waiting.message.amount if isinstance(waiting.message, Request) else 0
    answer = waiting.talk.send(Request(amount=amount, reference=reference))
    stage.accepted(answer.reply, "REQUEST", "open")


def _at_request(stage: Stage) -> Waiting:
    position = REQUEST.values[0]
    assert isinstance(position, Position)
    return position.go(stage)


@pytest.mark.requirement("EPP-ENC-004")
@pytest.mark.parametrize("position", EVERY_MESSAGE)
@pytest.mark.parametrize("surplus", ("00", "f6", "ff", "40", "8101", "0000000000000000"))
def test_trailing_bytes(stage: Stage, surplus: str, position: Position) -> None:
    """Bytes after a message in its record are refused"""

    def recipe(waiting: Waiting) -> bytes:
        return waiting.message.encode() + bytes.fromhex(surplus)

    refuse_plaintexts(stage, position, lambda _: {surplus: recipe})


AMOUNTS = (2**53, 2**53 + 1, 2**63, 2**64 - 1, -1, -(2**53), -(2**64))


@pytest.mark.requirement("EPP-ENC-012")
@pytest.mark.parametrize("position", (REQUEST, OFFER))
@pytest.mark.parametrize("amount", AMOUNTS)
def test_amount(stage: Stage, amount: int, position: Position) -> None:
    """An amount outside 0 to 2^53 - 1 is malformed"""
    place = (1,) if position.message == "REQUEST" else (2,)

    recipe = _replacing(place, cbor.encode(amount))
    refuse_plaintexts(stage, position, lambda _: {f"amount {amount}": recipe})


@pytest.mark.requirement("EPP-ENC-012")
@pytest.mark.parametrize("position", (REQUEST, OFFER))
def test_greatest_amount(stage: Stage, position: Position) -> None:
    """An amount of 2^53 - 1 is not malformed, only another than was agreed"""
    waiting = position.go(stage)
    assert isinstance(waiting.message, Request | Offer)
    answer = waiting.talk.send(replace(waiting.message, amount=2**53 - 1))
    stage.refused(
        answer.reply, Code.AMOUNT if position.message == "REQUEST" else CODES_OF_BIG_OFFER, "amount"
    )


CODES_OF_BIG_OFFER = (Code.AMOUNT, Code.AMOUNT_LIMIT)
"""A payee that has not requested an amount finds it above the limit."""


# --- records -----------------------------------------------------------------------------------------------

LONGEST = pytest.mark.parametrize("most", (4096, RECORD_MAX))


@pytest.mark.parametrize("position", EACH_MESSAGE)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=name, marks=pytest.mark.requirement(r))
        for name, (r, change) in RECORDS.items()
    ],
)
def test_record(stage: Stage, change: Callable[[bytes], bytes], position: Position) -> None:
    """A record whose byte string is wrongly encoded is refused in silence"""
    right = position.go(stage)
    stage.accepted(right.talk.send(right.message).reply, position.message)
    waiting = position.go(stage)
    before = stage.state()
    content = cbor.decode(waiting.talk.channel.seal(waiting.message.encode()))
    assert isinstance(content, bytes)
    silent(stage, change(content), Code.MALFORMED, position.message)
    stage.unchanged(before, "wrongly encoded record")
    still_alive(stage)


@pytest.mark.requirement("EPP-ENC-010")
@pytest.mark.parametrize("position", EACH_MESSAGE)
@pytest.mark.parametrize("surplus", (1, 2, 1000, 200000))
@pytest.mark.parametrize("opens", (True, False), ids=["sealed", "noise"])
@LONGEST
def test_record_too_large(stage: Stage, surplus: int, position: Position, most: int, *, opens: bool) -> None:
    """A record of more bytes of plaintext than `max_record` is refused, whether or not it would decrypt"""
    stage.world.policy = {**stage.world.policy, "max_record": most}
    right = position.go(stage)
    stage.accepted(right.talk.send(right.message).reply, position.message)
    waiting = position.go(stage)
    before = stage.state()
    channel = waiting.talk.channel
    record = channel.seal(bytes(most + surplus)) if opens else cbor.encode(bytes(most + 16 + surplus))
    answer = waiting.talk.send_record(record, "a record")
    stage.refused(answer.reply, Code.TOO_LARGE, "a record")
    stage.equal(answer.message, Reject(code=int(Code.TOO_LARGE), index=None), "answer to a record")
    stage.equal(answer.reply.session, "closed", "session after a record")
    stage.unchanged(before, "large record")
    still_alive(stage)


@pytest.mark.requirement("EPP-ENC-010")
@pytest.mark.parametrize("position", EACH_MESSAGE)
@LONGEST
def test_largest_record(stage: Stage, position: Position, most: int) -> None:
    """A record of exactly `max_record` bytes of plaintext is decrypted, and found malformed"""
    stage.world.policy = {**stage.world.policy, "max_record": most}
    refuse_plaintexts(stage, position, lambda _: {"longest": lambda _: cbor.encode(bytes(most - 3))})


# --- handshake messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "manner",
    [
        pytest.param(manner, id=name, marks=pytest.mark.requirement(requirement, "EPP-SES-016"))
        for name, requirement, manner in (
            *((name, r, Manner(message_1=change)) for name, (r, change) in message_1.ENCODINGS.items()),
            *((name, r, altering("message_1", whole)) for name, (r, whole) in message_1.WHOLE.items()),
        )
    ],
)
def test_message_1(stage: Stage, manner: Manner) -> None:
    """A message_1 of which one item is wrongly encoded, or whose whole has another form, is refused"""
    attack = Attack(codes=Code.MALFORMED, at="message_1", manner=lambda *_: manner)
    handshake_attack(stage, RESPONDER, attack)


@PAYEES
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=name, marks=pytest.mark.requirement(requirement, "EPP-SES-013"))
        for name, (requirement, change) in plaintexts.ENCODINGS.items()
    ],
)
def test_plaintext(stage: Stage, change: Callable[[bytes], bytes], part: Part) -> None:
    """A message_2 or message_3 with a wrongly encoded item in its plaintext is refused"""
    handshake_attack(stage, part, Attack(manner=lambda *_: Manner(plaintext=change)))


@pytest.mark.parametrize("name", ("message_2", "message_3", "message_4"))
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(change, id=name, marks=pytest.mark.requirement(requirement, "EPP-SES-016"))
        for name, (requirement, change) in RECORDS.items()
    ],
)
def test_handshake_message(stage: Stage, change: Callable[[bytes], bytes], name: str) -> None:
    """A handshake message whose byte string is wrongly encoded is refused"""

    def spoil(data: bytes) -> bytes:
        content = cbor.decode(data)
        assert isinstance(content, bytes)
        return change(content)

    attack = Attack(codes=Code.MALFORMED, at=name, manner=lambda *_: altering(name, spoil))
    handshake_attack(stage, RESPONDER if name == "message_3" else INITIATOR, attack)


# --- payloads of signed objects ----------------------------------------------------------------------------

DECODERS: dict[str, Callable[[bytes], object]] = {
    "unit": Unit.decode,
    "purse-id": PurseId.decode,
    "bulletin": Bulletin.decode,
}
ROOM = {"unit": 256, "purse-id": 172, "bulletin": 8192}
"""Payloads longer than this have another fault."""


@pytest.mark.parametrize("kind", BY_CENTRE)
@pytest.mark.parametrize("forms", families("bad-text"))
def test_payload(stage: Stage, forms: Forms, kind: Kind, run_level: Level) -> None:
    """A signed object of which one item is wrongly encoded is refused, though its signature is good"""
    code = Code.AUTHENTICATION if kind.name == "purse-id" else Code.MALFORMED
    known_keys(stage.world)
    kind.present(stage, honest, None)
    right = {
        "unit": stage.world.unit(4).encode(),
        "purse-id": stage.world.claims().encode(),
        "bulletin": bulletins.payload(stage.world, coded((1,)), epoch=101).encode(),
    }[kind.name]
    for mutant in chosen(right, forms, DECODERS[kind.name], run_level):
        if len(mutant.data) <= ROOM[kind.name]:
            kind.present(stage, _with_payload(forms, mutant), code)
    still_alive(stage)


def _with_payload(forms: Forms, mutant: Mutant) -> Callable[[Task], bytes]:
    return lambda task: signed(replace(task, payload=loose.again(cbor.decode(task.payload), forms, mutant)))


@pytest.mark.requirement("EPP-ENC-004")
@pytest.mark.parametrize("kind", BY_CENTRE)
@pytest.mark.parametrize("surplus", ("00", "f6", "ff"))
def test_trailing_bytes_in_payload(stage: Stage, surplus: str, kind: Kind) -> None:
    """Bytes after a payload are refused, though they are signed"""
    code = Code.AUTHENTICATION if kind.name == "purse-id" else Code.MALFORMED
    known_keys(stage.world)
    kind.present(stage, honest, None)
    kind.present(
        stage, lambda task: signed(replace(task, payload=task.payload + bytes.fromhex(surplus))), code
    )
    still_alive(stage)


@pytest.mark.requirement("EPP-ENC-012")
@pytest.mark.parametrize("value", AMOUNTS)
def test_value(stage: Stage, value: int) -> None:
    """A unit of a value outside 0 to 2^53 - 1 is malformed"""
    kind = next(param.values[0] for param in BY_CENTRE if param.id == "unit")
    assert isinstance(kind, Kind)
    known_keys(stage.world)

    def craft(task: Task) -> bytes:
        payload = loose.replaced(cbor.decode(task.payload), (2,), cbor.encode(value))
        return signed(replace(task, payload=payload))

    kind.present(stage, honest, None)
    kind.present(stage, craft, Code.MALFORMED)
    still_alive(stage)


# --- what the wallet sends ---------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-ENC-001")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("position", POSITIONS)
def test_what_the_wallet_sends(stage: Stage, position: Position) -> None:
    """Everything that the wallet sends is in the one deterministic encoding"""
    waiting = position.go(stage)
    stage.accepted(waiting.talk.send(waiting.message).reply, position.message)
    for plaintext in waiting.talk.heard:
        again = messages.decode(plaintext).encode()
        stage.equal(again.hex(), plaintext.hex(), "message encoded again")
    for step in stage.evidence.steps:
        if step.source == "wallet" and step.data:
            _one_encoding(stage, step.label, bytes.fromhex(step.data))


def _one_encoding(stage: Stage, label: str, data: bytes) -> None:
    try:
        items = cbor.decode_sequence(data, limit=70000)
    except Refusal as refusal:
        raise AssertionError(f"the wallet's {label} is wrongly encoded: {refusal}") from refusal
    stage.equal(cbor.encode_sequence(*items).hex(), data.hex(), f"{label} encoded again")


@pytest.mark.requirement("EPP-ENC-001")
@pytest.mark.parametrize("amount", (23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1), ids=str)
def test_heads_the_wallet_writes(stage: Stage, amount: int) -> None:
    """An amount of any size that the wallet requests has the shortest head"""
    stage.world.policy = policy()
    stage.begin()
    talk = meet_payee(stage, Side.INITIATOR, amount)
    stage.equal(talk.heard[0].hex(), Request(amount=amount, reference=REFERENCE).encode().hex(), "REQUEST")


@pytest.mark.requirement("EPP-ENC-006")
@pytest.mark.parametrize("position", ("f7", "f820", "f8ff", "e0", "f3"))
def test_simple_value_in_place_of_null(stage: Stage, position: str) -> None:
    """Undefined and unnamed simple values are not null: a REJECT with one as its position is malformed."""
    head = cbor.encode((7, int(Code.DECLINED), None))[:-1]
    for wrong in (False, True):
        stage.begin([stage.world.holding(4, holder=stage.world.wallet.number)])
        talk, _ = meet_payer(stage, Side.RESPONDER, 4)
        before = stage.state()
        answer = talk.send_plaintext(head + (bytes.fromhex(position) if wrong else b"\xf6"))
        if wrong:
            expect_reject(talk, answer, Code.MALFORMED, "REJECT")
        else:
            stage.accepted(answer.reply, "REJECT", "closed")
        stage.unchanged(before, "REJECT")
    still_alive(stage)
