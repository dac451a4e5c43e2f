"""Wallets that each misread the specification in one place, for the hints. Loaded by path.

By the words of the hint: what the wallet does otherwise, and in which session the suite meets it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from eiraku.reference import history
from eiraku.reference.crypto import cose
from eiraku.reference.purse import credential, payee, payer, units
from eiraku.spec import messages
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch, edit

HASH = "__import__('hashlib')"
REPLACE = "__import__('dataclasses').replace"
CBOR = "__import__('eiraku.spec.cbor', fromlist=['x'])"


EACH = "for move, held in zip(state.moves, messages.decode(state.encoded).units)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Misreading:
    """One wallet."""

    table: str
    """Where the hint stands: a name of a table."""
    words: str
    patches: Callable[[bytes], Sequence[Patch]]
    """Given the public history key of the other money key."""
    play: str
    """What happens: ``give`` or ``take`` a payment, or ``pass on`` what was given."""
    side: Side
    violated: str


FOUND: list[Misreading] = []


def declare(
    words: str,
    function: Callable[..., Any],
    *changes: tuple[str, str],
    at: tuple[ModuleType, ...] = (),
) -> None:
    """A wallet with one function edited, `at` those modules that imported it by name."""

    def patches(_: bytes) -> Sequence[Patch]:
        owner, name, changed = edit(function, *changes)
        return [(owner, name, changed), *((module, name, changed) for module in at)]

    add(words, patches)


def add(words: str, patches: Callable[[bytes], Sequence[Patch]]) -> None:
    FOUND.append(Misreading(words=words, patches=patches, **AREA))  # type: ignore[arg-type]


AREA: dict[str, object] = {}


def area(table: str, play: str, side: Side, violated: str) -> None:
    AREA.update(table=table, play=play, side=side, violated=violated)


# --- signatures of objects ---

area("hints.SIGNATURE", "give", Side.RESPONDER, "EPP-TRF-050")
SIGNED = "to_be_signed(context, payload, kid=kid)"
STRUCTURE = "cbor.encode(({}, {}, context, payload))"
for words, instead in {
    "verifies over the payload alone, without a Sig_structure": "payload",
    "verifies over context and payload one after the other": "context + payload",
    "verifies with no context (empty external_aad)": "to_be_signed(b'', payload)",
    "verifies with the context as a text string": STRUCTURE.format("'Signature1'", "_protected(kid)").replace(
        "context", "context.decode()"
    ),
    "verifies with the context EPP/1 purse ID": "to_be_signed(b'EPP/1 purse ID', payload)",
    "verifies with the context EPP/1 bulletin": "to_be_signed(b'EPP/1 bulletin', payload)",
    "verifies with the context EPP/1 unit": "to_be_signed(b'EPP/1 unit', payload)",
    "verifies with the context EPP/1 endorsement": "to_be_signed(b'EPP/1 endorsement', payload)",
    "verifies with an empty protected header": STRUCTURE.format("'Signature1'", "b''"),
    "verifies with a protected header that is an empty map": STRUCTURE.format("'Signature1'", "bytes([160])"),
    "verifies with the Sig_structure of COSE_Sign": STRUCTURE.format("'Signature'", "_protected(kid)"),
    "verifies with the payload wrapped into a byte string once more": (
        "to_be_signed(context, cbor.encode(payload))"
    ),
    "verifies over the COSE_Sign1 array with an empty signature, not over a Sig_structure": (
        "cbor.encode((_protected(kid), {}, payload, b''))"
    ),
    "verifies over the SHA-256 digest of the Sig_structure": f"{HASH}.sha256({SIGNED}).digest()",
    "verifies over the SHA-512 digest of the Sig_structure": f"{HASH}.sha512({SIGNED}).digest()",
}.items():
    declare(words, cose.sign_detached, (SIGNED, instead))

area("hints.SIGNATURE", "take", Side.RESPONDER, "EPP-HIS-001")
declare(
    "verifies with the context EPP/1 receipt",
    cose.sign_detached,
    (SIGNED, "to_be_signed(b'EPP/1 receipt', payload)"),
)

area("hints.ENDORSEMENT", "take", Side.RESPONDER, "EPP-HIS-001")
for words, instead in {
    "verifies with hop - 1 (the hop at which the unit is held)": "hop=move.hop - 1",
    "verifies with hop + 1": "hop=move.hop + 1",
    "verifies with payer and payee exchanged": "payer=move.payee, payee=move.payer",
}.items():
    declare(words, units.endorse, ("move.encode()", f"{REPLACE}(move, {instead}).encode()"))
for words, instead in {
    "verifies with the digest of an empty history": "sha256(b'').digest()",
    "verifies with the digest of the history as a CBOR byte string": f"sha256({CBOR}.encode(inner)).digest()",
    "verifies with the first 32 bytes of the SHA-512 digest of the history": (
        f"{HASH}.sha512(inner).digest()[:32]"
    ),
}.items():
    declare(words, units.move, ("sha256(inner).digest()", instead))
for words, instead in {
    "verifies with the SHA-256 digest of the whole signed unit as unit_id": "held.unit",
    "verifies with the SHA-256 digest of the unit's payload as unit_id": (
        "__import__('eiraku.reference.crypto.cose', fromlist=['x']).parse(held.unit).payload"
    ),
}.items():
    declare(
        words,
        payer.on_accept,
        (
            "units.endorse(key, move) for move in state.moves",
            f"units.endorse(key, {REPLACE}(move, unit_id={HASH}.sha256({instead}).digest())) {EACH}",
        ),
    )

area("hints.RECEIPT", "give", Side.RESPONDER, "EPP-TRF-050")
for words, changes in {
    "verifies with payer and payee exchanged": (
        (
            "payer=payer,\n        payee=identity.claims.number",
            "payer=identity.claims.number,\n        payee=payer",
        ),
    ),
    "verifies with an amount of 0": (
        (
            "        amount=amount,\n        offer_digest=digest,\n    )\n    return",
            "        amount=0,\n        offer_digest=digest,\n    )\n    return",
        ),
    ),
}.items():
    declare(words, payee.credited, *changes)

area("hints.DIGEST", "give", Side.RESPONDER, "")
for words, instead in {
    "the digest of the OFFER as a CBOR byte string": f"sha256({CBOR}.encode(offer)).digest()",
    "the digest of the OFFER without its type": f"sha256({CBOR}.encode({CBOR}.decode(offer)[1:])).digest()",
    "the first 32 bytes of the SHA-512 digest of the OFFER": f"{HASH}.sha512(offer).digest()[:32]",
    "the SHA3-256 digest of the OFFER": f"{HASH}.sha3_256(offer).digest()",
}.items():
    declare(words, messages.offer_digest, ("sha256(offer).digest()", instead))

area("hints.MEMBER", "give", Side.INITIATOR, "EPP-SES-037")
KEY = 'hkdf.expand(hkdf.extract(b"", scheme_key), objects.INFO_MEMBER, 32)'
for words, instead in {
    "is the MAC under the scheme key itself": "scheme_key",
    "is the MAC under HKDF-Expand alone, without Extract": "hkdf.expand(scheme_key, objects.INFO_MEMBER, 32)",
    "is the MAC under a key with salt and secret exchanged": (
        "hkdf.expand(hkdf.extract(scheme_key, b''), objects.INFO_MEMBER, 32)"
    ),
    "is the MAC under a key with another info (that of sealed purse IDs)": KEY.replace(
        "INFO_MEMBER", "INFO_SEALED_PURSE_ID"
    ),
}.items():
    declare(words, credential.member, (KEY, instead))
MAC = "hmac.digest(key, before, hashlib.sha256)[: objects.MEMBER_MAC]"
for words, instead in {
    "is the last 16 bytes of the MAC, not the first": "hmac.digest(key, before, hashlib.sha256)[16:]",
    "is a MAC that covers the head of the item too": (
        "hmac.digest(key, before + bytes([0x39, 0xFD, 0xE9, 0x50]), hashlib.sha256)[:16]"
    ),
    "is a MAC over the digest of message_1": (
        "hmac.digest(key, hashlib.sha256(before).digest(), hashlib.sha256)[:16]"
    ),
}.items():
    declare(words, credential.member, (MAC, instead))

# --- what is sealed ---

area("hints_sealed.LAYER", "pass on", Side.RESPONDER, "EPP-HIS-003")
INFO = "layer_info(identifier)"
for words, (info, aad) in {
    "opens with an info without the unit_id": ("objects.INFO_HISTORY", "b''"),
    "opens with the unit_id alone as info": ("identifier", "b''"),
    "opens with no info": ("b''", "b''"),
    "opens with the unit_id in the info as a CBOR byte string": (
        f"objects.INFO_HISTORY + {CBOR}.encode(identifier)",
        "b''",
    ),
    "opens with the unit_id as associated data": ("objects.INFO_HISTORY", "identifier"),
    "opens with the info as associated data too": (INFO, INFO),
}.items():
    declare(
        words,
        history.seal_layer,
        (f"{INFO}, layer.encode(), ephemeral", f"{info}, layer.encode(), aad={aad}, ephemeral"),
    )
for words, instead in {
    "opens with the SHA-256 digest of the whole signed unit as unit_id": "unit.raw",
    "opens with the SHA-256 digest of the unit's payload as unit_id": "cose.parse(unit.raw).payload",
}.items():
    declare(words, units.hold, ("identifier=unit.unit_id", f"identifier=sha256({instead}).digest()"))
declare(
    "opens with enc after the ciphertext",
    history.seal_layer,
    ("return hpke.seal(", "return (lambda sealed: sealed[32:] + sealed[:32])(hpke.seal("),
    ("ephemeral=ephemeral)", "ephemeral=ephemeral))"),
)
add(
    "opens under the history key of another money key",
    lambda other: [
        edit(history.seal_layer, ("hpke.seal(history_key", f"hpke.seal(bytes.fromhex('{other.hex()}')"))
    ],
)

area("hints_sealed.CONTENT", "pass on", Side.RESPONDER, "EPP-HIS-003")
for words, held in {
    "holds payer and payee exchanged": (
        ("payer=move.payer", "payer=move.payee"),
        ("payee=move.payee", "payee=move.payer"),
    ),
    "holds an empty history": (("        inner=inner,", "        inner=b'',"),),
    "holds the digest of the history instead of the history": (
        ("        inner=inner,", "        inner=sha256(inner).digest(),"),
    ),
}.items():
    declare(words, units.hold, *held)

area("hints_sealed.PURSE_ID", "give", Side.RESPONDER, "EPP-PID-008")
MATERIAL = "hkdf.expand(hkdf.extract(nonce, scheme_key), objects.INFO_SEALED_PURSE_ID, 44)"
for words, instead in {
    "opens with salt and secret exchanged": MATERIAL.replace("nonce, scheme_key", "scheme_key, nonce"),
    "opens with the nonce in the info and no salt": (
        "hkdf.expand(hkdf.extract(b'', scheme_key), objects.INFO_SEALED_PURSE_ID + nonce, 44)"
    ),
    "opens with no info": MATERIAL.replace("objects.INFO_SEALED_PURSE_ID", "b''"),
    "opens with another info (that of EPP member)": MATERIAL.replace("INFO_SEALED_PURSE_ID", "INFO_MEMBER"),
    "opens under the scheme key itself, the nonce cut to 12 bytes": "scheme_key + nonce[:12]",
}.items():
    declare(words, credential._key, (MATERIAL, instead))
declare(
    "opens with the vector before the key",
    credential._key,
    ("material[:32], material[32:]", "material[12:], material[:12]"),
)
OPENED = 'CHACHA20_POLY1305.seal(key, iv, b"", padded)'
declare("opens with the nonce as associated data", credential.seal, (OPENED, OPENED.replace('b""', "nonce")))
declare(
    "opens with the nonce after the ciphertext", credential.seal, (f"nonce + {OPENED}", f"{OPENED} + nonce")
)
