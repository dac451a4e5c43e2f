"""Keys of signed notes, and what they sign (chapter 15; C2SP `signed-note` and `tlog-cosignature`)."""

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from eiraku.reference.crypto import ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Misuse, Refused
from eiraku.spec.signed_note import KEY_ID, Note, SignatureLine, from_base64, is_key_name, to_base64
from eiraku.system.wholesale.errors import CheckpointError

TIME_MAX = 2**63 - 1
"""Greatest time in a cosignature, in seconds since 1970."""
_TIME = 8


class SignatureType(IntEnum):
    """The kinds of signatures that are known here."""

    OPERATOR = 1
    WITNESS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """Name, type and Ed25519 public key (32 bytes) of somebody who signs notes."""

    name: str
    type: SignatureType
    public: bytes

    @property
    def key_id(self) -> bytes:
        """4 bytes, which stand in every signature line of this key."""
        head = self.name.encode() + b"\n" + bytes([self.type])
        return sha256(head + self.public).digest()[:KEY_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([self.type]) + self.public)}"

    @classmethod
    def parse(cls, text: str, expected: SignatureType) -> "VerifierKey":
        """Read a verifier key of the type that is expected. Raises Refused."""
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = from_base64(encoded)
        # EPP-WHS-017
        if not is_key_name(name) or data is None or len(data) != 33:
            raise Refused(
                "expected a verifier key: a name, 8 hexadecimal digits and the base64 of 33 bytes, joined by "
                f"plus signs, found {text!r}"
            )
        if data[0] != expected:
            raise Refused(f"expected the key of {_WORDS[expected]}, of type {expected:d}, found {data[0]}")
        found = cls(name=name, type=expected, public=data[1:])
        if found.key_id.hex() != key_id:
            raise Refused(f"{name}: the key id {key_id!r} is not that of name and key; it was copied wrongly")
        if not ed25519.acceptable_point(found.public):
            raise Refused(f"{name}: the public key is not one that may be relied upon [EPP-KEY-002]")
        return found

    def verified(self, note: Note) -> list[SignatureLine]:
        """The signature lines of this key, all good; none if it did not sign. Raises CheckpointError."""
        # EPP-WHS-015
        found = [line for line in note.signatures if (line.name, line.key_id) == (self.name, self.key_id)]
        for line in found:
            # EPP-WHS-016
            if not self._signed(note.text, line.signature):
                raise CheckpointError(
                    f"checkpoint: the signature of {self.name} does not verify [EPP-WHS-016]"
                )
        return found

    def _signed(self, text: str, signature: bytes) -> bool:
        if self.type is SignatureType.OPERATOR:
            return ed25519.verify(self.public, text.encode(), signature)
        time = int.from_bytes(signature[:_TIME], "big")
        return time <= TIME_MAX and ed25519.verify(self.public, _cosigned(text, time), signature[_TIME:])


_WORDS = {SignatureType.OPERATOR: "an operator", SignatureType.WITNESS: "a witness"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a member was given beforehand: the operator's key, and `quorum` of so many witnesses."""

    operator: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        """Raise Misuse for a quorum that says less than it seems to."""
        # EPP-WHS-026
        if len({self.operator.public, *(one.public for one in self.witnesses)}) <= len(self.witnesses):
            raise Misuse("expected a key of its own for each witness, and another than the operator's")
        if not 0 <= self.quorum <= len(self.witnesses):
            raise Misuse(f"expected a quorum from 0 to {len(self.witnesses)} witnesses, found {self.quorum}")

    def witnessed(self, note: Note) -> tuple[SignatureLine, ...]:
        """A cosignature of each known witness that cosigned, if they are a quorum. Raises CheckpointError."""
        found = [line for one in self.witnesses for line in one.verified(note)[:1]]
        # EPP-WHS-025
        if len(found) < self.quorum:
            raise CheckpointError(
                f"checkpoint: cosigned by {len(found)} known witnesses, expected {self.quorum}; ask for it "
                "again when more have cosigned [EPP-WHS-025]"
            )
        return tuple(found)


def sign(key: SigningKey, name: str, text: str) -> Note:
    """A note with the signature of the operator's key called `name`."""
    return Note(text=text, signatures=(_line(key, name, SignatureType.OPERATOR, key.sign(text.encode())),))


def cosign(key: SigningKey, name: str, text: str, *, time: int) -> SignatureLine:
    """The signature line of the witness called `name` at a time in seconds since 1970."""
    signature = time.to_bytes(_TIME, "big") + key.sign(_cosigned(text, time))
    return _line(key, name, SignatureType.WITNESS, signature)


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _line(key: SigningKey, name: str, kind: SignatureType, signature: bytes) -> SignatureLine:
    signer = VerifierKey(name=name, type=kind, public=key.public)
    return SignatureLine(name=name, key_id=signer.key_id, signature=signature)
