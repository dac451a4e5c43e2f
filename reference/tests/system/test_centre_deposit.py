"""Deposits: credited once, copies with evidence, bad layers, late ones; on SQLite and on PostgreSQL."""

from dataclasses import replace
from itertools import permutations

import pytest

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.centres.issuing import identifier
from eiraku.spec import objects
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.chain import Chain
from eiraku.system.issuing.deposits import Opened, open_deposit
from eiraku.system.issuing.schema import IssuerError, State
from eiraku.testing.moves import taken
from eiraku.testing.town import ECONOMY, EPOCH, HOME, OTHER_ECONOMY, RULES, VAULT, Town

pytestmark = pytest.mark.slow


def opened(town: Town, copy: OfferedUnit, economy: int | None = None) -> Opened:
    return open_deposit(town.issuer.office.opener(), copy.unit, copy.hop, copy.history, economy=economy)


def anchor(town: Town) -> TrustAnchor:
    return replace(town.anchor, money_seal=town.issuer.office.seal)


def test_a_repeated_deposit_is_credited_once(town: Town) -> None:
    # EPP-CEN-055
    copy = town.move(town.issue([4])[0], VAULT, "alice")
    home = town.move(copy, "alice", HOME)
    assert [d.outcome for d in town.bring(home)] == ["credited"]
    assert [d.outcome for d in town.bring(home, home)] == ["repeated", "repeated"]
    # the outermost layer is sealed anew each time, and the chain is the same
    other = town.move(town.issue([4])[0], VAULT, "alice")
    given = [town.endorse(other, "alice", HOME, transaction=bytes(16)) for _ in range(2)]
    assert [town.bring(town.take(other, g))[0].outcome for g in given] == ["credited", "repeated"]
    assert town.issuer.accounts.amount(town.numbers["alice"]) == 8
    assert town.issuer.history.cases() == ()


def test_a_copy_is_not_credited_and_its_maker_is_named(town: Town) -> None:
    # EPP-CEN-004, EPP-CEN-005, EPP-CEN-014, EPP-CEN-072
    held = town.move(town.issue([4])[0], VAULT, "alice", "bob")
    first, second = town.move(held, "bob", "carol", HOME), town.move(held, "bob", "dave", HOME)
    assert town.bring(first)[0].outcome == "credited"
    (copy,) = town.bring(second)
    assert (copy.outcome, copy.convicted) == ("copy", town.numbers["bob"])
    assert town.issuer.accounts.amount(town.numbers["dave"]) == 0
    (case,) = town.issuer.history.cases()
    assert (case.kind, case.purse, case.hop) == ("copy", town.numbers["bob"], 3)
    evidence = case.evidence(town.purse_ids["bob"])
    assert evidence.verify(anchor(town)).number == town.numbers["bob"]
    assert town.issuer.history.convicted() == {town.numbers["bob"]}
    assert town.bring(second)[0].outcome == "repeated"
    assert town.issuer.history.cases() == (case,)
    assert town.issuer.history.cases(after=case.sequence) == ()


def test_every_cheat_in_one_unit_is_named(town: Town) -> None:
    # EPP-CEN-004: alice copies, and bob copies what he got of her
    held = town.move(town.issue([4])[0], VAULT, "alice")
    at_bob = town.move(held, "alice", "bob")
    ways = (("alice", "dave"), ("bob", "carol"), ("bob", "dave"))
    copies = [town.move(held if way[0] == "alice" else at_bob, *way, HOME) for way in ways]
    for order in permutations(copies):
        done = town.bring(*order)
        assert {d.outcome for d in done} <= {"credited", "copy", "repeated"}
    assert town.issuer.history.convicted() == {town.numbers["alice"], town.numbers["bob"]}
    assert {(case.purse, case.hop) for case in town.issuer.history.cases()} == {
        (town.numbers["alice"], 2),
        (town.numbers["bob"], 3),
    }


def test_two_copies_in_one_write(town: Town) -> None:
    # EPP-CEN-014, EPP-CEN-072
    held = town.move(town.issue([4])[0], VAULT, "alice")
    both = [town.move(held, "alice", name, HOME) for name in ("bob", "carol")]
    assert [(d.outcome, d.convicted) for d in town.bring(*both)] == [
        ("credited", None),
        ("copy", town.numbers["alice"]),
    ]


