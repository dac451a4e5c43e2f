"""The value of a basket unit from stated amounts and rates (EPP-WHS-007, EPP-WHS-012).

Decimal numbers are read as exact fractions, summed exactly, and rounded once at the end, half to even.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from eiraku.system.wholesale.errors import BasketError

DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
CODE = re.compile(r"[A-Z]{3}")
DECIMALS_MAX = 18
_FIELDS = {
    "unit",
    "quote",
    "date",
    "max_age",
    "decimals",
    "minor_digits",
    "amounts",
    "rates",
    "inverse_rates",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One currency of a basket. `amount`: of it in one basket unit; `rate`: price of one in the quote."""

    currency: str
    amount: Fraction
    rate: Fraction
    text: tuple[str, str]
    """Amount and rate as they were stated; an inverse rate begins with `1 / `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """A basket with the rates of one date.

    `max_age`: of the rates, in days; `decimals`: of the value; `minor_digits`: 2 if the minor unit of the
    basket unit is a hundredth.
    """

    unit: str
    quote: str
    stated: date
    max_age: int
    decimals: int
    minor_digits: int
    components: tuple[Component, ...]

    @classmethod
    def from_toml(cls, text: str) -> "Basket":
        """Read a basket. Raises BasketError with the name of what is missing or wrong."""
        try:
            fields: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise BasketError(f"basket: not TOML ({error})") from None
        unknown = sorted(fields.keys() - _FIELDS)
        if unknown:
            raise BasketError(f"basket: unknown name {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
        stated = _typed(fields, "date", date)
        quote = _code(_typed(fields, "quote", str), "quote")
        rates = _rates(fields, quote)
        amounts = _table(fields, "amounts")
        if not amounts:
            raise BasketError("basket: amounts: expected at least one currency")
        components: list[Component] = []
        for currency, amount in amounts.items():
            _code(currency, "amounts")
            # EPP-WHS-012
            if currency not in rates:
                raise BasketError(f"basket: no rate for {currency}; state it under rates or inverse_rates")
            rate, said = rates.pop(currency)
            number = _positive(amount, f"amounts: {currency}")
            components.append(
                Component(currency=currency, amount=number, rate=rate, text=(str(amount), said))
            )
        # EPP-WHS-012
        left = sorted(rates.keys() - {quote})
        if left:
            raise BasketError(f"basket: a rate for {left[0]}, which is not in the basket; remove it")
        return cls(
            unit=_code(_typed(fields, "unit", str), "unit"),
            quote=quote,
            stated=stated,
            max_age=_within(_typed(fields, "max_age", int), "max_age", 0, 366),
            decimals=_within(_typed(fields, "decimals", int), "decimals", 0, DECIMALS_MAX),
            minor_digits=_within(_typed(fields, "minor_digits", int), "minor_digits", 0, 8),
            components=tuple(components),
        )

    def value(self, on: date) -> Decimal:
        """Price of one basket unit in the quote currency on a day. Raises BasketError for stale rates."""
        return _rounded(self._exact(on), self.decimals)

    def inverse(self, on: date) -> Decimal:
        """Basket units for one of the quote currency, from the exact value. Raises BasketError."""
        return _rounded(1 / self._exact(on), self.decimals)

    def convert(self, amount: str, currency: str, on: date) -> int:
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

    def _exact(self, on: date) -> Fraction:
        age = (on - self.stated).days
        # EPP-WHS-012
        if age < 0:
            raise BasketError(f"basket: its rates are of {self.stated}, after {on}; name a later day")
        # EPP-WHS-012
        if age > self.max_age:
            raise BasketError(
                f"basket: its rates of {self.stated} are {age} days old on {on}, at most {self.max_age} "
                "allowed; state newer ones"
            )
        return sum((component.amount * component.rate for component in self.components), Fraction(0))


def _rates(fields: Mapping[str, Any], quote: str) -> dict[str, tuple[Fraction, str]]:
    """For each currency, the exact rate and how it was stated."""
    rates: dict[str, tuple[Fraction, str]] = {quote: (Fraction(1), "1")}
    for name in ("rates", "inverse_rates"):
        for currency, text in _table(fields, name).items():
            _code(currency, name)
            if currency in rates:
                what = "the quote, whose rate is 1" if currency == quote else "stated twice"
                raise BasketError(f"basket: {name}: {currency} is {what}; remove it")
            rate = _positive(text, f"{name}: {currency}")
            rates[currency] = (rate, text) if name == "rates" else (1 / rate, f"1 / {text}")
    return rates


def _table(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = fields.get(name, {})
    if not isinstance(found, dict):
        raise BasketError(f"basket: {name}: expected a table of currencies")
    return found


def _typed(fields: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    found = fields.get(name)
    # A TOML date with a time is a subclass of a date, and true is one of an integer.
    if type(found) is not kind:
        what = {date: "a date such as 2026-11-20", str: "a text", int: "an integer"}[kind]
        raise BasketError(f"basket: {name}: expected {what}, found {found!r}")
    return found


def _code(text: str, where: str) -> str:
    if not CODE.fullmatch(text):
        raise BasketError(f"basket: {where}: expected a code of three capital letters, found {text!r}")
    return text


def _positive(text: Any, where: str) -> Fraction:
    # EPP-WHS-012
    if not isinstance(text, str) or not DECIMAL.fullmatch(text):
        raise BasketError(
            f'basket: {where}: expected a decimal number as text, such as "0.4230", found {text!r}'
        )
    number = Fraction(text)
    # EPP-WHS-012
    if number <= 0:
        raise BasketError(f"basket: {where}: expected more than zero, found {text}")
    return number


def _within(value: int, where: str, least: int, most: int) -> int:
    if not least <= value <= most:
        raise BasketError(f"basket: {where}: expected {least} to {most}, found {value}")
    return value


def _rounded(number: Fraction, decimals: int) -> Decimal:
    # EPP-WHS-007: of a fraction, round() is exact and half to even; a Decimal from text is exact too.
    return Decimal(f"{round(number * 10**decimals)}e-{decimals}")
