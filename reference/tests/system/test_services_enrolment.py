"""A code of enrolment: for whom it is good, how long, and what is kept of it (EPP-SVC-064 to 068)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.reference.anchor import TrustAnchor, verify_bulletin, verify_purse_id
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.policy import Policy
from eiraku.spec import bulletins
from eiraku.spec.centre_objects import Enrolled
from eiraku.spec.objects import Role
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.scheme.settings import DEFAULT
from eiraku.system.services import scheme as schemes
from eiraku.system.services.enrolment import first_request, plain
from eiraku.system.services.scheme import CODE_EPOCHS, Scheme, holder_hash

pytestmark = pytest.mark.slow

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(1, 33)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    schemes.create(tmp_path / "money", DEFAULT, text="[vaults]\nalice = 392\n")
    with schemes.open_(tmp_path / "money"):
        pass
    return tmp_path / "money"


@pytest.fixture
def code(folder: Path) -> str:
    (made,) = schemes.invite(folder, "alice", role=Role.MERCHANT, tier=2)
    return made


@pytest.fixture
def scheme(folder: Path, code: str) -> Iterator[Scheme]:
    assert code
    with schemes.open_(folder) as opened:
        yield opened


def enrol(scheme: Scheme, code: str, key: SigningKey = KEY) -> bytes:
    return scheme.office().enrol(first_request(key, code))


def refused(scheme: Scheme, code: str, key: SigningKey = KEY) -> None:
    with pytest.raises(ServiceRefused) as caught:
        enrol(scheme, code, key)
    assert (caught.value.code, caught.value.requirement) == ("enrolment-code", "EPP-SVC-068")


def test_what_a_new_purse_is_told(scheme: Scheme, code: str) -> None:
    # EPP-SVC-064, EPP-SVC-065
    told = Enrolled.decode(enrol(scheme, code))
    anchor = TrustAnchor.from_json(told.anchor.encode())
    assert anchor == scheme.directory.anchor()
    claims = verify_purse_id(anchor, told.purse_id).claims
    assert (claims.public_key, claims.role, claims.tier) == (KEY.public, Role.MERCHANT, 2)
    assert (claims.holder, claims.economy) == (holder_hash("alice"), 392)
    assert (
        verify_bulletin(anchor, bulletins.update(told.bulletin).signed).epoch
        == scheme.directory.registry.bulletins.epoch
    )
    assert Policy.from_mapping(json.loads(told.policy)) == scheme.directory.policy
    assert told.vault == scheme.vaults["alice"].number


def test_a_code_is_long_enough(folder: Path) -> None:
    # EPP-SVC-064: letters of 32
    codes = schemes.invite(folder, "alice", count=20)
    assert len(set(codes)) == 20
    assert {len(plain(code)) for code in codes} == {24}
    assert set("".join(map(plain, codes))) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_a_code_serves_one_key(scheme: Scheme, code: str) -> None:
    # EPP-SVC-066, EPP-SVC-068
    refused(scheme, "AAAA-AAAA")
    answer = enrol(scheme, code)
    assert enrol(scheme, f" {code.lower()} ") == answer
    refused(scheme, code, OTHER)
    assert len(scheme.directory.registry.purses.known()) == 3


def test_a_code_lapses(scheme: Scheme, code: str) -> None:
    # EPP-SVC-068
    first = scheme.directory.registry.bulletins.epoch
    scheme.directory.advance(first + CODE_EPOCHS + 1)
    refused(scheme, code)


def test_a_code_is_good_in_its_last_epoch(scheme: Scheme, code: str) -> None:
    # EPP-SVC-068
    scheme.directory.advance(scheme.directory.registry.bulletins.epoch + CODE_EPOCHS)
    assert enrol(scheme, code)


def test_no_file_holds_a_code(folder: Path, scheme: Scheme, code: str) -> None:
    # EPP-SVC-067
    enrol(scheme, code)
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert any(KEY.public in content for content in files)
    assert not any(form.encode() in content for content in files for form in (code, plain(code)))
