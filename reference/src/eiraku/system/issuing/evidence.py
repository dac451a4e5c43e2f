"""Evidence that a purse copied a unit, as a file that anybody can verify (EPP-CEN-020 to 025).

A file holds public things only: a unit, a purse ID, two endorsements.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from eiraku.reference.anchor import TrustAnchor, verify_purse_id, verify_unit
from eiraku.reference.purse.units import is_endorsed
from eiraku.spec import objects
from eiraku.spec.errors import Refusal, Refused
from eiraku.spec.objects import Unit
from eiraku.system.issuing.chain import Endorsement

FORMAT = "EPP/1 evidence"
VERSION = 1
SIZE_MAX = 8192
"""Greatest size of a file, in bytes."""

_HEX = frozenset("0123456789abcdef")
V = TypeVar("V")


class EvidenceError(Refused):
    """What is given proves nothing; the message says what was expected, `requirement` who demands it."""

    def __init__(self, requirement: str, detail: str) -> None:
        super().__init__(f"evidence: {detail} [{requirement}]")
        self.requirement = requirement
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Convicted:
    """Who signed twice: `number` of a purse (8 bytes), None for the issuing centre; which unit and hop."""

    number: bytes | None
    public_key: bytes
    unit_id: bytes
    unit: Unit
    hop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Two endorsements for one unit. `unit`, `purse_id`: as signed; `purse_id` is empty for hop 0."""

    unit: bytes
    purse_id: bytes
    first: Endorsement
    second: Endorsement

    def to_json(self) -> bytes:
        """The file, UTF-8, ending with a line feed. `from_json` reads it back."""
        fields = {
            "format": FORMAT,
            "version": VERSION,
            "unit": self.unit.hex(),
            "purse_id": self.purse_id.hex(),
            "endorsements": [_written(self.first), _written(self.second)],
        }
        return json.dumps(fields, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> "Evidence":
        """Read a file. Raises EvidenceError for whatever is not exactly the form of EPP-CEN-020."""
        # EPP-CEN-079
        if len(data) > SIZE_MAX:
            raise _bad(f"expected at most {SIZE_MAX} bytes; name a file of evidence")
        try:
            loaded = json.loads(data.decode(), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise _bad(f"expected JSON; the file may be cut off or altered ({_short(error)})") from None
        fields = _object(loaded, "file", ("format", "version", "unit", "purse_id", "endorsements"))
        if fields["format"] != FORMAT:
            raise _bad(f'format: expected "{FORMAT}"; name a file of evidence')
        if type(fields["version"]) is not int or fields["version"] != VERSION:
            raise _bad(f"version: expected {VERSION}; use the release of eiraku that wrote it")
        both = fields["endorsements"]
        if not isinstance(both, list) or len(both) != 2:
            raise _bad("endorsements: expected a list of two")
        first, second = (_endorsement(each, f"endorsement {n}") for n, each in enumerate(both, 1))
        return cls(
            unit=_octets(fields, "unit", 1, objects.UNIT_MAX),
            purse_id=_octets(fields, "purse_id", 0, objects.PURSE_ID_MAX),
            first=first,
            second=second,
        )

    def verify(self, anchor: TrustAnchor) -> Convicted:
        """Who is convicted. Raises EvidenceError if nobody is. The scheme key is not used (EPP-CEN-082)."""
        first, second = self.first, self.second
        # EPP-CEN-021
        unit = _verified("EPP-CEN-021", lambda: verify_unit(anchor, self.unit, at_any_epoch=True))
        # EPP-CEN-022
        if (first.payer, first.hop) != (second.payer, second.hop):
            raise EvidenceError("EPP-CEN-022", "expected endorsements of one payer at one hop")
        # EPP-CEN-022
        if first.content == second.content:
            raise EvidenceError("EPP-CEN-022", "both endorsements say the same; that is permitted")
        if first.hop == 0:
            # EPP-CEN-024
            if first.payer != objects.ISSUER_NUMBER or self.purse_id:
                raise EvidenceError("EPP-CEN-024", "expected the issuing centre, and no purse ID, at hop 0")
            # EPP-CEN-102
            if not anchor.money_keys[unit.kid].covers(unit.unit.issued):
                raise EvidenceError("EPP-CEN-102", "the unit was issued outside the validity of its key")
            rule, public, number = "EPP-CEN-081", anchor.money_keys[unit.kid].public, None
        else:
            # EPP-CEN-023, EPP-CEN-103
            if not self.purse_id:
                raise EvidenceError(
                    "EPP-CEN-023", "the signer's purse ID is missing; ask the device centre for it"
                )
            claims = _verified("EPP-CEN-023", lambda: verify_purse_id(anchor, self.purse_id)).claims
            # EPP-CEN-023
            if claims.number != first.payer:
                raise EvidenceError("EPP-CEN-023", "the purse ID is not that of the payer")
            rule, public, number = "EPP-CEN-080", claims.public_key, claims.number
        for place, each in (("first", first), ("second", second)):
            # EPP-CEN-080, EPP-CEN-081
            if not is_endorsed(public, each.payload(unit.unit_id), each.signature):
                raise EvidenceError(rule, f"the {place} endorsement does not verify")
        return Convicted(
            number=number, public_key=public, unit_id=unit.unit_id, unit=unit.unit, hop=first.hop
        )


def _written(endorsement: Endorsement) -> dict[str, Any]:
    return {
        "hop": endorsement.hop,
        "history_digest": endorsement.history_digest.hex(),
        "payer": endorsement.payer.hex(),
        "payee": endorsement.payee.hex(),
        "transaction": endorsement.transaction.hex(),
        "signature": endorsement.signature.hex(),
    }


def _endorsement(loaded: Any, where: str) -> Endorsement:
    fields = _object(loaded, where, ("hop", "history_digest", "payer", "payee", "transaction", "signature"))
    hop = fields["hop"]
    if type(hop) is not int or not 0 <= hop <= objects.HOP_MAX:
        raise _bad(f"{where}: hop: expected an integer from 0 to {objects.HOP_MAX}")
    return Endorsement(
        hop=hop,
        history_digest=_octets(fields, "history_digest", 32),
        payer=_octets(fields, "payer", 8),
        payee=_octets(fields, "payee", 8),
        transaction=_octets(fields, "transaction", 16),
        signature=_octets(fields, "signature", 64),
    )


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _bad(f"{name[:32]!r} occurs twice")
        found[name] = value
    return found


def _object(loaded: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(loaded, dict) or loaded.keys() != set(names):
        raise _bad(f"{where}: expected an object with exactly {', '.join(names)}")
    return loaded


def _octets(fields: dict[str, Any], name: str, low: int, high: int | None = None) -> bytes:
    text = fields[name]
    most = low if high is None else high
    size = str(low) if high is None else f"{low} to {high}"
    if not isinstance(text, str) or not 2 * low <= len(text) <= 2 * most or len(text) % 2:
        raise _bad(f"{name}: expected {size} bytes in hexadecimal")
    if not _HEX.issuperset(text):
        raise _bad(f"{name}: expected lower-case hexadecimal")
    return bytes.fromhex(text)


def _verified(rule: str, check: Callable[[], V]) -> V:
    try:
        return check()
    except Refusal as refusal:
        raise EvidenceError(rule, refusal.detail or refusal.code.label) from None


def _bad(detail: str) -> EvidenceError:
    return EvidenceError("EPP-CEN-079", detail)


def _short(error: Exception) -> str:
    return str(error).partition("\n")[0][:80]
