"""`eiraku centre` as an operator meets it, with right and with wrong input."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eiraku.cli import main
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.centre_objects import Issue
from eiraku.spec.objects import Role
from eiraku.system.issuing.cases import layer_case, store_cases
from eiraku.system.issuing.chain import UNVERIFIED, BadLayer
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory
from eiraku.system.scheme.settings import DEFAULT

Run = Callable[..., tuple[object, str, str]]
RANDOM = Drbg(b"operator")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `eiraku centre FOLDER ...`: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["eiraku", "centre", str(tmp_path / "c"), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return ended.value.code, said.out, said.err

    return call


@pytest.fixture
def centre(run: Run) -> Run:
    """With centres in the folder."""
    assert run("init")[0] == 0
    return run


def registered(run: Run, *arguments: object) -> str:
    code, out, _ = run("register", "--holder", "alice", *arguments)
    assert code == 0
    found = re.search(r"^number +([0-9a-f]{16})$", out, re.MULTILINE)
    assert found is not None
    return found[1]


def key() -> str:
    return SigningKey(RANDOM(32)).public.hex()


def test_a_life(centre: Run, tmp_path: Path) -> None:
    """EPP-DEV-001 to 003, 008: registered, inspected, renewed, recalled, on the bulletin."""
    purse = tmp_path / "alice.db"
    number = registered(centre, "--purse", purse, "--role", "merchant", "--tier", 3)
    assert purse.stat().st_mode & 0o077 == 0
    assert centre("inspect", number, "--purse", purse) == (0, "nothing found\n", "")
    assert centre("renew", number, "--expires", 2000, "--purse", purse)[0] == 0
    stranger = tmp_path / "stranger.db"
    registered(centre, "--purse", stranger)
    code, _, err = centre("renew", number, "--expires", 2000, "--purse", stranger)
    assert (code, "the purse does not take it" in err) == (1, True)
    shown = centre("show", number)[1]
    assert "role        merchant, tier 3, economy 392" in shown
    assert "epoch 1: renewed, expires 2000, tier 3" in shown
    code, out, _ = centre("recall", number, "lost on a train")
    assert (code, "on the bulletin of epoch 2 and later" in out) == (0, True)
    assert centre("renew", number)[0] == 1
    code, out, _ = centre("bulletin", "--next", "--out", tmp_path / "b")
    assert code == 0
    assert out == f"epoch 2, 1 chunks, an update of 164 bytes\n  {number} lost on a train\n"
    assert centre("bulletin", "--since", 1, "--out", tmp_path / "d")[0] == 0
    device = Device(purse, RANDOM)
    assert isinstance(device.bulletin((tmp_path / "d").read_bytes()), Accepted)
    assert isinstance(device.bulletin((tmp_path / "b").read_bytes()), Accepted)
    assert device.snapshot().epoch == 2
    device.close()
    facts = json.loads(centre("status", "--json")[1])
    assert (facts["epoch"], facts["purses"]) == (2, {"active": 2, "recalled": 1})
    assert "2 active, 1 recalled" in centre("status")[1]


def test_a_report_that_was_sent(centre: Run, tmp_path: Path) -> None:
    """EPP-DEV-016, EPP-DEV-113"""
    purse = tmp_path / "alice.db"
    number = registered(centre, "--purse", purse)
    old, challenge = (bytes.fromhex(centre("inspect", number)[1].split()[1]) for _ in range(2))
    device = Device(purse, RANDOM)
    (tmp_path / "report").write_bytes(device.self_report(challenge))
    (tmp_path / "old").write_bytes(device.self_report(old))
    device.close()
    code, _, err = centre("inspect", number, "--report", tmp_path / "old")
    assert (code, "ask for another" in err) == (1, True)
    assert centre("inspect", number, "--report", tmp_path / "report") == (0, "nothing found\n", "")
    assert centre("inspect", number, "--report", tmp_path / "report") == (0, "nothing found\n", "")


def test_a_vault_is_funded_once(centre: Run) -> None:
    """EPP-CEN-018"""
    vault = registered(centre, "--key", key(), "--role", "vault")
    posting = "ab" * 16
    assert centre("fund", vault, 500, "--posting", posting)[1] == f"posted as {posting}, balance 500\n"
    assert "was posted before" in centre("fund", vault, 500, "--posting", posting)[1]
    assert "balance 200" in centre("fund", vault, "--", -300)[1]
    for wrong in ("-300", 0):
        assert centre("fund", vault, "--", wrong)[0] == 1
    person = registered(centre, "--key", key())
    code, _, err = centre("fund", person, 5)
    assert (code, "accounts are for vaults" in err) == (1, True)


def test_keys_are_rotated(centre: Run) -> None:
    """EPP-DEV-042, EPP-CEN-043, EPP-DEV-049: what purses cannot know is refused, and from when on they do."""
    registered(centre, "--key", key(), "--expires", 3000)
    for which in ("device", "issuing", "scheme"):
        code, _, err = centre("rotate", which, "--from", 3000)
        assert (code, "3001" in err) == (1, True)
        assert centre("rotate", which, "--from", 3001)[0] == 0
    facts = json.loads(centre("status", "--json")[1])
    assert [len(facts[name]) for name in ("device_keys", "money_keys")] == [2, 2]
    anchor = json.loads(centre("anchor")[1])
    assert "scheme_keys" not in anchor
    assert len(json.loads(centre("anchor", "--scheme-keys")[1])["scheme_keys"]) == 2
    said = centre("keys")[1]
    assert "device keys: list 3, good to epoch 51" in said
    assert "issuing keys: list 2, good to epoch 51" in said


def test_keys_are_revoked_with_the_root_only(centre: Run, tmp_path: Path) -> None:
    """EPP-DEV-043, EPP-KEY-020"""
    kids = {
        name: next(iter(json.loads(centre("status", "--json")[1])[name]))
        for name in ("device_keys", "money_keys")
    }
    roots = {name: (tmp_path / "c" / f"{name}-root.key") for name in ("device", "money")}
    for name, file in roots.items():
        file.rename(tmp_path / f"away-{name}")
    code, _, err = centre("revoke-key", "device", kids["device_keys"])
    assert (code, "device-root.key: cannot be read" in err) == (1, True)
    code, _, err = centre("revoke-key", "device", kids["device_keys"], "--root", tmp_path / "away-money")
    assert (code, "expected the root of the device keys" in err) == (1, True)
    assert "list 1" in centre("keys")[1]
    for which, kid, root in (
        ("device", kids["device_keys"], "away-device"),
        ("issuing", kids["money_keys"], "away-money"),
        ("scheme", None, "away-device"),
    ):
        order = ("revoke-key", which, *([] if kid is None else [kid]), "--root", tmp_path / root)
        code, said, err = centre(*order)
        *first, last = said.splitlines()
        assert (code, last.startswith("its successor is ")) == (0, True), err
        # EPP-DEV-073: the counter's purse is there
        cost = "1 active purses open no session until they have fetched the next scheme key"
        # EPP-DEV-075
        published = "published the bulletin of epoch 2 under it"
        assert first == {"scheme": [cost], "device": [published]}.get(which, [])
    said = centre("keys", "--device", tmp_path / "list")[1]
    assert f"{kids['money_keys']}  void" in said, "the centre redeems what it issued under it"
    assert kids["device_keys"] not in said
    assert len((tmp_path / "list").read_bytes()) > 100
    assert centre("bulletin", "--next")[0] == 0, "the successor signs"
    assert centre("revoke-key", "scheme", kids["money_keys"])[0] == 2
    files = ("--device-root", tmp_path / "away-device", "--money-root", tmp_path / "away-money")
    # EPP-DEV-071
    code, _, err = centre("keys", "--expires", 54, *files)
    assert (code, "expected lists that expire in epoch 53 or sooner, found 54" in err) == (1, True)
    assert "good to epoch 53" in centre("keys", "--expires", 53, *files)[1]
    assert centre("keys", "--expires", 52, *files)[0] == 1


def test_a_copier_is_convicted(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """EPP-DEV-004, EPP-CEN-005: copied memory, both come home, evidence on file, on the next bulletin."""
    centres = directory.create(tmp_path / "c", settings=DEFAULT, random=RANDOM)
    vault, cheat, other = (
        centres.make_purse(tmp_path / f"{name}.db", role=role, tier=2, holder=RANDOM(32), economy=392)
        for name, role in (("vault", Role.VAULT), ("cheat", Role.PERSON), ("other", Role.PERSON))
    )
    numbers = [found.number for d in (vault, cheat) if (found := d.store.provision()) is not None]
    centres.issuer.accounts.fund(RANDOM(16), numbers[0], 8)
    issue = centres.issuer.issues.issue(RANDOM(16), numbers[0], 392, [8])
    taken = vault.take_issue(issue)
    assert isinstance(taken, Accepted)
    centres.issuer.issues.receipt(numbers[0], Issue.decode(issue).transaction, taken.out or b"")
    transfer(vault, PayOrder(amount=8), cheat, ReceiveOrder())
    cheat.close()
    (tmp_path / "copy.db").write_bytes((tmp_path / "cheat.db").read_bytes())
    cheat.store.reopen()
    cheat.drop_session()
    copied = Device(tmp_path / "copy.db", RANDOM)
    counter = Counter(centres.counter(), centres.issuer)
    for first, last in ((cheat, cheat), (copied, other)):
        if first is not last:
            transfer(first, PayOrder(amount=8), last, ReceiveOrder())
        transfer(last, PayOrder(amount=8), counter.device, ReceiveOrder())
        counter.collect()
    for device in (vault, cheat, copied, other, counter.device):
        device.close()
    centres.close()
    cheater = numbers[1].hex()

    code, out, _ = run("cases", "--out", tmp_path / "evidence")
    assert code == 0
    assert f"copy  purse {cheater}" in out
    (tmp_path / "anchor.json").write_text(run("anchor")[1])
    (file,) = (tmp_path / "evidence").iterdir()
    command = ["eiraku", "evidence", "verify", str(file), "--anchor", str(tmp_path / "anchor.json")]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    assert cheater in capsys.readouterr().out
    out = run("bulletin", "--next")[1]
    assert f"revoked {cheater}: convicted of a double spend" in out
    assert f"  {cheater} convicted of a double spend" in out
    # its twin says something else
    assert run("inspect", cheater, "--purse", tmp_path / "cheat.db")[0] == 0
    code, out, _ = run("inspect", cheater, "--purse", tmp_path / "copy.db")
    assert code == 1
    assert "memory: reported: a new digest of the memory" in out
    assert "recall" in out
    assert "finding: memory" in run("show", cheater)[1]


WRONG: dict[str, tuple[int, tuple[object, ...], str]] = {
    "again": (2, ("init",), "expected a new or an empty folder"),
    "number": (2, ("show", "abc"), "expected 16 hexadecimal digits"),
    "not hex": (2, ("show", "x" * 16), "expected 16 hexadecimal digits"),
    "unknown": (1, ("show", "00" * 8), "is not registered; check the number"),
    "unknown renew": (1, ("renew", "00" * 8), "is not registered"),
    "unknown fund": (1, ("fund", "00" * 8, 1), "is not registered"),
    "no reason": (1, ("revoke", "00" * 8, " "), "expected a reason"),
    "neither": (2, ("register", "--holder", "x"), "expected either --key or --purse"),
    "weak key": (1, ("register", "--holder", "x", "--key", "00" * 32), "not of small order"),
    "economy": (1, ("register", "--holder", "x", "--key", "09" * 32, "--economy", 1), "not of this scheme"),
    "expired": (1, ("register", "--holder", "x", "--key", key(), "--expires", 0), "expires"),
    "tier": (2, ("register", "--holder", "x", "--key", key(), "--tier", 8), "0<=x<=7"),
    "epoch": (1, ("bulletin", "--epoch", 1), "expected an epoch after 1"),
    "posting": (2, ("fund", "00" * 8, 1, "--posting", "12"), "expected 32 hexadecimal digits"),
    "command": (2, ("steal",), "No such command"),
    "no file": (2, ("inspect", "00" * 8, "--report", "nowhere"), "does not exist"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_one_sentence_and_changes_nothing(centre: Run, wrong: str) -> None:
    ends, arguments, said = WRONG[wrong]
    before = centre("status")[1]
    code, _, err = centre(*arguments)
    assert code == ends
    assert said in err
    assert centre("status")[1] == before


def test_no_folder(run: Run, tmp_path: Path) -> None:
    code, _, err = run("status")
    assert (code, "name a folder made by `eiraku serve --init`" in err) == (2, True)
    (tmp_path / "c").write_text("a file")
    assert run("status")[0] == 2


@pytest.mark.parametrize(
    ("file", "content", "said"),
    (
        ("centre.toml", "economies = [", "expected TOML 1.0"),
        (
            "centre.toml",
            "economies = [1]\ncolour = 1",
            "centre.toml: colour: expected one of the names economies, first_epoch",
        ),
        (
            "centre.toml",
            "economies = [1]",
            "first_epoch: expected an integer from 0 to 4294967295; it is missing",
        ),
        ("policy.toml", "max_units = 1", "policy"),
        ("device.db", "not a database", "name another file"),
        ("issuing.db", None, "expected a database; restore it from a backup"),
    ),
)
def test_a_damaged_folder(centre: Run, tmp_path: Path, file: str, content: str | None, said: str) -> None:
    path = tmp_path / "c" / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    code, _, err = centre("status")
    assert (code, said in err) == (2, True), err


def test_nothing_is_left_of_a_folder_that_could_not_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("max_units = 1")
    code, _, err = run("init", "--policy", tmp_path / "bad.toml")
    assert (code, "policy" in err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml"]


def test_files_are_not_written_over(centre: Run, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    code, _, err = centre("bulletin", "--next", "--out", tmp_path / "b")
    assert (code, "exists already" in err) == (2, True)
    assert centre("register", "--holder", "x", "--purse", tmp_path / "b")[0] == 2
    assert (tmp_path / "b").read_text() == "mine"
    assert json.loads(centre("status", "--json")[1])["epoch"] == 1


def test_two_keys_for_one_number(centre: Run, tmp_path: Path) -> None:
    """EPP-CEN-106: the operator is told of a victim of a stolen master key, in the status and among cases."""
    victim, payee = bytes(7) + b"\x08", bytes(7) + b"\x09"
    centres = directory.open_(tmp_path / "c")
    vault = centres.make_purse(tmp_path / "vault.db", role=Role.VAULT, tier=2, holder=RANDOM(32), economy=392)
    provision = vault.store.provision()
    vault.close()
    assert provision is not None
    centres.issuer.accounts.fund(RANDOM(16), provision.number, 1)
    ((unit, _),) = Issue.decode(centres.issuer.issues.issue(RANDOM(16), provision.number, 392, [1])).units
    fault = BadLayer(payee, 2, UNVERIFIED, None, victim)
    with centres.issuer.office.database.writing() as connection:
        store_cases(connection, [layer_case(fault, RANDOM(32), unit, b"history", 1)])
    centres.close()
    told = (f"purse {victim.hex()} may have another one", f"({victim.hex()} may have two keys)")
    assert not any(each in centre(order)[1] for each in told for order in ("status", "cases"))
    kid = next(iter(json.loads(centre("status", "--json")[1])["device_keys"]))
    assert centre("revoke-key", "device", kid)[0] == 0
    assert told[0] in centre("status")[1]
    assert told[1] in centre("cases")[1]
    assert "two-keys" in centre("cases")[1]
    assert json.loads(centre("status", "--json")[1])["two_keys"] == [victim.hex()]
