"""The Core ML target: its options, its recipe, and everything that is done with `.mlpackage` folders."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.activation_ranges import calibrate
from exporter.compression.calibration import Calibration
from exporter.compression.weight_exceptions import Keep
from exporter.model.numpy_ops import trace
from exporter.model.ops import Array, Inputs, Weight
from exporter.model.tasks import TASKS
from exporter.targets.apple_metadata import metadata_of
from exporter.targets.apple_options import DEFAULT_COMPUTE_UNITS, DEFAULT_LENGTH, LAYOUTS
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.coreml.inspection import inspect_package
from exporter.targets.coreml.loading_text import loading_text
from exporter.targets.coreml.lower import (
    DEFAULT_DEPLOYMENT_TARGET,
    DEPLOYMENT_TARGETS,
    Options,
    check,
    file_names,
    lower,
)
from exporter.targets.coreml.names import canonical_tensors
from exporter.targets.coreml.schemes import SCHEMES
from exporter.targets.target import Settings, Target, checked_keep, fixed_inputs, option, read_options
from runtimes.bundle.manifest import Recipe, TensorSpec


@dataclass(frozen=True)
class CoreMLOptions:
    """What a user may say of Core ML packages, and what their recipe records."""

    sequence_lengths: tuple[int, ...] = option(
        (),
        "Make the inputs N tokens long, a row at a time; may repeat.",
        "--sequence-length",
        "N",
    )
    compute_units: str = option(DEFAULT_COMPUTE_UNITS, f"Let these compute: {', '.join(LAYOUTS)}.")
    deployment_target: str = option(
        DEFAULT_DEPLOYMENT_TARGET, f"Write for this system and newer ones: {DEPLOYMENT_TARGETS[0]} or later."
    )


def _recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    """Raises UsageError and LoweringError as `lower.check`."""
    given: CoreMLOptions = TARGET.chosen(settings)
    options = replace(given, sequence_lengths=given.sequence_lengths or (min(DEFAULT_LENGTH, checkpoint.max_tokens),))
    check(Options(**asdict(options)), scheme, checkpoint.geometry.positions)
    kept = checked_keep(checkpoint, settings)
    return Recipe(TARGET.name, scheme, checkpoint.task.name, asdict(options), keep=kept)


def _options(recipe: Recipe) -> Options:
    """What a recipe asks of its packages."""
    return Options(**asdict(read_options(CoreMLOptions, recipe)), keep=Keep(recipe.keep))


def _check(recipe: Recipe, checkpoint: Checkpoint) -> None:
    check(_options(recipe), recipe.scheme, checkpoint.geometry.positions)


def _inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    return fixed_inputs(checkpoint.model.inputs, recipe.sequence_lengths)


def _write(checkpoint: Checkpoint, recipe: Recipe, directory: Path, calibration: Calibration) -> tuple[str, ...]:
    calibrated = SCHEMES[recipe.scheme].calibrated
    ranges = _ranges(checkpoint, calibration.samples(max(recipe.sequence_lengths))) if calibrated else None
    asked = (checkpoint.model, recipe.scheme, _options(recipe), metadata_of(checkpoint))
    encode = partial(calibration.encode, narrow=SCHEMES[recipe.scheme].narrow)
    return tuple(lower(*asked, directory, ranges, encode))


def _ranges(checkpoint: Checkpoint, samples: list[Inputs[Array]]) -> dict[str, float]:
    """Magnitudes of activations over real text."""
    return calibrate(trace(checkpoint.model, one.ids, one.mask, one.types) for one in samples)


def _audit(audited: Audited) -> Audit:
    from exporter.targets.coreml.audit.package import audit_packages  # here: an export without parity has no use for it

    return audit_packages(audited, _options(audited.recipe), metadata_of(audited.checkpoint))


def _read(audited: Audited) -> Mapping[str, Array]:
    from exporter.targets.coreml.audit.package import read_packages

    return read_packages(audited, _options(audited.recipe), metadata_of(audited.checkpoint))


def _advice(_checkpoint: Checkpoint, recipe: Recipe, _texts: Sequence[str]) -> str:
    options = _options(recipe)
    lengths = len(options.sequence_lengths)
    if lengths == 1 or options.has("iOS18"):
        return ""
    return (
        f"{options.deployment_target} shares no weights between lengths: {lengths} packages, {lengths} times the size; "
        "--deployment-target iOS18 makes one package that is hardly larger than one length"
    )


def _as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    return replace(SCHEMES[recipe.scheme], keep=Keep(recipe.keep)).as_wide(SCHEMES[scheme], weights)


def _canonical(tensors: Mapping[str, Array]) -> Mapping[str, Array]:
    return canonical_tensors(tensors, {name for task in TASKS.values() for name in task.outputs})


TARGET = Target(
    name="coreml",
    options=CoreMLOptions,
    schemes=SCHEMES,
    recipe=_recipe,
    check=_check,
    inputs=_inputs,
    write=_write,
    model_names=lambda recipe: tuple(file_names(_options(recipe))),
    advice=_advice,
    as_wide=_as_wide,
    canonical=_canonical,
    audit=_audit,
    read=_read,
    check_companions=lambda _bundle: None,
    inspect=inspect_package,
    loading=loading_text,
    finetuned_budget=SCHEMES["int8"].budget,
    libraries=("coremltools",),
    cannot_export_here=lambda: "",
)
