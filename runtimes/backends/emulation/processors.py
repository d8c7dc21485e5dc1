"""Emulated processors: what each `--arch` runs on, and whether it is installed.

int8 is where processors differ: x86 without VNNI adds neighbouring products in 16 bits and saturates, ARM does not, so
each hides the other's errors.
"""

import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runtimes.backends.backend import ARM64, AVX2, NATIVE
from runtimes.backends.emulation.fixed import of_lengths
from runtimes.backends.emulation.runner import EmulatedRunner, Emulator
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.backends.fixed_length import Interface
from runtimes.bundle.reading import Bundle
from runtimes.errors import RuntimeUnavailable
from runtimes.runner import Runner

_ARM_MACHINES, _X86_MACHINES = ("aarch64", "arm64"), ("x86_64", "AMD64")


def runs_natively(arch: str) -> bool:
    """Whether this machine is one."""
    return arch == NATIVE or (arch == ARM64 and platform.machine() in _ARM_MACHINES)


def open_emulated(bundle: Bundle, runtime: EmulatedRuntime, arch: str) -> Runner:
    """Open the saved model of a bundle on `arch`. Raises RuntimeUnavailable where the emulator is not here."""
    emulator, path = find_emulator(runtime, arch), bundle.directory / bundle.manifest.models[0]
    runtime.check(path)
    runner, lengths = EmulatedRunner(path, runtime, emulator), bundle.manifest.recipe.sequence_lengths
    if not lengths:
        return runner
    return of_lengths(runner, lengths, Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id))


def find_emulator(runtime: EmulatedRuntime, arch: str) -> Emulator:
    """How to start a Python that has `runtime` on `arch`.

    Raises RuntimeUnavailable that says what is missing and how to get it.
    """
    if installed_version(runtime) is None:
        raise RuntimeUnavailable(
            f"{arch}: needs {runtime.name} here too, of whose version it is: pip install '{runtime.requirement}'"
        )
    return _arm64(runtime) if arch == ARM64 else _avx2(runtime)


def arm64_home() -> Path:
    """Where `arm64_setup` puts what it fetches: the user's cache, on Linux $XDG_CACHE_HOME or ~/.cache."""
    from platformdirs import user_cache_path  # here: no other command asks for a cache

    return user_cache_path("bertport", appauthor=False) / "arm64"


def installed_version(runtime: EmulatedRuntime) -> str | None:
    """The version of a runtime that is installed here, which the emulated one is of too; None where it is not."""
    try:
        return version(runtime.package)
    except PackageNotFoundError:
        return None


def wheels_name(runtime: EmulatedRuntime) -> str:
    """The folder of a runtime's aarch64 libraries."""
    return f"{runtime.package}-{installed_version(runtime)}"


def sysroot_python(sysroot: Path) -> Path | None:
    """The Python of an unpacked system, as /usr/bin/python3.N."""
    found = sorted((sysroot / "usr" / "bin").glob("python3.*[0-9]"))
    return found[0] if found else None


def _arm64(runtime: EmulatedRuntime) -> Emulator:
    qemu = _qemu("aarch64", "arm64")
    sysroot, wheels = arm64_home() / "sysroot", arm64_home() / wheels_name(runtime)
    python = sysroot_python(sysroot)
    if python is None or not wheels.is_dir():
        missing = sysroot if python is None else wheels
        raise RuntimeUnavailable(
            f"arm64: the emulated runtime is not here ({missing}); fetch it with `make arm64-runtime`, or "
            "`python -m runtimes.backends.emulation.arm64_setup`"
        )
    # dot products, as most phones since 2018 have them; the kernels for older cores are not run
    return Emulator("Cortex-A76", (qemu, "-cpu", "cortex-a76", "-L", str(sysroot), str(python)), (wheels,))


def _avx2(runtime: EmulatedRuntime) -> Emulator:
    if platform.machine() not in _X86_MACHINES:
        raise RuntimeUnavailable(
            f"{AVX2}: needs an x86 machine, whose {runtime.name} it runs; this is {platform.machine()}"
        )
    libraries = tuple(Path(entry).absolute() for entry in sys.path if entry)
    return Emulator("Haswell", (_qemu("x86_64", AVX2), "-cpu", "Haswell", sys.executable), libraries)


def _qemu(machine: str, arch: str) -> str:
    for name in (f"qemu-{machine}-static", f"qemu-{machine}"):
        if found := shutil.which(name):
            return found
    raise RuntimeUnavailable(f"{arch}: no qemu-{machine} here; Debian's and Ubuntu's package qemu-user-static has it")
