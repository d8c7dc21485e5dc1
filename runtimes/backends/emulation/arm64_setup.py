"""Fetching what `--arch arm64` runs on x86: an ARM Python, its C libraries, and the runtimes for aarch64.

    python -m runtimes.backends.emulation.arm64_setup

Of the runtimes those that are installed here, in the same versions: after installing or upgrading one, run it again.
Needs debootstrap, dpkg, and qemu's user mode (the packages debootstrap, dpkg and qemu-user-static of Debian or
Ubuntu); without root also fakeroot. Everything goes into the user's cache, some 180 MB, and 120 more with LiteRT; what
is there is left as it is.
debootstrap checks the signatures of the packages, pip the hashes of the wheels.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from runtimes.backends.backend import ARM64
from runtimes.backends.emulation.processors import (
    arm64_home,
    find_emulator,
    installed_version,
    sysroot_python,
    wheels_name,
)
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.backends.registry import BACKENDS
from runtimes.errors import BertportError, RuntimeUnavailable

_DISTRIBUTIONS = ("debian", "ubuntu")
_PACKAGES = ("libc6_", "libstdc++6_", "libgcc-s1_", "zlib1g_", "libexpat1_", "libffi", "libbz2-", "liblzma5_")
_PYTHON = ("libpython3", "python3")
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_CPUINFO = """processor\t: 0
BogoMIPS\t: 38.40
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: 0xd0b
CPU revision\t: 1

"""
"""A Cortex-A76, as Linux describes it."""


def main() -> int:
    """Fetch what is missing, try it, and return the exit code."""
    try:
        if platform.machine() in ("aarch64", "arm64"):
            print("arm64: this machine is one; nothing to fetch")
            return 0
        _ensure(arm64_home() / "sysroot", _fetch_sysroot)
        for runtime in _installed():
            _ensure(arm64_home() / wheels_name(runtime), partial(_fetch_wheels, runtime))
            print(f"arm64: {_try(runtime)}, in {arm64_home()}")
    except BertportError as error:
        print(f"arm64: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _installed() -> list[EmulatedRuntime]:
    """What backends run on other processors and this Python has, each package once: a plug-in may share it."""
    found = {one.emulated.package: one.emulated for one in BACKENDS.values() if one.emulated}
    return [runtime for runtime in found.values() if installed_version(runtime)]


def _ensure(place: Path, fetch: Callable[[Path], None]) -> None:
    """Make `place` if it is not there: beside it first, then renamed, so that it is whole."""
    if place.exists():
        return
    with _beside(place) as folder:
        print(f"arm64: fetching {place.name}")
        fetch(folder)
        folder.rename(place)


def _fetch_sysroot(sysroot: Path) -> None:
    """The ARM build of this system's own Python and C libraries, unpacked, not installed."""
    with tempfile.TemporaryDirectory() as root:
        _run(_debootstrap(Path(root)))
        archives = (Path(root) / "var" / "cache" / "apt" / "archives").glob("*.deb")
        for archive in archives:
            if archive.name.startswith(_PACKAGES + _PYTHON):
                _run(["dpkg", "-x", str(archive), str(sysroot)])
    if not (sysroot / "lib").exists():
        (sysroot / "lib").symlink_to("usr/lib")
    _describe_processor(sysroot)


def _debootstrap(root: Path) -> list[str]:
    needed = ["debootstrap", "dpkg"] + ["fakeroot"] * (not _is_root())
    # Debian keeps debootstrap where only root looks
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [name for name in needed if not shutil.which(name, path=path)]
    if missing:
        raise RuntimeUnavailable(f"needs {' and '.join(missing)}; install them: apt-get install {' '.join(missing)}")
    command = [str(shutil.which("debootstrap", path=path)), "--download-only", "--arch=arm64", "--variant=minbase"]
    fakeroot = needed[2:]
    return [*fakeroot, *command, "--include=python3,libstdc++6", _suite(), str(root)]


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _suite() -> str:
    """The release of this system, whose mirror and keys debootstrap knows."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:  # not Linux
        system = {"PRETTY_NAME": platform.system()}
    if system.get("ID") not in _DISTRIBUTIONS or "VERSION_CODENAME" not in system:
        found = system.get("PRETTY_NAME", "another system")
        raise RuntimeUnavailable(f"needs Debian or Ubuntu, found {found}; run it in a container of one of them")
    return system["VERSION_CODENAME"]


def _describe_processor(sysroot: Path) -> None:
    """Put an ARM /proc/cpuinfo and a count of one processor where qemu looks before it asks the host's Linux.

    ONNX Runtime 1.28 and newer end in a segmentation fault at import where an ARM build reads the description of an
    x86 (seen with 1.28.0 to 1.32.0 under qemu 7.2). qemu 8.1 emulates /proc/cpuinfo itself: then this can go.
    """
    for name, content in {
        "proc/cpuinfo": _CPUINFO,
        "sys/devices/system/cpu/possible": "0\n",
        "sys/devices/system/cpu/present": "0\n",
    }.items():
        path = sysroot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii", newline="\n")


def _fetch_wheels(runtime: EmulatedRuntime, wheels: Path) -> None:
    """A runtime for aarch64 and what it needs, for the Python of the sysroot."""
    python = sysroot_python(arm64_home() / "sysroot")
    if python is None:
        raise RuntimeUnavailable(f"no Python in {arm64_home() / 'sysroot'}; remove that folder and run this again")
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    wanted = [f"{runtime.package}=={installed_version(runtime)}", "numpy>=2.0"]
    interpreter = ["--implementation=cp", f"--python-version={python.name.removeprefix('python')}"]
    command = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*command, "--target", str(wheels), "--only-binary=:all:", *interpreter, *platforms, *wanted])


def _try(runtime: EmulatedRuntime) -> str:
    emulator = find_emulator(runtime, ARM64)
    libraries = os.pathsep.join(map(str, emulator.libraries))
    program = f"import platform, {runtime.module}; print('on', platform.machine())"
    said = _run([*emulator.command, "-c", program], {**os.environ, "PYTHONPATH": libraries}).splitlines()[-1]
    return f"{runtime.name} {installed_version(runtime)} {said}"


def _run(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, env=environment
    )
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()[-1:]
        raise RuntimeUnavailable(f"{Path(command[0]).name} ended with {done.returncode}: {''.join(said)}")
    return done.stdout


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as folder:
        inside = Path(folder) / place.name
        inside.mkdir()
        yield inside


if __name__ == "__main__":
    raise SystemExit(main())
