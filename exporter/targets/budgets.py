"""The budget of what a file holds: its scheme's, or a tighter one where `--keep` leaves every weight as wide as that.

A scheme buys its budget with what it rounds. `pq` whose word table is kept as int8 is, weight by weight, `int8`.
"""

from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Weight
from exporter.model.weight_list import rounded_weights
from exporter.targets.coreml import schemes as coreml_schemes
from exporter.targets.onnx.schemes import STORAGE, Storage, wider
from exporter.targets.schemes import SCHEMES, find_budget, for_depth
from runtimes.bundle.manifest import Budget, Recipe


def budget_of(checkpoint: Checkpoint, recipe: Recipe) -> Budget:
    """The tightest of all schemes that round no weight less than the recipe does. Raises as `find_budget`."""
    layers = checkpoint.geometry.layers
    found = for_depth(find_budget(recipe.target, recipe.scheme), layers)
    if not recipe.keep or recipe.scheme == "none":  # which rounds nothing that could be kept
        return found
    weights = rounded_weights(checkpoint.model)
    for scheme, budget in SCHEMES[recipe.target].items():
        if _KINDS[recipe.target](recipe, scheme, weights):
            found = tighter(found, for_depth(budget, layers))
    return found


def tighter(one: Budget, other: Budget) -> Budget:
    """Of every limit that either has, the one that allows less."""
    return Budget(
        min(_stated(one, other, "max_absolute"), default=None),
        min(_stated(one, other, "max_relative"), default=None),
        max(one.min_agreement, other.min_agreement),
        max(_stated(one, other, "min_cosine"), default=None),
    )


def _stated(one: Budget, other: Budget, name: str) -> list[float]:
    return [value for value in (getattr(one, name), getattr(other, name)) if value is not None]


def _onnx_as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    keep, widths = Keep(recipe.keep), list(Storage)
    own, other = STORAGE[recipe.scheme], STORAGE[scheme]
    return all(
        widths.index(wider(own[weight.role], keep.form(weight.name))) <= widths.index(other[weight.role])
        for weight in weights
    )


def _coreml_as_wide(recipe: Recipe, scheme: str, weights: list[Weight]) -> bool:
    """Arithmetic in float16 and inputs in int8 stay, whatever is kept."""
    own, other = coreml_schemes.SCHEMES[recipe.scheme], coreml_schemes.SCHEMES[scheme]
    if own.half > other.half or own.int8_inputs > other.int8_inputs:
        return False
    kept, widths = replace(own, keep=Keep(recipe.keep)), coreml_schemes.BY_WIDTH
    return all(widths.index(kept.stored(weight)) <= widths.index(other.stored(weight)) for weight in weights)


_KINDS = {"onnx": _onnx_as_wide, "coreml": _coreml_as_wide}
