"""session.json and transfer.json: handshakes with every value of RFC 9528, and the records that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from eiraku.reference import records
from eiraku.reference.crypto import cose, hkdf
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.edhoc import initiator, messages, responder, schedule
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.reference.purse import credential
from eiraku.reference.vectors import example, signed
from eiraku.reference.vectors.example import plain, secret
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import (
    LIMIT,
    Accept,
    Message,
    Pay,
    Receipt,
    Redeliver,
    Reject,
    Request,
    offer_digest,
)
from eiraku.spec.tables import Side
from eiraku.spec.vectors import forms

SUITES: tuple[Literal[4, 0], ...] = (4, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One handshake: the four messages, and what each side has in the end."""

    suite: schedule.Suite
    sent: tuple[bytes, bytes, bytes, bytes]
    at_initiator: Established[str]
    at_responder: Established[str]


def party(name: str, suite: int) -> Party[str]:
    """Purse A or B as a side of EDHOC that knows one suite."""
    other = "A" if name == "B" else "B"
    nonce = secret(f"nonce {name}", objects.SEALED_NONCE)
    return Party(
        suites=(suite,),
        connection_id=b"",
        id_cred=credential.ID_CRED,
        cred=example.PURSE_IDS[name],
        key=example.KEYS[name],
        resolve=lambda *_: Credential(
            cred=example.PURSE_IDS[other], public_key=example.KEYS[other].public, subject=other
        ),
        credential_ead=(credential.seal(example.SCHEME_KEY, nonce, example.PURSE_IDS[name]),),
        credential_labels=frozenset({credential.LABEL_PURSE_ID}),
        ead_labels=frozenset({credential.LABEL_VERSION, credential.LABEL_MEMBER}),
    )


def handshake(suite: int) -> Run:
    """Purse B opens a session with purse A."""
    waiting, message_1 = initiator.write_message_1(
        party("B", suite),
        ephemeral=secret("ephemeral B"),
        ead=[credential.offer()],
        last=partial(credential.member, example.SCHEME_KEY),
    )
    read_1 = responder.read_message_1(party("A", suite), message_1)
    waiting_3, message_2 = responder.write_message_2(
        read_1, ephemeral=secret("ephemeral A"), ead=[credential.choice(1)]
    )
    waiting_4, message_3 = initiator.write_message_3(initiator.read_message_2(waiting, message_2))
    done_a, message_4 = responder.write_message_4(responder.read_message_3(waiting_3, message_3))
    return Run(
        suite=schedule.SUITES[suite],
        sent=(message_1, message_2, message_3, message_4),
        at_initiator=initiator.read_message_4(waiting_4, message_4),
        at_responder=done_a,
    )


# --- session.json ---


def session() -> forms.Session:
    """The file."""
    return forms.Session(
        schema="session.schema.json",
        title="EPP/1: handshakes of purse B (initiator) with purse A, in each suite",
        about="Names are those of RFC 9528, in lower case. With method 0, PRK_2e = PRK_3e2m = PRK_4e3m.",
        cases=tuple(_case(suite) for suite in SUITES),
    )


def _case(suite: int) -> forms.SessionCase:
    return forms.SessionCase(
        id=f"suite-{suite}",
        requirements=(
            "EPP-SES-002" if suite == 4 else "EPP-SES-003",
            "EPP-SES-006",
            "EPP-SES-007",
            "EPP-SES-014",
            "EPP-SES-037",
            "EPP-REC-001",
        ),
        inputs=forms.Handshake(
            method=0,
            suites=(suite,),
            scheme_key=example.SCHEME_KEY.hex(),
            versions=credential.VERSIONS,
            version=1,
            initiator=_peer("B"),
            responder=_peer("A"),
        ),
        outputs={name: value.hex() for name, value in values(handshake(suite)).items()},
    )


def _peer(name: str) -> forms.Peer:
    return forms.Peer(
        ephemeral_private_key=secret(f"ephemeral {name}").hex(),
        connection_id="",
        private_key=secret(f"purse key {name}").hex(),
        nonce=secret(f"nonce {name}", objects.SEALED_NONCE).hex(),
        cred=example.PURSE_IDS[name].hex(),
    )


