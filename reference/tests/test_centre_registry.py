"""The register: one number for one key, renewal, recall, revocation, keys; two processes; killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference.anchor import DeviceKey, TrustAnchor, parse_purse_id, verify_bulletin, verify_purse_id
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import Role
from eiraku.system.database import Database, DatabaseError
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA

SEAL = b"device centre..."
RANDOM = Drbg(b"registry")
PERSON: dict[str, Any] = {"role": Role.PERSON, "tier": 2, "holder": bytes(32), "economy": 392, "expires": 60}


def made(url: str, **changes: Any) -> Registry:
    given: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "epoch": 10, "random": RANDOM}
    return Registry.create(Database(url, SCHEMA, wait=60), **given | changes)


@pytest.fixture
def registry(centre_url: str) -> Iterator[Registry]:
    registry = made(centre_url)
    yield registry
    registry.database.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Registry]:
    """On SQLite only."""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}")
    yield registry
    registry.database.close()


def key() -> bytes:
    return SigningKey(RANDOM(32)).public


def new(registry: Registry, **changes: Any) -> bytes:
    """The number of a new purse."""
    return parse_purse_id(registry.purses.register(key(), **PERSON | changes)).claims.number


def anchor(registry: Registry) -> TrustAnchor:
    return TrustAnchor(
        economies=frozenset({392}),
        device_keys=registry.keys.announced(),
        money_keys={},
        device_seal=SEAL,
        money_seal=bytes(16),
        scheme_key=bytes(32),
    )


# --- registration ---


def test_a_registered_purse(registry: Registry) -> None:
    """EPP-DEV-001"""
    public = key()
    signed = registry.purses.register(public, **PERSON)
    claims = verify_purse_id(anchor(registry), signed).claims
    assert (claims.public_key, claims.issued, claims.expires, claims.seal) == (public, 10, 60, SEAL)
    known = registry.purses.lookup(claims.number)
    assert known is not None
    assert (known.public_key, known.role, known.tier, known.economy) == (public, Role.PERSON, 2, 392)
    assert (known.purse_id, known.state, known.registered, known.active) == (signed, "active", 10, True)
    assert registry.purses.public_key(claims.number) == public
    assert [event.kind for event in registry.purses.events(claims.number)] == ["registered"]
    assert registry.purses.lookup(bytes(8)) is None
    assert registry.purses.public_key(b"12345678") is None


def test_the_same_registration_again_gives_the_same(registry: Registry) -> None:
    """EPP-DEV-001, EPP-DEV-011"""
    public = key()
    first = registry.purses.register(public, **PERSON)
    assert registry.purses.register(public, **PERSON) == first
    with pytest.raises(RegistryError, match="registered already"):
        registry.purses.register(public, **PERSON | {"tier": 3})
    number = parse_purse_id(first).claims.number
    registry.purses.recall(number, "lost")
    with pytest.raises(RegistryError, match="make a new key"):
        registry.purses.register(public, **PERSON)
    assert len(registry.purses.known()) == 1


def test_a_number_that_is_taken_is_drawn_again(quick: Registry) -> None:
    """EPP-DEV-001, EPP-PID-001: and never the number of the issuing centre."""
    draws = iter([b"AAAAAAAA", b"AAAAAAAA", bytes(8), b"BBBBBBBB"])
    quick.purses._random = lambda _: next(draws)
    assert new(quick) == b"AAAAAAAA"
    assert new(quick) == b"BBBBBBBB"


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"tier": 8}, "tier"),
        ({"role": 5}, "5"),
        ({"holder": b"me"}, "holder"),
        ({"economy": 0}, "economy"),
        ({"expires": 9}, "expires"),
        ({"expires": 2**32}, "expires"),
        ({"reserved": bytes(33)}, "reserved"),
    ),
)
def test_what_cannot_be_in_a_purse_id_is_not_registered(
    quick: Registry, changes: dict[str, Any], said: str
) -> None:
    """EPP-PID-001"""
    with pytest.raises(RegistryError, match=said):
        quick.purses.register(key(), **PERSON | changes)
    assert not quick.purses.known()


@pytest.mark.parametrize("public", (bytes(32), b"\x01" + bytes(31), b"short", b"\xff" * 32))
def test_a_weak_key_is_not_registered(quick: Registry, public: bytes) -> None:
    """EPP-KEY-002"""
    with pytest.raises(RegistryError, match="small order"):
        quick.purses.register(public, **PERSON)


# --- renewal, recall, revocation ---


def test_renewal_changes_only_what_it_may(registry: Registry) -> None:
    """EPP-DEV-002, EPP-DEV-011"""
    number = new(registry)
    before = registry.purses.lookup(number)
    registry.bulletins.advance()
    signed = registry.purses.renew(number, 90)
    claims = verify_purse_id(anchor(registry), signed).claims
    assert before is not None
    assert (claims.number, claims.public_key, claims.holder) == (number, before.public_key, before.holder)
    assert (claims.issued, claims.expires, claims.tier) == (11, 90, 2)
    assert registry.purses.renew(number, 90) == signed
    for expires in (89, 90):
        with pytest.raises(RegistryError, match="expected a later one"):
            registry.purses.renew(number, expires, tier=3)
    assert parse_purse_id(registry.purses.renew(number, 91, tier=3)).claims.tier == 3
    assert [event.kind for event in registry.purses.events(number)] == ["registered", "renewed", "renewed"]


@pytest.mark.parametrize("end", ("recall", "revoke"))
def test_who_is_out_of_use_is_not_renewed(registry: Registry, end: str) -> None:
    """EPP-DEV-003"""
    number = new(registry)
    getattr(registry.purses, end)(number, "found in a river")
    with pytest.raises(RegistryError, match="is not renewed; register a new purse"):
        registry.purses.renew(number, 90)
    known = registry.purses.lookup(number)
    assert known is not None
    assert (known.state, known.since, known.reason) == (f"{end.rstrip('e')}ed", 10, "found in a river")


def test_states_only_get_worse(registry: Registry) -> None:
    """EPP-DEV-004, EPP-DEV-008, EPP-DEV-014"""
    number = new(registry)
    registry.purses.recall(number, "found")
    registry.purses.recall(number, "found")
    registry.bulletins.advance()
    registry.purses.revoke(number, "copied")
    registry.purses.recall(number, "came in")
    known = registry.purses.lookup(number)
    assert known is not None
    assert (known.state, known.since, known.reason) == ("revoked", 11, "copied")
    kinds = [(event.kind, event.epoch) for event in registry.purses.events(number)]
    assert kinds == [("registered", 10), ("recalled", 10), ("revoked", 11), ("recalled", 11)]


@pytest.mark.parametrize("reason", ("", "  ", "x" * 501))
def test_a_reason_is_given(quick: Registry, reason: str) -> None:
    """EPP-DEV-008"""
    number = new(quick)
    with pytest.raises(RegistryError, match="expected a reason"):
        quick.purses.revoke(number, reason)


def test_an_unknown_purse(quick: Registry) -> None:
    for order in (
        lambda: quick.purses.renew(b"12345678", 90),
        lambda: quick.purses.recall(b"12345678", "lost"),
        lambda: quick.purses.revoke(b"12345678", "lost"),
        lambda: quick.inspections.challenge(b"12345678"),
    ):
        with pytest.raises(RegistryError, match="is not registered; check the number"):
            order()


def test_lists(registry: Registry) -> None:
    numbers = sorted(new(registry) for _ in range(5))
    vault = new(registry, role=Role.VAULT)
    registry.purses.revoke(numbers[0], "copied")
    assert [p.number for p in registry.purses.known(role=Role.PERSON)] == numbers
    assert [p.number for p in registry.purses.known(role=Role.PERSON, after=numbers[1], limit=2)] == numbers[
        2:4
    ]
    assert [p.number for p in registry.purses.known(role=Role.VAULT)] == [vault]
    assert [p.number for p in registry.purses.known(state="revoked")] == [numbers[0]]


# --- keys ---


def test_a_new_key_is_known_before_it_signs(registry: Registry) -> None:
    """EPP-DEV-013, EPP-KEY-009, EPP-KEY-010"""
    old = new(registry)
    first = next(iter(registry.keys.announced()))
    kid = registry.keys.rotate(valid_from=12, valid_to=200)
    assert registry.keys.announced()[kid] == DeviceKey(
        public=registry.keys.announced()[kid].public, valid_from=12, valid_to=200
    )
    known = anchor(registry)
    assert verify_purse_id(known, registry.purses.register(key(), **PERSON)).kid == first
    registry.bulletins.advance()
    assert verify_bulletin(known, registry.bulletins.newest()).epoch == 11
    signed = registry.bulletins.advance()
    assert verify_bulletin(known, signed).epoch == 12
    renewed = verify_purse_id(known, registry.purses.renew(old, 90))
    assert renewed.kid == kid
    # what the old key signed before is still good
    assert {verify_purse_id(known, purse.purse_id).kid for purse in registry.purses.known()} == {first, kid}


@pytest.mark.parametrize(("valid_from", "valid_to"), ((10, 20), (9, 20), (12, 11), (12, 2**32)))
def test_a_key_that_cannot_be(quick: Registry, valid_from: int, valid_to: int) -> None:
    """EPP-DEV-013"""
    with pytest.raises(RegistryError, match="expected"):
        quick.keys.rotate(valid_from=valid_from, valid_to=valid_to)
    assert len(quick.keys.announced()) == 1


def test_without_a_valid_key_nothing_is_signed(tmp_path: Path) -> None:
    """EPP-KEY-009"""
    registry = made(f"sqlite:///{tmp_path / 'device.db'}", key_expires=10)
    number = new(registry)
    with pytest.raises(RegistryError, match=r"no master key may sign in epoch 11; make a new one"):
        registry.bulletins.advance()
    registry.keys.rotate(valid_from=11)
    registry.bulletins.advance()
    registry.purses.renew(number, 90)
    registry.database.close()


# --- opening ---


def test_opened_again(centre_url: str) -> None:
    registry = made(centre_url)
    number = new(registry)
    registry.bulletins.advance()
    bulletin = registry.bulletins.newest()
    registry.database.close()
    again = Registry(Database(centre_url, SCHEMA), random=RANDOM)
    assert (again.bulletins.epoch, again.seal, again.bulletins.newest()) == (11, SEAL, bulletin)
    assert again.purses.lookup(number) is not None
    with pytest.raises(RegistryError, match="has a device centre already"):
        Registry.create(again.database, seal=SEAL, policy_digest=bytes(32), epoch=1, random=RANDOM)
    again.database.close()


def test_nothing_was_created(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA)
    with pytest.raises(RegistryError, match="create it first"):
        Registry(database, random=RANDOM)
    for wrong in ({"seal": b"x"}, {"policy_digest": b"x"}, {"epoch": -1}, {"epoch": 2**32}):
        given: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "epoch": 1, "random": RANDOM}
        with pytest.raises(RegistryError, match="expected"):
            Registry.create(database, **given | wrong)
    database.close()


def test_a_locked_database_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'device.db'}"
    registry = made(url)
    number = new(registry)
    impatient = Registry(Database(url, SCHEMA, wait=0.05), random=RANDOM)
    with registry.database.writing():
        with pytest.raises(DatabaseError, match="end the other program"):
            impatient.purses.revoke(number, "copied")
        with pytest.raises(DatabaseError, match="end the other program"):
            impatient.bulletins.advance()
    assert registry.bulletins.epoch == 10
    impatient.bulletins.advance()
    assert registry.bulletins.epoch == 11
    impatient.database.close()
    registry.database.close()


# --- several at once ---


def test_several_at_once_never_share(centre_url: str) -> None:
    """EPP-DEV-001, EPP-DEV-005: two openings of one database, as two processes have."""
    first = made(centre_url)
    second = Registry(Database(centre_url, SCHEMA, wait=60), random=Drbg(b"second"))
    keys = [key() for _ in range(10)]

    def register(public: bytes, registry: Registry) -> bytes:
        return registry.purses.register(public, **PERSON)

    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(register, keys * 2, [first] * 10 + [second] * 10))
        bulletins = list(pool.map(lambda registry: registry.bulletins.advance(), [first, second] * 6))
    assert signed[:10] == signed[10:]
    assert len({parse_purse_id(one).claims.number for one in signed}) == 10
    epochs = [verify_bulletin(anchor(first), one).epoch for one in bulletins]
    assert sorted(epochs) == list(range(11, 23))
    first.database.close()
    second.database.close()


WORKER = """
import os
import sys
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.objects import Role
registry = Registry(Database(sys.argv[1], SCHEMA, wait=60), random=os.urandom)
for n in range(int(sys.argv[2]), 10**6):
    public = SigningKey(n.to_bytes(32, "big")).public
    try:
        registry.purses.register(
            public, role=Role.PERSON, tier=1, holder=bytes(32), economy=392, expires=10**9
        )
    except RegistryError:  # renewed or revoked already
        pass
    number = registry.purses.lookup_key(public).number
    print("purse", n, number.hex(), flush=True)
    if n % 5 == 1:
        print("renewed", n, registry.purses.renew(number, 10**9 + 1).hex(), flush=True)
    if n % 5 == 2:
        registry.purses.revoke(number, "copied")
        print("revoked", n, number.hex(), flush=True)
    if n % 3 == 0:
        print("bulletin", n, registry.bulletins.advance().hex(), flush=True)
    if n >= int(sys.argv[3]):
        break
