"""A wallet that has a folder for its store, and can be killed and started again on it.

A power cut that a wallet plays itself proves no more than its word. One that declares ``store`` keeps all
that is durable in the folder named by ``start``, and begins with what it finds there: then its process can be
ended by SIGKILL, the whole group, at any moment, and whatever it did not write is gone. What the operating
system holds for it survives a SIGKILL, so nothing is said of ``fsync``.

A wallet behind ``tcp:`` cannot be killed and is given no folder. A ``python:`` wallet is left where it is,
and another one is made on a copy of its folder.
"""

import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from eiraku.conformance.adapter.client import Reply, Wallet
from eiraku.conformance.adapter.errors import AdapterTimeout
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.results import STORE

_MEMORY = Path("/dev/shm")  # noqa: S108 - temporary folders are made below it
_KILLABLE = frozenset({"cmd", "python"})


class LastingWallet(Wallet):
    """A `Wallet` whose store outlives it, if it declares ``store``."""

    def __init__(self, selector: str | Selector, *, timeout: float = 10.0, seed: bytes | None = None) -> None:
        """As `Wallet`."""
        super().__init__(selector, timeout=timeout, seed=seed)
        self.kills = 0
        """Since the wallet was last started on an empty store."""
        self._killed = False
        self._folder: Path | None = None
        self._remove: weakref.finalize[Any, Any] | None = None

    def declares(self, capability: str) -> bool:
        """See `Wallet`; ``store`` of a wallet that cannot be killed does not count."""
        return super().declares(capability) and (capability != STORE or self._folder is not None)

    def connect(self) -> None:
        """See `Wallet`: on an empty store, unless the wallet was just killed."""
        self.close()
        if not self._killed:
            self._take_folder(None)
            self.kills = 0
        self._killed = False
        super().connect()

    def kill(self) -> None:
        """SIGKILL between two requests, and start again on the same store.

        The transcript ends here, for where the store is differs from run to run.
        """
        self._transcript.end()
        self._end(0)
        self.kills += 1
        # A thread cannot be killed. It never sees the copy, which is what the death of a process would leave.
        kept = self._folder if self._selector.kind == "python" else None
        if kept is not None:
            self._take_folder(kept)
        self._killed = True
        self.start()

    def deliver_and_kill(self, data: bytes, seconds: float) -> Reply | None:
        """Deliver, and kill as `kill`: after so many seconds, or as soon as there is an answer.

        None if there was none in time. A ``python:`` wallet always has its time.
        """
        limit = self._timeout if self._selector.kind == "python" else seconds
        reply: Reply | None = None
        try:
            reply = super().deliver(data, seconds=limit)
        except AdapterTimeout as failure:
            # The time-out is ours.
            self._failures.remove(failure)
        self.kill()
        return reply

    # --- within ---------------------------------------------------------------------------------------

    def _introduction(self) -> dict[str, Any]:
        fields = super()._introduction()
        if self._folder is not None:
            fields["store"] = str(self._folder)
        if self.kills and self.seed is not None:
            # What was drawn before must not be drawn again.
            fields["seed"] = hashlib.sha256(self.seed + self.kills.to_bytes(4, "big")).digest()
        return fields

    def _take_folder(self, content: Path | None) -> None:
        """A new folder, empty or with a copy of `content`; the one before is removed."""
        if self._selector.kind not in _KILLABLE:
            return
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        folder = Path(tempfile.mkdtemp(prefix="eiraku-store-", dir=memory))
        if content is not None:
            shutil.copytree(content, folder, dirs_exist_ok=True)
        if self._remove is not None:
            self._remove()
        self._folder = folder
        # Also if nobody closes the wallet.
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
