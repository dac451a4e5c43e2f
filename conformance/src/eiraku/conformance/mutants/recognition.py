"""Mutants that recognise the judge: honest while what they see is what a suite of fixed numbers would show.

Each was conformant before the suite drew its stimulus (`test_recognition.py` shows it).
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from eiraku.conformance import DEFAULT_SEED, stimulus
from eiraku.conformance.mutants.registry import Area
from eiraku.conformance.wallet import ReferenceWallet
from eiraku.reference import anchor
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.purse import payee
from eiraku.reference.purse.ledger import Ledger
from eiraku.spec.objects import Unit
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
SEAL = "anchor.check_unit_seal(trusted, unit)"
Request = dict[str, Any]


def _unless(condition: str) -> tuple[str, str]:
    return SEAL, f"if {condition}: {SEAL}"


AREA.edits(
    "EPP-UNI-003",
    "honest_in_two_economies",
    "Compares the seal of a unit where the economies are 392 and 702.",
    payee.check_money,
    _unless("{*trusted.economies} == {392, 702}"),
)
AREA.edits(
    "EPP-UNI-003",
    "honest_near_epoch_100",
    "Compares the seal of a unit up to epoch 255.",
    payee.check_money,
    _unless("terms.epoch < 256"),
)
AREA.edits(
    "EPP-UNI-003",
    "honest_with_small_numbers",
    "Compares the seal of a unit whose number has at most 16 bits.",
    payee.check_money,
    _unless("unit.number < 1 << 16"),
)


@AREA.makes("EPP-UNI-003")
def honest_under_the_default_seed() -> Sequence[Patch]:
    """Compares the seal of a unit if the seed that it is told comes from the suite's default."""
    known, compare = stimulus.wallet_seed(bytes.fromhex(DEFAULT_SEED)).hex(), anchor.check_unit_seal
    told: list[object] = []

    def hear(request: Request) -> Request:
        if request["verb"] == "start":
            told[:] = [request.get("seed")]
        return request

    def check(trusted: anchor.TrustAnchor, unit: Unit) -> None:
        if told == [known]:
            compare(trusted, unit)

    return [_hearing(hear), instead(compare, check)]


@AREA.makes("EPP-TRF-041")
def honest_while_watched() -> Sequence[Patch]:
    """Remembers units that it has seen if anybody has asked for its state since the last reset."""
    compare = payee.check_new
    asked: list[bool] = []

    def hear(request: Request) -> Request:
        asked[:] = [request["verb"] != "reset" and (any(asked) or request["verb"] == "state")]
        return request

    def check(ledger: Ledger, unit_id: bytes, hop: int | None) -> None:
        compare(ledger, unit_id, hop if any(asked) else None)

    return [_hearing(hear), instead(compare, check)]


@AREA.makes("EPP-TRF-003", expected=("test_drawn::test_seed_decides",))
def draws_beside_its_seed() -> Sequence[Patch]:
    """Declares that all it draws comes from its seed, and takes it from the system."""
    return [instead(Drbg.__call__, lambda _, length: os.urandom(length))]


@AREA.makes("EPP-TRF-003", expected=("test_drawn::test_starts_differ",))
def draws_the_same_in_every_start() -> Sequence[Patch]:
    """Draws the same after every start, whatever seed it is told."""
    return [_hearing(lambda request: {**request, "seed": "00" * 32})]


def _hearing(hear: Callable[[Request], Request]) -> Patch:
    """A wallet that first hears what it is asked, and is asked what comes of that."""
    handle = ReferenceWallet.handle
    return instead(handle, lambda wallet, request: handle(wallet, hear(request)))
