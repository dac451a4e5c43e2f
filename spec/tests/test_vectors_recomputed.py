"""Each positive vector, computed anew from its own inputs by other code: cbor2, cryptography, pyhpke.

Nothing of the reference is used, and of this distribution only what reads the files.
"""

import hmac
import json
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, ChaCha20Poly1305
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey, KEMKeyPair

from eiraku.spec.vectors import forms

Json = dict[str, Any]
SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
MESSAGES = ("REQUEST", "OFFER", "ACCEPT", "PAY", "RECEIPT", "REDELIVER", "REJECT")
TEXT = {"reference"}


def cases(name: str) -> list[Any]:
    found: Json = json.loads(forms.read(name))
    return [pytest.param(case, id=case["id"]) for case in found["cases"]]


def raw(value: Any) -> Any:
    """A field as CBOR has it: objects are arrays of their members."""
    if isinstance(value, dict):
        return [v if k in TEXT else raw(v) for k, v in value.items()]
    if isinstance(value, list):
        return [raw(item) for item in value]
    return bytes.fromhex(value) if isinstance(value, str) else value


def hexed(**values: bytes) -> Json:
    return {name: value.hex() for name, value in values.items()}


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def public_of(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


# --- keys.json ---


@pytest.mark.parametrize("case", cases("keys.json"))
def test_key(case: Json) -> None:
    private = sha256(case["inputs"]["name"].encode()).digest()[: case["inputs"]["length"]]
    public, kid = None, None
    if case["kind"] == "Ed25519":
        public = public_of(Ed25519PrivateKey.from_private_bytes(private)).hex()
        kid = sha256(bytes.fromhex(public)).hexdigest()[:16]
    if case["kind"] == "X25519":
        public = public_of(X25519PrivateKey.from_private_bytes(private)).hex()
    assert case["outputs"] == {"private": private.hex(), "public": public, "kid": kid}


# --- objects.json ---


def payload_of(kind: str, fields: Json) -> bytes:
    if kind == "purse ID":
        rest = {name: value for name, value in fields.items() if name != "public_key"}
        key = {1: 1, -1: 6, -2: bytes.fromhex(fields["public_key"])}
        return cbor2.dumps({8: {1: key}, -70000: raw(rest)})
    return cbor2.dumps(raw(fields))


@pytest.mark.parametrize("case", cases("objects.json"))
def test_object(case: Json) -> None:
    given = case["inputs"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["private_key"]))
    public = public_of(key)
    protected = cbor2.dumps({1: -8, 4: sha256(public).digest()[:8]} if given["kid"] else {1: -8})
    payload = payload_of(case["object"], given["fields"])
    covered = cbor2.dumps(["Signature1", protected, given["context"].encode(), payload])
    signature = key.sign(covered)
    encoded = cbor2.dumps([protected, {}, payload, signature])
    assert case["outputs"] == {
        **hexed(
            public_key=public,
            protected=protected,
            payload=payload,
            sig_structure=covered,
            signature=signature,
        ),
        "encoded": encoded.hex() if given["kid"] else None,
        "unit_id": sha256(covered).hexdigest() if case["object"] == "unit" else None,
    }


# --- sealing.json ---


@pytest.mark.parametrize("case", cases("sealing.json"))
def test_sealing(case: Json) -> None:
    given = case["inputs"]
    seal = sealed_purse_id if case["kind"] == "purse-id" else sealed_layer
    assert case["outputs"] == seal(given)


def sealed_purse_id(given: Json) -> Json:
    scheme_key, nonce, purse_id = (bytes.fromhex(given[n]) for n in ("scheme_key", "nonce", "purse_id"))
    info = b"EPP/1 sealed purse ID"
    both = expand(extract(nonce, scheme_key), info, 44)
    ciphertext = ChaCha20Poly1305(both[:32]).encrypt(both[32:], purse_id.ljust(256, b"\0"), b"")
    ead_item = cbor2.dumps(-65003) + cbor2.dumps(nonce + ciphertext)
    return hexed(
        info=info,
        aad=b"",
        key=both[:32],
        iv=both[32:],
        ciphertext=ciphertext,
        sealed=nonce + ciphertext,
        ead_item=ead_item,
    )


def sealed_layer(given: Json) -> Json:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["history_private_key"]))
    ephemeral = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["ephemeral_private_key"]))
    info = b"EPP/1 history" + bytes.fromhex(given["unit_id"])
    plaintext = cbor2.dumps(raw(given["fields"]))
    own = (KEMKey.from_pyca_cryptography_key(key) for key in (ephemeral, ephemeral.public_key()))
    recipient = KEMKey.from_pyca_cryptography_key(private.public_key())
    enc, sender = SUITE.create_sender_context(recipient, info=info, eks=KEMKeyPair(*own))
    ciphertext = sender.seal(plaintext, aad=b"")
    assert enc == public_of(ephemeral)
    sealed = enc + ciphertext
    return hexed(
        history_public_key=public_of(private),
        enc=enc,
        info=info,
        aad=b"",
        plaintext=plaintext,
        ciphertext=ciphertext,
        sealed=sealed,
        digest=sha256(sealed).digest(),
    )


