"""Where transformers.js and Optimum look for an ONNX file in a repository, by what transformers.js calls its numbers.

Names and dtypes: transformers.js, `DEFAULT_DTYPE_SUFFIX_MAPPING`. A scheme has such a name only where it means the
same: `q8` and `int8` are int8 weights whose products are computed in integers; `q4` would be linear layers in int4,
which no scheme of ours has without int8 or codes beside it.
"""

from exporter.targets.hub_places import HubPlaces
from exporter.targets.onnx.mapped import FILE as MAPPED
from exporter.targets.onnx.ops import FILE
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.bundle.manifest import Recipe

FOLDER = "onnx"
FILES = {
    "fp32": "model.onnx",
    "fp16": "model_fp16.onnx",
    "q8": "model_quantized.onnx",
    "int8": "model_int8.onnx",
    "q4": "model_q4.onnx",
}
"""dtype of transformers.js → the file it looks for in `onnx/`."""


def hub_places(recipe: Recipe) -> HubPlaces:
    """The model by the names of its dtypes, or where it has none by its scheme's; weights that are mapped stay away."""
    dtypes = SCHEMES[recipe.scheme].hub_dtypes
    names = tuple(FILES[dtype] for dtype in dtypes) or (f"model_{recipe.scheme}.onnx",)
    return HubPlaces({FILE: tuple(f"{FOLDER}/{name}" for name in names), MAPPED: ()}, dtypes)
