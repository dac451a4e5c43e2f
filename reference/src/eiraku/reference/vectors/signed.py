"""keys.json, objects.json and sealing.json: every key by name, and every object that is signed or sealed."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from eiraku.reference.crypto import cose, ed25519, hkdf, hpke
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc.messages import encode_ead
from eiraku.reference.history import layer_info, unit_id
from eiraku.reference.purse import credential
from eiraku.reference.vectors import example
from eiraku.reference.vectors.example import plain, secret
from eiraku.spec import cbor, key_lists, objects
from eiraku.spec.messages import Offer, offer_digest
from eiraku.spec.objects import Layer, ReceiptPayload
from eiraku.spec.record import Record
from eiraku.spec.vectors import forms

SIGNING = (
    *("purse master key", "unit key", *(f"purse key {name}" for name in example.KEYS)),
    *("device root", "money root", "second purse master key", "second unit key"),
)
AGREEMENT = (
    "history key",
    "second history key",
    "ephemeral A",
    "ephemeral B",
    *(move.ephemeral for move in example.MOVES.values()),
)
CHOSEN = {
    "scheme key": (32, "EPP-PID-008"),
    "second scheme key": (32, "EPP-KEY-048"),
    "device seal": (16, "EPP-PID-003"),
    "money seal": (16, "EPP-UNI-003"),
    "nonce A": (16, "EPP-PID-009"),
    "nonce B": (16, "EPP-PID-009"),
    "issue 1": (16, "EPP-CEN-012"),
    "issue 2": (16, "EPP-CEN-012"),
    "transaction C": (16, "EPP-TRF-003"),
    "transaction": (16, "EPP-TRF-003"),
    "reserved": (32, "EPP-UNI-008"),
    "policy": (32, "EPP-BUL-001"),
    **{f"holder {name}": (32, "EPP-PID-001") for name in example.KEYS},
    **{f"purse number {name}": (8, "EPP-PID-001") for name in example.KEYS},
}
"""Length in bytes of each private input that is no key, and what asks for it."""


# --- keys.json ---


def keys() -> forms.Keys:
    """The file."""
    return forms.Keys(
        schema="keys.schema.json",
        title="EPP/1: every key and every chosen value, by name; trust anchor and policy",
        about="A private input is the first bytes of SHA-256 of its name. The other files use these values.",
        cases=tuple(_keys()),
        anchor=example.ANCHOR.to_mapping(),
        policy=example.POLICY.to_mapping(),
    )


def _keys() -> Iterator[forms.Key]:
    for name in SIGNING:
        public = SigningKey(secret(name)).public
        kid = ed25519.key_id(public)
        outputs = forms.NamedKey(private=secret(name).hex(), public=public.hex(), kid=kid.hex())
        yield _key("Ed25519", name, 32, "EPP-KEY-008", outputs)
    for name in AGREEMENT:
        public = AgreementKey(secret(name)).public
        outputs = forms.NamedKey(private=secret(name).hex(), public=public.hex(), kid=None)
        yield _key("X25519", name, 32, "EPP-HIS-007" if name.startswith("layer") else "EPP-SES-011", outputs)
    for name, (length, rule) in CHOSEN.items():
        outputs = forms.NamedKey(private=secret(name, length).hex(), public=None, kid=None)
        yield _key("bytes", name, length, rule, outputs)


def _key(kind: Any, name: str, length: Any, rule: str, outputs: forms.NamedKey) -> forms.Key:
    return forms.Key(
        id=name.replace(" ", "-"),
        requirements=(rule,),
        kind=kind,
        inputs=forms.Named(name=name, length=length),
        outputs=outputs,
    )


# --- objects.json ---


KINDS = {
    "purse ID": (objects.CONTEXT_PURSE_ID, True, ("EPP-PID-001", "EPP-PID-002")),
    "device keys": (key_lists.CONTEXT_DEVICE_KEYS, True, ("EPP-KEY-020", "EPP-KEY-022", "EPP-KEY-037")),
    "money keys": (key_lists.CONTEXT_MONEY_KEYS, True, ("EPP-KEY-020", "EPP-KEY-022", "EPP-KEY-037")),
    "bulletin": (objects.CONTEXT_BULLETIN, True, ("EPP-BUL-001",)),
    "unit": (objects.CONTEXT_UNIT, True, ("EPP-UNI-002", "EPP-UNI-009")),
    "endorsement": (objects.CONTEXT_ENDORSEMENT, False, ("EPP-HIS-001", "EPP-HIS-002")),
    "receipt": (objects.CONTEXT_RECEIPT, False, ("EPP-TRF-017", "EPP-TRF-050")),
}
"""Context string of each kind of object, whether a centre signs it, and what it is about."""


def offer() -> Offer:
    """The OFFER of the payment, whose digest the receipt signs."""
    units = tuple(move.before for move in example.PAID)
    return Offer(transaction=example.TRANSACTION, amount=example.AMOUNT, units=units)


def receipt() -> ReceiptPayload:
    """What B signs when it has been paid."""
    return ReceiptPayload(
        transaction=example.TRANSACTION,
        payer=example.CLAIMS["A"].number,
        payee=example.CLAIMS["B"].number,
        amount=example.AMOUNT,
        offer_digest=offer_digest(offer().encode()),
    )


def signed_objects() -> forms.Objects:
    """The file."""
    return forms.Objects(
        schema="objects.schema.json",
        title="EPP/1: signed objects, each in all its parts",
        about="The Sig_structure (RFC 9052 section 4.4) is what the signature covers.",
        cases=tuple(_objects()),
    )


def _objects() -> Iterator[forms.SignedObject]:
    for name, claims in example.CLAIMS.items():
        yield _signed(f"purse-id-{name}", "purse ID", "purse master key", claims)
    for number, bulletin in enumerate(example.BULLETINS, start=1):
        yield _signed(f"bulletin-{number}", "bulletin", "purse master key", bulletin)
    for number, unit in enumerate(example.UNITS, start=1):
        yield _signed(f"unit-{number}", "unit", "unit key", unit)
    for number, devices in enumerate(example.DEVICE_LISTS, start=1):
        yield _signed(f"device-keys-{number}", "device keys", "device root", devices)
    for number, money in enumerate(example.MONEY_LISTS, start=1):
        yield _signed(f"money-keys-{number}", "money keys", "money root", money)
    yield _signed("unit-under-a-revoked-key", "unit", "unit key", example.LATER)
    yield _signed("unit-under-a-successor", "unit", "second unit key", example.LATER)
    for name, move in example.MOVES.items():
        yield _signed(f"endorsement-{name}", "endorsement", move.signer, move.payload)
    yield _signed("receipt", "receipt", "purse key B", receipt())


def _signed(name: str, kind: str, signer: str, content: Record) -> forms.SignedObject:
    key, payload = SigningKey(secret(signer)), content.encode()
    context, by_centre, rules = KINDS[kind]
    kid = ed25519.key_id(key.public) if by_centre else None
    covered = cose.to_be_signed(context, payload, kid=kid)
    protected = cbor.decode(covered)
    if not isinstance(protected, tuple) or not isinstance(protected[1], bytes):
        raise TypeError("a Sig_structure is an array")
    return forms.SignedObject(
        id=name,
        requirements=rules,
        object=kind,
        inputs=forms.ToSign(
            private_key=secret(signer).hex(), kid=by_centre, context=context.decode(), fields=plain(content)
        ),
        outputs=forms.Signed(
            public_key=key.public.hex(),
            protected=protected[1].hex(),
            payload=payload.hex(),
            sig_structure=covered.hex(),
            signature=cose.sign_detached(key, context, payload, kid=kid).hex(),
            encoded=cose.sign(key, context, payload, kid=kid).hex() if by_centre else None,
            unit_id=unit_id(kid, payload).hex() if kind == "unit" and kid else None,
        ),
    )


# --- sealing.json ---


def sealing() -> forms.Sealing:
    """The file."""
    return forms.Sealing(
        schema="sealing.schema.json",
        title="EPP/1: sealed purse IDs, and the layers of sealed histories",
        about="HPKE (RFC 9180): base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.",
        cases=(*map(_sealed_purse_id, "AB"), *_layers()),
    )


def _sealed_purse_id(name: str) -> forms.PurseIdSealing:
    nonce, purse_id = secret(f"nonce {name}", objects.SEALED_NONCE), example.PURSE_IDS[name]
    item = credential.seal(example.SCHEME_KEY, nonce, purse_id)
    sealed = item.value or b""
    both = hkdf.expand(hkdf.extract(nonce, example.SCHEME_KEY), objects.INFO_SEALED_PURSE_ID, 44)
    return forms.PurseIdSealing(
        id=f"sealed-purse-id-{name}",
        requirements=("EPP-PID-008", "EPP-PID-010", "EPP-PID-013"),
        inputs=forms.ToSealPurseId(
            scheme_key=example.SCHEME_KEY.hex(), nonce=nonce.hex(), purse_id=purse_id.hex()
        ),
        outputs=forms.SealedPurseId(
            info=objects.INFO_SEALED_PURSE_ID.hex(),
            aad="",
            key=both[:32].hex(),
            iv=both[32:].hex(),
            ciphertext=sealed[objects.SEALED_NONCE :].hex(),
            sealed=sealed.hex(),
            ead_item=encode_ead([item]).hex(),
        ),
    )


def _layers() -> Iterator[forms.LayerSealing]:
    for name, move in example.MOVES.items():
        layer = Layer(
            inner=move.before.history,
            payer=move.payload.payer,
            payee=move.payload.payee,
            transaction=move.payload.transaction,
            signature=move.signature,
        )
        sealed = move.after.history
        yield forms.LayerSealing(
            id=f"layer-{name}",
            requirements=("EPP-HIS-003", "EPP-HIS-004"),
            inputs=forms.ToSealLayer(
                history_private_key=secret("history key").hex(),
                ephemeral_private_key=secret(move.ephemeral).hex(),
                unit_id=move.payload.unit_id.hex(),
                fields=plain(layer),
            ),
            outputs=forms.SealedLayer(
                history_public_key=example.MONEY.history_key.public.hex(),
                enc=sealed[: hpke.ENC_LENGTH].hex(),
                info=layer_info(move.payload.unit_id).hex(),
                aad="",
                plaintext=layer.encode().hex(),
                ciphertext=sealed[hpke.ENC_LENGTH :].hex(),
                sealed=sealed.hex(),
                digest=sha256(sealed).hexdigest(),
            ),
        )
