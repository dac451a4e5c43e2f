"""What an operator sees: one line of JSON for each request, and metrics for Prometheus (EPP-SVC-054).

A line or a metric never holds a key, a unit, a signature, a session name or a purse number: routes are logged
by their pattern, not by what was asked for.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Log:
    """Structured lines to a stream, standard error by default."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def line(self, event: str, **fields: Any) -> None:
        """One line; `time` is seconds since 1970."""
        record = {"time": round(time.time(), 3), "event": event, **fields}
        self._stream.write(json.dumps(record, separators=(",", ":"), default=str) + "\n")
        self._stream.flush()


def frames(error: Exception) -> list[str]:
    """The traceback of a defect, outermost call first.

    Files, lines and functions only: the text of an unforeseen exception may hold what must not be in a log.
    """
    found = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in found]


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "eiraku_requests", "Requests answered.", ("route", "code"), registry=self._registry
        )
        self.seconds = Histogram(
            "eiraku_request_seconds",
            "Time from the first byte of a request to its answer.",
            ("route",),
            registry=self._registry,
        )
        self.failures = Counter(
            "eiraku_failures", "Work between requests that failed.", ("what",), registry=self._registry
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A value that is read when it is asked for."""
        Gauge(name, text, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Prometheus text format."""
        return generate_latest(self._registry)
