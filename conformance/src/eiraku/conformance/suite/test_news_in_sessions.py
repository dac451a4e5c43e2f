"""Key lists, scheme keys and bulletins that come at any moment of a session (chapters 3 and 4)."""

from collections.abc import Container, Iterable, Mapping

import pytest

from eiraku.conformance.suite.journey import FLOWS, PAYMENTS, Flow, Lost
from eiraku.conformance.suite.negative_session import RESPONDER, Attack, refused_in_handshake
from eiraku.conformance.suite.news import (
    EXPIRED,
    EXPIRY,
    NEWS,
    ONE_OF_EACH,
    Bringing,
    Cutting,
    News,
    When,
    prepared,
)
from eiraku.conformance.suite.test_scheme_keys import hand, meets, name, two_keys
from eiraku.conformance.tester.peer import Manner
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH
from eiraku.reference.centres.roots import ALWAYS
from eiraku.spec.tables import Side

VOID_IS_ENOUGH = [kind for kind in NEWS if not kind.endswith("left-out")]
ALL_EXPIRED = {"all-expired": EXPIRED}


def _moments(flows: Iterable[Flow], kinds: Mapping[str, News], standard: Container[str]) -> Iterable[object]:
    """Parameters: every news before every message to the wallet in these flows. `standard`: the kinds that
    are tried at that level, in payments.
    """
    return [
        pytest.param(
            flow,
            message,
            news,
            id=f"{kind}-{flow}-{message}",
            marks=[
                pytest.mark.requirement(*news.rules),
                pytest.mark.level("full" if flow.redelivery or kind not in standard else "standard"),
            ],
        )
        for flow in flows
        for message in flow.messages
        for kind, news in kinds.items()
    ]


@pytest.mark.parametrize(("flow", "message", "news"), _moments(FLOWS, NEWS, VOID_IS_ENOUGH))
def test_session_goes_on(stage: Stage, flow: Flow, message: str, news: News) -> None:
    """News is durable at once, a session goes on as it was opened, and the next one is judged by the news."""
    scenario = prepared(stage, flow, news)
    scenario.run(Bringing(scenario, message, news))
    if news.action == "bulletin":
        scenario.oracle.epoch = EPOCH + 1
    scenario.oracle.check("a session in which news came")
    news.after(stage, scenario)


@pytest.mark.parametrize(("flow", "message", "news"), _moments(PAYMENTS, ALL_EXPIRED, ALL_EXPIRED))
def test_session_goes_on_after_expiry(stage: Stage, flow: Flow, message: str, news: News) -> None:
    """A session goes on in the epoch in which it was opened, whatever has expired since."""
    scenario = prepared(stage, flow, news, expires=EXPIRY)
    scenario.run(Bringing(scenario, message, news))
    stage.equal(stage.state().balance, scenario.target, "balance")
    news.after(stage, scenario)


def _cut(stage: Stage, flow: Flow, message: str, news: News, when: When) -> None:
    scenario = prepared(stage, flow, news)
    with pytest.raises(Lost):
        scenario.run(Cutting(scenario, message, news, when))
    if news.action == "bulletin":
        scenario.oracle.epoch = EPOCH + 1
    scenario.oracle.check("a loss of power after news")
    news.after(stage, scenario)


@pytest.mark.parametrize(("flow", "message", "news"), _moments(FLOWS, NEWS, ONE_OF_EACH))
def test_news_in_a_session_is_durable(stage: Stage, flow: Flow, message: str, news: News) -> None:
    """News that came in a session is there after a loss of power, in which the session ends."""
    _cut(stage, flow, message, news, "now")


@pytest.mark.parametrize("when", ("before", "after"))
@pytest.mark.parametrize(("flow", "message", "news"), _moments(FLOWS, NEWS, ()))
def test_power_fails_while_news_is_written(
    stage: Stage, flow: Flow, message: str, news: News, when: When
) -> None:
    """Power that fails at the write of news in a session leaves the news whole, or none of it."""
    _cut(stage, flow, message, news, when)


@pytest.mark.requirement("EPP-KEY-046")
def test_scheme_key_of_later_is_not_for_a_session_that_waits(stage: Stage) -> None:
    """A wallet that waits for message_1 does not answer under a scheme key that it got meanwhile."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(stage, {old: ALWAYS, new: ALWAYS})

    def late(message: str, data: bytes) -> bytes:
        if message == "message_1":
            hand(stage, new)
        return data

    stage.order("receive")
    world.scheme_key = new
    attack = Attack(at="message_1", manner=lambda *_: Manner(alter=late))
    refused_in_handshake(stage, RESPONDER, attack)
    meets(stage, Side.RESPONDER, new)
    meets(stage, Side.RESPONDER, old)
