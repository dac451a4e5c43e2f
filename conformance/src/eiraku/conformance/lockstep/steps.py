"""What can happen in the life of a purse, as data: drawn, told in words, made shorter when something fails.

Numbers that pick one of several things are taken modulo how many there are.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from eiraku.spec.key_lists import Centre
from eiraku.spec.tables import Side

Rules: TypeAlias = Literal[
    "roomy",
    "tight",
    "narrow",
    "ample",
    "drawn",
    "seen",
    "given",
    "credited",
    "records",
    "tiers",
    "least",
    "home",
    "lives",
]
"""Which policy (see `scenes.rules_of`)."""
Magnitude: TypeAlias = int
"""0, or a power of two."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What comes before a message: the `at`-th of the session, from 0; -1: before it opens, the purpose being
    set.
    """

    at: int
    kind: Literal["lost", "spoilt", "wrong", "error", "cut-before", "cut-after"] | "Event"
    number: int = 0
    """Which bit is spoilt, which fault of the message, which error in its place."""


@dataclass(frozen=True, slots=True)
class NewUnit:
    """A unit that is issued: 2^exponent, dies so many epochs from now, at this hop, under the old key."""

    exponent: int
    life: int = 20
    hop: int = 0
    room: int = 9
    """Hops that it has left."""
    old: bool = False


@dataclass(frozen=True, slots=True)
class TillPays:
    """A till pays the wallet. `copies`: any unit at any hop at which it was ever outside the wallet may be
    offered, else only the newest of those that are not in the wallet. `at_once`: by REDELIVER.
    """

    till: int
    side: Side
    new: tuple[NewUnit, ...] = ()
    old: tuple[int, ...] = ()
    copies: bool = False
    at_once: bool = False
    asked: int | None = None
    """By how much more the wallet's holder asks for; None: the wallet takes what is offered."""
    fault: int = 0
    place: int = 0
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class TillRepeats:
    """A till delivers a payment again that was endorsed before, or offers it again (`offer`)."""

    which: int
    side: Side
    stranger: bool = False
    offer: bool = False
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class WalletPays:
    """The wallet is to pay. `kind`: the sum of the units of a mask, of two of the value that most have, the
    balance, a boundary of the policy, or a power of two; `off`: how far from it.
    """

    till: int
    side: Side
    kind: Literal["some", "twins", "all", "limit", "number"] = "some"
    number: int = 1
    off: int = 0
    named: Literal["nobody", "the-payee", "another"] = "nobody"
    asks: int = 0
    """By how much the till's REQUEST differs."""
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class WalletRedelivers:
    """The wallet is to redeliver what is pending, or what is not."""

    which: int
    side: Side
    stranger: bool = False
    known: bool = True
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Circle:
    """A unit goes from till to till."""

    which: int
    moves: int = 1


@dataclass(frozen=True, slots=True)
class Ordering:
    """The holder gives an order, and nothing comes of it yet."""

    number: int


@dataclass(frozen=True, slots=True)
class Orders:
    """The holder orders to pay, and to request, at and around every amount that the policy names."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """A session is opened for the purpose that is set, if one is."""

    side: Side
    till: int = 0


@dataclass(frozen=True, slots=True)
class Resume:
    """What was lost last arrives after all, and the session goes on if it is still open."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A bulletin of an epoch so many later. `revokes`: tills by number. `form`: with its list, with what has
    changed since the one before, or the one before once more.
    """

    by: int
    revokes: tuple[int, ...] = ()
    form: Literal["whole", "delta", "again", "again-delta"] = "whole"
    cut: Literal["", "before", "after"] = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """A key list of a centre. It leaves the old key out, or voids it, or the new one, or a scheme key by its
    number; or has again whatever was left out or void.
    """

    centre: Centre
    kind: Literal[
        "newer",
        "same",
        "older",
        "shorter",
        "without-old",
        "void-old",
        "void-new",
        "without-scheme",
        "void-scheme",
        "with-all",
        "new-history",
        "forged",
    ]
    number: int = 0
    cut: Literal["", "before", "after"] = ""


@dataclass(frozen=True, slots=True)
class SchemeKey:
    """A scheme key of those that there are, by number; the purse has the first. None: an unknown one."""

    which: int | None
    cut: Literal["", "before", "after"] = ""


@dataclass(frozen=True, slots=True)
class Power:
    """Power is lost and comes back."""


Announcement: TypeAlias = Bulletin | Keys | SchemeKey
Event: TypeAlias = Announcement | Ordering | Power
"""What can also happen within a session."""
Payment: TypeAlias = TillPays | TillRepeats | WalletPays | WalletRedelivers
Step: TypeAlias = Event | Payment | Orders | Reopen | Resume | Circle


@dataclass(frozen=True, slots=True)
class Start:
    """How a purse begins. `epoch`: a magnitude, one below which the first bulletin is; `worth`: that of the
    numbers that are not small; `rules`: which policy; `holdings`: how many units.
    """

    epoch: Magnitude = 0
    worth: Magnitude = 0
    rules: Rules = "roomy"
    bulletin: bool = True
    holdings: int = 4
    watch: bool = True
    list_life: int = 1000
    """Epochs until both key lists expire."""
    numbers: int = 0
    """Bits from which a drawn policy is made."""
    suite_0: bool = False
    """Whether a wallet that has suite 0 is met under it where it responds."""


@dataclass(frozen=True, slots=True)
class Life:
    """A purse, and what happens to it."""

    start: Start
    steps: tuple[Step, ...]