def test_money_goes_in_circles(town: Town) -> None:
    # EPP-CEN-006
    copy = town.issue([4])[0]
    assert town.outcome(copy, VAULT, "alice", "bob", "alice", "bob", "alice") == "credited"
    assert town.issuer.history.cases() == ()


def test_a_bad_layer_is_a_case_against_its_maker(town: Town) -> None:
    # EPP-CEN-003, EPP-CEN-056
    at_alice = town.move(town.issue([4])[0], VAULT, "alice")
    given = town.endorse(at_alice, "alice", "bob")
    junk = replace(town.take(at_alice, given), history=bytes(objects.history_size(2)))
    home = town.move(junk, "bob", HOME)
    for _ in range(2):
        (bad,) = town.bring(home)
        assert (bad.outcome, bad.convicted) == ("bad-history", town.numbers["bob"])
    (case,) = town.issuer.history.cases()
    assert (case.kind, case.purse, case.hop, case.history) == (
        "bad-history",
        town.numbers["bob"],
        2,
        home.history,
    )
    assert case.second is not None
    assert (case.second.payer, case.second.hop) == (town.numbers["bob"], 3)
    assert town.issuer.history.convicted() == frozenset(), "a bad layer is no double spend"
    with pytest.raises(IssuerError, match="convicts nobody"):
        case.evidence(town.purse_ids["bob"])
    assert town.outcome(at_alice, "alice", "carol") == "credited", "the unit itself is still owed"


def test_a_unit_that_was_never_issued(town: Town) -> None:
    # EPP-CEN-030, EPP-CEN-083: the key was used elsewhere, or the database is an old one
    village = Town(("alice",), seed=b"town")
    village.money, village.seal = town.money, town.issuer.office.seal
    forged = village.move(village.unit(), "issuer", VAULT, "alice", HOME)
    stranger = Town(("alice",), seed=b"elsewhere")
    foreign = stranger.move(stranger.unit(), "issuer", VAULT, HOME)
    done = town.bring(forged, foreign)
    assert [(d.outcome, d.convicted) for d in done] == [("unknown", None)] * 2
    assert [(case.kind, case.purse) for case in town.issuer.history.cases()] == [("unknown", bytes(8))] * 2
    assert town.issuer.history.bookings() == ()


def test_a_late_deposit_is_stored_and_not_credited(town: Town) -> None:
    # EPP-CEN-007, EPP-CEN-031
    last = EPOCH + RULES.unit_lifetime + RULES.redemption_grace
    good, late, copied = town.issue([1, 2, 4])
    at_alice = town.move(copied, VAULT, "alice")
    town.issuer.office.advance(last)
    assert town.outcome(good, VAULT, "alice") == "credited"
    town.issuer.office.advance(last + 1)
    assert town.outcome(late, VAULT, "alice") == "late"
    assert town.issuer.accounts.amount(town.numbers["alice"]) == 1
    record = town.issuer.history.holdings_at(identifier(late.unit))
    assert record is not None
    assert (record.state, len(record.chains)) == (State.OUTSTANDING, 1)
    for name in ("bob", "carol"):
        assert town.outcome(at_alice, "alice", name) == "late"
    assert town.issuer.history.convicted() == {town.numbers["alice"]}, "a copy is found even when it is late"


def test_the_history_database_knows_the_way(town: Town) -> None:
    # EPP-CEN-035
    copy, still = town.issue([4, 2])
    town.outcome(copy, VAULT, "alice", "bob", "alice")
    record = town.issuer.history.holdings_at(identifier(copy.unit))
    assert record is not None
    assert (record.number, record.issue, record.value, record.economy) == (1, 0, 4, ECONOMY)
    assert (record.issued, record.expires) == (EPOCH, EPOCH + RULES.unit_lifetime)
    assert (record.holder, record.state) == (town.numbers[VAULT], State.REDEEMED)
    (chain,) = record.chains
    names = [town.name(each.payer) for each in chain.endorsements]
    assert names == ["issuer", VAULT, "alice", "bob", "alice"]
    assert record.given_away == {
        town.numbers["issuer"]: 0,
        town.numbers[VAULT]: 1,
        town.numbers["bob"]: 3,
        town.numbers["alice"]: 4,
    }
    (other,) = town.issuer.history.path(2)
    assert (other.unit_id, other.state, other.chains) == (
        identifier(still.unit),
        State.OUTSTANDING,
        (),
    )
    assert town.issuer.history.holdings_at(bytes(32)) is None


