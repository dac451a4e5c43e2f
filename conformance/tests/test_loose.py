from collections.abc import Callable

import pytest

from eiraku.conformance.tester import loose
from eiraku.spec import cbor
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal

ITEM: Item = (2, b"0123456789abcdef", -5, {1: "text", -1: (True, None)}, ((b"", 300),))
STRICT: dict[str, Callable[[Item], dict[str, bytes]]] = {
    "long heads": loose.long_heads,
    "indefinite": loose.indefinite,
    "foreign": loose.foreign,
    "bad text": loose.bad_text,
    "bad maps": loose.bad_maps,
    "deep": loose.deep,
    "hollow": loose.hollow,
}


def test_nodes_are_found_and_replaced_in_place() -> None:
    for path, node in loose.nodes(ITEM):
        assert loose.replaced(ITEM, path, cbor.encode(node)) == cbor.encode(ITEM)


@pytest.mark.parametrize("name", sorted(STRICT))
def test_strict_decoder_refuses_every_mutant(name: str) -> None:
    found = loose.mutants(ITEM, STRICT[name])
    assert found
    for mutant in found:
        if "unknown" in mutant.form:
            continue  # only a shape can know which keys there are
        with pytest.raises(Refusal) as caught:
            cbor.decode(mutant.data)
        assert caught.value.code is Code.MALFORMED, str(mutant)
        assert loose.again(ITEM, STRICT[name], mutant) == mutant.data


def test_other_shapes_are_rightly_encoded() -> None:
    for mutant in loose.mutants(ITEM, loose.other_shapes):
        assert cbor.encode(cbor.decode(mutant.data)) == mutant.data
        assert mutant.data != cbor.encode(ITEM)
