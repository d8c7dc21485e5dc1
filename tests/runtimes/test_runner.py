"""Which runtime opens a bundle, and what no runtime opens."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.coreml.simulated import length
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.errors import BundleError


@dataclass(frozen=True)
class Tensor:
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Package:
    directory: Path = Path("Model.mlpackage")


@dataclass(frozen=True)
class Program:
    inputs: tuple[Tensor, ...]
    package: Package = Package()


def test_a_target_without_a_runtime_is_refused(checkpoint, tmp_path):
    export(Request(str(checkpoint), destination=tmp_path / "made", verify=False))
    manifest = read_bundle(tmp_path / "made").manifest
    other = Bundle(tmp_path / "made", replace(manifest, recipe=replace(manifest.recipe, target="gguf")))
    with pytest.raises(BundleError, match=r"made for 'gguf', and the runtimes are of .*litert, coreai; export again"):
        open_runner(other)


def test_a_program_takes_as_many_tokens_as_its_inputs_have_columns():
    assert length(Program((Tensor((1, 24)),))) == 24
    assert length(Program((Tensor((1, 1 << 16)),))) == 1 << 16


@pytest.mark.parametrize("shape", [(), (24,), (2, 24), (1, None), (1, 0), (1, (1 << 16) + 1), (1, 24, 1)])
def test_a_program_without_a_fixed_length_is_refused(shape):
    with pytest.raises(BundleError, match=r"Model\.mlpackage: expected inputs \[1, S\] of a fixed length, found"):
        length(Program((Tensor(shape),) if shape else ()))
