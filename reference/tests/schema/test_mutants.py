"""Structural mutants of every object: the code, cddl-verifier and zcbor take the same ones (EPP-ENC-008).

The samples are real: what is said on a day of the scheme, and in the vectors; a few are made here. Each bound
that the schema or a record names is tried with its neighbours. What CDDL cannot say (an order, a sum, which
number a list must have) is no structure: a record is read without its `check`, and signatures verify.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from eiraku.reference import anchor, keylists
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.aead import CHACHA20_POLY1305
from eiraku.reference.edhoc import initiator, responder
from eiraku.reference.edhoc import messages as handshake
from eiraku.reference.edhoc.errors import PeerError
from eiraku.reference.keylists import DeviceList, MoneyList
from eiraku.reference.purse import credential
from eiraku.reference.records import Channel, Direction
from eiraku.reference.vectors import example, session
from eiraku.spec import bulletins, cbor, centre_objects, key_lists, messages, news, objects, wholesale_objects
from eiraku.spec.centre_objects import (
    Account,
    Balance,
    Case,
    Cases,
    CasesBody,
    Challenge,
    Claim,
    ClaimState,
    EnrolBody,
    Enrolled,
    Issue,
    IssueBody,
    NoBody,
    Nothing,
    PayOutBody,
    PendingSession,
    ReceiptBody,
    RenewBody,
    Renewed,
    SchemeKeys,
    SelfReport,
    SessionName,
    SuspectBody,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import DeviceKeys, MoneyKeys
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import (
    EndorsementPayload,
    Layer,
    PurseId,
    ReceiptPayload,
    SealedPurseId,
    Unit,
)
from eiraku.spec.record import Codec, Record
from eiraku.spec.revoked import coded
from eiraku.spec.wholesale_objects import Entry
from eiraku.system.device import inspection
from eiraku.system.services import requests
from eiraku.testing.ead_readers import as_sequence, id_cred, member_item, purse_id_item, version
from eiraku.testing.heard import KINDS
from eiraku.testing.structure import mutants, of_record, of_rule, rules

pytestmark = pytest.mark.slow

SPEC = Path(__file__).parents[3] / "spec"
Judge = Callable[[str, bytes], bool]
Read = Callable[[bytes], object]

RECORDS: Mapping[type[Record], tuple[str, ...]] = {
    **{kind: (rule,) for kind, rule in KINDS.items()},
    PurseId: ("purse-id-claims",),
    SealedPurseId: ("sealed-purse-id",),
    Unit: ("unit-payload",),
    EndorsementPayload: ("endorsement-payload",),
    Layer: ("history-layer",),
    ReceiptPayload: ("receipt-payload",),
    bulletins.Bulletin: ("bulletin-payload",),
    bulletins.CodedList: ("coded-list",),
    bulletins.Delta: ("delta",),
    bulletins.Whole: ("whole-update",),
    bulletins.Changed: ("delta-update",),
    DeviceKeys: ("device-keys-payload",),
    MoneyKeys: ("money-keys-payload",),
    OfferedUnit: ("offered-unit",),
    Issue: ("issue-to-vault", "issue-answer"),
    Claim: ("claim-of-payer", "claim-body"),
    Challenge: ("challenge-payload",),
    SelfReport: ("self-report",),
    Entry: ("entry",),
    centre_objects.Request: ("request-payload",),
    NoBody: ("account-body", "challenge-body", "balance-body", "pending-body", "scheme-keys-body"),
    Nothing: ("receipt-answer", "suspect-answer", "self-report-answer"),
    IssueBody: ("issue-body",),
    ReceiptBody: ("receipt-body",),
    Account: ("account-answer",),
    ClaimState: ("claim-answer",),
    CasesBody: ("cases-body",),
    Case: ("case",),
    Cases: ("cases-answer",),
    SuspectBody: ("suspect-body",),
    RenewBody: ("renew-body",),
    Renewed: ("renew-answer",),
    SchemeKeys: ("scheme-keys-answer",),
    Balance: ("balance-answer",),
    PayOutBody: ("pay-out-body",),
    SessionName: ("pay-out-answer",),
    PendingSession: ("pending-answer",),
    EnrolBody: ("enrol-body",),
    Enrolled: ("enrol-answer",),
}
"""The rules of each record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How the code reads the objects of a rule that are no record by themselves.

    `refused`: the code of another shape; `conditions`: requirements under which something else than the shape
    is refused with that code; `most`: greatest length in bytes; `beyond`: what CDDL cannot say about an item.
    """

    read: Read
    refused: Code = Code.MALFORMED
    conditions: frozenset[str] = frozenset()
    most: int = 1 << 20
    beyond: Callable[[bytes], bool] = lambda _data: False


ROOT = example.MASTER.key.public
ANCHOR = anchor.TrustAnchor(
    economies=frozenset(),
    device_root=ROOT,
    money_root=ROOT,
    device=DeviceList(signed=b"", sequence=0, expires=0, keys={}, scheme={}),
    money=MoneyList(signed=b"", sequence=0, expires=0, keys={}),
    device_seal=b"",
    money_seal=b"",
    scheme_keys={},
)
ORDER = frozenset({"EPP-BUL-003"})
WHOLESALE = json.loads((SPEC / "src/eiraku/spec/vectors/wholesale.json").read_text())["log"]


def unordered(data: bytes) -> bool:
    """A list of versions that is not ascending."""
    try:
        match cbor.decode(data):
            case (-65001, bytes(value)):
                found = cbor.decode(value)
                if isinstance(found, tuple):
                    known = [version for version in found if type(version) is int]
                    return len(known) == len(found) and known != sorted(set(known))
    except Refusal:
        pass
    return False


def message_1(data: bytes) -> object:
    return responder.read_message_1(session.party("A", 4), as_sequence(data))


def message_2(data: bytes) -> object:
    waiting, _ = initiator.write_message_1(session.party("B", 4), ephemeral=bytes(range(32)))
    return initiator.read_message_2(waiting, data)


def record(data: bytes) -> object:
    direction = Direction(key=bytes(32), iv=bytes(12))
    return Channel(aead=CHACHA20_POLY1305, most=65535, sending=direction, receiving=direction).open(data)


READERS: Mapping[str, Reader] = {
    "signed-purse-id": Reader(
        read=anchor.parse_purse_id, refused=Code.AUTHENTICATION, most=objects.PURSE_ID_MAX
    ),
    "signed-device-keys": Reader(read=lambda data: keylists.device_keys(ROOT, data), most=key_lists.LIST_MAX),
    "signed-money-keys": Reader(read=lambda data: keylists.money_keys(ROOT, data), most=key_lists.LIST_MAX),
    "signed-unit": Reader(read=anchor.parse_unit, most=objects.UNIT_MAX),
    "signed-bulletin": Reader(read=lambda data: anchor.verify_bulletin(ANCHOR, data), conditions=ORDER),
    "bulletin-update": Reader(read=bulletins.update, most=bulletins.UPDATE_MAX),
    "signed-challenge": Reader(read=lambda data: anchor.verify_challenge(ANCHOR, data)),
    "challenge-answer": Reader(read=lambda data: anchor.verify_challenge(ANCHOR, data)),
    "signed-self-report": Reader(read=lambda data: inspection.read(bytes(8), bytes(32), data)),
    "self-report-body": Reader(read=lambda data: inspection.read(bytes(8), bytes(32), data)),
    "signed-request": Reader(read=requests.parse),
    "message": Reader(read=messages.decode),
    "news": Reader(read=news.decode),
    "message-1": Reader(read=message_1, conditions=frozenset({"EPP-SES-010"}), most=2048),
    "message-2": Reader(read=message_2, most=2048),
    "message-3": Reader(read=handshake.read_byte_string, most=2048),
    "message-4": Reader(read=handshake.read_byte_string, most=2048),
    "record": Reader(read=record),
    "ead-version-offer": Reader(read=version(credential.read_offer), beyond=unordered),
    "ead-version-choice": Reader(read=version(credential.check_choice)),
    "ead-member": Reader(read=member_item, refused=Code.AUTHENTICATION),
    "ead-purse-id": Reader(read=purse_id_item, refused=Code.AUTHENTICATION),
    "id-cred": Reader(read=id_cred, refused=Code.AUTHENTICATION),
}


RULES = rules((SPEC / "schema.cddl").read_text())
CASE = Case(sequence=1, kind="copy", purse=bytes(8), unit_id=bytes(32), hop=4, epoch=7)
EMBEDDED = {rule for rule in RULES if ".cbor" in RULES[rule]} | {"self-report-body", "challenge-answer"}
MADE: Mapping[str, bytes] = {
    rule: made.encode()
    for rule, made in {
        "offered-unit": OfferedUnit(unit=b"unit", hop=3, history=b"history"),
        "bulletin-payload": bulletins.Bulletin.of(coded((1, 5)), epoch=7, policy_digest=bytes(32)),
        "coded-list": bulletins.CodedList.of((1, 5)),
        "delta": bulletins.Delta(
            from_epoch=6, removed=bulletins.CodedList.of((2,)), added=bulletins.CodedList.of((1, 5))
        ),
        "whole-update": bulletins.Whole(signed=b"signed", chunks=(b"chunk",)),
        "bulletin-update": bulletins.Whole(signed=b"signed", chunks=(b"chunk",)),
        "delta-update": bulletins.Changed(signed=b"signed", delta=b"delta"),
        "claim-of-payer": Claim(
            offer=b"offer", endorsements=(bytes(64),) * 2, payee=bytes(8), beneficiary=bytes(8)
        ),
        "issue-to-vault": Issue(transaction=bytes(16), amount=3, units=((b"unit", bytes(64)),) * 2),
        "self-report": SelfReport(
            challenge=bytes(16),
            number=bytes(8),
            epoch=7,
            units=((bytes(32), 1),) * 2,
            pending=((bytes(16), bytes(8), 5),),
            balance=2,
            given=7,
            credited=0,
            settled=0,
            digest=bytes(32),
        ),
        "case": CASE,
        "cases-answer": Cases(cases=(CASE, CASE)),
        "pending-answer": PendingSession(name=bytes(16)),
        "nothing": news.Nothing(),
        "ask-keys": news.AskKeys(centre=news.Whose.MONEY),
        "key-list": news.Keys(signed=b"keys"),
        "reject": messages.Reject(code=30, index=2),
    }.items()
} | {
    "id-cred": cbor.encode(credential.ID_CRED),
    "entry": bytes.fromhex(WHOLESALE["entries"][-1]["entry"]),
}
"""What a day does not say, or says at a length that would take long."""
USUAL = 300
"""The longest sample of at most so many bytes is taken, or else the shortest."""


@pytest.fixture(autouse=True)
def without_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no shape is no matter: relations of fields, signatures, keys."""
    for kind in RECORDS:
        codec = kind.codec
        unchecked = Codec(kind, codec.rule, codec.limit, codec.template, check=None)
        monkeypatch.setattr(kind, "codec", unchecked)
    monkeypatch.setattr(cose, "verify", lambda *_: True)