"""


def worker(url: str, start: int, stop: int = 10**6) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, url, str(start), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> list[tuple[str, int, str]]:
    """Complete lines of what the process acknowledged."""
    assert process.stdout is not None
    lines = process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    process.wait()
    return [acknowledgement(line) for line in lines]


def acknowledgement(line: str) -> tuple[str, int, str]:
    kind, n, rest = line.split()
    return kind, int(n), rest


def test_two_processes(centre_url: str) -> None:
    """EPP-DEV-001, EPP-DEV-005: both register the same keys, and publish."""
    registry = made(centre_url)
    both = [worker(centre_url, 1, 25) for _ in range(2)]
    results = [said(process) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    purses = [{n: rest for kind, n, rest in lines if kind == "purse"} for lines in results]
    assert purses[0] == purses[1]
    assert purses[0].keys() == set(range(1, 26))
    assert len(set(purses[0].values())) == 25
    bulletins = [rest for lines in results for kind, _, rest in lines if kind == "bulletin"]
    epochs = [verify_bulletin(anchor(registry), bytes.fromhex(one)).epoch for one in bulletins]
    assert sorted(epochs) == list(range(11, 11 + 16))
    assert len(registry.purses.known()) == 25
    registry.database.close()


def test_killed_at_any_moment(centre_url: str, kills: int) -> None:
    """EPP-DEV-001, EPP-DEV-005: what was acknowledged is there, and nothing is there twice."""
    kills = kills or 4
    registry = made(centre_url)
    chance = random.Random(5)
    acknowledged: dict[tuple[str, int], str] = {}
    bulletins: dict[int, str] = {}
    start = 1
    for _ in range(kills):
        process = worker(centre_url, start)
        assert process.stdout is not None
        # Counted in what was acknowledged and not in time, so that a busy machine changes nothing.
        lines = [acknowledgement(process.stdout.readline())]
        while lines[-1][0] != "bulletin":
            lines.append(acknowledgement(process.stdout.readline()))
        lines += [acknowledgement(process.stdout.readline()) for _ in range(chance.randrange(8))]
        time.sleep(chance.uniform(0, 0.005))
        process.send_signal(signal.SIGKILL)
        for kind, n, rest in lines + said(process):
            if kind == "bulletin":
                epoch = verify_bulletin(anchor(registry), bytes.fromhex(rest)).epoch
                assert bulletins.setdefault(epoch, rest) == rest
            else:
                assert acknowledged.setdefault((kind, n), rest) == rest
        start = max(n for _, n in acknowledged)
    assert len(bulletins) >= kills
    assert registry.bulletins.epoch - max(bulletins) in {0, 1}
    assert epochs_of(registry) == list(range(10, registry.bulletins.epoch + 1))
    for epoch, signed in bulletins.items():
        assert stored(registry, epoch).hex() == signed
    for (kind, n), rest in acknowledged.items():
        purse = registry.purses.lookup_key(SigningKey(n.to_bytes(32, "big")).public)
        assert purse is not None
        match kind:
            case "purse":
                assert purse.number.hex() == rest
            case "renewed":
                assert purse.purse_id.hex() == rest
            case "revoked":
                assert (purse.number.hex(), purse.state) == (rest, "revoked")
    assert len({purse.number for purse in registry.purses.known(limit=10**6)}) in {start, start + 1}
    verify_bulletin(anchor(registry), registry.bulletins.advance())
    registry.database.close()


def epochs_of(registry: Registry) -> list[int]:
    return [epoch for epoch, _ in registry.bulletins.published()]


def stored(registry: Registry, epoch: int) -> bytes:
    return next(signed for known, signed in registry.bulletins.published() if known == epoch)


def test_vaults_report_suspects(registry: Registry) -> None:
    """EPP-VLT-002, EPP-DEV-015: kept once, however often it is sent."""
    vault, person = new(registry, role=Role.VAULT), new(registry)
    for _ in range(3):
        registry.suspects.report(vault, person, 9, None, 10)
    registry.suspects.report(vault, person, 24, bytes(32), 10)
    registry.suspects.report(vault, person, 24, b"\x01" * 32, 10)
    registry.bulletins.advance()
    registry.suspects.report(vault, person, 24, bytes(32), 10)
    found = registry.suspects.after()
    assert [(s.number, s.code, s.unit_id, s.received) for s in found] == [
        (person, 9, None, 10),
        (person, 24, bytes(32), 10),
        (person, 24, b"\x01" * 32, 10),
    ]
    assert registry.suspects.after(found[1].sequence) == found[2:]
    with pytest.raises(RegistryError, match="only vaults"):
        registry.suspects.report(person, vault, 9, None, 10)


def test_no_purse_id_is_a_bulletin(quick: Registry) -> None:
    """EPP-KEY-006: the key is the same, the context is not."""
    signed = quick.purses.register(key(), **PERSON)
    with pytest.raises(Refusal):
        verify_bulletin(anchor(quick), signed)
    assert objects.CONTEXT_PURSE_ID != objects.CONTEXT_BULLETIN


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_only_the_owner_reads_the_private_keys(tmp_path: Path) -> None:
    made(f"sqlite:///{tmp_path / 'device.db'}").database.close()
    assert (tmp_path / "device.db").stat().st_mode & 0o077 == 0
