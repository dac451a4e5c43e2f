"""revoked.json: lists of revoked numbers in their code, and what reaches a purse of them (chapter 4)."""

from eiraku.reference.vectors import example
from eiraku.spec import objects
from eiraku.spec.bulletins import Changed, CodedList, Delta, Whole
from eiraku.spec.vectors import forms


def revoked() -> forms.Revoked:
    """The file."""
    return forms.Revoked(
        schema="revoked.schema.json",
        title="EPP/1: revoked lists of two bulletins, whole and as a delta",
        about="Numbers as integers. The bulletins are those of objects.json.",
        cases=(*map(_whole, (0, 1)), _delta()),
    )


def _signed(place: int) -> bytes:
    return example.DEVICE_CENTRE.sign(objects.CONTEXT_BULLETIN, example.BULLETINS[place].encode())


def _whole(place: int) -> forms.WholeList:
    listed, signed = example.LISTS[place], _signed(place)
    chunks = tuple(data for _, data in listed.parts)
    return forms.WholeList(
        id=f"list-{place + 1}",
        requirements=("EPP-BUL-012", "EPP-BUL-016", "EPP-BUL-018"),
        inputs=forms.Numbers(numbers=example.REVOKED[place], bulletin=signed.hex()),
        outputs=forms.Coded(
            k=listed.k,
            first=tuple(first for first, _ in listed.parts),
            chunks=tuple(data.hex() for data in chunks),
            update=Whole(signed=signed, chunks=chunks).encode().hex(),
        ),
    )


def _delta() -> forms.ListDelta:
    old, new = map(set, example.REVOKED)
    removed, added = (tuple(sorted(numbers)) for numbers in (old - new, new - old))
    parts = (CodedList.of(removed), CodedList.of(added))
    delta = Delta(from_epoch=example.EPOCH, removed=parts[0], added=parts[1]).encode()
    signed = _signed(1)
    return forms.ListDelta(
        id="delta",
        requirements=("EPP-BUL-020", "EPP-BUL-023"),
        inputs=forms.Changes(from_epoch=example.EPOCH, removed=removed, added=added, bulletin=signed.hex()),
        outputs=forms.Update(delta=delta.hex(), update=Changed(signed=signed, delta=delta).encode().hex()),
    )
