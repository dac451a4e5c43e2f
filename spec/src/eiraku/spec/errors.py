"""Refusals: what a purse answers when the bytes of a peer, or the order of its user, are at fault.

A `Refusal` always blames the input; a defect of the purse itself is any other exception.
Codes are normative and stable (specification, chapter 10).
"""

from enum import IntEnum


class Code(IntEnum):
    """Normative error codes. The value goes on the wire in REJECT; the label goes in reports and adapters."""

    MALFORMED = 1
    TOO_LARGE = 2
    UNEXPECTED_MESSAGE = 3
    VERSION = 4
    SUITE = 5
    AUTHENTICATION = 6
    RECORD = 7
    PURSE_EXPIRED = 8
    PURSE_REVOKED = 9
    SAME_PURSE = 10
    ROLE_PAIR = 11
    AMOUNT = 12
    AMOUNT_LIMIT = 13
    UNIT_COUNT = 14
    DUPLICATE_UNIT = 15
    UNIT_SIGNATURE = 16
    UNIT_SEAL = 17
    UNIT_ECONOMY = 18
    UNIT_EXPIRED = 19
    UNIT_VALUE = 20
    HOP_LIMIT = 21
    HISTORY_SIZE = 22
    UNIT_HELD = 23
    UNIT_SEEN = 24
    SUM = 25
    CAPACITY = 26
    BALANCE_LIMIT = 27
    TRANSACTION = 28
    ENDORSEMENT = 29
    RECEIPT = 30
    INSUFFICIENT_FUNDS = 31
    NO_EXACT_CHANGE = 32
    DECLINED = 33
    BULLETIN_SIGNATURE = 34
    BULLETIN_STALE = 35
    UNKNOWN_TRANSACTION = 36
    NOT_PROVISIONED = 37
    POLICY = 38
    PROVISION = 39

    @property
    def label(self) -> str:
        """Stable hyphenated name, such as ``unit-expired``."""
        return self.name.lower().replace("_", "-")


class Refusal(Exception):
    """The input is refused: `code` (normative), the `requirement` that demands it, `detail` for people."""

    def __init__(self, code: Code, requirement: str, detail: str = "") -> None:
        super().__init__(f"{code.label} [{requirement}] {detail}".rstrip())
        self.code = code
        self.requirement = requirement
        self.detail = detail
