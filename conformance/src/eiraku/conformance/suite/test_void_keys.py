"""Void entries of key lists (`from` after `to`), under every rule about lists, windows and choices."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eiraku.conformance.suite.key_lists import (
    CENTRES,
    NEXT,
    accept_keys,
    fields,
    listed,
    refuse_keys,
    root,
    signed,
)
from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.negative_session import (
    PARTS,
    Attack,
    Part,
    money,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_key_contents import SMALL_ORDER
from eiraku.conformance.suite.test_scheme_keys import hand, meets, name, strange, two_keys
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.edwards import KEY_FORMS, CraftedKey
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import Validity
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.objects import Role
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.tables import Side

VOID = {
    "from-the-first": (1, 0),
    "around-now": (EPOCH + 5, EPOCH - 5),
    "by-one": (EPOCH, EPOCH - 1),
    "by-one-from-the-next": (EPOCH + 1, EPOCH),
    "of-later": (EPOCH + 9, EPOCH + 8),
    "by-all": (EPOCH_MAX, 0),
}
FORMS = pytest.mark.parametrize("void", [pytest.param(ends, id=form) for form, ends in VOID.items()])
Ends = tuple[int, int]
Entry = tuple[cbor.Item, ...]


# --- lists --------------------------------------------------------------------------------------------------


def _entry(world: World, centre: Centre, public: bytes, ends: Ends, history: bytes | None = None) -> Entry:
    other = SigningKey(world.random(32)).public if history is None else history
    ends = world.at(ends[0]), world.at(ends[1])
    return (public, *ends) if centre is Centre.DEVICE else (public, other, *ends)


def _with(world: World, centre: Centre, *entries: Entry) -> bytes:
    """The next list of a centre, with these entries more."""
    sequence, expires, keys, *scheme = fields(world, centre)
    assert isinstance(keys, tuple)
    return signed(world, centre, (sequence, expires, (*keys, *entries), *scheme))


FAULTS: dict[str, tuple[str, Callable[[World, Centre], bytes]]] = {
    "own-root": ("EPP-KEY-031", lambda world, centre: root(world, centre).public),
    **{
        f"key-{form}": ("EPP-KEY-029", lambda world, _, form=made: CraftedKey(world.random(32), form).public)  # type: ignore[misc]
        for form, made in KEY_FORMS.items()
        if "mixed" not in form
    },
}


@CENTRES
@FORMS
@pytest.mark.parametrize("order", ("void-first", "void-last", "both-void"))
@pytest.mark.requirement("EPP-KEY-027", "EPP-KEY-028")
def test_void_key_twice(stage: Stage, centre: Centre, void: Ends, order: str) -> None:
    """A key that is void in one entry and stands in another is there twice, whichever comes first."""
    world = stage.world
    public = SigningKey(world.random(32)).public
    good, bad = (_entry(world, centre, public, ends) for ends in ((1, LAST_EPOCH), void))
    stage.begin()
    twice = {"void-first": (bad, good), "void-last": (good, bad), "both-void": (bad, bad)}[order]
    refuse_keys(stage, centre, _with(world, centre, *twice), Code.MALFORMED)
    accept_keys(stage, centre, _with(world, centre, bad))


@FORMS
@pytest.mark.requirement("EPP-KEY-027", "EPP-KEY-028")
def test_void_scheme_key_twice(stage: Stage, void: Ends) -> None:
    """A scheme key that is void in one entry and stands in another is there twice."""
    world = stage.world
    new = scheme_key_id(world.random(32))
    held = (scheme_key_id(world.scheme_key), 0, EPOCH_MAX)
    stage.begin()
    bad, good = (new, world.at(void[0]), world.at(void[1])), (new, 0, world.at(9))
    for ends in ((bad, good), (good, bad)):
        wrong = signed(world, Centre.DEVICE, (*fields(world, Centre.DEVICE)[:3], (held, *ends)))
        refuse_keys(stage, Centre.DEVICE, wrong, Code.MALFORMED)
    right = signed(world, Centre.DEVICE, (*fields(world, Centre.DEVICE)[:3], (held, bad)))
    accept_keys(stage, Centre.DEVICE, right)
    flows.still_alive(stage)


@CENTRES
@pytest.mark.parametrize(
    "fault", [pytest.param(f, id=f, marks=pytest.mark.requirement(rule)) for f, (rule, _) in FAULTS.items()]
)
def test_void_key_that_is_unsound(stage: Stage, centre: Centre, fault: str) -> None:
    """A key that no list may have is in none as a void entry either."""
    world = stage.world
    stage.begin()
    wrong = _entry(world, centre, FAULTS[fault][1](world, centre), (1, 0))
    refuse_keys(stage, centre, _with(world, centre, wrong), Code.MALFORMED)
    accept_keys(
        stage,
        centre,
        _with(world, centre, _entry(world, centre, SigningKey(world.random(32)).public, (1, 0))),
    )


@pytest.mark.requirement("EPP-KEY-030")
@pytest.mark.parametrize("key", SMALL_ORDER[:3])
def test_void_entry_with_a_small_history_key(stage: Stage, key: str) -> None:
    """A history key of small order is in no list, though nothing would be sealed for it."""
    world = stage.world
    stage.begin()
    public = SigningKey(world.random(32)).public
    wrong = _entry(world, Centre.MONEY, public, (1, 0), bytes.fromhex(key))
    refuse_keys(stage, Centre.MONEY, _with(world, Centre.MONEY, wrong), Code.MALFORMED)
    accept_keys(stage, Centre.MONEY, listed(world, Centre.MONEY))


# --- what is signed under them ------------------------------------------------------------------------------


def _one_void(stage: Stage, void: Ends) -> None:
    """Of four money keys the third is void."""
    world = stage.world
    more = (world.money_key(1, LAST_EPOCH), world.money_key(1, LAST_EPOCH))
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys, *more))
    keys = [key.announced for key in world.issuing.keys]
    keys[2] = replace(keys[2], valid_from=void[0], valid_to=void[1])
    stage.begin(_under_each(world, world.wallet.number))
    accept_keys(stage, Centre.MONEY, world.money_keys(keys, sequence=NEXT))


def _under_each(world: World, holder: bytes) -> list[Any]:
    """A unit under each money key, worth 1, 2, 4 and 8."""
    centres = [replace(world.issuing, keys=(key,)) for key in world.issuing.keys]
    return [
        world.holding(1 << n, centre=centre, issued=issued, holder=holder)
        for n, (centre, issued) in enumerate(zip(centres, (55, 55, 90, 90), strict=True))
    ]


@FORMS
@pytest.mark.requirement("EPP-KEY-028", "EPP-KEY-010", "EPP-KEY-039")
def test_one_void_key_of_several(stage: Stage, void: Ends) -> None:
    """A void money key spoils what was issued under it, and nothing under the keys beside it."""
    world = stage.world
    world.policy = replace_redemption(policy())
    _one_void(stage, void)
    offered = _under_each(world, world.peer.number)
    refuse_offer(stage, offered[2], Code.UNIT_SIGNATURE, 0)
    flows.give(stage, Side.RESPONDER, [*offered[:2], offered[3]])
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=23)
    flows.take(stage, Side.RESPONDER, 22)
    stage.equal(stage.state().balance, 4, "balance, of the unit under the void key")


def replace_redemption(made: dict[str, Any]) -> dict[str, Any]:
    """The policy without the operation that pays the issuing centre."""
    kept = [each for each in made["operations"] if each["name"] != "redemption"]
    return {**made, "operations": kept}


@FORMS
@pytest.mark.requirement("EPP-KEY-028", "EPP-KEY-010")
@pytest.mark.parametrize("part", PARTS)
def test_purse_under_one_void_key_of_several(stage: Stage, part: Part, void: Ends) -> None:
    """A void master key spoils the purse IDs under it, and none under the keys beside it."""
    world = stage.world
    spare = world.master_key(1, LAST_EPOCH)
    keys = [key.announced for key in (*world.device.keys, spare)]
    bad = world.purse(centre=replace(world.device, keys=(spare,)))
    stage.begin(money(stage, part))
    keys.insert(1, replace(keys.pop(), valid_from=void[0], valid_to=void[1]))
    accept_keys(stage, Centre.DEVICE, world.device_keys(keys, sequence=NEXT))
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(), peer=bad)
    flows.give(stage, part.side, [world.holding(4)])


@FORMS
@pytest.mark.requirement("EPP-KEY-028", "EPP-BUL-001")
def test_bulletin_under_a_void_key(stage: Stage, void: Ends) -> None:
    """No bulletin under a void key is good, of whatever epoch; one under another key of the list is."""
    world = stage.world
    spare = world.master_key(1, LAST_EPOCH)
    old, current = (key.announced for key in world.device.keys)
    stage.begin()
    keys = [old, replace(spare.announced, valid_from=void[0], valid_to=void[1]), current]
    accept_keys(stage, Centre.DEVICE, world.device_keys(keys, sequence=NEXT))
    before = stage.state()
    centre = replace(world.device, keys=(spare,))
    for epoch in (EPOCH + 1, EPOCH + 7, EPOCH + 9, LAST_EPOCH):
        bulletin = centre.bulletin(epoch=epoch, revoked=(), policy_digest=stage.world.drawn.policy_digest)
        stage.refused(stage.act("bulletin", bulletin=bulletin), Code.BULLETIN_SIGNATURE, "bulletin")
    stage.unchanged(before, "bulletins under a void key")
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))


# --- scheme keys --------------------------------------------------------------------------------------------


def _void_scheme(stage: Stage, void: Ends) -> tuple[bytes, bytes]:
    """The wallet has two scheme keys, of which the second has become void."""
    old, new = two_keys(stage.world)
    stage.begin()
    name(stage, {old: ALWAYS, new: ALWAYS})
    hand(stage, new)
    meets(stage, Side.RESPONDER, new)
    name(stage, {old: ALWAYS, new: Validity(valid_from=void[0], valid_to=void[1])}, NEXT + 1)
    return old, new


@FORMS
@pytest.mark.requirement("EPP-KEY-045")
def test_initiator_and_a_void_scheme_key(stage: Stage, void: Ends) -> None:
    """A void scheme key is never in force, however great its `from`: a wallet begins under another."""
    old, _ = _void_scheme(stage, void)
    for restarted in (False, True):
        if restarted:
            stage.wallet.power_cut("now")
        meets(stage, Side.INITIATOR, old)


@SIDES
@FORMS
@pytest.mark.requirement("EPP-KEY-047")
def test_only_a_void_scheme_key(stage: Stage, side: Side, void: Ends) -> None:
    """A wallet whose only scheme key is void opens no session."""
    world = stage.world
    stage.begin()
    flows.give(stage, side, [world.holding(4)])
    name(stage, {world.scheme_key: Validity(valid_from=void[0], valid_to=void[1])})
    flows.order_receive(stage, side, 4)
    stage.refused(stage.open(side), Code.ANCHOR_EXPIRED, "open with a void scheme key only")
    name(stage, {world.scheme_key: ALWAYS}, NEXT + 1)
    meets(stage, side, world.scheme_key)


@FORMS
@pytest.mark.requirement("EPP-KEY-046", "EPP-KEY-064")
def test_responder_and_a_void_scheme_key(stage: Stage, void: Ends) -> None:
    """A wallet does not answer under a void scheme key, in whatever epoch, and does under the other."""
    old, new = _void_scheme(stage, void)
    strange(stage, new)
    meets(stage, Side.RESPONDER, old)


@pytest.mark.parametrize(
    # A `to` that is behind is what the requirement speaks of.
    "void",
    [pytest.param(ends, id=form) for form, ends in VOID.items() if ends[1] < EPOCH],
)
@pytest.mark.requirement("EPP-KEY-049")
def test_void_scheme_key_takes_no_room(stage: Stage, void: Ends) -> None:
    """A void scheme key is erased when another comes, and does not count among the four."""
    world = stage.world
    old = world.scheme_key
    more = [world.random(32) for _ in range(4)]
    stage.begin()
    name(stage, dict.fromkeys((old, *more), ALWAYS))
    hand(stage, *more[:3])
    before = stage.state()
    stage.refused(stage.act("scheme-key", key=more[3]), Code.CAPACITY, "a fifth scheme key")
    stage.unchanged(before, "a fifth scheme key")
    ends = Validity(valid_from=void[0], valid_to=void[1])
    name(stage, {**dict.fromkeys((old, *more), ALWAYS), more[0]: ends}, NEXT + 1)
    hand(stage, more[3])
    for key in (old, *more[1:]):
        meets(stage, Side.RESPONDER, key)
    name(stage, dict.fromkeys((old, *more), ALWAYS), NEXT + 2)
    strange(stage, more[0])


# --- provisioning -------------------------------------------------------------------------------------------


def _anchored(stage: Stage, ends: Ends, role: Role) -> Any:
    """Provision a purse of a role with a unit, under an anchor in which its key has these ends."""
    world = stage.world
    world.wallet = world.purse(role=role)
    old, current = (key.announced for key in world.issuing.keys)
    list_ = world.money_keys([old, replace(current, valid_from=ends[0], valid_to=ends[1])])
    given = world.provisioning(own(world, (4,)))
    stage.wallet.reset()
    return stage.wallet.provision(**{**given, "anchor": {**given["anchor"], "money_keys": list_}})


OUTSIDE = {**VOID, "not-yet": (95, LAST_EPOCH), "no-more": (50, 89)}


@pytest.mark.parametrize("ends", [pytest.param(ends, id=form) for form, ends in OUTSIDE.items()])
@pytest.mark.requirement("EPP-GEN-014", "EPP-UNI-002", "EPP-KEY-009")
def test_provisioned_with_a_unit_outside_its_key(stage: Stage, ends: Ends) -> None:
    """A unit that was issued outside the validity of its key is provisioned to the centre's purse only."""
    stage.world.policy = policy()
    for role in (Role.PERSON, Role.MERCHANT, Role.VAULT):
        before = stage.state()
        stage.refused(_anchored(stage, ends, role), Code.PROVISION, f"provision a {role.name.lower()}")
        stage.equal(stage.state().units, before.units, "units of what was refused")
    stage.accepted(_anchored(stage, ends, Role.CENTRE), "provision the centre's purse")
    stage.equal(stage.state().balance, 4, "balance")