def values(run: Run) -> dict[str, bytes]:
    """Every value of a handshake by its name, each after those that it is computed from."""
    us, them = (party(name, run.suite.number) for name in "BA")
    x, y = (AgreementKey(secret(f"ephemeral {name}")) for name in "BA")
    g_xy = x.agree(y.public)
    first, ead_1 = _first(run.sent[0])
    body_2, body_3, body_4 = map(messages.read_byte_string, run.sent[1:])
    digest = schedule.digest(run.sent[0])
    th_2 = schedule.th_2(y.public, digest)
    prk = schedule.prk_2e(th_2, g_xy)
    ciphertext_2 = body_2[messages.KEY_LENGTH :]
    keystream_2 = schedule.keystream_2(prk, th_2, len(ciphertext_2))
    plaintext_2 = schedule.xor(ciphertext_2, keystream_2)
    c_r, plain_2 = messages.read_plaintext_2(plaintext_2)
    found = {
        "g_x": x.public,
        "member_key": hkdf.expand(hkdf.extract(b"", example.SCHEME_KEY), objects.INFO_MEMBER, 32),
        "member_mac": ead_1[-objects.MEMBER_MAC :],
        "ead_1": ead_1,
        "message_1": first + ead_1,
        "message_1_digest": digest,
        "g_y": y.public,
        "g_xy": g_xy,
        "th_2": th_2,
        "prk_2e": prk,
        "prk_3e2m": prk,
        "prk_4e3m": prk,
    }
    c_r_item = messages.encode_identifier(c_r)
    found |= _signed(2, them, prk, th_2, plain_2, c_r=c_r_item)
    th_3 = schedule.next_th(th_2, plaintext_2, them.cred)
    found |= {
        "plaintext_2": plaintext_2,
        "keystream_2": keystream_2,
        "ciphertext_2": ciphertext_2,
        "message_2": run.sent[1],
        "th_3": th_3,
    }
    sealed_3, plaintext_3 = _sealed(3, run.suite, prk, th_3, body_3)
    found |= _signed(3, us, prk, th_3, messages.read_plaintext_3(plaintext_3))
    th_4 = schedule.next_th(th_3, plaintext_3, us.cred)
    found |= {**sealed_3, "message_3": run.sent[2], "th_4": th_4}
    sealed_4, _ = _sealed(4, run.suite, prk, th_4, body_4)
    done = run.at_responder
    found |= {
        **sealed_4,
        "message_4": run.sent[3],
        "prk_out": done.prk_out,
        "prk_exporter": done.prk_exporter,
    }
    found |= {"ead_4": found["plaintext_4"]}
    return found | _exported(run)


def _first(message_1: bytes) -> tuple[bytes, bytes]:
    """message_1 up to EAD_1, and EAD_1."""
    rest = message_1
    for _ in range(4):
        _, rest = cbor.split(rest)
    return message_1[: len(message_1) - len(rest)], rest


def _signed(
    number: int, by: Party[str], prk: bytes, th: bytes, read: messages.Plaintext, *, c_r: bytes = b""
) -> dict[str, bytes]:
    """What is between the transcript hash and Signature_or_MAC_2 or _3."""
    id_cred, ead = cbor.encode(by.id_cred), read.ead_bytes
    context = schedule.context(id_cred, th, by.cred, ead, c_r=c_r)
    mac = schedule.mac(prk, schedule.MAC_2 if number == 2 else schedule.MAC_3, context)
    side = "r" if number == 2 else "i"
    return {
        f"id_cred_{side}": id_cred,
        f"ead_{number}": ead,
        f"context_{number}": context,
        f"mac_{number}": mac,
        f"sig_structure_{number}": schedule.to_be_signed(id_cred, th, by.cred, ead, mac),
        f"signature_{number}": read.signature,
    }


def _sealed(
    number: int, suite: schedule.Suite, prk: bytes, th: bytes, ciphertext: bytes
) -> tuple[dict[str, bytes], bytes]:
    """What is between the transcript hash and CIPHERTEXT_3 or _4, and the plaintext."""
    labels = (schedule.K_3, schedule.IV_3) if number == 3 else (schedule.K_4, schedule.IV_4)
    plaintext = schedule.open_(suite, prk, th, labels, ciphertext)
    found = {
        f"plaintext_{number}": plaintext,
        f"k_{number}": schedule.kdf(prk, labels[0], th, suite.aead.key_length),
        f"iv_{number}": schedule.kdf(prk, labels[1], th, suite.aead.nonce_length),
        f"a_{number}": schedule.enc_structure(th),
        f"ciphertext_{number}": ciphertext,
    }
    return found, plaintext


