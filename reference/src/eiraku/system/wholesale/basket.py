"""The value of a basket unit from stated amounts and rates (EPP-WHS-007, EPP-WHS-012).

Decimal numbers are read as exact fractions, summed exactly, and rounded once at the end, half to even.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, TypeAlias

from msgspec import Meta

from eiraku.reference.settings import SettingsError, Table
from eiraku.system.wholesale.errors import BasketError

DECIMAL = re.compile(r"(?=.*[1-9])[0-9]{1,18}(\.[0-9]{1,18})?")
Day: TypeAlias = dt.date

_POSITIVE = 'a decimal number above zero as text, such as "0.4230"'
# EPP-WHS-012
_Positive = Annotated[str, Meta(pattern=rf"^{DECIMAL.pattern}\Z", description=_POSITIVE)]
_Code = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z", description="a code of three capital letters")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One currency of a basket. `amount`: of it in one basket unit; `rate`: price of one in the quote."""

    currency: str
    amount: Fraction
    rate: Fraction
    text: tuple[str, str]
    """Amount and rate as they were stated; an inverse rate begins with `1 / `."""


class Basket(Table, frozen=True, kw_only=True):
    """A basket with the rates of one date, as it is stated.

    `max_age`: of the rates, in days; `decimals`: of the value; `minor_digits`: 2 if the minor unit of the
    basket unit is a hundredth.
    """

    FILE = "basket"

    unit: _Code
    quote: _Code
    date: Day
    max_age: Annotated[int, Meta(ge=0, le=366)]
    decimals: Annotated[int, Meta(ge=0, le=18)]
    minor_digits: Annotated[int, Meta(ge=0, le=8)]
    amounts: Annotated[Mapping[_Code, _Positive], Meta(min_length=1, description="a table of currencies")]
    rates: Mapping[_Code, _Positive] = {}
    inverse_rates: Mapping[_Code, _Positive] = {}

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        for name in ("rates", "inverse_rates"):
            for currency in getattr(self, name):
                if currency == self.quote:
                    raise SettingsError(f"{name}.{currency}", "no rate of the quote, which is 1; remove it")
                # EPP-WHS-012
                if currency not in self.amounts:
                    raise SettingsError(f"{name}.{currency}", "currencies of the basket only; remove it")
        for currency in self.inverse_rates:
            if currency in self.rates:
                raise SettingsError(f"inverse_rates.{currency}", "each rate once; it is under rates too")
        for currency in self.amounts:
            # EPP-WHS-012
            if currency not in {self.quote, *self.rates, *self.inverse_rates}:
                raise SettingsError("rates", f"a rate for {currency}, here or under inverse_rates")

    @property
    def components(self) -> tuple[Component, ...]:
        """Its currencies, with exact amounts and rates, in the order of the amounts."""
        return tuple(
            Component(
                currency=currency,
                amount=Fraction(amount),
                rate=self._rate(currency),
                text=(amount, self._stated(currency)),
            )
            for currency, amount in self.amounts.items()
        )

    def value(self, on: Day) -> Decimal:
        """Price of one basket unit in the quote currency on a day. Raises BasketError for stale rates."""
        return _rounded(self._exact(on), self.decimals)

    def inverse(self, on: Day) -> Decimal:
        """Basket units for one of the quote currency, from the exact value. Raises BasketError."""
        return _rounded(1 / self._exact(on), self.decimals)

    def convert(self, amount: str, currency: str, on: Day) -> int:
        """Minor units of the basket unit for an amount (decimal text) of a currency in the basket, or of the
        quote; from the exact value. Raises BasketError.
        """
        rates = {component.currency: component.rate for component in self.components}
        rates[self.quote] = Fraction(1)
        if currency not in rates:
            raise BasketError(f"{currency}: expected one of {', '.join(sorted(rates))}")
        exact: Fraction = _positive(amount, "amount") * rates[currency] / self._exact(on)
        # EPP-WHS-007
        minor: int = round(exact * 10**self.minor_digits)
        return minor

    def _exact(self, on: Day) -> Fraction:
        age = (on - self.date).days
        # EPP-WHS-012
        if age < 0:
            raise BasketError(f"basket: its rates are of {self.date}, after {on}; name a later day")
        # EPP-WHS-012
        if age > self.max_age:
            raise BasketError(
                f"basket: its rates of {self.date} are {age} days old on {on}, at most {self.max_age} "
                "allowed; state newer ones"
            )
        return sum((component.amount * component.rate for component in self.components), Fraction(0))

    def _rate(self, currency: str) -> Fraction:
        if currency in self.inverse_rates:
            return 1 / Fraction(self.inverse_rates[currency])
        return Fraction(self.rates.get(currency, 1))

    def _stated(self, currency: str) -> str:
        if currency in self.inverse_rates:
            return f"1 / {self.inverse_rates[currency]}"
        return self.rates.get(currency, "1")


def _positive(text: str, where: str) -> Fraction:
    # EPP-WHS-012
    if not DECIMAL.fullmatch(text):
        raise BasketError(f"basket: {where}: expected {_POSITIVE}, found {text!r}")
    return Fraction(text)


def _rounded(number: Fraction, decimals: int) -> Decimal:
    # EPP-WHS-007: of a fraction, round() is exact and half to even; a Decimal from text is exact too.
    return Decimal(f"{round(number * 10**decimals)}e-{decimals}")