def takes(reader: Reader, data: bytes) -> bool | None:
    """Whether the code finds no fault in the shape; None: it is too long to look."""
    if len(data) > reader.most:
        return None
    try:
        reader.read(data)
    except Refusal as refusal:
        if refusal.code is Code.TOO_LARGE:
            return None
        return refusal.code is not reader.refused or refusal.requirement in reader.conditions
    except PeerError:
        return False
    return True


def sample_of(rule: str, heard: dict[str, list[bytes]]) -> bytes:
    """One that is made here, or a real one."""
    samples = [MADE[rule]] if rule in MADE else heard.get(rule, [])
    assert samples, f"no sample of {rule}: let the day say it, or make one"
    return max((data for data in samples if len(data) <= USUAL), key=len, default=min(samples, key=len))


def reader_of(rule: str) -> Reader:
    """How the code reads what a rule describes."""
    if rule in READERS:
        return READERS[rule]
    (kind,) = (kind for kind, names in RECORDS.items() if rule in names)
    return Reader(read=kind.decode, conditions=ORDER)


SUBJECTS = sorted({*READERS, *(rule for names in RECORDS.values() for rule in names)})


def compared(rule: str, heard: dict[str, list[bytes]]) -> Iterator[tuple[str, bytes, bool]]:
    """A sample of a rule, its mutants, and the samples of all other rules; whether the code takes them."""
    sample, reader, bounds = sample_of(rule, heard), reader_of(rule), of_rule(RULES, rule)
    for kind, names in RECORDS.items():
        if rule in names:
            bounds |= of_record(kind)
    assert takes(reader, sample)
    found = {sample: "sample"}
    if RULES[rule].strip() not in RULES:
        found |= {data: name for name, data in mutants(sample, bounds, embedded=rule in EMBEDDED)}
    for other in SUBJECTS:
        found.setdefault(sample_of(other, heard), f"a sample of {other}")
    for data, name in found.items():
        expected = takes(reader, data)
        if expected is not None and not reader.beyond(data):
            yield name, data, expected


