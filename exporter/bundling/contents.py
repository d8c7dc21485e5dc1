"""Writing the files of a bundle that a checkpoint and a recipe decide, and its manifest."""

import json
from importlib.metadata import version
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.json_files import MAX_CONFIG_BYTES, is_utf8
from exporter.checkpoint.pairs import reads_pairs
from exporter.checkpoint.sentence_transformers.modules import carried
from exporter.checkpoint.tokenizer.kinds import FIRST_FILES
from exporter.compression.calibration import Calibration
from exporter.model.ops import Extent
from exporter.targets.registry import TARGETS
from runtimes.bundle.manifest import CHOICES, SEQUENCE, Budget, Manifest, Recipe, TensorSpec
from runtimes.errors import CheckpointError
from runtimes.files.bounded_read import read_bounded
from runtimes.files.json_text import to_json
from runtimes.version import __version__


def write_files(checkpoint: Checkpoint, recipe: Recipe, directory: Path, calibration: Calibration) -> tuple[str, ...]:
    """Write model, config and tokenizer; return the models' names."""
    models = TARGETS[recipe.target].write(checkpoint, recipe, directory, calibration)
    _copy_companions(checkpoint, directory)
    return models


def make_manifest(checkpoint: Checkpoint, recipe: Recipe, budget: Budget, models: tuple[str, ...]) -> Manifest:
    """Describe a bundle; the hashes of its files are yet to come."""
    source, target = checkpoint.source, TARGETS[recipe.target]
    return Manifest(
        source_kind=source.kind,
        source_model=source.model,
        source_revision=source.revision,
        source_sha256=checkpoint.sha256,
        architecture=checkpoint.model.head.architecture,
        problem=checkpoint.problem,
        labels=checkpoint.labels,
        max_tokens=checkpoint.max_tokens,
        recipe=recipe,
        models=models,
        budget=budget,
        inputs=target.inputs(checkpoint, recipe),
        pad_id=checkpoint.geometry.pad,
        outputs=_outputs(checkpoint, 1 if recipe.sequence_lengths else "batch_size"),
        activation=checkpoint.activation,
        prompt=checkpoint.prompt,
        pooling=_pooling(checkpoint),
        pairs=reads_pairs(checkpoint),
        truncation_side=checkpoint.truncation_side,
        tokenizer_file=_tokenizer_file(checkpoint.source.directory),
        left_out=checkpoint.sentences.left_out if checkpoint.sentences else (),
        versions={"bertport": __version__, **{name: version(name) for name in ("numpy", *target.libraries)}},
        files={},
    )


def _pooling(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The pooling, and what follows it."""
    if checkpoint.recipe is None:
        return ()
    steps = checkpoint.recipe.steps
    told = (
        "normalize" if s is None else f"dense to {s.out}{f', {s.activation}' if s.activation else ''}" for s in steps
    )
    return (checkpoint.recipe.pooling, *told)


def _tokenizer_file(directory: Path) -> str:
    """What `exporter.checkpoint.tokenizer.reading` read the tokenizer from."""
    return next((name for name in FIRST_FILES if (directory / name).is_file()), "")


def _outputs(checkpoint: Checkpoint, batch: str | int) -> tuple[TensorSpec, ...]:
    model = checkpoint.model
    shapes: dict[Extent, tuple[str | int, ...]] = {
        Extent.TEXT: (batch, model.width),
        Extent.CHOICE: (batch, CHOICES if batch == "batch_size" else 1),
        Extent.TOKEN: (batch, SEQUENCE, model.width),
        Extent.POSITION: (batch, SEQUENCE),
    }
    return tuple(TensorSpec(name, "float32", shapes[extent]) for name, extent in model.outputs.items())


def _copy_companions(checkpoint: Checkpoint, directory: Path) -> None:
    """Config, tokenizer, and what sentence-transformers reads go with the model."""
    (directory / "config.json").write_bytes(config_content(checkpoint))
    longest, width = checkpoint.max_tokens, checkpoint.geometry.hidden
    loadable = checkpoint.model.family.in_transformers
    sentences = carried(checkpoint.sentences, longest, width) if checkpoint.sentences and loadable else {}
    for name, content in {**checkpoint.tokenizer.files, **sentences}.items():
        place = directory / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)


def config_content(checkpoint: Checkpoint) -> bytes:
    """The config.json of a bundle: the checkpoint's own bytes, where they say what was read from them."""
    path = checkpoint.source.directory / "config.json"
    content = read_bounded(path, MAX_CONFIG_BYTES, CheckpointError)
    unchanged = is_utf8(content) and json.loads(content) == checkpoint.config
    return content if unchanged else to_json(checkpoint.config)
