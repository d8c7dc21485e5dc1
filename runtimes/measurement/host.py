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


_ABILITIES = {
    "flags": {"AVX2": {"avx2"}, "VNNI": {"avx512_vnni", "avx_vnni"}, "AMX": {"amx_int8"}},
    "Features": {"dot product": {"asimddp"}, "i8mm": {"i8mm"}, "SME": {"sme"}},
}
"""What x86 and ARM call their list of abilities → ability → the flags that mean it."""


def int8_abilities() -> dict[str, bool]:
    """What multiplies int8 on this processor → whether it has it; empty where the system does not say.

    By the flags of Linux's /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h, Documentation/arch/arm64/elf_hwcaps.rst).
    """
    stated = _cpuinfo()
    for key, abilities in _ABILITIES.items():
        if key in stated:
            flags = set(stated[key].split())
            return {name: bool(flags & names) for name, names in abilities.items()}
    return {}


def _processor() -> str:
    stated = _cpuinfo()
    if not stated:
        return platform.processor()
    vector = [
        flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx_vnni") if flag in stated.get("flags", "").split()
    ]
    return f"{stated.get('model name', platform.processor())} ({' '.join(vector)})"


def _cpuinfo() -> dict[str, str]:
    """What Linux says of the last processor; empty elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return {}
    with cpuinfo.open(encoding="utf-8", errors="replace") as stated:
        lines = [line.split(":", 1) for line in stated if ":" in line]
    return {key.strip(): value.strip() for key, value in lines}
