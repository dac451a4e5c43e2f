"""A master key is stolen and revoked: redemption goes on, victims are not blamed, evidence is not forged."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.reference.anchor import TrustAnchor, parse_purse_id, verify_bulletin, verify_purse_id
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.purse.state import Ready
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.cases import Case
from eiraku.system.issuing.evidence import Evidence, EvidenceError
from eiraku.system.scheme import directory, own
from eiraku.system.scheme.settings import DirectoryError
from eiraku.testing.bank import Bank
from eiraku.testing.town import EPOCH, HOME, ISSUER, VAULT, Town

pytestmark = pytest.mark.slow


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path))
    yield made
    made.close()


def void(bank: Bank) -> None:
    """The device centre's master key is revoked from its first epoch on."""
    centres = bank.town.directory
    keys = centres.registry.keys
    root = directory.read_root(centres.path / directory.DEVICE_ROOT)
    keys.revoke(root, next(iter(keys.announced().keys)), valid_from=0)


# --- the counter's purse ---


def test_redemption_goes_on(bank: Bank) -> None:
    """EPP-CEN-101: the issuing centre's purse is renewed by itself when it serves."""
    bank.vault.issue([8])
    counter = bank.town.counter.device
    assert isinstance(counter.state, Ready)
    before = parse_purse_id(counter.state.identity.purse_id)
    void(bank)
    bank.town.directory.advance()
    bank.vault.refresh()
    assert isinstance(bank.vault.device.state, Ready)
    bank.vault.renew(bank.vault.device.state.identity.claims.expires + 1)
    bank.vault.redeem()
    assert bank.vault.balance == 0
    assert isinstance(counter.state, Ready)
    identity = counter.state.identity
    renewed = verify_purse_id(identity.anchor, identity.purse_id)
    assert renewed.signed.kid != before.signed.kid
    assert renewed.claims.expires > before.claims.expires
    assert identity.anchor.device.signed == bank.town.registry.keys.newest()


def test_the_counters_purse_is_an_ordinary_one(bank: Bank) -> None:
    """EPP-CEN-101: it expires, is renewed in good time, and not before; out of use it is not renewed."""
    town, lifetime = bank.town, 1000
    registry, device = town.registry, town.counter.device

    def expires() -> int:
        assert isinstance(device.state, Ready)
        return device.state.identity.claims.expires

    first = expires()
    assert first == registry.bulletins.epoch + town.directory.settings.purse_lifetime
    own.renew(device, registry, lifetime)
    assert expires() == first
    own.renew(device, registry, 3 * lifetime)
    later = registry.bulletins.epoch + 3 * lifetime
    assert expires() == later, "less than half of the lifetime was left"
    registry.purses.recall(town.numbers[HOME], "stolen")
    own.renew(device, registry, 9 * lifetime)
    assert expires() == later


# --- two keys for one number ---


def false_payer(town: Town, payer: str) -> OfferedUnit:
    """Alice takes a unit from a purse that says it is `payer`, and has another key, and brings it home."""
    held = town.move(town.issue([4])[0], VAULT, "bob")
    given = town.endorse(held, payer, "alice", key=SigningKey(town.random(32)))
    return town.move(town.take(held, given), "alice", HOME)


def only_case(town: Town) -> Case:
    (case,) = town.issuer.history.cases()
    return case


def test_the_payee_of_a_false_purse_is_not_blamed(town: Town) -> None:
    """EPP-CEN-104, EPP-CEN-105, EPP-CEN-106: also if the key is revoked only after the case."""
    victim = town.numbers["bob"]
    (bad,) = town.bring(false_payer(town, "bob"))
    assert (bad.outcome, bad.convicted) == ("bad-history", None)
    case = only_case(town)
    assert (case.kind, case.purse, case.payer) == ("bad-history", town.numbers["alice"], victim)
    town.issuer.office.is_doubtful = lambda expires: expires >= EPOCH
    case = only_case(town)
    assert (case.kind, case.purse, case.payer) == ("two-keys", town.numbers["alice"], victim)
    town.issuer.office.is_doubtful = lambda expires: expires < EPOCH
    assert only_case(town).kind == "bad-history", "that key began after the unit"
    assert town.issuer.history.convicted() == frozenset()


