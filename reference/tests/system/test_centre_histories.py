"""Random populations with random cheats, against an oracle that knows who did what (EPP-CEN-003 to 006).

The oracle keeps, for each copy of a unit, who signed and whether what was signed over was spoiled: it learns
that from the actions themselves, never from signatures or layers. `EIRAKU_EXAMPLES` sets the number of
populations.
"""

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eiraku.reference.centres.issuing import identifier
from eiraku.reference.history import seal_layer
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Layer, history_size
from eiraku.system.issuing.attribution import forks
from eiraku.system.issuing.chain import BadLayer, Chain, Endorsement
from eiraku.system.issuing.evidence import Evidence
from eiraku.testing.town import HOME, ISSUER, VAULT, Town

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("EIRAKU_EXAMPLES", "120"))
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")
HOPS = 9
UNITS = 12


@lru_cache(maxsize=1)
def village() -> Town:
    """One for all examples: keys are dear."""
    return Town(NAMES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Event:
    """Somebody signed. `spoiled`: over a layer that is not a good one made for the signer."""

    signer: str
    hop: int
    spoiled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A copy as somebody has it, and what the oracle knows of it; `before`, `got`: what it was made of."""

    copy: OfferedUnit
    owner: str
    spoiled: bool
    events: tuple[Event, ...]
    before: OfferedUnit
    got: Endorsement


class Population:
    """What purses do. Honest ones keep the rules of chapter 7; the others do what they like."""

    def __init__(self, chance: random.Random, corrupt: frozenset[str]) -> None:
        self.chance = chance
        self.village = village()
        self.corrupt = corrupt
        self.held: dict[str, list[Token]] = {name: [] for name in (VAULT, *NAMES)}
        self.seen: Counter[tuple[str, bytes]] = Counter()
        self.deposited: list[tuple[OfferedUnit, tuple[Event, ...]]] = []
        self.signed: dict[tuple[str, bytes, int], set[Event]] = {}
        for _ in range(UNITS):
            self.issue()

    def issue(self) -> None:
        unit = self.village.unit()
        blank = Token(copy=unit, owner=ISSUER, spoiled=False, events=(), before=unit, got=None)  # type: ignore[arg-type]
        self.give(blank, ISSUER, VAULT)
        if ISSUER in self.corrupt and self.chance.random() < 0.3:
            self.give(blank, ISSUER, self.chance.choice(NAMES))

    def run(self, steps: int) -> None:
        for _ in range(steps):
            holders = [name for name, tokens in self.held.items() if tokens]
            if not holders or self.chance.random() < 0.1:
                self.issue()
                continue
            actor = self.chance.choice(holders)
            token = self.chance.choice(self.held[actor])
            if actor in self.corrupt:
                self.cheat(actor, token)
            else:
                self.give(token, actor, self.payee(actor))
        for actor, tokens in self.held.items():
            for token in list(tokens):
                if self.chance.random() < 0.8:
                    self.give(token, actor, HOME)

    def payee(self, actor: str) -> str:
        return self.chance.choice([name for name in (VAULT, HOME, *NAMES) if name != actor])

    # --- what is right ---

    def give(self, token: Token, actor: str, payee: str) -> None:
        """One endorsed move, if the payee takes it."""
        unit, hop = identifier(token.copy.unit), token.copy.hop + 1
        # An issuing centre that cheats gives to purses that have not seen the unit.
        if hop > HOPS and payee != HOME:
            payee = HOME
        if payee in self.held and payee not in self.corrupt:
            holds = any(identifier(each.copy.unit) == unit for each in self.held[payee])
            if holds or self.seen[payee, unit] >= hop + 1:
                return
        event = Event(signer=actor, hop=hop, spoiled=token.spoiled or token.owner != actor)
        assert actor in self.corrupt or not event.spoiled
        self.signed.setdefault((actor, unit, hop), set()).add(event)
        endorsement = self.village.endorse(token.copy, actor, payee)
        if actor in self.held and (actor not in self.corrupt or self.chance.random() < 0.5):
            self.held[actor].remove(token)
        if actor not in self.corrupt:
            self.seen[actor, unit] = hop + 1
        taken = self.village.take(token.copy, endorsement)
        events = (*token.events, event)
        if payee == HOME:
            self.deposited.append((taken, events))
            if self.chance.random() < 0.1:
                self.deposited.append((self.village.take(token.copy, endorsement), events))
            return
        self.seen[payee, unit] = max(hop + 1, self.seen[payee, unit])
        self.held[payee].append(
            Token(copy=taken, owner=payee, spoiled=False, events=events, before=token.copy, got=endorsement)
        )

    # --- what is wrong ---

    def cheat(self, actor: str, token: Token) -> None:
        way = self.chance.choice(
            (self.honestly, self.twice, self.noise, self.frame, self.splice, self.hand_over, self.reseal)
        )
        way(actor, token)

    def honestly(self, actor: str, token: Token) -> None:
        self.give(token, actor, self.payee(actor))

    def twice(self, actor: str, token: Token) -> None:
        for _ in range(2):
            if token not in self.held[actor]:
                self.held[actor].append(token)
            self.give(token, actor, self.payee(actor))

    def put(self, actor: str, token: Token, copy: OfferedUnit) -> None:
        """A spoiled copy is given away like any other."""
        spoiled = replace(token, copy=copy, spoiled=True)
        self.held[actor].append(spoiled)
        self.give(spoiled, actor, self.payee(actor))

    def noise(self, actor: str, token: Token) -> None:
        """Any hop, and noise of the right size."""
        hop = self.chance.choice((token.copy.hop, self.chance.randrange(HOPS)))
        history = self.chance.randbytes(history_size(hop))
        self.put(actor, token, replace(token.copy, hop=hop, history=history))

    def splice(self, actor: str, token: Token) -> None:
        """The history of another unit, a good one there."""
        others = [
            each
            for tokens in self.held.values()
            for each in tokens
            if identifier(each.copy.unit) != identifier(token.copy.unit) and not each.spoiled
        ]
        if others:
            other = self.chance.choice(others).copy
            self.put(actor, token, replace(token.copy, hop=other.hop, history=other.history))

    def frame(self, actor: str, token: Token) -> None:
        """A layer that says something else about how the unit came."""
        village, got = self.village, token.got
        somebody = self.chance.choice([name for name in (VAULT, *NAMES) if name != actor])
        if token.owner != actor and self.chance.random() < 0.5:
            somebody = actor
        number = village.numbers[somebody]
        if somebody != actor and self.chance.random() < 0.5:
            forged = village.endorse(token.before, actor, actor)
            said = replace(forged, payer=number)
        else:
            said = self.chance.choice(
                (
                    replace(got, payee=number),
                    replace(got, transaction=self.chance.randbytes(16)),
                    replace(got, signature=self.chance.randbytes(64)),
                )
            )
        if said == got:
            return
        layer = Layer(
            inner=token.before.history,
            payer=said.payer,
            payee=said.payee,
            transaction=said.transaction,
            signature=said.signature,
        )
        self.put(actor, token, replace(token.copy, history=self.seal(token.copy, layer)))

    def hand_over(self, actor: str, token: Token) -> None:
        """A friend gets the copy without an endorsement."""
        friends = sorted(self.corrupt - {actor, ISSUER})
        if friends:
            self.held[self.chance.choice(friends)].append(token)

    def reseal(self, actor: str, token: Token) -> None:
        """The same layer once more, under another ephemeral key: nothing wrong with that one."""
        if token.spoiled:
            return
        self.held[actor].append(replace(token, copy=self.village.take(token.before, token.got)))

    def seal(self, copy: OfferedUnit, layer: Layer) -> bytes:
        return seal_layer(
            layer,
            history_key=self.village.money.history_key.public,
            identifier=identifier(copy.unit),
            ephemeral=self.chance.randbytes(32),
        )


# --- the oracle ---

Verdict = tuple[str, str, int]
"""What was done, by whom, at which hop."""


def truth(events: Sequence[Event], earlier: Sequence[Sequence[Event]]) -> set[Verdict]:
    for event in reversed(events):
        if event.spoiled:
            return {("bad layer", event.signer, event.hop - 1)}
    found = set()
    for other in earlier:
        for one, two in zip(events, other, strict=False):
            if one is not two:
                assert one.signer == two.signer
                found.add(("fork", one.signer, one.hop))
                break
    return found


def good(events: Sequence[Event]) -> bool:
    return not any(event.spoiled for event in events)


# --- what is tested ---


def audited(copy: OfferedUnit, earlier: Sequence[Chain]) -> tuple[set[Verdict], Chain | None]:
    world = village()
    try:
        chain = world.open(copy)
    except BadLayer as fault:
        return {("bad layer", world.name(fault.purse), fault.hop)}, None
    found = forks(chain, earlier)
    for fork in found:
        signer = world.name(fork.signer)
        # EPP-CEN-005: whoever is named can be convicted by anybody
        evidence = Evidence(
            unit=copy.unit, purse_id=world.purse_ids[signer], first=fork.first, second=fork.second
        )
        assert evidence.verify(world.anchor).number == (None if signer == ISSUER else fork.signer)
    return {("fork", world.name(fork.signer), fork.hop) for fork in found}, chain


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="EIRAKU_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
@given(
    seed=st.integers(0, 2**32 - 1),
    corrupt=st.frozensets(st.sampled_from((ISSUER, VAULT, *NAMES)), max_size=5),
    steps=st.integers(20, 70),
)
def test_exactly_the_guilty_are_named(seed: int, corrupt: frozenset[str], steps: int) -> None:
    # EPP-CEN-003, EPP-CEN-004, EPP-CEN-005, EPP-CEN-006
    population = Population(random.Random(seed), corrupt)
    population.run(steps)
    chains: dict[bytes, list[Chain]] = {}
    known: dict[bytes, list[tuple[Event, ...]]] = {}
    for copy, events in population.deposited:
        unit = identifier(copy.unit)
        expected = truth(events, known.get(unit, []))
        found, chain = audited(copy, chains.get(unit, []))
        assert found == expected
        # never an honest purse
        assert {who for _, who, _ in found} <= corrupt
        assert (chain is not None) == good(events)
        if chain is not None:
            assert [village().name(each.payer) for each in chain.endorsements] == [e.signer for e in events]
            chains.setdefault(unit, []).append(chain)
            known.setdefault(unit, []).append(events)
    # an honest purse never signs twice (EPP-HIS-006), so nothing here rests on luck
    assert all(who in corrupt or len(made) == 1 for (who, _, _), made in population.signed.items())
