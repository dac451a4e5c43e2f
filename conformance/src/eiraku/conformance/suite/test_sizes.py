"""Sizes at their bounds: records under each suite, errors of EDHOC, lists that come and go."""

from collections.abc import Sequence

import pytest

from eiraku.conformance.suite.handshake_states import reach
from eiraku.conformance.suite.negative_bulletin import refuse_peer
from eiraku.conformance.suite.negative_session import RESPONDER, error_of_the_peer, first_message, set_purpose
from eiraku.conformance.suite.payer import own
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.peer import REFUSED, Manner, Talk, connect
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.messages import Request
from eiraku.spec.revoked import coded
from eiraku.spec.tables import Session, Side

SUITES = [
    pytest.param(4, id="suite-4"),
    pytest.param(
        0, id="suite-0", marks=[pytest.mark.needs("suite-0"), pytest.mark.requirement("EPP-SES-003")]
    ),
]
SURPLUS = (1, 2, 4, 7, 8, 9, 15, 16, 17)
"""Around the tags of 8 and 16 bytes."""
HANDSHAKE_MAX = 2048


# --- records ------------------------------------------------------------------------------------------------


def _too_large(talk: Talk, plaintext: bytes) -> None:
    before = talk.stage.state()
    answer = talk.send_plaintext(plaintext)
    flows.expect_reject(talk, answer, Code.TOO_LARGE, "a record that is too large")
    talk.stage.unchanged(before, "a record that is too large")


@pytest.mark.requirement("EPP-ENC-010")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("more", SURPLUS)
def test_offer_longer_than_a_record(stage: Stage, suite: int, more: int) -> None:
    """An OFFER of `max_record` bytes is taken under each suite, and one a few bytes longer refused."""
    world = stage.world
    manner = Manner(suites=(suite,))
    units = [world.holding(1 << n, hop=2) for n in range(4)]
    stage.world.policy = policy(max_hops=3)
    stage.begin()
    talk = flows.meet_payee(stage, Side.RESPONDER, 15, manner=manner)
    size = len(flows.offer_of(talk, units).encode())
    for surplus in (0, more):
        world.policy = policy(max_hops=3, max_record=size - surplus)
        stage.begin()
        talk = flows.meet_payee(stage, Side.RESPONDER, 15, manner=manner)
        offer = flows.offer_of(talk, units)
        if surplus:
            _too_large(talk, offer.encode())
        else:
            flows.expect_accept(talk, offer, talk.send(offer))
    flows.give(stage, Side.RESPONDER, units[:1])


@pytest.mark.requirement("EPP-ENC-010")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("more", (0, *SURPLUS))
def test_other_bytes_longer_than_a_record(stage: Stage, suite: int, more: int) -> None:
    """Bytes that are no message are `malformed` up to `max_record` bytes, and `too-large` beyond."""
    world = stage.world
    world.policy = policy(max_hops=3, max_record=2000)
    stage.begin(own(world, (4,)))
    stage.order("pay", amount=4)
    talk = connect(stage, Side.RESPONDER, manner=Manner(suites=(suite,)))
    content = Request(amount=4, reference="").encode()
    plaintext = content + bytes(2000 + more - len(content))
    if more:
        _too_large(talk, plaintext)
    else:
        flows.expect_reject(talk, talk.send_plaintext(plaintext), Code.MALFORMED, "a record")
    flows.take(stage, Side.RESPONDER, 4)


# --- errors of EDHOC ----------------------------------------------------------------------------------------


def _error(kind: str, code: int, size: int) -> bytes:
    """An EDHOC error of `size` bytes in all."""
    for length in range(size):
        info = "x" * length if kind == "text" else bytes(length)
        made = cbor.encode_sequence(code, info)
        if len(made) == size:
            return made
    raise ValueError(f"no error of {size} bytes")


KINDS = pytest.mark.parametrize("kind", ("text", "bytes"))
CODES = pytest.mark.parametrize(
    "code", (0, 1, *(pytest.param(code, marks=pytest.mark.level("full")) for code in (2, 255, 65536, -1)))
)


