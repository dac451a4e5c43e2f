"""Test vectors of key lists: for `vectors`, whose names of private inputs hold here too.

The first lists are those of the payment. The second ones name a successor of each key and end the earlier
one: its unit that was issued later is not valid any more.
"""

from dataclasses import replace

from eiraku.reference.centres.roots import device_list, money_list
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import unit_id
from eiraku.reference.keylists import DeviceKey, MoneyKey, Validity
from eiraku.spec import objects
from eiraku.spec.key_lists import scheme_key_id
from eiraku.spec.objects import Unit

LAST, EXPIRES = 99, 200
"""Last epoch of a key, and of the first lists."""


def values(
    secrets: dict[str, bytes], unit: Unit, revoked_from: int
) -> list[tuple[str, str, dict[str, bytes]]]:
    """(id, requirements, values) of each vector. `secrets`: by name; `unit`: that of the payment."""
    device_root, money_root = (SigningKey(secrets[name]) for name in ("device root", "money root"))
    master, unit_key = SigningKey(secrets["purse master key"]), SigningKey(secrets["unit key"])
    successor = SigningKey(secrets["second unit key"])
    next_master = SigningKey(secrets["second purse master key"])
    end = revoked_from - 1
    histories = [AgreementKey(secrets[name]).public for name in ("history key", "second history key")]
    schemes = [scheme_key_id(secrets[name]) for name in ("scheme key", "second scheme key")]
    first_device = device_list(
        device_root,
        sequence=1,
        expires=EXPIRES,
        keys=[DeviceKey(public=master.public, valid_from=0, valid_to=LAST)],
        scheme={schemes[0]: Validity(valid_from=0, valid_to=LAST)},
    )
    second_device = device_list(
        device_root,
        sequence=2,
        expires=2 * EXPIRES,
        keys=[
            DeviceKey(public=master.public, valid_from=0, valid_to=end),
            DeviceKey(public=next_master.public, valid_from=revoked_from, valid_to=LAST),
        ],
        scheme={
            schemes[0]: Validity(valid_from=0, valid_to=end),
            schemes[1]: Validity(valid_from=0, valid_to=LAST),
        },
    )
    old = MoneyKey(public=unit_key.public, history=histories[0], valid_from=0, valid_to=LAST)
    new = MoneyKey(public=successor.public, history=histories[1], valid_from=revoked_from, valid_to=LAST)
    first_money = money_list(money_root, sequence=1, expires=EXPIRES, keys=[old])
    second_money = money_list(
        money_root, sequence=2, expires=2 * EXPIRES, keys=[replace(old, valid_to=end), new]
    )
    found = [
        ("scheme-key-id", "EPP-KEY-048", {"scheme_key": secrets["scheme key"], "id": schemes[0]}),
        *(
            (name, rules, _parts(secret, signed))
            for name, rules, secret, signed in (
                ("device-keys-1", "EPP-KEY-020 EPP-KEY-022", secrets["device root"], first_device),
                ("device-keys-2", "EPP-KEY-020 EPP-KEY-037", secrets["device root"], second_device),
                ("money-keys-1", "EPP-KEY-020 EPP-KEY-022", secrets["money root"], first_money),
                ("money-keys-2", "EPP-KEY-020 EPP-KEY-037", secrets["money root"], second_money),
            )
        ),
    ]
    # Valid under the first list and not under the second; under the second and not under the first.
    for name, key, secret in (
        ("unit-under-revoked-key", unit_key, "unit key"),
        ("unit-under-successor", successor, "second unit key"),
    ):
        payload = replace(unit, number=unit.number + 1, issued=revoked_from).encode()
        kid = ed25519.key_id(key.public)
        parts = {
            "private_key": secrets[secret],
            "payload": payload,
            "unit": cose.sign(key, objects.CONTEXT_UNIT, payload, kid=kid),
            "unit_id": unit_id(kid, payload),
        }
        found.append((name, "EPP-KEY-009 EPP-KEY-037", parts))
    return found


def _parts(private_key: bytes, signed: bytes) -> dict[str, bytes]:
    return {"private_key": private_key, "payload": cose.parse(signed).payload, "key_list": signed}
