"""Audit of the weights of a saved asset, each compared when the lowering asks for it.

The store takes the place of `WeightStore` while the recipe is lowered again. It gives what the file has: the program
that is lowered then differs from the saved one in its operations alone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from exporter.compression import product_quantization
from exporter.model.ops import Array, Weight
from exporter.targets.audit import form_rows
from exporter.targets.audit.encoded_tables import no_codes
from exporter.targets.audit.form_rows import Part, Rows, UnlikeError, compare_rows
from exporter.targets.audit.tally import Tally
from exporter.targets.coreai.audit.stored import StoredConstant
from exporter.targets.coreai.program.graph import Constant
from exporter.targets.coreai.weights import CODEBOOK, CODES, PALETTE, SCALE, Lay, Parts, WeightStore
from exporter.targets.encoding.forms import BITS, BLOCKS, CODED, Form, FormScheme
from runtimes.aimodel.attributes import size_of
from runtimes.aimodel.model import TensorType

_VALUES = ""
Kinds = Mapping[str, tuple[str, tuple[int, ...]]]
"""What follows a weight's name → the type and shape that are expected of it."""


@dataclass(frozen=True)
class Against:
    """What decides how weights are compared.

    `trained` tells which weights are not the checkpoint's any more, but near them; `dimensions` are pq's, and its
    codebooks `weighed` where they were made for frequent tokens.
    """

    dimensions: int
    trained: Callable[[Weight], str]
    weighed: bool


class AuditedStore(WeightStore):
    """Reads what the file has under the names that an export writes, and compares it.

    `unlike`: something was of another kind, or codes were not there. In the place of anything else that is not there
    stands what an export writes: Apple's package leaves out gains of 1, and of the same bytes all but one, and does so
    again of the same numbers; where the saved program has others, its operations differ.
    """

    def __init__(self, scheme: FormScheme, held: Mapping[str, StoredConstant], tally: Tally, against: Against) -> None:
        super().__init__(scheme, no_codes)
        self._held, self._tally, self._against = held, tally, against
        self._seen: set[str] = set()
        self._missed: set[str] = set()
        self.unlike = False

    def parts(self, weight: Weight, lay: Lay) -> Parts:
        """See WeightStore."""
        name, kinds = lay.name(weight), self._kinds(weight, lay)
        own = cache(lambda: super(AuditedStore, self).parts(weight, lay))
        found = {
            key: self._part(self._stored_name(weight, lay, key), *kind) or self._unwritten(weight, lay, key, own)
            for key, kind in kinds.items()
        }
        if name not in self._seen and None not in found.values():
            self._compare(weight, lay, {key: one for key, one in found.items() if one is not None})
        self._seen.add(name)
        return {key: _given(found[key], *kind) for key, kind in kinds.items()}

    def vector_part(self, weight: Weight, shape: tuple[int, ...], element: str) -> Constant:
        """See WeightStore."""
        if weight.name not in self._held:
            return super().vector_part(weight, shape, element)
        stored = self._part(weight.name, element, shape)
        if stored is not None and weight.name not in self._seen:
            self._take(weight, weight.values[None], self._floats(stored, weight))
        self._seen.add(weight.name)
        return _given(stored, element, shape)

    def _kinds(self, weight: Weight, lay: Lay) -> Kinds:
        form, shape = self.scheme.stored(weight), weight.values.shape
        laid, rows = lay.shape(shape), (*shape[:-1],)
        if form in CODED:
            width = self._against.dimensions or shape[1]
            places = shape[1] // width
            return {
                CODES: ("uint8", (shape[0], places)),
                CODEBOOK: (self.element, (places * product_quantization.ENTRIES, width)),
            }
        if form in BITS:
            palette = (*[1] * len(laid), 1 << BITS[form], 1)
            return {_VALUES: (f"uint{BITS[form]}", laid), PALETTE: (self.element, palette)}
        if form is Form.INT8:
            return {_VALUES: ("int8", laid), SCALE: (self.element, lay.shape((*rows, 1)))}
        if form in BLOCKS:
            blocks = shape[-1] // math.gcd(shape[-1], BLOCKS[form])
            return {_VALUES: ("int4", laid), SCALE: (self.element, lay.shape((*rows, blocks)))}
        return {_VALUES: (self.element, laid)}

    @staticmethod
    def _stored_name(weight: Weight, lay: Lay, key: str) -> str:
        """A palette is one for all rows of a table, however many of them are stored."""
        return f"{weight.name if key == PALETTE else lay.name(weight)}{key}"

    def _unwritten(self, weight: Weight, lay: Lay, key: str, own: Callable[[], Parts]) -> StoredConstant | None:
        """What an export writes, where the file has nothing under a name."""
        if self._stored_name(weight, lay, key) in self._held or self.scheme.stored(weight) in CODED:
            return None
        one = own()[key]
        return StoredConstant(one.element, one.shape, np.ascontiguousarray(one.data).reshape(-1).view(np.uint8))

    def _part(self, name: str, element: str, shape: tuple[int, ...]) -> StoredConstant | None:
        """What the file has under a name; None where there is nothing, and with a finding what is of another kind."""
        stored = self._held.get(name)
        if stored is None and not name.endswith((CODES, CODEBOOK)):
            return None
        if stored is not None and (stored.element, stored.shape) == (element, shape):
            return stored
        self.unlike = True
        if name not in self._missed:
            self._missed.add(name)
            found = stored.kind if stored else "nothing of that name"
            self._tally.find(name, f"expected {element} {list(shape)}, found {found}")
        return None

    def _compare(self, weight: Weight, lay: Lay, stored: Mapping[str, StoredConstant]) -> None:
        """Rows against the checkpoint's; first rows that are stored once more against those of the whole table."""
        if lay.head is not None:
            self._compare_head(weight, lay, stored)
            return
        rows = weight.values.reshape(-1, weight.values.shape[-1])
        try:
            self._take(weight, rows, self._opened(weight, lay, stored))
        except UnlikeError as error:
            self._tally.find(weight.name, str(error))

    def _take(self, weight: Weight, rows: Array, opened: Rows) -> None:
        compare_rows(self._tally, weight.name, rows, opened)

    def _compare_head(self, weight: Weight, lay: Lay, stored: Mapping[str, StoredConstant]) -> None:
        for key, one in stored.items() if PALETTE not in stored else [(_VALUES, stored[_VALUES])]:
            whole = self._held.get(f"{weight.name}{key}")
            numbers = math.prod(one.shape)
            if whole is None or not np.array_equal(one.numbers(0, numbers), whole.numbers(0, numbers)):
                self._tally.find(
                    f"{lay.name(weight)}{key}", f"expected the first {lay.head} rows of {weight.name}{key}"
                )

    def _floats(self, stored: StoredConstant, weight: Weight) -> Rows:
        values = stored.read().reshape(1, -1)
        return form_rows.open_floats(_rows_of(values), self.scheme.half, self._against.trained(weight), ())

    def _opened(self, weight: Weight, lay: Lay, stored: Mapping[str, StoredConstant]) -> Rows:
        form, shape, trained = self.scheme.stored(weight), weight.values.shape, self._against.trained(weight)
        if form in CODED:
            codes, entries = stored[CODES], product_quantization.ENTRIES
            codebooks = stored[CODEBOOK].read().reshape(codes.shape[1], entries, -1).astype(np.float32)
            part, weighed = _reading(codes, Lay(), codes.shape), self._against.weighed
            return form_rows.open_codes(part, codebooks, 0.0, trained, weighed=weighed, places=())
        part = _reading(stored[_VALUES], lay, shape)
        if form in BITS:
            return form_rows.open_palette(part, stored[PALETTE].read().reshape(-1), ())
        if form is Form.PLAIN:
            return form_rows.open_floats(part, self.scheme.half, trained, ())
        blocks = stored[SCALE].shape[lay.lead if lay.transposed else -1 - lay.trail]
        scale = lay.rows(stored[SCALE].read(), (*shape[:-1], blocks))
        if form is Form.INT8:
            return form_rows.open_int8(part, scale, trained, ())
        return form_rows.open_int4_blocks(part, scale, ())


