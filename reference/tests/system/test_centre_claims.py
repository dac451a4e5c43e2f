"""Claims of payers whose receipt never came, and refunds; on SQLite and on PostgreSQL."""

from dataclasses import replace

import pytest

from eiraku.reference.centres.issuing import identifier
from eiraku.spec.centre_objects import Claim
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, OfferedUnit, Request
from eiraku.system.issuing.claims import Refund
from eiraku.system.issuing.schema import IssuerError, State
from eiraku.testing.town import ECONOMY, EPOCH, HOME, OTHER_ECONOMY, RULES, VAULT, Town

pytestmark = pytest.mark.slow

LAST = EPOCH + RULES.unit_lifetime + RULES.claim_grace
"""The last epoch of claims of a unit issued at first."""


@pytest.fixture
def held(town: Town) -> list[OfferedUnit]:
    """Two units that Alice holds."""
    return [town.move(copy, VAULT, "alice") for copy in town.issue([4, 2])]


def claim(town: Town, name: str, claim: Claim) -> str:
    return town.issuer.claims.claim(town.numbers[name], claim)


def settle(town: Town) -> tuple[Refund, ...]:
    town.issuer.office.advance(LAST + 1)
    return town.issuer.claims.refund()


def reasons(town: Town, name: str) -> list[tuple[str, str]]:
    return [(unit.state, unit.reason) for unit in town.issuer.claims.units(town.numbers[name])]


def test_a_lost_payment_is_refunded_after_the_last_epoch_of_claims(
    town: Town, held: list[OfferedUnit]
) -> None:
    # EPP-CEN-008, EPP-CEN-060, EPP-CEN-061, EPP-CEN-009, EPP-CEN-086
    lost, _ = town.pending(held, "alice", "bob")
    assert claim(town, "alice", lost) == "open"
    town.issuer.office.advance(LAST)
    assert town.issuer.claims.refund() == ()
    assert claim(town, "alice", lost) == "open", "the same claim again"
    refunds = settle(town)
    assert [(r.claimant, r.beneficiary, r.economy, r.value) for r in refunds] == [
        (town.numbers["alice"], town.numbers[VAULT], ECONOMY, 4),
        (town.numbers["alice"], town.numbers[VAULT], ECONOMY, 2),
    ]
    assert town.issuer.accounts.amount(town.numbers[VAULT]) == 1000
    assert town.issuer.claims.refund() == ()
    assert claim(town, "alice", lost) == "refunded"
    assert [(b.kind, b.value) for b in town.issuer.history.bookings()[1:]] == [("refund", 4), ("refund", 2)]
    record = town.issuer.history.holdings_at(identifier(held[0].unit))
    assert record is not None
    assert (record.state, len(record.chains)) == (State.REFUNDED, 1)


@pytest.mark.parametrize("first", ("claim", "deposit"))
def test_what_was_deposited_is_not_refunded(town: Town, held: list[OfferedUnit], first: str) -> None:
    # EPP-CEN-061: whichever came first
    lost, at_bob = town.pending(held, "alice", "bob")
    if first == "claim":
        claim(town, "alice", lost)
    assert town.outcome(at_bob[0], "bob", "carol") == "credited"
    if first == "deposit":
        claim(town, "alice", lost)
    (refund,) = settle(town)
    assert refund.value == 2
    assert reasons(town, "alice") == [("refused", "deposited"), ("refunded", "")]
    assert claim(town, "alice", lost) == "partly-refunded"
    assert town.issuer.accounts.amount(town.numbers["carol"]) == 4
    assert town.issuer.history.cases() == ()


