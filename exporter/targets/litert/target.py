"""The LiteRT target: its options, its recipe, and everything that is done with `model.tflite`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Calibration
from exporter.compression.outlier_channels import LEAST_WIDTH, NO_OUTLIERS, evidence, treat_outliers
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.model.tasks import SENTENCE_SIMILARITY, TASKS
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.encoding.storage import Storage, wider
from exporter.targets.litert import file as tflite_file
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.inspection import inspect_litert
from exporter.targets.litert.loading_text import loading_text
from exporter.targets.litert.lower import FILE, build, check_lengths
from exporter.targets.litert.names import canonical_tensors
from exporter.targets.litert.recipe import LiteRtRecipe, recorded
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore
from exporter.targets.target import Settings, Target, checked_keep, kept_in_embeddings, option
from runtimes.bundle.manifest import CALIBRATION, CHOICES, SEQUENCE, Recipe, TensorSpec
from runtimes.extras import require_extra
from runtimes.files.json_text import to_json
from runtimes.version import __version__


@dataclass(frozen=True)
class LiteRtOptions:
    """What a user may say of a LiteRT bundle."""

    sequence_lengths: tuple[int, ...] = option((), "tokens of the inputs; may repeat", "--sequence-length", "N")


def _recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    """Raises UsageError for lengths that the checkpoint has not."""
    require_extra("litert", "--target litert", "flatbuffers")
    chosen, options = SCHEMES[scheme], TARGET.chosen(settings)
    check_lengths(options.sequence_lengths, checkpoint.geometry.positions)
    wide = chosen.integers and checkpoint.geometry.hidden >= LEAST_WIDTH
    made = LiteRtRecipe(options.sequence_lengths, wide)
    embeds = checkpoint.task is SENTENCE_SIMILARITY
    keep = kept_in_embeddings(checkpoint, chosen.keep_in_embeddings) if wide and embeds and not settings.keep else ()
    kept = keep or checked_keep(checkpoint, settings)
    return Recipe(TARGET.name, scheme, checkpoint.task.name, asdict(made), keep=kept)


def _check(recipe: Recipe, checkpoint: Checkpoint) -> None:
    check_lengths(recorded(recipe).sequence_lengths, checkpoint.geometry.positions)


def _inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    lengths = recipe.sequence_lengths
    choices = (CHOICES,) if TASKS[recipe.task].choices else ()
    shape: tuple[str | int, ...] = ("batch_size", *choices, SEQUENCE)
    if lengths:
        shape = (1, lengths[0] if len(lengths) == 1 else " or ".join(map(str, lengths)))
    return tuple(TensorSpec(name, "int32", shape) for name in checkpoint.model.inputs)


def _write(checkpoint: Checkpoint, recipe: Recipe, directory: Path, calibration: Calibration) -> tuple[str, ...]:
    made, scheme = recorded(recipe), SCHEMES[recipe.scheme]
    encode = partial(calibration.encode, narrow=scheme.narrow)
    outliers = NO_OUTLIERS
    if made.smoothed:
        samples = calibration.samples(checkpoint.max_tokens)
        outliers = treat_outliers(checkpoint.model, samples, scheme.arithmetic)
        (directory / CALIBRATION).write_bytes(to_json(evidence(outliers, scheme.arithmetic)))
    weights = WeightStore(scheme.storage, Keep(recipe.keep), encode)
    graphs = build(checkpoint.model, made.sequence_lengths, weights, outliers)
    with (directory / FILE).open("wb") as file:
        tflite_file.write(file, assemble(graphs, weights.arrays, f"bertport {__version__}"))
    return (FILE,)


def _as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    keep, widths = Keep(recipe.keep), list(Storage)
    own, other = SCHEMES[recipe.scheme].storage, SCHEMES[scheme].storage
    return all(
        widths.index(wider(own[weight.role], keep.form(weight.name))) <= widths.index(other[weight.role])
        for weight in weights
    )


def _audit(audited: Audited) -> Audit:
    return Audit()


def _read(audited: Audited) -> Mapping[str, Array]:
    return {}


TARGET = Target(
    name="litert",
    options=LiteRtOptions,
    schemes=SCHEMES,
    recipe=_recipe,
    check=_check,
    inputs=_inputs,
    write=_write,
    model_names=lambda _recipe: (FILE,),
    advice=lambda _checkpoint, _recipe, _texts: "",
    as_wide=_as_wide,
    canonical=canonical_tensors,
    audit=_audit,
    read=_read,
    check_companions=lambda _bundle: None,
    inspect=inspect_litert,
    loading=loading_text,
    finetuned_budget=SCHEMES["int8"].budget,
    libraries=("flatbuffers",),
)
