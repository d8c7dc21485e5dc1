"""Finding qemu's user mode, of a version that computes what is asked of it."""

import re
import shutil
import subprocess
from collections.abc import Iterator

from runtimes.errors import RuntimeUnavailable

ANY = (0, 0)


def find_qemu(machine: str, arch: str, least: tuple[int, int] = ANY) -> str:
    """The path of the emulator of `machine`, of version `least` or newer; static ones first, which need no library.

    Raises RuntimeUnavailable where there is none, with what has it; `arch` is what was asked for.
    """
    found = list(_installed(machine))
    if not found:
        raise RuntimeUnavailable(
            f"{arch}: no qemu-{machine} here; Debian's and Ubuntu's package qemu-user-static has it"
        )
    versions = {path: _version(path) if least > ANY else ANY for path in found}
    new = [path for path, version in versions.items() if version >= least]
    if not new:
        has = ".".join(map(str, max(versions.values())))
        raise RuntimeUnavailable(
            f"{arch}: needs qemu {'.'.join(map(str, least))} or newer, found {has}, which computes it wrongly; "
            "Debian 13's qemu-user-static has it, and bookworm-backports'"
        )
    return new[0]


def _installed(machine: str) -> Iterator[str]:
    for name in (f"qemu-{machine}-static", f"qemu-{machine}"):
        if path := shutil.which(name):
            yield path


def _version(path: str) -> tuple[int, int]:
    """What an emulator says of itself; (0, 0) where it says nothing that can be read."""
    done = subprocess.run(  # noqa: S603 - found as qemu
        [path, "--version"], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    said = re.search(r"version (\d+)\.(\d+)", done.stdout)
    return (int(said[1]), int(said[2])) if said else ANY
