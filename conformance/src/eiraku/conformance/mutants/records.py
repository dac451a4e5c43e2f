"""Mutants of chapter 6."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import core
from eiraku.reference.purse.state import Link
from eiraku.reference.records import Channel
from eiraku.spec.errors import Refusal
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
LIMIT = 1 << 20
MOST = 4
"""Records that one side sends in a session, at most."""
_open = Channel.open


def lenient(others: Callable[[Channel], list[Channel]]) -> Patch:
    """Opens records in other ways too, where the right way fails."""

    def open_record(channel: Channel, record: bytes) -> tuple[bytes, Channel]:
        try:
            return _open(channel, record)
        except Refusal:
            for other in others(channel):
                try:
                    plaintext, _ = _open(other, record)
                except Refusal:
                    continue
                return plaintext, channel
            raise

    return instead(Channel.open, open_record)


def at(channel: Channel, numbers: range) -> list[Channel]:
    """The channel as if these were the numbers of the next record to be received."""
    return [replace(channel, receiving=replace(channel.receiving, number=number)) for number in numbers]


@AREA.makes("EPP-REC-002")
def takes_repeated_records() -> Sequence[Patch]:
    """Takes a record that it has already had."""
    return [lenient(lambda channel: at(channel, range(channel.receiving.number)))]


@AREA.makes("EPP-REC-002")
def takes_later_records() -> Sequence[Patch]:
    """Takes a record though an earlier one is missing."""

    def others(channel: Channel) -> list[Channel]:
        first = channel.receiving.number + 1
        return at(channel, range(first, first + MOST))

    return [lenient(others)]


BAD = "return NoSession(), (Refuse(refusal=refusal),)"
AREA.edits(
    "EPP-REC-003",
    "stays_open_after_a_bad_record",
    "Refuses a bad record and waits for the next.",
    core.take_record,
    (BAD, f"return state if refusal.code is Code.RECORD else NoSession(), {BAD.partition(', ')[2]}"),
)
AREA.edits(
    "EPP-REC-003",
    "ignores_bad_records",
    "Says nothing about a record that does not decrypt, and waits for the next.",
    core.take_record,
    (BAD, f"return (state, ()) if refusal.code is Code.RECORD else ({BAD.removeprefix('return ')})"),
)
AREA.edits(
    "EPP-REC-005",
    "answers_after_the_end",
    "Answers bytes that arrive when no session is open.",
    core.deliver,
    (
        "return session, (Refuse(refusal=refusal),)",
        "return session, (Send(data=handshake.errors.unspecified()), Refuse(refusal=refusal))",
    ),
)
AREA.edits(
    "EPP-REC-006",
    "takes_the_first_of_two_records",
    "Takes the first of several byte strings and ignores the rest.",
    Channel.open,
    ("sealed = cbor.decode(", f"record = cbor.split(record, limit={LIMIT})[0]\n    sealed = cbor.decode("),
)
AREA.edits(
    "EPP-REC-006",
    "takes_the_first_of_two_messages",
    "Takes the first of several messages in a record and ignores the rest.",
    core.take_record,
    ("messages.decode(plaintext)", "messages.decode(messages.cbor.split(plaintext)[0])"),
)
AREA.edits(
    "EPP-REC-020",
    "answers_bytes_that_are_no_record",
    "Answers REJECT to bytes that are no byte string.",
    core.take_record,
    ("if refusal.code is not Code.TOO_LARGE:", "if refusal.code not in (Code.TOO_LARGE, Code.MALFORMED):"),
)


@AREA.makes("EPP-REC-007")
def takes_its_own_records() -> Sequence[Patch]:
    """Takes records of its own direction, turned back on it."""

    def others(channel: Channel) -> list[Channel]:
        return at(replace(channel, receiving=channel.sending), range(channel.sending.number + 1))

    return [lenient(others)]


@AREA.makes("EPP-REC-007")
def takes_records_of_the_last_session() -> Sequence[Patch]:
    """Takes records that belong to the session before."""
    channels: list[Channel] = []
    begin = core.begin

    def remember(link: Link, *rest: object) -> object:
        channels.append(link.channel)
        return begin(link, *rest)  # type: ignore[arg-type]  # passed on as they came

    def others(_: Channel) -> list[Channel]:
        return [other for old in channels[-2:-1] for other in at(old, range(MOST))]

    return [instead(core.begin, remember), lenient(others)]
