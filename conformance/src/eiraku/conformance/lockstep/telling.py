"""Steps in words."""

from eiraku.conformance.lockstep.steps import (
    Announcement,
    Bulletin,
    Keys,
    Ordering,
    Power,
    SchemeKey,
    Trouble,
)
from eiraku.conformance.tester.world import identifier, value
from eiraku.spec.messages import OfferedUnit

_TROUBLES = {
    "lost": "it and all after it is lost",
    "spoilt": "its last byte is changed",
    "wrong": "another message in its place",
    "error": "an EDHOC error in its place",
    "cut-before": "power will be lost before the next write",
    "cut-after": "power will be lost after the next write",
}


def of_troubles(troubles: tuple[Trouble, ...]) -> str:
    """What comes before which message of the tester's purse, counted from 1; or before it opens."""
    words = []
    for trouble in troubles:
        where = f"message {trouble.at + 1}" if trouble.at >= 0 else "it opens"
        words.append(f"; before {where}: {_of_kind(trouble)}")
    return "".join(words)


def _of_kind(trouble: Trouble) -> str:
    match trouble.kind:
        case Ordering():
            return "the holder gives another order"
        case Power():
            return "power is lost"
        case Bulletin() | Keys() | SchemeKey():
            return of_news(trouble.kind)
        case str():
            return _TROUBLES[trouble.kind]


def of_unit(held: OfferedUnit) -> str:
    """A unit as it is offered."""
    return f"unit {identifier(held).hex()[:12]} of {value(held)} at hop {held.hop}"


def of_news(news: Announcement) -> str:
    """Announcement, and whether power fails at its write."""
    match news:
        case Bulletin():
            revoked = f", till {', '.join(map(str, news.revokes))} revoked" if news.revokes else ""
            words = f"a bulletin {news.by} epochs later{revoked}, {news.form}"
        case Keys():
            words = f"a key list of the {news.centre.value} centre: {news.kind} {news.number or ''}"
        case SchemeKey():
            words = "an unknown scheme key" if news.which is None else f"scheme key {news.which}"
    return f"{words}; power is lost {news.cut} its write" if news.cut else words
