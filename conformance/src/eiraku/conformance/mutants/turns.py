"""Mutants of chapter 7, messages and turns, and of chapter 10, errors."""

from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.registry import defect
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse, Result
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    Open,
    OpenSession,
    PayeeAccepted,
    PayeeWaitOffer,
    Ready,
    ReceiveOrder,
    Refuse,
    Terms,
    Turn,
    UnitRefusal,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message, Pay, Reject
from eiraku.spec.objects import Unit


class _Ignores(Purse):
    """Ignores messages that it refuses with one of `codes`, and waits for the next."""

    codes: frozenset[Code]

    def refuse(self, link: Link, refusal: Refusal) -> Turn:
        session, effects = super().refuse(link, refusal)
        return session, () if refusal.code in self.codes else effects

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        if isinstance(session, NoSession) and not effects:
            _, channel = self.open_record(state.link.channel, data)
            return replace(state, link=replace(state.link, channel=channel)), ()
        return session, effects


@defect("EPP-TRF-001")
class IgnoresMessagesOutOfTurn(_Ignores):
    """Ignores a message that its state does not permit, and waits for the next."""

    codes = frozenset({Code.UNEXPECTED_MESSAGE})


@defect("EPP-TRF-002")
class IgnoresMalformedMessages(_Ignores):
    """Ignores a message that is malformed, and waits for the next."""

    codes = frozenset({Code.MALFORMED})


@defect("EPP-TRF-002")
class TakesUnknownTypesForReject(Purse):
    """Takes a message of an unknown type for REJECT."""

    def decode_message(self, data: bytes) -> Message:
        try:
            return super().decode_message(data)
        except Refusal:
            if data[:1] and data[0] >> 5 == 4 and len(data) > 1 and (data[1] == 0 or 7 < data[1] < 0x20):
                return Reject(code=Code.MALFORMED, index=None)
            raise


@defect("EPP-TRF-004")
class CarriesASecondTransfer(Purse):
    """After a transfer as payee takes another OFFER in the same session."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._link: Link | None = None

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        self._link = None
        return super().open(state, given, env)

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        if isinstance(state.session, NoSession) and self._link is not None:
            state = replace(state, session=PayeeWaitOffer(link=self._link, order=ReceiveOrder()))
            self._link = None
        return super().deliver(state, data, env)

    def on_pay(self, state: PayeeAccepted, pay: Pay, env: Env) -> Turn:
        turn = super().on_pay(state, pay, env)
        # The counters as they are after RECEIPT.
        self._link, _ = self.say(state.link, b"")
        return turn


@defect("EPP-TRF-005")
class AnswersReject(Purse):
    """Answers REJECT with REJECT."""

    def message(self, state: Open, message: Message, encoded: bytes, env: Env) -> Turn:
        session, effects = super().message(state, message, encoded, env)
        if isinstance(message, Reject):
            _, answer = self.say(state.link, Reject(code=message.code, index=None).encode())
            return session, (answer, *effects)
        return session, effects


@defect("EPP-TRF-006")
class KnowsOnlyItsOwnCodes(Purse):
    """Refuses a REJECT with a code that it does not know."""

    def decode_message(self, data: bytes) -> Message:
        message = super().decode_message(data)
        if isinstance(message, Reject) and message.code not in set(Code):
            raise Refusal(Code.MALFORMED, "EPP-TRF-006", "unknown code")
        return message


@defect("EPP-TRF-007")
class RejectsSilently(Purse):
    """Closes the session without REJECT when it refuses a message."""

    def refuse(self, link: Link, refusal: Refusal) -> Turn:
        return NoSession(), (Refuse(refusal=refusal),)


@defect("EPP-TRF-007")
class RejectsWithoutPosition(Purse):
    """Never says which unit is at fault."""

    def refuse(self, link: Link, refusal: Refusal) -> Turn:
        if isinstance(refusal, UnitRefusal):
            refusal = Refusal(refusal.code, refusal.requirement, refusal.detail)
        return super().refuse(link, refusal)


@defect("EPP-TRF-007")
class CountsUnitsFromOne(Purse):
    """Counts the position of the unit at fault from 1."""

    def refuse(self, link: Link, refusal: Refusal) -> Turn:
        if isinstance(refusal, UnitRefusal):
            refusal = UnitRefusal(refusal, refusal.index + 1)
        return super().refuse(link, refusal)


# --- codes --------------------------------------------------------------------------------------------------


@defect("EPP-ERR-001")
class ConfusesTwoCodes(Checks):
    """Refuses a unit of another seal with `unit-signature`."""

    def unit_seal(self, terms: Terms, unit: Unit) -> None:
        try:
            super().unit_seal(terms, unit)
        except Refusal as refusal:
            raise Refusal(Code.UNIT_SIGNATURE, refusal.requirement, refusal.detail) from None


@defect("EPP-ERR-002")
class SendsLocalCodes(Purse):
    """Sends every code as it is, those marked as local too."""

    def wire_code(self, code: Code) -> Code | None:
        return code


@defect("EPP-ERR-002")
class RejectsBadRecords(Purse):
    """Answers a record that does not decrypt with REJECT."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        for effect in effects:
            if isinstance(effect, Refuse) and effect.refusal.code is Code.RECORD:
                _, answer = self.say(state.link, Reject(code=Code.RECORD, index=None).encode())
                return session, (answer, *effects)
        return session, effects


@defect("EPP-ERR-003")
class StopsOnNothing(Purse):
    """Fails if it is given no bytes at all, or a message cut short."""

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        if not data:
            raise IndexError("no first byte")
        return super().deliver(state, data, env)


@defect("EPP-ERR-003")
class StopsOnTruncatedRecords(Purse):
    """Fails on a record that is cut short."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        if data[:1] == b"\x58" and len(data) < 2 + data[1]:
            raise IndexError("record ends early")
        if data[:1] == b"\x59" and len(data) < 3 + int.from_bytes(data[1:3], "big"):
            raise IndexError("record ends early")
        return super().record(state, data, env)
