"""What the reference says of one input: generation stops where it does not say what the tables demand."""

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any, TypeAlias

from msgspec import structs

from eiraku.conformance.vectors.played import slug
from eiraku.reference import anchor, records
from eiraku.reference.crypto import cose
from eiraku.reference.edhoc import schedule
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.purse import credential, payee, units
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import EndorsementPayload, ReceiptPayload, Role
from eiraku.spec.vectors.negative_forms import Refusable

Judge: TypeAlias = Callable[[bytes], object]


def case(name: str, judge: Judge, data: bytes, code: Code | None, *requirements: str) -> Refusable:
    """A case, of which the reference must say the same. Raises AssertionError if it does not."""
    found: Code | None = None
    cited: tuple[str, ...] = ()
    try:
        judge(data)
    except Refusal as refusal:
        found, cited = refusal.code, (refusal.requirement,)
    if found is not code:
        raise AssertionError(f"{name}: expected {code}, the reference says {found} {cited}")
    return Refusable(
        id=slug(name),
        requirements=tuple(dict.fromkeys((*cited, *requirements))),
        input=data.hex(),
        code=None if code is None else code.label,
    )


def cases(
    prefix: str, judge: Judge, inputs: dict[str, bytes], code: Code | None, *requirements: str
) -> Iterator[Refusable]:
    """A case for each input of a table."""
    for name, data in inputs.items():
        yield case(f"{prefix}-{name}", judge, data, code, *requirements)


def numbered(found: Iterable[Refusable]) -> Iterator[Refusable]:
    """With a number after each id that was there before."""
    ids: dict[str, int] = {}
    for one in found:
        ids[one.id] = ids.get(one.id, 0) + 1
        yield one if ids[one.id] == 1 else structs.replace(one, id=f"{one.id}-{ids[one.id]}")


# --- the operations ---


def item(data: bytes) -> object:
    """Decode one item."""
    return cbor.decode(data)


def message(data: bytes) -> object:
    """Read one message."""
    return messages.decode(data)


def record(suite: int, secret: tuple[bytes, bytes], number: int, most: int) -> Judge:
    """Open one record."""
    direction = records.Direction(key=secret[0], iv=secret[1], number=number)
    return records.Channel(
        aead=schedule.SUITES[suite].aead, most=most, sending=direction, receiving=direction
    ).open


def unit(trusted: anchor.TrustAnchor, epoch: int) -> Judge:
    """Verify a unit, in the order of a payee."""
    # Of a payee nothing else is looked at.
    identity = SimpleNamespace(
        anchor=trusted, claims=SimpleNamespace(role=Role.PERSON), policy=SimpleNamespace(min_life=0)
    )
    terms: Any = SimpleNamespace(identity=identity, epoch=epoch)
    return lambda data: payee.check_money(terms, anchor.parse_unit(data))


def purse_id(trusted: anchor.TrustAnchor) -> Judge:
    """Verify a purse ID."""
    return lambda data: anchor.verify_purse_id(trusted, data)


def sealed(scheme_key: bytes) -> Judge:
    """Open a sealed purse ID."""

    def judge(data: bytes) -> object:
        item = Ead(label=credential.LABEL_PURSE_ID, value=data, critical=True)
        return credential.unseal(scheme_key, credential.sealed_in([item]))

    return judge


def endorsement(public: bytes, payload: EndorsementPayload) -> Judge:
    """Verify an endorsement."""

    def judge(data: bytes) -> None:
        # EPP-HIS-002
        if not units.is_endorsed(public, payload, data):
            raise Refusal(Code.ENDORSEMENT, "EPP-HIS-002")

    return judge


def receipt(public: bytes, payload: ReceiptPayload) -> Judge:
    """Verify a receipt."""

    def judge(data: bytes) -> None:
        # EPP-TRF-017
        if not cose.verify_detached(public, objects.CONTEXT_RECEIPT, payload.encode(), data):
            raise Refusal(Code.RECEIPT, "EPP-TRF-017")

    return judge
