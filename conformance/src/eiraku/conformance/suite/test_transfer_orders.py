"""Chapter 7, the holder's orders: what the wallet refuses to set out for, and which units it chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from eiraku.conformance.suite.payer import (
    expect_no_offer,
    own,
    paid,
    refused_to_offer,
    settle_by_redelivery,
    unread,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity, identifier
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit, Redeliver, Request
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

LIMIT = 65535


def refuse_order(stage: Stage, code: Code, action: str = "pay", **fields: Any) -> None:
    """The wallet must refuse an order, unharmed."""
    before = stage.state()
    stage.refused(stage.act(action, **fields), code, f"order to {action}")
    stage.unchanged(before, "a refused order")


@pytest.mark.requirement("EPP-TRF-010", "EPP-ERR-001")
def test_order_to_pay_nothing(stage: Stage) -> None:
    """An order to pay 0 is refused; one to pay 1 is carried out."""
    stage.begin(own(stage.world, (1,)))
    refuse_order(stage, Code.AMOUNT, amount=0)
    flows.still_alive(stage)
    flows.take(stage, Side.INITIATOR, 1)


@pytest.mark.requirement("EPP-TRF-010", "EPP-POL-004", "EPP-ERR-001")
@pytest.mark.parametrize("tier", (0, 1, 2))
def test_order_above_every_limit(stage: Stage, tier: int) -> None:
    """An order above the highest limit of any operation for the wallet's tier is refused."""
    world = stage.world
    limits = {0: 50, 1: 700, 2: 3000}
    world.policy = policy(
        transfer={0: 10, 1: 100, 2: 3000},
        own={0: 50, 1: 700, 2: 700},
        balance_limits=dict.fromkeys(range(3), 9000),
    )
    wallet = world.purse(tier=tier)
    stage.begin([world.holding(1 << n, holder=wallet.number) for n in range(13)], identity=wallet)
    stage.order("pay", amount=limits[tier])
    refuse_order(stage, Code.AMOUNT_LIMIT, amount=limits[tier] + 1)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-TRF-029", "EPP-ERR-001")
@pytest.mark.parametrize("amount", (0, 2**53, 2**63))
def test_order_to_request_an_impossible_amount(stage: Stage, amount: int) -> None:
    """An amount that no OFFER can answer is not requested."""
    stage.world.policy = policy()
    stage.begin()
    stage.order("request", amount=2**53 - 1, reference="")
    refuse_order(stage, Code.AMOUNT, "request", amount=amount, reference="")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-TRF-067", "EPP-ERR-001")
@pytest.mark.parametrize(
    ("right", "wrong"),
    (
        pytest.param("a" * 64, "a" * 65, id="one-byte-characters"),
        pytest.param("銭" * 21 + "a", "銭" * 21 + "aa", id="three-byte-characters"),
        pytest.param("𝍠" * 16, "𝍠" * 17, id="four-byte-characters"),
    ),
)
def test_length_of_a_reference(stage: Stage, right: str, wrong: str) -> None:
    """A reference may have 64 bytes of UTF-8, and arrives as it was given; a longer one is refused."""
    stage.begin()
    refuse_order(stage, Code.MALFORMED, "request", amount=8, reference=wrong)
    stage.order("request", amount=8, reference=right)
    talk = connect(stage, Side.INITIATOR)
    stage.equal(talk.opening, Request(amount=8, reference=right), "REQUEST")
    flows.still_alive(stage)


# --- choosing units -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Values that the wallet holds, and how many units it may offer at once."""

    values: tuple[int, ...]
    max_units: int = 16

    def fewest(self) -> dict[int, int]:
        """For each amount that can be made up exactly: the least number of units."""
        best = {0: 0}
        for each in self.values:
            for amount, count in list(best.items()):
                best[amount + each] = min(best.get(amount + each, len(self.values)), count + 1)
        return best

    def verdict(self, amount: int) -> Code | None:
        """The code with which an order must be refused; None if it must be accepted."""
        if amount > sum(self.values):
            return Code.INSUFFICIENT_FUNDS
        count = self.fewest().get(amount)
        return Code.NO_EXACT_CHANGE if count is None or count > self.max_units else None


CHOICES = {
    "more-than-all": (Purse(values=(8, 4)), 13),
    "nothing-held": (Purse(values=()), 1),
    "too-large-a-unit": (Purse(values=(8,)), 4),
    "odd-amount": (Purse(values=(8, 4, 2)), 7),
    "all-units": (Purse(values=(8, 4, 2)), 14),
    "one-of-many": (Purse(values=(1,) * 8), 1),
    "large-unit-does-not-fit": (Purse(values=(4, 4, 4, 16)), 12),
    "small-ones-in-place-of-a-large": (Purse(values=(8, 2, 2, 2, 2)), 10),
    "at-the-number-of-units": (Purse(values=(1,) * 6, max_units=4), 4),
    "above-the-number-of-units": (Purse(values=(1,) * 6, max_units=4), 5),
    "fewer-large-ones-needed": (Purse(values=(1, 1, 2, 2, 4, 8), max_units=2), 12),
    "no-choice-few-enough": (Purse(values=(1, 1, 2, 2, 4), max_units=2), 7),
    "one-unit-permitted": (Purse(values=(4, 2, 2), max_units=1), 4),
    "one-unit-permitted-two-needed": (Purse(values=(2, 2), max_units=1), 4),
}


