"""The schemes of Core AI: those of `targets.encoding.form_schemes` whose forms its operations recover.

Integers are recovered by `blockwise_shift_scale`, palettes by `lut_to_dense`, codes by two gathers. Activations are not
rounded (w8a8), and codebooks in int8 are not written (pq4).
"""

from dataclasses import replace

from exporter.targets.encoding.form_schemes import FORM_SCHEMES
from exporter.targets.encoding.forms import FormScheme

_NAMES = ("none", "fp16", "int8", "int4-embeddings", "int4", "pq", "palettize6", "palettize4")
SCHEMES = {name: FORM_SCHEMES[name] for name in _NAMES}
"""`--quantize` → its scheme."""


def in_float32(scheme: FormScheme) -> FormScheme:
    """A scheme computed in float32: its decoding and its graph without float16's rounding."""
    return replace(scheme, half=False)
