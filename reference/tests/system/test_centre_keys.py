"""Keys of both centres that change: successors, revocation, lists, and purses that learn of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from eiraku.reference import keylists
from eiraku.reference.anchor import TrustAnchor, parse_purse_id, parse_unit, verify_purse_id
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.objects import Role
from eiraku.spec.shape import EPOCH_MAX
from eiraku.system.announced import AnnouncedError
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA
from eiraku.system.issuing.schema import IssuerError
from eiraku.testing.register import PERSON, RANDOM, ROOTS, anchor, key, made, new
from eiraku.testing.town import EPOCH, HOME, ISSUER, RULES, VAULT, Town

pytestmark = pytest.mark.slow
NOW = 10
"""The epoch of a registry that was just made."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = made(f"sqlite:///{tmp_path / 'device.db'}")
    yield registry
    registry.database.close()


def first_key(registry: Registry) -> bytes:
    return next(iter(registry.keys.announced().keys))


# --- the device centre ---


@pytest.mark.parametrize(
    ("people", "lifetime", "first"),
    (((), 0, NOW + 1), ((), 20, NOW + 21), ((60,), 20, 61), ((25, 31), 20, 32)),
)
def test_a_successor_that_living_purses_cannot_know(
    registry: Registry, people: tuple[int, ...], lifetime: int, first: int
) -> None:
    """EPP-DEV-042: the last purse ID of people decides; vaults, and purses that are out of use, do not."""
    for expires in people:
        new(registry, expires=expires)
    new(registry, role=Role.VAULT, expires=5000)
    registry.purses.recall(new(registry, expires=4000), "lost")
    assert registry.keys.first_permitted(lifetime) == first
    before = registry.keys.newest()
    for change in (registry.keys.rotate, registry.keys.rotate_scheme_key):
        with pytest.raises(RegistryError, match=f"before epoch {first}: expected that or a later one"):
            change(ROOTS.device, valid_from=first - 1, lifetime=lifetime)
    assert registry.keys.newest() == before, "nothing was announced"
    kid = registry.keys.rotate(ROOTS.device, valid_from=first, lifetime=lifetime)
    assert registry.keys.announced().keys[kid].valid_from == first


def test_lists_are_numbered_and_durable(registry: Registry, tmp_path: Path) -> None:
    """EPP-DEV-040, EPP-DEV-041"""
    trusted = anchor(registry)
    lists = [registry.keys.newest()]
    registry.keys.rotate(ROOTS.device, valid_from=NOW + 1, lifetime=0)
    lists.append(registry.keys.newest())
    with pytest.raises(AnnouncedError, match="expected the root that signed"):
        registry.keys.rotate(ROOTS.money, valid_from=NOW + 2, lifetime=0)
    assert registry.keys.newest() == lists[-1]
    registry.keys.revoke(ROOTS.device, first_key(registry), valid_from=NOW)
    lists.append(registry.keys.newest())
    registry.keys.revoke_scheme_keys(ROOTS.device, valid_from=NOW)
    lists.append(registry.keys.newest())
    other = Registry(Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA), random=RANDOM)
    assert other.keys.newest() == lists[-1]
    other.database.close()
    found = [keylists.device_keys(ROOTS.device.public, signed).sequence for signed in lists]
    assert found == [1, 2, 3, 4]
    for signed in lists:
        trusted = trusted.with_keys(Centre.DEVICE, signed)


def test_a_list_is_renewed(tmp_path: Path) -> None:
    """An anchor goes on with the same keys and a later end."""
    short = made(f"sqlite:///{tmp_path / 'short.db'}", list_expires=NOW + 5)
    before = short.keys.announced()
    assert before.expires == NOW + 5
    after = keylists.device_keys(ROOTS.device.public, short.keys.renew(ROOTS.device, NOW + 9))
    assert (after.expires, after.keys, after.scheme) == (NOW + 9, before.keys, before.scheme)
    short.keys.rotate(ROOTS.device, valid_from=NOW + 1, lifetime=0)
    assert short.keys.announced().expires == NOW + 9, "a change of keys does not change it"
    for expires in (NOW + 9, NOW, EPOCH_MAX + 1):
        with pytest.raises(RegistryError, match="expected a list that expires after epoch"):
            short.keys.renew(ROOTS.device, expires)
    short.database.close()


