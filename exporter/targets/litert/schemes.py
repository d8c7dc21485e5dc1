"""What each scheme means in LiteRT: how every role of weight is stored and computed.

| scheme | words | linears | error from |
| --- | --- | --- | --- |
| none | float32 | float32 | order of additions |
| fp16 | float16 | float16 → float32 | rounding of weights |
| int8-weights | int8 by row | int8 by channel → float32 | rounding of weights |
| int8 | int8 by row | int8 by channel × int8 by token, rounded at run time | activations |
| int4-embeddings | int4 by 32 | as int8 | word vectors, activations |
| pq | a byte for each 4 or 8 numbers, and codebooks of them | as int8 | word vectors, activations |
| pq4 | as pq, codebooks in int8 | int4 by channel, as int8 | word vectors, rounding of weights |

`→ float32` means stored so and computed in float32; XNNPACK unpacks them when it loads the model. Scales of rows are a
float16 column, looked up beside the rows. All else is as in ONNX: biases, gains, type rows and the task head stay
float32, positions are int8 where words are, and beside words in fewer bits, and codes into one codebook in pq4.

The budgets are those of ONNX's schemes: a user who changes the target is promised the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.compression.integer_rounding import int4_rows, int8
from exporter.compression.outlier_channels import Arithmetic, Form
from exporter.model.ops import Role
from exporter.targets.encoding.storage import IN_INTEGERS, Storage, by_role, described
from exporter.targets.target import Scheme
from runtimes.bundle.manifest import Budget

_F32, _F16, _I8, _DYNAMIC, _I4, _DYNAMIC4, _CODES, _CODES8, _SHARED = Storage


@dataclass(frozen=True)
class LiteRtScheme(Scheme):
    """A scheme of LiteRT: how every role of weight is stored.

    `keep_in_embeddings`: patterns that are kept wider in a wide sentence model where the user says nothing.
    """

    storage: Mapping[Role, Storage] = field(default_factory=dict)
    keep_in_embeddings: tuple[str, ...] = ()

    @property
    def described(self) -> tuple[str, str, str]:
        """See Scheme."""
        return described(self.storage)

    @property
    def arithmetic(self) -> Arithmetic:
        """How its products in integers round: activations by token, whose outliers a layer may be smoothed of.

        Measured on all-MiniLM-L6-v2 with the first feed-forward kept, over 1,000 sentences: the least cosine is 0.9979
        with all layers plain, 0.9986 with 1.1, 0.9983 where every smoothed layer that is nearer is taken; with an
        exponent of 1 it falls to 0.991, for weights lose more than activations gain.
        """
        narrow = self.storage[Role.LINEAR] is Storage.INT4_DYNAMIC
        forms = {Form.PLAIN: 1.1, Form.SMOOTHED: 1.0}
        return Arithmetic(int4_rows if narrow else int8, by_token=True, tolerated=forms, exponent=0.5)

    @property
    def integers(self) -> bool:
        """Whether products are computed in integers, with activations rounded at run time."""
        return not IN_INTEGERS.isdisjoint(self.storage.values())


SENTENCE_KEEP = ("layer.0.dense.*",)
"""What `int8` keeps of a wide sentence model: on all-MiniLM-L6-v2 the least cosine of 1,000 sentences is 0.9981 without
it and 0.9986 with it."""

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        LiteRtScheme(
            "none",
            Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
            "order of additions",
            exact=True,
            storage=by_role(_F32, _F32, _F32, _F32),
        ),
        LiteRtScheme(
            "fp16",
            Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999),
            "rounding of weights",
            storage=by_role(_F16, _F16, _F16, _F16),
        ),
        LiteRtScheme(
            "int8",
            Budget(max_relative=0.10, min_agreement=0.97, min_cosine=0.998),
            "activations",
            storage=by_role(_I8, _I8, _DYNAMIC, _DYNAMIC),
            keep_in_embeddings=SENTENCE_KEEP,
        ),
        LiteRtScheme(
            "int8-weights",
            Budget(max_relative=0.03, min_agreement=0.98, min_cosine=0.998),
            "rounding of weights",
            storage=by_role(_I8, _I8, _I8, _I8),
        ),
        LiteRtScheme(
            "int4-embeddings",
            Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
            "word vectors, activations",
            storage=by_role(_I4, _I8, _DYNAMIC, _DYNAMIC),
        ),
        LiteRtScheme(
            "pq",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
            "word vectors, activations",
            codes=True,
            storage=by_role(_CODES, _I8, _DYNAMIC, _DYNAMIC),
        ),
        LiteRtScheme(
            "pq4",
            Budget(max_relative=0.35, min_agreement=0.92, min_cosine=0.77),
            "word vectors, rounding of weights",
            codes=True,
            narrow=True,
            storage=by_role(_CODES8, _SHARED, _DYNAMIC4, _DYNAMIC4),
        ),
    )
}
"""`--quantize` → its scheme, from the widest on."""
