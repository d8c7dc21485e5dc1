"""What each scheme means in ONNX: how every role of weight is stored and computed.

| scheme | words | linears, every token | linears, once a text | error from |
| --- | --- | --- | --- | --- |
| none | float32 | float32 | float32 | order of additions |
| fp16 | float16 | float16 → float32 | the same | rounding of weights |
| int8-weights | int8 by row | int8 by channel → float32 | the same | rounding of weights |
| int8 | int8 by row | int8 × uint8 measured at run time | the same | activations |
| int4-embeddings | int4 by 32 | as int8-weights | as int8-weights | rounding of word vectors |
| pq | a byte for each 4 or 8 numbers, and codebooks of them | as int8 | as int8 | word vectors, activations |
| pq4 | as pq, codebooks in int8 | int4 by channel, as int8 | the same | word vectors, rounding of weights |

`→ float32` means stored so and computed in float32. Biases, gains, the two type rows and the task head stay float32:
they are under 1 % of the bytes. Integer arithmetic once a text is for the bytes that need not be read and folded: 16
tokens take 6 % less and a process 1.7 MB. Positions are int8 by row where words are, and beside words in fewer bits; in
pq4 they are codes into one codebook. pq4 is made for `--finetune-codes`: on a two-layer model int4 linears cost
accuracy, which training brings back.

The budgets are set from what was measured on the demo checkpoint, with room for models that are less well behaved: see
README, "How parity works". They are never widened to make a run pass; `--atol` and friends put others in their place
for one run, and the manifest records what was used. The cosines were measured on all-MiniLM-L6-v2, 1,000 sentences
(`artifacts/embeddings.json`): a budget allows about twice the least one's distance from 1. What a scheme may cost an
embedding is not what a search can bear: `pq` (0.968) moves a real model's sentences visibly; with 4 numbers in a byte
it keeps 0.95, with 8 it keeps 0.77, too little to search by: its budget lies between. `pq4` (0.888 untrained,
`artifacts/smallest.json`) is for classes and labels, which training brings back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.compression import integer_rounding
from exporter.model.ops import Role
from exporter.targets.encoding.storage import IN_INTEGERS, Storage, by_role, described
from exporter.targets.target import Scheme
from runtimes.bundle.manifest import Budget

_F32, _F16, _I8, _DYNAMIC, _I4, _DYNAMIC4, _CODES, _CODES8, _SHARED = Storage


@dataclass(frozen=True)
class OnnxScheme(Scheme):
    """A scheme of ONNX: how every role of weight is stored, and what a kit for transformers.js calls it (`web_dtype`).

    `hub_dtypes` are the dtypes of transformers.js that mean the same. `keep_in_embeddings`: patterns that are kept
    wider in a wide sentence model where the user says nothing.
    """

    storage: Mapping[Role, Storage] = field(default_factory=dict)
    web_dtype: str = "q8"
    hub_dtypes: tuple[str, ...] = ()
    keep_in_embeddings: tuple[str, ...] = ()

    @property
    def described(self) -> tuple[str, str, str]:
        """See Scheme."""
        return described(self.storage)

    @property
    def integers(self) -> bool:
        """Whether products are computed in integers, with activations rounded at run time."""
        return not IN_INTEGERS.isdisjoint(self.storage.values())

    @property
    def quantise(self) -> integer_rounding.Quantise:
        """How the weights of products in integers are rounded."""
        narrow = self.storage[Role.LINEAR] is Storage.INT4_DYNAMIC
        return integer_rounding.int4_rows if narrow else integer_rounding.int8_without_saturation


SENTENCE_KEEP = ("layer.0.dense.*",)
"""What `int8` keeps of a wide sentence model: the layer whose rounding turns an embedding most for its size. On
all-MiniLM-L6-v2 the least cosine of 1,000 sentences is 0.9980 without it and 0.9985 with it, at 1.05 times the latency;
`artifacts/embeddings.json` has the file measured."""

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        OnnxScheme(
            "none",
            Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
            "order of additions",
            exact=True,
            storage=by_role(_F32, _F32, _F32, _F32),
            web_dtype="fp32",
            hub_dtypes=("fp32",),
        ),
        OnnxScheme(
            "fp16",
            Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999),
            "rounding of weights",
            storage=by_role(_F16, _F16, _F16, _F16),
            web_dtype="fp16",
            hub_dtypes=("fp16",),
        ),
        OnnxScheme(
            "int8",
            Budget(max_relative=0.10, min_agreement=0.97, min_cosine=0.998),
            "activations",
            storage=by_role(_I8, _I8, _DYNAMIC, _DYNAMIC),
            hub_dtypes=("q8", "int8"),
            keep_in_embeddings=SENTENCE_KEEP,
        ),
        OnnxScheme(
            "int8-weights",
            Budget(max_relative=0.03, min_agreement=0.98, min_cosine=0.998),
            "rounding of weights",
            storage=by_role(_I8, _I8, _I8, _I8),
        ),
        OnnxScheme(
            "int4-embeddings",
            Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
            "rounding of word vectors",
            storage=by_role(_I4, _I8, _I8, _I8),
            web_dtype="q4",
        ),
        OnnxScheme(
            "pq",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
            "word vectors, activations",
            codes=True,
            storage=by_role(_CODES, _I8, _DYNAMIC, _DYNAMIC),
        ),
        OnnxScheme(
            "pq4",
            Budget(max_relative=0.35, min_agreement=0.92, min_cosine=0.77),
            "word vectors, rounding of weights",
            codes=True,
            narrow=True,
            storage=by_role(_CODES8, _SHARED, _DYNAMIC4, _DYNAMIC4),
            web_dtype="q4",
        ),
    )
}
"""`--quantize` → its scheme, from the widest on."""
