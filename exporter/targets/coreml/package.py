"""Writing a Core ML package: converts, describes and serializes a program, the same bytes each time.

A package is three files: `Manifest.json`, the model's protobuf and its weights. coremltools writes them with random
identifiers, a date and maps in no order; here they are written again without.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.targets.coreml.coremltools import ct, quiet_conversion
from exporter.targets.coreml.metadata import Card
from exporter.targets.coreml.package_files import MODEL, WEIGHTS, contents
from runtimes.errors import BundleError
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES, read_bounded

_DATE = "com.github.apple.coremltools.conversion_date"


@dataclass(frozen=True)
class Content:
    """A model that has yet to get its place: its protobuf, and its weight file, which is never read into memory."""

    model: Any
    weights: Path


def convert(program: Any, target: Any, package: Path) -> Content:
    """Serialise a MIL program as it stands, for now as `package`: no pass of coremltools' main pipeline runs.

    They would find little to fold, rename tensors, and `guard_negative_gather_indices` would add four operations to
    every gather.
    """
    with quiet_conversion():
        ct.convert(
            program,
            source="milinternal",
            convert_to="mlprogram",
            minimum_deployment_target=target,
            compute_precision=ct.precision.FLOAT32,  # the types are the program's own
            pass_pipeline=ct.PassPipeline.EMPTY,
            skip_model_load=True,
            package_dir=str(package),
        )
        return read(package)


def merge(functions: Mapping[str, Content], default: str, merged: Path) -> Content:
    """One model with a function for each content, whose equal weights are stored once (iOS 18); for now as `merged`."""
    with tempfile.TemporaryDirectory() as folder, quiet_conversion():
        descriptor = ct.utils.MultiFunctionDescriptor()
        for name, content in functions.items():
            source = Path(folder) / f"{name}.mlpackage"
            write(content, source)
            descriptor.add_function(str(source), "main", name)
        descriptor.default_function_name = default
        ct.utils.save_multifunction(descriptor, str(merged))
        return read(merged)


def read(package: Path) -> Content:
    """Read back a package that coremltools wrote."""
    model = ct.proto.Model_pb2.Model()
    model.ParseFromString(read_bounded(package / "Data" / MODEL, MAX_WEIGHT_BYTES, BundleError))
    return Content(model, package / "Data" / WEIGHTS / "weight.bin")


def describe(model: Any, card: Card) -> None:
    """Put the card's texts into a model's description, and take the date of conversion out."""
    metadata = model.description.metadata
    metadata.shortDescription, metadata.author = card.description, card.author
    metadata.license, metadata.versionString = card.licence, card.version
    metadata.userDefined.pop(_DATE, None)
    metadata.userDefined.update(card.facts)
    for part in list(model.description.functions) or [model.description]:
        for feature in part.input:
            feature.shortDescription = card.inputs[feature.name]
        for feature in part.output:
            feature.shortDescription = card.outputs[feature.name]


def write(content: Content, package: Path) -> None:
    """Write a package folder."""
    (package / "Data" / WEIGHTS).mkdir(parents=True)
    (package / "Data" / MODEL).write_bytes(content.model.SerializeToString(deterministic=True))
    shutil.copyfile(content.weights, package / "Data" / WEIGHTS / "weight.bin")
    (package / "Manifest.json").write_bytes(contents())
