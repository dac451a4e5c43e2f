"""Chapters 7 and 8: tables that are full, and each of their entries still there."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from eiraku.conformance.adapter.client import Payment as Listed
from eiraku.conformance.suite.key_lists import NEXT, accept_keys, device_keys
from eiraku.conformance.suite.memory import bundles, refuse_offer, repeat
from eiraku.conformance.suite.payer import own, paid, redeliver
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.policies import RECORD_MAX, UNITS_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, Identity, World, identifier
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import ENTRIES_MAX, Centre
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

MOST = 64
"""Entries of a table that are tried: as many, or all that the wallet has room for."""
ONCE = pytest.mark.parametrize(
    "side",
    (
        pytest.param(Side.RESPONDER, id="responder"),
        pytest.param(Side.INITIATOR, id="initiator", marks=pytest.mark.level("full")),
    ),
)


def _full(stage: Stage, held: int = 0) -> tuple[int, list[OfferedUnit]]:
    """The wallet has tables of as many entries as are tried, and so many units to begin with; both."""
    sizes: dict[str, Any] = {
        name: min(MOST, stage.room(name)) for name in ("capacity", "max_given", "max_credited")
    }
    count = min(sizes.values())
    seen = min(2 * MOST, stage.room("max_seen"))
    stage.world.policy = policy(
        **sizes,
        max_seen=max(seen, count),
        max_units=UNITS_MAX,
        max_record=min(RECORD_MAX, stage.room("max_record")),
    )
    units = own(stage.world, (1,) * min(held, count))
    stage.begin(units)
    return count, units


def _listed(entries: Iterable[Listed]) -> list[str]:
    return sorted(f"{e.transaction.hex()} {e.peer.hex()} {e.amount}" for e in entries)


def _expected(payments: Iterable[tuple[Payment, Identity]]) -> list[str]:
    return sorted(f"{p.offer.transaction.hex()} {peer.number.hex()} {p.amount}" for p, peer in payments)


@ONCE
@pytest.mark.requirement("EPP-CRS-014", "EPP-CRS-008", "EPP-CRS-003", "EPP-CRS-021")
def test_each_pending_transaction_is_there(stage: Stage, side: Side) -> None:
    """However many are pending, each is listed, survives, can be redelivered, and is settled for good."""
    world = stage.world
    count, _ = _full(stage, MOST)
    peers = [world.peer, world.purse(), world.purse()]
    lost: list[tuple[Payment, Identity]] = []
    for turn in range(count):
        peer = peers[turn % 3]
        lost.append((paid(stage, side, 1, peer=peer)[1], peer))
    for _ in range(2):
        state = stage.state()
        stage.equal(_listed(state.pending), _expected(lost), "pending transactions")
        for entry in state.pending:
            stage.equal(len(entry.units), 1, "units of a pending transaction")
        stage.wallet.power_cut("now")
    for payment, peer in sorted(lost, key=lambda each: each[0].offer.transaction, reverse=True):
        talk, _ = redeliver(stage, side, payment, peer=peer)
        stage.accepted(talk.send(flows.receipt_of(talk, payment.offer)).reply, "RECEIPT", "closed")
    for _ in range(2):
        state = stage.state()
        stage.equal((state.pending, state.balance), ((), 0), "pending transactions and balance")
        stage.equal(_listed(state.settled), _expected(lost), "settled transactions")
        stage.wallet.power_cut("now")
    for payment, _peer in lost:
        refused = stage.act("redeliver", transaction=payment.offer.transaction)
        stage.refused(refused, Code.UNKNOWN_TRANSACTION, "order to redeliver what is settled")


@ONCE
@pytest.mark.requirement("EPP-CRS-010", "EPP-CRS-020", "EPP-CRS-002", "EPP-TRF-040")
def test_each_credited_transaction_is_there(stage: Stage, side: Side) -> None:
    """However many are credited, each is listed, survives, and gets its receipt again; each unit is held."""
    world = stage.world
    count, _ = _full(stage)
    given = [flows.give(stage, side, [world.holding(1)]) for _ in range(count)]
    for _ in range(2):
        state = stage.state()
        expected = _expected((payment, world.peer) for payment in given)
        stage.equal(_listed(state.credited), expected, "credited transactions")
        units = {identifier(payment.holdings[0]) for payment in given}
        stage.equal({unit.unit_id for unit in state.units}, units, "units held")
        stage.wallet.power_cut("now")
    for payment in sorted(given, key=lambda each: each.offer.transaction, reverse=True):
        repeat(stage, side, payment)
        refuse_offer(stage, payment.holdings[0], Code.UNIT_HELD, 0)


@ONCE
@pytest.mark.requirement("EPP-CRS-016", "EPP-TRF-041", "EPP-TRF-115")
def test_each_unit_that_was_seen_is_remembered(stage: Stage, side: Side) -> None:
    """However many units have been here, none is taken again at the hop at which it left."""
    world = stage.world
    count, units = _full(stage, MOST)
    for bundle in bundles(units, 16):
        flows.take(stage, side, len(bundle))
    more = [world.holding(1) for _ in range(min(MOST, count, stage.world.policy["max_seen"] - count))]
    for bundle in bundles(more, 16):
        flows.give(stage, side, bundle)
        flows.take(stage, side, len(bundle))
    stage.wallet.power_cut("now")
    for held in (*units, *more):
        refuse_offer(stage, held, Code.UNIT_SEEN, 0)


# --- lists ------------------------------------------------------------------------------------------------


@ONCE
@pytest.mark.requirement("EPP-KEY-010", "EPP-KEY-022", "EPP-HIS-003")
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
def test_each_money_key_of_a_full_list(stage: Stage, side: Side, restarted: bool) -> None:  # noqa: FBT001
    """Units under each of 32 money keys are taken, each sealed for the history key beside its unit key."""
    world = stage.world
    world.policy = policy()
    more = tuple(world.money_key(1, LAST_EPOCH) for _ in range(ENTRIES_MAX - 2))
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys, *more))
    stage.begin()
    accept_keys(stage, Centre.MONEY, world.money_keys(sequence=NEXT))
    if restarted:
        stage.wallet.power_cut("now")
    centres = [replace(world.issuing, keys=(key,)) for key in world.issuing.keys]
    held = [world.holding(1, centre=centre, issued=55) for centre in centres]
    for bundle in bundles(held, 16):
        flows.give(stage, side, bundle)
    for _ in bundles(held, 16):
        flows.take(stage, side, 16)


@ONCE
@pytest.mark.requirement("EPP-KEY-010", "EPP-KEY-022")
def test_each_master_key_of_a_full_list(stage: Stage, side: Side) -> None:
    """Purses under each of 32 master keys are dealt with."""
    world = stage.world
    world.policy = policy()
    more = tuple(world.master_key(1, LAST_EPOCH) for _ in range(ENTRIES_MAX - 2))
    stage.begin()
    keys = device_keys(world, *(key.announced for key in more))
    accept_keys(stage, Centre.DEVICE, world.device_keys(keys, sequence=NEXT))
    for key in (*world.device.keys, *more):
        peer = world.purse(centre=replace(world.device, keys=(key,)), issued=55)
        flows.give(stage, side, [world.holding(1, holder=peer.number)], peer=peer)


# --- what is pending while the world goes on --------------------------------------------------------------


def _unit_keys(change: Callable[[World], list[object]]) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        world = stage.world
        accept_keys(stage, Centre.MONEY, world.money_keys(change(world), sequence=NEXT))  # type: ignore[arg-type]

    return act


def _master_key(stage: Stage) -> None:
    """The wallet's own purse ID is under a revoked key, its peer's is not."""
    world = stage.world
    accept_keys(stage, Centre.DEVICE, world.device_keys(device_keys(world, last=85), sequence=NEXT))


def _expired(stage: Stage) -> None:
    stage.order("bulletin", bulletin=stage.world.bulletin(EPOCH + 1))


SINCE: dict[str, tuple[str, Callable[[Stage], None]]] = {
    "unit-key-void": (
        "EPP-KEY-037",
        _unit_keys(
            lambda world: [replace(k.announced, valid_from=1, valid_to=0) for k in world.issuing.keys]
        ),
    ),
    "unit-key-ended": (
        "EPP-KEY-037",
        _unit_keys(lambda world: [replace(k.announced, valid_to=k.valid_from) for k in world.issuing.keys]),
    ),
    "unit-key-left-out": ("EPP-KEY-037", _unit_keys(lambda w: [w.money_key(1, LAST_EPOCH).announced])),
    "unit-expired": ("EPP-CRS-022", _expired),
    "own-key-revoked": ("EPP-KEY-041", _master_key),
}


@SIDES
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
@pytest.mark.parametrize(
    "since",
    [
        pytest.param(since, id=name, marks=pytest.mark.requirement("EPP-CRS-008", "EPP-CRS-014", rule))
        for name, (rule, since) in SINCE.items()
    ],
)
def test_pending_stays_redeliverable(
    stage: Stage,
    side: Side,
    since: Callable[[Stage], None],
    restarted: bool,  # noqa: FBT001
) -> None:
    """What is pending can be redelivered and settled, whatever has become of its units since."""
    world = stage.world
    peer = world.purse(issued=80)
    stage.begin(own(world, (4, 2), expires=EPOCH))
    lost = [paid(stage, side, amount, peer=peer)[1] for amount in (4, 2)]
    since(stage)
    if restarted:
        stage.wallet.power_cut("now")
    for payment in lost:
        listed = [p.transaction for p in stage.state().pending]
        stage.require(payment.offer.transaction in listed, "pending", listed, "transactions pending")
        redeliver(stage, side, payment, peer=peer)
        talk, _ = redeliver(stage, side, payment, peer=peer)
        stage.accepted(talk.send(flows.receipt_of(talk, payment.offer)).reply, "RECEIPT", "closed")
    stage.equal((stage.state().pending, stage.state().balance), ((), 0), "pending and balance")