def _given(stored: StoredConstant | None, element: str, shape: tuple[int, ...]) -> Constant:
    """What the file has; zeros in the place of what it has not."""
    data = np.zeros(size_of(TensorType(element, shape)), np.uint8) if stored is None else stored.data
    return Constant(element, shape, data)


def _reading(stored: StoredConstant, lay: Lay, shape: tuple[int, ...]) -> Part:
    """What reads rows of a weight in `shape` that lies so; those of a transposed one, which is small, at once."""
    if lay.transposed:
        return _rows_of(lay.rows(stored.read(), shape))

    def part(start: int, wanted: tuple[int, int]) -> Array:
        rows, size = wanted
        return stored.numbers(start * size, (start + rows) * size).reshape(wanted)

    return part


def _rows_of(values: Array) -> Part:
    return lambda start, shape: values[start : start + shape[0]]


class ReadStore(AuditedStore):
    """Keeps what it opens: `read` gets the float values by our names, in every form."""

    def __init__(self, scheme: FormScheme, held: Mapping[str, StoredConstant], tally: Tally, against: Against) -> None:
        super().__init__(scheme, held, tally, against)
        self.read: dict[str, Array] = {}

    def _take(self, weight: Weight, rows: Array, opened: Rows) -> None:
        if opened.values is None:
            raise UnlikeError(f"{weight.name}: stored as {opened.form}, which no fine-tuned bundle has; export again")
        self.read[weight.name] = opened.values(rows.shape).astype(np.float32).reshape(weight.values.shape)
