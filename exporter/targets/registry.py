"""The export targets by name, and the recipe of one bundle."""

from dataclasses import replace

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import texts_sha256
from exporter.compression.product_quantization import check_divisible
from exporter.compression.weight_exceptions import Keep
from exporter.model.weight_list import WORD_TABLE
from exporter.targets.coreai.target import TARGET as COREAI
from exporter.targets.coreml.target import TARGET as COREML
from exporter.targets.litert.target import TARGET as LITERT
from exporter.targets.onnx.target import TARGET as ONNX
from exporter.targets.target import Scheme, Settings, Target
from runtimes.bundle.manifest import Recipe
from runtimes.errors import UnsupportedError, UsageError
from runtimes.plugins import Registry

TARGETS: Registry[Target] = Registry(
    {one.name: one for one in (ONNX, COREML, COREAI, LITERT)}, "bertport.targets", Target
)
"""bertport's own, and those of packages with an entry point in the group `bertport.targets`."""
DEFAULT_TARGET, DEFAULT_SCHEME = ONNX.name, "none"
"""What is exported where nothing is said."""


def find_target(name: str) -> Target:
    """The target of that name. Raises UsageError with the list of them."""
    if name not in TARGETS:
        raise UsageError(f"--target {name}: unknown; known: {', '.join(TARGETS)}")
    return TARGETS[name]


def find_scheme(target: str, scheme: str) -> Scheme:
    """A scheme of a target. Raises UsageError with the list of what there is."""
    return find_target(target).scheme(scheme)


def scheme_names() -> list[str]:
    """The names of all targets' schemes, each once."""
    return list(dict.fromkeys(name for target in TARGETS.values() for name in target.schemes))


def has_codes(scheme: str) -> bool:
    """Whether a scheme of that name stores its word table in codebooks."""
    return any(scheme in one.schemes and one.schemes[scheme].codes for one in TARGETS.values())


def only_coded() -> str:
    """What is said of an option for codes where no scheme has any."""
    names = [name for name in scheme_names() if has_codes(name)]
    return f"only {' and '.join(names)} have codes; pass --quantize {names[0]}"


def check_options(settings: Settings) -> None:
    """Raise UsageError for an option that no target has. One that only another target has is that one's."""
    known = dict.fromkeys(name for target in TARGETS.values() for name in target.option_names)
    if unknown := [name for name in settings.options if name not in known]:
        raise UsageError(f"{unknown[0]}: no target has such an option; there are {', '.join(known)}")


def make_recipe(checkpoint: Checkpoint, target: str, scheme: str, settings: Settings) -> Recipe:
    """Return the recipe of one bundle; raises what the target and the scheme refuse."""
    recipe = find_target(target).recipe(checkpoint, scheme, settings)
    if settings.trim:
        recipe = replace(recipe, vocabulary_size=checkpoint.geometry.vocabulary)
    return _with_codes(checkpoint, recipe, settings) if find_scheme(target, scheme).codes else recipe


def _with_codes(checkpoint: Checkpoint, recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe of a scheme that codes the word table, with what the codes are made from."""
    if checkpoint.model.head.tied:
        raise UnsupportedError(
            f"--quantize {recipe.scheme}: a fill-mask model multiplies with its whole word table, which codes cannot; "
            "pass int8"
        )
    if Keep(recipe.keep).form(WORD_TABLE) is not None:
        return _uncoded(recipe, settings)
    check_divisible(checkpoint.geometry.embedding, settings.pq_dims)
    recipe = replace(recipe, pq_dims=settings.pq_dims, frequencies_sha256=texts_sha256(settings.frequent_texts))
    if settings.finetune is None:
        return recipe
    hashed = texts_sha256(settings.finetune.texts)
    return replace(recipe, finetuned_sha256=hashed, finetune_epochs=settings.finetune.epochs)


def _uncoded(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe where the word table is kept in another form. Raises UsageError for what is only of codes."""
    asked = {"--frequency-from": settings.frequent_texts, "--finetune-codes": settings.finetune}
    if unused := [option for option, value in asked.items() if value]:
        raise UsageError(f"{unused[0]}: --keep leaves {WORD_TABLE} without codes; keep others, or drop {unused[0]}")
    return recipe
