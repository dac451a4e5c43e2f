"""Mutants of chapter 7, the payee: the checks on an OFFER and their order."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, omits
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.policy import Policy
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.ledger import Ledger
from eiraku.reference.purse.state import Env, Link, ReceivedOffer, UnitRefusal
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Offer, OfferedUnit

AREA = "offers"

omits(AREA, "takes_any_amount", "offer_amount", "EPP-TRF-030", "Takes an OFFER of any amount.")


@defect("EPP-TRF-030")
class TakesOffersOfNothing(Checks):
    """Takes an OFFER of amount 0, if nothing else is wrong with it."""

    def offer_amount(self, requested: int | None, amount: int) -> None:
        if amount or requested is not None:
            super().offer_amount(requested, amount)


@defect("EPP-TRF-030")
class TakesMoreThanItAskedFor(Checks):
    """Takes an OFFER of more than it requested."""

    def offer_amount(self, requested: int | None, amount: int) -> None:
        super().offer_amount(None if requested is not None and amount > requested else requested, amount)


omits(AREA, "ignores_the_payees_limit", "offer_limit", "EPP-TRF-031", "As payee does not look at limits.")
omits(AREA, "takes_any_number_of_units", "unit_count", "EPP-TRF-032", "Takes any number of units.")


@defect("EPP-TRF-032")
class TakesEmptyOffers(Checks):
    """Does not refuse an OFFER without units with `unit-count`."""

    def unit_count(self, policy: Policy, count: int) -> None:
        if count:
            super().unit_count(policy, count)


omits(AREA, "takes_duplicates", "duplicate", "EPP-TRF-033", "Takes one unit twice in a bundle.")


@defect("EPP-TRF-033")
class NamesTheFirstDuplicate(Purse):
    """Names the first of two equal units as the one at fault."""

    def check_duplicates(self, offer: Offer) -> list[SignedUnit | Refusal]:
        try:
            return super().check_duplicates(offer)
        except UnitRefusal as refusal:
            raise UnitRefusal(refusal, 0) from None


omits(
    AREA,
    "takes_transactions_again",
    "new_transaction",
    "EPP-TRF-034",
    "Takes an OFFER of a transaction that it has credited.",
)


# --- order of the checks on a unit --------------------------------------------------------------------------

_RIGHT = ("signature", "seal", "economy", "expiry", "value", "hop", "history", "held", "seen")


class _Reorders(Purse):
    """Makes one check before another that should come first."""

    early: str
    before: str

    def check_unit(self, link: Link, unit: SignedUnit, offered: OfferedUnit, env: Env) -> None:
        checks, terms, new_hop = self.checks, link.terms, offered.hop + 1
        calls = {
            "signature": lambda: checks.unit_signature(terms, unit),
            "seal": lambda: checks.unit_seal(terms, unit.unit),
            "economy": lambda: checks.unit_economy(terms, unit.unit),
            "expiry": lambda: checks.unit_expiry(terms, unit.unit),
            "value": lambda: checks.unit_value(unit.unit),
            "hop": lambda: checks.hop_limit(terms, unit.unit, new_hop),
            "history": lambda: checks.history_size(offered.hop, len(offered.history)),
            "held": lambda: checks.held(env.ledger, unit.unit_id),
            "seen": lambda: checks.seen(env.ledger, unit.unit_id, new_hop),
        }
        order = [name for name in _RIGHT if name != self.early]
        order.insert(order.index(self.before), self.early)
        for name in order:
            calls[name]()


@defect("EPP-TRF-035")
class ParsesAllUnitsFirst(Purse):
    """Looks at the shape of every unit before it looks at anything else of the first."""

    def check_duplicates(self, offer: Offer) -> list[SignedUnit | Refusal]:
        parsed = super().check_duplicates(offer)
        for index, unit in enumerate(parsed):
            if isinstance(unit, Refusal):
                raise UnitRefusal(unit, index)
        return parsed


@defect("EPP-TRF-036")
class ChecksSealsBeforeSignatures(_Reorders):
    """Compares the seal of a unit before it verifies the signature."""

    early, before = "seal", "signature"


@defect("EPP-TRF-037")
class ChecksEconomiesBeforeSeals(_Reorders):
    """Looks at the economy of a unit before it compares the seal."""

    early, before = "economy", "seal"


@defect("EPP-TRF-038")
class ChecksValuesBeforeExpiry(_Reorders):
    """Looks at the value of a unit before it looks whether it has expired."""

    early, before = "value", "expiry"


@defect("EPP-TRF-039")
class ChecksHistoriesBeforeHops(_Reorders):
    """Looks at the size of the history before the hop limit."""

    early, before = "history", "hop"


@defect("EPP-TRF-041")
class ChecksTheSeenSetFirst(_Reorders):
    """Looks into the seen-set before it looks whether it holds the unit."""

    early, before = "seen", "held"


# --- held and seen ------------------------------------------------------------------------------------------

omits(AREA, "takes_units_it_holds", "held", "EPP-TRF-040", "Does not look whether it holds a unit already.")


@defect("EPP-TRF-040")
class ForgetsPendingUnits(Checks):
    """Takes a unit that is pending here, as if it were gone."""

    def held(self, ledger: Ledger, unit_id: bytes) -> None:
        if any(unit_id == held.unit_id for held in ledger.summaries()):
            super().held(ledger, unit_id)


omits(AREA, "ignores_the_seen_set", "seen", "EPP-TRF-041", "Takes a unit again at any hop.")


@defect("EPP-TRF-041")
class TakesUnitsAtTheSameHop(Checks):
    """Takes a unit again at the hop at which it saw it last."""

    def seen(self, ledger: Ledger, unit_id: bytes, new_hop: int) -> None:
        super().seen(ledger, unit_id, new_hop + 1)


@defect("EPP-TRF-041")
class NeverTakesAUnitTwice(Checks):
    """Refuses every unit that it has seen before, also one that came in a circle."""

    def seen(self, ledger: Ledger, unit_id: bytes, new_hop: int) -> None:
        super().seen(ledger, unit_id, -1)


# --- the bundle ---------------------------------------------------------------------------------------------

omits(AREA, "skips_the_sum", "offer_sum", "EPP-TRF-042", "Does not add up the values of the units.")


@defect("EPP-TRF-042")
class TakesBundlesWorthMore(Checks):
    """Takes a bundle worth more than the amount."""

    def offer_sum(self, amount: int, total: int) -> None:
        if total < amount:
            super().offer_sum(amount, total)


omits(AREA, "ignores_its_capacity", "capacity", "EPP-TRF-043", "Takes more units than it has room for.")


@defect("EPP-TRF-043")
class CountsOnlyTheBundle(Purse):
    """Compares only the units of the OFFER with its capacity, not those that it holds."""

    def check_offer(
        self, link: Link, offer: Offer, encoded: bytes, requested: int | None, env: Env
    ) -> ReceivedOffer:
        checks = self.checks
        self.checks = _CountsTheBundle(len(offer.units))
        try:
            return super().check_offer(link, offer, encoded, requested, env)
        finally:
            self.checks = checks


class _CountsTheBundle(Checks):
    def __init__(self, count: int) -> None:
        self._count = count

    def capacity(self, policy: Policy, count: int) -> None:
        super().capacity(policy, self._count)


omits(
    AREA, "ignores_the_balance_limit", "balance_limit", "EPP-TRF-044", "Takes more than its balance may be."
)


@defect("EPP-TRF-044")
class ChecksTheBalanceBeforeTheAmount(Checks):
    """Compares only the balance before the payment with the limit."""

    def balance_limit(self, policy: Policy, tier: int, balance: int) -> None:
        limit = policy.balance_limit(tier)
        if balance > 2 * limit:
            raise Refusal(Code.BALANCE_LIMIT, "EPP-TRF-044", "balance before the payment")


@defect("EPP-TRF-046")
class FindsTheLastFault(Purse):
    """Answers with the fault of the last bad unit, not of the first."""

    def check_units(
        self, link: Link, offer: Offer, shapes: list[SignedUnit | Refusal], env: Env
    ) -> list[SignedUnit]:
        last = len(offer.units) - 1
        backwards = replace(offer, units=tuple(reversed(offer.units)))
        try:
            units = super().check_units(link, backwards, list(reversed(shapes)), env)
        except UnitRefusal as refusal:
            raise UnitRefusal(refusal, last - refusal.index) from None
        return list(reversed(units))


@defect("EPP-TRF-046")
class AddsUpBeforeItLooksAtUnits(Purse):
    """Adds up the values before it checks the units."""

    def check_units(
        self, link: Link, offer: Offer, shapes: list[SignedUnit | Refusal], env: Env
    ) -> list[SignedUnit]:
        units = [shape.unit.value for shape in shapes if isinstance(shape, SignedUnit)]
        if len(units) == len(shapes):
            self.checks.offer_sum(offer.amount, sum(units))
        return super().check_units(link, offer, shapes, env)
