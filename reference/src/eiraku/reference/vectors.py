"""Test vectors of EPP/1, which ``eiraku maintain vectors --write`` writes.

One payment from purse A (payer, responder) to purse B (payee, initiator), with every key, nonce, object and
message on the way. All private inputs are SHA-256 digests of their names: nothing is drawn at random, and an
implementation can start from any value.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Any

from eiraku.reference import key_vectors, records
from eiraku.reference.crypto import cose, ed25519, hkdf
from eiraku.reference.crypto.aead import CHACHA20_POLY1305
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import initiator, responder
from eiraku.reference.edhoc.messages import encode_ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.reference.history import seal_layer, unit_id
from eiraku.reference.purse import credential, units
from eiraku.spec import cbor, objects
from eiraku.spec.bulletins import Bulletin, Changed, CodedList, Delta, Whole
from eiraku.spec.messages import (
    LIMIT,
    Accept,
    Message,
    Offer,
    OfferedUnit,
    Pay,
    Receipt,
    Request,
    offer_digest,
)
from eiraku.spec.objects import EndorsementPayload, Layer, PurseId, ReceiptPayload, Role, Unit
from eiraku.spec.revoked import coded
from eiraku.spec.tables import Side

Vector = dict[str, Any]

EPOCH = 7
REVOKED = (5, 7, 20)
MANY_REVOKED = tuple(n * n for n in range(1, 2801))
"""Of `bulletin-2`: two chunks."""
ECONOMY = 392


def secret(name: str, length: int = 32) -> bytes:
    """The private input called `name`: the first `length` bytes of SHA-256 of the name in UTF-8."""
    return sha256(name.encode()).digest()[:length]


class Example:
    """Everything that the vectors show, computed once."""

    def __init__(self) -> None:
        self.master = SigningKey(secret("purse master key"))
        self.unit_key = SigningKey(secret("unit key"))
        self.history_key = AgreementKey(secret("history key"))
        self.scheme_key = secret("scheme key")
        self.device_seal = secret("device seal", 16)
        self.money_seal = secret("money seal", 16)
        self.keys = {name: SigningKey(secret(f"purse key {name}")) for name in ("A", "B")}
        self.claims = {name: self._claims(name) for name in self.keys}
        self.purse_ids = {name: self._signed(name) for name in self.keys}
        self.unit = Unit(
            number=1,
            issue=0,
            value=8,
            economy=ECONOMY,
            issued=EPOCH,
            expires=99,
            max_hops=5,
            seal=self.money_seal,
        )
        self.unit_kid = ed25519.key_id(self.unit_key.public)
        self.unit_id = unit_id(self.unit_kid, self.unit.encode())
        self.signed_unit = cose.sign(
            self.unit_key, objects.CONTEXT_UNIT, self.unit.encode(), kid=self.unit_kid
        )

    def _claims(self, name: str) -> PurseId:
        return PurseId(
            number=secret(f"purse number {name}", 8),
            public_key=self.keys[name].public,
            role=Role.PERSON,
            tier=1,
            holder=secret(f"holder {name}"),
            economy=ECONOMY,
            issued=1,
            expires=99,
            seal=self.device_seal,
        )

    def _signed(self, name: str) -> bytes:
        kid = ed25519.key_id(self.master.public)
        return cose.sign(self.master, objects.CONTEXT_PURSE_ID, self.claims[name].encode(), kid=kid)

    # --- objects ---

    def objects(self) -> list[Vector]:
        """Keys, purse IDs, the unit, its history, a bulletin."""
        kid = ed25519.key_id(self.master.public)
        found = [
            _vector("key-identifier", "EPP-KEY-008", public_key=self.master.public, kid=kid),
            *self.bulletins(),
            _vector(
                "unit",
                "EPP-UNI-002 EPP-UNI-009",
                private_key=secret("unit key"),
                kid=self.unit_kid,
                payload=self.unit.encode(),
                unit=self.signed_unit,
                unit_id=self.unit_id,
            ),
        ]
        for name in self.keys:
            nonce = secret(f"nonce {name}", 16)
            found += [
                _vector(
                    f"purse-id-{name}",
                    "EPP-PID-001 EPP-PID-002",
                    private_key=secret("purse master key"),
                    payload=self.claims[name].encode(),
                    purse_id=self.purse_ids[name],
                ),
                _vector(
                    f"sealed-purse-id-{name}",
                    "EPP-PID-008 EPP-PID-012",
                    scheme_key=self.scheme_key,
                    nonce=nonce,
                    key_and_iv=hkdf.expand(
                        hkdf.extract(nonce, self.scheme_key), objects.INFO_SEALED_PURSE_ID, 44
                    ),
                    ead_item=encode_ead([credential.seal(self.scheme_key, nonce, self.purse_ids[name])]),
                    id_cred=cbor.encode(credential.ID_CRED),
                ),
            ]
        return found

    def bulletins(self) -> list[Vector]:
        """One with the list of chapter 4, one of two chunks, and a delta between them."""
        removed = sorted(set(REVOKED) - set(MANY_REVOKED))
        added = sorted(set(MANY_REVOKED) - set(REVOKED))
        delta = Delta(from_epoch=EPOCH, removed=CodedList.of(removed), added=CodedList.of(added)).encode()
        one, two = (
            self._bulletin("bulletin", EPOCH, REVOKED),
            self._bulletin("bulletin-2", EPOCH + 1, MANY_REVOKED),
        )
        update = Changed(signed=bytes.fromhex(two["values"]["bulletin"]), delta=delta)
        return [one, two, _vector("delta", "EPP-BUL-020 EPP-BUL-023", delta=delta, update=update.encode())]

    def _bulletin(self, name: str, epoch: int, numbers: Sequence[int]) -> Vector:
        listed = coded(numbers)
        payload = Bulletin.of(listed, epoch=epoch, policy_digest=secret("policy")).encode()
        kid = ed25519.key_id(self.master.public)
        signed = cose.sign(self.master, objects.CONTEXT_BULLETIN, payload, kid=kid)
        chunks = tuple(data for _, data in listed.parts)
        return _vector(
            name,
            "EPP-BUL-001 EPP-BUL-012 EPP-BUL-016 EPP-BUL-018",
            private_key=secret("purse master key"),
            payload=payload,
            bulletin=signed,
            update=Whole(signed=signed, chunks=chunks).encode(),
        )

    def history(
        self,
        name: str,
        *,
        move: EndorsementPayload,
        inner: bytes,
        key: SigningKey,
    ) -> tuple[Vector, bytes, bytes]:
        """Endorsement of one move, and the payee's layer: vector, signature, sealed history."""
        signature = units.endorse(key, move)
        layer = Layer(
            inner=inner,
            payer=move.payer,
            payee=move.payee,
            transaction=move.transaction,
            signature=signature,
        )
        ephemeral = secret(f"ephemeral of the layer of hop {move.hop}")
        sealed = seal_layer(
            layer, history_key=self.history_key.public, identifier=self.unit_id, ephemeral=ephemeral
        )
        vector = _vector(
            name,
            "EPP-HIS-001 EPP-HIS-003",
            endorsement_payload=move.encode(),
            signature=signature,
            layer=layer.encode(),
            ephemeral=ephemeral,
            history_private_key=secret("history key"),
            sealed_history=sealed,
        )
        return vector, signature, sealed

    def key_lists(self) -> list[Vector]:
        """Two key lists of each centre, and a unit on either side of the change."""
        names = ("device root", "money root", "purse master key", "second purse master key", "unit key")
        more = ("second unit key", "history key", "second history key", "scheme key", "second scheme key")
        secrets = {name: secret(name) for name in (*names, *more)}
        found = key_vectors.values(secrets, self.unit, EPOCH + 1)
        return [_vector(name, rules, **parts) for name, rules, parts in found]

    # --- session and transfer ---

    def session(self) -> tuple[list[Vector], Established[str], Established[str]]:
        """The handshake: its vectors, and what each side has in the end (initiator B, responder A)."""
        parties = {name: self._party(name) for name in self.keys}
        waiting, message_1 = initiator.write_message_1(
            parties["B"],
            ephemeral=secret("ephemeral B"),
            ead=[credential.offer()],
            last=partial(credential.member, self.scheme_key),
        )
        read_1 = responder.read_message_1(parties["A"], message_1)
        waiting_3, message_2 = responder.write_message_2(
            read_1, ephemeral=secret("ephemeral A"), ead=[credential.choice(1)]
        )
        waiting_4, message_3 = initiator.write_message_3(initiator.read_message_2(waiting, message_2))
        done_a, message_4 = responder.write_message_4(responder.read_message_3(waiting_3, message_3))
        done_b = initiator.read_message_4(waiting_4, message_4)
        vector = _vector(
            "handshake",
            "EPP-SES-002 EPP-SES-006 EPP-SES-007 EPP-SES-037 EPP-REC-001",
            member_key=hkdf.expand(hkdf.extract(b"", self.scheme_key), objects.INFO_MEMBER, 32),
            ephemeral_initiator=secret("ephemeral B"),
            ephemeral_responder=secret("ephemeral A"),
            message_1=message_1,
            message_2=message_2,
            message_3=message_3,
            message_4=message_4,
            prk_exporter=done_b.prk_exporter,
            com_ka=done_b.exporter(records.LABEL_COM_KA, b"", 44),
            com_kb=done_b.exporter(records.LABEL_COM_KB, b"", 44),
        )
        return [vector], done_b, done_a

    def transfer(self) -> list[Vector]:
        """REQUEST to RECEIPT, each as plaintext and as record."""
        payer, payee = self.claims["A"].number, self.claims["B"].number
        first, _, history = self.history(
            "genesis",
            move=units.genesis(
                self.unit_id, holder=payer, transaction=secret("transaction of the issue", 16)
            ),
            inner=b"",
            key=self.unit_key,
        )
        transaction = secret("transaction", 16)
        move = EndorsementPayload(
            unit_id=self.unit_id,
            hop=1,
            history_digest=sha256(history).digest(),
            payer=payer,
            payee=payee,
            transaction=transaction,
        )
        second, endorsement, _ = self.history("first-move", move=move, inner=history, key=self.keys["A"])
        offer = Offer(
            transaction=transaction,
            amount=self.unit.value,
            units=(OfferedUnit(unit=self.signed_unit, hop=0, history=history),),
        )
        digest = offer_digest(offer.encode())
        receipt = ReceiptPayload(
            transaction=transaction, payer=payer, payee=payee, amount=self.unit.value, offer_digest=digest
        )
        signature = cose.sign_detached(self.keys["B"], objects.CONTEXT_RECEIPT, receipt.encode())
        said: list[Message] = [
            Request(amount=self.unit.value, reference="till 7"),
            offer,
            Accept(transaction=transaction, offer_digest=digest),
            Pay(transaction=transaction, endorsements=(endorsement,)),
            Receipt(transaction=transaction, signature=signature),
        ]
        handshake, done_b, done_a = self.session()
        suite = CHACHA20_POLY1305
        channels = {
            Side.INITIATOR: records.channel(done_b, suite, Side.INITIATOR, LIMIT),
            Side.RESPONDER: records.channel(done_a, suite, Side.RESPONDER, LIMIT),
        }
        vectors = [first, second, *handshake]
        vectors.append(
            _vector("receipt", "EPP-TRF-050", receipt_payload=receipt.encode(), signature=signature)
        )
        side = Side.INITIATOR
        for message in said:
            record, channels[side] = channels[side].seal(message.encode())
            name = type(message).__name__.lower()
            vectors.append(
                _vector(f"message-{name}", "EPP-REC-001", plaintext=message.encode(), record=record)
            )
            side = Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR
        return vectors

    def _party(self, name: str) -> Party[str]:
        other = "A" if name == "B" else "B"
        return Party(
            suites=(4,),
            connection_id=b"",
            id_cred=credential.ID_CRED,
            cred=self.purse_ids[name],
            key=self.keys[name],
            resolve=lambda *_: Credential(
                cred=self.purse_ids[other], public_key=self.keys[other].public, subject=other
            ),
            credential_ead=(
                credential.seal(self.scheme_key, secret(f"nonce {name}", 16), self.purse_ids[name]),
            ),
            credential_labels=frozenset({credential.LABEL_PURSE_ID}),
            ead_labels=frozenset({credential.LABEL_VERSION, credential.LABEL_MEMBER}),
        )


def vectors() -> dict[str, Any]:
    """The whole file, as plain data; byte strings in hexadecimal."""
    example = Example()
    return {
        "title": "EPP/1: one payment with everything on the way",
        "inputs": "Each private input is a prefix of the SHA-256 digest of its name, such as 'unit key'. "
        "The numbers of 'bulletin' are 5, 7 and 20, those of 'bulletin-2' the squares of 1 to 2800.",
        "vectors": [*example.objects(), *example.key_lists(), *example.transfer()],
    }


def _vector(name: str, requirements: str, **values: bytes) -> Vector:
    return {
        "id": name,
        "requirements": requirements.split(),
        "values": {key: value.hex() for key, value in values.items()},
    }
