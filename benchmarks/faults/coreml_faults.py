"""All faults of a Core ML bundle of one package."""

from pathlib import Path

from benchmarks.faults.coreml_description import description_faults
from benchmarks.faults.coreml_file import Spoilt
from benchmarks.faults.coreml_program import program_faults
from benchmarks.faults.coreml_weights import weight_faults
from benchmarks.faults.frame import Fault


def every_fault(bundle: Path, seed: int) -> list[Fault]:
    """Of weights, operators, edges, constants, description, version, metadata and file list."""
    package = Spoilt(bundle / "Model.mlpackage")
    return [*weight_faults(package, seed), *program_faults(package), *description_faults(package)]
