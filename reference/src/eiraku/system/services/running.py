"""One process that serves a scheme: the application, and the work between requests."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from eiraku.spec.errors import EirakuError
from eiraku.system.services.app import create_app
from eiraku.system.services.observe import Log, Metrics, frames
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.server import serve


def run(
    scheme: Scheme,
    bound: socket.socket,
    tls: dict[str, Any],
    *,
    log: Log | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal; then sessions end as at a loss of power. Closing the scheme is the caller's."""
    log, metrics = log or Log(), Metrics()
    _gauges(scheme, metrics)
    app = create_app(scheme.office(), log=log, metrics=metrics, clock=time.monotonic)
    stop = threading.Event()
    worker = threading.Thread(target=_work, args=(scheme, stop, log, metrics), name="work")
    log.line("start", services=len(scheme.services))
    worker.start()
    try:
        serve(app, bound, tls, ready=ready, patience=scheme.settings.times.body)
    finally:
        stop.set()
        worker.join()
        for service in scheme.services.values():
            if service.sessions is not None:
                service.sessions.drop_all()
        log.line("stop")


def _work(scheme: Scheme, stop: threading.Event, log: Log, metrics: Metrics) -> None:
    """Each part again and again; one that fails is logged when it begins to fail, and tried again.

    A defect of ours is logged with its traceback.
    """
    failing: dict[str, str] = {}
    pause = 0.0
    while not stop.wait(pause):
        pause = scheme.settings.times.tick
        for name, part in scheme.work().items():
            try:
                part()
            except Exception as error:  # noqa: BLE001 - the next part must be done all the same
                said = type(error).__name__
                metrics.failures.labels(name.partition(" ")[0]).inc()
                if failing.get(name) != said:
                    ours = {} if isinstance(error, EirakuError) else {"traceback": frames(error)}
                    log.line("failing", part=name, error=said, **ours)
                failing[name] = said
            else:
                if failing.pop(name, None) is not None:
                    log.line("recovered", part=name)


def _gauges(scheme: Scheme, metrics: Metrics) -> None:
    registry = scheme.directory.registry
    metrics.gauge("eiraku_bulletin_epoch", "Epoch of the newest bulletin.", lambda: registry.bulletins.epoch)
    metrics.gauge(
        "eiraku_bulletin_age_seconds",
        "Since the newest bulletin was first seen here.",
        lambda: scheme.journal.age(registry.bulletins.epoch, time.time()),
    )
    metrics.gauge("eiraku_sessions", "Sessions that are named.", lambda: _sessions(scheme))
    metrics.gauge(
        "eiraku_outstanding",
        "Value issued and neither redeemed nor refunded, in minor units, all economies.",
        lambda: sum(scheme.directory.issuer.history.outstanding().values()),
    )


def _sessions(scheme: Scheme) -> int:
    return sum(s.sessions.count for s in scheme.services.values() if s.sessions is not None)
