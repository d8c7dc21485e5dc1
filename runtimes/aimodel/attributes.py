"""Types and attributes of Core AI's stored dialect, as far as they are read: tensors, texts, lists, constants' bytes.

Apple publishes no description of how bytecode encodes them. What is here was seen in what coreai-core 1.0.0b3 writes of
every element type and scheme: each entry begins with the number of its kind, and refers to others by theirs.

    type       2 sizes element · 30 outputs inputs · a scalar is its kind alone
    attribute  1 text · 2 width sign value · 4 type · 5 list · 6 whether one value stands for all, bytes · 7 constant
               9 name, entry, value
"""

from dataclasses import dataclass
from math import prod

from runtimes.aimodel.bytecode import Bytecode, Entry, chosen
from runtimes.aimodel.cursor import Cursor
from runtimes.aimodel.model import FREE, TensorType

DIALECT = "aicode"
TENSOR, FUNCTION = 2, 30
TEXT, INTEGER, TYPE, LIST, DENSE, STORED, NAMED = 1, 2, 4, 5, 6, 7, 9
SCALARS = {
    4: ("bool", 8),
    5: ("float64", 64),
    6: ("float32", 32),
    7: ("float16", 16),
    8: ("bfloat16", 16),
    17: ("int64", 64),
    18: ("int32", 32),
    19: ("int16", 16),
    20: ("int8", 8),
    21: ("int4", 4),
    23: ("uint64", 64),
    24: ("uint32", 32),
    25: ("uint16", 16),
    26: ("uint8", 8),
    27: ("uint4", 4),
    36: ("uint6", 6),
}
"""Kind of a scalar type → its name, and its bits as it is stored: below 8 values lie packed."""
OTHER = "other"
"""The element type of a tensor of a kind that is not known here."""
BITS = dict(SCALARS.values())
"""Name of a scalar type → its bits as it is stored."""
_FREE = -(1 << 63)
_MOST_AXES, _MOST_ELEMENTS = 8, 1 << 30


@dataclass(frozen=True)
class FunctionType:
    """What a function gives and reads, by numbers of types."""

    outputs: tuple[int, ...]
    inputs: tuple[int, ...]


class Decoder:
    """Decodes what of a file's entries is asked for. Raises BundleError for numbers that the file has not."""

    def __init__(self, file: Bytecode) -> None:
        self._file = file
        self._tensors: dict[int, TensorType | None] = {}

    def tensor(self, number: int) -> TensorType | None:
        """A type as a tensor's; None for another."""
        if number not in self._tensors:
            cursor, kind = self._begun(self._type(number))
            self._tensors[number] = self._tensor(cursor) if kind == TENSOR else None
        return self._tensors[number]

    def function(self, attribute: int) -> FunctionType:
        """The function's type that an attribute names. Raises BundleError for another."""
        cursor, _ = self.attribute(attribute, TYPE)
        inner, kind = self._begun(self._type(cursor.number()))
        if kind != FUNCTION:
            raise cursor.refused("a function has no type")
        outputs, inputs = (tuple(inner.number() for _ in range(inner.count())) for _ in range(2))
        return FunctionType(outputs, inputs)

    def text(self, number: int) -> str:
        """An attribute as a text. Raises BundleError for another."""
        cursor, _ = self.attribute(number, TEXT)
        return chosen(cursor, self._file.strings, cursor.number(), "string")

    def is_true(self, number: int) -> bool:
        """An attribute as a flag: a byte behind its width and sign."""
        cursor, _ = self.attribute(number, INTEGER)
        width, _ = cursor.number(), cursor.number()
        if width != 1:
            raise cursor.refused(f"a flag of {width:,} bits")
        return cursor.byte() != 0

    def names(self, number: int, key: str) -> list[str]:
        """Of a list of lists of named values, the text that each has under `key`; empty where one has none."""
        found = []
        for one in self._listed(number):
            texts = [self._named(inner) for inner in self._listed(one)]
            found.append(next((self.text(value) for name, value in texts if name == key), ""))
        return found

    def attribute(self, number: int, *kinds: int) -> tuple[Cursor, int]:
        """A cursor behind the kind of an attribute, and the kind. Raises BundleError for one that is none of these."""
        cursor, kind = self._begun(
            chosen(self._file.cursor(self._file.sections[0]), self._file.attributes, number, "attribute")
        )
        if kind not in kinds:
            raise cursor.refused(f"the attribute at {cursor.at:,} is of another kind than it should be")
        return cursor, kind

    def check_value(self, number: int, kind: TensorType) -> int | None:
        """The number of the stored constant that an attribute is; None for a value that lies in it.

        Raises BundleError where its bytes are not as many as the type says: a runtime reads those, whatever is there.
        """
        cursor, form = self.attribute(number, DENSE, STORED)
        if kind.dtype == OTHER or FREE in kind.shape:
            raise cursor.refused("a constant of a type that bertport does not know")
        if form == STORED:
            return self._check_stored(cursor, cursor.number(), kind)
        one_for_all, size_bytes = cursor.byte(), cursor.number()
        whole, one = size_of(kind), size_of(TensorType(kind.dtype, (1,)))
        expected = one if one_for_all and size_bytes != whole else whole  # Apple's converter writes a flag for each too
        if size_bytes != expected or cursor.left != expected:
            raise cursor.refused(f"a constant {kind.dtype} {[*kind.shape]} of {size_bytes:,} bytes, not {expected:,}")
        return None

    def _check_stored(self, cursor: Cursor, number: int, kind: TensorType) -> int:
        resource = chosen(cursor, self._file.resources, number, "constant")
        if (expected := size_of(kind)) != resource.size_bytes:
            told = f"the constant {resource.name!r} is {kind.dtype} {[*kind.shape]}, {expected:,} bytes"
            raise cursor.refused(f"{told}, and has {resource.size_bytes:,}")
        return number

    def _listed(self, number: int) -> list[int]:
        cursor, _ = self.attribute(number, LIST)
        return [cursor.number() for _ in range(cursor.count())]

    def _named(self, number: int) -> tuple[str, int]:
        cursor, _ = self.attribute(number, NAMED)
        name, _, value = (cursor.number() for _ in range(3))
        return chosen(cursor, self._file.strings, name, "string"), value

    def _tensor(self, cursor: Cursor) -> TensorType:
        sizes = [cursor.signed() for _ in range(cursor.count())]
        shape = tuple(FREE if size == _FREE else size for size in sizes)
        if len(shape) > _MOST_AXES or min(shape, default=0) < FREE or prod(shape) > _MOST_ELEMENTS:
            raise cursor.refused(f"a tensor of shape {sizes[:_MOST_AXES]}")
        _, kind = self._begun(self._type(cursor.number()))
        return TensorType(SCALARS.get(kind, (OTHER, 0))[0], shape)

    def _begun(self, entry: Entry) -> tuple[Cursor, int]:
        """A cursor behind the number of the kind; −1 for what is of another dialect, or a text."""
        cursor = self._file.cursor(entry.span)
        return cursor, cursor.number() if entry.encoded and entry.dialect == DIALECT else -1

    def _type(self, number: int) -> Entry:
        return chosen(self._file.cursor(self._file.sections[0]), self._file.types, number, "type")


def size_of(kind: TensorType) -> int:
    """Bytes of a constant of a type that is known."""
    return -(-prod(kind.shape) * BITS[kind.dtype] // 8)