def _exported(run: Run) -> dict[str, bytes]:
    length, aead = run.suite.aead.key_length, run.suite.aead
    found: dict[str, bytes] = {}
    for name, label in (("a", records.LABEL_COM_KA), ("b", records.LABEL_COM_KB)):
        both = run.at_initiator.exporter(label, b"", length + aead.nonce_length)
        found |= {f"com_k{name}": both, f"key_{name}": both[:length], f"iv_{name}": both[length:]}
    return found


# --- transfer.json ---


def transfer() -> forms.Transfer:
    """The file."""
    pay, again = _payment(), _redelivery()
    refused_request = (
        Request(amount=example.AMOUNT + 1, reference=""),
        Reject(code=int(Code.AMOUNT), index=None),
    )
    refused_unit = (*pay[:2], Reject(code=int(Code.UNIT_EXPIRED), index=1))
    not_taken = (*pay[:2], Reject(code=int(Code.NOT_TAKEN), index=None))
    return forms.Transfer(
        schema="transfer.schema.json",
        title="EPP/1: transfers from purse A to purse B, each message as plaintext and as record",
        about="Purse B, the initiator, speaks first; the two take turns. Keys are those of session.json.",
        cases=(
            _told("payment", "A payment, from REQUEST to RECEIPT.", 4, pay),
            _told("payment-suite-0", "The same in suite 0.", 0, pay),
            _told("redelivery", "RECEIPT was lost: A delivers again; B gives the same receipt.", 4, again),
            _told("reject-of-a-request", "A pays another amount: no unit is at fault.", 4, refused_request),
            _told("reject-of-a-unit", "The second unit has expired by B's epoch.", 4, refused_unit),
            _told("not-taken", "B does not take what is offered, and keeps to itself why.", 4, not_taken),
        ),
    )


def _payment() -> tuple[Message, ...]:
    offer = signed.offer()
    return (
        Request(amount=example.AMOUNT, reference="till 7, お釣りなし"),
        offer,
        Accept(transaction=example.TRANSACTION, offer_digest=offer_digest(offer.encode())),
        Pay(transaction=example.TRANSACTION, endorsements=_endorsements()),
        _receipt(),
    )


def _redelivery() -> tuple[Message, ...]:
    again = Redeliver(offer=signed.offer().encode(), endorsements=_endorsements())
    return (Request(amount=1, reference=""), again, _receipt())


def _endorsements() -> tuple[bytes, ...]:
    return tuple(move.signature for move in example.PAID)


def _receipt() -> Receipt:
    payload = signed.receipt().encode()
    signature = cose.sign_detached(example.KEYS["B"], objects.CONTEXT_RECEIPT, payload)
    return Receipt(transaction=example.TRANSACTION, signature=signature)


RULES: dict[type[Message], str] = {
    Request: "EPP-TRF-013",
    Accept: "EPP-TRF-045",
    Pay: "EPP-TRF-016",
    Receipt: "EPP-TRF-050",
    Redeliver: "EPP-CRS-007",
    Reject: "EPP-TRF-007",
}


def _told(name: str, says: str, suite: Literal[0, 4], said: Sequence[Message]) -> forms.TransferCase:
    run = handshake(suite)
    exported = _exported(run)
    channels = {
        Side.INITIATOR: records.channel(run.at_initiator, run.suite.aead, Side.INITIATOR, LIMIT),
        Side.RESPONDER: records.channel(run.at_responder, run.suite.aead, Side.RESPONDER, LIMIT),
    }
    steps: list[forms.Step] = []
    for position, message in enumerate(said):
        side = (Side.INITIATOR, Side.RESPONDER)[position % 2]
        sending = channels[side].sending
        record, channels[side] = channels[side].seal(message.encode())
        step: dict[str, Any] = {"sender": side.value, "number": sending.number, "fields": plain(message)}
        steps.append(
            forms.Step(
                **step,
                message=type(message).__name__.upper(),
                plaintext=message.encode().hex(),
                nonce=sending.nonce.hex(),
                record=record.hex(),
            )
        )
    rules = {RULES[type(message)] for message in said if type(message) in RULES}
    return forms.TransferCase(
        id=name,
        requirements=tuple(sorted({"EPP-REC-001", "EPP-REC-002", *rules})),
        says=says,
        inputs=forms.Channel(suite=suite, com_ka=exported["com_ka"].hex(), com_kb=exported["com_kb"].hex()),
        steps=tuple(steps),
    )
