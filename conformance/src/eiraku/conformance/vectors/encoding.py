"""negative-encoding.json: items, messages and records that a strict reader refuses (chapters 2, 6, 7)."""

from collections.abc import Iterator

from eiraku.conformance.results import Level
from eiraku.conformance.suite.odd_encodings import FAMILIES, RECORDS, chosen
from eiraku.conformance.vectors import judged
from eiraku.conformance.vectors.judged import case, cases, numbered
from eiraku.reference.edhoc import schedule
from eiraku.reference.vectors import session
from eiraku.spec import cbor, messages
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code
from eiraku.spec.vectors.negative_forms import Encoding, ItemGroup, MessageGroup, RecordGroup, Refusable

LONGEST = 2000
"""Of a policy, in bytes: the longest record."""

SAMPLE: Item = {1: (0, 23, 24, -1), 2: b"octets", 3: {-1: None, "a": True, "b": "text"}}
"""An item of every type."""

SOUND = {
    "least-integer": cbor.encode(-(2**64)),
    "greatest-integer": cbor.encode(2**64 - 1),
    "sixteen-arrays": b"\x81" * 16 + b"\x00",
    "empty-strings": cbor.encode((b"", "")),
    "empty-map": cbor.encode({}),
    "utf-8": cbor.encode("\N{KATAKANA LETTER E}\N{MUSICAL SYMBOL G CLEF}\0"),
    "keys-in-order-of-their-encodings": cbor.encode({10: 0, 100: 0, -1: 0, "z": 0, "aa": 0}),
}
TRAILING = {
    "surplus-item": cbor.encode(SAMPLE) + b"\x00",
    "surplus-break": cbor.encode(SAMPLE) + b"\xff",
    "two-integers": b"\x00\x00",
}
AMOUNTS = {"greatest": 2**53 - 1, "too-great": 2**53, "greatest-integer": 2**64 - 1, "negative": -1}


def encoding() -> Encoding:
    """The file."""
    return Encoding(
        schema="negative-encoding.schema.json",
        title="EPP/1: encodings that are refused, each in one of its nodes",
        about="Every node in every wrong form would be thousands: here is each form once, somewhere.",
        groups=(
            ItemGroup(id="item", cases=tuple(numbered(_items()))),
            MessageGroup(id="message", cases=tuple(numbered(_messages()))),
            *_records(),
        ),
    )


def _items() -> Iterator[Refusable]:
    yield case("item-sample", judged.item, cbor.encode(SAMPLE), None, "EPP-ENC-001")
    yield from cases("item", judged.item, SOUND, None, "EPP-ENC-001")
    yield from cases("item", judged.item, TRAILING, Code.MALFORMED, "EPP-ENC-004")
    yield case("item-nothing", judged.item, b"", Code.MALFORMED, "EPP-ENC-011")
    for family, (requirement, shapes) in FAMILIES.items():
        # An item has no shape, and a map no keys that it should not have.
        if family != "other-shapes":
            for mutant in chosen(cbor.encode(SAMPLE), shapes, judged.item, Level.STANDARD):
                yield case(f"item-{family}-{mutant}", judged.item, mutant.data, Code.MALFORMED, requirement)


def _messages() -> Iterator[Refusable]:
    steps: dict[str, bytes] = {}
    for told in session.transfer().cases:
        for step in told.steps:
            steps.setdefault(step.message.lower(), bytes.fromhex(step.plaintext))
    for name, right in steps.items():
        yield case(f"message-{name}", judged.message, right, None, "EPP-TRF-002")
        yield case(f"message-{name}-surplus", judged.message, right + b"\0", Code.MALFORMED, "EPP-ENC-004")
        for family, (requirement, shapes) in FAMILIES.items():
            for mutant in chosen(right, shapes, judged.message, Level.STANDARD):
                # Those of the root repeat what is tried with items.
                if family == "other-shapes" or (mutant.path and family != "deep-nesting"):
                    made = f"message-{name}-{family}-{mutant}"
                    rules = (requirement, "EPP-TRF-002")
                    yield case(made, judged.message, mutant.data, Code.MALFORMED, *rules)
    for name, amount in AMOUNTS.items():
        code = None if 0 <= amount < 2**53 else Code.MALFORMED
        data = cbor.encode((1, amount, ""))
        yield case(f"message-amount-{name}", judged.message, data, code, "EPP-ENC-012")
    for number in (0, 8, 23, 24):
        data = cbor.encode((number, 1, ""))
        yield case(f"message-type-{number}", judged.message, data, Code.MALFORMED, "EPP-TRF-002")


def _records() -> Iterator[RecordGroup]:
    for told in session.transfer().cases[:2]:
        suite, step = told.inputs.suite, told.steps[1]
        secret, length = bytes.fromhex(told.inputs.com_kb), schedule.SUITES[told.inputs.suite].aead.key_length
        key, iv = secret[:length], secret[length:]
        right = bytes.fromhex(step.record)
        judge, name = judged.record(suite, (key, iv), step.number, messages.LIMIT), f"record-suite-{suite}"
        yield RecordGroup(
            id=name,
            suite=suite,
            key=key.hex(),
            iv=iv.hex(),
            number=step.number,
            max_record=messages.LIMIT,
            cases=tuple(_of_record(name, judge, right)),
        )
        late = judged.record(suite, (key, iv), 1, messages.LIMIT)
        yield RecordGroup(
            id=f"{name}-number-1",
            suite=suite,
            key=key.hex(),
            iv=iv.hex(),
            number=1,
            max_record=messages.LIMIT,
            cases=(case(f"{name}-repeated", late, right, Code.RECORD, "EPP-REC-002", "EPP-REC-003"),),
        )
    longest = cbor.encode(bytes(LONGEST + 17))
    yield RecordGroup(
        id="record-too-large",
        suite=4,
        key="40" * 32,
        iv="40" * 12,
        number=0,
        max_record=LONGEST,
        cases=(
            case(
                "record-too-large",
                judged.record(4, (b"\x40" * 32, b"\x40" * 12), 0, LONGEST),
                longest,
                Code.TOO_LARGE,
                "EPP-ENC-010",
            ),
        ),
    )


def _of_record(name: str, judge: judged.Judge, right: bytes) -> Iterator[Refusable]:
    sealed = cbor.decode(right)
    if not isinstance(sealed, bytes):
        raise TypeError("a record is a byte string")
    yield case(name, judge, right, None, "EPP-REC-001")
    for form, (requirement, change) in RECORDS.items():
        rules = (requirement, "EPP-REC-006")
        yield case(f"{name}-{form}", judge, change(sealed), Code.MALFORMED, *rules)
    others = {
        "array": b"\x81" + right,
        "text": b"\x60",
        "null": b"\xf6",
        "two": right + right,
        "nothing": b"",
    }
    yield from cases(name, judge, others, Code.MALFORMED, "EPP-REC-006")
    flipped = {
        f"bit-{at}": cbor.encode(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        for at in (0, len(sealed) // 2, len(sealed) - 1)
    }
    wrong = {
        **flipped,
        "tag-cut": cbor.encode(sealed[:-1]),
        "tag-only": cbor.encode(sealed[-16:]),
        "surplus": cbor.encode(sealed + b"\0"),
        "empty": b"\x40",
    }
    yield from cases(name, judge, wrong, Code.RECORD, "EPP-REC-003")
