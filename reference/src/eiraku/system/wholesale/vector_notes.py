"""Vectors of signed notes and of verifier keys (chapter 15): what a member accepts, and each way to refuse.

Every case has one thing wrong; where that is in the text, it is signed as it stands.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.signed_note import SIGNATURES_MAX, Note, SignatureLine, to_base64
from eiraku.spec.wholesale_objects import SIZE_MAX, Checkpoint
from eiraku.system.wholesale import note
from eiraku.system.wholesale.note import TIME_MAX, SignatureType, VerifierKey

ORIGIN = "acu.example"
WITNESSES = ("witness.example/w1", "witness.example/w2")
TIME = 1_700_000_000


def secret(name: str, length: int = 32) -> bytes:
    """The private input called `name`: the first `length` bytes of SHA-256 of the name in UTF-8."""
    return sha256(name.encode()).digest()[:length]


KEY = SigningKey(secret("operator key"))
TEXT = Checkpoint(origin=ORIGIN, size=12, root=secret("root"), epoch=3).encode()


def witness(name: str) -> SigningKey:
    """The private key of a witness."""
    return SigningKey(secret(f"witness key {name}"))


def witness_key(name: str) -> VerifierKey:
    """What a member is given to know a witness."""
    return VerifierKey(name=name, type=SignatureType.WITNESS, public=witness(name).public)


def cosigned(text: str = TEXT, *, origin: str = ORIGIN, time: int = TIME) -> Note:
    """A text that operator and witnesses signed."""
    made = note.sign(KEY, origin, text)
    lines = (note.cosign(witness(name), name, text, time=time) for name in WITNESSES)
    return Note(text=text, signatures=(*made.signatures, *lines))


def notes() -> dict[str, Any]:
    """What members who know both witnesses and ask for both do with each note, given in hexadecimal."""
    return {
        "operator": str(VerifierKey(name=ORIGIN, type=SignatureType.OPERATOR, public=KEY.public)),
        "witnesses": [str(witness_key(name)) for name in WITNESSES],
        "quorum": len(WITNESSES),
        "example": cosigned().encode(),
        "accepted": [{"case": case, "note": _octets(made)} for case, made in _accepted()],
        "refused": [
            {"case": case, "requirement": requirement, "note": _octets(made)}
            for requirement, cases in (
                ("EPP-WHS-013", _other_forms()),
                ("EPP-WHS-014", _too_much()),
                ("EPP-WHS-016", _bad_signatures()),
                ("EPP-WHS-018", _other_texts()),
                ("EPP-WHS-020", _other_operators()),
                ("EPP-WHS-025", _too_few()),
            )
            for case, made in cases
        ],
    }


def verifier_keys() -> dict[str, Any]:
    """Verifier keys of an operator, good and bad (EPP-WHS-017)."""
    good = str(VerifierKey(name=ORIGIN, type=SignatureType.OPERATOR, public=KEY.public))
    name, key_id, data = good.split("+", 2)
    small = VerifierKey(name=ORIGIN, type=SignatureType.OPERATOR, public=bytes(32))
    spaced = VerifierKey(name="acu example", type=SignatureType.OPERATOR, public=KEY.public)
    return {
        "accepted": [good],
        "refused": [
            {"case": case, "key": key}
            for case, key in (
                ("of a witness", str(witness_key(WITNESSES[0]))),
                ("of no key", f"{name}+{key_id}"),
                ("without a name", f"+{key_id}+{data}"),
                ("white space in the name", str(spaced)),
                ("key id in upper case", f"{name}+{key_id.upper()}+{data}"),
                ("key id of another name", f"acu.exampel+{key_id}+{data}"),
                ("without padding of the base64, 31 bytes", f"{name}+{key_id}+{to_base64(bytes(31))[:-2]}"),
                ("public key of small order", str(small)),
                ("a newline after it", f"{good}\n"),
            )
        ],
    }


def _octets(made: Note | str | bytes) -> str:
    text = made.encode() if isinstance(made, Note) else made
    return (text if isinstance(text, bytes) else text.encode()).hex()


def _accepted() -> Iterator[tuple[str, Note]]:
    good = cosigned()
    yield "signed by the operator and both witnesses", good
    yield "witnesses first", replace(good, signatures=good.signatures[::-1])
    yield "a signature line twice", replace(good, signatures=good.signatures * 2)
    later = note.cosign(witness(WITNESSES[0]), WITNESSES[0], TEXT, time=TIME + 1)
    yield "two cosignatures of one witness", replace(good, signatures=(*good.signatures, later))
    for case, line in (
        ("a line of an unknown name", SignatureLine(name="other", key_id=bytes(4), signature=bytes(64))),
        (
            "the operator's name with another key id",
            SignatureLine(name=ORIGIN, key_id=bytes(4), signature=bytes(64)),
        ),
        (
            "the operator's key id with another name",
            replace(good.signatures[0], name="other", signature=b"1"),
        ),
        ("a signature of 1 byte", SignatureLine(name="other", key_id=bytes(4), signature=b"1")),
        ("a long signature", SignatureLine(name="other", key_id=bytes(4), signature=bytes(5000))),
        ("a key name beyond ASCII", SignatureLine(name="\u5186", key_id=bytes(4), signature=b"1")),
    ):
        yield case, replace(good, signatures=(*good.signatures, line))
    stranger = SignatureLine(name="other", key_id=bytes(4), signature=b"1")
    full = (*good.signatures, *[stranger] * (SIGNATURES_MAX - len(good.signatures)))
    yield f"{SIGNATURES_MAX} signature lines", replace(good, signatures=full)
    yield "further extension lines", cosigned(TEXT + "any thing\n\u2014 other AAAAAAA=\nepoch\n")
    yield "a DEL in an extension line", cosigned(TEXT + "\x7f\n")
    yield "an empty log", cosigned(_text(size="0"))
    yield "the greatest size", cosigned(_text(size=str(SIZE_MAX)))
    yield "the greatest epoch", cosigned(_text(epoch=f"epoch {2**32 - 1}"))
    yield (
        "the first and the last time",
        replace(
            cosigned(time=0),
            signatures=(*cosigned(time=0).signatures[:2], cosigned(time=TIME_MAX).signatures[2]),
        ),
    )


def _other_forms() -> Iterator[tuple[str, str | bytes]]:
    good = cosigned().encode()
    head, line = good[: good.index("\u2014")], note.sign(KEY, ORIGIN, TEXT).signatures[0].encode()
    dash, name, data = line[:-1].split(" ")
    yield "not UTF-8", good.encode().replace(b"acu", b"\xff")
    yield "UTF-8 of more bytes than needed", good.encode() + b"\xc0\xae"
    yield "a carriage return at each end of line", good.replace("\n", "\r\n")
    yield "a tab", good.replace("epoch ", "epoch\t")
    yield "a NUL", good.replace("epoch ", "epoch\0")
    yield "no newline at the end", good[:-1]
    yield "an empty line at the end", good + "\n"
    yield "no empty line", good.replace("\n\n", "\n")
    yield "no signature line", TEXT + "\n"
    yield "no text", "\n" + line
    yield "nothing", ""
    yield "another line at the end", good + "unexpected\n"
    for case, other in (
        ("a hyphen for the dash", f"- {name} {data}"),
        ("no space after the dash", f"{dash}{name} {data}"),
        ("two spaces together", f"{dash} {name}  {data}"),
        ("a third word", f"{dash} {name} {data} more"),
        ("no name", f"{dash}  {data}"),
        ("no base64", f"{dash} {name}"),
        ("a plus sign in the name", f"{dash} acu+example {data}"),
        ("a no-break space in the name", f"{dash} acu\xa0example {data}"),
        ("the other alphabet of base64", f"{dash} {name} {'_' * 8}"),
        ("base64 without padding", f"{dash} {name} {data.rstrip('=')}"),
        ("base64 with bits after the last byte", f"{dash} {name} AAAAAAB="),
        ("base64 of 4 bytes", f"{dash} {name} AAAAAA=="),
    ):
        yield case, f"{head}{line}{other}\n"


def _too_much() -> Iterator[tuple[str, Note]]:
    good = cosigned()
    stranger = SignatureLine(name="other", key_id=bytes(4), signature=b"1")
    yield "one signature line too many", replace(good, signatures=(*good.signatures, *[stranger] * 62))


def _bad_signatures() -> Iterator[tuple[str, Note]]:
    good = cosigned()
    for case, place in (("of the operator", 0), ("of a witness", 2)):
        line = good.signatures[place]
        for what, signature in (
            ("altered", line.signature[:-1] + bytes([line.signature[-1] ^ 1])),
            ("cut off", line.signature[:-1]),
            ("with a byte more", line.signature + b"\0"),
        ):
            lines = (
                *good.signatures[:place],
                replace(line, signature=signature),
                *good.signatures[place + 1 :],
            )
            yield f"a signature {case}, {what}", replace(good, signatures=lines)
            yield (
                f"after a good one, a signature {case}, {what}",
                replace(good, signatures=(*good.signatures, lines[place])),
            )
    first = good.signatures[1]
    later = replace(first, signature=(TIME + 1).to_bytes(8, "big") + first.signature[8:])
    yield "a cosignature with another time", replace(good, signatures=(*good.signatures, later))
    beyond = note.cosign(witness(WITNESSES[0]), WITNESSES[0], TEXT, time=TIME_MAX + 1)
    yield "a cosignature of a time beyond 2^63 - 1", replace(good, signatures=(*good.signatures, beyond))
    plain = replace(good.signatures[1], signature=witness(WITNESSES[0]).sign(TEXT.encode()))
    yield "a witness that signed as an operator", replace(good, signatures=(*good.signatures, plain))


def _other_texts() -> Iterator[tuple[str, Note]]:
    for case, text in (
        ("no epoch", TEXT[: TEXT.index("epoch")]),
        ("an extension line before the epoch", TEXT.replace("epoch", "other\nepoch")),
        ("two epochs", TEXT + "epoch 3\n"),
        ("an epoch with a leading zero", _text(epoch="epoch 03")),
        ("an epoch beyond 2^32 - 1", _text(epoch=f"epoch {2**32}")),
        ("an epoch with a sign", _text(epoch="epoch +3")),
        ("an epoch in capitals", _text(epoch="Epoch 3")),
        ("a size with a leading zero", _text(size="012")),
        ("a size with a sign", _text(size="-12")),
        ("a size beyond 2^53 - 1", _text(size=str(SIZE_MAX + 1))),
        ("a size of 40 digits", _text(size="1" * 40)),
        ("a size in other digits", _text(size="\u0661\u0662")),
        ("a root of 31 bytes", _text(root=to_base64(bytes(31)))),
        ("a root of 33 bytes", _text(root=to_base64(bytes(33)))),
        ("a root without padding", _text(root=to_base64(secret("root")).rstrip("="))),
        ("an empty line", TEXT + "\nother\n"),
        ("an empty line at the end", TEXT + "\n"),
        ("an empty line at the beginning", "\n" + TEXT),
    ):
        yield case, cosigned(text)
    for case, origin in (("an origin of 65 bytes", "x" * 65), ("an origin with a space", "acu example")):
        yield case, cosigned(_text(origin=origin))


def _other_operators() -> Iterator[tuple[str, Note]]:
    good = cosigned()
    yield "no signature of the operator", replace(good, signatures=good.signatures[1:])
    other = note.sign(SigningKey(secret("other key")), ORIGIN, TEXT).signatures[0]
    yield "another key under the name of the log", replace(good, signatures=(other, *good.signatures[1:]))
    yield "the operator's key, of another log", cosigned(_text(origin="other"), origin="other")
    yield "the operator's signature under another origin", cosigned(_text(origin="other"))


def _too_few() -> Iterator[tuple[str, Note]]:
    good = cosigned()
    yield "no cosignature", replace(good, signatures=good.signatures[:1])
    yield "one witness", replace(good, signatures=good.signatures[:2])
    yield "one witness twice", replace(good, signatures=(*good.signatures[:2], good.signatures[1]))
    stranger = note.cosign(SigningKey(secret("other key")), WITNESSES[1], TEXT, time=TIME)
    yield "a witness and another key of that name", replace(good, signatures=(*good.signatures[:2], stranger))


def _text(
    *, origin: str = ORIGIN, size: str = "12", root: str = to_base64(secret("root")), epoch: str = "epoch 3"
) -> str:
    return f"{origin}\n{size}\n{root}\n{epoch}\n"
