"""The options that the recipe of a LiteRT bundle records."""

from dataclasses import dataclass

from exporter.targets.target import read_options
from runtimes.bundle.manifest import Recipe


@dataclass(frozen=True)
class LiteRtRecipe:
    """What decides the file beyond its scheme.

    `sequence_lengths` are the lengths that the inputs have; none: any. `smoothed`: layers that are wide may be smoothed
    where they read outlier channels (see `exporter.compression.outlier_channels`). `mediapipe`: it is a model of one of
    MediaPipe's text tasks (see `exporter.targets.litert.mediapipe.task`).
    """

    sequence_lengths: tuple[int, ...]
    smoothed: bool
    mediapipe: bool


def recorded(recipe: Recipe) -> LiteRtRecipe:
    """The options of a recipe. Raises UsageError for what no export of LiteRT records."""
    found: LiteRtRecipe = read_options(LiteRtRecipe, recipe)
    return found