@SIDES
@pytest.mark.requirement("EPP-TRF-011", "EPP-TRF-064", "EPP-TRF-065", "EPP-TRF-012", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(CHOICES))
def test_choice_of_units(stage: Stage, side: Side, name: str) -> None:
    """An amount is paid with an exact choice of units if there is one, and refused otherwise."""
    purse, amount = CHOICES[name]
    stage.world.policy = policy(max_units=purse.max_units)
    stage.begin(own(stage.world, purse.values))
    code = purse.verdict(amount)
    if code is None:
        payment = flows.take(stage, side, amount)
        most = purse.max_units
        stage.require(
            len(payment.holdings) <= most, f"at most {most}", len(payment.holdings), "units offered"
        )
    else:
        refuse_order(stage, code, amount=amount)
    flows.still_alive(stage)


def _purses(seed: int, count: int) -> list[Purse]:
    random = Random(seed)  # noqa: S311 - variety, not secrecy
    return [
        Purse(
            values=tuple(1 << random.randrange(7) for _ in range(random.randrange(1, 12))),
            max_units=random.randrange(1, 8),
        )
        for _ in range(count)
    ]


@pytest.mark.requirement("EPP-TRF-011", "EPP-TRF-064", "EPP-TRF-065")
@pytest.mark.parametrize(
    "purse",
    [
        pytest.param(
            purse,
            id=f"{'-'.join(map(str, purse.values))}-at-most-{purse.max_units}",
            marks=pytest.mark.level("standard" if number < 4 else "full"),
        )
        for number, purse in enumerate(_purses(1, 24))
    ],
)
def test_every_amount(stage: Stage, purse: Purse) -> None:
    """For every amount the wallet accepts the order if, and only if, an exact choice exists."""
    stage.world.policy = policy(max_units=purse.max_units)
    stage.begin(own(stage.world, purse.values))
    for amount in range(1, min(sum(purse.values), 160) + 2):
        code = purse.verdict(amount)
        reply = stage.act("pay", amount=amount)
        if code is None:
            stage.require(reply.accepted, "accepted", reply, f"pay {amount} of {purse.values}")
        else:
            stage.refused(reply, code, f"pay {amount} of {purse.values}")
    flows.still_alive(stage)


# --- units that are not offered -----------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-TRF-012", "EPP-UNI-005")
def test_expired_units_are_not_offered(stage: Stage, side: Side) -> None:
    """A unit is offered in its last epoch, and not after it."""
    world = stage.world
    old = world.holding(8, holder=world.wallet.number, expires=EPOCH - 1)
    last = world.holding(8, holder=world.wallet.number, expires=EPOCH)
    stage.begin([old, last])
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=16)
    payment = flows.take(stage, side, 8)
    stage.equal([held.unit for held in payment.holdings], [last.unit], "units offered")
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=8)
    flows.still_alive(stage)


TIRED = {"limit-of-the-unit": {"hop": 2, "max_hops": 2}, "limit-of-the-policy": {"hop": 10, "max_hops": 255}}
FRESH = {"limit-of-the-unit": {"hop": 1, "max_hops": 2}, "limit-of-the-policy": {"hop": 9, "max_hops": 255}}
LIMITS = pytest.mark.parametrize("limit", tuple(TIRED))


@SIDES
@LIMITS
@pytest.mark.requirement("EPP-TRF-012", "EPP-POL-004")
def test_units_at_their_limit_are_kept_for_the_vault(stage: Stage, side: Side, limit: str) -> None:
    """A person is not offered a unit that has made its last move, but one that has a last move to make."""
    world = stage.world
    world.policy = policy()
    (tired,), (fresh,) = own(world, (8,), **TIRED[limit]), own(world, (8,), **FRESH[limit])
    stage.begin([tired, fresh])
    payment = flows.take(stage, side, 8)
    stage.equal([held.unit for held in payment.holdings], [fresh.unit], "units offered")


