"""The schema as two tools that know nothing of us understand it, and a day of the scheme to try it on."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cddl_verifier import Validator
from zcbor.zcbor.zcbor import PRELUDE_PATH, CddlValidationError, DataTranslator

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Device
from eiraku.reference.gossip import Gossip, exchange
from eiraku.reference.meeting import Channel, accepted, lead, meet
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder, RequestOrder
from eiraku.spec.centre_objects import (
    CasesBody,
    Claim,
    Enrolled,
    NoBody,
    PayOutBody,
    RenewBody,
    SuspectBody,
)
from eiraku.spec.key_lists import Centre
from eiraku.system.exchange.talk import talk
from eiraku.system.scheme import settings as centre_settings
from eiraku.system.services import scheme as schemes
from eiraku.system.services.enrolment import first_request
from eiraku.system.services.local import LocalSession
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE, parse
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.settings import DEFAULT
from eiraku.system.services.wallet import _provision
from eiraku.testing.heard import Heard
from eiraku.testing.news import by_delta, published, revoked
from eiraku.testing.patches import patched
from eiraku.testing.purses import World

SCHEMA = Path(__file__).parents[3] / "spec" / "schema.cddl"
Judge = Callable[[str, bytes], bool]
"""Whether bytes are as a rule says."""


class Whole(DataTranslator):  # type: ignore[misc]
    """zcbor's reader, of which nothing is left out: it looks into every `.cbor`, also one that is constant.

    It is not asked to name what it reads, nor to tell at length what it refused.
    """

    errors = property(lambda _self: [], lambda _self, _value: None)

    def mrepr(self, newline: object) -> str:  # noqa: ARG002 - a signature of zcbor
        return str(self.match_str)

    def is_unambiguous(self) -> bool:
        return False

    def _construct_obj(self, my_list: list[Any]) -> Any:
        return tuple(my_list) or None

    def decode_str(self, cbor_str: bytes) -> Any:
        found = cbor2.loads(cbor_str)
        # it ignores bytes after the item, and takes a break for one
        try:
            whole = cbor2.dumps(found) == cbor_str
        except cbor2.CBOREncodeError:
            whole = False
        if not whole:
            raise CddlValidationError("another encoding, or bytes after the item")
        return self.decode_obj(found)


@pytest.fixture(scope="session")
def cddl_verifier() -> Judge:
    """By cddl-verifier."""
    # It logs each of some thousand mutants that it refuses.
    logging.getLogger("cddl_verifier").setLevel(logging.CRITICAL)
    schema = Validator(SCHEMA)
    return lambda rule, data: bool(schema.validate(data, rule, require_deterministic=True))


@pytest.fixture(scope="session")
def zcbor() -> Judge:
    """By zcbor."""
    rules = Whole.from_cddl(PRELUDE_PATH.read_text() + SCHEMA.read_text(), 1 << 32).my_types

    def judge(rule: str, data: bytes) -> bool:
        try:
            rules[rule].decode_str(data)
        except (CddlValidationError, cbor2.CBORDecodeError):
            return False
        return True

    return judge


@pytest.fixture(scope="session")
def heard(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """What is said on a day, by rule."""
    found = Heard()
    with patched(found.listening()):
        purses(found, tmp_path_factory.mktemp("purses"))
        services(found, tmp_path_factory.mktemp("scheme"))
    return dict(found.said)


def purses(heard: Heard, folder: Path) -> None:
    """Two purses pay each other, refuse, lose a receipt, deliver again, and pass on a bulletin."""
    world = World(folder)
    alice, bob = world.purse([8, 4, 2, 1]).device, world.purse([16, 1]).device
    for payer, payee, amount, wanted, last in (
        (alice, bob, 9, 9, 99),
        (bob, alice, 17, 16, 99),
        (bob, alice, 16, 16, 8),
    ):
        accepted(payer.order(PayOrder(amount=amount)))
        accepted(payee.order(RequestOrder(amount=wanted)))
        heard.wire(meet(payee, payer, cut_after(last)).messages)
    (pending,) = bob.snapshot().pending
    accepted(bob.order(RedeliverOrder(transaction=pending.transaction)))
    accepted(alice.order(ReceiveOrder()))
    heard.wire(meet(bob, alice).messages)
    assert not bob.snapshot().pending
    teacher, pupil = (Gossip(world.purse().device) for _ in range(2))
    numbers = revoked(300)
    accepted(teacher.device.bulletin(published(world, 20, numbers).encode()))
    exchange(pupil, teacher)
    update = by_delta(published(world, 21, numbers[1:]), 20, numbers[:1], ())
    accepted(teacher.device.bulletin(update.encode()))
    heard.hear("delta", update.delta)
    exchange(pupil, teacher)
    early, late = Gossip(world.purse().device), Gossip(world.purse().device)
    accepted(early.device.keys(Centre.MONEY, world.money_keys(2, expires=50)))
    exchange(late, early)
    world.close()


def cut_after(last: int) -> Channel:
    """A channel that carries so many messages."""
    return lambda number, data: data if number <= last else None


def services(heard: Heard, folder: Path) -> None:
    """A purse is enrolled, paid out, renewed, inspected; it claims. Its vault draws units, reports, asks."""
    path = folder / "scheme"
    text = DEFAULT.replace("[vaults]\n", "[vaults]\nalice = 392\n")
    schemes.create(path, centre_settings.DEFAULT, text=text)
    (code,) = schemes.invite(path, "alice")
    with schemes.open_(path) as scheme, ExitStack() as closing:
        vault = scheme.vaults["alice"]
        scheme.directory.issuer.accounts.fund(bytes(16), vault.number, 1000)
        vault.vault.refresh()
        vault.vault.issue([1, 2, 4, 8])
        key = SigningKey(bytes(range(32)))
        request = first_request(key, code)
        answer = scheme.enrolments.enrol(request)
        heard.hear("signed-request", request)
        heard.hear("enrol-body", parse(request)[1].body)
        heard.hear("enrol-answer", answer)
        device = Device(folder / "alice.db", Drbg(b"alice"))
        closing.callback(device.close)
        _provision(device, bytes(range(32)), Enrolled.decode(answer))
        customer(scheme, device)
        ask = vault.vault.outbox.ask
        ask(ISSUING_CENTRE, "cases", CasesBody(after=0).encode())
        for unit_id in (None, bytes(32)):
            body = SuspectBody(number=vault.number, code=9, unit_id=unit_id, epoch=1).encode()
            ask(ISSUING_CENTRE, "suspect", body)


def customer(scheme: Scheme, device: Device) -> None:
    """What a purse asks of its vault and of both centres."""
    vault = scheme.vaults["alice"]
    here = scheme.services[vault.path]

    def ask(service: Any, method: str, body: bytes) -> bytes:
        sequence = ask_count()
        answer: bytes = service.request(device.sign_request(service.audience, method, sequence, body))
        return answer

    ask_count = iter(range(1, 100)).__next__
    nothing = NoBody().encode()
    ask(here, "balance", nothing)
    ask(here, "pending", nothing)
    accepted(device.order(RequestOrder(amount=7)))
    name = ask(here, "pay-out", PayOutBody(amount=7).encode())[1:]
    talk(device, LocalSession(here, name))
    assert device.snapshot().balance == 7
    issuing, centre = scheme.services[ISSUING_CENTRE], scheme.services[DEVICE_CENTRE]
    ask(issuing, "account", nothing)
    scheme.directory.advance()
    accepted(device.bulletin(here.bulletin(0)))
    ask(centre, "renew", RenewBody(expires=device.snapshot().epoch + 1000).encode())
    ask(centre, "scheme-keys", nothing)
    challenge = ask(centre, "challenge", nothing)
    ask(centre, "self-report", device.self_report(challenge))
    accepted(device.order(PayOrder(amount=7)))
    without_receipt(device, LocalSession(here, here.open()))
    (pending,) = device.snapshot().pending
    claim = Claim(
        offer=pending.offer,
        endorsements=pending.endorsements,
        payee=pending.payee,
        beneficiary=vault.number,
    )
    ask(issuing, "claim", claim.encode())


def without_receipt(device: Device, session: LocalSession) -> None:
    """A payment whose last message is lost."""

    def carry(data: bytes) -> bytes | None:
        answer = session.exchange(data)
        return None if device.snapshot().pending else answer

    for result in lead(device, carry):
        accepted(result)
    device.drop_session()
