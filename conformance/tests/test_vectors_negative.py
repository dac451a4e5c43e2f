"""The reference over the negative vectors, from nothing but the files."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance.vectors import judged
from eiraku.reference.anchor import TrustAnchor, parse_purse_id, parse_unit
from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.policy import Policy
from eiraku.reference.purse import core, payee, payer, units
from eiraku.reference.purse.ledger import (
    Holding,
    PaymentPending,
    Pending,
    Provision,
    Provisioned,
    StoredBulletin,
)
from eiraku.reference.purse.state import (
    Data,
    Env,
    Link,
    Open,
    Order,
    PayOrder,
    Provisioning,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.reference.store import Store
from eiraku.spec import bulletins, messages
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import EndorsementPayload, PurseId, ReceiptPayload, Role
from eiraku.spec.record import Record
from eiraku.spec.tables import Purpose, Side, Transfer
from eiraku.spec.vectors import forms, negative_forms
from eiraku.spec.vectors.schemas import KINDS

pytestmark = pytest.mark.slow

FILES = {name: KINDS[name] for name in KINDS if name.startswith("negative-")}
Outcome = tuple[str | None, str | None]
"""Code and requirement of a refusal, or nothing."""
NOTHING = negative_forms.Memory()


def outcome(judge: Callable[[], object]) -> Outcome:
    try:
        judge()
    except Refusal as refusal:
        return refusal.code.label, refusal.requirement
    return None, None


def unhex(value: Any) -> Any:
    """Fields of a record, byte strings as such."""
    if isinstance(value, Mapping):
        return {name: unhex(item) for name, item in value.items()}
    return bytes.fromhex(value) if isinstance(value, str) else value


def record(kind: type[Record], fields: Mapping[str, Any]) -> Any:
    return kind(**unhex(fields))


# --- purses ---


def claims_of(fields: Mapping[str, Any]) -> PurseId:
    found = unhex(fields)
    return PurseId(**{**found, "role": Role(found["role"])})


def order_of(given: negative_forms.Purpose | negative_forms.Order) -> Order:
    match given.action:
        case "pay":
            return PayOrder(amount=given.amount or 0, payee=bytes.fromhex(given.payee or "") or None)
        case "request":
            return RequestOrder(amount=given.amount or 0, reference=given.reference or "")
        case "redeliver":
            return RedeliverOrder(transaction=bytes.fromhex(given.transaction or ""))
    return ReceiveOrder()


def offer_of(encoded: bytes) -> Offer:
    found = messages.decode(encoded)
    assert isinstance(found, Offer)
    return found


def holdings_of(offer: Offer) -> tuple[Holding, ...]:
    return tuple(units.held(parse_unit(u.unit), u.hop, u.history) for u in offer.units)


def provisioned(purse: negative_forms.Purse) -> Provisioned:
    """What a purse was given, but for its units."""
    bulletin = None
    if purse.bulletin is not None:
        held = bulletins.update(bytes.fromhex(purse.bulletin))
        assert isinstance(held, bulletins.Whole)
        bulletin = StoredBulletin(signed=held.signed, chunks=held.chunks, delta=None)
    provision = Provision(
        number=parse_purse_id(bytes.fromhex(purse.purse_id)).claims.number,
        private_key=bytes.fromhex(purse.private_key),
        purse_id=bytes.fromhex(purse.purse_id),
        anchor=TrustAnchor.from_mapping(purse.anchor),
        policy=Policy.from_mapping(purse.policy),
    )
    return Provisioned(provision=provision, bulletin=bulletin, holdings=())


def filled(purse: Provisioned | None, memory: negative_forms.Memory = NOTHING) -> Store:
    """A store with what is durable, as the file gives it; no purse: an empty one."""
    store = Store(Path(":memory:"))
    if purse is None:
        return store
    here = [
        units.held(parse_unit(bytes.fromhex(held.unit)), held.hop, bytes.fromhex(held.history))
        for held in memory.holdings
    ]
    pending = [
        Pending(
            transaction=bytes.fromhex(p.transaction),
            payee=bytes.fromhex(p.payee),
            amount=p.amount,
            offer=bytes.fromhex(p.offer),
            endorsements=tuple(map(bytes.fromhex, p.endorsements)),
            unit_ids=tuple(held.unit_id for held in holdings_of(offer_of(bytes.fromhex(p.offer)))),
        )
        for p in memory.pending
    ]
    given_away = [held for p in pending for held in holdings_of(offer_of(p.offer))]
    store.apply(replace(purse, holdings=(*here, *given_away)))
    for each in pending:
        store.apply(PaymentPending(pending=each))
    for c in memory.credited:
        store._insert("credited", (*map(bytes.fromhex, (c.payer, c.transaction)), *_given(c)))
    for s in memory.settled:
        store._insert("settled", (*map(bytes.fromhex, (s.transaction, s.payee)), *_given(s)))
    for seen in memory.seen:
        store._db.execute(
            "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (unit_id) DO UPDATE SET hop = excluded.hop",
            (bytes.fromhex(seen.unit_id), seen.hop, seen.expires),
        )
    return store


def _given(row: negative_forms.Credited | negative_forms.Settled) -> tuple[int, bytes, bytes, int]:
    return row.amount, bytes.fromhex(row.offer_digest), bytes.fromhex(row.receipt), row.expires


class Draw:
    """The random values of a session: by their length, whatever else is drawn is zero."""

    def __init__(self, *values: str) -> None:
        self.values = [bytes.fromhex(value) for value in values]

    def __call__(self, length: int) -> bytes:
        found = next((value for value in self.values if len(value) == length), None)
        if found is None:
            return bytes(length)
        self.values.remove(found)
        return found


def code_of(result: Result) -> Outcome:
    if isinstance(result, Rejected):
        return result.refusal.code.label, result.refusal.requirement
    assert isinstance(result, Accepted)
    return None, None


# --- what needs no purse ---


def stateless(group: Any) -> judged.Judge:
    match group:
        case negative_forms.ItemGroup():
            return judged.item
        case negative_forms.MessageGroup():
            return judged.message
        case negative_forms.RecordGroup():
            secret = (bytes.fromhex(group.key), bytes.fromhex(group.iv))
            return judged.record(group.suite, secret, group.number, group.max_record)
        case negative_forms.UnitGroup():
            return judged.unit(TrustAnchor.from_mapping(group.anchor), group.epoch)
        case negative_forms.PurseIdGroup():
            return judged.purse_id(TrustAnchor.from_mapping(group.anchor))
        case negative_forms.SealedGroup():
            return judged.sealed(bytes.fromhex(group.scheme_key))
        case negative_forms.EndorsementGroup():
            return judged.endorsement(
                bytes.fromhex(group.public_key), record(EndorsementPayload, group.fields)
            )
        case negative_forms.ReceiptGroup():
            return judged.receipt(bytes.fromhex(group.public_key), record(ReceiptPayload, group.fields))
    raise AssertionError(f"no operation {group}")


# --- what needs one ---


def on_handshake(group: negative_forms.HandshakeGroup, purse: Provisioned, data: bytes) -> Outcome:
    device = Device(filled(purse, group.memory), Draw(group.ephemeral_private_key, group.nonce))
    assert isinstance(device.order(order_of(group.purpose)), Accepted)
    said = [device.open(Side(group.role)).out]
    said += [device.deliver(bytes.fromhex(message)).out for message in group.received]
    assert [out.hex() for out in said if out is not None] == list(group.sent)
    found = code_of(device.deliver(data))
    device.close()
    return found


def on_transfer(group: negative_forms.TransferGroup, purse: Provisioned, data: bytes) -> Outcome:
    store = filled(purse, group.memory)
    state = core.restore(store)
    assert isinstance(state, Ready)
    link = link_of(group, state)
    env = Env(ledger=store, random=bytes)
    session = Open(row=Transfer(group.state), link=link, data=data_of(group, link, env))

    def judge() -> None:
        message = messages.decode(data)
        core.permitted(session, message)
        core.respond(session, message, data, env)

    found = outcome(judge)
    store.close()
    return found


def link_of(group: negative_forms.TransferGroup, state: Ready) -> Link:
    peer, own, policy = claims_of(group.peer), state.identity.claims, state.identity.policy
    pays = group.purpose.action in {"pay", "redeliver"}
    by, to = (own, peer) if pays else (peer, own)
    operation = policy.operation(by.role, to.role, same_holder=by.holder == to.holder)
    assert operation is not None
    return Link(
        terms=state.terms,
        purpose=Purpose(group.purpose.action),
        peer=peer,
        channel=None,  # type: ignore[arg-type]  # the plaintext is given
        bounds=policy.bounds(operation, by.tier, to.tier),
    )


def data_of(group: negative_forms.TransferGroup, link: Link, env: Env) -> Data:
    encoded = bytes.fromhex(group.offer or "")
    match Transfer(group.state):
        case Transfer.PAYER_WAIT_REQUEST:
            order = order_of(group.purpose)
            assert not isinstance(order, RequestOrder | ReceiveOrder)
            return payer.WaitRequest(order=order)
        case Transfer.PAYEE_REQUESTED | Transfer.PAYEE_WAIT_OFFER:
            return payee.WaitOffer(requested=group.purpose.amount)
        case Transfer.PAYEE_ACCEPTED:
            return payee.check_offer(link, offer_of(encoded), encoded, None, env.ledger)
    offer, digest = offer_of(encoded), messages.offer_digest(encoded)
    if Transfer(group.state) is Transfer.PAYER_PAID:
        return payer.Paid(transaction=offer.transaction, amount=offer.amount, offer_digest=digest)
    moves = tuple(
        units.move(
            held.unit_id,
            held.hop + 1,
            inner=held.history,
            payer=link.terms.identity.claims.number,
            payee=link.peer.number,
            transaction=offer.transaction,
        )
        for held in holdings_of(offer)
    )
    return payer.Offered(
        transaction=offer.transaction, amount=offer.amount, encoded=encoded, digest=digest, moves=moves
    )


def at_rest(purse: Provisioned, act: Callable[[Device], Result]) -> Outcome:
    """With no session, purpose or money."""
    device = Device(filled(purse), bytes)
    found = code_of(act(device))
    device.close()
    return found


def on_order(
    group: negative_forms.OrderGroup, purse: Provisioned | None, given: negative_forms.Order
) -> Outcome:
    device = Device(filled(purse, group.memory), Draw())
    if group.purpose is not None:
        assert isinstance(device.state, Ready)
        # It was set before, perhaps under other key lists.
        device._state = replace(device.state, order=order_of(group.purpose))
    if given.action == "open":
        found = code_of(device.open(Side(given.role)))
    else:
        found = code_of(device.order(order_of(given)))
    device.close()
    return found


def on_provision(group: negative_forms.ProvisionGroup, given: Mapping[str, Any]) -> Outcome:
    found = {**group.right, **given}
    device = Device(filled(None), bytes)
    purse = {name: bytes.fromhex(value) for name, value in found["purse"].items()}
    result = device.provision(
        Provisioning(
            **purse,
            anchor=found["anchor"],
            policy=found["policy"],
            bulletin=None if found["bulletin"] is None else bytes.fromhex(found["bulletin"]),
            holdings=tuple(
                OfferedUnit(unit=bytes.fromhex(h["unit"]), hop=h["hop"], history=bytes.fromhex(h["history"]))
                for h in found["holdings"]
            ),
        )
    )
    device.close()
    return code_of(result)


def judge_of(group: Any, purses: Mapping[str, Provisioned]) -> Callable[[Any], Outcome]:
    """What judges the inputs of a group."""
    match group:
        case negative_forms.OrderGroup():
            purse = None if group.purse is None else purses[group.purse]
            return lambda given: on_order(group, purse, given)
        case negative_forms.ProvisionGroup():
            return lambda given: on_provision(group, given)
    of_bytes = judge_of_bytes(group, purses)
    return lambda given: of_bytes(bytes.fromhex(given))


def judge_of_bytes(group: Any, purses: Mapping[str, Provisioned]) -> Callable[[bytes], Outcome]:
    match group:
        case negative_forms.HandshakeGroup():
            return lambda data: on_handshake(group, purses[group.purse], data)
        case negative_forms.TransferGroup():
            return lambda data: on_transfer(group, purses[group.purse], data)
        case negative_forms.IdleGroup():
            return lambda data: at_rest(purses[group.purse], lambda device: device.deliver(data))
        case negative_forms.BulletinGroup():
            return lambda data: at_rest(purses[group.purse], lambda device: device.bulletin(data))
        case negative_forms.KeysGroup():
            centre = Centre(group.centre)
            return lambda data: at_rest(purses[group.purse], lambda device: device.keys(centre, data))
        case negative_forms.SchemeKeyGroup():
            return lambda data: at_rest(purses[group.purse], lambda device: device.scheme_key(data))
    one = stateless(group)
    return lambda data: outcome(lambda: one(data))


@pytest.mark.parametrize("name", FILES)
def test_the_reference_agrees(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A store in memory leaves an empty file of its name.
    monkeypatch.chdir(tmp_path)
    content: Any = forms.load(name, FILES[name])
    purses = {known: provisioned(purse) for known, purse in getattr(content, "purses", {}).items()}
    wrong = []
    for group in content.groups:
        judge = judge_of(group, purses)
        for case in group.cases:
            code, requirement = judge(case.input)
            if code != case.code or (code is not None and requirement != case.requirements[0]):
                wrong.append((case.id, case.code, case.requirements[0], code, requirement))
    assert not wrong, f"{len(wrong)} cases: {wrong[:9]}"


def every() -> list[Any]:
    return [
        case
        for name, kind in FILES.items()
        for group in getattr(forms.load(name, kind), "groups")  # noqa: B009 - each kind has its own
        for case in group.cases
    ]


def test_every_code_is_there_and_valid_cases_beside_them() -> None:
    found = Counter(case.code for case in every())
    # EPP-ERR-030: a case has the code that the holder learns, not what the peer is told instead
    assert {code.label for code in Code if code is not Code.NOT_TAKEN} == found.keys() - {None}
    assert found.total() >= 1500
    assert found[None] >= 150
    assert all(count > 1 for count in found.values())
