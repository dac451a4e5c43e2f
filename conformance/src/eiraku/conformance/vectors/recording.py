"""The reference wallet under the suite, with everything written down that a check asks it.

A check of the suite knows what a right wallet answers. So each input that it delivers, with the state in
which it was delivered and the code that the check demands, is a vector: the stage tells which code was
demanded, the wallet in which state it was.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from eiraku.conformance.adapter.client import Reply
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.adapter.server import answer
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.conformance.vectors import states
from eiraku.conformance.wallet import ReferenceWallet
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.purse.state import Empty
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side
from eiraku.testing.device import BenchDevice

SEED = b"vectors".ljust(32, b"\0")
"""Of all randomness, the wallet's and the suite's: every check begins alike, so that cases share a group."""

Given: TypeAlias = dict[str, Any]
"""The members of a group: its operation, and what is given."""
CITED = re.compile(r"\[(EPP-[A-Z]{3}-\d{3})\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One input: what was given, what came, and what was demanded; `code` None: accepted."""

    given: Given
    input: Any
    code: str | None
    cited: str | None
    """The requirement that the reference names."""


class _Wallet(ReferenceWallet):
    """Notes the state before each request."""

    given: Given | None = None
    input: Any = None

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        self.given = None
        if request["verb"] in {"deliver", "act", "open"}:
            self.given, self.input = self.notes.before(self.device, request)
        elif request["verb"] == "provision" and isinstance(self.device.state, Empty):
            members = {k: v for k, v in request.items() if k not in {"seq", "verb"}}
            self.given, self.input = {"operation": "provision"}, members
        response = super().handle(request)
        if request["verb"] != "stop":
            self.notes.after(self.device, request, response)
        return response

    def _switch_on(self) -> None:
        self.notes = states.Notes()
        drbg = Drbg(SEED)

        def random(length: int) -> bytes:
            drawn = drbg(length)
            self.notes.drawn.append(drawn)
            return drawn

        self._device = BenchDevice(self._path() / "purse.db", random)


class _Direct:
    """A transport without a thread: the wallet's memory can be read between two requests."""

    def __init__(self, wallet: _Wallet) -> None:
        self.wallet = wallet

    def exchange(self, line: bytes, timeout: float) -> bytes:  # noqa: ARG002 - answers at once
        """See `Transport.exchange`."""
        return answer(self.wallet, line, _fail)

    def stderr(self) -> str:
        """See `Transport.stderr`."""
        return ""

    def close(self, grace: float) -> None:
        """See `Transport.close`."""


def _fail(text: str) -> None:
    raise AssertionError(text)


class RecordingStage(Stage):
    """A stage that keeps each input whose outcome the check demands."""

    def __init__(self, policy: dict[str, Any]) -> None:
        self._wallet = _Wallet()
        self._policy = policy
        client = LastingWallet(
            Selector(text="direct", kind="direct", open=lambda: _Direct(self._wallet)), seed=SEED
        )
        client.start()
        super().__init__(client, World(SEED, policy), EvidenceNotes())
        self.observed: list[Observed] = []
        self._last: tuple[Reply, Observed] | None = None

    def afresh(self) -> None:
        """As at the beginning, for another check."""
        self.wallet.reset()
        self.world = World(SEED, self._policy)
        self.evidence = EvidenceNotes()
        self.observed, self._last = [], None

    def provision(self, holdings: Iterable[OfferedUnit] = (), **changes: Any) -> None:
        """See `Stage.provision`."""
        super().provision(holdings, **changes)
        if self._wallet.given is not None:
            accepted = Observed(given=self._wallet.given, input=self._wallet.input, code=None, cited=None)
            self.observed.append(accepted)

    def act(self, action: str, **fields: Any) -> Reply:
        """See `Stage.act`."""
        return self._note(super().act(action, **fields))

    def open(self, side: Side) -> Reply:
        """See `Stage.open`."""
        return self._note(super().open(side))

    def deliver(self, data: bytes, label: str, decoded: str = "") -> Reply:
        """See `Stage.deliver`."""
        return self._note(super().deliver(data, label, decoded))

    def refused(self, reply: Reply, codes: Code | Iterable[Code], what: str) -> Reply:
        """See `Stage.refused`: what the check demands of the last input."""
        codes = [codes] if isinstance(codes, Code) else list(codes)
        super().refused(reply, codes, what)
        if self._last is None or self._last[0] is not reply:
            self._note(reply)
        if self._last is not None and len(codes) == 1:
            cited = CITED.search(reply.detail or "")
            if cited is None:
                raise AssertionError(f"the reference names no requirement: {reply}")
            demanded = replace(self._last[1], code=codes[0].label, cited=cited[1])
            self.observed.append(demanded)
        self._last = None
        return reply

    def _note(self, reply: Reply) -> Reply:
        given, self._last = self._wallet.given, None
        if given is not None:
            seen = Observed(given=given, input=self._wallet.input, code=None, cited=None)
            self._last = (reply, seen)
            if reply.accepted:
                self.observed.append(seen)
        return reply
