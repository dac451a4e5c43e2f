"""The bench: a patch stands in the core only while its own purse takes a step, whatever comes of it."""

import pytest

from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse import core
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.testing.device import BenchDevice, PowerLost
from eiraku.testing.faulty_store import FaultyStore, PowerCut
from eiraku.testing.purses import World


def test_a_patch_is_of_one_purse(world: World) -> None:
    honest, said = core.say, []

    def say(*given: object) -> object:
        said.append(given)
        return honest(*given)  # type: ignore[arg-type]

    payer, payee = world.purse([1]), world.purse(patches=[(core, "say", say)])
    assert not transfer(payer.device, PayOrder(amount=1), payee.device, ReceiveOrder()).codes
    assert len(said) == 2, "ACCEPT and RECEIPT; OFFER and PAY are the other's"
    assert core.say is honest


def test_a_patch_is_gone_after_a_defect_and_after_a_cut(world: World) -> None:
    honest = core.step

    def broken(*_: object) -> object:
        raise ZeroDivisionError

    purse = world.purse([1]).device
    purse.patches = ((core, "step", broken),)
    with pytest.raises(ZeroDivisionError):
        purse.order(ReceiveOrder())
    assert core.step is honest
    purse.patches = ((core, "say", broken),)
    purse.arm("before", 1)
    assert purse.bulletin(world.bulletin(epoch=11)) == PowerLost()
    assert core.step is honest
    assert core.say is not broken


def test_a_device_that_is_not_on_the_bench_dies_of_a_cut(world: World) -> None:
    store = FaultyStore(world.directory / "dies.db")
    device = Device(store, world.random)
    store.arm("after", 1)
    with pytest.raises(PowerCut):
        device.provision(world.provisioning([1]))
    again = BenchDevice(store, world.random)
    assert again.snapshot().balance == 1
    assert isinstance(again.order(PayOrder(amount=1)), Accepted)
    store.close()
