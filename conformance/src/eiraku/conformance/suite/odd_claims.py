"""Purse IDs whose claims have another shape or are out of range, rightly signed (chapter 3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.spec import cbor, objects
from eiraku.spec.objects import PurseId

Claims = dict[Any, Any]


def claims_of(purse_id: PurseId) -> Claims:
    """The claims as nested dicts and lists, to be altered."""
    key = {1: 1, -1: 6, -2: purse_id.public_key}
    fields = [purse_id.number, int(purse_id.role), purse_id.tier, purse_id.holder, purse_id.economy]
    fields += [purse_id.issued, purse_id.expires, purse_id.seal, purse_id.reserved]
    return {8: {1: key}, objects.LABEL_EPP_CLAIMS: fields}


def raw_purse(stage: Stage, change: Callable[[Claims], object]) -> Identity:
    """A purse whose claims were altered before the device centre signed them."""
    honest = stage.world.purse()
    claims = claims_of(honest.claims)
    change(claims)
    frozen = {key: _frozen(value) for key, value in claims.items()}
    signed = stage.world.device.sign(objects.CONTEXT_PURSE_ID, cbor.encode(frozen))
    return replace(honest, purse_id=signed)


def _frozen(value: Any) -> cbor.Item:
    found: cbor.Item = tuple(value) if isinstance(value, list) else value
    return found


def field(index: int, value: object) -> Callable[[Claims], object]:
    """Sets one of the nine fields."""
    return lambda claims: claims[objects.LABEL_EPP_CLAIMS].__setitem__(index, value)


def _set_expires_before_issued(fields: list[Any]) -> None:
    fields[ISSUED], fields[EXPIRES] = fields[EXPIRES], fields[EXPIRES] - 1


def key_entry(name: int, value: object) -> Callable[[Claims], object]:
    """Sets an entry of the COSE_Key."""
    return lambda claims: claims[8][1].__setitem__(name, value)


NUMBER, ROLE, TIER, HOLDER, ECONOMY_FIELD, ISSUED, EXPIRES, SEAL, RESERVED = range(9)

SHAPES: dict[str, Callable[[Claims], object]] = {
    "number-zero": field(NUMBER, bytes(8)),
    "number-7-bytes": field(NUMBER, bytes(range(1, 8))),
    "number-9-bytes": field(NUMBER, bytes(range(1, 10))),
    "number-integer": field(NUMBER, 7),
    "role-0": field(ROLE, 0),
    "role-5": field(ROLE, 5),
    "role-text": field(ROLE, "person"),
    "role-true": field(ROLE, True),  # true is not 1
    "tier-8": field(TIER, 8),
    "tier-negative": field(TIER, -1),
    "holder-31-bytes": field(HOLDER, bytes(31)),
    "holder-33-bytes": field(HOLDER, bytes(33)),
    "holder-null": field(HOLDER, None),
    "economy-0": field(ECONOMY_FIELD, 0),
    "economy-65536": field(ECONOMY_FIELD, 65536),
    "issued-negative": field(ISSUED, -1),
    "issued-bytes": field(ISSUED, b"\x5a"),
    "expires-2-to-the-32": field(EXPIRES, 2**32),
    "issued-after-expires": lambda claims: _set_expires_before_issued(claims[objects.LABEL_EPP_CLAIMS]),
    "seal-15-bytes": lambda claims: field(SEAL, claims[objects.LABEL_EPP_CLAIMS][SEAL][:15])(claims),
    "seal-17-bytes": lambda claims: field(SEAL, claims[objects.LABEL_EPP_CLAIMS][SEAL] + b"\0")(claims),
    "reserved-text": field(RESERVED, ""),
    "reserved-null": field(RESERVED, None),
    "8-fields": lambda claims: claims[objects.LABEL_EPP_CLAIMS].pop(),
    "10-fields": lambda claims: claims[objects.LABEL_EPP_CLAIMS].append(0),
    "fields-not-an-array": lambda claims: claims.__setitem__(objects.LABEL_EPP_CLAIMS, b""),
    "no-private-claim": lambda claims: claims.pop(objects.LABEL_EPP_CLAIMS),
    "no-cnf": lambda claims: claims.pop(8),
    "surplus-claim-exp": lambda claims: claims.__setitem__(4, 10**9),
    "surplus-claim-text": lambda claims: claims.__setitem__("iss", "centre"),
    "cnf-not-a-map": lambda claims: claims.__setitem__(8, claims[8][1][-2]),
    "cnf-surplus-entry": lambda claims: claims[8].__setitem__(3, b"kid"),
    "cnf-kid-instead-of-key": lambda claims: claims.__setitem__(8, {3: b"kid"}),
    "key-type-2": key_entry(1, 2),
    "key-curve-4": key_entry(-1, 4),
    "key-31-bytes": lambda claims: key_entry(-2, claims[8][1][-2][:31])(claims),
    "key-33-bytes": lambda claims: key_entry(-2, claims[8][1][-2] + b"\0")(claims),
    "key-without-curve": lambda claims: claims[8][1].pop(-1),
    "key-with-alg": key_entry(3, -8),
    "longer-than-256": field(RESERVED, bytes(46)),
}
