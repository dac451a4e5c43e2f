"""Device centre: makes purses and bulletins (S-2, S-7, S-11; specification, chapter 3).

Enough to provision purses and to revoke them; the register of purses is `eiraku.system.device`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin, Whole
from eiraku.spec.objects import PurseId, Role
from eiraku.spec.revoked import coded


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseMasterKey:
    """A purse master key and the epochs, both included, in which it may sign."""

    key: SigningKey
    valid_from: int
    valid_to: int

    @property
    def kid(self) -> bytes:
        """8-byte key identifier."""
        return ed25519.key_id(self.key.public)

    @property
    def announced(self) -> DeviceKey:
        """What everybody may know of it, as it stands in a key list."""
        return DeviceKey(public=self.key.public, valid_from=self.valid_from, valid_to=self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCentre:
    """Signs under the last of its keys; earlier ones stay in anchors until they lapse (EPP-KEY-010)."""

    keys: tuple[PurseMasterKey, ...]
    seal: bytes
    economy: int

    def certify(
        self,
        *,
        number: bytes,
        public_key: bytes,
        role: Role,
        tier: int,
        holder: bytes,
        issued: int,
        expires: int,
        reserved: bytes = b"",
    ) -> bytes:
        """A signed purse ID for a purse number (8 bytes), key (32), holder hash (32), epochs included."""
        purse_id = PurseId(
            number=number,
            public_key=public_key,
            role=role,
            tier=tier,
            holder=holder,
            economy=self.economy,
            issued=issued,
            expires=expires,
            seal=self.seal,
            reserved=reserved,
        )
        return self.sign(objects.CONTEXT_PURSE_ID, purse_id.encode())

    def bulletin(self, *, epoch: int, revoked: Iterable[bytes], policy_digest: bytes) -> bytes:
        """A bulletin with its list, as an update; `revoked`: purse numbers in any order, repeats removed.

        `policy_digest`: 32 bytes.
        """
        listed = coded(sorted({int.from_bytes(number, "big") for number in revoked}))
        payload = Bulletin.of(listed, epoch=epoch, policy_digest=policy_digest).encode()
        signed = self.sign(objects.CONTEXT_BULLETIN, payload)
        return Whole(signed=signed, chunks=tuple(data for _, data in listed.parts)).encode()

    def sign(self, context: bytes, payload: bytes) -> bytes:
        """Encoded COSE_Sign1 under the current key."""
        current = self.keys[-1]
        return cose.sign(current.key, context, payload, kid=current.kid)
