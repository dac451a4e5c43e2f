"""Layers opened and verified: who is named when one is bad (EPP-CEN-001 to 003)."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference.centres.issuing import identifier
from eiraku.reference.crypto import hpke
from eiraku.reference.history import layer_info
from eiraku.spec import objects
from eiraku.spec.errors import Code, Misuse, Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.attribution import compare, forks
from eiraku.system.issuing.chain import BadLayer, Chain, Endorsement, Opener
from eiraku.testing import moves
from eiraku.testing.town import Town

NAMES = ("alice", "bob", "carol", "dave")
ISSUER = objects.ISSUER_NUMBER


def blamed(village: Town, copy: OfferedUnit) -> tuple[str, int]:
    """Name of the purse at fault, and hop of the bad layer."""
    with pytest.raises(BadLayer) as caught:
        village.open(copy)
    return village.name(caught.value.purse), caught.value.hop


@pytest.fixture
def village() -> Town:
    return Town(NAMES)


def test_a_chain_tells_the_whole_way(village: Town) -> None:
    # EPP-CEN-002
    home = village.move(village.unit(), "issuer", "vault", "alice", "bob", "home")
    chain = village.open(home)
    assert [each.hop for each in chain.endorsements] == [0, 1, 2, 3]
    assert [each.payer for each in chain.endorsements] == [
        ISSUER,
        *(village.numbers[name] for name in ("vault", "alice", "bob")),
    ]
    assert chain.endorsements[0].history_digest == sha256(b"").digest()


def test_a_unit_may_go_in_circles(village: Town) -> None:
    # EPP-CEN-006
    home = village.move(village.unit(), "issuer", "vault", "alice", "bob", "alice", "bob", "alice", "home")
    assert len(village.open(home).endorsements) == 7


def test_a_chain_ends_with_the_first_endorsement_to_the_centre(village: Town) -> None:
    # EPP-CEN-051
    first = village.move(village.unit(), "issuer", "vault", "home")
    again = village.move(first, "home", "alice", "home")
    assert village.open(again) == village.open(first)


def test_an_opener_works_in_another_process(village: Town) -> None:
    home = village.move(village.unit(), "issuer", "vault", "alice", "home")
    other: Opener = pickle.loads(pickle.dumps(village.opener))
    assert other.open(home.unit, home.hop, home.history) == village.open(home)
    error = BadLayer(b"12345678", 3, "why")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_unit_of_somebody_else_is_refused(village: Town) -> None:
    # EPP-UNI-002, EPP-KEY-008
    home = village.move(village.unit(), "issuer", "vault", "home")
    stranger = Town(NAMES, seed=b"stranger")
    foreign = stranger.move(stranger.unit(), "issuer", "vault", "home")
    broken = replace(home, unit=home.unit[:-1] + bytes([home.unit[-1] ^ 1]))
    for copy in (foreign, broken):
        with pytest.raises(Refusal) as caught:
            village.open(copy)
        assert caught.value.code is Code.UNIT_SIGNATURE
    # EPP-CEN-040: whenever it was issued; whether it was, the database says
    late = village.move(village.unit(issued=101, expires=200), "issuer", "vault", "home")
    assert village.open(late).endorsements[-1].payee == village.numbers["home"]
    with pytest.raises(Refusal) as caught:
        village.open(replace(home, unit=b"\x00"))
    assert caught.value.code is Code.MALFORMED


def test_the_outermost_layer_is_the_centres_own(village: Town) -> None:
    # EPP-CEN-003, EPP-CEN-001
    home = village.move(village.unit(), "issuer", "vault", "alice", "home")
    assert blamed(village, replace(home, history=b"")) == ("issuer", 2)
    assert blamed(village, replace(home, history=home.history[:-1])) == ("issuer", 2)
    assert blamed(village, replace(home, hop=3)) == ("issuer", 3)
    assert blamed(village, replace(home, hop=1)) == ("issuer", 1)
    assert blamed(village, village.move(village.unit(), "issuer", "vault", "alice")) == ("issuer", 1)


@pytest.mark.parametrize("size", (0, 1, 31, 32, 47, 48, 151, 303))
def test_a_layer_of_rubbish_is_the_fault_of_who_signed_over_it(village: Town, size: int) -> None:
    # EPP-CEN-003
    held = village.move(village.unit(), "issuer", "vault", "alice")
    rubbish = replace(held, history=village.random(size))
    assert blamed(village, village.move(rubbish, "alice", "bob", "carol", "home")) == ("alice", 1)


def test_a_shortened_history_is_the_fault_of_who_shortened_it(village: Town) -> None:
    # EPP-CEN-003
    first = village.move(village.unit(), "issuer", "vault", "alice")
    held = village.move(first, "alice", "bob", "carol")
    short = replace(held, history=first.history)
    assert blamed(village, village.move(short, "carol", "dave", "home")) == ("carol", 3)


def test_a_history_of_another_unit_is_the_fault_of_who_put_it_there(village: Town) -> None:
    # EPP-CEN-003
    one = village.move(village.unit(), "issuer", "vault", "alice", "bob")
    other = village.move(village.unit(), "issuer", "vault", "alice", "bob")
    spliced = replace(one, history=other.history)
    assert blamed(village, village.move(spliced, "bob", "carol", "home")) == ("bob", 2)


def test_layers_in_another_order_are_the_fault_of_who_ordered_them(village: Town) -> None:
    # EPP-CEN-003
    zero = village.move(village.unit(), "issuer", "vault")
    one = village.endorse(zero, "vault", "alice")
    held = village.take(zero, one)
    two = village.endorse(held, "alice", "bob")
    # bob wraps the two endorsements the wrong way round
    inner = village.take(zero, two)
    swapped = village.take(inner, one)
    assert blamed(village, village.move(replace(swapped, hop=2), "bob", "home")) == ("bob", 2)


Framing = Callable[[Town, OfferedUnit, Endorsement], OfferedUnit]


def _forged(village: Town, copy: OfferedUnit, _: Endorsement) -> OfferedUnit:
    forged = replace(village.endorse(copy, "carol", "bob"), payer=village.numbers["alice"])
    return village.take(copy, forged)


def _another_payee(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, payee=village.numbers["carol"]))


def _another_payer(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, payer=village.numbers["carol"]))


def _stranger(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, payer=b"stranger"))


def _as_issuer(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, payer=ISSUER))


def _another_transaction(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, transaction=bytes(16)))


def _another_signature(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(copy, replace(got, signature=bytes(64)))


def _another_inner(village: Town, copy: OfferedUnit, got: Endorsement) -> OfferedUnit:
    return village.take(village.move(copy, "alice", "carol"), replace(got, hop=got.hop))


@pytest.mark.parametrize(
    "framing",
    (
        _forged,
        _another_payee,
        _another_payer,
        _stranger,
        _as_issuer,
        _another_transaction,
        _another_signature,
        _another_inner,
    ),
)
def test_a_layer_that_names_others_is_the_fault_of_its_maker(village: Town, framing: Framing) -> None:
    # EPP-CEN-003: bob got the unit from alice and writes something else
    held = village.move(village.unit(), "issuer", "vault", "alice")
    written = framing(village, held, village.endorse(held, "alice", "bob"))
    assert blamed(village, village.move(replace(written, hop=2), "bob", "carol", "dave", "home")) == (
        "bob",
        2,
    )


def test_a_layer_handed_to_a_friend_is_the_fault_of_the_friend(village: Town) -> None:
    # EPP-CEN-003, EPP-CEN-052, EPP-CEN-054: carol gives on what was given to bob, who is no part of it
    held = village.move(village.unit(), "issuer", "vault", "alice", "bob")
    assert blamed(village, village.move(held, "carol", "home")) == ("carol", 2)


def test_the_first_layer_holds_nothing(village: Town) -> None:
    # EPP-CEN-052: vault puts something under the genesis endorsement
    unit = village.unit()
    genesis = village.endorse(unit, "issuer", "vault")
    held = village.take(replace(unit, history=b"x"), genesis)
    assert blamed(village, village.move(held, "vault", "alice", "home")) == ("vault", 0)
    # the issuing centre itself signs over something
    odd = replace(unit, history=village.random(151))
    assert blamed(village, village.move(odd, "issuer", "vault", "alice", "home")) == ("vault", 0)


def test_the_first_payer_is_the_issuing_centre(village: Town) -> None:
    # EPP-CEN-002: alice makes a history that begins with herself
    held = village.move(village.unit(), "alice", "bob")
    assert blamed(village, village.move(held, "bob", "home")) == ("bob", 0)
    # or with another payer than the centre, signed by the centre
    unit = village.unit()
    odd = moves.endorse(
        unit,
        village.money.unit_key,
        payer=village.numbers["alice"],
        payee=village.numbers["bob"],
        transaction=bytes(16),
    )
    assert blamed(village, village.move(village.take(unit, odd), "bob", "home")) == ("bob", 0)


def test_the_issuing_centre_is_no_payer_later(village: Town) -> None:
    # EPP-CEN-002: even if its unit key were registered under its number
    held = village.move(village.unit(), "issuer", "vault")
    home = village.move(village.move(held, "issuer", "alice"), "alice", "home")
    registered = {
        number: village.keys[name].public for name, number in village.numbers.items() if any(number)
    }
    registered[ISSUER] = village.money.unit_key.public
    opener = Opener([village.money], registered.get, frozenset({village.numbers["home"]}))
    with pytest.raises(BadLayer) as caught:
        opener.open(home.unit, home.hop, home.history)
    assert caught.value.purse == village.numbers["alice"]
    assert caught.value.hop == 1


def test_a_hop_left_out_is_the_fault_of_who_left_it_out(village: Town) -> None:
    # EPP-CEN-052: alice endorses hop 3 over a layer of hop 1
    held = village.move(village.unit(), "issuer", "vault", "alice")
    jumped = village.take(held, village.endorse(held, "alice", "bob", hop=3))
    assert blamed(village, village.move(jumped, "bob", "home")) == ("alice", 2)


def test_a_bad_layer_comes_with_the_endorsement_over_it(village: Town) -> None:
    held = village.move(village.unit(), "issuer", "vault", "alice")
    rubbish = replace(held, history=village.random(303))
    with pytest.raises(BadLayer) as caught:
        village.open(village.move(rubbish, "alice", "bob", "home"))
    endorsed = caught.value.endorsed
    assert endorsed is not None
    assert endorsed.payer == village.numbers["alice"]
    assert endorsed.history_digest == sha256(rubbish.history).digest()


def _claim(village: Town, held: OfferedUnit, claimed: Endorsement, payer: str) -> Chain:
    return village.opener.open_offered(
        held.unit,
        held.hop,
        held.history,
        payer=village.numbers[payer],
        payee=claimed.payee,
        transaction=claimed.transaction,
        signature=claimed.signature,
    )


def test_a_claim_shows_the_chain_and_the_claimed_endorsement(village: Town) -> None:
    # EPP-CEN-059
    held = village.move(village.unit(), "issuer", "vault", "alice")
    claimed = village.endorse(held, "alice", "bob")
    chain = _claim(village, held, claimed, "alice")
    assert chain.endorsements[-1] == claimed
    assert chain.contains(claimed)
    deposit = village.open(village.move(village.take(held, claimed), "bob", "home"))
    assert deposit.contains(claimed)
    assert compare(chain, deposit) is None
    other = village.open(village.move(held, "alice", "home"))
    assert not other.contains(claimed)
    fork = compare(chain, other)
    assert fork is not None
    assert fork.signer == village.numbers["alice"]


def test_a_claim_by_somebody_else_is_refused(village: Town) -> None:
    # EPP-CEN-032, EPP-CEN-059
    held = village.move(village.unit(), "issuer", "vault", "alice")
    claimed = village.endorse(held, "alice", "bob")
    with pytest.raises(Refusal) as caught:
        _claim(village, held, claimed, "carol")
    assert caught.value.code is Code.ENDORSEMENT


def test_a_claim_over_a_bad_layer_is_the_claimants_fault(village: Town) -> None:
    # EPP-CEN-003
    held = replace(village.move(village.unit(), "issuer", "vault", "alice"), history=bytes(303))
    with pytest.raises(BadLayer) as caught:
        _claim(village, held, village.endorse(held, "alice", "bob"), "alice")
    assert caught.value.purse == village.numbers["alice"]


def test_a_claim_of_a_unit_that_was_home_is_the_centres_fault(village: Town) -> None:
    # EPP-CEN-050
    held = village.move(village.unit(), "issuer", "vault", "home", "alice")
    with pytest.raises(BadLayer) as caught:
        _claim(village, held, village.endorse(held, "alice", "bob"), "alice")
    assert caught.value.purse == ISSUER


def test_chains_of_two_units_are_not_compared(village: Town) -> None:
    one, other = (village.open(village.move(village.unit(), "issuer", "vault", "home")) for _ in range(2))
    with pytest.raises(Misuse, match="one unit"):
        compare(one, other)
    assert forks(one, [one, one]) == ()


def test_units_under_an_earlier_key_still_open(village: Town) -> None:
    # EPP-CEN-041
    old = village.move(village.unit(), "issuer", "vault", "alice", "home")
    first, village.money = village.money, village.money_key()
    new = village.move(village.unit(), "issuer", "vault", "alice", "home")
    registered = village.opener.public_keys
    both = Opener([first, village.money], registered, village.opener.centres)
    for copy in (old, new):
        assert len(both.open(copy.unit, copy.hop, copy.history).endorsements) == 3
    with pytest.raises(Refusal):
        village.open(old)
    # the history key is that of the unit's own key, not just any of the centre's
    mixed = village.move(village.unit(), "issuer", "vault")
    village.money = first
    wrapped = village.take(mixed, village.endorse(mixed, "vault", "home"))
    with pytest.raises(BadLayer) as caught:
        both.open(wrapped.unit, wrapped.hop, wrapped.history)
    assert caught.value.purse == ISSUER


PLACE = Town(NAMES)
HELD = PLACE.move(PLACE.unit(), "issuer", "vault", "alice")
DEEP = PLACE.move(HELD, "alice", "bob", "home")


@given(plaintext=st.binary(max_size=400) | st.binary(max_size=40).map(lambda data: data * 40))
def test_whatever_is_sealed_is_the_fault_of_who_sealed_it(plaintext: bytes) -> None:
    # EPP-CEN-003: alice seals anything at all, and signs over it
    sealed = hpke.seal(
        PLACE.money.history_key.public,
        layer_info(identifier(HELD.unit)),
        plaintext,
        ephemeral=bytes(31) + b"1",
    )
    spoiled = PLACE.move(replace(HELD, history=sealed), "alice", "bob", "home")
    assert blamed(PLACE, spoiled) == ("alice", 1)


@given(
    hop=st.integers(-1, 300),
    history=st.binary(max_size=700)
    | st.integers(0, 8 * len(DEEP.history) - 1).map(lambda place: _flipped(DEEP.history, place)),
)
def test_whatever_the_centre_holds_itself_is_nobody_elses_fault(hop: int, history: bytes) -> None:
    # EPP-CEN-003: an altered outermost layer
    assert blamed(PLACE, replace(DEEP, hop=hop, history=history))[0] == "issuer"


@given(
    unit=st.binary(max_size=300)
    | st.integers(0, 8 * len(DEEP.unit) - 1).map(lambda n: _flipped(DEEP.unit, n))
)
def test_an_altered_unit_is_refused(unit: bytes) -> None:
    # EPP-UNI-001, EPP-UNI-002
    with pytest.raises(Refusal):
        PLACE.open(replace(DEEP, unit=unit))


def _flipped(data: bytes, place: int) -> bytes:
    altered = bytearray(data)
    altered[place // 8] ^= 1 << place % 8
    return bytes(altered)
