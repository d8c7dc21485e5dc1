"""The shapes that operators of .tflite files make, and the small integers that shapes are made of.

Sources: what the kernels' Prepare functions do, and TensorFlow's definitions of the operators.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from runtimes.tflite.model import Node

Shape = tuple[int, ...]
Integers = NDArray[np.int64]


class UnfitError(ValueError):
    """An operator whose inputs, options and outputs do not belong together."""


@dataclass(frozen=True)
class Inputs:
    """What an operator reads: shapes by place, None for what is left out, and small integers where they are known."""

    node: Node
    shapes: Sequence[Shape | None]
    known: Sequence[Integers | None]

    def shape(self, place: int) -> Shape:
        """The shape of an input that must be there."""
        found = self.shapes[place]
        if found is None:
            raise UnfitError(f"input {place} is left out")
        return found

    def integers(self, place: int) -> list[int]:
        """Integers that a size depends on."""
        found = self.known[place]
        if found is None:
            raise UnfitError("computes a size from its texts; fixed lengths have none such")
        return [int(one) for one in found.reshape(-1)]

    def option(self, name: str, slot: int, default: int = 0) -> int:
        """An option by its name, or for operators that the schema table does not list by its slot: an int32."""
        value = self.node.options.get(name, self.node.options.get(f"slot {slot}", default))
        number = int(value) if not isinstance(value, tuple) else default
        return number - 2**32 if number >= 2**31 else number


def _axis(axis: int, count: int) -> int:
    if not -count <= axis < count:
        raise UnfitError(f"axis {axis} of {count}")
    return axis % count


def same(of: Inputs) -> list[Shape]:
    """That of the first input."""
    return [of.shape(0)]


def broadcast(of: Inputs) -> list[Shape]:
    """All inputs beside each other, as numpy has it."""
    return [tuple(np.broadcast_shapes(*[of.shape(place) for place in range(len(of.shapes))]))]


def reduced(of: Inputs) -> list[Shape]:
    """Without the axes that are summed up, or 1 there."""
    shape, keep = of.shape(0), of.option("keep_dims", 0)
    axes = {_axis(axis, len(shape)) for axis in of.integers(1)}
    return [tuple(1 if at in axes else size for at, size in enumerate(shape) if keep or at not in axes)]


def reshaped(of: Inputs) -> list[Shape]:
    """LiteRT refuses to run where the number of elements differs: what is made is never more."""
    given = of.node.options["new_shape"]
    sizes = of.integers(1) if len(of.shapes) > 1 else list(given if isinstance(given, tuple) else ())
    rest, count = prod(size for size in sizes if size != -1), prod(of.shape(0))
    if any(size < -1 for size in sizes) or sizes.count(-1) > 1 or (-1 in sizes and (not rest or count % rest)):
        raise UnfitError(f"{count:,} elements as {sizes}")
    made = tuple(count // rest if size == -1 else size for size in sizes)
    if prod(made) != count:
        raise UnfitError(f"{count:,} elements as {sizes}")
    return [made]


def fully_connected(of: Inputs) -> list[Shape]:
    """[…, k] by rows [n, k]."""
    x, (rows, width) = of.shape(0), of.shape(1)
    if len(of.shapes) > 2 and of.shapes[2] not in (None, (rows,)):
        raise UnfitError(f"a bias {of.shapes[2]} of {rows:,} rows")
    if not width or not x or prod(x) % width or (of.option("keep_dims", 2) and x[-1] != width):
        raise UnfitError(f"{x} by rows of {width:,}")
    return [(*x[:-1], rows) if of.option("keep_dims", 2) else (prod(x) // width, rows)]


def batch_matmul(of: Inputs) -> list[Shape]:
    """[…, m, k] by […, k, n], either the other way round."""
    left, right = of.shape(0), of.shape(1)
    if min(len(left), len(right)) < 2:
        raise UnfitError(f"{left} by {right}")
    (*first, m, k), (*second, n, p) = left, right
    m, k = (k, m) if of.option("adj_x", 0) else (m, k)
    n, p = (p, n) if of.option("adj_y", 1) else (n, p)
    if k != n:
        raise UnfitError(f"{left} by {right}")
    return [(*np.broadcast_shapes(tuple(first), tuple(second)), m, p)]


def gathered(of: Inputs) -> list[Shape]:
    """Slices of a table along an axis, at ids of any shape."""
    table, ids = of.shape(0), of.shape(1)
    axis, batch = _axis(of.option("axis", 0), len(table)), of.option("batch_dims", 1)
    if not 0 <= batch <= min(axis, len(ids)) or table[:batch] != ids[:batch]:
        raise UnfitError(f"{batch} axes of batches, of {table} by {ids}")
    return [(*table[:axis], *ids[batch:], *table[axis + 1 :])]


def looked_up(of: Inputs) -> list[Shape]:
    """Rows of a table at a vector of ids."""
    (count,), (_, *row) = of.shape(0), of.shape(1)
    return [(count, *row)]


def gathered_by_places(of: Inputs) -> list[Shape]:
    """What is at places of one or more indices each."""
    table, (*first, depth) = of.shape(0), of.shape(1)
    if depth > len(table):
        raise UnfitError(f"{depth} indices into {table}")
    return [(*first, *table[depth:])]


def concatenated(of: Inputs) -> list[Shape]:
    """Side by side along an axis."""
    shapes = [of.shape(place) for place in range(len(of.shapes))]
    axis = _axis(of.option("axis", 0), len(shapes[0]))
    if len({(*one[:axis], *one[axis + 1 :], len(one)) for one in shapes}) > 1:
        raise UnfitError(f"side by side {shapes[:3]}")
    return [(*shapes[0][:axis], sum(one[axis] for one in shapes), *shapes[0][axis + 1 :])]


def packed(of: Inputs) -> list[Shape]:
    """On a new axis."""
    shape, axis = of.shape(0), _axis(of.option("", 1), len(of.shape(0)) + 1)
    if any(one != shape for one in of.shapes):
        raise UnfitError(f"on top of each other {of.shapes[:3]}")
    return [(*shape[:axis], len(of.shapes), *shape[axis:])]


def unpacked(of: Inputs) -> list[Shape]:
    """Each slice along an axis."""
    shape = of.shape(0)
    axis = _axis(of.option("", 1), len(shape))
    return [(*shape[:axis], *shape[axis + 1 :])] * min(shape[axis], len(of.node.outputs) + 1)


def padded(of: Inputs) -> list[Shape]:
    """More at both ends of every axis."""
    shape, pads = of.shape(0), of.integers(1)
    if len(pads) != 2 * len(shape) or min(pads, default=0) < 0:
        raise UnfitError(f"{shape} padded by {pads[:8]}")
    return [tuple(size + sum(pads[2 * at : 2 * at + 2]) for at, size in enumerate(shape))]


def sliced(of: Inputs) -> list[Shape]:
    """A part of every axis; −1 is all that is left."""
    shape, starts, sizes = of.shape(0), of.integers(1), of.integers(2)
    made = tuple(n - at if size == -1 else size for n, at, size in zip(shape, starts, sizes, strict=True))
    if any(at < 0 or size < 0 or at + size > n for n, at, size in zip(shape, starts, made, strict=True)):
        raise UnfitError(f"{shape} from {starts} on by {sizes}")
    return [made]


def strided_slices(of: Inputs) -> list[slice | int]:
    """What of each axis is taken, as an index of numpy's. Only begin, end and shrink masks are known."""
    if any(of.option("", slot) for slot in (2, 3, 5)):
        raise UnfitError("axes that are made or left out")
    begin, end, shrink = (
        of.option(name, at) for name, at in (("begin_mask", 0), ("end_mask", 1), ("shrink_axis_mask", 4))
    )
    starts, ends, strides = (of.integers(place) for place in (1, 2, 3))
    if not len(starts) == len(ends) == len(strides) == len(of.shape(0)) or 0 in strides:
        raise UnfitError(f"{of.shape(0)} by steps of {strides}")
    return [
        start if shrink >> at & 1 else slice(None if begin >> at & 1 else start, None if end >> at & 1 else stop, step)
        for at, (start, stop, step) in enumerate(zip(starts, ends, strides, strict=True))
    ]


