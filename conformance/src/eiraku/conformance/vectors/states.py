"""The state of the reference purse as the vectors give it: plain data, byte strings in hexadecimal."""

from dataclasses import dataclass, field
from typing import Any

from eiraku.reference.device import Device
from eiraku.reference.purse import payee, payer
from eiraku.reference.purse.state import (
    Handshaking,
    Open,
    Order,
    PayOrder,
    Ready,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.reference.vectors.example import plain
from eiraku.spec import messages
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import Offer

Json = dict[str, Any]


@dataclass(slots=True)
class Notes:
    """What happened since the session was opened."""

    drawn: list[bytes] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    offer: str | None = None
    wanted: Json | None = None
    """The purpose of the session."""

    def before(self, device: Device, request: Json) -> tuple[Json | None, Any]:
        """What is given before a request, and its input; None if it is no matter of vectors."""
        state = device.state
        if request["verb"] == "deliver":
            return self._delivered(device, state, bytes.fromhex(request["data"]))
        if request.get("action") == "bulletin":
            if isinstance(state, Ready):
                return {"operation": "bulletin", "purse": purse(device)}, request["bulletin"]
            return None, None
        if request.get("action") == "keys":
            given = {"operation": "keys", "purse": purse(device), "centre": request["centre"]}
            return given, request["keys"]
        if request.get("action") == "scheme-key":
            return {"operation": "scheme-key", "purse": purse(device)}, request["key"]
        members = {k: v for k, v in request.items() if k not in {"seq", "verb"}}
        given = {
            "operation": "order",
            "purse": purse(device) if isinstance(state, Ready) else None,
            "memory": memory(device),
            "purpose": purpose(state.order) if isinstance(state, Ready) and state.order else None,
        }
        return given, members if request["verb"] == "act" else {"action": "open", **members}

    def _delivered(self, device: Device, state: object, data: bytes) -> tuple[Json | None, Any]:
        match state:
            case Ready(session=Handshaking() as session):
                given: Json = {
                    "operation": "handshake",
                    "purse": purse(device),
                    "memory": memory(device),
                    "role": session.side.value,
                    "purpose": purpose(session.order),
                    "ephemeral_private_key": self._first(32),
                    "nonce": self._first(16),
                    "received": list(self.received),
                    "sent": list(self.sent),
                }
                return given, data.hex()
            case Ready(session=Open() as session):
                try:
                    plaintext, _ = session.link.channel.open(data)
                except Refusal:
                    # Records are in the tables of encodings.
                    return None, None
                given = {
                    "operation": "transfer",
                    "purse": purse(device),
                    "memory": memory(device),
                    "state": session.row.value,
                    "purpose": self.wanted,
                    "peer": plain(session.link.peer),
                    "offer": offer_of(device, session, self.offer),
                }
                self._see(plaintext)
                return given, plaintext.hex()
            case Ready():
                return {"operation": "idle", "purse": purse(device)}, data.hex()
        return None, None

    def after(self, device: Device, request: Json, response: Json) -> None:
        """What is remembered of a request."""
        state = device.state
        if request["verb"] == "open":
            self.received, self.offer = [], None
            self.sent = [response["out"]] if response.get("out") else []
            if isinstance(state, Ready) and isinstance(state.session, Handshaking):
                self.wanted = purpose(state.session.order)
        if request["verb"] == "act":
            self.drawn.clear()
        if (
            request["verb"] == "deliver"
            and isinstance(state, Ready)
            and isinstance(state.session, Handshaking)
        ):
            self.received.append(request["data"])
            self.sent += [response["out"]] if response.get("out") else []

    def _first(self, length: int) -> str:
        """The first value of this length that was drawn for the session; not yet drawn: any."""
        return next((value.hex() for value in self.drawn if len(value) == length), "40" * length)

    def _see(self, plaintext: bytes) -> None:
        try:
            if isinstance(messages.decode(plaintext), Offer):
                self.offer = plaintext.hex()
        except Refusal:
            return


def purse(device: Device) -> Json:
    """Who the purse is, and what it trusts."""
    provision, held = device.store.provision(), device.store.bulletin()
    if provision is None:
        raise AssertionError("a purse that is ready was provisioned")
    return {
        "purse_id": provision.purse_id.hex(),
        "private_key": provision.private_key.hex(),
        "anchor": provision.anchor.to_mapping(),
        "policy": provision.policy.to_mapping(),
        "bulletin": None if held is None else Whole(signed=held.signed, chunks=held.chunks).encode().hex(),
    }


def memory(device: Device) -> Json:
    """What is durable, but for what `purse` says."""
    store = device.store
    holdings = store.holdings([summary.unit_id for summary in store.summaries()])
    until = {
        table: dict(store.read(f"SELECT {key}, expires FROM {table}"))  # noqa: S608 - our own names
        for table, key in (("credited", "CAST(payer || tx AS BLOB)"), ("settled", "tx"), ("seen", "unit_id"))
    }
    seen = store.read("SELECT unit_id, hop FROM seen ORDER BY unit_id")
    return {
        "holdings": [{"unit": h.unit.hex(), "hop": h.hop, "history": h.history.hex()} for h in holdings],
        "pending": [
            {
                "transaction": p.transaction.hex(),
                "payee": p.payee.hex(),
                "amount": p.amount,
                "offer": p.offer.hex(),
                "endorsements": [signature.hex() for signature in p.endorsements],
            }
            for p in store.pendings()
        ],
        "credited": [
            {
                "transaction": c.transaction.hex(),
                "payer": c.payer.hex(),
                "amount": c.amount,
                "offer_digest": c.offer_digest.hex(),
                "receipt": c.receipt.hex(),
                "expires": until["credited"][c.payer + c.transaction],
            }
            for c in store.credits()
        ],
        "settled": [
            {
                "transaction": s.transaction.hex(),
                "payee": s.payee.hex(),
                "amount": s.amount,
                "offer_digest": s.offer_digest.hex(),
                "receipt": s.receipt.hex(),
                "expires": until["settled"][s.transaction],
            }
            for s in store.settlements()
        ],
        "seen": [
            {"unit_id": unit_id.hex(), "hop": hop, "expires": until["seen"][unit_id]} for unit_id, hop in seen
        ],
    }


def purpose(order: Order) -> Json:
    """What the holder has set."""
    match order:
        case PayOrder():
            named = {} if order.payee is None else {"payee": order.payee.hex()}
            return {"action": "pay", "amount": order.amount, **named}
        case RequestOrder():
            return {"action": "request", "amount": order.amount, "reference": order.reference}
        case RedeliverOrder():
            return {"action": "redeliver", "transaction": order.transaction.hex()}
    return {"action": "receive"}


def offer_of(device: Device, session: Open, accepted: str | None) -> str | None:
    """The OFFER that the state is about; `accepted`: the last that came."""
    match session.data:
        case payer.Offered(encoded=encoded):
            return encoded.hex()
        case payer.Paid(transaction=transaction):
            pending = device.store.pending(transaction)
            return None if pending is None else pending.offer.hex()
        case payee.Accepted():
            return accepted
    return None
