"""What tests on emulated processors need: qemu's user mode and `make arm64-runtime`."""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.backends.backend import ARM64, AVX2
from runtimes.backends.emulation.processors import find_emulator, runs_natively
from runtimes.backends.emulation.runtime import EmulatedRuntime
from runtimes.bundle.reading import Bundle
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


@pytest.fixture
def loud_checkpoint(make_checkpoint: Callable[[], Path], edit_weights: Callable[..., None]) -> Path:
    """Linear weights of one size: in full-range int8 every pair of neighbours is 254, times an activation of 255."""
    folder = make_checkpoint()

    def shout(tensors: dict[str, Any]) -> None:
        for name, values in tensors.items():
            if values.ndim == 2 and "embeddings" not in name:
                tensors[name] = (np.sign(values) * 0.2).astype(values.dtype)

    edit_weights(folder, shout)
    return folder


@pytest.fixture
def beyond(loud_checkpoint: Path, texts: list[str]) -> Callable[[Bundle, str], list[str]]:
    """What a bundle's answers are beyond on a processor.

    The audit is left out: it names rounding that no export does, whatever runs it.
    """

    def found(bundle: Bundle, arch: str) -> list[str]:
        failures = verify(Check(bundle, str(loud_checkpoint), texts[:4], arch=arch)).parity.failures
        return [text for text in failures if not text.startswith("audit: ")]

    return found
