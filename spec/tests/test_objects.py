"""Objects, messages and tables against the CDDL, and each shape with one thing wrong."""

import contextlib
from pathlib import Path

import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec import cbor, messages, objects, tables
from eiraku.spec.errors import Code, Refusal

SCHEMA = Validator(Path(__file__).parents[1] / "schema.cddl")


def is_in_schema(rule: str, data: bytes) -> bool:
    return bool(SCHEMA.validate(data, rule, require_deterministic=True))


octets = st.binary
epochs = st.integers(0, 2**32 - 1)
amounts = st.integers(0, 2**53 - 1)
intervals = st.tuples(epochs, epochs).map(sorted)


@st.composite
def purse_ids(draw: st.DrawFn) -> objects.PurseId:
    issued, expires = draw(intervals)
    return objects.PurseId(
        number=draw(octets(min_size=8, max_size=8).filter(any)),
        public_key=draw(octets(min_size=32, max_size=32)),
        role=draw(st.sampled_from(objects.Role)),
        tier=draw(st.integers(0, 7)),
        holder=draw(octets(min_size=32, max_size=32)),
        economy=draw(st.integers(1, 65535)),
        issued=issued,
        expires=expires,
        seal=draw(octets(min_size=16, max_size=16)),
        reserved=draw(octets(max_size=32)),
    )


@st.composite
def units(draw: st.DrawFn) -> objects.Unit:
    issued, expires = draw(intervals)
    return objects.Unit(
        number=draw(st.integers(0, 2**63 - 1)),
        issue=draw(st.integers(0, 2**32 - 1)),
        value=draw(amounts),
        economy=draw(st.integers(1, 65535)),
        issued=issued,
        expires=expires,
        max_hops=draw(st.integers(1, 255)),
        seal=draw(octets(min_size=16, max_size=16)),
        reserved=draw(octets(max_size=32)),
    )


transactions = octets(min_size=16, max_size=16)
signatures = st.lists(octets(min_size=64, max_size=64), max_size=3).map(tuple)
offered = st.builds(
    messages.OfferedUnit, unit=octets(max_size=40), hop=st.integers(0, 255), history=octets(max_size=40)
)
all_messages = st.one_of(
    st.builds(messages.Request, amount=amounts, reference=st.text(max_size=16)),
    st.builds(
        messages.Offer,
        transaction=transactions,
        amount=amounts,
        units=st.lists(offered, max_size=3).map(tuple),
    ),
    st.builds(messages.Accept, transaction=transactions, offer_digest=octets(min_size=32, max_size=32)),
    st.builds(messages.Pay, transaction=transactions, endorsements=signatures),
    st.builds(messages.Receipt, transaction=transactions, signature=octets(min_size=64, max_size=64)),
    st.builds(messages.Redeliver, offer=octets(max_size=80), endorsements=signatures),
    st.builds(messages.Reject, code=st.integers(1, 65535), index=st.none() | st.integers(0, 65535)),
)


@given(purse_ids())
def test_purse_id_round_trip_and_cddl(purse_id: objects.PurseId) -> None:
    data = purse_id.encode()
    assert objects.PurseId.decode(data) == purse_id
    assert is_in_schema("purse-id-claims", data)


@given(units())
def test_unit_round_trip_and_cddl(unit: objects.Unit) -> None:
    data = unit.encode()
    assert objects.Unit.decode(data) == unit
    assert is_in_schema("unit-payload", data)


@given(all_messages)
def test_message_round_trip_and_cddl(message: messages.Message) -> None:
    data = message.encode()
    assert messages.decode(data) == message
    assert is_in_schema("message", data)
    assert is_in_schema(type(message).__name__.lower(), data)


@given(st.data(), all_messages)
def test_a_message_with_one_item_more_or_less_is_refused(
    data: st.DataObject, message: messages.Message
) -> None:
    fields = cbor.decode(message.encode())
    assert isinstance(fields, tuple)
    wrong = data.draw(st.sampled_from([fields[:-1], (*fields, None), (*fields, 0)]))
    with pytest.raises(Refusal) as refusal:
        messages.decode(cbor.encode(wrong))
    assert refusal.value.code is Code.MALFORMED


@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_a_message_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refusal):
        assert messages.decode(data).encode() == data


@pytest.mark.parametrize("wrong", ((), (0,), (8, 1), (True, 1, ""), ("1",), (1, True, ""), (1, 2**53, "")))
def test_malformed_messages(wrong: tuple[cbor.Item, ...]) -> None:
    with pytest.raises(Refusal):
        messages.decode(cbor.encode(wrong))


def test_history_sizes_are_those_of_the_specification() -> None:
    assert [objects.history_size(hop) for hop in range(5)] == [151, 303, 456, 609, 762]
    assert all(objects.history_size(h + 1) - objects.history_size(h) <= 200 for h in range(255))


def test_a_layer_has_the_size_that_the_formula_gives() -> None:
    sealed = b""
    for hop in range(6):
        layer = objects.Layer(
            inner=sealed, payer=bytes(8), payee=bytes(8), transaction=bytes(16), signature=bytes(64)
        )
        assert is_in_schema("history-layer", layer.encode())
        sealed = bytes(48 + len(layer.encode()))
        assert len(sealed) == objects.history_size(hop)


def test_detached_payloads_match_the_cddl() -> None:
    endorsement = objects.EndorsementPayload(
        unit_id=bytes(32),
        hop=1,
        history_digest=bytes(32),
        payer=bytes(8),
        payee=bytes(8),
        transaction=bytes(16),
    )
    assert is_in_schema("endorsement-payload", endorsement.encode())
    receipt = objects.ReceiptPayload(
        transaction=bytes(16), payer=bytes(8), payee=bytes(8), amount=1, offer_digest=bytes(32)
    )
    assert is_in_schema("receipt-payload", receipt.encode())


def test_every_open_state_ends_on_reject_and_is_reachable() -> None:
    open_states = set(tables.Transfer) - {tables.Transfer.CLOSED}
    for state in open_states:
        assert tables.TRANSFER[state, tables.TransferEvent.REJECT, None] is tables.Transfer.CLOSED
    reached = set(tables.START.values()) | set(tables.TRANSFER.values())
    assert reached == set(tables.Transfer)


def test_illegal_pairs_are_the_complement_of_the_table() -> None:
    legal = {(state, event) for state, event, _ in tables.TRANSFER}
    illegal = set(tables.illegal_pairs())
    assert not legal & illegal
    assert len(legal) + len(illegal) == 6 * len(tables.TransferEvent)
    assert {(s, e) for s, e in tables.COMMITS} <= legal
