"""The roots of a scheme, one for each centre: they sign key lists and nothing else (EPP-KEY-020)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey, MoneyKey, Validity
from eiraku.spec import key_lists, shape
from eiraku.spec.key_lists import DeviceKeys, MoneyKeys

ALWAYS = Validity(valid_from=0, valid_to=shape.EPOCH_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """Both, as no single hand should have them but in a test or a demonstration."""

    device: SigningKey
    money: SigningKey

    def anchor(
        self,
        *,
        economies: Iterable[int],
        device_keys: Iterable[DeviceKey],
        money_keys: Iterable[MoneyKey],
        device_seal: bytes,
        money_seal: bytes,
        scheme_keys: Iterable[bytes] = (bytes(32),),
    ) -> TrustAnchor:
        """An anchor with a first list of each centre, which never expires, nor do the scheme keys.

        Raises AnchorError.
        """
        secrets = tuple(scheme_keys)
        scheme = {key_lists.scheme_key_id(key): ALWAYS for key in secrets}
        last = shape.EPOCH_MAX
        device = device_list(self.device, sequence=1, expires=last, keys=device_keys, scheme=scheme)
        money = money_list(self.money, sequence=1, expires=last, keys=money_keys)
        return TrustAnchor.from_mapping(
            {
                "economies": sorted(economies),
                "device_root": self.device.public.hex(),
                "money_root": self.money.public.hex(),
                "device_keys": device.hex(),
                "money_keys": money.hex(),
                "device_seal": device_seal.hex(),
                "money_seal": money_seal.hex(),
                "scheme_keys": [key.hex() for key in secrets],
            }
        )


def device_list(
    root: SigningKey,
    *,
    sequence: int,
    expires: int,
    keys: Iterable[DeviceKey],
    scheme: Mapping[bytes, Validity],
) -> bytes:
    """A signed list of the device centre. `scheme`: by 8-byte identifier."""
    payload = DeviceKeys(
        sequence=sequence,
        expires=expires,
        keys=tuple((key.public, key.valid_from, key.valid_to) for key in keys),
        scheme=tuple((name, each.valid_from, each.valid_to) for name, each in scheme.items()),
    )
    return sign(root, key_lists.CONTEXT_DEVICE_KEYS, payload.encode())


def money_list(root: SigningKey, *, sequence: int, expires: int, keys: Iterable[MoneyKey]) -> bytes:
    """A signed list of the issuing centre."""
    payload = MoneyKeys(
        sequence=sequence,
        expires=expires,
        keys=tuple((key.public, key.history, key.valid_from, key.valid_to) for key in keys),
    )
    return sign(root, key_lists.CONTEXT_MONEY_KEYS, payload.encode())


def sign(root: SigningKey, context: bytes, payload: bytes) -> bytes:
    """Encoded COSE_Sign1 under a root."""
    return cose.sign(root, context, payload, kid=ed25519.key_id(root.public))
