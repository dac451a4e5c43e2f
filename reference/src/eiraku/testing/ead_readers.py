"""How a purse reads ID_CRED_x and each EAD item, from the arrays that stand for them in `schema.cddl`.

All raise Refusal for what has another shape.
"""

from collections.abc import Callable
from dataclasses import replace

from eiraku.reference.edhoc import messages as handshake
from eiraku.reference.purse import credential
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.testing.patches import patched

Read = Callable[[bytes], object]


def as_sequence(data: bytes) -> bytes:
    """What the array in `data` stands for."""
    found = cbor.decode(data)
    if not isinstance(found, tuple):
        raise Refusal(Code.MALFORMED, "EPP-ENC-008", "no sequence")
    return cbor.encode_sequence(*found)


def version(read: Callable[[bytes], object]) -> Read:
    """The one EAD item in an array, whose value `read` reads."""

    def found(data: bytes) -> object:
        value = credential.only([one_item(data)[1]])
        if value is None:
            raise Refusal(Code.MALFORMED, "EPP-SES-010", "another item")
        return read(value)

    return found


def of_authentication(read: Read) -> Read:
    """A reader whose refusals are all `authentication`, as those of a plaintext are."""

    def found(data: bytes) -> object:
        try:
            return read(data)
        except Refusal as refusal:
            raise Refusal(Code.AUTHENTICATION, refusal.requirement, refusal.detail) from None

    return found


@of_authentication
def id_cred(data: bytes) -> None:
    """ID_CRED_x in full."""
    found = cbor.decode(data)
    if not isinstance(found, dict):
        raise Refusal(Code.MALFORMED, "EPP-SES-013", "no map")
    credential.check_id_cred(found)


def one_item(data: bytes) -> tuple[bytes, handshake.Ead]:
    """The EAD item that is all of an array, as it travels and as it is read."""
    sequence = as_sequence(data)
    items = handshake.read_plaintext_4(sequence)
    if len(items) != 1:
        raise Refusal(Code.MALFORMED, "EPP-SES-010", "another item")
    return sequence, items[0]


@of_authentication
def purse_id_item(data: bytes) -> object:
    """The item that brings a sealed purse ID."""
    return credential.sealed_in([one_item(data)[1]])


@of_authentication
def member_item(data: bytes) -> None:
    """The item that shows membership, at the end of a message_1; any 16 bytes are the right ones."""
    sequence, item = one_item(data)
    right = replace(credential.member(b"", b""), value=sequence[-objects.MEMBER_MAC :])
    with patched([(credential, "member", lambda *_: right)]):
        credential.check_member(credential.key_of([b""], sequence), sequence, [item])
