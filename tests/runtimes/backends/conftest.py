"""What tests on emulated processors need: qemu's user mode and `make arm64-runtime`."""

import os
import platform
from collections.abc import Callable

import pytest

from runtimes.backends.backend import ARM64, AVX2
from runtimes.backends.emulation.processors import find_emulator, runs_natively
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.errors import RuntimeUnavailable


@pytest.fixture(scope="session")
def need_processor() -> Callable[[EmulatedRuntime, str], None]:
    """Skip where a runtime's emulated processor is absent; in CI, fail."""

    def need(runtime: EmulatedRuntime, arch: str) -> None:
        if arch == AVX2 and platform.machine() != "x86_64":
            pytest.skip("the kernels in question are x86's")
        try:
            if not runs_natively(arch):
                find_emulator(runtime, arch)
        except RuntimeUnavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"CI must have it: {error}")
            pytest.skip(str(error))

    return need


@pytest.fixture(scope="session")
def is_arm() -> bool:
    """Whether arm64's kernels run here without an emulator."""
    return runs_natively(ARM64)