@pytest.mark.parametrize("rule", SUBJECTS)
def test_code_and_schema_agree(
    rule: str, heard: dict[str, list[bytes]], cddl_verifier: Judge, zcbor: Judge
) -> None:
    asked, differ = 0, []
    for name, data, expected in compared(rule, heard):
        asked += 1
        if cddl_verifier(rule, data) is not expected:
            differ.append(f"{name}: code {expected}, cddl-verifier {not expected}: {data[:80].hex()}")
        # zcbor counts the letters of a text, where RFC 8610 counts bytes
        if "UTF-8" not in name and zcbor(rule, data) is not expected:
            differ.append(f"{name}: code {expected}, zcbor {not expected}: {data[:80].hex()}")
    assert not differ
    assert asked >= 50


def test_how_many_are_compared(heard: dict[str, list[bytes]]) -> None:
    """All of one object each; the code takes some of them, so that both answers are compared."""
    expected = Counter(found for rule in SUBJECTS for _, _, found in compared(rule, heard))
    assert expected.total() > 17_000
    assert expected[True] > 1_000


def test_every_record_is_compared() -> None:
    modules = (bulletins, centre_objects, key_lists, messages, news, objects, wholesale_objects)
    records = {
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Record) and found is not Record
    }
    assert records == RECORDS.keys()


