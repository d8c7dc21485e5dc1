"""The peak resident memory of this process, on every system."""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_rss_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's ru_maxrss survives exec and so starts at the parent's size; VmHWM does not.
    """
    if _STATUS.exists():
        return _high_water_mark(_STATUS)
    if sys.platform == "win32":
        import psutil  # here: elsewhere it need not be installed

        peak = int(psutil.Process().memory_info().peak_wset)
    else:
        import resource  # here: Windows has none

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak


def _high_water_mark(status: Path) -> int:
    with status.open(encoding="ascii") as lines:
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