def test_a_purse_that_nobody_registered(town: Town) -> None:
    """EPP-CEN-104, EPP-CEN-105: the thief certifies a number of his own."""
    town.numbers["nobody"] = b"nobody!!"
    at_nobody = town.move(town.issue([4])[0], VAULT, "nobody")
    stranger = town.endorse(at_nobody, "nobody", "alice", key=SigningKey(town.random(32)))
    (bad,) = town.bring(town.move(town.take(at_nobody, stranger), "alice", HOME))
    assert (bad.outcome, bad.convicted) == ("bad-history", None)
    town.issuer.office.is_doubtful = lambda _: True
    assert (only_case(town).kind, only_case(town).payer) == ("two-keys", b"nobody!!")


def test_another_fault_stays_what_it_is(town: Town) -> None:
    """EPP-CEN-003, EPP-CEN-105: whoever makes a layer that does not open answers for it."""
    at_alice = town.move(town.issue([4])[0], VAULT, "alice")
    taken = town.move(at_alice, "alice", "bob")
    (bad,) = town.bring(town.move(replace(taken, history=bytes(len(taken.history))), "bob", HOME))
    assert bad.convicted == town.numbers["bob"]
    town.issuer.office.is_doubtful = lambda _: True
    assert (only_case(town).kind, only_case(town).payer) == ("bad-history", None)


def test_which_units_are_doubtful(bank: Bank) -> None:
    """EPP-CEN-105: those that have not expired before a void key began."""
    keys = bank.town.registry.keys
    assert not keys.is_doubtful(2**32 - 1), "no key is void"
    first = next(iter(keys.announced().keys.values())).valid_from
    void(bank)
    assert keys.is_doubtful(first)
    assert not keys.is_doubtful(first - 1)


# --- evidence ---

VILLAGE = Town(("alice", "bob", "carol"))
ANCHOR = VILLAGE.anchor
MONEY_VOID = replace(
    ANCHOR,
    money=replace(
        ANCHOR.money, keys={k: replace(v, valid_from=1, valid_to=0) for k, v in ANCHOR.money.keys.items()}
    ),
)
DEVICE_VOID = replace(
    ANCHOR,
    device=replace(
        ANCHOR.device, keys={k: replace(v, valid_from=1, valid_to=0) for k, v in ANCHOR.device.keys.items()}
    ),
)


def evidence(copy: OfferedUnit, key: SigningKey, payer: str, purse_id: bytes) -> Evidence:
    """Two endorsements under one key, to bob and to carol."""
    first, second = (VILLAGE.endorse(copy, payer, payee, key=key) for payee in ("bob", "carol"))
    return Evidence(unit=copy.unit, purse_id=purse_id, first=first, second=second)


def convicts(found: Evidence, trusted: TrustAnchor) -> bytes | str | None:
    """Whom it convicts, or the requirement that it fails."""
    try:
        return found.verify(trusted).number
    except EvidenceError as error:
        return error.requirement


def test_a_double_spend_of_a_unit_under_a_void_key() -> None:
    """EPP-CEN-021, EPP-CEN-103: guilt outlives a unit key, and does not stand on a void master key."""
    held = VILLAGE.move(VILLAGE.unit(), ISSUER, VAULT, "alice")
    alice, thief = VILLAGE.numbers["alice"], SigningKey(VILLAGE.random(32))
    honest = evidence(held, VILLAGE.keys["alice"], "alice", VILLAGE.purse_ids["alice"])
    assert [convicts(honest, each) for each in (ANCHOR, MONEY_VOID, DEVICE_VOID)] == [
        alice,
        alice,
        "EPP-CEN-023",
    ]
    claims = parse_purse_id(VILLAGE.purse_ids["alice"]).claims
    stolen = VILLAGE.device_centre.certify(
        number=alice,
        public_key=thief.public,
        role=claims.role,
        tier=claims.tier,
        holder=claims.holder,
        issued=claims.issued,
        expires=claims.expires,
    )
    forged = evidence(held, thief, "alice", stolen)
    assert [convicts(forged, each) for each in (ANCHOR, DEVICE_VOID)] == [alice, "EPP-CEN-023"]


