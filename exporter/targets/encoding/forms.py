"""Forms of a stored weight in Apple's formats, and schemes that give every role its form."""

from dataclasses import dataclass
from enum import Enum

from exporter.compression.weight_exceptions import NOTHING, Keep
from exporter.model.ops import Role, Weight
from exporter.targets.target import Scheme


class Form(Enum):
    """How a weight lies in a package or an asset."""

    PLAIN = "in the type that is computed in"
    INT8 = "int8, a scale for each row"
    INT4_BY_32 = "int4, a scale for each 32 of a row"
    INT4_BY_64 = "int4, a scale for each 64 of a row"
    INT4_BY_ROW = "int4, a scale for each row"
    PALETTE_6 = "6 bits, one table of 64 values"
    PALETTE_4 = "4 bits, one table of 16 values"
    CODES = "codes into codebooks"
    CODES_INT8 = "codes into codebooks in int8"
    SHARED_CODES = "codes into one codebook for all places"


BLOCKS = {Form.INT4_BY_32: 32, Form.INT4_BY_64: 64}
"""Numbers of a row that share a scale, at most."""
BITS = {Form.PALETTE_6: 6, Form.PALETTE_4: 4}
"""Of an index into a palette."""


@dataclass(frozen=True)
class FormScheme(Scheme):
    """A scheme whose weights lie in these forms, and the weights kept out of it.

    `half`: computed in float16; `calibrated`: linears round what they read, too, those of kept weights among them.
    """

    word: Form = Form.PLAIN
    position: Form = Form.PLAIN
    linear: Form = Form.PLAIN
    half: bool = True
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

    @property
    def described(self) -> tuple[str, str, str]:
        """See Scheme."""
        computed = "float16" if self.half else "float32"
        words = [computed if form is Form.PLAIN else form.value for form in (self.word, self.position, self.linear)]
        inputs = ", inputs int8 by tensor" if self.calibrated else ""
        return words[0], words[1], f"{words[2]}{inputs}"

    def as_wide(self, other: "FormScheme", weights: list[Weight]) -> bool:
        """Whether every weight is stored at least as wide as `other` stores it, with what is kept.

        Arithmetic in float16 and inputs in int8 stay, whatever is kept.
        """
        if self.half > other.half or self.calibrated > other.calibrated:
            return False
        return all(BY_WIDTH.index(self.stored(weight)) <= BY_WIDTH.index(other.stored(weight)) for weight in weights)


_PLAIN, _INT8, _INT4_32, _INT4_64, _INT4_ROW, _PALETTE6, _PALETTE4, _CODES, _CODES8, _SHARED = Form
CODED = frozenset({_CODES, _CODES8})
"""Forms that are gathered as codes."""
BY_WIDTH = (_PLAIN, _INT8, _PALETTE6, _INT4_32, _INT4_64, _INT4_ROW, _PALETTE4, _CODES, _CODES8, _SHARED)
"""Forms from the widest on."""
_KEPT = {"float16": _PLAIN, "int8": _INT8}


def scale_shape(shape: tuple[int, ...], rows: int, blocks: int) -> tuple[int, ...]:
    """The shape of the scales [rows, blocks] of a weight in `shape`: its rank, and 1 where one scale serves all."""
    axis = shape.index(rows)
    return (*shape[: axis + 1], blocks, *(1 for _ in shape[axis + 2 :]))
