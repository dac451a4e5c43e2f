"""Steps in words."""

from eiraku.conformance.lockstep.steps import Bulletin, Keys, SchemeKey, Trouble
from eiraku.conformance.tester.world import identifier, value
from eiraku.spec.messages import OfferedUnit

_TROUBLES = {
    "lost": "it and all after it is lost",
    "spoilt": "its last byte is changed",
    "wrong": "another message in its place",
    "power": "power is lost",
    "cut-before": "power will be lost before the next write",
    "cut-after": "power will be lost after the next write",
    "bulletin": "a bulletin",
    "keys": "a key list",
    "scheme-key": "a scheme key",
    "order": "the holder orders to receive",
}


def of_troubles(troubles: tuple[Trouble, ...]) -> str:
    """What comes before which message of the tester's purse, counted from 1."""
    return "".join(f"; before message {t.at + 1}: {_TROUBLES[t.kind]}" for t in troubles)


def of_unit(held: OfferedUnit) -> str:
    """A unit as it is offered."""
    return f"unit {identifier(held).hex()[:12]} of {value(held)} at hop {held.hop}"


def of_news(news: Bulletin | Keys | SchemeKey) -> str:
    """News, and whether power fails at its write."""
    match news:
        case Bulletin():
            revoked = f", till {', '.join(map(str, news.revokes))} revoked" if news.revokes else ""
            words = f"a bulletin {news.by} epochs later{revoked}"
        case Keys():
            words = f"a key list of the {news.centre.value} centre: {news.kind}"
        case SchemeKey():
            words = f"a scheme key: {news.kind}"
    return f"{words}; power is lost {news.cut} its write" if news.cut else words
