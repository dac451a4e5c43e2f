"""Mutants of chapter 4, bulletins: the code of revoked lists, their chunks, and deltas."""

from collections.abc import Sequence

from eiraku.conformance.mutants.registry import Area
from eiraku.spec import bulletins, revoked
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Refusal
from eiraku.spec.revoked import Part, RevokedList
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_whole, _verify = bulletins.whole, revoked.verify
RESULT = "if not found.canonical or described(found) != (bulletin.count, bulletin.k, bulletin.chunks):"
SINCE = "if change.from_epoch != epoch:"

AREA.edits(
    "EPP-BUL-003",
    "takes_chunks_in_any_order",
    "Takes a chunk that begins at or below a number of the chunk before.",
    revoked.encode,
    ("if gap < 0:", "if False:"),
    ("if not count or used + length > _BITS:", "if not count or gap < 0 or used + length > _BITS:"),
)


@AREA.replaces("EPP-BUL-011", (bulletins, "whole"))
def ignores_surplus_chunks(bulletin: Bulletin, chunks: Sequence[bytes]) -> RevokedList:
    """Takes an update with more chunks than the bulletin describes."""
    return _whole(bulletin, chunks[: len(bulletin.chunks)])


@AREA.replaces("EPP-BUL-011", (bulletins, "whole"))
def takes_half_a_list(bulletin: Bulletin, chunks: Sequence[bytes]) -> RevokedList:
    """Takes an update with fewer chunks than the bulletin describes."""
    if len(chunks) >= len(bulletin.chunks):
        return _whole(bulletin, chunks)
    firsts = (first for first, _ in bulletin.chunks)
    return RevokedList(k=bulletin.k, parts=tuple(zip(firsts, chunks, strict=False)))


AREA.edits(
    "EPP-BUL-012",
    "skips_digests_of_chunks",
    "Does not compare the digest of a chunk with the signed one.",
    bulletins.whole,
    ("if _digests(found.parts) != bulletin.chunks:", "if False:"),
)


def _forgiving(rule: str) -> Patch:
    """Reads chunks as if they ended before what breaks one rule."""

    def again(part: Part, k: int) -> Part:
        numbers: list[int] = []
        try:
            for number in revoked.decode(part, k):
                numbers.append(number)  # noqa: PERF402 - what came before a refusal counts
        except Refusal as refusal:
            if refusal.requirement != rule:
                raise
        return revoked.encode(numbers, k).parts[0]

    def verify(count: int, listed: RevokedList) -> None:
        parts = tuple(again(part, listed.k) for part in listed.parts)
        _verify(count, RevokedList(k=listed.k, parts=parts))

    return instead(revoked.verify, verify)


@AREA.makes("EPP-BUL-013")
def takes_cut_code_words() -> Sequence[Patch]:
    """Ignores a code word that the end of the chunk cuts."""
    return [_forgiving("EPP-BUL-013")]


AREA.edits(
    "EPP-BUL-014",
    "takes_numbers_beyond_64_bits",
    "Takes numbers above 2^64 - 1.",
    revoked.decode,
    ("if number > NUMBER_MAX:", "if False:"),
)


@AREA.makes("EPP-BUL-015")
def takes_any_filling() -> Sequence[Patch]:
    """Ignores one-bits after the last number of a chunk, however many."""
    return [_forgiving("EPP-BUL-015")]


AREA.edits(
    "EPP-BUL-016",
    "takes_any_parameter",
    "Takes a list in code with any k.",
    revoked.verify,
    ("if not found.canonical:", "if False:"),
)
AREA.edits(
    "EPP-BUL-017",
    "ignores_the_count",
    "Does not compare the count of a list with its numbers.",
    revoked.verify,
    ("if found.count != count:", "if False:"),
)
AREA.edits(
    "EPP-BUL-018",
    "takes_chunks_that_are_not_full",
    "Takes a list that is cut into chunks in another way.",
    revoked.verify,
    ("if found.parts != listed.parts:", "if False:"),
)
AREA.edits(
    "EPP-BUL-020",
    "takes_any_code_in_a_delta",
    "Does not look at the code of the lists of a delta.",
    bulletins.changed,
    ("revoked.verify(part.count, part.listed)", "pass"),
)
AREA.edits(
    "EPP-BUL-021",
    "takes_deltas_from_any_epoch",
    "Does not compare the epoch of a delta with its own.",
    bulletins.changed,
    (SINCE, "if False:"),
)
AREA.edits(
    "EPP-BUL-021",
    "takes_a_delta_for_its_first_bulletin",
    "Takes a delta from epoch 0 when it has no bulletin.",
    bulletins.changed,
    (SINCE, "if change.from_epoch != (epoch or 0):"),
)
AREA.edits(
    "EPP-BUL-022",
    "adds_what_is_there",
    "Ignores that a number to add is in the list.",
    revoked.changed,
    ("if new == number:", "if new == number and [new := next(coming, None)] is None:"),
)
AREA.edits(
    "EPP-BUL-022",
    "removes_what_is_not_there",
    "Ignores that a number to remove is not in the list.",
    revoked.changed,
    ("if gone is not None:", "if False:"),
)
AREA.edits(
    "EPP-BUL-023",
    "takes_any_delta",
    "Does not compare the result of a delta with the bulletin.",
    bulletins.changed,
    (RESULT, "if False:"),
)
AREA.edits(
    "EPP-BUL-023",
    "counts_the_result_only",
    "Compares count and k of the result of a delta with the bulletin, and no digest.",
    bulletins.changed,
    (RESULT, "if described(found)[:2] != (bulletin.count, bulletin.k):"),
)
