"""The host that gave figures, and the versions of its libraries, as every record names them."""

import os
import platform
from contextlib import suppress
from pathlib import Path

from runtimes.version import __version__


def fingerprint() -> dict[str, str]:
    """What figures of this host may be compared with: records of another host are not merged with them."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(*libraries: str) -> dict[str, str]:
    """The versions of bertport and of `libraries`, which gave the figures, without those that are not installed."""
    from importlib.metadata import PackageNotFoundError, version  # here: a process that is measured imports this module

    found = {"bertport": __version__}
    for name in libraries:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    with cpuinfo.open(encoding="utf-8", errors="replace") as stated:
        lines = dict(line.split(":", 1) for line in stated if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    vector = [
        flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni") if flag in fields.get("flags", "").split()
    ]
    return f"{fields.get('model name', platform.processor())} ({' '.join(vector)})"
