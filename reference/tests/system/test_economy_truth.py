"""The account of who copied what, against which the centre is judged."""

import itertools
from pathlib import Path

import pytest

from eiraku.reference.crypto.drbg import Drbg
from eiraku.system.economy.places import Kind, Place
from eiraku.system.economy.truth import Truth

U, V = b"u" * 32, b"v" * 32


def place(name: str, original: Place | None = None) -> Place:
    number = name[0].encode() * 8
    return Place(
        name=name,
        kind=Kind.CENTRE if name == "home" else Kind.PERSON,
        economy=1,
        number=number,
        path=Path(name),
        random=Drbg(b""),
        original=original,
    )


A, B, C, HOME = place("a"), place("b"), place("c"), place("home")
COPY_OF_A, COPY_OF_B = place("a2", A), place("b2", B)


@pytest.fixture
def truth() -> Truth:
    made = Truth(epoch=3)
    made.copied(A, COPY_OF_A, [(U, 4), (V, 8)])
    return made


def go(truth: Truth, unit_id: bytes, *way: Place) -> None:
    for payer, payee in itertools.pairwise(way):
        truth.moved(payer, payee, [unit_id])
    if way[-1] is HOME:
        truth.came_home(HOME, unit_id)


def test_one_copy_shows_nothing(truth: Truth) -> None:
    go(truth, U, A, B, HOME)
    assert truth.guilty == set()
    assert truth.was_copied(U)
    assert not truth.was_copied(b"w" * 32)


def test_two_copies_name_the_copier(truth: Truth) -> None:
    go(truth, U, A, B, C, HOME)
    truth.epoch = 5
    go(truth, U, COPY_OF_A, C, HOME)
    assert truth.guilty == {A.number}
    cheat = truth.cheats[A.number]
    assert (cheat.copied, cheat.accepted, cheat.home_in) == (12, 4, 5)
    # b, c, home on one way; c, home on the other
    assert cheat.hops == 5


def test_both_copies_through_one_honest_purse(truth: Truth) -> None:
    # EPP-CEN-006: that it had the unit twice does not count against it
    go(truth, U, A, B, C, HOME)
    go(truth, U, COPY_OF_A, C, B, HOME)
    assert truth.guilty == {A.number}


def test_a_circle_is_no_copy(truth: Truth) -> None:
    go(truth, U, A, B, A, B, HOME)
    assert truth.guilty == set()


def test_copies_of_copies_name_both(truth: Truth) -> None:
    go(truth, U, A, B)
    truth.copied(B, COPY_OF_B, [(U, 4)])
    go(truth, U, B, HOME)
    go(truth, U, COPY_OF_B, C, HOME)
    assert truth.guilty == {B.number}
    go(truth, U, COPY_OF_A, C, HOME)
    assert truth.guilty == {A.number, B.number}


def test_delay_counts_from_the_second_spending(truth: Truth) -> None:
    go(truth, U, A, B)
    truth.epoch = 6
    go(truth, U, COPY_OF_A, C)
    truth.epoch = 9
    truth.convicted(A.number)
    go(truth, V, A, B)
    go(truth, V, COPY_OF_A, C)
    cheat = truth.cheats[A.number]
    assert (cheat.first_double, cheat.convicted_in, cheat.delay) == (6, 9, 3)
    assert (cheat.accepted, cheat.accepted_before_detection) == (12, 4)
