"""The published vectors are what this implementation computes."""

import pytest

from eiraku.reference.vectors import example
from eiraku.reference.vectors.files import FILES
from eiraku.spec import messages
from eiraku.spec.vectors import forms


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_current(name: str) -> None:
    assert forms.render(FILES[name]()) == forms.read(name), "run eiraku maintain vectors --write"


def test_every_private_input_is_named() -> None:
    """What the objects of the example are made from stands in keys.json."""
    named = {bytes.fromhex(case.outputs.private) for case in forms.load("keys.json", forms.Keys).cases}
    assert {example.SCHEME_KEY, example.DEVICE_CENTRE.seal, example.ISSUING_CENTRE.seal} <= named
    for claims in example.CLAIMS.values():
        assert {claims.number, claims.holder} <= named
    assert {move.payload.transaction for move in example.MOVES.values()} <= named


def test_histories_open_with_the_history_key() -> None:
    """The issuing centre finds every move of a unit, the latest first."""
    layers = example.ISSUING_CENTRE.open_history(example.MOVES["unit-2-hop-2"].after)
    moves = [example.MOVES[f"unit-2-hop-{hop}"].payload for hop in (2, 1, 0)]
    assert [(layer.payer, layer.payee) for layer in layers] == [(move.payer, move.payee) for move in moves]


def test_every_message_is_read_back() -> None:
    steps = [step for case in forms.load("transfer.json", forms.Transfer).cases for step in case.steps]
    read = [messages.decode(bytes.fromhex(step.plaintext)) for step in steps]
    assert [type(message).__name__.upper() for message in read] == [step.message for step in steps]
    assert {type(message) for message in read} == set(messages.KINDS)
