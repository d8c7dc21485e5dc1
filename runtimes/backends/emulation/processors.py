"""Emulated processors: what each `--arch` runs on, and whether it is installed.

int8 is where processors differ: x86 without VNNI adds neighbouring products in 16 bits and saturates, ARM does not, so
each hides the other's errors.
"""

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from runtimes.backends.backend import ARM64, AVX2, NATIVE, SME
from runtimes.backends.emulation.fixed import of_lengths
from runtimes.backends.emulation.qemu import ANY, find_qemu
from runtimes.backends.emulation.runner import EmulatedRunner, Emulator
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.backends.fixed_length import Interface
from runtimes.bundle.reading import Bundle
from runtimes.errors import RuntimeUnavailable
from runtimes.runner import Runner


@dataclass(frozen=True)
class _Core:
    """An ARM core: its name, what qemu calls it, and the oldest qemu that computes its products rightly."""

    name: str
    options: str
    least_qemu: tuple[int, int] = ANY


_CORES = {
    # dot products, as most phones since 2018 have them; the kernels for older cores are not run
    ARM64: _Core("Cortex-A76", "cortex-a76"),
    # 512 bits, as phones have; qemu's smopa was wrong up to 8.2.2 (its issue 2083), and 10.0 is the oldest one tried
    SME: _Core("ARM processor with SME", "max,sme-default-vector-length=64", (10, 0)),
}
_ARM_MACHINES, _X86_MACHINES = ("aarch64", "arm64"), ("x86_64", "AMD64")


def runs_natively(arch: str) -> bool:
    """Whether this machine is one."""
    return arch == NATIVE or (arch == ARM64 and platform.machine() in _ARM_MACHINES)


def open_emulated(bundle: Bundle, runtime: EmulatedRuntime, arch: str) -> Runner:
    """Open the saved model of a bundle on `arch`. Raises RuntimeUnavailable where the emulator is not here."""
    emulator, path = find_emulator(runtime, arch), bundle.directory / bundle.manifest.models[0]
    runtime.check(path)
    lengths = bundle.manifest.recipe.sequence_lengths
    runner = EmulatedRunner(path, runtime, emulator, lengths=lengths)
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
    if arch != ARM64 and platform.machine() not in _X86_MACHINES:
        raise RuntimeUnavailable(f"{arch}: needs an x86 machine; this is {platform.machine()}: take native or {ARM64}")
    return _arm64(runtime, arch) if arch in _CORES else _avx2()


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


def _arm64(runtime: EmulatedRuntime, arch: str) -> Emulator:
    core = _CORES[arch]
    qemu = find_qemu("aarch64", arch, core.least_qemu)
    sysroot, wheels = arm64_home() / "sysroot", arm64_home() / wheels_name(runtime)
    python = sysroot_python(sysroot)
    if python is None or not wheels.is_dir():
        missing = sysroot if python is None else wheels
        raise RuntimeUnavailable(
            f"{arch}: the emulated runtime is not here ({missing}); fetch it with `make arm64-runtime`, or "
            "`python -m runtimes.backends.emulation.arm64_setup`"
        )
    return Emulator(core.name, (qemu, "-cpu", core.options, "-L", str(sysroot), str(python)), (wheels,))


def _avx2() -> Emulator:
    """The Python that runs here, and its runtime."""
    libraries = tuple(Path(entry).absolute() for entry in sys.path if entry)
    return Emulator("Haswell", (find_qemu("x86_64", AVX2), "-cpu", "Haswell", sys.executable), libraries)