FRAGMENTS = {
    *(
        "amount",
        "epoch",
        "number8",
        "list-sequence",
        "device-key",
        "money-key",
        "scheme-key-id",
        "transaction",
        "digest",
        "signature",
        "seal",
        "reserved",
        "economy",
        "hop",
    ),
    *("centre-header", "purse-header", "suites", "ead-item", "version-offer", "version-choice", "position"),
    *("fresh-unit", "reported-unit", "reported-pending", "position-of-chunk", "sequence", "session-name"),
    *("no-body", "case-kind", "unit-or-none", "purse-number", "chunk-digest", "coded-chunk"),
}
"""Rules of parts, which stand in others."""


def test_every_rule_is_compared_or_part_of_another() -> None:
    assert {*SUBJECTS} | FRAGMENTS == RULES.keys()
    used = " ".join(RULES.values())
    assert all(re.search(rf"(?<![a-z0-9-]){rule}(?![a-z0-9-])", used) for rule in FRAGMENTS)


def test_every_method_has_its_body_and_its_answer() -> None:
    """EPP-SVC-010, EPP-SVC-012: by the tables of chapter 16."""
    tables = (SPEC / "16-services.md").read_text().split("### Methods of")[1:]
    methods = {name for table in tables for name in re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)}
    assert len(methods) == 13
    assert {f"{name}-{part}" for name in methods | {"enrol"} for part in ("body", "answer")} <= RULES.keys()
