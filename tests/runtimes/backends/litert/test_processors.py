"""LiteRT's answers on other processors, which qemu emulates, are PyTorch's: XNNPACK's kernels for ARM and for AVX2.

Needs qemu's user mode and `make arm64-runtime`, which CI has: there their absence is a failure. SME needs a qemu that
not every system has: where it is older it must be refused.
"""

from unittest import mock

import pytest

from exporter.compression.integer_rounding import int8
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert import linears
from exporter.verification.check import Check
from exporter.verification.reference.default_texts import default_texts
from exporter.verification.verify import verify
from runtimes.backends.backend import ARM64, AVX2, SME
from runtimes.backends.emulation.processors import find_emulator
from runtimes.backends.litert.backend import EMULATED
from runtimes.bundle.reading import read_bundle
from runtimes.errors import RuntimeUnavailable
from runtimes.parity.compare import Verdict
from runtimes.runner import Status


@pytest.fixture
def need(need_processor):
    return lambda arch: need_processor(EMULATED, arch)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    def make(scheme):
        place = tmp_path_factory.mktemp("demo") / scheme
        (item,) = export(Request("demo", ("litert",), (scheme,), place, verify=False))
        return read_bundle(item.directory)

    return make


@pytest.mark.parametrize("scheme", [pytest.param("none", marks=pytest.mark.slow), "int8"])
def test_the_demo_agrees_with_pytorch_on_a_phones_kernels(demo, scheme, need, is_arm):
    need(ARM64)
    parity = verify(Check(demo(scheme), texts=tuple(default_texts()[:2]), arch=ARM64)).parity
    assert parity.verdict is Verdict.PASS, parity.failures
    assert parity.status == (Status.MEASURED if is_arm else Status.EMULATED).value
    assert is_arm or "aarch64 on an emulated Cortex-A76" in parity.note


def has_sme():
    try:
        find_emulator(EMULATED, SME)
    except RuntimeUnavailable:
        return False
    return True


def test_int8_is_right_with_sme_or_the_emulator_is_refused(demo, need):
    """qemu before 8.2.3 computes smopa wrongly: it must not be asked."""
    need(ARM64)
    check = Check(demo("int8"), texts=tuple(default_texts()[:2]), arch=SME)
    if not has_sme():
        with pytest.raises(RuntimeUnavailable, match=r"needs (qemu 10\.0 or newer|an x86 machine)"):
            verify(check)
        return
    parity = verify(check).parity
    assert parity.verdict is Verdict.PASS, parity.failures
    assert "an emulated ARM processor with SME" in parity.note


@pytest.fixture
def bundle_of(loud_checkpoint, tmp_path):
    def make(rounding=int8):
        place = tmp_path / "bundle"
        with mock.patch.object(linears, "int8", rounding):
            export(Request(str(loud_checkpoint), ("litert",), ("int8",), place, verify=False))
        return read_bundle(place)

    return make


def test_full_range_int8_does_not_saturate_without_vnni(bundle_of, beyond, need):
    """XNNPACK widens to 16 bits before it multiplies, where ONNX Runtime adds two products in 16."""
    need(AVX2)
    assert not beyond(bundle_of(), AVX2)


@pytest.mark.parametrize("arch", [ARM64, AVX2])
def test_a_perturbed_weight_is_caught(bundle_of, beyond, need, arch):
    need(arch)
    assert beyond(bundle_of(_halved), arch)


def _halved(values):
    q, scales = int8(values)
    return q, scales / 2
