"""Mutants of chapter 8: wallets that are other ones after a restart, and what they say of their writes."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eiraku.conformance.mutants.commits import late
from eiraku.conformance.mutants.registry import Area
from eiraku.conformance.wallet import ReferenceWallet
from eiraku.reference import anchor, store
from eiraku.reference.device import Accepted, Device, Snapshot
from eiraku.reference.policy import Bounds, Policy
from eiraku.reference.purse.ledger import AnchorChanged, Change, PaymentCredited
from eiraku.reference.store import Store
from eiraku.spec.tables import Side
from eiraku.testing.device import BenchDevice
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_reopen, _open, _snapshot, _digest = Store.reopen, Device.open, Device.snapshot, Store.digest
_apply, _order, _power_cut, _path = Store.apply, Device.order, BenchDevice.power_cut, ReferenceWallet._path


@AREA.makes(
    "EPP-CRS-017", collateral={"*": "after the first loss of power it knows no policy, economy or seal"}
)
def forgets_its_rules_with_the_power() -> Sequence[Patch]:
    """Has no policy, no economies and no seals any more after a loss of power."""
    lost: list[Store] = []

    def reopen(store: Store) -> None:
        _reopen(store)
        lost.append(store)

    def while_known(check: Any, otherwise: Any = None) -> Any:
        return lambda *given, **named: otherwise if lost else check(*given, **named)

    checks = (
        anchor.check_purse_id_seal,
        anchor.check_purse_id_economy,
        anchor.check_unit_seal,
        anchor.check_unit_economy,
    )
    return [
        instead(Store.reopen, reopen),
        *(instead(check, while_known(check)) for check in checks),
        instead(Policy.bounds, while_known(Policy.bounds, Bounds(least=0, most=1 << 53))),
    ]


@AREA.replaces(
    "EPP-CRS-017",
    (Store, "reopen"),
    collateral={"*": "without a bulletin it does not get over a loss of power"},
    expected=("test_provisioned::*no-bulletin*",),
)
def crashes_without_a_bulletin(store: Store) -> None:
    """Does not start again after a loss of power if it was provisioned without a bulletin."""
    _reopen(store)
    if store.provision() is not None and store.bulletin() is None:
        raise RuntimeError("expected a bulletin")


@AREA.replaces("EPP-CRS-005", (ReferenceWallet, "_path"), expected=("test_killed::*",))
def plays_the_loss_of_power(wallet: ReferenceWallet) -> Path:
    """Plays a loss of power as it should, and keeps its purse where nothing outlives the process."""
    store, wallet._store = wallet._store, None
    try:
        return _path(wallet)
    finally:
        wallet._store = store


@AREA.makes("EPP-CRS-002", expected=("test_killed::*",))
def writes_when_it_knows_that_power_fails() -> Sequence[Patch]:
    """Sends RECEIPT first and commits with the next request, a power cut that it is told of included."""
    later, _ = late(PaymentCredited)

    def flush(device: Device) -> None:
        device.execute((), is_open=False)

    def cut(device: BenchDevice) -> None:
        flush(device)
        _power_cut(device)

    def snapshot(device: Device) -> Snapshot:
        flush(device)
        return _snapshot(device)

    return [later, instead(BenchDevice.power_cut, cut), instead(Device.snapshot, snapshot)]


# --- what it says of its writes -----------------------------------------------------------------------------


@AREA.makes("EPP-CRS-004")
def digest_of_sessions() -> Sequence[Patch]:
    """Gives another digest after each session that was opened."""
    opened: list[Side] = []

    def count(device: Device, side: Side) -> Any:
        opened.append(side)
        return _open(device, side)

    def digest(store: Store) -> bytes:
        return sha256(_digest(store) + bytes(len(opened))).digest()

    return [instead(Device.open, count), instead(Store.digest, digest)]


AREA.sets(
    "EPP-CRS-004",
    "digest_of_money_alone",
    "Gives the same digest whatever key lists and bulletin it has.",
    (store, "_CONTENT"),
    store._CONTENT[3:],
    expected=("EPP-KEY-035", "EPP-CRS-004"),
)


@AREA.makes("EPP-CRS-004")
def counts_orders_as_writes() -> Sequence[Patch]:
    """Counts a durable write for each order of its holder, and makes none."""

    def order(device: Device, given: Any) -> Any:
        result = _order(device, given)
        device.store.writes += isinstance(result, Accepted)
        return result

    return [instead(Device.order, order)]


@AREA.replaces("EPP-KEY-035", (Store, "apply"))
def counts_key_lists_twice(store: Store, change: Change) -> None:
    """Makes two durable writes for a key list or a scheme key."""
    _apply(store, change)
    if isinstance(change, AnchorChanged):
        _apply(store, change)