@SIDES
@LIMITS
@pytest.mark.requirement("EPP-TRF-012")
@pytest.mark.parametrize(
    "role", [pytest.param(role, id=role.name.lower()) for role in (Role.VAULT, Role.CENTRE)]
)
def test_vault_and_centre_are_offered_units_at_their_limit(
    stage: Stage, side: Side, limit: str, role: Role
) -> None:
    """A vault and the centre are offered units that have made their last move."""
    world = stage.world
    world.policy = policy()
    (tired,) = own(world, (8,), **TIRED[limit])
    stage.begin([tired])
    flows.take(stage, side, 8, peer=_home(stage, role))
    stage.equal(stage.state().balance, 0, "balance")
    flows.still_alive(stage)


def _home(stage: Stage, role: Role) -> Identity:
    """A vault of the wallet's holder, or the centre."""
    world = stage.world
    holder = world.wallet.claims.holder if role is Role.VAULT else world.random(32)
    return world.purse(role=role, tier=1, holder=holder)


@SIDES
@LIMITS
@pytest.mark.requirement(
    "EPP-TRF-066", "EPP-TRF-116", "EPP-TRF-117", "EPP-TRF-113", "EPP-TRF-012", "EPP-ERR-002"
)
@pytest.mark.parametrize(
    ("others", "code"),
    (((), Code.INSUFFICIENT_FUNDS), ((4, 2), Code.INSUFFICIENT_FUNDS), ((16,), Code.NO_EXACT_CHANGE)),
)
def test_nothing_to_offer_to_this_peer(
    stage: Stage, side: Side, limit: str, others: Sequence[int], code: Code
) -> None:
    """Where only a vault would take the units, the holder is told why and another payee that it cannot be."""
    world = stage.world
    world.policy = policy()
    stage.begin([*own(world, (8,), **TIRED[limit]), *own(world, others)])
    before = stage.state()
    stage.order("pay", amount=8)
    expect_no_offer(stage, refused_to_offer(stage, side, 8), code, Code.AMOUNT)
    stage.unchanged(before, "a session without an offer")
    flows.still_alive(stage)
    flows.take(stage, side, 8, peer=_home(stage, Role.VAULT))


# --- size ---------------------------------------------------------------------------------------------------


def _heavy(stage: Stage, size: int) -> list[OfferedUnit]:
    """Six units that the wallet can offer together only in a REDELIVER of exactly `size` bytes."""
    # The numbers of units, which are drawn, may come to have a longer head on the way: then all have it.
    for _ in range(2):
        filled = _filled(stage, size)
        if _redeliver_size(filled) == size:
            return filled
    raise ValueError(f"cannot make a REDELIVER of {size} bytes")


def _filled(stage: Stage, size: int) -> list[OfferedUnit]:
    hops = [68] * 6
    plain = [unread(stage.world, 1 << n, hop, max_hops=255) for n, hop in enumerate(hops)]
    missing = size - _redeliver_size(plain)
    while missing > 153:
        place = hops.index(min(hops))
        hops[place] += 1
        missing -= 153
    filled = []
    for number, hop in enumerate(hops):
        # 24 bytes of reserved area take 25 bytes more than none: the head grows as well.
        share = min(missing, 33)
        share = 23 if share == 24 else share
        missing -= share
        reserved = bytes(share - 1 if share > 24 else share)
        filled.append(unread(stage.world, 1 << number, hop, max_hops=255, reserved=reserved))
    return filled


def _redeliver_size(holdings: Sequence[OfferedUnit]) -> int:
    offer = Offer(transaction=bytes(16), amount=(1 << len(holdings)) - 1, units=tuple(holdings))
    return len(Redeliver(offer=offer.encode(), endorsements=(bytes(64),) * len(holdings)).encode())


@SIDES
@pytest.mark.requirement("EPP-TRF-060")
def test_largest_redelivery(stage: Stage, side: Side) -> None:
    """A bundle whose REDELIVER has 65 535 bytes is offered, and can be redelivered."""
    world = stage.world
    world.policy = policy(max_units=64, max_hops=255, max_record=LIMIT)
    stage.begin(_heavy(stage, LIMIT))
    _, payment = paid(stage, side, 63)
    settle_by_redelivery(stage, side, payment)


@SIDES
@pytest.mark.requirement("EPP-TRF-060", "EPP-ERR-001")
@pytest.mark.parametrize("surplus", (1, 66, 300))
def test_bundle_too_large_to_redeliver(stage: Stage, side: Side, surplus: int) -> None:
    """A bundle whose REDELIVER would be longer than 65 535 bytes is not offered; a part of it is."""
    world = stage.world
    world.policy = policy(max_units=64, max_hops=255, max_record=LIMIT)
    units = _heavy(stage, LIMIT + surplus)
    stage.begin(units)
    refuse_order(stage, Code.TOO_LARGE, amount=63)
    payment = flows.take(stage, side, 31)
    stage.equal(
        {identifier(h) for h in payment.holdings}, {identifier(h) for h in units[:5]}, "units offered"
    )
    flows.still_alive(stage)