def test_no_bulletin_after_the_end_of_the_list(tmp_path: Path) -> None:
    """EPP-DEV-070"""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}", list_expires=NOW + 2)
    registry.bulletins.advance(NOW + 1)
    before = registry.bulletins.signed()
    with pytest.raises(RegistryError, match=f"expires with epoch {NOW + 2}; sign the next one first"):
        registry.bulletins.advance(NOW + 3)
    assert registry.bulletins.signed() == before
    registry.bulletins.advance(NOW + 2)
    registry.keys.renew(ROOTS.device, NOW + 3)
    registry.bulletins.advance()
    registry.database.close()


@pytest.mark.parametrize("valid_from", (0, 5, NOW, NOW + 3))
def test_a_revoked_master_key(registry: Registry, valid_from: int) -> None:
    """EPP-DEV-043, EPP-DEV-045: a successor signs at once, and purses are renewed under it."""
    number, kid = new(registry), first_key(registry)
    before = registry.purses.lookup(number)
    assert before is not None
    successor = registry.keys.revoke(ROOTS.device, kid, valid_from=valid_from)
    announced = registry.keys.announced().keys
    assert announced[successor].valid_from == max(valid_from, NOW)
    trusted = anchor(registry)
    if valid_from <= NOW:
        with pytest.raises(Refusal):
            verify_purse_id(trusted, before.purse_id)
        renewed = registry.purses.renew(number, 61)
        assert verify_purse_id(trusted, renewed).signed.kid == successor
        assert parse_purse_id(renewed).claims.number == number
    else:
        assert verify_purse_id(trusted, before.purse_id).signed.kid == kid
        assert verify_purse_id(trusted, registry.purses.register(key(), **PERSON)).signed.kid == kid
    for wrong in (kid if valid_from <= NOW else bytes(8), bytes(8)):
        with pytest.raises(RegistryError, match="expected a master key that is good"):
            registry.keys.revoke(ROOTS.device, wrong, valid_from=NOW)


def test_a_key_is_named_as_long_as_it_is_needed(tmp_path: Path) -> None:
    """EPP-DEV-044"""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}", key_expires=NOW + 1, list_expires=NOW)
    kid = first_key(registry)
    vault = new(registry, expires=14, role=Role.VAULT)
    registry.keys.rotate(ROOTS.device, valid_from=NOW + 1, lifetime=0)
    for epoch, named in ((NOW + 2, True), (14, True), (15, False)):
        registry.keys.renew(ROOTS.device, 10 * epoch)
        registry.bulletins.advance(epoch)
        registry.keys.renew(ROOTS.device, 10 * epoch + 1)
        assert (kid in registry.keys.announced().keys) is named
        # EPP-DEV-076: evidence has a purse ID that the newest list supports
        assert verify_purse_id(anchor(registry), registry.purses.for_evidence(vault)).claims.number == vault
    registry.database.close()


# --- scheme keys ---


def test_a_successor_of_the_scheme_key(registry: Registry) -> None:
    """EPP-DEV-048, EPP-DEV-049, EPP-KEY-045, EPP-KEY-046: who is behind understands who is ahead."""
    (old,) = registry.keys.scheme_keys()
    known = replace(anchor(registry), scheme_keys={scheme_key_id(old): old})
    name = registry.keys.rotate_scheme_key(ROOTS.device, valid_from=30, lifetime=5)
    scheme = registry.keys.announced().scheme
    assert (scheme[name].valid_from, scheme[name].valid_to) == (30, EPOCH_MAX)
    assert scheme[scheme_key_id(old)].valid_to == 35
    early = known.with_keys(Centre.DEVICE, registry.keys.newest())
    for each in registry.keys.scheme_keys():
        early = early.with_scheme_key(each, NOW)
    (successor,) = set(registry.keys.scheme_keys()) - {old}
    uses = {epoch: early.scheme_key_of_initiator(epoch) for epoch in (29, 30, 36)}
    assert uses == {29: old, 30: successor, 36: successor}
    for epoch, takes in ((10, {old, successor}), (35, {old, successor}), (36, {successor})):
        assert set(early.scheme_keys_of_responder(epoch)) == takes
    assert known.scheme_key_of_initiator(36) == old, "it does not know the list"
    registry.bulletins.advance(36)
    assert registry.keys.scheme_keys() == (successor,)


