"""``eiraku wholesale``: what it prints, and its exit codes, also for wrong input."""

import json
import secrets
import sqlite3
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from eiraku.cli.main import group
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.signed_note import Note
from eiraku.system.database import Database
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA as CENTRE
from eiraku.system.issuing.schema import Rules
from eiraku.system.wholesale import vector_notes
from eiraku.system.wholesale.note import cosign
from eiraku.testing.wholesale import OTHER as STRANGER
from eiraku.testing.wholesale import SDR, operator_key

pytestmark = pytest.mark.slow


OTHER = str(operator_key(STRANGER))
NAME = vector_notes.WITNESSES[0]
WITNESS = str(vector_notes.witness_key(NAME))


def run(*arguments: object) -> tuple[int, str]:
    """Exit code as `eiraku.cli.main` gives it, and everything that was printed."""
    outcome = CliRunner().invoke(group, ["wholesale", *map(str, arguments)], standalone_mode=False)
    if isinstance(outcome.exception, click.ClickException):
        return 2, outcome.exception.format_message()
    if outcome.exception is not None:
        raise outcome.exception
    return outcome.return_value, outcome.output


def good(*arguments: object) -> str:
    code, said = run(*arguments)
    assert code == 0, said
    return said


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A register with two members and some coins."""
    made = tmp_path / "register.db"
    good("init", made, "--origin", "acu.example")
    for economy in (392, 702):
        good("member", made, economy)
    good("contribute", made, 392, 5_000_000)
    good("issue", made, 392, 3_000_000)
    good("reflux", made, 392, 702, 400_000)
    return made


@pytest.fixture
def key(file: Path) -> str:
    """The operator's verifier key."""
    return good("show", file).split()[-1]


@pytest.fixture
def log(file: Path, tmp_path: Path) -> Path:
    made = tmp_path / "log.jsonl"
    assert "5 entries of acu.example" in good("export", file, made)
    return made


