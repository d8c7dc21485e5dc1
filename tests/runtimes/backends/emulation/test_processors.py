"""An emulator is found, or what is missing is named with what gets it; an ARM machine needs none."""

import shutil
from dataclasses import replace

import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.backend import ARCHITECTURES, ARM64, AVX2, NATIVE, SME
from runtimes.backends.emulation import processors
from runtimes.backends.emulation.processors import find_emulator, open_emulated
from runtimes.backends.emulation.runner import Emulator
from runtimes.backends.onnx.backend import EMULATED as ONNX
from runtimes.backends.registry import open_on
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError, RuntimeUnavailable, UsageError
from runtimes.runner import Status


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    (item,) = export(Request(str(checkpoint), destination=tmp_path_factory.mktemp("out") / "it", verify=False))
    return read_bundle(item.directory)


@pytest.fixture
def anywhere(monkeypatch, tmp_path):
    """A machine with neither qemu nor cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda name: None)

    def on(machine):
        monkeypatch.setattr(processors.platform, "machine", lambda: machine)

    return on


def test_on_an_arm_machine_arm64_is_native(bundle, anywhere):
    anywhere("aarch64")
    assert open_on(bundle, ARM64).status is Status.MEASURED
    assert open_on(bundle, NATIVE).status is Status.MEASURED
    for other in (AVX2, SME):
        with pytest.raises(RuntimeUnavailable, match=f"{other}: needs an x86 machine; this is aarch64"):
            open_on(bundle, other)


@pytest.mark.parametrize(("arch", "needed"), [(ARM64, "qemu-aarch64"), (SME, "qemu-aarch64"), (AVX2, "qemu-x86_64")])
def test_without_qemu_it_says_what_to_install(bundle, anywhere, arch, needed):
    anywhere("x86_64")
    with pytest.raises(RuntimeUnavailable, match=f"{needed} here; .*qemu-user-static"):
        open_on(bundle, arch)


def test_without_the_runtime_it_names_the_make_target(bundle, anywhere, monkeypatch):
    anywhere("x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(RuntimeUnavailable, match="make arm64-runtime"):
        open_on(bundle, ARM64)


@pytest.mark.parametrize("arch", [one for one in ARCHITECTURES if one != NATIVE])
def test_a_runtime_that_is_not_installed_is_named_with_what_gets_it(arch):
    absent = replace(ONNX, name="Absent Runtime", package="no-such-runtime", requirement="bertport[no]")
    with pytest.raises(RuntimeUnavailable, match=rf"^{arch}: needs Absent Runtime .*pip install 'bertport\[no\]'"):
        find_emulator(absent, arch)


def test_a_damaged_file_is_refused_before_anything_is_emulated(bundle, monkeypatch):
    monkeypatch.setattr(processors, "find_emulator", lambda runtime, arch: Emulator("x", ("no-such-qemu",)))

    def refuse(path):
        raise BundleError(f"{path.name}: damaged")

    with pytest.raises(RuntimeUnavailable, match="does not start"):
        open_emulated(bundle, ONNX, ARM64)
    with pytest.raises(BundleError, match=r"model\.onnx: damaged"):
        open_emulated(bundle, replace(ONNX, check=refuse), ARM64)


def test_a_core_ml_bundle_has_no_other_kernels(checkpoint, tmp_path):
    request = Request(str(checkpoint), ("coreml",), ("fp16",), tmp_path / "out", verify=False)
    (item,) = export(request)
    with pytest.raises(UsageError, match="of onnx and litert alone"):
        open_on(read_bundle(item.directory), ARM64)