def strided(of: Inputs) -> list[Shape]:
    """A part of every axis in steps, without those of which one is taken."""
    taken = zip(of.shape(0), strided_slices(of), strict=True)
    return [tuple(len(range(*one.indices(size))) for size, one in taken if isinstance(one, slice))]


def transposed(of: Inputs) -> list[Shape]:
    """Axes in another order."""
    shape, order = of.shape(0), of.integers(1)
    if sorted(order) != list(range(len(shape))):
        raise UnfitError(f"{shape} in the order {order}")
    return [tuple(shape[axis] for axis in order)]


def squeezed(of: Inputs) -> list[Shape]:
    """Without axes of size 1."""
    shape, given = of.shape(0), of.node.options["axes"]
    axes = {_axis(axis, len(shape)) for axis in given} if isinstance(given, tuple) else set()
    axes = axes or {at for at, size in enumerate(shape) if size == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise UnfitError(f"{shape} without the axes {sorted(axes)}")
    return [tuple(size for at, size in enumerate(shape) if at not in axes)]


def expanded(of: Inputs) -> list[Shape]:
    """With one more axis of size 1."""
    (given,), shape = of.integers(1), of.shape(0)
    axis = _axis(given, len(shape) + 1)
    return [(*shape[:axis], 1, *shape[axis:])]


def split(of: Inputs) -> list[Shape]:
    """Equal parts along an axis."""
    (given,), shape, parts = of.integers(0), of.shape(1), of.option("parts", 0)
    axis = _axis(given, len(shape))
    if parts != len(of.node.outputs) or not parts or shape[axis] % parts:
        raise UnfitError(f"{shape} in {parts:,} parts for {len(of.node.outputs):,}")
    return [(*shape[:axis], shape[axis] // parts, *shape[axis + 1 :])] * parts


def split_by_sizes(of: Inputs) -> list[Shape]:
    """Parts of given sizes along an axis."""
    shape, sizes, (given,) = of.shape(0), of.integers(1), of.integers(2)
    axis = _axis(given, len(shape))
    rest = shape[axis] - sum(size for size in sizes if size != -1)
    sizes = [rest if size == -1 else size for size in sizes]
    if min(sizes, default=-1) < 0 or sum(sizes) != shape[axis]:
        raise UnfitError(f"{shape} in parts of {sizes[:8]}")
    return [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]


def tiled(of: Inputs) -> list[Shape]:
    """Every axis several times."""
    return [tuple(size * max(0, times) for size, times in zip(of.shape(0), of.integers(1), strict=True))]


def spread(of: Inputs) -> list[Shape]:
    """As large as is said, where it was 1."""
    return [tuple(np.broadcast_shapes(of.shape(0), tuple(of.integers(1))))]


def filled(of: Inputs) -> list[Shape]:
    """As large as is said."""
    return [tuple(max(0, size) for size in of.integers(0))]


def ranged(of: Inputs) -> list[Shape]:
    """Numbers from one to another."""
    (start,), (stop,), (step,) = (of.integers(place) for place in range(3))
    return [(len(range(start, stop, step)),)]


def one_hot(of: Inputs) -> list[Shape]:
    """One more axis, of the depth."""
    (depth,), ids, axis = of.integers(1), of.shape(0), of.option("", 0)
    axis = _axis(axis, len(ids) + 1)
    return [(*ids[:axis], max(0, depth), *ids[axis:])]


def chosen(of: Inputs) -> list[Shape]:
    """Without the axis that is looked through."""
    (given,), shape = of.integers(1), of.shape(0)
    axis = _axis(given, len(shape))
    return [(*shape[:axis], *shape[axis + 1 :])]
