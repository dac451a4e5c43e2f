"""Lives in which two things meet: what a purse has been through, what happens to it and when, and what comes
next. Nothing here says what must come of it; the shadow purse does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final, TypeAlias

from eiraku.conformance.lockstep import faults
from eiraku.conformance.lockstep.covering import Row
from eiraku.conformance.lockstep.steps import (
    Bulletin,
    Circle,
    Event,
    Keys,
    Life,
    NewUnit,
    Ordering,
    Orders,
    Payment,
    Power,
    Reopen,
    Resume,
    SchemeKey,
    Start,
    Step,
    TillPays,
    TillRepeats,
    Trouble,
    WalletPays,
    WalletRedelivers,
)
from eiraku.spec.key_lists import Centre
from eiraku.spec.tables import Side

Steps: TypeAlias = tuple[Step, ...]
Make: TypeAlias = Callable[[Random], Steps]

ORDERS: Final = 32
UNSIGNED: Final = tuple(
    number
    for number, fault in enumerate(faults.ALL)
    if not {"EPP-UNI-002", "EPP-HIS-002"}.isdisjoint(fault.rules)
)
"""Faults of a signature under a unit that may be known."""
REJECTS: Final = 12
"""See `spoiling.SPOILING`."""
FIRST: Final = 2
"""Which message of ours the first record is."""


def _side(random: Random) -> Side:
    return random.choice(list(Side))


def _pays(random: Random, *new: NewUnit, **changes: Any) -> TillPays:
    """The first till pays the wallet."""
    return TillPays(0, _side(random), new=new, **changes)


def _is_paid(random: Random, till: int = 0, **changes: Any) -> WalletPays:
    return WalletPays(till, _side(random), **changes)


def _loses_receipt(step: WalletPays) -> WalletPays:
    at = FIRST + 1 + (step.side is Side.RESPONDER)
    return replace(step, troubles=(Trouble(at, "lost"),))


def _refused(step: WalletPays) -> WalletPays:
    """The payee answers PAY with REJECT."""
    at = FIRST + 1 + (step.side is Side.RESPONDER)
    return replace(step, troubles=(Trouble(at, "wrong", REJECTS),))


def _dying(random: Random) -> NewUnit:
    return NewUnit(random.randrange(3), life=random.randrange(3))


def _troubled(random: Random, step: TillPays | WalletPays, kind: Any, first: int = 0) -> Step:
    """A trouble at some message."""
    return replace(step, troubles=(Trouble(random.randrange(first, 5), kind, random.randrange(64)),))


SITUATIONS: Final[Mapping[str, Make]] = {
    "nothing": lambda _: (),
    "credited": lambda r: (_pays(r, *r.sample((NewUnit(1), NewUnit(1, life=1), NewUnit(0, life=3)), 2)),),
    "given": lambda r: (_is_paid(r, number=r.randrange(1, 8)),),
    "given-dying": lambda r: (_pays(r, _dying(r), _dying(r)), _is_paid(r, kind="all")),
    "pending": lambda r: (_loses_receipt(_is_paid(r, number=r.randrange(1, 8))),),
    "pending-dying": lambda r: (_pays(r, _dying(r), _dying(r)), _loses_receipt(_is_paid(r, kind="all"))),
    "redelivered": lambda r: (
        _pays(r, _dying(r)),
        _loses_receipt(_is_paid(r, kind="all")),
        WalletRedelivers(0, _side(r)),
    ),
    "circle": lambda r: (_is_paid(r, kind="all"), Circle(0, moves=2), _pays(r, old=(0, 1))),
    "offered": lambda r: (replace(_pays(r, NewUnit(1)), troubles=(Trouble(FIRST + 1, "lost"),)),),
    "receiving": lambda r: (_troubled(r, _pays(r, NewUnit(1)), "lost"),),
    "paying": lambda r: (_troubled(r, _is_paid(r), "lost"),),
    "ordered": lambda r: (Ordering(r.randrange(ORDERS)),),
    "of-one-kind": lambda r: tuple(
        _pays(r, each) for each in r.sample((NewUnit(3), NewUnit(3, life=2, hop=3), NewUnit(3, hop=1)), 3)
    ),
    "scheme-keys": lambda r: tuple(SchemeKey(n) for n in r.sample(range(1, 6), r.randrange(1, 4))),
    "refused": lambda r: (_pays(r, NewUnit(1), fault=r.randrange(len(faults.ALL))),),
    "cut": lambda r: (_troubled(r, _pays(r, NewUnit(2)), r.choice(("cut-before", "cut-after")), FIRST),),
}
"""What the purse has been through."""

EVENTS: Final[Mapping[str, tuple[Event, ...]]] = {
    "nothing": (),
    "power": (Power(),),
    "bulletin": (Bulletin(1),),
    "bulletin-2": (Bulletin(2),),
    "bulletin-4": (Bulletin(4),),
    "bulletin-cut": (Bulletin(1, cut="before"),),
    "revoked": (Bulletin(1, revokes=(0,)),),
    "delta": (Bulletin(1), Bulletin(1, form="delta")),
    "again": (Bulletin(1), Bulletin(0, form="again"), Bulletin(0, form="again-delta")),
    "again-without-its-key": (Bulletin(1), Keys(Centre.DEVICE, "void-new"), Bulletin(0, form="again")),
    "money-without-old": (Keys(Centre.MONEY, "without-old"),),
    "money-void-old": (Keys(Centre.MONEY, "void-old"),),
    "money-out-and-in": (Keys(Centre.MONEY, "void-old"), Power(), Keys(Centre.MONEY, "with-all")),
    "money-new-history": (Keys(Centre.MONEY, "new-history"),),
    "device-void-old": (Keys(Centre.DEVICE, "void-old"),),
    "device-void-new": (Keys(Centre.DEVICE, "void-new"),),
    "device-out-and-in": (Keys(Centre.DEVICE, "void-new"), Keys(Centre.DEVICE, "with-all")),
    "device-cut": (Keys(Centre.DEVICE, "void-scheme", 0, cut="before"),),
    "without-scheme-key": (Keys(Centre.DEVICE, "without-scheme", 0),),
    "void-scheme-key": (Keys(Centre.DEVICE, "void-scheme", 0),),
    "scheme-key-out-and-in": (
        Keys(Centre.DEVICE, "without-scheme", 0),
        Power(),
        Keys(Centre.DEVICE, "with-all"),
    ),
    "device-list-over": (Keys(Centre.DEVICE, "shorter"), Bulletin(2)),
    "money-list-over": (Keys(Centre.MONEY, "shorter"), Bulletin(2)),
    "scheme-key": (SchemeKey(1),),
    "scheme-keys": (SchemeKey(2), SchemeKey(3)),
    "scheme-key-for-a-void-one": (
        *(SchemeKey(number) for number in (1, 2, 4)),
        Keys(Centre.DEVICE, "void-scheme", 1),
        SchemeKey(5),
    ),
    "order-to-pay": (Ordering(1),),
    "order-to-receive": (Ordering(3),),
}
"""What happens to it."""

MOMENTS: Final[Mapping[str, int | None]] = {
    "before": None,
    "ordered": -1,
    "handshake": 1,
    "first-record": FIRST,
    "later-record": FIRST + 1,
}
"""When: between sessions, or before a message of the next one (see `Trouble.at`)."""

PROBES: Final[Mapping[str, Make]] = {
    "new-unit": lambda r: (_pays(r, NewUnit(1), asked=r.choice((None, 0))),),
    "new-units": lambda r: (_pays(r, NewUnit(1), NewUnit(0, life=2), NewUnit(0)),),
    "at-once": lambda r: (_pays(r, NewUnit(1), at_once=True),),
    "copies": lambda r: (_pays(r, old=(r.randrange(4),), copies=True),),
    "units-come-back": lambda r: (_pays(r, old=(0, 1)),),
    "come-back-wrong": lambda r: (_pays(r, old=(0,), fault=r.randrange(1, len(faults.ALL))),),
    "come-back-unsigned": lambda r: (_pays(r, old=(r.randrange(2),), fault=r.choice(UNSIGNED)),),
    "from-another": lambda r: (replace(_pays(r, NewUnit(1)), till=r.randrange(1, 13)),),
    "repeated": lambda r: (TillRepeats(r.randrange(2), _side(r)),),
    "offered-again": lambda r: (TillRepeats(r.randrange(2), _side(r), offer=True),),
    "pays-some": lambda r: (_is_paid(r, number=r.randrange(1, 16)),),
    "pays-twins": lambda r: (_is_paid(r, kind="twins"),),
    "pays-all": lambda r: (_is_paid(r, r.choice((0, 0, 1, 3, 5, 12)), kind="all"),),
    "pays-by-name": lambda r: (_is_paid(r, named=r.choice(("the-payee", "another"))),),
    "pays-and-hears-wrong": lambda r: (_troubled(r, _is_paid(r, r.choice((0, 3))), "wrong", FIRST),),
    "pays-and-is-refused": lambda r: (_refused(_is_paid(r, r.choice((0, 1, 3, 5, 6)))),),
    "redelivers": lambda r: (WalletRedelivers(r.randrange(4), _side(r)),),
    "redelivers-to-another": lambda r: (WalletRedelivers(r.randrange(12), _side(r), stranger=True),),
    "orders": lambda _: (Orders(),),
    "error": lambda r: (_troubled(r, r.choice((_pays(r, NewUnit(1)), _is_paid(r))), "error"),),
}
"""What comes next."""

RULES: Final[Mapping[str, Start]] = {
    "roomy": Start(),
    "seen": Start(rules="seen"),
    "given": Start(rules="given"),
    "credited": Start(rules="credited"),
    "records": Start(rules="records"),
    "tiers": Start(rules="tiers"),
    "least": Start(rules="least"),
    "home": Start(rules="home"),
    "lives": Start(rules="lives"),
    "drawn": Start(rules="drawn"),
    "lists-end": Start(list_life=2),
}
"""What holds for it."""

DIMENSIONS: Final[Mapping[str, Sequence[str]]] = {
    "event": tuple(EVENTS),
    "situation": tuple(SITUATIONS),
    "probe": tuple(PROBES),
    "moment": tuple(MOMENTS),
    "rules": tuple(RULES),
}
_UNDO: Final[Steps] = (Keys(Centre.MONEY, "with-all"), Keys(Centre.DEVICE, "with-all"), SchemeKey(0))
"""Whatever was taken back is good again."""


def life(row: Row, random: Random, more: int = 1) -> Life:
    """The life of a row; what the row leaves open is drawn, and so many probes more at its end."""
    events, at = EVENTS[row["event"]], MOMENTS[row["moment"]]
    probe = PROBES[row["probe"]](random)
    probe = (*events, *probe) if at is None else tuple(_within(step, events, at) for step in probe)
    steps = (
        *SITUATIONS[row["situation"]](random),
        *probe,
        Resume(),
        Reopen(_side(random)),
        *(_UNDO if random.randrange(2) else ()),
        Reopen(Side.RESPONDER),
        *(step for name in random.sample(tuple(PROBES), more) for step in PROBES[name](random)),
        Resume(),
    )
    start = replace(
        RULES[row["rules"]],
        epoch=random.choice((0, 0, 1 << 8, 1 << 16, 1 << 32)),
        bulletin=random.randrange(8) > 0,
        watch=random.randrange(2) > 0,
        numbers=random.getrandbits(40),
        suite_0=random.randrange(4) == 0,
    )
    return Life(start, steps)


def _within(step: Step, events: Sequence[Event], at: int) -> Step:
    if not isinstance(step, Payment):
        return step
    return replace(step, troubles=(*(Trouble(at, event) for event in events), *step.troubles))
