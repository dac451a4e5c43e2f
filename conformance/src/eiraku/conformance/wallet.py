"""The reference purse as a wallet under test: the adapter object, and a program that serves it.

    python -m eiraku.conformance.wallet [--tcp HOST:PORT]

Selectors: `python:eiraku.conformance.wallet:factory`, `cmd:python -m eiraku.conformance.wallet`.
The purse is kept in `purse.db` in the store that `start` names, and found again there; in a temporary folder
if it names none. A power cut is played by closing the file and opening it again: what is not written is lost.
"""

import argparse
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from eiraku.conformance.adapter.server import serve_stdio, serve_tcp
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Rejected, Result
from eiraku.reference.purse.provisioning import ROOM
from eiraku.reference.purse.state import (
    Order,
    PayOrder,
    Provisioning,
    ReceiveOrder,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side
from eiraku.testing.device import BenchDevice, PowerLost

PROTOCOL = 1
_MEMORY = Path("/dev/shm")  # noqa: S108 - temporary folders are made below it
_HARMLESS = frozenset({"reset", "state"})
"""Verbs after which a wallet is as before."""
CAPABILITIES = ("initiator", "responder", "payer", "payee", "power-cut", "store", "deterministic", "suite-0")

Response = dict[str, Any]


class ReferenceWallet:
    """The adapter object."""

    name = "eiraku-reference"
    capabilities: tuple[str, ...] = CAPABILITIES

    def __init__(self) -> None:
        self._store: Path | None = None
        """As `start` names it."""
        self._temporary: Path | None = None
        self._seed: bytes | None = None
        self._empty = b""
        """The file of an empty purse, of which a copy is made sooner than another one; none after a kill."""
        self._touched = False
        """Whether there is anything for a reset to undo."""
        self._device: BenchDevice | None = None
        self._verbs: dict[str, Callable[[dict[str, Any]], Response]] = {
            "start": self._start,
            "reset": self._reset,
            "provision": self._provision,
            "act": self._act,
            "open": self._open,
            "deliver": self._deliver,
            "state": self._state,
            "power_cut": self._power_cut,
            "stop": self._stop,
        }

    def handle(self, request: dict[str, Any]) -> Response:
        """Answer one request of the adapter protocol."""
        verb = self._verbs.get(request["verb"])
        self._touched |= request["verb"] not in _HARMLESS
        return {"seq": request["seq"], **({"outcome": "unsupported"} if verb is None else verb(request))}

    # --- life ---

    def _start(self, request: dict[str, Any]) -> Response:
        wanted = request["protocol"]
        if not wanted["min"] <= PROTOCOL <= wanted["max"]:
            return {"outcome": "errored", "detail": f"expected protocol {PROTOCOL}, asked for {wanted}"}
        self._seed = bytes.fromhex(request["seed"]) if "seed" in request else None
        self._end()
        self._store = Path(request["store"]) if "store" in request else None
        if self._store is not None and not self._store.is_dir():
            return {"outcome": "errored", "detail": f"expected a folder for the store, found {self._store}"}
        kept = (self._path() / "purse.db").exists()
        self._switch_on()
        self._touched = kept
        if not kept:
            self.device.close()
            self._empty = (self._path() / "purse.db").read_bytes()
            self._switch_on()
        return {
            "outcome": "accepted",
            "protocol": PROTOCOL,
            "name": self.name,
            "version": version("eiraku"),
            "capabilities": list(self.capabilities),
            "room": asdict(ROOM),
        }

    def _reset(self, _: dict[str, Any]) -> Response:
        if self._touched:
            self.device.close()
            for name in ("purse.db-wal", "purse.db-shm"):
                (self._path() / name).unlink(missing_ok=True)
            (self._path() / "purse.db").write_bytes(self._empty)
            self._switch_on()
            self._touched = False
        return {"outcome": "accepted"}

    def _stop(self, _: dict[str, Any]) -> Response:
        self._end()
        return {"outcome": "accepted"}

    def _switch_on(self) -> None:
        # Seeded anew: after a reset the wallet is as after its start, also in what it draws.
        random = os.urandom if self._seed is None else Drbg(self._seed)
        self._device = BenchDevice(self._path() / "purse.db", random)

    def _path(self) -> Path:
        if self._store is not None:
            return self._store
        if self._temporary is None:
            memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
            self._temporary = Path(tempfile.mkdtemp(prefix="eiraku-purse-", dir=memory))
            # Also if nobody says stop.
            self._remove = weakref.finalize(self, shutil.rmtree, self._temporary, ignore_errors=True)
        return self._temporary

    def _end(self) -> None:
        if self._device is not None:
            self._device.close()
            self._device = None
        if self._temporary is not None:
            self._remove()
            self._temporary = None

    @property
    def device(self) -> BenchDevice:
        """The purse. Raises RuntimeError before `start`."""
        if self._device is None:
            raise RuntimeError("expected start as the first request")
        return self._device

    # --- the purse ---

    def _provision(self, request: dict[str, Any]) -> Response:
        purse = request["purse"]
        given = Provisioning(
            number=bytes.fromhex(purse["number"]),
            private_key=bytes.fromhex(purse["private_key"]),
            purse_id=bytes.fromhex(purse["purse_id"]),
            anchor=request["anchor"],
            policy=request["policy"],
            bulletin=None if request["bulletin"] is None else bytes.fromhex(request["bulletin"]),
            holdings=tuple(
                OfferedUnit(
                    unit=bytes.fromhex(item["unit"]), hop=item["hop"], history=bytes.fromhex(item["history"])
                )
                for item in request["holdings"]
            ),
        )
        return _plain(self.device.provision(given))

    def _act(self, request: dict[str, Any]) -> Response:
        if request["action"] == "bulletin":
            return _plain(self.device.bulletin(bytes.fromhex(request["bulletin"])))
        if request["action"] == "keys":
            return _plain(self.device.keys(Centre(request["centre"]), bytes.fromhex(request["keys"])))
        if request["action"] == "scheme-key":
            return _plain(self.device.scheme_key(bytes.fromhex(request["key"])))
        return _plain(self.device.order(_order(request)))

    def _open(self, request: dict[str, Any]) -> Response:
        return _in_session(self.device.open(Side(request["role"])))

    def _deliver(self, request: dict[str, Any]) -> Response:
        return _in_session(self.device.deliver(bytes.fromhex(request["data"])))

    def _power_cut(self, request: dict[str, Any]) -> Response:
        match request["when"]:
            case "now":
                self.device.power_cut()
            case "never":
                self.device.disarm()
            case when:
                self.device.arm(when, request["write"])
        return {"outcome": "accepted"}

    def _state(self, _: dict[str, Any]) -> Response:
        now = self.device.snapshot()
        return {
            "outcome": "accepted",
            "balance": now.balance,
            "epoch": now.epoch,
            "units": [{"unit_id": u.unit_id.hex(), "value": u.value, "hop": u.hop} for u in now.units],
            "pending": [
                {
                    "transaction": p.transaction.hex(),
                    "payee": p.payee.hex(),
                    "amount": p.amount,
                    "units": [unit_id.hex() for unit_id in p.unit_ids],
                }
                for p in now.pending
            ],
            "credited": [
                {"transaction": c.transaction.hex(), "payer": c.payer.hex(), "amount": c.amount}
                for c in now.credited
            ],
            "settled": [
                {"transaction": s.transaction.hex(), "payee": s.payee.hex(), "amount": s.amount}
                for s in now.settled
            ],
            "writes": now.writes,
            "digest": now.digest.hex(),
        }


def factory() -> ReferenceWallet:
    """For the selector `python:eiraku.conformance.wallet:factory`."""
    return ReferenceWallet()


def _order(request: dict[str, Any]) -> Order:
    match request["action"]:
        case "pay":
            payee = request.get("payee")
            return PayOrder(amount=request["amount"], payee=None if payee is None else bytes.fromhex(payee))
        case "request":
            return RequestOrder(amount=request["amount"], reference=request["reference"])
        case "redeliver":
            return RedeliverOrder(transaction=bytes.fromhex(request["transaction"]))
        case _:
            return ReceiveOrder()


def _plain(result: Result) -> Response:
    match result:
        case Accepted():
            return {"outcome": "accepted"}
        case Rejected():
            return {
                "outcome": "rejected",
                "code": result.refusal.code.label,
                "detail": str(result.refusal),
            }
        case PowerLost():
            return {"outcome": "power-cut"}
    raise AssertionError(f"no answer of the protocol says {result}")


def _in_session(result: Result) -> Response:
    response = _plain(result)
    if not isinstance(result, PowerLost):
        response["out"] = None if result.out is None else result.out.hex()
        response["session"] = "open" if result.is_open else "closed"
    return response


def main() -> None:
    """Serve the reference wallet over standard input and output, or TCP."""
    parser = argparse.ArgumentParser(prog="python -m eiraku.conformance.wallet", description=__doc__)
    parser.add_argument("--tcp", metavar="HOST:PORT", help="serve TCP connections instead of standard input")
    arguments = parser.parse_args()
    wallet = ReferenceWallet()
    if arguments.tcp is None:
        serve_stdio(wallet)
        return
    host, _, port = arguments.tcp.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"--tcp: expected HOST:PORT, found {arguments.tcp!r}")
    serve_tcp(wallet, host, int(port))


if __name__ == "__main__":
    main()
