"""The largest resident size that this process had, on every system."""

import sys
from pathlib import Path


def peak_rss_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's ru_maxrss survives exec and so starts at the parent's size; VmHWM does not. Windows has neither.
    """
    status = Path("/proc/self/status")
    if status.exists():
        with status.open(encoding="ascii") as lines:
            return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    if sys.platform == "win32":
        import psutil

        peak = int(psutil.Process().memory_info().peak_wset)
    else:
        import resource  # here: the command line starts where there is none

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = peak if sys.platform == "darwin" else peak * 1024
    return peak