def test_the_issuing_centre_is_not_convicted_under_a_void_key() -> None:
    """EPP-CEN-102"""
    found = evidence(VILLAGE.unit(), VILLAGE.money.unit_key, ISSUER, b"")
    assert [convicts(found, each) for each in (ANCHOR, MONEY_VOID)] == [None, "EPP-CEN-102"]


def test_a_purse_id_under_a_void_key(bank: Bank) -> None:
    """EPP-KEY-028: what makes the renewal necessary."""
    present = bank.town.registry.purses.lookup(bank.town.numbers[HOME])
    assert present is not None
    assert own.is_valid(bank.town.directory.anchor(), present.purse_id)
    void(bank)
    with pytest.raises(Refusal):
        verify_purse_id(bank.town.directory.anchor(), present.purse_id)
    assert not own.is_valid(bank.town.directory.anchor(), present.purse_id)


def test_a_purse_id_for_evidence(bank: Bank) -> None:
    """EPP-DEV-076: the same purse, certified anew under the successor of a void key; nothing is kept."""
    registry, number = bank.town.registry, bank.town.numbers[VAULT]
    present = registry.purses.lookup(number)
    assert present is not None
    assert registry.purses.for_evidence(number) == present.purse_id
    assert registry.purses.for_evidence(bytes(8)) == b""
    registry.purses.revoke(number, "copied")
    void(bank)
    again = registry.purses.for_evidence(number)
    claims = verify_purse_id(bank.town.directory.anchor(), again).claims
    assert (claims.number, claims.public_key, claims.expires) == (number, present.public_key, present.expires)
    kept = registry.purses.lookup(number)
    assert kept is not None
    assert kept.purse_id == present.purse_id


def test_the_next_bulletin_comes_at_once(bank: Bank) -> None:
    """EPP-DEV-075: who takes the new list first can take the newest bulletin."""
    centres = bank.town.directory
    root = directory.read_root(centres.path / directory.DEVICE_ROOT)
    kid = next(iter(centres.registry.keys.announced().keys))
    before = centres.registry.bulletins.epoch
    centres.revoke_master_key(root, kid)
    assert verify_bulletin(centres.anchor(), centres.registry.bulletins.signed()).epoch == before + 1


def test_nothing_is_revoked_before_the_next_bulletin_can_come(tmp_path: Path) -> None:
    """EPP-DEV-075, EPP-CEN-100: the money list ends with this epoch, so it is signed again first."""
    town = Town(folder=tmp_path, list_lifetime=2)
    centres = town.directory
    centres.advance(EPOCH + 2)
    device, money = (
        directory.read_root(centres.path / name) for name in (directory.DEVICE_ROOT, directory.MONEY_ROOT)
    )
    before = centres.registry.keys.announced()
    kid, expires = next(iter(before.keys)), centres.lists_expire()
    with pytest.raises(DirectoryError, match="sign the lists again first"):
        centres.revoke_master_key(device, kid, expires=expires)
    assert centres.registry.keys.announced() == before
    centres.issuer.office.renew_list(money, expires)
    with pytest.raises(DirectoryError, match="sign the lists again first"):
        centres.revoke_master_key(device, kid)
    centres.revoke_master_key(device, kid, expires=expires)
    assert verify_bulletin(centres.anchor(), centres.registry.bulletins.signed()).epoch == EPOCH + 3
    town.close()