def test_a_revoked_scheme_key(registry: Registry) -> None:
    """EPP-DEV-043, EPP-DEV-073"""
    registry.purses.recall(new(registry), "lost")
    new(registry)
    assert registry.keys.locked_out() == 1
    (old,) = registry.keys.scheme_keys()
    trusted = replace(anchor(registry), scheme_keys={scheme_key_id(old): old})
    registry.keys.revoke_scheme_keys(ROOTS.device, valid_from=NOW)
    after = trusted.with_keys(Centre.DEVICE, registry.keys.newest())
    assert after.scheme_key_of_initiator(NOW) is None
    assert after.scheme_keys_of_responder(NOW) == ()
    (new_one,) = registry.keys.scheme_keys()
    assert after.with_scheme_key(new_one, NOW).scheme_key_of_initiator(NOW) == new_one


def test_a_scheme_key_revoked_before_it_began(registry: Registry) -> None:
    """EPP-DEV-048, EPP-KEY-064: a void key is over at once, though its `to` has not passed."""
    (old,) = registry.keys.scheme_keys()
    never = registry.keys.rotate_scheme_key(ROOTS.device, valid_from=100, lifetime=5)
    assert never in {scheme_key_id(key) for key in registry.keys.scheme_keys()}
    successor = registry.keys.revoke_scheme_keys(ROOTS.device, valid_from=20)
    scheme = registry.keys.announced().scheme
    assert set(scheme) == {scheme_key_id(old), successor}
    assert scheme[scheme_key_id(old)].valid_to == 19
    assert {scheme_key_id(key) for key in registry.keys.scheme_keys()} == set(scheme)
    trusted = anchor(registry)
    for key_ in registry.keys.scheme_keys():
        trusted = trusted.with_scheme_key(key_, NOW)
    assert trusted.scheme_keys.keys() == set(scheme)


def test_no_more_scheme_keys_than_a_purse_holds(registry: Registry) -> None:
    """EPP-DEV-074"""
    for valid_from in (20, 30, 40):
        registry.keys.rotate_scheme_key(ROOTS.device, valid_from=valid_from, lifetime=0)
    assert len(registry.keys.scheme_keys()) == 4
    with pytest.raises(RegistryError, match="a purse holds 4 scheme keys"):
        registry.keys.rotate_scheme_key(ROOTS.device, valid_from=50, lifetime=0)
    assert len(registry.keys.scheme_keys()) == 4


@pytest.mark.parametrize(("people", "lifetime"), (((), 5), ((60,), 5), ((25, 31), 40)))
def test_a_scheme_key_ends_after_everybody_had_the_next(
    registry: Registry, people: tuple[int, ...], lifetime: int
) -> None:
    """EPP-DEV-072"""
    for expires in people:
        new(registry, expires=expires)
    (old,) = registry.keys.scheme_keys()
    permitted = registry.keys.first_permitted(lifetime)
    name = registry.keys.rotate_scheme_key(ROOTS.device, valid_from=permitted, lifetime=lifetime)
    scheme = registry.keys.announced().scheme
    assert (
        scheme[scheme_key_id(old)].valid_to >= scheme[name].valid_from >= permitted > max(people, default=0)
    )


# --- the issuing centre ---


def trusting(town: Town) -> TrustAnchor:
    """What a purse of the town trusts after the newest list."""
    return town.anchor.with_keys(Centre.MONEY, town.issuer.office.key_list())


