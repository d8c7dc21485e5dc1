"""The Core AI target: its options, its recipe, and everything that is done with `.aimodel` folders."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Calibration
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.targets.apple_metadata import metadata_of
from exporter.targets.apple_options import DEFAULT_COMPUTE_UNITS, DEFAULT_LENGTH, LAYOUTS
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.coreai.inspection import inspect_asset
from exporter.targets.coreai.loading_text import loading_text
from exporter.targets.coreai.lower import Options, check, lower
from exporter.targets.coreai.metadata import asset_metadata
from exporter.targets.coreai.names import canonical_tensors
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.requirements import PACKAGE, lacking, require_coreai
from exporter.targets.coreai.schemes import SCHEMES
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.encoding.forms import FormScheme
from exporter.targets.target import Settings, Target, checked_keep, fixed_inputs, option, read_options
from runtimes.aimodel.names import ASSET
from runtimes.bundle.manifest import Recipe, TensorSpec


@dataclass(frozen=True)
class CoreAIOptions:
    """What a user may say of Core AI assets, and what their recipe records."""

    sequence_lengths: tuple[int, ...] = option(
        (),
        "Make the inputs N tokens long, a row at a time; may repeat.",
        "--sequence-length",
        "N",
    )
    compute_units: str = option(DEFAULT_COMPUTE_UNITS, f"Let these compute: {', '.join(LAYOUTS)}.")


def _recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    """Raises RuntimeUnavailable without Apple's package, UsageError for options that cannot be."""
    require_coreai("--target coreai")
    given: CoreAIOptions = TARGET.chosen(settings)
    options = replace(given, sequence_lengths=given.sequence_lengths or (min(DEFAULT_LENGTH, checkpoint.max_tokens),))
    check(Options(**asdict(options)), checkpoint.geometry.positions)
    kept = checked_keep(checkpoint, settings)
    return Recipe(TARGET.name, scheme, checkpoint.task.name, asdict(options), keep=kept)


def options_of(recipe: Recipe) -> Options:
    """What a recipe asks of its asset."""
    return Options(**asdict(read_options(CoreAIOptions, recipe)))


def scheme_of(recipe: Recipe) -> FormScheme:
    """A recipe's scheme, and what is kept out of it."""
    return replace(SCHEMES[recipe.scheme], keep=Keep(recipe.keep))


def _inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    return fixed_inputs(checkpoint.model.inputs, recipe.sequence_lengths)


def _write(checkpoint: Checkpoint, recipe: Recipe, directory: Path, calibration: Calibration) -> tuple[str, ...]:
    scheme, options = scheme_of(recipe), options_of(recipe)
    weights = WeightStore(scheme, partial(calibration.encode, narrow=scheme.narrow))
    program = lower(checkpoint.model, weights, options.sequence_lengths, options.layout)
    metadata = asset_metadata(checkpoint.model, recipe.scheme, options, metadata_of(checkpoint))
    write_asset(program, metadata, directory / ASSET)
    return (ASSET,)


def _audit(audited: Audited) -> Audit:
    from exporter.targets.coreai.audit.asset import audit_asset  # here: an export without parity has no use for it

    return audit_asset(audited, scheme_of(audited.recipe), options_of(audited.recipe))


def _read(audited: Audited) -> Mapping[str, Array]:
    from exporter.targets.coreai.audit.asset import read_weights

    return read_weights(audited, scheme_of(audited.recipe), options_of(audited.recipe))


def _as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    return scheme_of(recipe).as_wide(SCHEMES[scheme], weights)


def _advice(_checkpoint: Checkpoint, _recipe: Recipe, _texts: Sequence[str]) -> str:
    return ""


TARGET = Target(
    name="coreai",
    options=CoreAIOptions,
    schemes=SCHEMES,
    recipe=_recipe,
    check=lambda recipe, checkpoint: check(options_of(recipe), checkpoint.geometry.positions),
    inputs=_inputs,
    write=_write,
    model_names=lambda _recipe: (ASSET,),
    advice=_advice,
    as_wide=_as_wide,
    canonical=canonical_tensors,
    audit=_audit,
    read=_read,
    check_companions=lambda _bundle: None,
    inspect=inspect_asset,
    loading=loading_text,
    finetuned_budget=SCHEMES["int8"].budget,
    libraries=(PACKAGE,),
    cannot_export_here=lacking,
)
