"""The LiteRT target: its options, its recipe, and everything that is done with `model.tflite`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Calibration
from exporter.compression.outlier_channels import LEAST_WIDTH, NO_OUTLIERS, evidence, treat_outliers
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Weight
from exporter.model.tasks import SENTENCE_SIMILARITY, TASKS
from exporter.targets.encoding.storage import Storage, wider
from exporter.targets.litert import file as tflite_file
from exporter.targets.litert.audit.model import audit_litert
from exporter.targets.litert.audit.stored_values import read_litert
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.inspection import inspect_litert
from exporter.targets.litert.loading_text import loading_text
from exporter.targets.litert.lower import FILE, build, check_lengths
from exporter.targets.litert.mediapipe import task as mediapipe
from exporter.targets.litert.mediapipe.loading_text import mediapipe_text
from exporter.targets.litert.mediapipe.requirements import check_checkpoint, check_one_length, default_lengths
from exporter.targets.litert.mediapipe.vocabulary import difference_in_words
from exporter.targets.litert.names import canonical_tensors
from exporter.targets.litert.recipe import LiteRtRecipe, recorded
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore
from exporter.targets.target import Settings, Target, checked_keep, fixed_inputs, kept_in_embeddings, option
from runtimes.bundle.manifest import CALIBRATION, CHOICES, SEQUENCE, Recipe, TensorSpec
from runtimes.bundle.reading import Bundle
from runtimes.extras import missing, require_extra
from runtimes.files.json_text import to_json
from runtimes.runner import INPUTS
from runtimes.version import __version__


@dataclass(frozen=True)
class LiteRtOptions:
    """What a user may say of a LiteRT bundle."""

    sequence_lengths: tuple[int, ...] = option(
        (),
        "Make the inputs N tokens long, a row at a time; may repeat. [default: 128, and any length of litert]",
        "--sequence-length",
        "N",
    )
    mediapipe: bool = option(
        False,
        "Write one file that MediaPipe's TextClassifier or TextEmbedder opens, of one length (128 without any).",
    )


def _recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    """Raises UsageError for lengths that the checkpoint has not, LoweringError for what MediaPipe cannot answer for."""
    require_extra("litert", "--target litert", "flatbuffers")
    chosen, options = SCHEMES[scheme], TARGET.chosen(settings)
    lengths = options.sequence_lengths or (default_lengths(checkpoint) if options.mediapipe else ())
    wide = chosen.integers and checkpoint.geometry.hidden >= LEAST_WIDTH
    made = LiteRtRecipe(lengths, wide, options.mediapipe)
    _check_made(made, checkpoint)
    embeds = checkpoint.task is SENTENCE_SIMILARITY
    keep = kept_in_embeddings(checkpoint, chosen.keep_in_embeddings) if wide and embeds and not settings.keep else ()
    kept = keep or checked_keep(checkpoint, settings)
    return Recipe(TARGET.name, scheme, checkpoint.task.name, asdict(made), keep=kept)


def _check(recipe: Recipe, checkpoint: Checkpoint) -> None:
    _check_made(recorded(recipe), checkpoint)


def _check_made(made: LiteRtRecipe, checkpoint: Checkpoint) -> None:
    check_lengths(made.sequence_lengths, checkpoint.geometry.positions)
    if made.mediapipe:
        check_one_length(made.sequence_lengths, checkpoint)
        check_checkpoint(checkpoint)


def _inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    names = INPUTS if recorded(recipe).mediapipe else checkpoint.model.inputs
    if recipe.sequence_lengths:
        return fixed_inputs(names, recipe.sequence_lengths)
    choices = (CHOICES,) if TASKS[recipe.task].choices else ()
    return tuple(TensorSpec(name, "int32", ("batch_size", *choices, SEQUENCE)) for name in names)


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
    metadata = mediapipe.complete(graphs[0], checkpoint) if made.mediapipe else {}
    with (directory / FILE).open("wb") as file:
        tflite_file.write(file, replace(assemble(graphs, weights.arrays, f"bertport {__version__}"), metadata=metadata))
        if made.mediapipe:
            mediapipe.append_task_files(file, checkpoint)
    return (FILE,)


def _advice(checkpoint: Checkpoint, recipe: Recipe, texts: Sequence[str]) -> str:
    """On how many of the texts MediaPipe's tokenizer differs."""
    made = recorded(recipe)
    if not made.mediapipe:
        return ""
    return difference_in_words(checkpoint.tokenizer.tokenizer, texts, made.sequence_lengths[0])


def _loading(bundle: Bundle) -> str:
    text = loading_text(bundle)
    return mediapipe_text(bundle, text) if recorded(bundle.manifest.recipe).mediapipe else text


def _check_companions(bundle: Bundle) -> None:
    if recorded(bundle.manifest.recipe).mediapipe:
        mediapipe.check_task_files(bundle)


def _as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    keep, widths = Keep(recipe.keep), list(Storage)
    own, other = SCHEMES[recipe.scheme].storage, SCHEMES[scheme].storage
    return all(
        widths.index(wider(own[weight.role], keep.form(weight.name))) <= widths.index(other[weight.role])
        for weight in weights
    )


TARGET = Target(
    name="litert",
    options=LiteRtOptions,
    schemes=SCHEMES,
    recipe=_recipe,
    check=_check,
    inputs=_inputs,
    write=_write,
    model_names=lambda _recipe: (FILE,),
    advice=_advice,
    as_wide=_as_wide,
    canonical=canonical_tensors,
    audit=audit_litert,
    read=read_litert,
    check_companions=_check_companions,
    inspect=inspect_litert,
    loading=_loading,
    finetuned_budget=SCHEMES["int8"].budget,
    libraries=("flatbuffers",),
    cannot_export_here=lambda: missing("litert", "flatbuffers"),
)
