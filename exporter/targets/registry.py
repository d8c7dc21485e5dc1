"""The targets, side by side: what each takes from the settings, what its model reads, and how it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression import activation_ranges as coreml_calibration
from exporter.compression.calibration import Finetune, Material, texts_sha256
from exporter.compression.outlier_channels import LEAST_WIDTH, MOST_CHANNELS, NO_CHANNELS, find_outliers
from exporter.compression.product_quantization import DIMENSIONS, check_divisible
from exporter.compression.weight_exceptions import Keep
from exporter.model.heads.embedding import specialised
from exporter.model.ops import Array, Inputs
from exporter.model.tasks import SENTENCE_SIMILARITY, TASKS
from exporter.model.weight_list import WORD_TABLE, rounded_weights
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.coreml import lower as coreml
from exporter.targets.coreml.metadata import Metadata
from exporter.targets.coreml.names import canonical_tensors
from exporter.targets.onnx import mapped as onnx_mapped
from exporter.targets.onnx import ops as onnx
from exporter.targets.onnx.audit.model import audit_onnx
from exporter.targets.onnx.audit.stored_values import read_onnx
from runtimes.bundle.manifest import SEQUENCE, Recipe, TensorSpec
from runtimes.errors import UnsupportedError, UsageError
from runtimes.version import __version__


@dataclass(frozen=True)
class Settings:
    """What a user may set beyond target and scheme; each target takes what is its own."""

    opset: int = onnx.DEFAULT_OPSET
    int32_inputs: bool = False
    sequence_lengths: tuple[int, ...] = ()
    compute_units: str = coreml.DEFAULT_COMPUTE_UNITS
    deployment_target: str = coreml.DEFAULT_DEPLOYMENT_TARGET
    keep: tuple[str, ...] = ()
    pq_dims: int = DIMENSIONS[0]
    frequent_texts: tuple[str, ...] = ()
    trim: Trim | None = None
    finetune: Finetune | None = None
    pooled_only: bool = False


@dataclass(frozen=True)
class Target:
    """One target.

    `recipe` checks the settings; `write` puts the model into a folder and names its files; `advice` is a word on the
    recipe, or nothing; `canonical` brings a runtime's named tensors to the names and shapes of `targets.numpy`; `audit`
    compares the saved model file with the checkpoint and the recipe, without running it.
    """

    recipe: Callable[[Checkpoint, str, Settings], Recipe]
    inputs: Callable[[Checkpoint, Recipe], tuple[TensorSpec, ...]]
    write: Callable[[Checkpoint, Recipe, Path, Material], tuple[str, ...]]
    advice: Callable[[Recipe], str]
    canonical: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    audit: Callable[[Audited], Audit]
    read: Callable[[Audited], Mapping[str, Array]]
    libraries: tuple[str, ...]


def _checked_keep(checkpoint: Checkpoint, settings: Settings) -> tuple[str, ...]:
    """Refuse, before anything is written, a pattern that matches no weight."""
    if settings.keep:
        Keep(settings.keep).check([weight.name for weight in rounded_weights(checkpoint.model)])
    return settings.keep


SENTENCE_KEEP = ("layer.*.attention.value.*", "layer.0.dense.*")
"""What `int8` keeps of a wide sentence model: the layers whose rounding turns an embedding most for their size. On
all-MiniLM-L6-v2, simulated in numpy, the least cosine of 96 texts is 0.9988 with none kept, 0.9991 with the first,
0.9993 with both; `artifacts/embeddings.json` has the files measured."""


def _int8_keep(checkpoint: Checkpoint, settings: Settings) -> tuple[str, ...]:
    """What the user says, or for embeddings, which no decision rounds again, what is known to matter."""
    if settings.keep or checkpoint.task is not SENTENCE_SIMILARITY:
        return _checked_keep(checkpoint, settings)
    names = [weight.name for weight in rounded_weights(checkpoint.model)]
    return tuple(pattern for pattern in SENTENCE_KEEP if any(fnmatchcase(name, pattern) for name in names))


def _onnx_recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    onnx.check_opset(settings.opset)
    in_integers = scheme in ("int8", "pq") and checkpoint.geometry.hidden >= LEAST_WIDTH
    keep = _int8_keep if in_integers and scheme == "int8" else _checked_keep
    return Recipe(
        "onnx",
        scheme,
        checkpoint.task.name,
        opset=settings.opset,
        int32_inputs=settings.int32_inputs,
        keep=keep(checkpoint, settings),
        float_channels=MOST_CHANNELS if in_integers else None,
    )


def _onnx_inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    dtype = "int32" if recipe.int32_inputs else "int64"
    choices = (onnx.CHOICES,) if TASKS[recipe.task].choices else ()
    return tuple(TensorSpec(name, dtype, ("batch_size", *choices, SEQUENCE)) for name in checkpoint.model.inputs)


def _write_onnx(checkpoint: Checkpoint, recipe: Recipe, directory: Path, material: Material) -> tuple[str, ...]:
    opset, keep = recipe.opset or onnx.DEFAULT_OPSET, Keep(recipe.keep)
    model = checkpoint.model
    outliers = find_outliers(model, material.samples(checkpoint.max_tokens)) if recipe.float_channels else NO_CHANNELS
    with (directory / onnx.FILE).open("wb") as file:
        saved = onnx.write(file, model, recipe.scheme, opset, recipe.int32_inputs, keep, material.encode, outliers)
    if door := onnx_mapped.mapped(saved, onnx.FILE):
        (directory / onnx_mapped.FILE).write_bytes(door)
    return (onnx.FILE,)


def _coreml_recipe(checkpoint: Checkpoint, scheme: str, settings: Settings) -> Recipe:
    positions = checkpoint.geometry.positions
    lengths = settings.sequence_lengths or (min(coreml.DEFAULT_LENGTH, checkpoint.max_tokens),)
    coreml.check(coreml.Options(lengths, settings.compute_units, settings.deployment_target), scheme, positions)
    return Recipe(
        "coreml",
        scheme,
        checkpoint.task.name,
        sequence_lengths=lengths,
        compute_units=settings.compute_units,
        deployment_target=settings.deployment_target,
        keep=_checked_keep(checkpoint, settings),
    )


def _coreml_inputs(checkpoint: Checkpoint, recipe: Recipe) -> tuple[TensorSpec, ...]:
    lengths = recipe.sequence_lengths
    size = lengths[0] if len(lengths) == 1 else " or ".join(map(str, lengths))
    return tuple(TensorSpec(name, "int32", (1, size)) for name in checkpoint.model.inputs)


def coreml_options(recipe: Recipe) -> coreml.Options:
    """What a recipe asks of its packages."""
    units = recipe.compute_units or coreml.DEFAULT_COMPUTE_UNITS
    target = recipe.deployment_target or coreml.DEFAULT_DEPLOYMENT_TARGET
    return coreml.Options(recipe.sequence_lengths, units, target, Keep(recipe.keep))


def coreml_metadata(checkpoint: Checkpoint) -> Metadata:
    """What its packages say of a checkpoint."""
    labels = f" with {', '.join(checkpoint.labels)}" if checkpoint.labels else ""
    description = f"{checkpoint.task.name}{labels} ({checkpoint.source.model})"
    author, licence = checkpoint.authorship
    return Metadata(description, author, licence, __version__, checkpoint.labels)


def _write_coreml(checkpoint: Checkpoint, recipe: Recipe, directory: Path, material: Material) -> tuple[str, ...]:
    options, metadata = coreml_options(recipe), coreml_metadata(checkpoint)
    calibrated = coreml.calibrated(recipe.scheme)
    ranges = _ranges(checkpoint, material.samples(max(recipe.sequence_lengths))) if calibrated else None
    return tuple(coreml.lower(checkpoint.model, recipe.scheme, options, metadata, directory, ranges, material.encode))


def _audit_coreml(audited: Audited) -> Audit:
    from exporter.targets.coreml.audit.package import audit_packages  # here: an export without parity has no use for it

    return audit_packages(audited, coreml_options(audited.recipe), coreml_metadata(audited.checkpoint))


def _read_coreml(audited: Audited) -> Mapping[str, Array]:
    from exporter.targets.coreml.audit.package import read_packages

    return read_packages(audited, coreml_options(audited.recipe), coreml_metadata(audited.checkpoint))


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
    from exporter.model.numpy_ops import trace

    return coreml_calibration.calibrate(trace(checkpoint.model, one.ids, one.mask, one.types) for one in samples)


TARGETS = {
    "onnx": Target(
        _onnx_recipe,
        _onnx_inputs,
        _write_onnx,
        lambda _: "",
        canonical=lambda tensors: tensors,
        audit=audit_onnx,
        read=read_onnx,
        libraries=("onnx",),
    ),
    "coreml": Target(
        _coreml_recipe,
        _coreml_inputs,
        _write_coreml,
        _coreml_advice,
        canonical=_coreml_canonical,
        audit=_audit_coreml,
        read=_read_coreml,
        libraries=("coremltools",),
    ),
}


def _uncoded(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe of pq where the word table is kept in another form. Raises UsageError for what is only of codes."""
    asked = {"--frequency-from": settings.frequent_texts, "--finetune-codes": settings.finetune}
    if unused := [option for option, value in asked.items() if value]:
        raise UsageError(f"{unused[0]}: --keep leaves {WORD_TABLE} without codes; keep others, or drop {unused[0]}")
    return recipe


