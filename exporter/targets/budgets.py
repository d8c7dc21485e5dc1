"""Budgets of parity: the scheme's, or a tighter one where `--keep` stores every weight as wide as another scheme.

A scheme buys its budget with what it rounds. `pq` whose word table is kept as int8 is, weight by weight, `int8`.
"""

from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.weight_list import rounded_weights
from exporter.targets.registry import find_scheme, find_target
from runtimes.bundle.manifest import Budget, Recipe

DEEP_LAYERS, DEEP_RELATIVE = 12, 1e-3
"""From so many layers on, float32 itself is held to a share of the logit range: sums in another order add up."""


def for_depth(budget: Budget, layers: int) -> Budget:
    """Return the budget of a model of so many layers; only absolute limits depend on that."""
    if budget.max_absolute is None or layers < DEEP_LAYERS:
        return budget
    return replace(budget, max_absolute=None, max_relative=DEEP_RELATIVE)


def budget_of(checkpoint: Checkpoint, recipe: Recipe) -> Budget:
    """The tightest of all schemes that round no weight less than the recipe does. Raises as `find_scheme`."""
    layers = checkpoint.geometry.layers
    target, scheme = find_target(recipe.target), find_scheme(recipe.target, recipe.scheme)
    found = for_depth(scheme.budget, layers)
    if not recipe.keep or scheme.exact:  # which rounds nothing that could be kept
        return found
    weights = rounded_weights(checkpoint.model)
    for name, other in target.schemes.items():
        if target.as_wide(recipe, name, weights):
            found = tighter(found, for_depth(other.budget, layers))
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
