"""Wallets that obey RFC 9528 in other ways than the reference does: the suite must pass each of them."""

from collections.abc import Sequence
from typing import Any

from eiraku.conformance.mutants.wallet import MutantWallet
from eiraku.reference.edhoc import initiator, messages, party, responder
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.purse import handshake
from eiraku.testing.patches import Patch, edit

_encode_ead = messages.encode_ead
PADDING = (Ead(label=0, value=b"\xe9"), Ead(label=0))


def _identified(expression: str) -> Sequence[Patch]:
    """Whose connection identifier is that of the expression."""
    return [edit(handshake.party, ('connection_id=b""', f"connection_id={expression}"))]


def _padded(items: Sequence[Ead]) -> bytes:
    """EAD with padding before all else, so that `EPP member` stays the last item; once in message_1."""
    ours = tuple(items)
    member = [item for item in ours if item.label == 65002]
    return _encode_ead(ours if member else (*PADDING, *ours))


def _last(us: party.Party[Any], items: Sequence[Ead]) -> bytes:
    """EAD_2 or EAD_3 with an unknown item first and the purse ID after all others."""
    return messages.encode_ead((Ead(label=65100, value=b"\x07"), *items, *us.credential_ead))


def _among_others(us: party.Party[Any], items: Sequence[Ead]) -> bytes:
    """EAD_2 or EAD_3 with padding and unknown items around each item, one with a label of another message."""
    unknown = (Ead(label=65002, value=bytes(16)), Ead(label=7), *PADDING)
    return messages.encode_ead((*items, *unknown, *us.credential_ead, *unknown))


PATCHES: dict[str, Sequence[Patch]] = {
    "constant_integer": _identified('b"\\x05"'),
    "constant_bytes": _identified("bytes(range(8))"),
    "fresh_byte": _identified("env.random(1)"),
    "fresh_bytes": _identified("env.random(8)"),
    "purse_id_last": [(initiator, "ead_of", _last), (responder, "ead_of", _last)],
    "among_others": [(initiator, "ead_of", _among_others), (responder, "ead_of", _among_others)],
    "padding": [(messages, "encode_ead", _padded)],
}


def __getattr__(name: str) -> Any:
    """The factory of the wallet of that name, for `python:conformant_variants:NAME`."""
    if name not in PATCHES:
        raise AttributeError(name)
    return lambda: MutantWallet(name, lambda: PATCHES[name])
