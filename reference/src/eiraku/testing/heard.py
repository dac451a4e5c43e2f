"""Everything that purses, vaults and centres of this process say, by its rule in `schema.cddl`.

Real samples of every shape: objects that are signed, messages as they travel and as they are, news, bodies
and answers of services. A value without a rule is a KeyError.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eiraku.reference import history
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc import messages as handshake
from eiraku.reference.gossip import Gossip
from eiraku.reference.purse import core, credential
from eiraku.spec import cbor, centre_objects, key_lists, messages, news, objects
from eiraku.spec.messages import Message
from eiraku.spec.news import News
from eiraku.system.services.local import LocalSession
from eiraku.system.services.requests import Caller, Gate
from eiraku.testing.patches import Patch

SIGNED: Mapping[bytes, tuple[str, str]] = {
    objects.CONTEXT_PURSE_ID: ("signed-purse-id", "purse-id-claims"),
    objects.CONTEXT_BULLETIN: ("signed-bulletin", "bulletin-payload"),
    key_lists.CONTEXT_DEVICE_KEYS: ("signed-device-keys", "device-keys-payload"),
    key_lists.CONTEXT_MONEY_KEYS: ("signed-money-keys", "money-keys-payload"),
    objects.CONTEXT_UNIT: ("signed-unit", "unit-payload"),
    objects.CONTEXT_ENDORSEMENT: ("", "endorsement-payload"),
    objects.CONTEXT_RECEIPT: ("", "receipt-payload"),
    centre_objects.CONTEXT_REQUEST: ("signed-request", "request-payload"),
    centre_objects.CONTEXT_CHALLENGE: ("signed-challenge", "challenge-payload"),
    centre_objects.CONTEXT_SELF_REPORT: ("signed-self-report", "self-report"),
}
"""By context string: the rule of the object, and of its payload. Some objects are never attached."""

EAD: Mapping[tuple[int, int], str] = {
    (1, -65001): "ead-version-offer",
    (1, -65002): "ead-member",
    (2, -65001): "ead-version-choice",
    (2, -65003): "ead-purse-id",
}
"""The rule of an EAD item by message and label."""

KINDS: Mapping[type[Message | News], str] = {
    messages.Request: "request",
    messages.Offer: "offer",
    messages.Accept: "accept",
    messages.Pay: "pay",
    messages.Receipt: "receipt",
    messages.Redeliver: "redeliver",
    messages.Reject: "reject",
    news.Have: "have",
    news.AskBulletin: "ask-bulletin",
    news.AskChunk: "ask-chunk",
    news.AskDelta: "ask-delta",
    news.Signed: "signed-news",
    news.Chunk: "chunk",
    news.Difference: "delta-news",
    news.Nothing: "nothing",
    news.Done: "done",
    news.AskKeys: "ask-keys",
    news.Keys: "key-list",
}


def as_array(sequence: bytes) -> bytes:
    """A CBOR sequence as the array that stands for it in `schema.cddl`."""
    return cbor.encode(cbor.decode_sequence(sequence))


def ead_items(message: int, items: tuple[cbor.Item, ...]) -> dict[str, bytes]:
    """Each item of EAD as an array, by its rule. Raises KeyError for one that has none."""
    found: dict[str, bytes] = {}
    for place, label in enumerate(items):
        if isinstance(label, int):
            value = [item for item in items[place + 1 : place + 2] if isinstance(item, bytes)]
            found[EAD[message, label]] = cbor.encode((label, *value))
    return found


@dataclass(slots=True)
class Heard:
    """What was said, by rule."""

    said: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def hear(self, rule: str, data: bytes) -> None:
        """Keep something once."""
        if data not in self.said[rule]:
            self.said[rule].append(data)

    def wire(self, sent: list[bytes]) -> None:
        """Keep the messages of a session as they travelled."""
        for number, data in enumerate(sent, 1):
            rule = f"message-{number}" if number <= 4 else "record"
            self.hear(rule, as_array(data) if number == 1 else data)
            if number == 1:
                for name, item in ead_items(1, cbor.decode_sequence(data)[4:]).items():
                    self.hear(name, item)

    def listening(self) -> list[Patch]:
        """Patches with which everything is heard."""
        sign, detached, say = cose.sign, cose.sign_detached, core.say
        seal_layer, deliver, choice = history.seal_layer, Gossip.deliver, credential.choice
        seal, carry_out, exchange = credential.seal, Gate._carry_out, LocalSession.exchange  # noqa: SLF001 - it listens inside
        sessions: list[tuple[LocalSession, list[bytes]]] = []

        def signed(key: SigningKey, context: bytes, payload: bytes, *, kid: bytes | None = None) -> bytes:
            made = sign(key, context, payload, kid=kid)
            self.hear(SIGNED[context][0], made)
            return made

        def bare(key: SigningKey, context: bytes, payload: bytes, *, kid: bytes | None = None) -> bytes:
            self.hear(SIGNED[context][1], payload)
            return detached(key, context, payload, kid=kid)

        def spoken(link: Any, message: bytes) -> Any:
            self.hear("message", message)
            self.hear(KINDS[type(messages.decode(message))], message)
            return say(link, message)

        def layered(layer: objects.Layer, **rest: Any) -> bytes:
            self.hear("history-layer", layer.encode())
            return seal_layer(layer, **rest)

        def told(mine: Gossip, data: bytes) -> bytes | None:
            self.hear("news", data)
            self.hear(KINDS[type(news.decode(data))], data)
            return deliver(mine, data)

        def chosen(version: int) -> handshake.Ead:
            item = choice(version)
            for name, data in ead_items(2, cbor.decode_sequence(handshake.encode_ead([item]))).items():
                self.hear(name, data)
            return item

        def sealed(*inputs: bytes) -> handshake.Ead:
            made = seal(*inputs)
            self.hear("sealed-purse-id", cbor.encode(made.value))
            for name, data in ead_items(2, cbor.decode_sequence(handshake.encode_ead([made]))).items():
                self.hear(name, data)
            return made

        def carried(gate: Gate, caller: Caller, request_id: bytes, request: centre_objects.Request) -> Any:
            outcome = carry_out(gate, caller, request_id, request)
            if isinstance(outcome, bytes):
                self.hear(f"{request.method}-body", request.body)
                self.hear(f"{request.method}-answer", outcome)
            return outcome

        def exchanged(session: LocalSession, data: bytes) -> bytes | None:
            answer = exchange(session, data)
            if not sessions or sessions[-1][0] is not session:
                sessions.append((session, []))
            sent = sessions[-1][1]
            sent += [data] if answer is None else [data, answer]
            self.wire(sent)
            return answer

        return [
            (cose, "sign", signed),
            (cose, "sign_detached", bare),
            (core, "say", spoken),
            (history, "seal_layer", layered),
            (Gossip, "deliver", told),
            (credential, "choice", chosen),
            (credential, "seal", sealed),
            (Gate, "_carry_out", carried),
            (LocalSession, "exchange", exchanged),
        ]
