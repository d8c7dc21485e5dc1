"""The mask, rotary positions and the first token's attention as an ML program, for both layouts.

Shapes: B = 1, S the fixed sequence length, H hidden, A heads, D = H / A.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Array, Role, Weight
from exporter.model.rotary import Rotation
from exporter.targets.coreml.dialect import Constants, Dialect, Mask, Ranges, Var
from exporter.targets.coreml.names import mil_name

LOWEST = 4e4


class MilAttention(ABC):
    """What attends, of `Ops`, of the builder `mb`; a layout emits the rest."""

    def __init__(self, mb: Any, weights: Constants, dialect: Dialect, ranges: Ranges) -> None:
        self.mb, self.weights, self.dialect = mb, weights, dialect
        self.outputs: list[Var] = []
        self._ranges = ranges
        self._half = weights.dtype is np.float16
        self._rounded: dict[str, Var] = {}
        self._rotations: dict[str, tuple[Var, Var]] = {}

    def mask_bias(self, name: str, mask: Var) -> Mask:
        """See Ops; what `name` bears is [B, 1, S], 0 or −4e4.

        That is finite in float16 with any score added, so that no row becomes NaN; but neighbours are 32 apart there,
        and scores of ±80 occur. A padded key is therefore made zero too: a row of padding alone then comes out
        uniform, as in PyTorch.
        """
        seen = self.mb.cast(x=mask, dtype="fp16" if self._half else "fp32", name=mil_name(f"{name}.seen"))
        padding = self.mb.sub(x=seen, y=self._number(1.0), name=mil_name(f"{name}.padding"))
        bias = self.mb.mul(x=padding, y=self._number(LOWEST), name=mil_name(f"{name}.flat"))
        return self._mask(name, seen, self.mb.expand_dims(x=bias, axes=[1], name=mil_name(name)))

    def local_bias(self, name: str, bias: Mask, reach: int) -> Mask:
        """See Ops; what `name` bears is added to scores. In whole numbers: float16 knows few positions beyond 2,048."""
        places = np.arange(bias.first_score_bias.shape[-1], dtype=np.int32)
        queries, keys = (places.reshape(shape) for shape in self._square_axes)
        difference = self.mb.sub(x=queries, y=keys, name=mil_name(f"{name}.difference"))
        apart = self.mb.abs(x=difference, name=mil_name(f"{name}.apart"))
        close = self.mb.less_equal(x=apart, y=np.int32(reach), name=mil_name(f"{name}.close"))
        near = self.mb.cast(x=close, dtype="fp16" if self._half else "fp32", name=mil_name(f"{name}.near"))
        shown = self.mb.reshape(x=bias.key_factor, shape=list(self._square_axes[1]), name=mil_name(f"{name}.keys"))
        return self._of_pairs(name, bias, self.mb.mul(x=near, y=shown, name=mil_name(f"{name}.both")))

    def pair_bias(self, name: str, bias: Mask) -> Mask:
        """See Ops; what `name` bears is added to scores."""
        places = zip(("queries", "keys"), self._square_axes, strict=True)
        queries, keys = (
            self.mb.reshape(x=bias.key_factor, shape=list(shape), name=mil_name(f"{name}.{part}"))
            for part, shape in places
        )
        return self._of_pairs(name, bias, self.mb.mul(x=queries, y=keys, name=mil_name(f"{name}.both")))

    def _of_pairs(self, name: str, bias: Mask, pairs: Var) -> Mask:
        """From 1 where a query sees a key; else scores are made 0 before −4e4: float16 holds no score beside that."""
        hidden = self.mb.sub(x=pairs, y=self._number(1.0), name=mil_name(f"{name}.hidden"))
        low = self.mb.mul(x=hidden, y=self._number(LOWEST), name=mil_name(name))
        return replace(bias, score_bias=low, pairs=pairs)

    def _biased(self, name: str, products: Var, scores: Sequence[Var], bias: Mask, head: str = "") -> Var:
        """Products of queries and keys with what is added to them; `head` ends the names."""
        steps = [("add", one) for one in scores] + [("mul", bias.pairs)] * bool(bias.pairs is not None)
        for number, (operation, one) in enumerate(steps):
            step = getattr(self.mb, operation)
            products = step(x=products, y=one, name=mil_name(f"{name}.scores.step{number}{head}"))
        return self.mb.add(x=products, y=bias.score_bias, name=mil_name(f"{name}.scores{head}"))

    def first_token_attention(self, name: str, query: Var, x: Var, bias: Mask, heads: int) -> Var:
        """See Ops; `query` and the result hold A·H numbers for the one token.

        All heads in one matmul whose last axis is S or H: head by head it would be 1, of the 32 that the Neural Engine
        lays out.
        """
        tokens, by_token = self._sequence(f"{name}.tokens", x)
        split = self.mb.reshape(x=query, shape=[1, heads, -1], name=mil_name(f"{name}.query.heads"))  # [B, A, H]
        keys = self.mb.mul(x=tokens, y=bias.first_key_factor, name=mil_name(f"{name}.seen"))
        products = self.mb.matmul(x=split, y=keys, transpose_y=by_token, name=mil_name(f"{name}.products"))
        scores = self.mb.add(x=products, y=bias.first_score_bias, name=mil_name(f"{name}.scores"))  # [B, A, S]
        weights = self.mb.softmax(x=scores, axis=-1, name=mil_name(f"{name}.probabilities"))
        seen = self.mb.matmul(
            x=weights, y=tokens, transpose_y=not by_token, name=mil_name(f"{name}.heads")
        )  # [B, A, H]
        return self.mb.reshape(x=seen, shape=self._vector_shape, name=mil_name(f"{name}.context"))

    def rotary(self, name: str, x: Var, heads: int, rotation: Rotation) -> Var:
        """See Ops; x · cosine, and x with the halves of each head exchanged · signed sine."""
        axis = self._feature_axis
        halves = self.mb.split(x=x, num_splits=2 * heads, axis=axis, name=mil_name(f"{name}.in"))
        pairs = [halves[number ^ 1] for number in range(2 * heads)]
        exchanged = self.mb.concat(values=pairs, axis=axis, name=mil_name(f"{name}.exchanged"))
        cosine, sine = self._rotation(rotation, heads, x.shape[self._token_axis])
        straight = self.mb.mul(x=x, y=cosine, name=mil_name(f"{name}.straight"))
        across = self.mb.mul(x=exchanged, y=sine, name=mil_name(f"{name}.across"))
        return self.mb.add(x=straight, y=across, name=mil_name(name))

    _feature_axis: int
    _token_axis: int
    _square_axes: tuple[tuple[int, ...], tuple[int, ...]]
    """Shapes of what belongs to the queries and to the keys of [S, S] scores."""

    def _rotation(self, rotation: Rotation, heads: int, length: int) -> tuple[Var, Var]:
        """Cosine and signed sine for every number of a token, made once in a program of one head's."""
        if rotation.name not in self._rotations:
            tables = rotation.signed_tables(max(length, self.dialect.longest))
            pairs = zip((f"{rotation.name}.{part}" for part in ("cosine", "sine")), tables, strict=True)
            cosine, sine = (self._for_heads(name, values, heads, length) for name, values in pairs)
            self._rotations[rotation.name] = cosine, sine
        return self._rotations[rotation.name]

    def _for_heads(self, name: str, table: Array, heads: int, length: int) -> Var:
        """A table [positions, D] in the layout, for all heads; the same in every function is stored once."""
        stored = self._positioned(Weight(name, table, Role.VECTOR))
        if len(table) > length:
            end = [length if axis == self._token_axis else size for axis, size in enumerate(stored.shape)]
            start = [0] * len(end)
            stored = self.mb.slice_by_index(x=stored, begin=start, end=end, name=mil_name(f"{name}.read"))
        return self.mb.concat(values=[stored] * heads, axis=self._feature_axis, name=mil_name(f"{name}.heads"))

    @abstractmethod
    def _positioned(self, table: Weight) -> Var:
        """A constant table [positions, D] in the layout."""

    def hide_padding(self, name: str, x: Var, mask: Var) -> Var:
        """See Ops."""
        seen = self.mb.cast(x=mask, dtype="fp16" if self._half else "fp32", name=mil_name(f"{name}.seen"))
        shape = [1] * x.rank
        shape[self._token_axis] = x.shape[self._token_axis]
        return self.mb.mul(
            x=x, y=self.mb.reshape(x=seen, shape=shape, name=mil_name(f"{name}.mask")), name=mil_name(name)
        )

    def _rows_by_distance(self, name: str, table: Weight, distances: Distances, length: int, of_keys: bool) -> Var:
        """The rows of a table for the distances of a text's tokens, [1, 2·S, H]; those of the longest are stored."""
        longest = max(length, self.dialect.longest)
        places = distances.rising(longest) if of_keys else distances.falling(longest)
        stored = self.weights.constant(
            Weight(table.name, table.values[places], table.role), (1, 2 * longest, table.values.shape[1])
        )
        if longest == length:
            return stored
        begin, end = [0, longest - length, 0], [1, longest + length, stored.shape[2]]
        return self.mb.slice_by_index(x=stored, begin=begin, end=end, name=mil_name(f"{name}.rows"))

    def _sheared(self, name: str, products: Var) -> Var:
        """[…, S, 1…, 2·S] by distance → […, S, 1…, S] by key: see `Distances.falling`."""
        *outer, wide = products.shape
        length, heads = wide // 2, math.prod(outer) // (wide // 2)
        flat = self.mb.reshape(x=products, shape=[heads, length * wide], name=mil_name(f"{name}.flat"))
        read = self.mb.slice_by_index(
            x=flat, begin=[0, length - 1], end=[heads, length * wide - 1], name=mil_name(f"{name}.read")
        )
        square = self.mb.reshape(x=read, shape=[*outer, wide - 1], name=mil_name(f"{name}.wide"))
        begin = [0] * products.rank
        return self.mb.slice_by_index(x=square, begin=begin, end=[*outer, length], name=mil_name(name))

    @property
    @abstractmethod
    def _vector_shape(self) -> list[int]:
        """The shape of one token's numbers, for reshape."""

    @abstractmethod
    def _mask(self, name: str, seen: Var, bias: Var) -> Mask:
        """The mask from 1 for a token [B, S] and 0 for a token [B, 1, S]."""

    @abstractmethod
    def _sequence(self, name: str, x: Var) -> tuple[Var, bool]:
        """A token tensor as [B, S, H] and True, or as [B, H, S] and False: what the layout has at hand."""

    def _number(self, value: float) -> Any:
        """A constant of the type that is computed in."""
        return self.weights.dtype(value)
