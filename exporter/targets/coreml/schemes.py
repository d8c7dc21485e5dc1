"""What each scheme means in Core ML: the form of every role of weight, and the arithmetic that reads it.

| scheme | words, positions | linears | computed in | oldest target |
| --- | --- | --- | --- | --- |
| none | float32 | float32 | float32 | iOS16 |
| fp16 | float16 | float16 | float16 | iOS16 |
| int8 | int8 by row | int8 by channel | float16 | iOS16 |
| w8a8 | int8 by row | int8 by channel, inputs int8 by tensor | float16 | iOS17 |
| int4-embeddings | int4 by 32, int8 by row | int8 by channel | float16 | iOS18 |
| int4 | int4 by 64, int8 by row | int4 by 32 | float16 | iOS18 |
| pq | a byte for each 4 or 8 numbers, and codebooks of them | int8 by channel | float16 | iOS17 |
| pq4 | as pq, codebooks in int8; positions with one codebook | int4 by channel | float16 | iOS18 |
| palettize6, palettize4 | 64 or 16 values a tensor | 64 or 16 values a tensor | float16 | iOS16 |

Biases, gains, the two type rows and the task head stay in the type that is computed in: they are under 1 % of the
bytes. Core ML recovers compressed weights when a model is loaded or run, as it sees fit; the sums are the same.

How the budgets were set: see `targets.onnx.schemes`; the cosines of Core ML are of 96 simulated texts. `w8a8` (0.962),
`int4` (0.951), `palettize4` (0.868) and `pq4` (0.883) move a real model's sentences visibly.
"""

from dataclasses import dataclass
from enum import Enum

from exporter.compression.weight_exceptions import NOTHING, Keep
from exporter.model.ops import Role, Weight
from exporter.targets.target import Scheme
from runtimes.bundle.manifest import Budget
from runtimes.errors import UsageError


class Form(Enum):
    """How a weight lies in a package."""

    PLAIN = "in the type that is computed in"
    INT8 = "int8, a scale for each row"
    INT4_BY_32 = "int4, a scale for each 32 of a row"
    INT4_BY_64 = "int4, a scale for each 64 of a row"
    INT4_BY_ROW = "int4, a scale for each row"
    PALETTE_6 = "6 bits, one table of 64 values"
    PALETTE_4 = "4 bits, one table of 16 values"
    CODES = "codes into books of stretches"
    CODES_INT8 = "codes into codebooks in int8"
    SHARED_CODES = "codes into one codebook for all places"


BLOCKS = {Form.INT4_BY_32: 32, Form.INT4_BY_64: 64}
"""Numbers of a row that share a scale, at most."""
BITS = {Form.PALETTE_6: 6, Form.PALETTE_4: 4}
"""Of an index into a palette."""


@dataclass(frozen=True)
class CoreMLScheme(Scheme):
    """A scheme of Core ML, and the weights kept out of it.

    `half`: computed in float16; `calibrated`: linears round what they read, too, those of kept weights among them.
    """

    word: Form = Form.PLAIN
    position: Form = Form.PLAIN
    linear: Form = Form.PLAIN
    half: bool = True
    oldest_target: str = "iOS16"
    keep: Keep = NOTHING

    def stored(self, weight: Weight) -> Form:
        """The form of one weight: that of its role, or a wider one."""
        kept = self.keep.form(weight.name)
        form = self.form(weight.role)
        return form if kept is None else min(form, _KEPT[kept], key=BY_WIDTH.index)

    def form(self, role: Role) -> Form:
        """The form of a role's weights."""
        match role:
            case Role.WORD_EMBEDDING:
                return self.word
            case Role.POSITION_EMBEDDING:
                return self.position
            case Role.LINEAR | Role.TAIL:
                return self.linear
            case _:
                return Form.PLAIN


_PLAIN, _INT8, _INT4_32, _INT4_64, _INT4_ROW, _PALETTE6, _PALETTE4, _CODES, _CODES8, _SHARED = Form
CODED = frozenset({_CODES, _CODES8})
"""Forms that are gathered as codes."""
BY_WIDTH = (_PLAIN, _INT8, _PALETTE6, _INT4_32, _INT4_64, _INT4_ROW, _PALETTE4, _CODES, _CODES8, _SHARED)
"""Forms from the widest on."""
_KEPT = {"float16": _PLAIN, "int8": _INT8}

SCHEMES = {
    scheme.name: scheme
    for scheme in (
        CoreMLScheme(
            "none",
            Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
            "order of additions",
            exact=True,
            half=False,
        ),
        CoreMLScheme("fp16", Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999), "float16"),
        CoreMLScheme(
            "int8",
            Budget(max_relative=0.05, min_agreement=0.98, min_cosine=0.998),
            "rounding of weights",
            word=_INT8,
            position=_INT8,
            linear=_INT8,
        ),
        CoreMLScheme(
            "w8a8",
            Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.92),
            "activations",
            calibrated=True,
            word=_INT8,
            position=_INT8,
            linear=_INT8,
            oldest_target="iOS17",
        ),
        CoreMLScheme(
            "int4-embeddings",
            Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
            "rounding of word vectors",
            word=_INT4_32,
            position=_INT8,
            linear=_INT8,
            oldest_target="iOS18",
        ),
        CoreMLScheme(
            "int4",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
            "rounding of weights",
            word=_INT4_64,
            position=_INT8,
            linear=_INT4_32,
            oldest_target="iOS18",
        ),
        CoreMLScheme(
            "pq",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.93),
            "word vectors",
            codes=True,
            word=_CODES,
            position=_INT8,
            linear=_INT8,
            oldest_target="iOS17",
        ),
        CoreMLScheme(
            "pq4",
            Budget(max_relative=0.35, min_agreement=0.92, min_cosine=0.76),
            "word vectors, rounding of weights",
            codes=True,
            narrow=True,
            word=_CODES8,
            position=_SHARED,
            linear=_INT4_ROW,
            oldest_target="iOS18",
        ),
        CoreMLScheme(
            "palettize6",
            Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.99),
            "rounding of weights",
            word=_PALETTE6,
            position=_PALETTE6,
            linear=_PALETTE6,
        ),
        CoreMLScheme(
            "palettize4",
            Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.74),
            "rounding of weights",
            word=_PALETTE4,
            position=_PALETTE4,
            linear=_PALETTE4,
        ),
    )
}
"""`--quantize` → its scheme."""


def find_scheme(name: str) -> CoreMLScheme:
    """Return the scheme called `name`. Raises UsageError with the list of them."""
    if name not in SCHEMES:
        raise UsageError(f"--quantize {name}: unknown to coreml; it has {', '.join(SCHEMES)}")
    return SCHEMES[name]


def scale_shape(shape: tuple[int, ...], rows: int, blocks: int) -> tuple[int, ...]:
    """The shape of the scales [rows, blocks] of a weight in `shape`: its rank, and 1 where one scale serves all."""
    axis = shape.index(rows)
    return (*shape[: axis + 1], blocks, *(1 for _ in shape[axis + 2 :]))
