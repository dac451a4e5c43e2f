"""The handshake: whom a purse refuses, what it answers, and what it ignores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.edhoc import errors, initiator, responder
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Party
from eiraku.reference.meeting import transfer
from eiraku.reference.policy import Policy
from eiraku.reference.purse import credential, handshake, provisioning
from eiraku.reference.purse.state import (
    Env,
    PayOrder,
    Provisioning,
    Ready,
    ReceiveOrder,
    RequestOrder,
    Terms,
)
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch
from eiraku.testing.purses import ECONOMY, EPOCH, LAST_EPOCH, Member, World

pytestmark = pytest.mark.slow

RECEIVE = ReceiveOrder()
REFUSED = cbor.encode_sequence(1, "")


def believe(_terms: Terms, scheme_key: bytes, _id_cred: cbor.Map, ead: Sequence[Ead]) -> Credential[PurseId]:
    """`handshake.resolve` without a check."""
    raw = credential.unseal(scheme_key, credential.sealed_in(ead))
    claims = parse_purse_id(raw).claims
    return Credential(cred=raw, public_key=claims.public_key, subject=claims)


NAIVE: tuple[Patch, ...] = (
    (handshake, "resolve", believe),
    (handshake, "judge", lambda *_: 10**6),
    (provisioning, "check_identity", lambda *_: None),
)
"""Believes any peer, so that only the other side refuses; takes any purse ID as its own."""


PEERS: dict[str, tuple[dict[str, Any], Code]] = {
    "seal": ({"seal": bytes(16)}, Code.AUTHENTICATION),
    "economy": ({"economy": ECONOMY + 1}, Code.AUTHENTICATION),
    "issued outside its key": ({"issued": LAST_EPOCH + 1, "expires": LAST_EPOCH + 1}, Code.AUTHENTICATION),
    "expired": ({"expires": EPOCH - 1}, Code.PURSE_EXPIRED),
    "revoked": ({"number": b"revoked!"}, Code.PURSE_REVOKED),
    "same number": ({"number": b"myself.."}, Code.SAME_PURSE),
}


def member(world: World, **changes: Any) -> Member:
    return world.purse([1, 1], patches=NAIVE, **changes)


@pytest.mark.parametrize("opens", (True, False), ids=("initiator", "responder"))
@pytest.mark.parametrize("name", PEERS)
def test_refused_peers(world: World, *, opens: bool, name: str) -> None:
    changes, expected = PEERS[name]
    given = world.provisioning([1, 1], number=b"myself.." if "same" not in name else b"another.")
    wary = world.purse(provisioning=given)
    if name == "revoked":
        wary.device.bulletin(world.bulletin(epoch=EPOCH + 1, revoked=[b"revoked!"]))
    peer = member(world, **({"number": b"another."} if name == "same number" else changes))
    before = wary.device.snapshot()
    if opens:
        exchange = transfer(wary.device, PayOrder(amount=1), peer.device, RECEIVE)
        mine, theirs = exchange.initiator, exchange.responder
    else:
        exchange = transfer(peer.device, PayOrder(amount=1), wary.device, RECEIVE)
        mine, theirs = exchange.responder, exchange.initiator
    assert isinstance(mine[-1], Rejected)
    assert mine[-1].refusal.code is expected
    assert mine[-1].out == REFUSED
    assert isinstance(theirs[-1], Accepted)
    assert not theirs[-1].is_open
    assert wary.device.snapshot() == before
    friend = world.purse()
    assert not transfer(wary.device, PayOrder(amount=1), friend.device, RECEIVE).codes


@pytest.mark.parametrize(
    "changes", ({"expires": EPOCH}, {"issued": LAST_EPOCH}, {"reserved": bytes(range(32))}), ids=str
)
def test_peers_just_good_enough(world: World, changes: dict[str, Any]) -> None:
    purse, peer = world.purse([1]), world.purse(**changes)
    assert not transfer(purse.device, PayOrder(amount=1), peer.device, RECEIVE).codes


def test_the_same_key_under_another_number(world: World) -> None:
    first = world.provisioning([1], seed=bytes(32))
    second = world.provisioning([1], seed=bytes(32))
    a, b = world.purse(provisioning=first), world.purse(provisioning=second)
    exchange = transfer(a.device, PayOrder(amount=1), b.device, RECEIVE)
    assert exchange.codes == ["same-purse"]


def test_another_scheme_key(world: World) -> None:
    a = world.purse([1])
    world.scheme_key = bytes(32)
    b = world.purse()
    assert transfer(a.device, PayOrder(amount=1), b.device, RECEIVE).codes == ["authentication"]


# --- how a peer names itself ---


def _changed(**changes: Any) -> Callable[[Ead], dict[str, Any]]:
    return lambda item: {"credential_ead": (replace(item, **changes),)}


NAMES: dict[str, tuple[Callable[[Ead], dict[str, Any]], str]] = {
    "another kid": (lambda _: {"id_cred": {4: b"\x02"}}, "EPP-PID-012"),
    "kid and more": (lambda _: {"id_cred": {4: b"\x01", 5: b""}}, "EPP-PID-012"),
    "sealed purse ID as kid": (lambda item: {"id_cred": {4: item.value}}, "EPP-PID-012"),
    "missing": (lambda _: {"credential_ead": ()}, "EPP-PID-013"),
    "twice": (lambda item: {"credential_ead": (item, item)}, "EPP-PID-013"),
    "not critical": (_changed(critical=False), "EPP-PID-013"),
    "no value": (_changed(value=None), "EPP-PID-010"),
    "32 bytes": (_changed(value=bytes(32)), "EPP-PID-010"),
    "287 bytes": (_changed(value=bytes(287)), "EPP-PID-010"),
    "288 bytes": (_changed(value=bytes(288)), "EPP-PID-010"),
    "289 bytes": (_changed(value=bytes(289)), "EPP-PID-010"),
}


@pytest.mark.parametrize("opens", (True, False), ids=("initiator", "responder"))
@pytest.mark.parametrize("name", NAMES)
def test_names(world: World, *, opens: bool, name: str) -> None:
    """The signature is right in all of them: the peer signs what it sends."""
    change, requirement = NAMES[name]
    ours = handshake.party

    def party(terms: Terms, env: Env, scheme_key: bytes) -> Party[PurseId]:
        made = ours(terms, env, scheme_key)
        return replace(made, **change(made.credential_ead[0]))

    odd, wary = world.purse([1], patches=[(handshake, "party", party)]), world.purse([1])
    payer, payee = (wary, odd) if opens else (odd, wary)
    exchange = transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE)
    result = (exchange.initiator if opens else exchange.responder)[-1]
    assert isinstance(result, Rejected)
    assert (result.refusal.code, result.refusal.requirement) == (Code.AUTHENTICATION, requirement)
    assert result.out == REFUSED


PADDED: dict[str, Callable[[bytes], bytes]] = {
    "another last byte": lambda purse_id: purse_id.ljust(255, b"\0") + b"\1",
    "a byte after the purse ID": lambda purse_id: purse_id + b"\1",
    "no item": lambda _: b"\xff",
    "an item that does not end": lambda _: b"\x59\xff\xff",
}


@pytest.mark.parametrize("opens", (True, False), ids=("initiator", "responder"))
@pytest.mark.parametrize("name", PADDED)
def test_padding(world: World, *, opens: bool, name: str) -> None:
    """EPP-PID-031: after the one item nothing but zeros."""
    honest = credential.seal

    def seal(scheme_key: bytes, nonce: bytes, purse_id: bytes) -> Ead:
        return honest(scheme_key, nonce, PADDED[name](purse_id))

    odd, wary = world.purse([1], patches=[(credential, "seal", seal)]), world.purse([1])
    payer, payee = (wary, odd) if opens else (odd, wary)
    exchange = transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE)
    result = (exchange.initiator if opens else exchange.responder)[-1]
    assert isinstance(result, Rejected)
    assert (result.refusal.code, result.refusal.requirement) == (Code.AUTHENTICATION, "EPP-PID-031")
    assert result.out == REFUSED


# --- versions ---


def version(value: cbor.Item, *, critical: bool = True, label: int = 65001) -> Ead:
    return Ead(label=label, value=cbor.encode(value), critical=critical)


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> list[Ead]:
    """What every initiator puts into EAD_1."""
    ead: list[Ead] = []
    write = initiator.write_message_1
    monkeypatch.setattr(initiator, "write_message_1", lambda party, **k: write(party, **{**k, "ead": ead}))
    return ead


@pytest.mark.parametrize(
    ("items", "expected"),
    (
        ([], Code.VERSION),
        ([version((2, 3))], Code.VERSION),
        ([version((1,), critical=False)], Code.MALFORMED),
        ([version((1,)), version((1,))], Code.MALFORMED),
        ([version(())], Code.MALFORMED),
        ([version((2, 1))], Code.MALFORMED),
        ([version((1, 1))], Code.MALFORMED),
        ([version(1)], Code.MALFORMED),
        ([version((0, 1))], Code.MALFORMED),
        ([Ead(label=65001, critical=True)], Code.MALFORMED),
        ([version((1,)), Ead(label=7, critical=True)], Code.MALFORMED),
        ([version((1, 2))], None),
        ([version((1,)), Ead(label=7, value=b"x"), Ead(label=0)], None),
    ),
)
def test_versions_offered(world: World, offers: list[Ead], items: list[Ead], expected: Code | None) -> None:
    offers += items
    a, b = world.purse([1]), world.purse()
    exchange = transfer(a.device, PayOrder(amount=1), b.device, RECEIVE)
    if expected is None:
        assert not exchange.codes
        return
    result = exchange.responder[-1]
    assert isinstance(result, Rejected)
    assert result.refusal.code is expected
    assert result.out == REFUSED


@pytest.mark.parametrize(
    ("items", "expected"),
    (
        ((), Code.VERSION),
        ((version(2),), Code.VERSION),
        ((version((1,)),), Code.MALFORMED),
        ((version(1), version(1)), Code.MALFORMED),
        ((version(1), Ead(label=9, critical=True)), Code.MALFORMED),
        ((version(1), Ead(label=9)), None),
    ),
)
def test_versions_chosen(
    world: World, monkeypatch: pytest.MonkeyPatch, items: tuple[Ead, ...], expected: Code | None
) -> None:
    write = responder.write_message_2
    monkeypatch.setattr(responder, "write_message_2", lambda state, **k: write(state, **{**k, "ead": items}))
    a, b = world.purse([1]), world.purse()
    exchange = transfer(a.device, PayOrder(amount=1), b.device, RECEIVE)
    if expected is None:
        assert not exchange.codes
        return
    result = exchange.initiator[-1]
    assert isinstance(result, Rejected)
    assert (result.refusal.code, result.out) == (expected, REFUSED)


def test_a_critical_item_in_message_3(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write = initiator.write_message_3
    monkeypatch.setattr(initiator, "write_message_3", lambda state: write(state, ead=[credential.choice(1)]))
    a, b = world.purse([1]), world.purse()
    assert transfer(a.device, PayOrder(amount=1), b.device, RECEIVE).codes == ["malformed"]


def test_suites(world: World) -> None:
    a = world.purse([1], patches=[(handshake, "SUITES", (0,))])
    b = world.purse(patches=[(handshake, "SUITES", (4,))])
    exchange = transfer(a.device, PayOrder(amount=1), b.device, RECEIVE)
    assert exchange.codes == ["suite"]
    assert exchange.messages[1:] == [errors.wrong_suite((4,))]


# --- provisioning ---


def provision_code(world: World, **changes: Any) -> Code:
    device = Device(world.directory / "fresh.db", world.random)
    good = world.provisioning([1, 2])
    before = device.snapshot()
    result = device.provision(replace(good, **{k: v(good) if callable(v) else v for k, v in changes.items()}))
    assert isinstance(result, Rejected)
    assert device.snapshot() == before
    assert isinstance(device.provision(good), Accepted)
    second = device.provision(good)
    assert isinstance(second, Rejected)
    assert second.refusal.code is Code.PROVISION
    device.close()
    return result.refusal.code


def flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _anchor(good: Provisioning, **changes: Any) -> dict[str, Any]:
    return {**good.anchor, **changes}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    (
        ("private_key", bytes(32), Code.PROVISION),
        ("private_key", bytes(31), Code.PROVISION),
        ("number", bytes(8), Code.PROVISION),
        ("purse_id", lambda g: flipped(g.purse_id), Code.PROVISION),
        ("purse_id", b"", Code.PROVISION),
        ("holdings", lambda g: (g.holdings[0], g.holdings[0]), Code.PROVISION),
        ("policy", {}, Code.POLICY),
        ("anchor", lambda g: _anchor(g, economies=[1]), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, device_keys=g.anchor["money_keys"]), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, money_keys="00"), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, money_seal="00" * 16), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, scheme_keys=["00"]), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, scheme_keys=[f"{n:064x}" for n in range(5)]), Code.PROVISION),
        ("anchor", lambda g: _anchor(g, device_root=g.anchor["money_root"]), Code.PROVISION),
        ("anchor", {}, Code.PROVISION),
        # The last byte is the array of chunks, which is empty.
        ("bulletin", lambda g: flipped(g.bulletin[:-1]) + g.bulletin[-1:], Code.BULLETIN_SIGNATURE),
        ("bulletin", lambda g: flipped(g.bulletin), Code.MALFORMED),
    ),
)
def test_refused_provisioning(world: World, field: str, value: Any, expected: Code) -> None:
    assert provision_code(world, **{field: value}) is expected


def test_holdings_are_verified(world: World) -> None:
    for change in (
        {"unit": lambda h: flipped(h.unit)},
        {"hop": lambda _: 1},
        {"hop": lambda _: 256},
        {"history": lambda h: h.history + b"\x00"},
    ):
        (world.directory / "fresh.db").unlink(missing_ok=True)
        altered = lambda g, c=change: (  # noqa: E731
            replace(g.holdings[0], **{k: v(g.holdings[0]) for k, v in c.items()}),
        )
        assert provision_code(world, holdings=altered) is Code.PROVISION


def test_an_empty_purse_does_nothing(world: World) -> None:
    device = Device(world.directory / "empty.db", world.random)
    for result in (
        device.order(RECEIVE),
        device.order(RequestOrder(amount=1)),
        device.open(Side.RESPONDER),
        device.deliver(b""),
        device.bulletin(b""),
    ):
        assert isinstance(result, Rejected)
        assert (result.refusal.code, result.out) == (Code.NOT_PROVISIONED, None)
    assert device.snapshot().writes == 0
    device.close()


def test_the_working_state_is_rebuilt_from_memory(world: World) -> None:
    purse = world.purse([1])
    before = purse.device.state
    purse.device.power_cut()
    after = purse.device.state
    assert isinstance(before, Ready)
    assert isinstance(after, Ready)
    assert after.identity.policy == before.identity.policy == Policy.from_mapping(world.policy.to_mapping())
    assert after.identity.anchor == before.identity.anchor
    assert after.identity.key.public == purse.key.public
