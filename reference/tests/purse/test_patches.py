"""Patches: what an edit changes, that it refuses stale text, and that nothing of it stays behind."""

from collections.abc import Callable

import pytest

from eiraku.reference.crypto import hkdf
from eiraku.reference.store import Store
from eiraku.testing.patches import StalePatch, edit, instead, patched

SALT, SECRET = bytes(32), bytes(range(32))


def expanded() -> bytes:
    return hkdf.expand(hkdf.extract(SALT, SECRET), b"info", 16)


def test_an_edit_changes_the_function_only_while_it_holds() -> None:
    right = expanded()
    patch = edit(hkdf.expand, ("bytes([counter])", "bytes([counter + 1])"))
    with patched([patch]):
        assert expanded() != right
    assert expanded() == right


def test_an_edited_function_sees_other_patches() -> None:
    """It looks names up in the module of the reference, as the original does."""
    edited = edit(hkdf.expand, ("255 * HASH_LENGTH", "1 * HASH_LENGTH"))
    with (
        patched([edited, (hkdf, "HASH_LENGTH", 8)]),
        pytest.raises(ValueError, match="16"),
    ):
        expanded()


@pytest.mark.parametrize("old", ("text that is nowhere", "e"))
def test_text_that_is_not_there_exactly_once_is_refused(old: str) -> None:
    with pytest.raises(StalePatch, match="expected this text once"):
        edit(hkdf.expand, (old, ""))


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
    original = hkdf.expand
    with pytest.raises(ZeroDivisionError), patched([(hkdf, "expand", None)]):
        raise ZeroDivisionError
    assert hkdf.expand is original