# --- session.json ---


def kdf(prk: bytes, label: int, context: bytes, length: int) -> bytes:
    return expand(prk, cbor2.dumps(label) + cbor2.dumps(context) + cbor2.dumps(length), length)


def aead(suite: int, key: bytes) -> ChaCha20Poly1305 | AESCCM:
    return ChaCha20Poly1305(key) if suite == 4 else AESCCM(key, tag_length=8)


SIZES = {4: (32, 12), 0: (16, 13)}
KID = b"\x01"
"""ID_CRED_x in a plaintext: a kid that is the encoding of an integer (RFC 9528 section 3.5.3.2)."""


class Side:
    """One party of the handshake, from the inputs."""

    def __init__(self, given: Json, scheme_key: str) -> None:
        self.ephemeral = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["ephemeral_private_key"]))
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(given["private_key"]))
        self.cred = bytes.fromhex(given["cred"])
        self.connection_id = cbor2.dumps(bytes.fromhex(given["connection_id"]))
        sealed = sealed_purse_id(
            {"scheme_key": scheme_key, "nonce": given["nonce"], "purse_id": given["cred"]}
        )
        self.purse_id_item = bytes.fromhex(sealed["ead_item"])
        self.id_cred = cbor2.dumps({4: b"\x01"})


def signed(
    side: Side, number: int, prk: bytes, th: bytes, ead: bytes, *, c_r: bytes = b""
) -> dict[str, bytes]:
    """RFC 9528 sections 5.3.2 and 5.4.2."""
    context = c_r + side.id_cred + cbor2.dumps(th) + side.cred + ead
    mac = kdf(prk, 2 if number == 2 else 6, context, 32)
    covered = cbor2.dumps(["Signature1", side.id_cred, cbor2.dumps(th) + side.cred + ead, mac])
    return {
        f"ead_{number}": ead,
        f"context_{number}": context,
        f"mac_{number}": mac,
        f"sig_structure_{number}": covered,
        f"signature_{number}": side.key.sign(covered),
    }


def sealed_text(suite: int, number: int, prk: bytes, th: bytes, plaintext: bytes) -> dict[str, bytes]:
    """RFC 9528 sections 5.4.2 and 5.5.2."""
    key_length, iv_length = SIZES[suite]
    label = 3 if number == 3 else 8
    key, iv = kdf(prk, label, th, key_length), kdf(prk, label + 1, th, iv_length)
    aad = cbor2.dumps(["Encrypt0", b"", th])
    ciphertext = aead(suite, key).encrypt(iv, plaintext, aad)
    return {
        f"k_{number}": key,
        f"iv_{number}": iv,
        f"a_{number}": aad,
        f"plaintext_{number}": plaintext,
        f"ciphertext_{number}": ciphertext,
        f"message_{number}": cbor2.dumps(ciphertext),
    }


@pytest.mark.parametrize("case", cases("session.json"))
def test_session(case: Json) -> None:
    given = case["inputs"]
    assert case["outputs"] == {name: value.hex() for name, value in handshake(given).items()}


def handshake(given: Json) -> dict[str, bytes]:
    us, them = (Side(given[side], given["scheme_key"]) for side in ("initiator", "responder"))
    (suite,) = given["suites"]
    g_x, g_y = public_of(us.ephemeral), public_of(them.ephemeral)
    head = b"".join(map(cbor2.dumps, (given["method"], suite, g_x))) + us.connection_id
    version = cbor2.dumps(-65001) + cbor2.dumps(cbor2.dumps(given["versions"]))
    member_key = expand(extract(b"", bytes.fromhex(given["scheme_key"])), b"EPP/1 member", 32)
    member_mac = hmac.digest(member_key, head + version, "sha256")[:16]
    ead_1 = version + cbor2.dumps(-65002) + cbor2.dumps(member_mac)
    message_1 = head + ead_1
    digest = sha256(message_1).digest()
    g_xy = us.ephemeral.exchange(X25519PublicKey.from_public_bytes(g_y))
    th_2 = sha256(cbor2.dumps(g_y) + cbor2.dumps(digest)).digest()
    prk = extract(th_2, g_xy)
    found = {
        "g_x": g_x,
        "member_key": member_key,
        "member_mac": member_mac,
        "ead_1": ead_1,
        "message_1": message_1,
        "message_1_digest": digest,
        "g_y": g_y,
        "g_xy": g_xy,
        "th_2": th_2,
        "prk_2e": prk,
        "prk_3e2m": prk,
        "prk_4e3m": prk,
        "id_cred_r": them.id_cred,
        "id_cred_i": us.id_cred,
    }
    choice = cbor2.dumps(-65001) + cbor2.dumps(cbor2.dumps(given["version"]))
    ead_2 = them.purse_id_item + choice
    found |= signed(them, 2, prk, th_2, ead_2, c_r=them.connection_id)
    plaintext_2 = them.connection_id + KID + cbor2.dumps(found["signature_2"]) + ead_2
    keystream_2 = kdf(prk, 0, th_2, len(plaintext_2))
    ciphertext_2 = bytes(a ^ b for a, b in zip(plaintext_2, keystream_2, strict=True))
    th_3 = sha256(cbor2.dumps(th_2) + plaintext_2 + them.cred).digest()
    found |= {
        "plaintext_2": plaintext_2,
        "keystream_2": keystream_2,
        "ciphertext_2": ciphertext_2,
        "message_2": cbor2.dumps(g_y + ciphertext_2),
        "th_3": th_3,
    }
    found |= signed(us, 3, prk, th_3, us.purse_id_item)
    found |= sealed_text(suite, 3, prk, th_3, KID + cbor2.dumps(found["signature_3"]) + us.purse_id_item)
    th_4 = sha256(cbor2.dumps(th_3) + found["plaintext_3"] + us.cred).digest()
    found |= {"th_4": th_4, "ead_4": b"", **sealed_text(suite, 4, prk, th_4, b"")}
    prk_out = kdf(prk, 7, th_4, 32)
    prk_exporter = kdf(prk_out, 10, b"", 32)
    found |= {"prk_out": prk_out, "prk_exporter": prk_exporter}
    key_length, iv_length = SIZES[suite]
    for name, label in (("a", 65001), ("b", 65002)):
        both = kdf(prk_exporter, label, b"", key_length + iv_length)
        found |= {f"com_k{name}": both, f"key_{name}": both[:key_length], f"iv_{name}": both[key_length:]}
    return found


