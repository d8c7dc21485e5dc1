"""Checking the recipe of a saved manifest: only what an export writes is accepted.

Everything that is audited is lowered from it again, so that one which no export makes would end somewhere below.
"""

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.product_quantization import DIMENSIONS
from exporter.compression.weight_exceptions import Keep
from exporter.model.weight_list import WORD_TABLE
from exporter.targets.registry import find_scheme, find_target
from runtimes.bundle.manifest import MANIFEST, Recipe
from runtimes.bundle.reading import Bundle
from runtimes.errors import BertportError, BundleError, UsageError


def check_recipe(bundle: Bundle, checkpoint: Checkpoint) -> None:
    """Raise BundleError for a value that no export writes: unknown to its target, or of another target or scheme."""
    recipe = bundle.manifest.recipe
    try:
        scheme = find_scheme(recipe.target, recipe.scheme)
        find_target(recipe.target).check(recipe, checkpoint)
        _check_codes(recipe, scheme.codes)
    except BertportError as error:
        raise BundleError(f"{bundle.directory / MANIFEST}: recipe: {error}; export again") from error


def _check_codes(recipe: Recipe, has_codes: bool) -> None:
    coded = has_codes and Keep(recipe.keep).form(WORD_TABLE) is None
    if recipe.pq_dims not in (DIMENSIONS if coded else (None,)):
        expected = " or ".join(map(str, DIMENSIONS)) if coded else None
        raise UsageError(f"expected pq_dims {expected} of {recipe.name}, found {recipe.pq_dims!r:.60}")
