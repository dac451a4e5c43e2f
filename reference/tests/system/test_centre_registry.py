"""The register: one number for one key, renewal, recall, revocation, keys, reports of suspects."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference.anchor import parse_purse_id, verify_bulletin, verify_purse_id
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import Role
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.testing.register import PERSON, ROOTS, SEAL, anchor, key, made, new

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(centre_url: str) -> Iterator[Registry]:
    registry = made(centre_url)
    yield registry
    registry.database.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Registry]:
    """On SQLite only."""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}")
    yield registry
    registry.database.close()


# --- registration ---


def test_a_registered_purse(registry: Registry) -> None:
    """EPP-DEV-001, EPP-CEN-053"""
    public = key()
    signed = registry.purses.register(public, **PERSON)
    claims = verify_purse_id(anchor(registry), signed).claims
    assert (claims.public_key, claims.issued, claims.expires, claims.seal) == (public, 10, 60, SEAL)
    known = registry.purses.lookup(claims.number)
    assert known is not None
    assert (known.public_key, known.role, known.tier, known.economy) == (public, Role.PERSON, 2, 392)
    assert (known.purse_id, known.state, known.registered, known.active) == (signed, "active", 10, True)
    assert registry.purses.public_key(claims.number) == public
    assert [event.kind for event in registry.purses.events(claims.number)] == ["registered"]
    assert registry.purses.lookup(bytes(8)) is None
    assert registry.purses.public_key(b"12345678") is None


def test_the_same_registration_again_gives_the_same(registry: Registry) -> None:
    """EPP-DEV-001, EPP-DEV-011"""
    public = key()
    first = registry.purses.register(public, **PERSON)
    assert registry.purses.register(public, **PERSON) == first
    with pytest.raises(RegistryError, match="registered already"):
        registry.purses.register(public, **PERSON | {"tier": 3})
    number = parse_purse_id(first).claims.number
    registry.purses.recall(number, "lost")
    with pytest.raises(RegistryError, match="make a new key"):
        registry.purses.register(public, **PERSON)
    assert len(registry.purses.known()) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"tier": 8}, "tier"),
        ({"role": 5}, "5"),
        ({"holder": b"me"}, "holder"),
        ({"economy": 0}, "economy"),
        ({"expires": 9}, "expires"),
        ({"expires": 2**32}, "expires"),
        ({"reserved": bytes(33)}, "reserved"),
    ),
)
def test_what_cannot_be_in_a_purse_id_is_not_registered(
    quick: Registry, changes: dict[str, Any], said: str
) -> None:
    """EPP-PID-001"""
    with pytest.raises(RegistryError, match=said):
        quick.purses.register(key(), **PERSON | changes)
    assert not quick.purses.known()


@pytest.mark.parametrize("public", (bytes(32), b"\x01" + bytes(31), b"short", b"\xff" * 32))
def test_a_weak_key_is_not_registered(quick: Registry, public: bytes) -> None:
    """EPP-KEY-002"""
    with pytest.raises(RegistryError, match="small order"):
        quick.purses.register(public, **PERSON)


# --- renewal, recall, revocation ---


def test_renewal_changes_only_what_it_may(registry: Registry) -> None:
    """EPP-DEV-002, EPP-DEV-011"""
    number = new(registry)
    before = registry.purses.lookup(number)
    registry.bulletins.advance()
    signed = registry.purses.renew(number, 90)
    claims = verify_purse_id(anchor(registry), signed).claims
    assert before is not None
    assert (claims.number, claims.public_key, claims.holder) == (number, before.public_key, before.holder)
    assert (claims.issued, claims.expires, claims.tier) == (11, 90, 2)
    assert registry.purses.renew(number, 90) == signed
    for expires in (89, 90):
        with pytest.raises(RegistryError, match="expected a later one"):
            registry.purses.renew(number, expires, tier=3)
    assert parse_purse_id(registry.purses.renew(number, 91, tier=3)).claims.tier == 3
    assert [event.kind for event in registry.purses.events(number)] == ["registered", "renewed", "renewed"]


@pytest.mark.parametrize("end", ("recall", "revoke"))
def test_who_is_out_of_use_is_not_renewed(registry: Registry, end: str) -> None:
    """EPP-DEV-003"""
    number = new(registry)
    getattr(registry.purses, end)(number, "found in a river")
    with pytest.raises(RegistryError, match="is not renewed; register a new purse"):
        registry.purses.renew(number, 90)
    known = registry.purses.lookup(number)
    assert known is not None
    assert (known.state, known.since, known.reason) == (f"{end.rstrip('e')}ed", 10, "found in a river")


def test_states_only_get_worse(registry: Registry) -> None:
    """EPP-DEV-004, EPP-DEV-008, EPP-DEV-014"""
    number = new(registry)
    registry.purses.recall(number, "found")
    registry.purses.recall(number, "found")
    registry.bulletins.advance()
    registry.purses.revoke(number, "copied")
    registry.purses.recall(number, "came in")
    known = registry.purses.lookup(number)
    assert known is not None
    assert (known.state, known.since, known.reason) == ("revoked", 11, "copied")
    kinds = [(event.kind, event.epoch) for event in registry.purses.events(number)]
    assert kinds == [("registered", 10), ("recalled", 10), ("revoked", 11), ("recalled", 11)]


@pytest.mark.parametrize("reason", ("", "  ", "x" * 501))
def test_a_reason_is_given(quick: Registry, reason: str) -> None:
    """EPP-DEV-008"""
    number = new(quick)
    with pytest.raises(RegistryError, match="expected a reason"):
        quick.purses.revoke(number, reason)


def test_an_unknown_purse(quick: Registry) -> None:
    for order in (
        lambda: quick.purses.renew(b"12345678", 90),
        lambda: quick.purses.recall(b"12345678", "lost"),
        lambda: quick.purses.revoke(b"12345678", "lost"),
        lambda: quick.inspections.challenge(b"12345678"),
    ):
        with pytest.raises(RegistryError, match="is not registered; check the number"):
            order()


def test_lists(registry: Registry) -> None:
    numbers = sorted(new(registry) for _ in range(5))
    vault = new(registry, role=Role.VAULT)
    registry.purses.revoke(numbers[0], "copied")
    assert [p.number for p in registry.purses.known(role=Role.PERSON)] == numbers
    assert [p.number for p in registry.purses.known(role=Role.PERSON, after=numbers[1], limit=2)] == numbers[
        2:4
    ]
    assert [p.number for p in registry.purses.known(role=Role.VAULT)] == [vault]
    assert [p.number for p in registry.purses.known(state="revoked")] == [numbers[0]]


# --- keys; more in test_centre_keys ---


def rotate(registry: Registry, valid_from: int, **how: int) -> bytes:
    return registry.keys.rotate(ROOTS.device, valid_from=valid_from, **{"lifetime": 0} | how)


def test_a_new_key_is_known_before_it_signs(registry: Registry) -> None:
    """EPP-DEV-045, EPP-KEY-009, EPP-KEY-010"""
    old = new(registry, role=Role.VAULT)
    first = next(iter(registry.keys.announced().keys))
    kid = rotate(registry, 12, valid_to=200)
    announced = registry.keys.announced().keys[kid]
    assert (announced.valid_from, announced.valid_to) == (12, 200)
    known = anchor(registry)
    assert verify_purse_id(known, registry.purses.register(key(), **PERSON)).signed.kid == first
    registry.bulletins.advance()
    assert verify_bulletin(known, registry.bulletins.signed()).epoch == 11
    signed = registry.bulletins.advance()
    assert verify_bulletin(known, signed).epoch == 12
    renewed = verify_purse_id(known, registry.purses.renew(old, 90))
    assert renewed.signed.kid == kid
    # what the old key signed before is still good
    kids = {verify_purse_id(known, purse.purse_id).signed.kid for purse in registry.purses.known()}
    assert kids == {first, kid}


@pytest.mark.parametrize(("valid_from", "valid_to"), ((10, 20), (9, 20), (12, 11), (12, 2**32)))
def test_a_key_that_cannot_be(quick: Registry, valid_from: int, valid_to: int) -> None:
    """EPP-DEV-042"""
    with pytest.raises(RegistryError, match="expected"):
        rotate(quick, valid_from, valid_to=valid_to)
    assert len(quick.keys.announced().keys) == 1


def test_without_a_valid_key_nothing_is_signed(tmp_path: Path) -> None:
    """EPP-KEY-009"""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}", key_expires=10)
    number = new(registry, role=Role.VAULT)
    with pytest.raises(RegistryError, match=r"no master key may sign in epoch 11; make a new one"):
        registry.bulletins.advance()
    rotate(registry, 11)
    registry.bulletins.advance()
    registry.purses.renew(number, 90)
    registry.database.close()


def test_vaults_report_suspects(registry: Registry) -> None:
    """EPP-VLT-002, EPP-DEV-015: kept once, however often it is sent."""
    vault, person = new(registry, role=Role.VAULT), new(registry)
    for _ in range(3):
        registry.suspects.report(vault, person, 9, None, 10)
    registry.suspects.report(vault, person, 24, bytes(32), 10)
    registry.suspects.report(vault, person, 24, b"\x01" * 32, 10)
    registry.bulletins.advance()
    registry.suspects.report(vault, person, 24, bytes(32), 10)
    found = registry.suspects.after()
    assert [(s.number, s.code, s.unit_id, s.received) for s in found] == [
        (person, 9, None, 10),
        (person, 24, bytes(32), 10),
        (person, 24, b"\x01" * 32, 10),
    ]
    assert registry.suspects.after(found[1].sequence) == found[2:]
    with pytest.raises(RegistryError, match="only vaults"):
        registry.suspects.report(person, vault, 9, None, 10)


def test_no_purse_id_is_a_bulletin(quick: Registry) -> None:
    """EPP-KEY-006: the key is the same, the context is not."""
    signed = quick.purses.register(key(), **PERSON)
    with pytest.raises(Refusal):
        verify_bulletin(anchor(quick), signed)
    assert objects.CONTEXT_PURSE_ID != objects.CONTEXT_BULLETIN


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_only_the_owner_reads_the_private_keys(tmp_path: Path) -> None:
    made(f"sqlite:///{tmp_path / 'device.db'}").database.close()
    assert (tmp_path / "device.db").stat().st_mode & 0o077 == 0
