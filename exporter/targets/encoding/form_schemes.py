"""The schemes of Apple's formats: the form of every role of weight, and the arithmetic that reads it.

| scheme | words, positions | linears | computed in |
| --- | --- | --- | --- |
| none | float32 | float32 | float32 |
| fp16 | float16 | float16 | float16 |
| int8 | int8 by row | int8 by channel | float16 |
| w8a8 | int8 by row | int8 by channel, inputs int8 by tensor | float16 |
| int4-embeddings | int4 by 32, int8 by row | int8 by channel | float16 |
| int4 | int4 by 64, int8 by row | int4 by 32 | float16 |
| pq | a byte for each 4 or 8 numbers, and codebooks of them | int8 by channel | float16 |
| pq4 | as pq, codebooks in int8; positions with one codebook | int4 by channel | float16 |
| palettize6, palettize4 | 64 or 16 values a tensor | 64 or 16 values a tensor | float16 |

Biases, gains, the two type rows and the task head stay in the type that is computed in: they are under 1 % of the
bytes. A runtime recovers compressed weights when a model is loaded or run, as it sees fit; the sums are the same.

How the budgets were set: see `targets.onnx.schemes`; the cosines are of 96 simulated texts in Core ML. `w8a8` (0.962),
`int4` (0.951), `palettize4` (0.868) and `pq4` (0.883) move a real model's sentences visibly.
"""

from exporter.targets.encoding.forms import Form, FormScheme
from runtimes.bundle.manifest import Budget

_PLAIN, _INT8, _INT4_32, _INT4_64, _INT4_ROW, _PALETTE6, _PALETTE4, _CODES, _CODES8, _SHARED = Form

FORM_SCHEMES = {
    scheme.name: scheme
    for scheme in (
        FormScheme(
            "none",
            Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
            "order of additions",
            exact=True,
            half=False,
        ),
        FormScheme("fp16", Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999), "float16"),
        FormScheme(
            "int8",
            Budget(max_relative=0.05, min_agreement=0.98, min_cosine=0.998),
            "rounding of weights",
            word=_INT8,
            position=_INT8,
            linear=_INT8,
        ),
        FormScheme(
            "w8a8",
            Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.92),
            "activations",
            calibrated=True,
            word=_INT8,
            position=_INT8,
            linear=_INT8,
        ),
        FormScheme(
            "int4-embeddings",
            Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
            "rounding of word vectors",
            word=_INT4_32,
            position=_INT8,
            linear=_INT8,
        ),
        FormScheme(
            "int4",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
            "rounding of weights",
            word=_INT4_64,
            position=_INT8,
            linear=_INT4_32,
        ),
        FormScheme(
            "pq",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.93),
            "word vectors",
            codes=True,
            word=_CODES,
            position=_INT8,
            linear=_INT8,
        ),
        FormScheme(
            "pq4",
            Budget(max_relative=0.35, min_agreement=0.92, min_cosine=0.76),
            "word vectors, rounding of weights",
            codes=True,
            narrow=True,
            word=_CODES8,
            position=_SHARED,
            linear=_INT4_ROW,
        ),
        FormScheme(
            "palettize6",
            Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.99),
            "rounding of weights",
            word=_PALETTE6,
            position=_PALETTE6,
            linear=_PALETTE6,
        ),
        FormScheme(
            "palettize4",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.74),
            "rounding of weights",
            word=_PALETTE4,
            position=_PALETTE4,
            linear=_PALETTE4,
        ),
    )
}
"""Name → scheme; each target takes those that its format can hold."""
