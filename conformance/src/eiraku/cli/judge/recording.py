"""A payment of the reference wallet as lines of the adapter protocol, for vendors to read and to replay."""

from importlib import resources

from eiraku.conformance import tester
from eiraku.conformance.adapter.inprocess import InProcess
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.conformance.wallet import factory
from eiraku.reference.policy import Policy
from eiraku.spec.tables import Side

SEED = bytes(32)
HELD = (8, 4, 1)
"""Units of the wallet, in minor units."""
PAID = 5
RECEIVED = 2


class _Recorder(InProcess):
    """The reference wallet, and all that is said."""

    def __init__(self) -> None:
        super().__init__(factory, "the reference wallet")
        self.requests: list[bytes] = []
        self.responses: list[bytes] = []

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """See `Transport.exchange`."""
        answer = super().exchange(line, timeout)
        self.requests.append(line.rstrip(b"\n"))
        self.responses.append(answer)
        return answer


def payment() -> tuple[bytes, bytes]:
    """Requests and responses, a line each, in order: the wallet pays `PAID`, is paid `RECEIVED`, and stops.

    The same in every call: the reference draws its randomness from the seed.
    """
    recorder = _Recorder()
    policy = Policy.from_toml(resources.files(tester).joinpath("policy.toml").read_text()).to_mapping()
    selector = Selector(text="python:recorder", kind="python", open=lambda: recorder)
    with LastingWallet(selector, seed=SEED) as wallet:
        wallet.start()
        world = World(SEED, policy)
        stage = Stage(wallet, world, EvidenceNotes())
        stage.begin([world.holding(value) for value in HELD])
        flows.take(stage, Side.INITIATOR, PAID)
        stage.state()
        flows.give(stage, Side.RESPONDER, [world.holding(RECEIVED)])
        stage.state()
        wallet.stop()
    return _lines(recorder.requests), _lines(recorder.responses)


def _lines(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)
