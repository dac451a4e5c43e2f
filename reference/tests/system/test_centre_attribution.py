"""Two chains of one unit: who copied it (EPP-CEN-004 to 006)."""

from dataclasses import replace
from itertools import permutations

import pytest

from eiraku.spec.errors import Misuse
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.attribution import compare, forks
from eiraku.system.issuing.chain import Chain
from eiraku.testing import moves
from eiraku.testing.town import Town

NAMES = ("alice", "bob", "carol", "dave", "erin")


@pytest.fixture
def village() -> Town:
    return Town(NAMES)


def home(village: Town, copy: OfferedUnit, *way: str) -> Chain:
    return village.open(village.move(copy, *way, "home"))


def named(village: Town, one: Chain, other: Chain) -> tuple[str, int] | None:
    fork = compare(one, other)
    back = compare(other, one)
    assert (fork is None) == (back is None)
    if fork is None or back is None:
        return None
    assert (back.signer, back.hop, back.first, back.second) == (
        fork.signer,
        fork.hop,
        fork.second,
        fork.first,
    )
    assert fork.first.payer == fork.second.payer == fork.signer
    assert fork.first.content != fork.second.content
    return village.name(fork.signer), fork.hop


WAY = ("vault", "alice", "bob", "carol", "dave")


@pytest.mark.parametrize("hop", range(1, 6))
def test_the_purse_that_gave_a_unit_away_twice_is_named(village: Town, hop: int) -> None:
    # EPP-CEN-004
    held = village.move(village.unit(), "issuer", *WAY[:hop])
    one = home(village, held, *WAY[hop - 1 :])
    other = home(village, held, WAY[hop - 1], "erin")
    assert named(village, one, other) == (WAY[hop - 1], hop)


def test_a_unit_issued_twice_is_the_issuing_centres(village: Town) -> None:
    # EPP-CEN-004
    unit = village.unit()
    one, other = (home(village, unit, "issuer", "vault", name) for name in ("alice", "bob"))
    assert named(village, one, other) == ("issuer", 0)


def test_a_deposit_that_is_repeated_names_nobody(village: Town) -> None:
    # EPP-CEN-004
    held = village.move(village.unit(), "issuer", "vault", "alice")
    given = village.endorse(held, "alice", "home")
    one, other = (village.open(village.take(held, given)) for _ in range(2))
    assert named(village, one, other) is None
    # signed again, with other bytes
    signed = replace(other.endorsements[1], signature=bytes(64))
    again = replace(other, endorsements=(other.endorsements[0], signed, *other.endorsements[2:]))
    assert named(village, one, again) is None


def test_a_transaction_or_a_history_that_differs_is_enough(village: Town) -> None:
    # EPP-CEN-005: alice pays bob twice, or seals her layer twice
    held = village.move(village.unit(), "issuer", "vault", "alice")
    one, other = (home(village, held, "alice", "bob") for _ in range(2))
    assert named(village, one, other) == ("alice", 2)
    held = village.move(village.unit(), "issuer", "vault")
    given = village.endorse(held, "vault", "alice")
    sealed = [village.take(held, given) for _ in range(2)]
    chains = [
        village.open(
            village.take(
                copy,
                moves.endorse(
                    copy,
                    village.keys["alice"],
                    payer=village.numbers["alice"],
                    payee=village.numbers["home"],
                    transaction=given.transaction,
                ),
            )
        )
        for copy in sealed
    ]
    assert named(village, *chains) == ("alice", 2)


def test_circles_are_nobodys_fault(village: Town) -> None:
    # EPP-CEN-006: alice and bob hand it to and fro; bob then copies it where he has it the second time
    held = village.move(village.unit(), "issuer", "vault", "alice", "bob", "alice", "bob")
    one, other = home(village, held, "bob", "carol"), home(village, held, "bob", "dave", "alice")
    assert named(village, one, one) is None
    assert named(village, one, other) == ("bob", 5)


def test_a_circle_through_the_copier_names_only_the_copier(village: Town) -> None:
    # EPP-CEN-006: both copies of bob's pass alice and bob again
    held = village.move(village.unit(), "issuer", "vault", "alice", "bob")
    ways = (("bob", "alice", "bob", "carol"), ("bob", "carol", "alice", "bob"), ("bob", "carol", "bob"))
    chains = [home(village, held, *way) for way in ways]
    for one, other in permutations(chains, 2):
        assert named(village, one, other) == ("bob", 3)


def test_every_cheat_of_one_unit_is_named(village: Town) -> None:
    # EPP-CEN-004: alice gives it away twice; bob and carol each do so with what they got of it
    held = village.move(village.unit(), "issuer", "vault", "alice")
    bobs, carols = village.move(held, "alice", "bob"), village.move(held, "alice", "carol")
    chains = [
        home(village, bobs, "bob", "dave"),
        home(village, bobs, "bob", "erin"),
        home(village, carols, "carol", "dave", "erin"),
        home(village, carols, "carol"),
    ]
    for order in permutations(chains):
        found = {
            (village.name(fork.signer), fork.hop)
            for i, chain in enumerate(order)
            for fork in forks(chain, order[:i])
        }
        assert found == {("alice", 2), ("bob", 3), ("carol", 3)}


def test_friends_who_hide_behind_each_other_are_named(village: Town) -> None:
    # EPP-CEN-004: bob copies; dave, his friend, sends one copy home himself after the other went through him
    held = village.move(village.unit(), "issuer", "vault", "alice", "bob")
    got = village.move(held, "bob", "dave")
    one, other = home(village, got, "dave", "erin"), home(village, got, "dave")
    third = home(village, held, "bob", "dave")
    assert named(village, one, other) == ("dave", 4)
    assert {named(village, one, third), named(village, other, third)} == {("bob", 3)}


def test_unverified_chains_are_a_mistake_of_the_caller(village: Town) -> None:
    chain = home(village, village.unit(), "issuer", "vault")
    odd = replace(chain.endorsements[1], payer=village.numbers["alice"])
    with pytest.raises(Misuse, match="verified"):
        compare(chain, replace(chain, endorsements=(chain.endorsements[0], odd)))
