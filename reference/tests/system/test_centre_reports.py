"""Reports of purses that lie, one field at a time, and what is no report; each contradiction has its name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cddl_verifier import Validator

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Device
from eiraku.spec.centre_objects import CONTEXT_SELF_REPORT, NoBody, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.system.device.inspection import Finding
from eiraku.system.device.keys import RegistryError
from eiraku.system.scheme import directory
from eiraku.system.services import methods
from eiraku.testing import market
from eiraku.testing.device import number_of, provision_of
from eiraku.testing.town import VAULT, Town

pytestmark = pytest.mark.slow

PERSONS = ("alice", "bob", "carol")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(PERSONS, folder=tmp_path)
    yield made
    made.close()


# --- lies: one field at a time ---

Change = Callable[[SelfReport], SelfReport]


def signed(device: Device, report: SelfReport) -> bytes:
    return cose.sign(SigningKey(provision_of(device).private_key), CONTEXT_SELF_REPORT, report.encode())


def altered(town: Town, device: Device, change: Change) -> Sequence[Finding]:
    """What an inspection finds if the purse lies."""
    challenge = town.registry.inspections.challenge(number_of(device), town.issuer.history)
    honest = SelfReport.decode(cose.parse(device.self_report(challenge)).payload)
    return town.registry.inspections.inspect(
        number_of(device), signed(device, change(honest)), town.issuer.history
    )


LIES: dict[str, tuple[Change, set[str]]] = {
    "balance": (lambda r: replace(r, balance=r.balance + 1), {"totals", "sum"}),
    "credited": (lambda r: replace(r, credited=r.credited + 1), {"totals"}),
    "less credited": (lambda r: replace(r, credited=r.credited - 1), {"totals", "total"}),
    "less settled": (lambda r: replace(r, settled=r.settled - 1), {"totals", "total"}),
    "given": (lambda r: replace(r, given=r.given + 1), {"totals", "total"}),
    "no pending": (lambda r: replace(r, pending=()), {"totals", "pending"}),
    "other payee": (
        lambda r: replace(r, pending=tuple((t, bytes(8), a) for t, _, a in r.pending)),
        {"pending"},
    ),
    "epoch ahead": (lambda r: replace(r, epoch=r.epoch + 1), {"epoch"}),
    "epoch back": (lambda r: replace(r, epoch=0), {"epoch"}),
    "order": (lambda r: replace(r, units=r.units[::-1]), {"order"}),
    "twice": (lambda r: replace(r, units=(r.units[0], *r.units)), {"order", "sum"}),
    "a unit gone": (lambda r: replace(r, units=r.units[1:]), {"sum", "flow"}),
    "unknown unit": (
        lambda r: replace(r, units=((bytes(32), 1), *r.units)),
        {"not-issued", "flow"},
    ),
    "lower hop": (
        lambda r: replace(r, units=((r.units[0][0], 0), *r.units[1:])),
        {"hop", "first-holder", "flow", "two-holders"},
    ),
    "next hop": (
        lambda r: replace(r, units=((r.units[0][0], r.units[0][1] + 1), *r.units[1:])),
        {"hop", "flow"},
    ),
    "digest": (lambda r: replace(r, digest=bytes(32)), {"memory"}),
    "balance, digest as before": (lambda r: replace(r, epoch=0), {"epoch"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_has_its_finding(town: Town, lie: str) -> None:
    """EPP-DEV-017, EPP-DEV-018, EPP-DEV-020, EPP-DEV-114 to 121, EPP-DEV-123, EPP-DEV-126, EPP-DEV-127."""
    person, other, _ = town.persons
    market.issue(town, [1, 2, 4, 8])
    assert not market.inspect(town, town.devices[VAULT])
    market.pay(town, town.devices[VAULT], person, 15)
    market.pay(town, person, other, 1)
    market.pay(town, person, other, 2, lost=7)
    assert person.store.pendings()
    assert not market.inspect(town, person)
    change, expected = LIES[lie]
    found = altered(town, person, change)
    assert market.kinds(found) - {"memory"} == expected - {"memory"}
    assert market.kinds(found) >= expected
    assert list(town.registry.inspections.findings(number_of(person))) == list(found)
    for finding in found:
        assert finding.reported in finding.text
        assert finding.known in finding.text


def test_without_the_issuing_centre(town: Town) -> None:
    """EPP-DEV-007, EPP-DEV-132: what the purse says against itself is found all the same."""
    person = town.persons[0]
    market.give(town, person, [4])
    challenge = town.registry.inspections.challenge(number_of(person))
    report = SelfReport.decode(cose.parse(person.self_report(challenge)).payload)
    lie = signed(person, replace(report, balance=5))
    assert market.kinds(town.registry.inspections.inspect(number_of(person), lie, None)) == {"totals"}


def test_the_purse_is_not_told_what_was_found(town: Town) -> None:
    """EPP-DEV-131: the service answers a report with a contradiction as it answers any other."""
    person = town.persons[0]
    market.give(town, person, [4])
    number, answers = number_of(person), []
    caller = methods.callers(town.registry)(number)
    assert caller is not None
    centre = methods.device_centre(town.registry, town.issuer, lifetime=1)
    for wrong in (0, 1):
        challenge = centre["challenge"].handler(caller, b"", NoBody().encode())
        report = SelfReport.decode(cose.parse(person.self_report(challenge)).payload)
        lie = signed(person, replace(report, balance=report.balance + wrong))
        answers.append(centre["self-report"].handler(caller, b"", lie))
    assert market.kinds(town.registry.inspections.findings(number)) >= {"totals", "sum"}
    assert answers[0] == answers[1]


# --- what is no report ---


def test_a_challenge_is_for_one_report(town: Town) -> None:
    """EPP-DEV-016, EPP-DEV-112, EPP-DEV-113: used once, the newest only; the very same report again."""
    person, other, _ = town.persons
    old = town.registry.inspections.challenge(number_of(person))
    new = town.registry.inspections.challenge(number_of(person))
    assert old != new
    inspect = town.registry.inspections.inspect
    with pytest.raises(Refusal, match="not over the newest challenge; ask for another"):
        inspect(number_of(person), person.self_report(old), None)
    report = person.self_report(new)
    assert inspect(number_of(person), report, None) == inspect(number_of(person), report, None) == []
    market.give(town, person, [1])
    with pytest.raises(Refusal, match="not over the newest challenge"):
        inspect(number_of(person), person.self_report(new), None)
    with pytest.raises(Refusal) as refused:
        inspect(number_of(other), report, None)
    assert refused.value.code is Code.AUTHENTICATION


def test_a_challenge_survives_a_restart(town: Town) -> None:
    """EPP-DEV-111"""
    person = town.persons[0]
    challenge = town.registry.inspections.challenge(number_of(person))
    again = directory.open_(town.directory.path, random=town.random)
    assert (
        again.registry.inspections.inspect(
            number_of(person), person.self_report(challenge), again.issuer.history
        )
        == []
    )
    again.close()


def test_only_the_purse_signs_its_report(town: Town) -> None:
    """EPP-DEV-007"""
    person, other, _ = town.persons
    challenge = town.registry.inspections.challenge(number_of(person))
    report = person.self_report(challenge)
    payload = cose.parse(report).payload
    key = SigningKey(provision_of(person).private_key)
    asked = town.registry.inspections.challenge(number_of(other))
    strangers = {
        "another key": cose.sign(SigningKey(bytes(32)), CONTEXT_SELF_REPORT, payload),
        "another purse": other.self_report(asked),
        "another context": cose.sign(key, b"EPP/1 request", payload),
        "a kid": cose.sign(key, CONTEXT_SELF_REPORT, payload, kid=bytes(8)),
        "another number": signed(person, replace(SelfReport.decode(payload), number=number_of(other))),
        "cut off": report[:-1],
        "nothing": b"",
    }
    before = town.registry.inspections.challenge(number_of(other))
    for name, bad in strangers.items():
        with pytest.raises(Refusal) as refused:
            town.registry.inspections.inspect(number_of(person), bad, town.issuer.history)
        assert refused.value.code in {Code.AUTHENTICATION, Code.MALFORMED}, name
    # none of them used up a challenge
    assert not town.registry.inspections.inspect(number_of(person), report, town.issuer.history)
    assert not town.registry.inspections.inspect(
        number_of(other), other.self_report(before), town.issuer.history
    )
    with pytest.raises(RegistryError, match="is not registered"):
        town.registry.inspections.inspect(b"12345678", report, None)


def test_a_recalled_purse_can_be_inspected(town: Town) -> None:
    """EPP-DEV-008: that is what it is recalled for."""
    person = town.persons[0]
    town.registry.purses.recall(number_of(person), "yearly inspection")
    assert not market.inspect(town, person)


def test_a_report_is_as_in_the_schema(town: Town) -> None:
    """EPP-DEV-006"""
    person = town.persons[0]
    market.give(town, person, [1, 2])
    market.pay(town, person, town.devices[VAULT], 1, lost=7)
    schema = Validator(Path(__file__).parents[3] / "spec" / "schema.cddl")
    challenge = town.registry.inspections.challenge(number_of(person))
    payload = cose.parse(person.self_report(challenge)).payload
    assert schema.validate(payload, "self-report", require_deterministic=True)