def test_one_transaction_by_its_name(town: Town) -> None:
    copies = town.issue([4, 2])
    transaction = bytes(16)
    given = [town.endorse(copy, VAULT, HOME, transaction=transaction) for copy in copies]
    homes = [town.take(copy, each) for copy, each in zip(copies, given, strict=True)]
    vault = town.numbers[VAULT]
    for payer, name in ((vault, b"x" * 16), (town.numbers["bob"], transaction)):
        with pytest.raises(IssuerError, match="deposit each transaction by itself"):
            town.issuer.deposits.deposit(payer, ECONOMY, name, homes)
    done = town.issuer.deposits.deposit(vault, OTHER_ECONOMY, transaction, homes)
    assert [d.outcome for d in done] == ["credited"] * 2
    assert town.issuer.accounts.amount(vault) == 1000
    assert town.issuer.deposits.store(()) == ()


def test_bookings_for_the_wholesale_register(town: Town) -> None:
    # EPP-CEN-036, EPP-CEN-090
    copies = town.issue([4, 2, 1]) + town.issue([8], economy=OTHER_ECONOMY)
    homes = [town.move(copy, VAULT, HOME) for copy in copies]
    town.issuer.deposits.store([opened(town, homes[0]), opened(town, homes[1], OTHER_ECONOMY)])
    town.issuer.deposits.store([opened(town, home) for home in homes])
    found = [(b.kind, b.economy, b.at_economy, b.value) for b in town.issuer.history.bookings()]
    assert found == [
        ("issue", ECONOMY, ECONOMY, 7),
        ("issue", OTHER_ECONOMY, OTHER_ECONOMY, 8),
        ("redeem", ECONOMY, ECONOMY, 4),
        ("redeem", ECONOMY, OTHER_ECONOMY, 2),
        ("redeem", ECONOMY, ECONOMY, 1),
        ("redeem", OTHER_ECONOMY, OTHER_ECONOMY, 8),
    ]
    sequences = [booking.sequence for booking in town.issuer.history.bookings()]
    assert sequences == sorted(set(sequences))
    for _ in range(2):
        assert town.issuer.history.bookings(after=sequences[3]) == town.issuer.history.bookings()[4:]


def test_an_issue_to_a_vault_of_another_economy_is_booked_there(town: Town) -> None:
    # EPP-CEN-036, EPP-WHS-011: the account that was debited is one of that economy
    town.issuer.issues.issue(bytes(16), town.numbers[VAULT], ECONOMY, [2, 1], at_economy=OTHER_ECONOMY)
    (booking,) = town.issuer.history.bookings()
    assert (booking.kind, booking.economy, booking.at_economy, booking.value) == (
        "issue",
        ECONOMY,
        OTHER_ECONOMY,
        3,
    )


def test_many_in_one_write(town: Town) -> None:
    """More units than one statement has room for."""
    copies = [copy for _ in range(3) for copy in town.issue([1] * 200)]
    opener = town.issuer.office.opener()
    homes = [town.move(copy, VAULT, HOME) for copy in copies]
    found = [open_deposit(opener, home.unit, home.hop, home.history) for home in homes]
    assert {d.outcome for d in town.issuer.deposits.store(found)} == {"credited"}
    assert {d.outcome for d in town.issuer.deposits.store(found[::-1])} == {"repeated"}
    assert town.issuer.history.outstanding() == {}


def test_what_is_kept_of_a_deposit_that_was_opened(town: Town) -> None:
    home = town.move(town.issue([1])[0], VAULT, HOME)
    found = opened(town, home)
    assert isinstance(found.found, Chain)
    assert (found.unit_id, found.history) == (identifier(home.unit), b"")


def test_a_layer_for_another_payee(town: Town) -> None:
    # EPP-CEN-003: carol wraps an endorsement that was made for bob
    at_alice = town.move(town.issue([1])[0], VAULT, "alice")
    given = town.endorse(at_alice, "alice", "bob")
    stolen = taken(at_alice, given, history_key=town.money.history_key.public, ephemeral=town.random(32))
    (bad,) = town.bring(town.move(stolen, "carol", HOME))
    assert (bad.outcome, bad.convicted) == ("bad-history", town.numbers["carol"])
