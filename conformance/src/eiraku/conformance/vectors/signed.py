"""negative-objects.json: units, purse IDs, endorsements, receipts that do not verify (chapters 3, 4)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from eiraku.conformance.adapter.wire import to_wire
from eiraku.conformance.results import Level
from eiraku.conformance.suite import odd_claims
from eiraku.conformance.suite.odd_encodings import chosen
from eiraku.conformance.suite.odd_signatures import ALTERED, COSE_FORMS
from eiraku.conformance.suite.signed_objects import SEEDS, Task, device_task, known_keys, signed, unit_task
from eiraku.conformance.tester import edwards, loose
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, World
from eiraku.conformance.vectors import judged
from eiraku.conformance.vectors.judged import Judge, case, cases, numbered
from eiraku.conformance.vectors.recording import SEED
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.purse import credential
from eiraku.reference.vectors.example import plain
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.objects import EndorsementPayload, PurseId, ReceiptPayload, Unit
from eiraku.spec.vectors.negative_forms import (
    EndorsementGroup,
    ObjectsRefused,
    PurseIdGroup,
    ReceiptGroup,
    Refusable,
    SealedGroup,
    UnitGroup,
)

STRICT = {
    "S-plus-L": "EPP-KEY-004",
    "R-identity": "EPP-KEY-003",
    "R-identity-y-plus-p": "EPP-KEY-003",
    "R-identity-sign-of-zero": "EPP-KEY-003",
    "R-order-8": "EPP-KEY-003",
    "R-mixed-order": "EPP-KEY-001",
    "A-mixed-order-cofactored": "EPP-KEY-001",
}
"""What refuses a signature of a form; a key of another form is refused by EPP-KEY-002."""
OTHER_CONTEXTS = (
    objects.CONTEXT_PURSE_ID,
    objects.CONTEXT_BULLETIN,
    objects.CONTEXT_UNIT,
    objects.CONTEXT_ENDORSEMENT,
    objects.CONTEXT_RECEIPT,
    b"",
)


def signed_objects() -> ObjectsRefused:
    """The file."""
    world = World(SEED, policy())
    known_keys(world)
    anchor = to_wire(world.anchor())
    trusted = TrustAnchor.from_mapping(anchor)
    return ObjectsRefused(
        schema="negative-objects.schema.json",
        title="EPP/1: units, purse IDs, endorsements and receipts that are refused",
        about="But for the fault that the id names, each object is right, and rightly signed.",
        groups=(
            UnitGroup(
                id="unit", anchor=anchor, epoch=world.at(EPOCH), cases=tuple(numbered(_units(world, trusted)))
            ),
            PurseIdGroup(id="purse-id", anchor=anchor, cases=tuple(numbered(_purse_ids(world, trusted)))),
            SealedGroup(id="sealed-purse-id", scheme_key=world.scheme_key.hex(), cases=tuple(_sealed(world))),
            *_endorsements(world),
            *_receipts(world),
        ),
    )


def _signatures(name: str, judge: Judge, task: Task, code: Code, rule: str) -> Iterator[Refusable]:
    """Signatures that only a lax verifier takes, and right ones of objects of another kind."""
    for form, made in edwards.SIGNATURE_FORMS.items():
        data = signed(task, key=edwards.CraftedKey(task.seed, made))
        yield case(f"{name}-{form}", judge, data, code, rule, STRICT[form])
    for context in OTHER_CONTEXTS:
        if context != task.context:
            what = context.decode().removeprefix("EPP/1 ") or "nothing"
            data = signed(task, context=context)
            yield case(f"{name}-signed-as-{what}", judge, data, code, rule, "EPP-KEY-006")


def _by_centre(name: str, judge: Judge, task: Task, code: Code, rule: str) -> Iterator[Refusable]:
    """Faults of what a centre signs, that are no matter of its content."""
    malformed = code if code is Code.AUTHENTICATION else Code.MALFORMED
    yield case(name, judge, signed(task), None, rule)
    altered = {form: craft(task) for form, craft in ALTERED.items()}
    yield from cases(name, judge, altered, code, rule)
    odd = {form: craft(task) for form, craft in COSE_FORMS.items()}
    yield from cases(name, judge, odd, malformed, "EPP-KEY-005")
    yield from _signatures(name, judge, task, code, rule)
    stranger = SigningKey(task.world.random(32))
    kids = {"unknown-kid": task.world.random(8), "kid-of-nothing": bytes(8)}
    for form, kid in kids.items():
        data = signed(task, key=stranger, kid=kid)
        yield case(f"{name}-{form}", judge, data, code, rule, "EPP-KEY-008")
    other = task.world.device if task.context == objects.CONTEXT_UNIT else task.world.issuing
    seed = SEEDS["device" if task.context == objects.CONTEXT_UNIT else "unit"]
    data = signed(task, key=SigningKey(seed), kid=other.keys[-1].kid)
    yield case(f"{name}-by-the-other-centre", judge, data, code, rule, "EPP-KEY-007")


def _shapes(name: str, judge: Judge, task: Task, code: Code, rule: str) -> Iterator[Refusable]:
    """Payloads of another shape, rightly signed."""
    for mutant in chosen(task.payload, loose.other_shapes, _kind(task).decode, Level.STANDARD):
        data = signed(replace(task, payload=mutant.data))
        yield case(f"{name}-payload-{mutant}", judge, data, code, rule, "EPP-ENC-008")


def _kind(task: Task) -> type[Unit] | type[PurseId]:
    return Unit if task.context == objects.CONTEXT_UNIT else PurseId


# --- units ---

UNITS: dict[str, tuple[dict[str, Any], Code | None, str]] = {
    "other-seal": ({"seal": b"\x5a" * 16}, Code.UNIT_SEAL, "EPP-UNI-003"),
    "foreign-economy": ({"economy": Economy.FOREIGN}, Code.UNIT_ECONOMY, "EPP-UNI-004"),
    "other-economy": ({"economy": Economy.OTHER}, None, "EPP-UNI-004"),
    "expired": ({"expires": EPOCH - 1}, Code.UNIT_EXPIRED, "EPP-UNI-005"),
    "last-epoch": ({"expires": EPOCH}, None, "EPP-UNI-005"),
    "from-the-future": ({"issued": EPOCH + 1}, None, "EPP-UNI-006"),
    "value-0": ({"value": 0}, Code.UNIT_VALUE, "EPP-UNI-007"),
    "value-3": ({"value": 3}, Code.UNIT_VALUE, "EPP-UNI-007"),
    "value-2-to-the-40": ({"value": 2**40}, None, "EPP-UNI-007"),
    "value-2-to-the-41": ({"value": 2**41}, Code.UNIT_VALUE, "EPP-UNI-007"),
    "value-one-less": ({"value": 2**40 - 1}, Code.UNIT_VALUE, "EPP-UNI-007"),
    "reserved-32-bytes": ({"reserved": bytes(range(32))}, None, "EPP-UNI-008"),
    "reserved-33-bytes": ({"reserved": bytes(33)}, Code.MALFORMED, "EPP-UNI-001"),
    "reserved-so-that-257-bytes": ({"reserved": bytes(140)}, Code.MALFORMED, "EPP-UNI-001"),
    "issued-after-it-expires": ({"issued": 151, "expires": 150}, Code.MALFORMED, "EPP-UNI-001"),
    "issued-before-its-key": ({"issued": 49}, Code.UNIT_SIGNATURE, "EPP-KEY-009"),
    "first-epoch-of-its-key": ({"issued": 50}, None, "EPP-KEY-009"),
    "issued-after-its-key": (
        {"issued": LAST_EPOCH + 1, "expires": LAST_EPOCH + 1},
        Code.UNIT_SIGNATURE,
        "EPP-KEY-009",
    ),
    "number-too-great": ({"number": 2**63}, Code.MALFORMED, "EPP-UNI-001"),
    "greatest-number": ({"number": 2**63 - 1, "issue": 2**32 - 1}, None, "EPP-UNI-001"),
    "max-hops-0": ({"max_hops": 0}, Code.MALFORMED, "EPP-UNI-001"),
    "max-hops-256": ({"max_hops": 256}, Code.MALFORMED, "EPP-UNI-001"),
    "seal-before-economy": ({"seal": bytes(16), "economy": Economy.FOREIGN}, Code.UNIT_SEAL, "EPP-TRF-037"),
    "economy-before-expiry": (
        {"economy": Economy.FOREIGN, "expires": EPOCH - 1},
        Code.UNIT_ECONOMY,
        "EPP-TRF-046",
    ),
    "expiry-before-value": ({"expires": EPOCH - 1, "value": 3}, Code.UNIT_EXPIRED, "EPP-TRF-038"),
}
"""Units with other content, rightly signed."""


def _units(world: World, trusted: TrustAnchor) -> Iterator[Refusable]:
    judge, right = judged.unit(trusted, world.at(EPOCH)), world.unit(8)
    task = unit_task(world, right.encode())
    yield from _by_centre("unit", judge, task, Code.UNIT_SIGNATURE, "EPP-UNI-002")
    yield from _shapes("unit", judge, task, Code.MALFORMED, "EPP-UNI-001")
    for name, (changes, code, rule) in UNITS.items():
        data = signed(unit_task(world, replace(right, **world.seen(changes)).encode()))
        yield case(f"unit-{name}", judge, data, code, rule)


# --- purse IDs ---

PURSE_IDS: dict[str, tuple[dict[str, Any], Code | None, str]] = {
    "other-seal": ({"seal": b"\x5a" * 16}, Code.AUTHENTICATION, "EPP-PID-003"),
    "foreign-economy": ({"economy": Economy.FOREIGN}, Code.AUTHENTICATION, "EPP-PID-007"),
    "other-economy": ({"economy": Economy.OTHER}, None, "EPP-PID-007"),
    "from-the-future": ({"issued": EPOCH + 1}, None, "EPP-PID-005"),
    "expired": ({"expires": EPOCH - 1}, None, "EPP-PID-004"),
    "reserved-32-bytes": ({"reserved": bytes(range(32))}, None, "EPP-PID-006"),
    "reserved-33-bytes": ({"reserved": bytes(33)}, Code.AUTHENTICATION, "EPP-PID-001"),
    "issued-before-its-key": ({"issued": 49}, Code.AUTHENTICATION, "EPP-KEY-009"),
    "first-epoch-of-its-key": ({"issued": 50}, None, "EPP-KEY-009"),
}
"""Purse IDs with other claims, rightly signed; expiry is looked at later."""


def _purse_ids(world: World, trusted: TrustAnchor) -> Iterator[Refusable]:
    judge = judged.purse_id(trusted)
    right = world.purse().claims
    task = device_task(world, objects.CONTEXT_PURSE_ID, right.encode())
    yield from _by_centre("purse-id", judge, task, Code.AUTHENTICATION, "EPP-PID-002")
    for name, change in odd_claims.SHAPES.items():
        claims = odd_claims.claims_of(right)
        change(claims)
        payload = cbor.encode({k: tuple(v) if isinstance(v, list) else v for k, v in claims.items()})
        data = signed(replace(task, payload=payload))
        yield case(f"purse-id-{name}", judge, data, Code.AUTHENTICATION, "EPP-PID-001")
    for name, (changes, code, rule) in PURSE_IDS.items():
        data = signed(replace(task, payload=replace(right, **world.seen(changes)).encode()))
        yield case(f"purse-id-{name}", judge, data, code, rule)


# --- sealed purse IDs ---


def _sealed(world: World) -> Iterator[Refusable]:
    judge, purse_id, nonce = judged.sealed(world.scheme_key), world.purse().purse_id, world.random(16)
    right = credential.seal(world.scheme_key, nonce, purse_id).value or b""
    other = credential.seal(world.random(32), nonce, purse_id).value or b""
    faults = {
        "other-scheme-key": other,
        "nonce-altered": bytes([right[0] ^ 1]) + right[1:],
        "ciphertext-altered": right[:40] + bytes([right[40] ^ 1]) + right[41:],
        "tag-altered": right[:-1] + bytes([right[-1] ^ 1]),
        "tag-cut": right[:-1],
        "surplus-byte": right + b"\0",
        "nonce-only": right[:16],
        "32-bytes": right[:32],
        "empty": b"",
        "not-sealed": purse_id,
        "545-bytes": right.ljust(545, b"\0"),
    }
    yield case("sealed-purse-id", judge, right, None, "EPP-PID-008")
    yield from cases("sealed-purse-id", judge, faults, Code.AUTHENTICATION, "EPP-PID-010")


# --- detached signatures ---


def _detached(
    name: str, judge: Judge, task: Task, code: Code, rule: str, *, others: dict[str, bytes]
) -> Iterator[Refusable]:
    yield case(name, judge, signed(task), None, rule)
    yield from cases(name, judge, {form: craft(task) for form, craft in ALTERED.items()}, code, rule)
    yield from _signatures(name, judge, task, code, rule)
    yield case(f"{name}-with-a-kid", judge, signed(task, kid=bytes(8)), code, rule, "EPP-KEY-005")
    for what, payload in others.items():
        data = signed(replace(task, payload=payload))
        yield case(f"{name}-for-{what}", judge, data, code, rule)


def _endorsements(world: World) -> Iterator[EndorsementGroup]:
    payload = EndorsementPayload(
        unit_id=world.random(32),
        hop=2,
        history_digest=world.random(32),
        payer=world.peer.number,
        payee=world.wallet.number,
        transaction=world.random(16),
    )
    task = _purse_task(world, objects.CONTEXT_ENDORSEMENT, payload.encode())
    judge = judged.endorsement(task.key.public, payload)
    changes: dict[str, dict[str, Any]] = {
        "another-unit": {"unit_id": bytes(32)},
        "a-lower-hop": {"hop": 1},
        "a-higher-hop": {"hop": 3},
        "another-history": {"history_digest": bytes(32)},
        "another-payer": {"payer": bytes(8)},
        "another-payee": {"payee": payload.payer},
        "another-transaction": {"transaction": bytes(16)},
    }
    others = {what: replace(payload, **change).encode() for what, change in changes.items()}
    found = _detached("endorsement", judge, task, Code.ENDORSEMENT, "EPP-HIS-002", others=others)
    public, fields = task.key.public.hex(), plain(payload)
    yield EndorsementGroup(id="endorsement", public_key=public, fields=fields, cases=tuple(found))
    keys = {**edwards.KEY_FORMS, "A-mixed-order": edwards.MIXED_ORDER}
    for form, made in keys.items():
        key = edwards.CraftedKey(task.seed, made)
        right = form == "A-mixed-order"
        one = case(
            f"endorsement-{form}",
            judged.endorsement(key.public, payload),
            signed(task, key=key),
            None if right else Code.ENDORSEMENT,
            "EPP-HIS-002",
            "EPP-KEY-001" if right else STRICT.get(form, "EPP-KEY-002"),
        )
        yield EndorsementGroup(
            id=f"endorsement-{form}".lower(), public_key=key.public.hex(), fields=fields, cases=(one,)
        )


def _receipts(world: World) -> Iterator[ReceiptGroup]:
    payload = ReceiptPayload(
        transaction=world.random(16),
        payer=world.wallet.number,
        payee=world.peer.number,
        amount=64,
        offer_digest=world.random(32),
    )
    task = _purse_task(world, objects.CONTEXT_RECEIPT, payload.encode())
    judge = judged.receipt(task.key.public, payload)
    changes: dict[str, dict[str, Any]] = {
        "another-transaction": {"transaction": bytes(16)},
        "another-payer": {"payer": payload.payee},
        "another-payee": {"payee": payload.payer},
        "less": {"amount": 63},
        "more": {"amount": 65},
        "another-offer": {"offer_digest": bytes(32)},
    }
    others = {what: replace(payload, **change).encode() for what, change in changes.items()}
    found = _detached("receipt", judge, task, Code.RECEIPT, "EPP-TRF-017", others=others)
    yield ReceiptGroup(
        id="receipt", public_key=task.key.public.hex(), fields=plain(payload), cases=tuple(found)
    )


def _purse_task(world: World, context: bytes, payload: bytes) -> Task:
    return Task(world=world, seed=world.peer.seed, context=context, payload=payload, kid=None)
