"""The ONNX target: its options, its recipe, and everything that is done with `model.onnx`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Calibration
from exporter.compression.outlier_channels import (
    LEAST_WIDTH,
    MOST_CHANNELS,
    NO_OUTLIERS,
    Arithmetic,
    evidence,
    treat_outliers,
)
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Weight
from exporter.model.tasks import SENTENCE_SIMILARITY, TASKS
from exporter.targets.embedding_outputs import answering
from exporter.targets.encoding.storage import Storage, wider
from exporter.targets.onnx.audit.model import audit_onnx
from exporter.targets.onnx.audit.stored_values import read_onnx
from exporter.targets.onnx.hub_places import hub_places
from exporter.targets.onnx.inspection import inspect_onnx
from exporter.targets.onnx.loading_text import loading_text
from exporter.targets.onnx.mapped import FILE as MAPPED
from exporter.targets.onnx.mapped import check_mapped, mapped
from exporter.targets.onnx.ops import CHOICES, DEFAULT_OPSET, FILE, check_opset, write
from exporter.targets.onnx.recipe import OnnxRecipe, recorded
from exporter.targets.onnx.schemes import SCHEMES
from exporter.targets.target import Settings, Target, checked_keep, kept_in_embeddings, option
from runtimes.bundle.manifest import CALIBRATION, SEQUENCE, Recipe, TensorSpec
from runtimes.errors import UsageError
from runtimes.files.json_text import to_json


@dataclass(frozen=True)
class OnnxOptions:
    """What a user may say of an ONNX bundle."""

    opset: int = option(DEFAULT_OPSET, "Write the operators of this version of ONNX.")
    int32_inputs: bool = option(False, "Take ids, mask and types as int32 instead of int64.")
    pooled_only: bool = option(
        False, "Give an embedding alone, without the vectors of its tokens that other libraries ask for."
    )


def _recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    """Raises LoweringError for an opset that is not supported, UsageError for what the checkpoint has no use for."""
    chosen, options = SCHEMES[scheme], TARGET.chosen(settings)
    check_opset(options.opset)
    embeds = checkpoint.task is SENTENCE_SIMILARITY
    if options.pooled_only and not embeds:
        raise UsageError(f"--pooled-only: only embeddings are pooled, and this is {checkpoint.task.name}; leave it out")
    hidden_states = embeds and not options.pooled_only
    checkpoint = answering(checkpoint, hidden_states)
    wide = chosen.integers and checkpoint.geometry.hidden >= LEAST_WIDTH
    keep = kept_in_embeddings(checkpoint, chosen.keep_in_embeddings) if wide and embeds and not settings.keep else ()
    made = OnnxRecipe(options.opset, options.int32_inputs, MOST_CHANNELS if wide else None, hidden_states)
    kept = keep or checked_keep(checkpoint, settings)
    return Recipe(TARGET.name, scheme, checkpoint.task.name, asdict(made), keep=kept)


def _check(recipe: Recipe, _checkpoint: Checkpoint) -> None:
    check_opset(recorded(recipe).opset)


def _inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    dtype = "int32" if recorded(recipe).int32_inputs else "int64"
    choices = (CHOICES,) if TASKS[recipe.task].choices else ()
    return tuple(TensorSpec(name, dtype, ("batch_size", *choices, SEQUENCE)) for name in checkpoint.model.inputs)


def _write(checkpoint: Checkpoint, recipe: Recipe, directory: Path, calibration: Calibration) -> tuple[str, ...]:
    model, made = checkpoint.model, recorded(recipe)
    scheme, outliers = SCHEMES[recipe.scheme], NO_OUTLIERS
    if made.float_channels:
        outliers = treat_outliers(model, calibration.samples(checkpoint.max_tokens), Arithmetic(scheme.quantise))
        (directory / CALIBRATION).write_bytes(to_json(evidence(outliers)))
    encode = partial(calibration.encode, narrow=scheme.narrow)
    with (directory / FILE).open("wb") as file:
        keep = Keep(recipe.keep)
        saved = write(file, model, recipe.scheme, made.opset, made.int32_inputs, keep, encode, outliers)
    if variant := mapped(saved, FILE):
        (directory / MAPPED).write_bytes(variant)
    return (FILE,)


def _advice(checkpoint: Checkpoint, recipe: Recipe, _texts: Sequence[str]) -> str:
    """What the vectors of the tokens cost where an embedding needs the first token alone.

    Measured on all-MiniLM-L6-v2 pooled so: 1.05 times the CPU time at 16 tokens, 1.17 at 128.
    """
    if not recorded(recipe).hidden_states or checkpoint.recipe is None or checkpoint.recipe.pooling != "cls":
        return ""
    return (
        "last_hidden_state, which other libraries pool themselves, costs an embedding of the first token the rest of "
        "the last layer; an app that reads the embedding alone is faster with --pooled-only"
    )


def _as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    keep, widths = Keep(recipe.keep), list(Storage)
    own, other = SCHEMES[recipe.scheme].storage, SCHEMES[scheme].storage
    return all(
        widths.index(wider(own[weight.role], keep.form(weight.name))) <= widths.index(other[weight.role])
        for weight in weights
    )


TARGET = Target(
    name="onnx",
    options=OnnxOptions,
    schemes=SCHEMES,
    recipe=_recipe,
    check=_check,
    inputs=_inputs,
    write=_write,
    model_names=lambda _recipe: (FILE,),
    hub_places=hub_places,
    advice=_advice,
    as_wide=_as_wide,
    canonical=lambda tensors: tensors,
    audit=audit_onnx,
    read=read_onnx,
    check_companions=check_mapped,
    inspect=inspect_onnx,
    loading=loading_text,
    finetuned_budget=SCHEMES["int8"].budget,
    libraries=("onnx",),
    cannot_export_here=lambda: "",
)
