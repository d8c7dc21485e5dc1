"""How many threads a comparison computes with, and how they wait: the one place that decides both.

A model's size decides, and nothing of the machine: sums depend on the number of threads (torch 2.13: seven tokens of a
model 256 wide differ in the last bit between one thread and two, between two and four those of one 768 wide), and what
PyTorch answered is part of a bundle, whose bytes are the same everywhere. Threads more than there are free cores cost
next to nothing, for none of them waits actively: with eight on two cores the processor time of a model 768 wide grows
by a sixth. Only who asks for a number of threads is held to the cores that there are.
"""

import os
from contextlib import suppress
from math import ceil
from pathlib import Path

from runtimes.errors import UsageError

SMALL_BYTES = 64_000_000
"""Of float32 weights: what a second thread gains below this, it loses by waiting for it in every layer."""
LARGE_THREADS = 4
"""Of a larger model: what a laptop and a CI runner have, and fewer cores share."""
BLAS_THREADS = 1
"""Of numpy and scipy: their products are small here, and k-means of several threads adds in the order they come."""

_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1, _PERIOD_V1 = (Path(f"/sys/fs/cgroup/cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
_QUOTA_CHARACTERS = 100


def threads_for(size_bytes: int, asked: int | None = None) -> int:
    """The threads of a model with so many bytes of float32 weights: as many as were asked for, or by its size."""
    if asked is not None:
        return asked
    return 1 if size_bytes <= SMALL_BYTES else LARGE_THREADS


def check_threads(asked: int | None) -> int | None:
    """The number itself. Raises UsageError for less than one thread, and for more than there are cores."""
    if asked is not None and asked < 1:
        raise UsageError(f"--threads {asked}: expected 1 or more; leave it out to have the model's size decide")
    if asked is not None and asked > (cores := usable_cores()):
        raise UsageError(
            f"--threads {asked}: this process may use {cores} {'core' if cores == 1 else 'cores'}; pass {cores} or "
            "less, or leave it out to have the model's size decide"
        )
    return asked


def threads_from(text: str) -> int:
    """What an option says. Raises UsageError for what is no number of threads that can be had here."""
    try:
        asked = int(text)
    except ValueError as error:
        raise UsageError(f"--threads {text[:40]}: expected a number of threads, as --threads 2") from error
    check_threads(asked)
    return asked


def usable_cores() -> int:
    """The cores that this process may use: its affinity, and the quota of its cgroup where that is less."""
    affinity = getattr(os, "sched_getaffinity", None)  # Windows and macOS have none
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota()
    return max(1, cores if quota is None else min(cores, ceil(quota)))


def passive_waiting() -> dict[str, str]:
    """The environment of a process whose OpenMP threads sleep while they wait, unless the user says otherwise.

    OpenMP's own way is to go round and round, on the core that another needs: of 20 s of processor time that a
    verification of the demo took beside other work, 14 s (artifacts/busy.json).
    """
    return {name: os.environ.get(name, value) for name, value in _PASSIVE.items()}


def _quota() -> float | None:
    """Cores that the cgroup is given, of version 2 or 1; None for no limit, or another system."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = _words(_QUOTA)
        return float(quota) / float(period)  # "max" is no number
    with suppress(OSError, ValueError, ZeroDivisionError):
        (quota,), (period,) = _words(_QUOTA_V1), _words(_PERIOD_V1)
        return float(quota) / float(period) if float(quota) > 0 else None
    return None


def _words(path: Path) -> list[str]:
    with path.open(encoding="ascii") as file:
        return file.read(_QUOTA_CHARACTERS).split()
