"""What an export target is: its options, its schemes, and the functions that write, read and describe its files."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Self

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression.calibration import Calibration, Finetune
from exporter.compression.product_quantization import DIMENSIONS
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Weight
from exporter.model.weight_list import rounded_weights
from exporter.targets.audit.findings import Audit
from exporter.targets.audit.subject import Audited
from exporter.targets.hub_places import HubPlaces, in_a_folder
from runtimes.bundle.manifest import Budget, Recipe, TensorSpec
from runtimes.bundle.reading import Bundle
from runtimes.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """What a user may set beyond target and scheme.

    `options` are those of targets, by the names of their fields; each target takes those that are its own. `keep` are
    patterns of weights that are stored wider than the scheme stores them, `pq_dims` numbers in one code, and
    `frequent_texts` what codes are weighed by; `trim` and `finetune` say which vocabulary stays and what is trained.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    pq_dims: int = DIMENSIONS[0]
    frequent_texts: tuple[str, ...] = ()
    trim: Trim | None = None
    finetune: Finetune | None = None

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Settings by name: those above by their own, all others as options of targets."""
        own = {one.name for one in fields(cls)}
        options = {name: value for name, value in given.items() if name not in own}
        return cls(options, **{name: value for name, value in given.items() if name in own})


def option(default: Any, text: str, flag: str = "", metavar: str | None = None) -> Any:
    """A field of a target's options: its default, its help, and the command line's name for it if that is another."""
    return field(default=default, metadata={"help": text, "flag": flag, "metavar": metavar})


@dataclass(frozen=True)
class Scheme:
    """One `--quantize` choice of a target.

    `budget` is what it may cost against PyTorch, `error` what that comes from. `exact` rounds no weight; `codes` stores
    the word table in codebooks, and `narrow` those in int8, beside linear layers in int4; `calibrated` measures
    activations on text.
    """

    name: str
    budget: Budget
    error: str
    exact: bool = False
    codes: bool = False
    narrow: bool = False
    calibrated: bool = False

    @property
    def described(self) -> tuple[str, str, str]:
        """How word vectors, positions and linear layers are stored: three cells of a row of the documentation."""
        raise NotImplementedError(f"{type(self).__name__} says nothing of how it stores weights")


@dataclass(frozen=True)
class Inspection:
    """Facts in the order they are shown.

    `weights` are (name, type, shape, bytes), largest first; `findings` are (operation, what keeps an accelerator from
    taking it): eligibility, never placement.
    """

    facts: dict[str, str]
    operators: dict[str, int]
    weights: list[tuple[str, str, list[int], int]] = field(default_factory=list)
    findings: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """One export target. The backend of the same name (`runtimes.backends`) runs its bundles.

    `options` is a dataclass whose fields are made by `option`. `recipe` checks what is asked and returns it whole;
    `check` refuses a recipe that `recipe` does not make. `write` puts the model into a folder and names its files.
    `advice` is a word on the recipe for such texts, or nothing. `as_wide` tells whether a recipe stores every weight at
    least as wide as another scheme does. `canonical` brings a runtime's named tensors to the names and shapes of
    `exporter.model.numpy_ops`. `audit` compares the saved model with checkpoint and recipe, without running it; `read`
    gives the float values of its weights. `model_names` are the files that a recipe makes, and `check_companions`
    refuses files derived from them that are not. `inspect` takes a model file by its path, `loading` is the text of a
    bundle's card that says how it is loaded, and `finetuned_budget` how far a bundle of trained weights may be from
    PyTorch with these. `cannot_export_here` says what is missing to write its files, and how to get it.
    `hub_places` is for a target whose files others look for at certain paths of a Hub repository.
    """

    name: str
    options: type
    schemes: Mapping[str, Scheme]
    recipe: Callable[[Checkpoint, str, Settings], Recipe]
    check: Callable[[Recipe, Checkpoint], None]
    inputs: Callable[[Checkpoint, Recipe], tuple[TensorSpec, ...]]
    write: Callable[[Checkpoint, Recipe, Path, Calibration], tuple[str, ...]]
    model_names: Callable[[Recipe], tuple[str, ...]]
    advice: Callable[[Checkpoint, Recipe, Sequence[str]], str]
    as_wide: Callable[[Recipe, str, list[Weight]], bool]
    canonical: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    audit: Callable[[Audited], Audit]
    read: Callable[[Audited], Mapping[str, Array]]
    check_companions: Callable[[Bundle], None]
    inspect: Callable[[Path], Inspection]
    loading: Callable[[Bundle], str]
    finetuned_budget: Budget
    libraries: tuple[str, ...]
    cannot_export_here: Callable[[], str]
    hub_places: Callable[[Recipe], HubPlaces] | None = None

    def scheme(self, name: str) -> Scheme:
        """The scheme of that name. Raises UsageError with the list of what there is."""
        if name not in self.schemes:
            raise UsageError(f"--quantize {name}: unknown to {self.name}; it has {', '.join(self.schemes)}")
        return self.schemes[name]

    def in_repository(self, recipe: Recipe) -> HubPlaces:
        """Where a repository of the Hub has the recipe's model files."""
        return self.hub_places(recipe) if self.hub_places else in_a_folder(self.model_names(recipe), recipe)

    @property
    def option_fields(self) -> tuple[Any, ...]:
        """The fields of its options, as `dataclasses.fields` gives them."""
        return fields(self.options)

    @property
    def option_names(self) -> tuple[str, ...]:
        """The names of its options."""
        return tuple(one.name for one in self.option_fields)

    def chosen(self, settings: Settings) -> Any:
        """Its options, as the settings have them and by their defaults."""
        return self.options(**{name: one for name, one in settings.options.items() if name in self.option_names})


def flag_of(one: Any) -> str:
    """The command line's name of a field of a target's options."""
    return one.metadata["flag"] or f"--{one.name.replace('_', '-')}"


def fixed_inputs(names: Sequence[str], lengths: tuple[int, ...]) -> tuple[TensorSpec, ...]:
    """int32 inputs [1, length] of a model that takes rows of these lengths."""
    size = lengths[0] if len(lengths) == 1 else " or ".join(map(str, lengths))
    return tuple(TensorSpec(name, "int32", (1, size)) for name in names)


def checked_keep(checkpoint: Checkpoint, settings: Settings) -> tuple[str, ...]:
    """What is kept wider; refused, before anything is written, where a pattern matches no weight."""
    if settings.keep:
        Keep(settings.keep).check([weight.name for weight in rounded_weights(checkpoint.model)])
    return settings.keep


def kept_in_embeddings(checkpoint: Checkpoint, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a scheme's patterns that weights match: kept in embeddings, which no decision rounds again."""
    names = [weight.name for weight in rounded_weights(checkpoint.model)]
    return tuple(pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names))


def read_options(options: type, recipe: Recipe) -> Any:
    """The options that a recipe records, as a dataclass. Raises UsageError for other names or kinds of value."""
    from pydantic import ValidationError

    names = [one.name for one in fields(options)]
    if set(recipe.options) != set(names):
        raise UsageError(f"expected options {', '.join(names)} of {recipe.name}, found {', '.join(recipe.options)}")
    try:
        return _adapter(options).validate_json(json.dumps(recipe.options), strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise UsageError(f"option {wrong['loc'][0]}: {wrong['msg']}, found {wrong['input']!r:.60}") from None


@cache
def _adapter(options: type) -> Any:
    """What validates such a dataclass: made once, for a recipe is read many times."""
    from pydantic import TypeAdapter

    return TypeAdapter(options)