# --- transfer.json ---


@pytest.mark.parametrize("case", cases("transfer.json"))
def test_transfer(case: Json) -> None:
    suite = case["inputs"]["suite"]
    key_length, iv_length = SIZES[suite]
    counts = {"initiator": 0, "responder": 0}
    for step in case["steps"]:
        sender = step["sender"]
        both = bytes.fromhex(case["inputs"]["com_ka" if sender == "initiator" else "com_kb"])
        key, iv = both[:key_length], both[key_length:]
        number = counts[sender]
        counts[sender] += 1
        plaintext = cbor2.dumps([MESSAGES.index(step["message"]) + 1, *raw(step["fields"])])
        nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(iv_length, "big")
        record = cbor2.dumps(aead(suite, key).encrypt(nonce, plaintext, b""))
        assert step["number"] == number
        assert {n: step[n] for n in ("plaintext", "nonce", "record")} == hexed(
            plaintext=plaintext, nonce=nonce, record=record
        )


# --- the files together ---


def by_id(name: str) -> Json:
    return {case["id"]: case for case in json.loads(forms.read(name))["cases"]}


def test_the_files_fit_together() -> None:
    """What one file has as input is what another has as output."""
    keys, objects, sealed = by_id("keys.json"), by_id("objects.json"), by_id("sealing.json")
    private = {case["outputs"]["private"] for case in keys.values()}
    assert {case["inputs"]["private_key"] for case in objects.values()} <= private
    for case in sealed.values():
        if case["kind"] == "purse-id":
            assert (
                case["inputs"]["purse_id"]
                == objects[case["id"].removeprefix("sealed-")]["outputs"]["encoded"]
            )
            assert case["inputs"]["nonce"] in private
        else:
            endorsed = objects[case["id"].replace("layer", "endorsement")]
            assert case["inputs"]["fields"]["signature"] == endorsed["outputs"]["signature"]
            assert case["inputs"]["unit_id"] == endorsed["inputs"]["fields"]["unit_id"]
            assert case["inputs"]["ephemeral_private_key"] in private
    for case in by_id("session.json").values():
        channel = by_id("transfer.json")["payment" if case["id"] == "suite-4" else "payment-suite-0"][
            "inputs"
        ]
        assert {n: case["outputs"][n] for n in ("com_ka", "com_kb")} == {
            n: channel[n] for n in ("com_ka", "com_kb")
        }
        for side in ("initiator", "responder"):
            assert {
                case["inputs"][side][n] for n in ("ephemeral_private_key", "private_key", "nonce")
            } <= private
    _, offer, accept, pay, receipt = by_id("transfer.json")["payment"]["steps"]
    digest = sha256(bytes.fromhex(offer["plaintext"])).hexdigest()
    assert (
        accept["fields"]["offer_digest"] == digest == objects["receipt"]["inputs"]["fields"]["offer_digest"]
    )
    signatures = [objects[f"endorsement-unit-{n}"]["outputs"]["signature"] for n in ("1-hop-1", "2-hop-2")]
    assert pay["fields"]["endorsements"] == signatures
    assert receipt["fields"]["signature"] == objects["receipt"]["outputs"]["signature"]
    offered = [objects[f"unit-{n}"]["outputs"]["encoded"] for n in (1, 2)]
    assert [unit["unit"] for unit in offer["fields"]["units"]] == offered
    _, again, same = by_id("transfer.json")["redelivery"]["steps"]
    assert (again["fields"]["offer"], same["fields"]) == (offer["plaintext"], receipt["fields"])
