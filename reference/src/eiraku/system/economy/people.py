"""Who meets whom, and for how much: the habits of people and shops, drawn from one source of chance."""

import math
import random
from dataclasses import dataclass, field

from eiraku.system.economy.places import Kind, Place
from eiraku.system.economy.scenario import Scenario


@dataclass(slots=True, kw_only=True)
class People:
    """Everybody who pays: people, and the shops of each economy."""

    scenario: Scenario
    random: random.Random
    persons: list[Place] = field(default_factory=list)
    shops: list[Place] = field(default_factory=list)
    _of: dict[tuple[Kind, int], list[Place]] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        """One more person or shop."""
        (self.persons if place.kind is Kind.PERSON else self.shops).append(place)
        self._of.setdefault((place.kind, place.economy), []).append(place)

    def copies(self) -> list[int]:
        """How many people copy their purse in each epoch of trade: all in the first half."""
        epochs = self.scenario.epochs
        counts = [0] * epochs
        for _ in range(self.scenario.cheats.count):
            counts[self.random.randrange(1 if epochs > 1 else 0, max(2, (epochs + 1) // 2)) % epochs] += 1
        return counts

    def meeting(self) -> tuple[Place, Place, int]:
        """The next payment: payer, payee, amount."""
        habits = self.scenario.habits
        if self.random.random() < habits.wages:
            able = [shop for shop in self.shops if shop.balance]
            if able:
                shop = self.random.choice(able)
                amount = min(self.amount(), shop.balance)
                return (
                    shop,
                    self.random.choice(self._of.get((Kind.PERSON, shop.economy), self.persons)),
                    amount,
                )
        payer = self.random.choice(self.persons)
        return payer, self.stranger(payer), self.amount()

    def stranger(self, payer: Place) -> Place:
        """Somebody to pay: at home or abroad, a shop or a person."""
        habits = self.scenario.habits
        economy = payer.economy
        others = [one.number for one in self.scenario.economies if one.number != economy]
        if others and self.random.random() < habits.abroad:
            economy = self.random.choice(others)
        kind = Kind.SHOP if self.random.random() < habits.to_shop else Kind.PERSON
        able = [place for place in self._of.get((kind, economy), ()) if place.number != payer.number]
        return self.random.choice(able or [p for p in self.persons if p.number != payer.number])

    def amount(self) -> int:
        """From 1 to the largest, small ones more often, with two binary digits that are not zero at most.

        Prices are rounded to what people have in their purses: so a payment takes few units.
        """
        exact = round(math.exp(self.random.uniform(0.0, math.log(self.scenario.habits.largest))))
        rounded = max(0, exact.bit_length() - 2)
        return exact >> rounded << rounded
