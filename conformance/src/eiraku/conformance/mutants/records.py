"""Mutants of chapter 6."""

from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.registry import defect
from eiraku.reference.edhoc import errors
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    Open,
    Order,
    PayeeWaitOffer,
    PayerWaitRequest,
    Ready,
    Refuse,
    Send,
    Turn,
)
from eiraku.reference.records import Channel
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message

LIMIT = 1 << 20
MOST = 4
"""Records that one side sends in a session, at most."""


def _try(channel: Channel, record: bytes) -> bytes | None:
    try:
        return channel.open(record)[0]
    except Refusal:
        return None


class _Lenient(Purse):
    """Opens records in other ways too, where the right way fails."""

    def others(self, channel: Channel) -> list[Channel]:
        """Channels to try."""
        raise NotImplementedError

    def open_record(self, channel: Channel, record: bytes) -> tuple[bytes, Channel]:
        try:
            return super().open_record(channel, record)
        except Refusal:
            for other in self.others(channel):
                plaintext = _try(other, record)
                if plaintext is not None:
                    return plaintext, channel
            raise


@defect("EPP-REC-002")
class TakesRepeatedRecords(_Lenient):
    """Takes a record that it has already had."""

    def others(self, channel: Channel) -> list[Channel]:
        return [
            replace(channel, receiving=replace(channel.receiving, number=n))
            for n in range(channel.receiving.number)
        ]


@defect("EPP-REC-002")
class TakesLaterRecords(_Lenient):
    """Takes a record though an earlier one is missing."""

    def others(self, channel: Channel) -> list[Channel]:
        first = channel.receiving.number + 1
        return [
            replace(channel, receiving=replace(channel.receiving, number=n))
            for n in range(first, first + MOST)
        ]


@defect("EPP-REC-003")
class StaysOpenAfterABadRecord(Purse):
    """Refuses a bad record and waits for the next."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        if any(isinstance(e, Refuse) and e.refusal.code is Code.RECORD for e in effects):
            return state, effects
        return session, effects


@defect("EPP-REC-003")
class IgnoresBadRecords(Purse):
    """Says nothing about a record that does not decrypt, and waits for the next."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        if any(isinstance(e, Refuse) and e.refusal.code is Code.RECORD for e in effects):
            return state, ()
        return session, effects


@defect("EPP-REC-005")
class AnswersAfterTheEnd(Purse):
    """Answers bytes that arrive when no session is open."""

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        session, effects = super().deliver(state, data, env)
        if isinstance(state.session, NoSession):
            return session, (Send(data=errors.unspecified("refused")), *effects)
        return session, effects


@defect("EPP-REC-006")
class TakesTheFirstOfTwoRecords(Purse):
    """Takes the first of several byte strings and ignores the rest."""

    def open_record(self, channel: Channel, record: bytes) -> tuple[bytes, Channel]:
        first, _ = cbor.split(record, limit=LIMIT)
        return super().open_record(channel, first)


@defect("EPP-REC-006")
class TakesTheFirstOfTwoMessages(Purse):
    """Takes the first of several messages in a record and ignores the rest."""

    def decode_message(self, data: bytes) -> Message:
        first, _ = cbor.split(data)
        return super().decode_message(first)


@defect("EPP-REC-006")
class AnswersBytesThatAreNoRecord(Purse):
    """Answers REJECT to bytes that are no byte string."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        try:
            self.open_record(state.link.channel, data)
        except Refusal as refusal:
            if refusal.code is Code.MALFORMED:
                return self.refuse(state.link, refusal)
        return super().record(state, data, env)


@defect("EPP-REC-007")
class TakesItsOwnRecords(_Lenient):
    """Takes records of its own direction, turned back on it."""

    def others(self, channel: Channel) -> list[Channel]:
        return [
            replace(channel, receiving=replace(channel.sending, number=n))
            for n in range(channel.sending.number + 1)
        ]


@defect("EPP-REC-007")
class TakesRecordsOfTheLastSession(_Lenient):
    """Takes records that belong to the session before."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._channels: list[Channel] = []

    def others(self, channel: Channel) -> list[Channel]:
        return [
            replace(old, receiving=replace(old.receiving, number=n))
            for old in self._channels[-2:-1]
            for n in range(MOST)
        ]

    def listen(self, link: Link, order: Order) -> PayerWaitRequest | PayeeWaitOffer:
        self._channels.append(link.channel)
        return super().listen(link, order)

    def speak(self, link: Link, order: Order, env: Env) -> Turn:
        self._channels.append(link.channel)
        return super().speak(link, order, env)