def for_recipe(checkpoint: Checkpoint, recipe: Recipe) -> Checkpoint:
    """The checkpoint with the outputs that a recipe wants of it."""
    return answering(checkpoint, recipe.hidden_states)


def cost_of_hidden_states(checkpoint: Checkpoint, recipe: Recipe) -> str:
    """A word on what the vectors of the tokens cost where an embedding needs the first token alone, or nothing.

    Measured on all-MiniLM-L6-v2 pooled so: 1.05 times the CPU time at 16 tokens, 1.17 at 128.
    """
    if not recipe.hidden_states or checkpoint.recipe is None or checkpoint.recipe.pooling != "cls":
        return ""
    return (
        "last_hidden_state, which other libraries pool themselves, costs an embedding of the first token the rest of "
        "the last layer; an app that reads the embedding alone is faster with --pooled-only"
    )


def answering(checkpoint: Checkpoint, hidden_states: bool = False) -> Checkpoint:
    """The checkpoint whose model gives an embedding alone, or with `hidden_states` the vectors of the tokens too."""
    if checkpoint.recipe is None:
        return checkpoint
    head = specialised(checkpoint.model.head, checkpoint.recipe, hidden_states)
    return replace(checkpoint, model=replace(checkpoint.model, head=head))


def make_recipe(checkpoint: Checkpoint, target: str, scheme: str, settings: Settings) -> Recipe:
    """Return the recipe of one bundle; raises what the target and the scheme refuse."""
    if settings.pooled_only and checkpoint.task is not SENTENCE_SIMILARITY:
        raise UsageError(f"--pooled-only: only embeddings are pooled, and this is {checkpoint.task.name}; leave it out")
    beside = target == "onnx" and checkpoint.task is SENTENCE_SIMILARITY and not settings.pooled_only
    checkpoint = answering(checkpoint, beside)
    recipe = TARGETS[target].recipe(checkpoint, scheme, settings)
    recipe = replace(recipe, hidden_states=beside)
    if settings.trim:
        recipe = replace(recipe, pieces=checkpoint.geometry.vocabulary)
    if scheme != "pq":
        return recipe
    if checkpoint.model.head.tied:
        raise UnsupportedError(
            "--quantize pq: a fill-mask model multiplies with its whole word table, which codes cannot; pass int8"
        )
    if Keep(recipe.keep).form(WORD_TABLE) is not None:
        return _uncoded(recipe, settings)
    check_divisible(checkpoint.geometry.embedding, settings.pq_dims)
    recipe = replace(recipe, pq_dims=settings.pq_dims, frequencies_sha256=texts_sha256(settings.frequent_texts))
    if settings.finetune is None:
        return recipe
    hashed = texts_sha256(settings.finetune.texts)
    return replace(recipe, finetuned_sha256=hashed, finetune_epochs=settings.finetune.epochs)
