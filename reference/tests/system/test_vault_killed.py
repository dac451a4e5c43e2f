"""A vault under SIGKILL in the middle of exchanges, pay-outs and pay-ins: afterwards nothing is missing.

A child process works with a bank in a folder until it is killed, at a random moment. Then the parent opens
what is there, lets the vault settle and the customers deliver again, and counts. `--kills N` kills more
often.
"""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from eiraku.reference.purse.state import PayOrder, RedeliverOrder, RequestOrder
from eiraku.system.vault.policy import VaultPolicy
from eiraku.testing.bank import FUNDS, Bank
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

KILLS = 6
POLICY = VaultPolicy(bulletin_seconds=10**9, expiry_margin=0, stock=())

CHILD = textwrap.dedent(
    """
    import random, sys
    from pathlib import Path
    from eiraku.testing.bank import Bank
    from eiraku.testing.town import Town
    from eiraku.system.vault.policy import VaultPolicy
    from eiraku.reference.purse.state import PayOrder, RequestOrder

    seed = sys.argv[2]
    dice = random.Random(seed)
    policy = VaultPolicy(bulletin_seconds=10**9, expiry_margin=0, stock=())
    bank = Bank(Town(folder=Path(sys.argv[1]), run=seed.encode()), policy)
    bank.vault.settle()
    print("at work", flush=True)
    while True:
        customer = dice.choice(list(bank.town.persons))
        amount = dice.randint(1, 60)
        match dice.randrange(5):
            case 0:
                bank.vault.exchange([dice.choice((1, 2, 4, 8)) for _ in range(5)])
            case 1 | 2:
                bank.meet(customer, RequestOrder(amount=amount), amount)
            case 3:
                if balance := customer.store.total()[1]:
                    bank.meet(customer, PayOrder(amount=min(balance, 1 << dice.randrange(5))))
            case 4:
                bank.vault.redeem()
        print("done", flush=True)
    """
)


def test_killed_at_any_moment(tmp_path: Path, kills: int) -> None:
    """EPP-VLT-008, EPP-VLT-010, EPP-VLT-029, EPP-CRS-005."""
    bank = Bank(Town(folder=tmp_path), POLICY)
    for _ in range(3):
        bank.town.purse()
    bank.close()
    dice = random.Random(1)
    worked = 0
    for n in range(kills or KILLS):
        worked += work_and_die(tmp_path, f"child {n}", dice.uniform(0.02, 0.8))
        bank = Bank(Town(folder=tmp_path, run=f"parent {n}".encode()), POLICY)
        bank.vault.settle()
        for customer in bank.town.persons:
            for pending in customer.store.pendings():
                assert bank.meet(customer, RedeliverOrder(transaction=pending.transaction)) == ()
        for pending in bank.device.store.pendings():
            assert bank.meet(bank.town.by_number()[pending.payee], RequestOrder(amount=1), 1) == ()
        assert bank.missing() == 0
        assert bank.outstanding() == bank.held() == FUNDS - bank.account()
        assert bank.device.store.pendings() == ()
        bank.close()
    assert worked > 0, "no child ever came to work"


def work_and_die(folder: Path, seed: str, seconds: float) -> int:
    """How many things the child did before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), seed], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stderr is not None
    first = child.stdout.readline()
    assert first == b"at work\n", child.stderr.read().decode()
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    out, said = child.communicate()
    assert child.returncode == -signal.SIGKILL, said.decode()
    return out.count(b"done")


def test_pay_in_after_a_pay_out(tmp_path: Path) -> None:
    """The folder of a bank can be opened again, and is the same bank."""
    bank = Bank(Town(folder=tmp_path), POLICY)
    alice = bank.town.purse()
    bank.meet(alice, RequestOrder(amount=5), 5)
    number = bank.vault.number
    bank.close()
    bank = Bank(Town(folder=tmp_path, run=b"again"), POLICY)
    assert bank.vault.number == number
    (alice,) = bank.town.persons
    assert bank.meet(alice, PayOrder(amount=5)) == ()
    assert bank.missing() == 0
    bank.close()
