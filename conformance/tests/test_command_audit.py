"""``eiraku audit``: the operator's own centres, good and tampered with; what it prints, exit codes."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from eiraku.cli.main import group
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Unavailable
from eiraku.spec.objects import Role
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory
from eiraku.system.scheme.settings import DEFAULT

pytestmark = pytest.mark.slow

RANDOM = Drbg(b"audit")
PURSE: dict[str, Any] = {"tier": 1, "holder": bytes([1]) * 32, "economy": 392}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(group, ["audit", *map(str, arguments)], standalone_mode=False)


def code(result: Result) -> int:
    """As `eiraku.cli.main` gives it."""
    if result.exception is not None:
        assert hasattr(result.exception, "exit_code"), result.exception
        return 2
    return int(result.return_value)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scheme's folder: a purse was copied, and both paid; what came home is in the database."""
    folder = tmp_path_factory.mktemp("scheme")
    centres = directory.create(folder / "c", settings=DEFAULT, random=RANDOM)
    vault = centres.make_purse(folder / "vault.db", role=Role.VAULT, **PURSE)
    cheat, other = (
        centres.make_purse(folder / f"{name}.db", role=Role.PERSON, **PURSE) for name in ("cheat", "other")
    )
    provision = vault.store.provision()
    assert provision is not None
    issuer, number = centres.issuer, provision.number
    issuer.accounts.fund(RANDOM(16), number, 100)
    issue = issuer.issues.issue(RANDOM(16), number, 392, [8, 1, 1])
    taken = vault.take_issue(issue)
    assert isinstance(taken, Accepted)
    assert taken.out is not None
    issuer.issues.receipt(number, Issue.decode(issue).transaction, taken.out)
    transfer(vault, PayOrder(amount=8), cheat, ReceiveOrder())
    cheat.close()
    (folder / "copy.db").write_bytes((folder / "cheat.db").read_bytes())
    cheat = Device(folder / "cheat.db", RANDOM)
    copied = Device(folder / "copy.db", RANDOM)
    counter = Counter(centres.counter(), issuer)
    for payer, way in ((cheat, ()), (copied, (other,))):
        for payee in way:
            transfer(payer, PayOrder(amount=8), payee, ReceiveOrder())
        transfer(way[-1] if way else payer, PayOrder(amount=8), counter.device, ReceiveOrder())
        counter.collect()
    for device in (vault, cheat, copied, other, counter.device):
        device.close()
    centres.close()
    return folder / "c"


@pytest.fixture
def folder(lived: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    (tmp_path / "c").mkdir()
    for path in lived.iterdir():
        (tmp_path / "c" / path.name).write_bytes(path.read_bytes())
    return tmp_path / "c"


def spoil(folder: Path, statement: str) -> None:
    database = sqlite3.connect(folder / "issuing.db")
    database.execute(statement)
    database.commit()
    database.close()


def contents(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if not path.name.endswith(("-wal", "-shm"))
    }


def test_everything_stands(folder: Path) -> None:
    before = contents(folder)
    result = run("--centres", folder, "--workers", 1)
    assert code(result) == 0
    for line in ("1 issues", "3 units", "2 deposits", "1 cases", "1 deposits credited", "1 deposits copy"):
        assert f" {line}\n" in result.output
    assert result.output.endswith("everything stands\n")
    assert contents(folder) == before


def test_for_a_program(folder: Path) -> None:
    result = run("--centres", folder, "--workers", 1, "--json")
    assert code(result) == 0
    assert json.loads(result.output) == {
        "good": True,
        "verified": {"cases": 1, "deposits": 2, "issues": 1, "units": 3},
        "outcomes": {"copy": 1, "credited": 1},
        "problems_found": 0,
        "problems": [],
    }


@pytest.mark.parametrize(
    ("statement", "said"),
    (
        ("DELETE FROM suspicion", ", hop 2: no case"),
        ("UPDATE deposit SET path = zeroblob(384) WHERE outcome = 'credited'", "deposits 1: "),
        ("UPDATE balance SET amount = amount + 1", "to sum to zero"),
    ),
)
def test_something_does_not_stand(folder: Path, statement: str, said: str) -> None:
    spoil(folder, statement)
    result = run("--centres", folder, "--workers", 1)
    assert code(result) == 1
    assert said in result.output
    assert "do not stand: stop, keep a copy, and look into it" in result.output
    document = json.loads(run("--centres", folder, "--workers", 1, "--json").output)
    assert not document["good"]
    assert document["problems_found"] == len(document["problems"]) > 0


def test_more_problems_than_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eiraku.system.issuing.audit.TOLD", 1)
    spoil(folder, "UPDATE deposit SET path = substr(path, 1, 128)")
    result = run("--centres", folder, "--workers", 1)
    assert code(result) == 1
    assert result.output.count("wrong: ") == 2
    assert " more\n" in result.output


@pytest.mark.parametrize(
    ("change", "said"),
    (
        (lambda folder: (folder / "issuing.db").unlink(), "expected a database; restore it from a backup"),
        (lambda folder: (folder / "issuing.db").write_text("no database"), "expected a database of a centre"),
        (lambda folder: (folder / "issuing.db").write_bytes(b""), "found an empty one"),
        (lambda folder: (folder / "centre.toml").unlink(), "name a folder made by"),
    ),
)
def test_misuse(folder: Path, change: Callable[[Path], object], said: str) -> None:
    for name in ("issuing.db-wal", "issuing.db-shm"):
        (folder / name).unlink(missing_ok=True)
    change(folder)
    result = run("--centres", folder)
    assert code(result) == 2
    assert said in str(result.exception)


def test_no_folder(tmp_path: Path) -> None:
    assert code(run()) == 2
    assert code(run("--centres", tmp_path / "none")) == 2


def test_workers_that_are_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise Unavailable("nobody is left")

    monkeypatch.setattr("eiraku.system.issuing.audit.completed", nobody)
    result = run("--centres", folder, "--workers", 1)
    assert code(result) == 3
    assert "not finished: nobody is left" in result.output
