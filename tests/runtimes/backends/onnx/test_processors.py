"""int8 is right on a phone's kernels and on an x86 without VNNI: ONNX Runtime's own, on processors that qemu emulates.

Needs qemu's user mode and `make arm64-runtime`, which CI has: there their absence is a failure.
"""

from unittest import mock

import pytest

from exporter.compression import integer_rounding
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.check import Check
from exporter.verification.reference.default_texts import default_texts
from exporter.verification.verify import verify
from runtimes.backends.backend import ARM64, AVX2
from runtimes.backends.onnx.backend import EMULATED
from runtimes.bundle.reading import read_bundle
from runtimes.parity.compare import Verdict
from runtimes.runner import Status

INT8 = ("int8", "int8-weights", "int4-embeddings")


@pytest.fixture
def need(need_processor):
    return lambda arch: need_processor(EMULATED, arch)


@pytest.fixture(scope="module")
def demo_bundles(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo")
    done = export(Request("demo", schemes=INT8, destination=place, verify=False))
    return {item.recipe.scheme: read_bundle(item.directory) for item in done}


@pytest.mark.parametrize("scheme", ["int8", *(pytest.param(one, marks=pytest.mark.slow) for one in INT8[1:])])
def test_the_demo_in_int8_agrees_with_pytorch_on_a_phones_kernels(demo_bundles, scheme, need, is_arm):
    need(ARM64)
    parity = verify(Check(demo_bundles[scheme], texts=tuple(default_texts()[:2]), arch=ARM64)).parity
    assert parity.verdict is Verdict.PASS, parity.failures
    assert parity.status == (Status.MEASURED if is_arm else Status.EMULATED).value
    assert is_arm or "aarch64 on an emulated Cortex-A76" in parity.note


@pytest.fixture
def bundle_of(loud_checkpoint, tmp_path):
    def make(rounding=integer_rounding.int8_without_saturation):
        place = tmp_path / "bundle"
        with mock.patch.object(integer_rounding, "int8_without_saturation", rounding):
            export(Request(str(loud_checkpoint), schemes=("int8",), destination=place, verify=False))
        return read_bundle(place)

    return make


def test_shipped_int8_does_not_saturate_without_vnni(bundle_of, beyond, need):
    need(AVX2)
    assert not beyond(bundle_of(), AVX2)


def test_full_range_int8_is_caught_without_vnni_and_not_by_arm(bundle_of, beyond, need):
    """The control: each processor hides the other's errors."""
    need(AVX2)
    bundle = bundle_of(integer_rounding.int8)
    assert beyond(bundle, AVX2)
    need(ARM64)
    assert not beyond(bundle, ARM64)


def test_a_perturbed_weight_is_caught_on_a_phones_kernels(bundle_of, beyond, need):
    need(ARM64)
    bundle = bundle_of(lambda values: _halved(*integer_rounding.int8(values)))
    assert beyond(bundle, ARM64)


def _halved(values, scales):
    return values, scales / 2
