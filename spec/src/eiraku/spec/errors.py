"""Who is at fault: the one root of everything that this distribution raises on purpose.

There are three kinds, and every class of ours derives from exactly one of them:

- `Refused`: the input. Bytes of a peer, a file or document that was given, an order that the rules forbid.
- `Misuse`: the caller. Arguments that cannot be meant, or calls in an order that nobody promised to serve.
- `Unavailable`: nobody. A service, database, prover, disk, lock or cluster cannot be used now: come again.

Any other exception is a defect of our own. It is caught only at the boundary of a process (the command line,
a request at a service, a line at an adapter, a worker), logged there with its traceback, and never shown as
the user's mistake. So nothing in between catches `ValueError` or the like around our own code, and a call of
a library that raises it is wrapped alone, where it is made. `eiraku.cli.failures` says how a command tells
the kinds, `eiraku.system.services.http` how a service does. A class exists where somebody catches it apart
from its kind, or reads what it carries; whoever only tells it raises the kind itself.

Codes of refusals are normative and stable (specification, chapter 10).
"""

import errno
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
    KEYS_SIGNATURE = 40
    KEYS_STALE = 41
    ANCHOR_EXPIRED = 42
    WRONG_PAYEE = 43
    NOT_TAKEN = 44

    @property
    def label(self) -> str:
        """Stable hyphenated name, such as ``unit-expired``."""
        return self.name.lower().replace("_", "-")


class EirakuError(Exception):
    """Root of the three kinds; never raised itself. The text says what was expected, and what to do."""


class Refused(EirakuError):
    """The input is at fault."""


class Misuse(EirakuError):
    """The caller is at fault."""


class Unavailable(EirakuError):
    """What is needed cannot be used now; nobody is at fault, and the same may succeed later."""


class Refusal(Refused):
    """A purse refuses: `code` (normative), the `requirement` that demands it, `detail` for people."""

    def __init__(self, code: Code, requirement: str, detail: str = "") -> None:
        super().__init__(f"{code.label} [{requirement}] {detail}".rstrip())
        self.code = code
        self.requirement = requirement
        self.detail = detail


def exhausted(error: OSError) -> bool:
    """Whether a disk is full or fails, or the system is short of open files: another path would not help."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}
