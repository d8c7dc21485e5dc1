"""The recipe of a saved manifest: only what an export can have written is followed.

Everything that is audited is lowered from it again, so that one which no export makes would end somewhere below.
"""

from dataclasses import fields

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.product_quantization import DIMENSIONS
from exporter.compression.weight_exceptions import Keep
from exporter.model.weight_list import WORD_TABLE
from exporter.targets.coreml import lower as coreml
from exporter.targets.onnx import ops as onnx
from exporter.targets.registry import coreml_options
from exporter.targets.schemes import find_budget
from runtimes.bundle.manifest import MANIFEST, Recipe
from runtimes.bundle.reading import Bundle
from runtimes.errors import BertportError, BundleError

_OF_ONE_TARGET = {"onnx": ("opset",), "coreml": ("sequence_lengths", "compute_units", "deployment_target")}


def check_recipe(bundle: Bundle, checkpoint: Checkpoint) -> None:
    """Raise BundleError for a value that no export writes: unknown to its target, or of another target or scheme."""
    recipe = bundle.manifest.recipe
    try:
        _check_target(recipe, checkpoint)
    except BertportError as error:
        raise BundleError(f"{bundle.directory / MANIFEST}: recipe: {error}; export again") from error
    default = {field.name: field.default for field in fields(Recipe)}
    others = [name for target, names in _OF_ONE_TARGET.items() if target != recipe.target for name in names]
    wrong = [(name, default[name]) for name in others if getattr(recipe, name) != default[name]]
    coded = recipe.scheme == "pq" and Keep(recipe.keep).form(WORD_TABLE) is None
    if recipe.pq_dims not in (DIMENSIONS if coded else (None,)):
        wrong.append(("pq_dims", " or ".join(map(str, DIMENSIONS)) if coded else None))
    for name, expected in wrong:
        found = f"{getattr(recipe, name)!r:.60}"
        raise BundleError(
            f"{bundle.directory / MANIFEST}: recipe: expected {name} {expected} of {recipe.name}, found {found}; "
            "export again"
        )


def _check_target(recipe: Recipe, checkpoint: Checkpoint) -> None:
    find_budget(recipe.target, recipe.scheme)
    if recipe.target == "coreml":
        coreml.check(coreml_options(recipe), recipe.scheme, checkpoint.geometry.positions)
    elif recipe.opset is not None:
        onnx.check_opset(recipe.opset)
