"""Evidence on file: who is convicted by it, and that nothing else is (EPP-CEN-020 to 025, 079 to 082)."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference.anchor import AnchorError, TrustAnchor
from eiraku.reference.centres.issuing import identifier
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.cbor import encode
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.attribution import compare
from eiraku.system.issuing.evidence import SIZE_MAX, Evidence, EvidenceError
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

VILLAGE = Town(("alice", "bob", "carol"))
ANCHOR = VILLAGE.anchor


def found(copy: OfferedUnit, signer: str, *payees: str) -> Evidence:
    """The signer gives one copy to two."""
    chains = [VILLAGE.open(VILLAGE.move(copy, signer, payee, "home")) for payee in payees]
    fork = compare(*chains)
    assert fork is not None
    return Evidence(unit=copy.unit, purse_id=VILLAGE.purse_ids[signer], first=fork.first, second=fork.second)


GOOD = found(VILLAGE.move(VILLAGE.unit(), "issuer", "vault", "alice"), "alice", "bob", "carol")
ISSUED_TWICE = found(VILLAGE.unit(), "issuer", "vault", "alice")
FILE = GOOD.to_json()


def refused(evidence: Evidence, requirement: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        evidence.verify(ANCHOR)
    assert caught.value.requirement == requirement, caught.value


def test_a_file_convicts_who_signed_twice() -> None:
    # EPP-CEN-020, EPP-CEN-025
    convicted = Evidence.from_json(FILE).verify(ANCHOR)
    assert convicted.number == VILLAGE.numbers["alice"]
    assert convicted.public_key == VILLAGE.keys["alice"].public
    assert convicted.hop == 2
    assert len(FILE) < 2048


def test_the_issuing_centre_is_bound_by_the_same_rule() -> None:
    # EPP-CEN-024, EPP-CEN-081
    convicted = Evidence.from_json(ISSUED_TWICE.to_json()).verify(ANCHOR)
    assert convicted.number is None
    assert convicted.public_key == VILLAGE.money.unit_key.public
    refused(replace(ISSUED_TWICE, purse_id=VILLAGE.purse_ids["alice"]), "EPP-CEN-024")


def signed_twice(copy: OfferedUnit, key: SigningKey, *, payer: str, purse_id: bytes) -> Evidence:
    """Two endorsements by any key, that name any payer."""
    first, second = (
        VILLAGE.endorse(copy, payer, payee, transaction=bytes(16), key=key) for payee in ("bob", "carol")
    )
    return Evidence(unit=copy.unit, purse_id=purse_id, first=first, second=second)


def test_a_purse_does_not_sign_as_the_issuing_centre() -> None:
    # EPP-CEN-024, EPP-CEN-081
    key, purse_id = VILLAGE.keys["alice"], VILLAGE.purse_ids["alice"]
    unit = VILLAGE.unit()
    refused(signed_twice(unit, key, payer="alice", purse_id=purse_id), "EPP-CEN-024")
    refused(signed_twice(unit, key, payer="alice", purse_id=b""), "EPP-CEN-024")
    refused(signed_twice(unit, VILLAGE.money.unit_key, payer="alice", purse_id=b""), "EPP-CEN-024")
    refused(signed_twice(unit, key, payer="issuer", purse_id=b""), "EPP-CEN-081")
    centre = signed_twice(unit, VILLAGE.money.unit_key, payer="issuer", purse_id=b"").verify(ANCHOR)
    assert centre.number is None


def test_a_purse_does_not_sign_as_another() -> None:
    # EPP-CEN-023, EPP-CEN-080
    held = VILLAGE.move(VILLAGE.unit(), "issuer", "alice")
    for name, requirement in (("alice", "EPP-CEN-080"), ("bob", "EPP-CEN-023")):
        framed = signed_twice(held, VILLAGE.keys["bob"], payer="alice", purse_id=VILLAGE.purse_ids[name])
        refused(framed, requirement)


def test_the_unit_is_one_of_the_scheme() -> None:
    # EPP-CEN-021
    refused(replace(GOOD, unit=VILLAGE.unit().unit), "EPP-CEN-080")
    stranger = Town(("alice",), seed=b"stranger")
    for unit in (
        stranger.unit(),
        VILLAGE.unit(economy=1),
        VILLAGE.unit(seal=bytes(16)),
        VILLAGE.unit(value=3),
    ):
        refused(replace(GOOD, unit=unit.unit), "EPP-CEN-021")
    # EPP-CEN-102: its key counts at hop 0, where it convicts
    late = VILLAGE.unit(issued=101, expires=102).unit
    refused(replace(ISSUED_TWICE, unit=late), "EPP-CEN-102")
    refused(replace(GOOD, unit=late), "EPP-CEN-080")


def test_the_same_content_signed_again_is_no_evidence() -> None:
    # EPP-CEN-022
    refused(replace(GOOD, second=GOOD.first), "EPP-CEN-022")
    refused(replace(GOOD, second=replace(GOOD.first, signature=bytes(64))), "EPP-CEN-022")


def test_endorsements_of_two_hops_or_payers_are_no_evidence() -> None:
    # EPP-CEN-022, EPP-CEN-006
    held = VILLAGE.move(VILLAGE.unit(), "issuer", "vault", "alice", "bob", "alice")
    at = VILLAGE.open(VILLAGE.move(held, "alice", "home")).endorsements
    circle = Evidence(unit=held.unit, purse_id=VILLAGE.purse_ids["alice"], first=at[2], second=at[4])
    refused(circle, "EPP-CEN-022")
    refused(replace(circle, second=replace(at[3], hop=2)), "EPP-CEN-022")


def test_the_purse_id_is_that_of_the_payer_and_of_the_scheme() -> None:
    # EPP-CEN-023
    refused(replace(GOOD, purse_id=b""), "EPP-CEN-023")
    refused(replace(GOOD, purse_id=VILLAGE.purse_ids["bob"]), "EPP-CEN-023")
    refused(replace(GOOD, purse_id=GOOD.unit), "EPP-CEN-023")
    refused(replace(GOOD, purse_id=GOOD.purse_id[:-1]), "EPP-CEN-023")
    # bob's key under alice's number, signed by bob, by a stranger, and by the unit key
    claims = cose.parse(GOOD.purse_id).payload.replace(
        VILLAGE.keys["alice"].public, VILLAGE.keys["bob"].public
    )
    kid = VILLAGE.device_centre.keys[0].kid
    for key in (VILLAGE.keys["bob"], VILLAGE.money.unit_key):
        forged = cose.sign(key, objects.CONTEXT_PURSE_ID, claims, kid=kid)
        refused(replace(GOOD, purse_id=forged), "EPP-CEN-023")
    own = cose.sign(VILLAGE.money.unit_key, objects.CONTEXT_PURSE_ID, claims, kid=VILLAGE.money.kid)
    refused(replace(GOOD, purse_id=own), "EPP-CEN-023")


def test_guilt_does_not_expire() -> None:
    # EPP-CEN-021, EPP-CEN-023: a purse ID and a unit of one epoch long ago
    village = Town(("alice", "bob", "carol"), seed=b"long ago")
    held = village.move(village.unit(issued=1, expires=1), "issuer", "alice")
    ends = [village.open(village.move(held, "alice", name, "home")) for name in ("bob", "carol")]
    fork = compare(*ends)
    assert fork is not None
    evidence = Evidence(
        unit=held.unit, purse_id=village.purse_ids["alice"], first=fork.first, second=fork.second
    )
    assert evidence.verify(village.anchor).number == village.numbers["alice"]


def test_nobody_is_framed_with_a_signature_for_something_else() -> None:
    # EPP-CEN-080: a receipt over the same payload, and an endorsement by another
    payload = GOOD.second.payload(identifier(VILLAGE.unit().unit)).encode()
    for key, context in (
        (VILLAGE.keys["alice"], objects.CONTEXT_RECEIPT),
        (VILLAGE.keys["bob"], objects.CONTEXT_ENDORSEMENT),
    ):
        signature = cose.sign_detached(key, context, payload)
        refused(replace(GOOD, second=replace(GOOD.second, signature=signature)), "EPP-CEN-080")


def test_no_altered_bit_convicts_anybody() -> None:
    # EPP-CEN-079, EPP-CEN-025: each single bit of the file
    for place in range(8 * len(FILE)):
        data = bytearray(FILE)
        data[place // 8] ^= 1 << place % 8
        with pytest.raises(EvidenceError):
            Evidence.from_json(bytes(data)).verify(ANCHOR)


@given(end=st.integers(0, len(FILE) - 3))
def test_a_file_that_is_cut_off_convicts_nobody(end: int) -> None:
    # EPP-CEN-079
    with pytest.raises(EvidenceError, match="EPP-CEN-079"):
        Evidence.from_json(FILE[:end])


@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda item: json.dumps(item).encode()),
    )
)
def test_anything_else_is_refused_in_one_sentence(data: bytes) -> None:
    # EPP-CEN-079
    with pytest.raises(EvidenceError) as caught:
        Evidence.from_json(data)
    assert "\n" not in str(caught.value)
    with pytest.raises(AnchorError):
        TrustAnchor.from_json(data)


Change = Callable[[dict[str, Any]], None]


def _set(*path: Any, to: Any) -> Change:
    def change(fields: dict[str, Any]) -> None:
        inner: Any = fields
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = to

    return change


def _drop(*path: Any) -> Change:
    def change(fields: dict[str, Any]) -> None:
        inner: Any = fields
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return change


ENDORSEMENT = ("endorsements", 0)


@pytest.mark.parametrize(
    "change",
    (
        _set("format", to="EPP/2 evidence"),
        _set("version", to=2),
        _set("version", to=1.0),
        _set("version", to=True),
        _set("note", to="he did it"),
        _drop("purse_id"),
        _set("unit", to=""),
        _set("unit", to="00" * 257),
        _set("unit", to=GOOD.unit.hex().upper()),
        _set("unit", to=GOOD.unit.hex() + "0"),
        _set("unit", to=7),
        _set("purse_id", to=None),
        _set("endorsements", to={}),
        _set("endorsements", to=[]),
        _set("endorsements", 1, to=[]),
        _set(*ENDORSEMENT, "hop", to=True),
        _set(*ENDORSEMENT, "hop", to=2.0),
        _set(*ENDORSEMENT, "hop", to=-1),
        _set(*ENDORSEMENT, "hop", to=256),
        _set(*ENDORSEMENT, "payer", to="00" * 7),
        _set(*ENDORSEMENT, "payer", to=" " + "00" * 7 + "0"),
        _set(*ENDORSEMENT, "signature", to="00" * 63),
        _set(*ENDORSEMENT, "signature", to="\u0660" * 128),
        _set(*ENDORSEMENT, "reason", to=""),
        _drop(*ENDORSEMENT, "transaction"),
    ),
)
def test_another_shape_is_no_evidence(change: Change) -> None:
    # EPP-CEN-079
    fields = json.loads(FILE)
    change(fields)
    with pytest.raises(EvidenceError, match="EPP-CEN-079"):
        Evidence.from_json(json.dumps(fields).encode())


@pytest.mark.parametrize(
    "data",
    (
        b"",
        b"\xff",
        b"[" * SIZE_MAX,
        b"9" * SIZE_MAX,
        b"NaN",
        FILE + b" " * SIZE_MAX,
        FILE + b"{}",
        FILE.replace(b'"version": 1,', b'"version": 1, "version": 1,'),
        encode({1: FILE}),
    ),
)
def test_other_files_are_no_evidence(data: bytes) -> None:
    # EPP-CEN-079
    with pytest.raises(EvidenceError, match="EPP-CEN-079"):
        Evidence.from_json(data)


def test_order_and_white_space_mean_nothing() -> None:
    # EPP-CEN-020
    fields = dict(reversed(json.loads(FILE).items()))
    fields["endorsements"].reverse()
    other = Evidence.from_json(json.dumps(fields, indent="\t").encode())
    assert other.verify(ANCHOR) == GOOD.verify(ANCHOR)


def test_the_scheme_key_is_not_needed() -> None:
    # EPP-CEN-082
    fields = ANCHOR.to_mapping()
    del fields["scheme_keys"]
    assert GOOD.verify(TrustAnchor.from_json(json.dumps(fields).encode())) == GOOD.verify(ANCHOR)
    for change in (_drop("device_seal"), _set("device_keys", to="x")):
        broken = json.loads(json.dumps(fields))
        change(broken)
        with pytest.raises(AnchorError):
            TrustAnchor.from_json(json.dumps(broken).encode())


def test_an_anchor_has_one_shape() -> None:
    public = json.loads(ANCHOR.to_json())
    assert {**public, "scheme_keys": [bytes(32).hex()]} == ANCHOR.to_mapping()
    assert TrustAnchor.from_mapping(ANCHOR.to_mapping()) == ANCHOR
    assert "scheme_keys" not in public


@pytest.mark.parametrize(
    ("change", "said"),
    (
        (_drop("money_seal"), "anchor: money_seal: expected 16 bytes: "),
        (_drop("device_root"), "anchor: device_root: expected 32 bytes: "),
        (_set("money_keys", to="0"), "anchor: money_keys: expected a signed key list"),
        (_set("money_keys", to=ANCHOR.device.signed.hex()), r"anchor: malformed \[EPP-KEY-022\]"),
        (_set("money_root", to=ANCHOR.device_root.hex()), "anchor: expected two different roots"),
        (_set("economies", to="392"), "anchor: economies: expected a list"),
        (_set("owner", to="me"), "anchor: owner: expected one of the names economies, device_root"),
        (_set("device_root", to="00" * 32), r"anchor: keys-signature \[EPP-KEY-020\]"),
        (_set("device_seal", to="AB" * 16), "anchor: device_seal: expected 16 bytes: "),
        (_set("scheme_keys", to=["5ec2e7"]), r"anchor: scheme_keys\[0\]: expected 32 bytes: "),
        (_set("scheme_keys", to=["5ec2e7" + "0" * 58] * 5), "anchor: expected at most 4 scheme keys"),
    ),
)
def test_an_anchor_at_fault(change: Change, said: str) -> None:
    # EPP-GEN-005
    fields = ANCHOR.to_mapping()
    change(fields)
    with pytest.raises(AnchorError, match=said) as caught:
        TrustAnchor.from_mapping(fields)
    assert "5ec2e7" not in str(caught.value), "a key is told to nobody"
