"""Attribution: of two different chains of one unit, which purse copied it (EPP-CEN-004 to 006)."""

from collections.abc import Iterable
from dataclasses import dataclass

from eiraku.spec.errors import Misuse
from eiraku.system.issuing.chain import Chain, Endorsement


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Two endorsements by one signer for one unit and hop. `signer`: `objects.ISSUER_NUMBER` at hop 0."""

    unit_id: bytes
    signer: bytes
    hop: int
    first: Endorsement
    second: Endorsement


def compare(first: Chain, second: Chain) -> Fork | None:
    """The first difference of two verified chains of one unit; None if there is none.

    Signatures are not compared, only what is signed: a purse may sign one endorsement twice. Where one chain
    is the beginning of the other there is no difference; among deposits only equal chains are so, because
    each ends with its first endorsement to the centre (EPP-CEN-001). Raises Misuse for different units, and
    for chains that were not verified.
    """
    if first.unit_id != second.unit_id:
        raise Misuse("expected two chains of one unit, found those of two units")
    # EPP-CEN-004; EPP-CEN-006: hop by hop, so a purse that occurs twice in a circle is compared with itself
    # at each hop apart
    for one, other in zip(first.endorsements, second.endorsements, strict=False):
        if one.content != other.content:
            if one.payer != other.payer:
                raise Misuse("expected verified chains, found different payers after equal endorsements")
            return Fork(unit_id=first.unit_id, signer=one.payer, hop=one.hop, first=one, second=other)
    return None


def forks(chain: Chain, earlier: Iterable[Chain]) -> tuple[Fork, ...]:
    """One fork for each signer and hop at which `chain` differs first from an earlier one, by hop."""
    found: dict[tuple[int, bytes], Fork] = {}
    for other in earlier:
        fork = compare(other, chain)
        if fork is not None:
            found.setdefault((fork.hop, fork.signer), fork)
    return tuple(found[key] for key in sorted(found))
