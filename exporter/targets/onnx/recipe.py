"""The options that the recipe of an ONNX bundle records."""

from dataclasses import dataclass

from exporter.targets.target import read_options
from runtimes.bundle.manifest import Recipe


@dataclass(frozen=True)
class OnnxRecipe:
    """What decides the file beyond its scheme.

    `float_channels` is how many channels of what a linear layer reads are computed in floats at most (see
    `exporter.compression.outlier_channels`); None where none are. `hidden_states`: an embedding's model gives the
    vectors of the tokens too.
    """

    opset: int
    int32_inputs: bool
    float_channels: int | None
    hidden_states: bool


def recorded(recipe: Recipe) -> OnnxRecipe:
    """The options of a recipe. Raises UsageError for what no export of ONNX records."""
    found: OnnxRecipe = read_options(OnnxRecipe, recipe)
    return found