@KINDS
@CODES
@pytest.mark.requirement("EPP-SES-032")
@pytest.mark.parametrize("size", (1023, 2046, 2047, 2048, 2049, 4096))
def test_long_error_in_place_of_message_1(stage: Stage, kind: str, code: int, size: int) -> None:
    """Up to 2 048 bytes of two items are an error where message_1 is due, and more are too large."""
    stage.begin()
    set_purpose(stage, RESPONDER)
    first_message(stage, RESPONDER)
    before = stage.state()
    data = _error(kind, code, size)
    if size <= HANDSHAKE_MAX:
        error_of_the_peer(stage, data, "a long EDHOC error")
    else:
        reply = stage.deliver(data, "what is too long for an EDHOC error")
        stage.refused(reply, Code.TOO_LARGE, "message_1")
        stage.equal(reply.out, REFUSED, "answer to message_1")
    stage.unchanged(before, "a long EDHOC error")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-SES-018")
@pytest.mark.parametrize("size", (2047, 2048, 2049, 70000))
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=state.name.lower().replace("_", "-"))
        for state in (Session.WAIT_MESSAGE_2, Session.WAIT_MESSAGE_3, Session.WAIT_MESSAGE_4)
    ],
)
def test_long_error_in_place_of_a_later_message(stage: Stage, state: Session, size: int) -> None:
    """Where another message is due, an error is one however long it is."""
    stage.begin()
    reach(stage, state)
    before = stage.state()
    error_of_the_peer(stage, _error("bytes", 1, size), "a long EDHOC error")
    stage.unchanged(before, "a long EDHOC error")
    flows.still_alive(stage)


# --- revoked lists ------------------------------------------------------------------------------------------

LISTS = {
    "three-chunks": bulletins.MORE_SQUARES,
    "two-chunks": bulletins.SQUARES,
    "one-chunk": bulletins.SQUARES[:100],
    "one-number": bulletins.SQUARES[:1],
    "none": (),
}
ONE = 1
"""In every list but the empty one."""


def _update(stage: Stage, held: Sequence[int], new: Sequence[int], epoch: int, *, by_delta: bool) -> bytes:
    world = stage.world
    if not by_delta:
        return bulletins.update(world, coded(new), epoch=epoch)
    removed, added = sorted(set(held) - set(new)), sorted(set(new) - set(held))
    return bulletins.by_delta(world, new, bulletins.delta(world, epoch - 1, removed, added), epoch=epoch)


def _deals(stage: Stage, peer: Identity, *, revoked: bool) -> None:
    if revoked:
        refuse_peer(stage, Side.RESPONDER, peer)
    else:
        flows.give(stage, Side.RESPONDER, [stage.world.holding(1, holder=peer.number)], peer=peer)


@pytest.mark.requirement("EPP-BUL-004", "EPP-CRS-017", "EPP-SES-022")
@pytest.mark.parametrize("by_delta", (False, True), ids=["chunks", "delta"])
@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(
            first,
            last,
            id=f"{first}-{last}",
            marks=pytest.mark.level("standard" if "none" in (first, last) else "full"),
        )
        for first in LISTS
        for last in LISTS
    ],
)
def test_list_of_another_size(stage: Stage, first: str, last: str, by_delta: bool) -> None:  # noqa: FBT001
    """A list takes the place of a longer or shorter one, down to none, and is there after losses of power."""
    world = stage.world
    peer = world.purse(number=ONE.to_bytes(8, "big"))
    held: Sequence[int] = ()
    stage.begin()
    for at, kind in enumerate((first, last, first)):
        new, epoch = LISTS[kind], EPOCH + 1 + at
        stage.order("bulletin", bulletin=_update(stage, held, new, epoch, by_delta=by_delta))
        for _ in range(2):
            stage.wallet.power_cut("now")
            stage.equal(stage.epoch(), epoch, "epoch after a loss of power")
        _deals(stage, peer, revoked=ONE in new)
        held = new
    flows.still_alive(stage)
