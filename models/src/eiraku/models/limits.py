"""What a job may use, and what this machine has."""

import os
import platform
from dataclasses import dataclass

from eiraku.models.results import Machine

TIMEOUT = 600.0
"""Seconds for one lemma; the slowest of ours takes a tenth of it on one core."""
MEMORY = 5120
"""MiB of heap for one lemma."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """For one call of the prover: `timeout` in seconds of wall-clock time, `memory` in MiB of its heap."""

    timeout: float = TIMEOUT
    memory: int = MEMORY


DEFAULT = Limits()


def machine() -> Machine:
    """This machine: the cores we may use, its memory, its system."""
    return Machine(
        cores=cores(),
        memory_gib=round(_memory_mib() / 1024),
        system=f"{platform.system()} {platform.machine()}",
    )


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parallel(limits: Limits) -> int:
    """How many jobs fit at once: one for each core, but not more heaps than memory."""
    return max(1, min(cores(), _memory_mib() // limits.memory))


def _memory_mib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