def accounts(file: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(good("show", file, "--json"))
    return found


# EPP-WHS-001, EPP-WHS-002
def test_every_kind_of_posting(file: Path) -> None:
    good("redeem", file, 392, 100_000)
    good("issue", file, 392, 50_000, "--at", 702)
    good("transfer", file, 702, 392, 10_000)
    good("withdraw", file, 392, 1_000_000)
    assert accounts(file) == {
        "392": {"own": 1_110_000, "issued": 2_550_000, "bonds": 3_660_000},
        "702": {"own": 340_000, "issued": 0, "bonds": 340_000},
    }
    assert "4,000,000" in good("show", file)
    assert good("verify", file) == "acu.example: 9 entries, no contradiction\n"


# EPP-WHS-033
def test_the_same_posting_again(file: Path) -> None:
    posting = "ab" * 16
    first = good("issue", file, 392, 5, "--posting", posting)
    assert first == f"entry 5, posting {posting}\n"
    assert good("issue", file, 392, 5, "--posting", posting) == first
    code, said = run("issue", file, 392, 6, "--posting", posting)
    assert code == 1
    assert "take a new id" in said


# EPP-WHS-035
def test_what_is_not_backed_is_refused(file: Path) -> None:
    assert run("issue", file, 702, 400_001) == (
        1,
        "own:702 has 400000, issue needs 400001 [EPP-WHS-035]\n",
    )
    assert run("contribute", file, 764, 1)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("show", "missing.db"), "missing.db: no such file"),
        (("init", "FILE", "--origin", "x"), "is there already; name a new file"),
        (("init", "new.db", "--origin", ""), "name of 1 to 64 bytes"),
        (("contribute", "FILE", "Japan", "1"), "'Japan' is not a valid integer"),
        (("contribute", "FILE", "392", "0"), "not in the range"),
        (("contribute", "FILE", "392", "1.5"), "not a valid integer"),
        (
            ("contribute", "FILE", "392", "1", "--posting", "ab"),
            "expected the id of a posting: 32 hex digits",
        ),
        (("verify", "FILE", "--operator", "zz"), "expected a verifier key: a name, 8 hexadecimal digits"),
        (("verify", "FILE", "--operator", OTHER), "expected a readable text file"),
        (("verify", "FILE", "--operator", WITNESS), "expected the key of an operator, of type 1, found 4"),
        (("verify", "FILE", "--quorum", "1"), "name its --operator too"),
        (("verify", "LOG", "--operator", OTHER, "--quorum", "1"), "quorum from 0 to 0 witnesses, found 1"),
        (("verify", "LOG", "--operator", OTHER, "--witness", OTHER), "expected the key of a witness"),
        (("prove", "FILE", "5"), "the log has 5 entries, the first is 0"),
        (("advance", "FILE", "0"), "expected an epoch from 1 on, found 0"),
        (("show", "junk"), "not a database"),
        (("show", "sqlserver://x"), "expected"),
        (("verify", "LOG"), "expected a register, found an exported log; to verify it, name"),
        (("show", "LOG"), "log.jsonl --operator KEY"),
        (("basket", "missing.toml"), "does not exist"),
        (("seigniorage", "FILE", "--from", "2", "--to", "1", "--income", "1"), "ends before it begins"),
        (("export", "FILE", "no/such/folder/log"), "No such file or directory"),
        (("sync", "FILE", "--centre", "missing.db"), "missing.db: no such file"),
        (("sync", "FILE", "--centre", "FILE"), "expected the database of issuing centre"),
    ),
)
def test_misuse(
    file: Path, log: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    Path("junk").write_text("no database")
    named = {"FILE": str(file), "LOG": str(log)}
    code, output = run(*(named.get(part, part) for part in arguments))
    assert code == 2
    assert said in output


# EPP-WHS-009
def test_a_member_verifies_offline(file: Path, log: Path, key: str, tmp_path: Path) -> None:
    said = good("verify", log, "--operator", key)
    assert "5 entries, 1 checkpoint, all as signed" in said
    assert "2,600,000" in said
    view = tmp_path / "view.db"
    assert "accepted 5 entries at epoch 1" in good("follow", view, log, "--operator", key)
    good("issue", file, 392, 7)
    good("export", file, log)
    assert "accepted 6 entries at epoch 1" in good("follow", view, log, "--operator", key)
    code, said = run("verify", log, "--operator", OTHER)
    assert (code, "not signed by the operator's key" in said) == (1, True)
    code, said = run("follow", view, log, "--operator", OTHER)
    assert (code, "not signed by the operator's key" in said) == (1, True)


# EPP-WHS-023
def test_a_log_that_was_altered(log: Path, key: str) -> None:
    lines = log.read_text().splitlines()
    fields = json.loads(lines[4])
    fields["entry"] = fields["entry"][:-2] + "00"
    log.write_text("\n".join([*lines[:4], json.dumps(fields), *lines[5:]]))
    code, said = run("verify", log, "--operator", key)
    assert (code, "not those that the operator signed" in said) == (1, True)
    log.write_text("nonsense")
    code, said = run("verify", log, "--operator", key)
    assert (code, "line 1: expected the header" in said) == (2, True)


# EPP-WHS-003
def test_a_register_that_was_altered(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE leaf SET data = x'00' WHERE position = 2")
    code, said = run("verify", file)
    assert (code, "leaf 2: the stored hash is not that of the data" in said) == (1, True)
    assert run("seigniorage", file, "--from", "0", "--to", "0", "--income", "1")[0] == 1


# EPP-WHS-010, EPP-WHS-028
def test_a_fork_and_its_evidence(file: Path, log: Path, key: str, tmp_path: Path) -> None:
    """The operator goes on from one backup in two ways."""
    view, other, twin = (tmp_path / name for name in ("view.db", "other.jsonl", "twin.db"))
    twin.write_bytes(file.read_bytes())
    for register, amount in ((file, 1), (twin, 2)):
        good("issue", register, 392, amount)
    good("issue", twin, 392, 3)
    good("export", file, log)
    good("export", twin, other)
    good("follow", view, log, "--operator", key)
    evidence = tmp_path / "fork.json"
    code, said = run("follow", view, other, "--operator", key, "--evidence", evidence)
    assert (code, "the operator's log has a fork" in said) == (1, True)
    assert "two logs of 6 entries" in good("verify-fork", evidence, "--operator", key)
    again = tmp_path / "again.json"
    assert "two logs of 6 entries" in good("fork", log, other, "--operator", key, "--evidence", again)
    assert run("fork", log, log, "--operator", key, "--evidence", again)[0] == 1
    assert run("verify-fork", evidence, "--operator", OTHER)[0] == 1
    evidence.write_text("{}")
    assert run("verify-fork", evidence, "--operator", key)[0] == 1


# EPP-WHS-006
def test_seigniorage(file: Path, log: Path, key: str) -> None:
    period = ("--from", 1, "--to", 1, "--income", 100_000, "--cost", 33_333)
    code, words = run("seigniorage", file, *period)
    assert (code, "the period is not over" in words) == (1, True)
    good("advance", file, 2)
    said = json.loads(good("seigniorage", file, *period, "--json"))
    assert said["result"] == 66_667
    assert said["shares"] == {"392": 61_334, "702": 5_333}
    assert "61,334" in good("seigniorage", file, *period)
    good("export", file, log)
    assert json.loads(good("seigniorage", log, *period, "--operator", key, "--json")) == said
    code, words = run("seigniorage", file, "--from", 0, "--to", 0, "--income", 1)
    assert (code, "nobody contributed anything" in words) == (1, True)


# EPP-WHS-007, EPP-WHS-012
def test_basket(tmp_path: Path) -> None:
    file = tmp_path / "basket.toml"
    file.write_text(SDR)
    assert "1 XDR = 1.57861 USD" in good("basket", file, "--on", "2011-10-19")
    assert good("basket", file, "--on", "2011-10-19", "--convert", "1", "USD") == "63\n"
    code, said = run("basket", file)
    assert (code, "state newer ones" in said) == (1, True)
    assert "1 / 76.79" not in said
    code, said = run("basket", file, "--on", "2011-10-19", "--convert", "1", "CHF")
    assert (code, "expected one of EUR, GBP, JPY, USD" in said) == (1, True)
    file.write_text(SDR.replace("EUR", "EURO", 1))
    code, said = run("basket", file)
    assert (code, "basket.toml: amounts.EURO: expected a code of three" in said) == (2, True)
    file.write_bytes(b"\xff")
    assert run("basket", file)[0] == 2


# EPP-WHS-023
def test_prove_and_checkpoint(file: Path, key: str, tmp_path: Path) -> None:
    proof = json.loads(good("prove", file, 4))
    assert len(proof["proof"]) == 1
    assert proof["checkpoint"] == good("checkpoint", file)
    assert proof["checkpoint"].startswith("acu.example\n5\n")
    printed = tmp_path / "proof.json"
    printed.write_text(json.dumps(proof))
    trust = ("--operator", key)
    assert good("verify-proof", printed, *trust) == "entry 4: reflux 392 at 702, 400,000, epoch 1\n"
    assert run("verify-proof", printed, "--operator", OTHER)[0] == 1
    assert run("verify-proof", printed, *trust, "--witness", WITNESS, "--quorum", 1)[0] == 1
    for index in (3, 5, "4", None):
        printed.write_text(json.dumps(proof | {"index": index}))
        code, said = run("verify-proof", printed, *trust)
        assert code == 1, said
    printed.write_text("[]")
    code, said = run("verify-proof", printed, *trust)
    assert (code, "expected what `eiraku wholesale prove` printed" in said) == (2, True)


# EPP-WHS-025, EPP-WHS-026
def test_witnesses(file: Path, log: Path, key: str, tmp_path: Path) -> None:
    """A witness cosigns what `checkpoint` prints; members that ask for it accept the log from then on."""
    view, note = tmp_path / "view.db", tmp_path / "note"
    asked = ("--operator", key, "--witness", WITNESS, "--quorum", 1)
    for command in (("verify", log), ("follow", view, log)):
        code, said = run(*command, *asked)
        assert (code, "cosigned by 0 known witnesses, expected 1" in said) == (1, True)
    printed = Note.decode(good("checkpoint", file))
    line = cosign(vector_notes.witness(NAME), NAME, printed.text, time=vector_notes.TIME)
    note.write_bytes(Note(text=printed.text, signatures=(*printed.signatures, line)).encode().encode())
    assert good("cosigned", file, note, "--witness", WITNESS) == "1 cosignatures kept\n"
    good("export", file, log)
    assert "5 entries, 1 checkpoint, all as signed" in good("verify", log, *asked)
    # The view remembers whom it relies on.
    assert "accepted 5 entries" in good("follow", view, log, "--operator", key)
    good("issue", file, 392, 7)
    good("export", file, log)
    code, said = run("follow", view, log, "--operator", key)
    assert (code, "expected 1; ask for it again" in said) == (1, True)
    assert "accepted 6 entries" in good("follow", view, log, "--operator", key, "--quorum", 0)
    assert run("follow", view, log, "--operator", key, "--quorum", 2)[0] == 2
    note.write_bytes(b"nonsense")
    code, said = run("cosigned", file, note, "--witness", WITNESS)
    assert (code, "not well formed" in said) == (1, True)


# EPP-WHS-011
def test_sync(file: Path, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'centre.db'}", CENTRE)
    vault = b"vault..."
    issuer = Issuer(
        Office.create(
            database,
            seal=bytes(16),
            economies=(392,),
            rules=Rules(redemption_grace=1, claim_grace=2, unit_lifetime=10, max_hops=5),
            epoch=1,
            random=secrets.token_bytes,
            root=SigningKey(bytes(32)),
            public_keys={vault: bytes(32)}.get,
        )
    )
    good("init", tmp_path / "empty.db", "--origin", "b.example")
    good("member", tmp_path / "empty.db", 392)
    good("contribute", tmp_path / "empty.db", 392, 100)
    issuer.accounts.fund(bytes(16), vault, 1000)
    issuer.issues.issue(bytes(16), vault, 392, [64])
    issuer.issues.issue(b"x" * 16, vault, 392, [64])
    centre = ("--centre", tmp_path / "centre.db")
    code, said = run("sync", tmp_path / "empty.db", *centre)
    assert (code, "own:392 has 36, issue needs 64" in said) == (1, True)
    good("contribute", tmp_path / "empty.db", 392, 100)
    assert good("sync", tmp_path / "empty.db", *centre) == "1 bookings posted\n"
    code, said = run("sync", file, *centre)
    assert (code, "economy 392: issued 2600128, outstanding 128" in said) == (1, True)
    database.close()
