"""`eiraku vault` as an operator meets it, with right and with wrong input."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eiraku.cli import main
from eiraku.reference.device import Device

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eiraku vault FOLDER ...`: exit code, standard output, standard error."""

    def call(*arguments: object, folder: str = "money", command: str = "vault") -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["eiraku", command, str(tmp_path / folder), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return ended.value.code, said.out, said.err

    assert call("--init", "--vault", "alice=1000", command="serve")[0] == 0
    return call


def test_money_in_and_out(run: Run) -> None:
    code, out, _ = run("alice", "status")
    assert code == 0
    assert re.search(r"^account +1000$", out, re.MULTILINE)
    assert run("alice", "issue", 64, 8) == (0, "units 1 x 8 + 1 x 64; balance 72, account 928\n", "")
    assert run("alice", "redeem", 8) == (0, "units 1 x 64; balance 64, account 936\n", "")
    code, out, _ = run("alice", "exchange", 32, 16)
    assert (code, out) == (0, "units 2 x 16 + 1 x 32; balance 64, account 936\n")
    assert run("alice", "redeem")[1] == "units none; balance 0, account 1000\n"


def test_stock(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "money" / "vaults" / "alice.toml"
    policy.write_text("bulletin_seconds = 60\nexpiry_margin = 1\n[[stock]]\nvalue = 2\nleast = 1\nmost = 5\n")
    assert run("alice", "restock")[1] == "units 3 x 2; balance 6, account 994\n"
    assert run("alice", "restock")[1].startswith("nothing to do\n")
    policy.write_text("stocks = 1")
    code, _, said = run("alice", "restock")
    assert code == 2
    assert "alice.toml" in said
    assert "stocks: expected one of the names" in said


@pytest.mark.parametrize(
    ("ends", "arguments", "words"),
    (
        (2, ("bob", "status"), "there are those of alice"),
        (2, ("alice", "issue"), "Missing argument"),
        (2, ("alice", "issue", 0), "0"),
        (2, ("alice", "issue", "many"), "many"),
        (1, ("alice", "issue", 3), "3 is no denomination"),
        (1, ("alice", "issue", 1024), "the account holds less than 1024"),
        (1, ("alice", "exchange", 1024), "short of"),
        (1, ("alice", "redeem", 1), "holds less than 1"),
        (2, ("alice", "claim", "zz"), "expected 32 hexadecimal digits"),
        (1, ("alice", "claim", "00"), "not pending"),
    ),
)
def test_wrong_input_changes_nothing(run: Run, ends: int, arguments: tuple[object, ...], words: str) -> None:
    code, out, said = run(*arguments)
    assert (code, out) == (ends, "")
    assert words in said
    assert run("alice", "settle") == (0, "units none; balance 0, account 1000\n", "")


def test_no_scheme(run: Run) -> None:
    code, _, said = run("alice", "status", folder="other")
    assert code == 2
    assert "eiraku serve --init" in said


def test_while_it_is_served(run: Run, tmp_path: Path) -> None:
    device = Device(tmp_path / "money" / "vaults" / "alice.db", bytes)
    code, _, said = run("alice", "status")
    device.close()
    assert code == 2
    assert "end the other program" in said


@pytest.mark.parametrize(("state", "ends"), (("open", 0), ("refunded", 0), ("refused", 1)))
def test_a_claim_that_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, state: str, ends: int) -> None:
    monkeypatch.setattr("eiraku.system.vault.vault.Vault.claim", lambda _vault, _transaction: state)
    assert run("alice", "claim", "00" * 16) == (ends, f"the issuing centre says: {state}\n", "")