def test_lists_of_the_issuing_centre(town: Town) -> None:
    """EPP-CEN-042, EPP-CEN-043, EPP-CEN-044"""
    office, root = town.issuer.office, town.roots.money
    before = keylists.money_keys(root.public, office.key_list())
    for valid_from in (EPOCH + 1, EPOCH + 6):
        with pytest.raises(IssuerError, match=f"expected a key valid from epoch {EPOCH + 7}"):
            office.rotate(root, valid_from, earliest=EPOCH + 7)
    with pytest.raises(AnnouncedError, match="expected the root"):
        office.rotate(SigningKey(token_bytes(32)), EPOCH + 7, earliest=EPOCH + 7)
    assert keylists.money_keys(root.public, office.key_list()) == before
    made = office.rotate(root, EPOCH + 7, earliest=EPOCH + 7)
    after = keylists.money_keys(root.public, office.key_list())
    assert (before.sequence, after.sequence) == (1, 2)
    assert set(after.keys) == {*before.keys, made.kid}
    for held, kid in ((EPOCH + 6, next(iter(before.keys))), (EPOCH + 7, made.kid)):
        office.advance(held)
        assert parse_unit(town.issue([1])[0].unit).kid == kid


@pytest.mark.parametrize("valid_from", (0, EPOCH))
def test_units_under_a_revoked_key_are_redeemed(town: Town, valid_from: int) -> None:
    """EPP-CEN-040, EPP-CEN-030: the centre pays what it issued, and not what a thief signed."""
    office = town.issuer.office
    issued = town.issue([4])[0]
    thief = town.money
    successor = office.revoke(town.roots.money, thief.kid, valid_from=valid_from)
    named = trusting(town).money_keys
    assert not named[thief.kid].covers(EPOCH)
    assert named[successor.kid].covers(EPOCH)
    assert town.outcome(issued, VAULT, "alice") == "credited"
    village = Town(("alice",), seed=b"town")
    village.money, village.seal = thief, office.seal
    forged = village.move(village.unit(issued=EPOCH), ISSUER, VAULT, "alice", HOME)
    assert [done.outcome for done in town.bring(forged)] == ["unknown"]
    assert parse_unit(town.issue([1])[0].unit).kid == successor.kid


def test_a_revoked_key_is_named_until_its_units_are_settled(town: Town) -> None:
    """EPP-CEN-041"""
    office, root = town.issuer.office, town.roots.money
    kid = town.money.kid
    office.advance(EPOCH + 3)
    town.issue([1])
    office.revoke(root, kid, valid_from=0)
    last = EPOCH + 3 + RULES.unit_lifetime + RULES.claim_grace
    for epoch, there in ((last, True), (last + 1, False)):
        office.advance(epoch)
        town.issuer.claims.refund()
        assert (kid in {each.kid for each in office.money_keys()}) is there
    office.rotate(root, last + 5, earliest=0)
    assert kid not in keylists.money_keys(root.public, office.key_list()).keys


def test_a_key_that_cannot_be_revoked(town: Town) -> None:
    kid: Any = town.money.kid
    town.issuer.office.revoke(town.roots.money, kid, valid_from=5)
    for wrong, epoch in ((kid, 5), (bytes(8), EPOCH)):
        with pytest.raises(IssuerError, match="expected a money key that is good"):
            town.issuer.office.revoke(town.roots.money, wrong, valid_from=epoch)


def test_a_list_of_the_issuing_centre_is_renewed(town: Town) -> None:
    office, root = town.issuer.office, town.roots.money
    before = keylists.money_keys(root.public, office.key_list())
    assert before.expires == EPOCH_MAX
    with pytest.raises(IssuerError, match="expected a list that expires after epoch"):
        office.renew_list(root, EPOCH_MAX)
    made = office.rotate(root, EPOCH + 2, earliest=0, expires=50)
    after = keylists.money_keys(root.public, office.renew_list(root, 60))
    assert (after.sequence, after.expires, set(after.keys)) == (3, 60, {*before.keys, made.kid})


def test_no_unit_after_the_end_of_the_list(town: Town) -> None:
    """EPP-CEN-100"""
    office, root = town.issuer.office, town.roots.money
    office.rotate(root, EPOCH + 9, earliest=0, expires=EPOCH + 1)
    office.advance(EPOCH + 1)
    town.issue([1])
    office.advance(EPOCH + 2)
    with pytest.raises(IssuerError, match="the key list has expired"):
        town.issue([1])
    office.renew_list(root, EPOCH + 5)
    town.issue([1])
