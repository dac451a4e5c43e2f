"""Patches: what an edit changes, that it refuses stale text, and that nothing of it stays behind."""

from collections.abc import Callable

import pytest

from eiraku.reference.purse import select
from eiraku.reference.store import Store
from eiraku.testing.patches import StalePatch, edit, instead, patched

SIZE = 1 + 2 + 100 + 1 + 3 + 300 + 66


def size() -> int:
    """As `EPP-TRF-060` counts it."""
    return select.unit_size(100, 5, 300)


def test_an_edit_changes_the_function_only_while_it_holds() -> None:
    assert size() == SIZE
    with patched([edit(select.unit_size, ("+ 66", "+ 67"))]):
        assert size() == SIZE + 1
    assert size() == SIZE


def test_an_edited_function_sees_other_patches() -> None:
    """It looks names up in the module of the original, as the original does."""
    with patched([edit(select.unit_size, ("+ 66", "+ 67")), (select, "_head", lambda _: 0)]):
        assert size() == SIZE + 1 - 2 - 1 - 3
    assert size() == SIZE


@pytest.mark.parametrize("old", ("text that is nowhere", "e"))
def test_text_that_is_not_there_exactly_once_is_refused(old: str) -> None:
    with pytest.raises(StalePatch, match="expected this text once"):
        edit(select.unit_size, (old, ""))


@pytest.mark.parametrize("thing", (len, Store, "text"))
def test_only_a_function_with_a_source_can_be_edited(thing: Callable[..., object]) -> None:
    with pytest.raises(TypeError):
        edit(thing, ("a", "b"))


def test_a_method_is_patched_in_its_class() -> None:
    patch = instead(Store.digest, lambda _: b"nothing")
    assert patch[0] is Store
    original = vars(Store)["digest"]
    with patched([patch]):
        assert vars(Store)["digest"] is patch[2]
    assert vars(Store)["digest"] is original


def test_patches_are_undone_after_a_defect() -> None:
    original = select.unit_size
    with pytest.raises(ZeroDivisionError), patched([(select, "unit_size", None)]):
        raise ZeroDivisionError
    assert select.unit_size is original
