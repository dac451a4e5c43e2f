import hashlib

import pytest

from eiraku.conformance.tester.edwards import (
    BASE,
    HONEST,
    IDENTITY,
    KEY_FORMS,
    MIXED_ORDER,
    ORDER_8,
    SIGNATURE_FORMS,
    SMALL,
    CraftedKey,
    Form,
    L,
    P,
    add,
    decode,
    encode,
    multiply,
)
from eiraku.reference.crypto import ed25519

SEED = bytes(range(32))
MESSAGE = b"message"
FORMS = SIGNATURE_FORMS | KEY_FORMS


def equation(public: bytes, message: bytes, signature: bytes, *, cofactor: int) -> bool:
    """[cofactor][S]B = [cofactor](R + [k]A), with nothing checked."""
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    s = int.from_bytes(signature[32:], "little")
    right = add(decode(signature[:32]), multiply(k, decode(public)))
    return multiply(cofactor * s, BASE) == multiply(cofactor, right)


def test_group() -> None:
    assert multiply(L, BASE) == IDENTITY
    assert multiply(8, ORDER_8) == IDENTITY
    assert len(set(SMALL)) == 8
    assert all(decode(encode(point)) == point for point in SMALL)
    assert BASE[1] == 4 * pow(5, -1, P) % P


def test_honest_form_is_rfc_8032() -> None:
    crafted, honest = CraftedKey(SEED, HONEST), ed25519.SigningKey(SEED)
    assert crafted.public == honest.public
    assert crafted.sign(MESSAGE) == honest.sign(MESSAGE)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_forms_are_what_they_say(name: str) -> None:
    form = FORMS[name]
    for message in (b"", MESSAGE, bytes(300)):
        key = CraftedKey(SEED, form)
        signature = key.sign(message)
        assert equation(key.public, message, signature, cofactor=8)
        assert equation(key.public, message, signature, cofactor=1) == form.holds
        assert not ed25519.verify(key.public, message, signature)


@pytest.mark.parametrize("name", sorted(KEY_FORMS))
def test_keys_that_are_bad_in_themselves_are_known_as_such(name: str) -> None:
    key = CraftedKey(SEED, KEY_FORMS[name])
    assert ed25519.acceptable_point(key.public) == ("mixed" in name)


def test_mixed_order_key_may_verify() -> None:
    key = CraftedKey(SEED, MIXED_ORDER)
    assert ed25519.verify(key.public, MESSAGE, key.sign(MESSAGE))


def test_impossible_form() -> None:
    with pytest.raises(ValueError, match="no signature"):
        CraftedKey(SEED, Form(r_is_small=True, r_torsion=1)).sign(MESSAGE)
