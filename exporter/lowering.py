"""The targets, side by side: what each takes from the settings, what its model reads, and how it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter import __version__
from exporter.bundle import SEQUENCE, Recipe, TensorSpec
from exporter.checkpoint import Checkpoint
from exporter.encoder.bert import Inputs
from exporter.encoder.heads import TASKS
from exporter.encoder.ops import Array
from exporter.targets import coreml, coreml_calibration, onnx, onnx_mapped
from exporter.targets.coreml_names import canonical_tensors

Samples = Callable[[int], list[Inputs[Array]]]
"""Most tokens → real texts of the task, each alone and without padding."""


@dataclass(frozen=True)
class Settings:
    """What a user may set beyond target and scheme; each target takes what is its own."""

    opset: int = onnx.DEFAULT_OPSET
    int32_inputs: bool = False
    sequence_lengths: tuple[int, ...] = ()
    compute_units: str = coreml.DEFAULT_COMPUTE_UNITS
    deployment_target: str = coreml.DEFAULT_DEPLOYMENT_TARGET


@dataclass(frozen=True)
class Target:
    """One target.

    `recipe` checks the settings; `write` puts the model into a folder and names its files (samples are what it
    may calibrate on); `advice` is a word on the recipe, or nothing; `canonical` brings a runtime's named tensors to the
    names and shapes of `targets.numpy`.
    """

    recipe: Callable[[Checkpoint, str, Settings], Recipe]
    inputs: Callable[[Recipe], tuple[TensorSpec, ...]]
    write: Callable[[Checkpoint, Recipe, Path, Samples], tuple[str, ...]]
    advice: Callable[[Recipe], str]
    canonical: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    libraries: tuple[str, ...]


def _onnx_recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    onnx.check_opset(settings.opset)
    return Recipe("onnx", scheme, checkpoint.task.name, opset=settings.opset, int32_inputs=settings.int32_inputs)


def _onnx_inputs(recipe: Recipe) -> tuple[TensorSpec, ...]:
    dtype = "int32" if recipe.int32_inputs else "int64"
    return tuple(TensorSpec(name, dtype, ("batch_size", SEQUENCE)) for name in onnx.INPUTS)


def _write_onnx(checkpoint: Checkpoint, recipe: Recipe, directory: Path, _samples: Samples) -> tuple[str, ...]:
    content = onnx.lower(checkpoint.model, recipe.scheme, recipe.opset or onnx.DEFAULT_OPSET, recipe.int32_inputs)
    (directory / onnx.FILE).write_bytes(content)
    if door := onnx_mapped.mapped(content, onnx.FILE):
        (directory / onnx_mapped.FILE).write_bytes(door)
    return (onnx.FILE,)


def _coreml_recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    positions = checkpoint.geometry.positions
    lengths = settings.sequence_lengths or (min(coreml.DEFAULT_LENGTH, positions),)
    coreml.check(coreml.Options(lengths, settings.compute_units, settings.deployment_target), scheme, positions)
    return Recipe(
        "coreml",
        scheme,
        checkpoint.task.name,
        sequence_lengths=lengths,
        compute_units=settings.compute_units,
        deployment_target=settings.deployment_target,
    )


def _coreml_inputs(recipe: Recipe) -> tuple[TensorSpec, ...]:
    lengths = recipe.sequence_lengths
    size = lengths[0] if len(lengths) == 1 else " or ".join(map(str, lengths))
    return tuple(TensorSpec(name, "int32", (1, size)) for name in coreml.INPUTS)


def _write_coreml(checkpoint: Checkpoint, recipe: Recipe, directory: Path, samples: Samples) -> tuple[str, ...]:
    units = recipe.compute_units or coreml.DEFAULT_COMPUTE_UNITS
    target = recipe.deployment_target or coreml.DEFAULT_DEPLOYMENT_TARGET
    options = coreml.Options(recipe.sequence_lengths, units, target)
    calibrated = coreml.calibrated(recipe.scheme)
    ranges = _ranges(checkpoint, samples(max(recipe.sequence_lengths))) if calibrated else None
    description = f"{checkpoint.task.name} with {', '.join(checkpoint.labels)} ({checkpoint.source.model})"
    author, licence = checkpoint.authorship
    metadata = coreml.Metadata(description, author, licence, __version__, checkpoint.labels)
    return tuple(coreml.lower(checkpoint.model, recipe.scheme, options, metadata, directory, ranges))


def _coreml_advice(recipe: Recipe) -> str:
    lengths = len(recipe.sequence_lengths)
    if lengths == 1 or coreml.Options(deployment_target=recipe.deployment_target or "").has("iOS18"):
        return ""
    return (
        f"{recipe.deployment_target} shares no weights between lengths: {lengths} packages, {lengths} times the size; "
        "--deployment-target iOS18 makes one package that is hardly larger than one length"
    )


def _coreml_canonical(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
    return canonical_tensors(tensors, {name for task in TASKS.values() for name in task.outputs})


def _ranges(checkpoint: Checkpoint, samples: list[Inputs[Array]]) -> dict[str, float]:
    """Magnitudes of activations over real text."""
    from exporter.targets.numpy import trace

    return coreml_calibration.calibrate(trace(checkpoint.model, one.ids, one.mask, one.types) for one in samples)


TARGETS = {
    "onnx": Target(
        _onnx_recipe, _onnx_inputs, _write_onnx, lambda _: "", canonical=lambda tensors: tensors, libraries=("onnx",)
    ),
    "coreml": Target(
        _coreml_recipe,
        _coreml_inputs,
        _write_coreml,
        _coreml_advice,
        canonical=_coreml_canonical,
        libraries=("coremltools",),
    ),
}
