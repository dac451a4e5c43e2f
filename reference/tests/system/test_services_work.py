"""The work between requests: what fails is told apart from what is wrong with us."""

import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eiraku.spec.errors import Unavailable
from eiraku.system.services import running
from eiraku.system.services.observe import Log, Metrics
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.vaults import OpenVault


@dataclass
class Parts:
    """A scheme with one part, which stops the work after so many rounds."""

    part: Callable[[], object]
    rounds: int
    stop: threading.Event
    settings: Any = field(default_factory=lambda: SimpleNamespace(times=SimpleNamespace(tick=0.0)))

    def work(self) -> Mapping[str, Callable[[], object]]:
        self.rounds -= 1
        if not self.rounds:
            self.stop.set()
        return {"vault alice": self.part}


def lines(part: Callable[[], object], rounds: int = 1) -> list[dict[str, Any]]:
    """What is logged while a part is done so many times."""
    stream, stop = io.StringIO(), threading.Event()
    scheme = cast("Scheme", Parts(part=part, rounds=rounds, stop=stop))
    metrics = Metrics()
    running._work(scheme, stop, Log(stream), metrics)
    assert f'eiraku_failures_total{{what="vault"}} {rounds}.0' in metrics.text().decode()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("kind", (ValueError, KeyError, AttributeError))
def test_a_defect_is_logged_once_with_its_traceback(kind: type[Exception]) -> None:
    def defective() -> None:
        raise kind("secret")

    (line,) = lines(defective, rounds=3)
    assert (line["event"], line["part"], line["error"]) == ("failing", "vault alice", kind.__name__)
    assert [each.split()[-1] for each in line["traceback"]] == ["_work", "defective"]
    assert "secret" not in json.dumps(line)


def test_a_vault_that_cannot_reach_its_centres_is_no_defect() -> None:
    vault: Any = SimpleNamespace(tick=lambda: ("no bulletin", "no reports"))
    opened = OpenVault(vault=vault, device=cast("Any", None), holder=bytes(32), account=lambda: 0)
    with pytest.raises(Unavailable, match="no bulletin; no reports"):
        opened.work()
    (line,) = lines(opened.work)
    assert (line["error"], "traceback" in line) == ("Unavailable", False)
