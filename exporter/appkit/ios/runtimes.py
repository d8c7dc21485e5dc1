"""What runs the model of a kit on Apple's systems, for each target: its framework, and the sources that speak to it.

Each target has a folder beside `package/` that is laid over it, with the one implementation of ModelRunner.swift; its
`Samples/running.md` is a part of README.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.appkit.kit_json import ModelFile
from exporter.targets.coreai.lower import function_names
from runtimes.bundle.manifest import Recipe
from runtimes.bundle.reading import Bundle, function_of

_HERE = Path(__file__).parent
OLDEST = '[.iOS("16.0"), .macOS("13.0")]'
"""What Package.swift says before it is filled: the systems that the kit's own code needs."""
_BY_TARGET = {
    "iOS16": OLDEST,
    "iOS17": '[.iOS("17.0"), .macOS("14.0")]',
    "iOS18": '[.iOS("18.0"), .macOS("15.0")]',
    "iOS26": '[.iOS("26.0"), .macOS("26.0")]',
}
"""Deployment target → platforms of the package: the systems that the model's format has."""


@dataclass(frozen=True)
class Runtime:
    """What the kits of one target differ in.

    `models` is what kit.json says of a bundle's files, `platforms` what Package.swift says of a recipe's, `sources` the
    folder of its own sources; `framework` and `xcode`, the oldest that has it, are for README.
    """

    framework: str
    xcode: str
    sources: Path
    models: Callable[[Bundle], list[ModelFile]]
    platforms: Callable[[Recipe], str]


def _coreml_models(bundle: Bundle) -> list[ModelFile]:
    """The package and the function of each length, shortest first; one package of several has functions (iOS 18)."""
    files, lengths = bundle.manifest.models, bundle.manifest.recipe.sequence_lengths
    if len(files) == len(lengths):
        found = {length: ModelFile(file, length) for file, length in zip(files, lengths, strict=True)}
    else:
        found = {length: ModelFile(files[0], length, function_of(length)) for length in lengths}
    return [found[length] for length in sorted(found)]


def _coreai_models(bundle: Bundle) -> list[ModelFile]:
    """The function of each length, shortest first, in the one asset."""
    names = function_names(bundle.manifest.recipe.sequence_lengths)
    return [ModelFile(bundle.manifest.models[0], length, names[length]) for length in sorted(names)]


RUNTIMES = {
    "coreml": Runtime(
        framework="Core ML",
        xcode="16",
        sources=_HERE / "coreml",
        models=_coreml_models,
        platforms=lambda recipe: _BY_TARGET[str(recipe.options["deployment_target"])],
    ),
    "coreai": Runtime(
        framework="Core AI",
        xcode="27",
        sources=_HERE / "coreai",
        models=_coreai_models,
        platforms=lambda _recipe: OLDEST,
    ),
}
"""By target."""