def test_two_lost_receipts_in_a_row_are_refunded_once(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-061: the second claim's OFFER contains the first claimed endorsement
    lost, at_bob = town.pending(held[:1], "alice", "bob")
    later, _ = town.pending(at_bob, "bob", "carol")
    assert claim(town, "alice", lost) == claim(town, "bob", later) == "open"
    (refund,) = settle(town)
    assert refund.claimant == town.numbers["bob"]
    assert reasons(town, "alice") == [("refused", "claimed-on")]
    assert town.issuer.history.cases() == (), "both are honest"


def test_a_copier_gets_nothing(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-062: alice pays bob, and claims a payment to carol
    lost, _ = town.pending(held[:1], "alice", "carol")
    assert claim(town, "alice", lost) == "open"
    (done,) = town.bring(town.move(held[0], "alice", "bob", HOME))
    assert (done.outcome, done.convicted) == ("credited", town.numbers["alice"])
    assert settle(town) == ()
    assert reasons(town, "alice") == [("refused", "copied")]
    assert claim(town, "alice", lost) == "refused"
    assert [case.purse for case in town.issuer.history.cases()] == [town.numbers["alice"]]


def test_two_claims_of_one_unit_convict(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-062
    for payee in ("bob", "carol"):
        lost, _ = town.pending(held[:1], "alice", payee)
        assert claim(town, "alice", lost) == "open"
    assert settle(town) == ()
    assert reasons(town, "alice") == [("refused", "copied")] * 2
    assert town.issuer.history.convicted() == {town.numbers["alice"]}


def test_a_unit_is_paid_once_though_somebody_else_copied_it(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-033, EPP-CEN-087: alice copies; bob's copy comes home, carol claims hers
    at_carol = town.move(held[0], "alice", "carol")
    lost, _ = town.pending([at_carol], "carol", "dave")
    assert claim(town, "carol", lost) == "open"
    assert town.outcome(held[0], "alice", "bob") == "credited"
    # both copies of the other unit are claimed: the first that arrived is paid
    for name in ("carol", "bob"):
        other, _ = town.pending([town.move(held[1], "alice", name)], name, "dave")
        assert claim(town, name, other) == "open"
    refunds = settle(town)
    assert [(r.claimant, r.value) for r in refunds] == [(town.numbers["carol"], 2)]
    assert reasons(town, "carol") == [("refused", "paid"), ("refunded", "")]
    assert reasons(town, "bob") == [("refused", "paid")]
    assert town.issuer.history.convicted() == {town.numbers["alice"]}


def test_a_late_deposit_does_not_stand_against_a_claim(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-084
    lost, at_bob = town.pending(held[:1], "alice", "bob")
    claim(town, "alice", lost)
    town.issuer.office.advance(LAST - 1)
    assert town.outcome(at_bob[0], "bob") == "late"
    (refund,) = settle(town)
    assert refund.claimant == town.numbers["alice"]


def test_a_late_claim_is_refused(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-008, EPP-CEN-061
    lost, at_bob = town.pending(held[:1], "alice", "bob")
    later, _ = town.pending(at_bob, "bob", "carol")
    assert claim(town, "alice", lost) == "open"
    town.issuer.office.advance(LAST + 1)
    assert claim(town, "bob", later) == "refused"
    assert reasons(town, "bob") == [("refused", "late")]
    (refund,) = town.issuer.claims.refund()
    assert refund.claimant == town.numbers["alice"], "a late claim does not stand in the way"


def test_a_bad_layer_in_a_claim_is_its_makers(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-003, EPP-CEN-059, EPP-CEN-085
    _, at_bob = town.pending(held[:1], "alice", "bob")
    junk = replace(at_bob[0], history=bytes(len(at_bob[0].history)))
    lost, _ = town.pending([junk, town.move(held[1], "alice", "bob")], "bob", "carol")
    assert claim(town, "bob", lost) == "open", "the other unit is good"
    assert reasons(town, "bob") == [("refused", "bad-history"), ("open", "")]
    (case,) = town.issuer.history.cases()
    assert (case.kind, case.purse) == ("bad-history", town.numbers["bob"])
    assert [r.value for r in settle(town)] == [2]


def test_a_claim_against_the_centre_itself(town: Town, held: list[OfferedUnit]) -> None:
    """The units reached the centre's purse, and its receipt was lost on the way."""
    lost, at_home = town.pending(held, "alice", HOME)
    assert claim(town, "alice", lost) == "open"
    assert [d.outcome for d in town.bring(*at_home)] == ["credited"] * 2
    assert settle(town) == ()
    assert reasons(town, "alice") == [("refused", "deposited")] * 2


def test_a_unit_that_was_never_issued_is_not_refunded(town: Town) -> None:
    # EPP-CEN-030, EPP-CEN-083
    forged = town.move(town.unit(), "issuer", VAULT, "alice")
    lost, _ = town.pending([forged], "alice", "bob")
    assert claim(town, "alice", lost) == "refused"
    assert reasons(town, "alice") == [("refused", "unknown")]
    assert [case.kind for case in town.issuer.history.cases()] == ["unknown"]


def test_who_is_paid_is_said_once(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-086
    lost, _ = town.pending(held[:1], "alice", "bob")
    assert town.issuer.claims.claim(town.numbers["alice"], lost, economy=OTHER_ECONOMY) == "open"
    town.issuer.claims.claim(town.numbers["alice"], replace(lost, beneficiary=town.numbers["dave"]))
    (refund,) = settle(town)
    assert refund.beneficiary == town.numbers[VAULT]
    assert town.issuer.history.bookings()[-1].at_economy == OTHER_ECONOMY


def test_claims_that_are_refused_are_not_stored(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-032
    good, _ = town.pending(held, "alice", "bob")
    one, _ = town.pending(held[:1], "alice", "bob")
    twice = Offer(
        transaction=bytes(16),
        amount=8,
        units=(held[0], held[0]),
    )
    foreign = Town.money_key(town)
    own, town.money = town.money, foreign
    alien, _ = town.pending([Town.unit(town)], "alice", "bob")
    town.money = own
    signed = town.endorse(held[0], "alice", "bob", transaction=bytes(16)).signature
    for name, wrong, code in (
        ("alice", replace(good, offer=b"\x80"), Code.MALFORMED),
        ("alice", replace(good, offer=Request(amount=1).encode()), Code.MALFORMED),
        ("alice", replace(good, endorsements=good.endorsements[:1]), Code.UNIT_COUNT),
        ("alice", replace(good, endorsements=good.endorsements[::-1]), Code.ENDORSEMENT),
        ("alice", replace(good, payee=town.numbers["carol"]), Code.ENDORSEMENT),
        ("bob", good, Code.ENDORSEMENT),
        ("alice", replace(good, beneficiary=bytes(8)), Code.AUTHENTICATION),
        ("alice", replace(one, offer=twice.encode(), endorsements=(signed, signed)), Code.DUPLICATE_UNIT),
        ("alice", alien, Code.MALFORMED),
    ):
        with pytest.raises(Refusal) as refused:
            claim(town, name, wrong)
        assert refused.value.code is code, refused.value
    assert town.issuer.claims.units() == ()


def test_expired_money_stays_owed(town: Town, held: list[OfferedUnit]) -> None:
    # EPP-CEN-034, EPP-CEN-089
    claim(town, "alice", town.pending(held[:1], "alice", "bob")[0])
    assert len(settle(town)) == 1
    assert (town.issuer.history.outstanding(), town.issuer.history.expired()) == ({ECONOMY: 2}, {ECONOMY: 2})
    record = town.issuer.history.holdings_at(identifier(held[1].unit))
    assert record is not None
    assert record.state is State.EXPIRED
    assert town.outcome(held[1], "alice") == "late"


def test_refunds_are_not_made_for_epochs_to_come(town: Town) -> None:
    # EPP-CEN-060
    with pytest.raises(IssuerError, match=f"expected an epoch up to {EPOCH}"):
        town.issuer.claims.refund(EPOCH + 1)
    town.issuer.office.advance(LAST + 5)
    assert town.issuer.claims.refund(LAST) == ()
