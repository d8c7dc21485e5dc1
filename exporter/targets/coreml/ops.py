"""The operations of `Ops` as an ML program: what both layouts share.

The batch is 1; handles are the builder's Vars. The builder is coremltools' `mb`, or what records the calls that would
be made of it (`audit.recorder`).

Shapes: B = 1, S the fixed sequence length, H hidden, A heads, D = H / A. The program is built in the type it is
computed in: no pass rewrites it, and every tensor keeps the name given here.
"""

from abc import abstractmethod
from typing import Any

import numpy as np

from exporter.model.distances import Distances
from exporter.model.ops import Extent, Role, Weight
from exporter.targets.coreml.attention import LOWEST, MilAttention
from exporter.targets.coreml.dialect import Mask, Var
from exporter.targets.coreml.names import canonical_name, mil_name
from runtimes.errors import LoweringError

_UINT16_ROWS = 1 << 16
_TINY = 1e-4
"""What a vector is at least divided by; smaller ones, and zeros, come out smaller than 1."""
_ACTIVATIONS = {
    "gelu": ("gelu", {"mode": "EXACT"}),
    "gelu_tanh": ("gelu", {"mode": "TANH_APPROXIMATION"}),
    "relu": ("relu", {}),
    "silu": ("silu", {}),
    "tanh": ("tanh", {}),
}


class MilOps(MilAttention):
    """Every operation of `Ops`, of the builder `mb`; a layout emits the rest."""

    def embedding(self, name: str, table: Weight, ids: Var) -> Var:
        """See Ops; [B, S, H] in both layouts."""
        if self.weights.coded(table):
            return self._coded_embedding(name, table, ids)
        values = self.weights.table(table)
        if not self.dialect.small_indices:
            return self.mb.gather(x=values, indices=ids, axis=0, name=mil_name(name))
        indices = self._indices(name, ids, len(table.values))
        return self.mb.gather(x=values, indices=indices, axis=0, validate_indices=False, name=mil_name(name))

    def _coded_embedding(self, name: str, table: Weight, ids: Var) -> Var:
        """Two gathers: the codes of each token, then by them the sub-vectors that make its row.

        Core ML's own form of this, a vector palette, is a constant that it may unpack when it loads the model: as small
        to download, and as large in memory as a table that was never coded.
        """
        codes, starts, codebook = self.weights.codes(table)
        rows = self._indices(name, ids, len(table.values))
        found = self.mb.gather(x=codes, indices=rows, axis=0, validate_indices=False, name=mil_name(f"{name}.codes"))
        wide = self.mb.cast(x=found, dtype="int32", name=mil_name(f"{name}.codes.wide"))  # [B, S, H / d]
        entry = self.mb.add(x=wide, y=starts, name=mil_name(f"{name}.entry"))
        parts = self.mb.gather(
            x=codebook, indices=entry, axis=0, validate_indices=False, name=mil_name(f"{name}.stretches")
        )
        return self.mb.reshape(x=parts, shape=[1, ids.shape[1], table.values.shape[1]], name=mil_name(name))

    def _indices(self, name: str, ids: Var, rows: int) -> Var:
        """`ids` in 16 bits where that tells the table's rows apart: the Neural Engine gathers by those only."""
        return self.mb.cast(x=ids, dtype="uint16", name=mil_name(f"{name}.ids")) if rows <= _UINT16_ROWS else ids

    def positions(self, name: str, table: Weight, tokens: Var) -> Var:
        """See Ops; [B, S, H]. Only the rows that the longest length of the package reads are kept."""
        length = tokens.shape[1]
        kept = max(length, self.dialect.longest)
        rows = Weight(table.name, np.ascontiguousarray(table.values[:kept]), table.role)
        stored = self.weights.constant(rows, (1, *rows.values.shape))
        if kept > length:  # the same table in every function is stored once
            end = [1, length, rows.values.shape[1]]
            stored = self.mb.slice_by_index(x=stored, begin=[0, 0, 0], end=end, name=mil_name(f"{name}.positions"))
        return self.mb.add(x=tokens, y=stored, name=mil_name(name))

    def as_tokens(self, name: str, rows: Var) -> Var:  # noqa: ARG002 - no tensor is made here
        """See Ops; [B, S, H]."""
        return rows

    def counted_positions(self, name: str, table: Weight, tokens: Var, ids: Var, pad: int) -> Var:
        """See Ops; [B, S, H]. Only the rows that the longest length of the package reads are kept."""
        kept = pad + 1 + max(tokens.shape[1], self.dialect.longest)
        rows = Weight(table.name, np.ascontiguousarray(table.values[:kept]), table.role)
        ones = self._other_than(name, ids, pad)
        count = self.mb.cumsum(x=ones, axis=1, name=mil_name(f"{name}.count"))
        number = self.mb.mul(x=count, y=ones, name=mil_name(f"{name}.number"))
        row = self.mb.add(x=number, y=np.int32(pad), name=mil_name(f"{name}.row"))
        return self.mb.add(x=tokens, y=self.embedding(f"{name}.positions", rows, row), name=mil_name(name))

    def hide_token(self, name: str, mask: Var, ids: Var, token: int) -> Var:
        """See Ops."""
        return self.mb.mul(x=mask, y=self._other_than(name, ids, token), name=mil_name(name))

    def _other_than(self, name: str, ids: Var, token: int) -> Var:
        """Int32 [B, S], 1 where the id is another than `token`."""
        is_token = self.mb.not_equal(x=ids, y=np.int32(token), name=mil_name(f"{name}.is_token"))
        return self.mb.cast(x=is_token, dtype="int32", name=mil_name(f"{name}.ones"))

    def add(self, name: str, left: Var, right: Var) -> Var:
        """See Ops."""
        return self.mb.add(x=left, y=right, name=mil_name(name))

    def multiply(self, name: str, left: Var, right: Var) -> Var:
        """See Ops."""
        return self.mb.mul(x=left, y=right, name=mil_name(name))

    def _beyond_ends(self, name: str, x: Var, axis: int) -> list[Var]:
        """Each token's next and the one before along `axis`; zeros beyond the ends."""
        pads = [0, 0] * x.rank
        pads[2 * axis : 2 * axis + 2] = [1, 1]
        wide = self.mb.pad(
            x=x, pad=pads, mode="constant", constant_val=self._number(0.0), name=mil_name(f"{name}.padded")
        )
        neighbours = []
        for part, begin in (("after", 2), ("before", 0)):
            starts = [begin if at == axis else 0 for at in range(x.rank)]
            piece = self.mb.slice_by_size(x=wide, begin=starts, size=list(x.shape), name=mil_name(f"{name}.{part}"))
            neighbours.append(piece)
        return neighbours

    def activation(self, name: str, x: Var, kind: str) -> Var:
        """See Ops."""
        operation, arguments = _ACTIVATIONS[kind]
        return getattr(self.mb, operation)(x=x, **arguments, name=mil_name(name))

    def row_products(self, name: str, x: Var, table: Weight, bias: Weight, rest: Weight | None = None) -> Var:
        """See Ops; [B, S, rows] in both layouts, so that one constant serves `embedding` and this."""
        tokens, matrix, vector = self._tokens(f"{name}.tokens", x, True), self.weights.table(table), self._vector(bias)
        if rest is None:
            return self.mb.linear(x=tokens, weight=matrix, bias=vector, name=mil_name(name))
        parts = [table.values.shape[1], rest.values.shape[1]]
        split = self.mb.split(x=tokens, split_sizes=parts, axis=-1, name=mil_name(f"{name}.split"))
        within = self.mb.linear(x=split[0], weight=matrix, bias=vector, name=mil_name(f"{name}.within"))
        matrix = self.weights.constant(rest, rest.values.shape)
        beyond = self.mb.linear(x=split[1], weight=matrix, name=mil_name(f"{name}.beyond"))
        return self.mb.add(x=within, y=beyond, name=mil_name(name))

    def pool(self, name: str, x: Var, mask: Var, kind: str) -> Var:
        """See Ops. A mean is a product with the mask over the number of tokens, whose sum no float16 overflows."""
        tokens, by_token = self._sequence(f"{name}.tokens", x)
        seen = self.mb.cast(x=mask, dtype="fp16" if self._half else "fp32", name=mil_name(f"{name}.mask"))  # [B, S]
        if kind == "max":
            return self._largest(name, tokens, seen, by_token)
        weights = self._first_shown(name, seen) if kind == "first" else self._shares(name, seen, kind)
        row = self.mb.expand_dims(x=weights, axes=[1], name=mil_name(f"{name}.row"))  # [B, 1, S]
        product = self.mb.matmul(
            x=row, y=tokens, transpose_y=not by_token, name=mil_name(f"{name}.product")
        )  # [B, 1, H]
        return self.mb.reshape(x=product, shape=self._vector_shape, name=mil_name(name))

    def _shares(self, name: str, seen: Var, kind: str) -> Var:
        """Of 1 for a token, [B, S], each token's share of a mean."""
        number = self.mb.reduce_sum(x=seen, axes=[1], keep_dims=True, name=mil_name(f"{name}.number"))
        some = self.mb.maximum(x=number, y=self._number(1.0), name=mil_name(f"{name}.at_least_one"))
        divisor = some if kind == "mean" else self.mb.sqrt(x=some, name=mil_name(f"{name}.root"))
        return self.mb.real_div(x=seen, y=divisor, name=mil_name(f"{name}.weights"))

    def _first_shown(self, name: str, seen: Var) -> Var:
        """Of 1 for a token, [B, S], 1 for the first token, or where there is none for the first place."""
        count = self.mb.cumsum(x=seen, axis=1, name=mil_name(f"{name}.count"))
        left = self.mb.sub(x=self._number(2.0), y=count, name=mil_name(f"{name}.left"))
        early = self.mb.relu(x=left, name=mil_name(f"{name}.early"))
        shown = self.mb.mul(x=early, y=seen, name=mil_name(f"{name}.first"))
        some = self.mb.reduce_max(x=seen, axes=[1], keep_dims=True, name=mil_name(f"{name}.some"))
        none = self.mb.sub(x=self._number(1.0), y=some, name=mil_name(f"{name}.none"))
        start = np.zeros((1, seen.shape[1]), self.weights.dtype)
        start[0, 0] = 1
        instead = self.mb.mul(x=none, y=start, name=mil_name(f"{name}.instead"))
        return self.mb.add(x=shown, y=instead, name=mil_name(f"{name}.weights"))

    def normalise(self, name: str, x: Var) -> Var:
        """See Ops; divided by the largest magnitude first, for squares that float16 can hold."""
        axes = [1]  # the numbers of a vector, [B, n] or [B, n, 1, 1]
        size = self.mb.abs(x=x, name=mil_name(f"{name}.magnitudes"))
        largest = self.mb.reduce_max(x=size, axes=axes, keep_dims=True, name=mil_name(f"{name}.largest"))
        some = self.mb.maximum(x=largest, y=self._number(_TINY), name=mil_name(f"{name}.scale"))
        scaled = self.mb.real_div(x=x, y=some, name=mil_name(f"{name}.scaled"))
        norm = self.mb.reduce_l2_norm(x=scaled, axes=axes, keep_dims=True, name=mil_name(f"{name}.norm"))
        divisor = self.mb.maximum(x=norm, y=self._number(_TINY), name=mil_name(f"{name}.divisor"))
        return self.mb.real_div(x=scaled, y=divisor, name=mil_name(name))

    def output(self, name: str, x: Var, extent: Extent) -> None:
        """See Ops; float32 in every program."""
        tokens = self._tokens(f"{name}.tokens", x, extent in (Extent.TOKEN, Extent.POSITION))
        if extent is Extent.POSITION:
            tokens = self.mb.squeeze(x=tokens, axes=[2], name=mil_name(f"{name}.squeezed"))
        if self._half:
            self.outputs.append(self.mb.cast(x=tokens, dtype="fp32", name=name))
        else:
            self.outputs.append(self.mb.identity(x=tokens, name=name))

    def _largest(self, name: str, tokens: Var, seen: Var, by_token: bool) -> Var:
        """The largest of each feature over the tokens: padding is pushed below any of them, tokens stay exact."""
        padding = self.mb.sub(x=seen, y=self._number(1.0), name=mil_name(f"{name}.padding"))
        low = self.mb.mul(x=padding, y=self._number(LOWEST), name=mil_name(f"{name}.low"))
        axis = 1 if by_token else 2
        wide = self.mb.expand_dims(x=low, axes=[3 - axis], name=mil_name(f"{name}.wide"))
        shown = self.mb.add(x=tokens, y=wide, name=mil_name(f"{name}.shown"))
        flat = self.mb.reduce_max(x=shown, axes=[axis], keep_dims=False, name=mil_name(f"{name}.flat"))  # [B, H]
        return self.mb.reshape(x=flat, shape=self._vector_shape, name=mil_name(name))

    @abstractmethod
    def trigram(self, name: str, x: Var) -> Var:
        """See Ops; [B, S, E] in both layouts → the layout's."""

    @abstractmethod
    def scale(self, name: str, x: Var, gain: Weight) -> Var:
        """See Ops."""

    @abstractmethod
    def layer_norm(self, name: str, x: Var, gain: Weight, bias: Weight, epsilon: float) -> Var:
        """See Ops."""

    @abstractmethod
    def linear(self, name: str, x: Var, weight: Weight, bias: Weight | None) -> Var:
        """See Ops."""

    @abstractmethod
    def grouped_linear(self, name: str, x: Var, weight: Weight) -> Var:
        """See Ops."""

    @abstractmethod
    def attention(
        self, name: str, query: Var, key: Var, value: Var, bias: Mask, heads: int, scores: tuple[Any, ...] = ()
    ) -> Var:
        """See Ops."""

    @abstractmethod
    def relative_scores(
        self, name: str, x: Var, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Any:
        """See Ops."""

    @abstractmethod
    def position_scores(self, name: str, x: Var, table: Weight, distances: Distances) -> Any:
        """See Ops."""

    @abstractmethod
    def first_token(self, name: str, x: Var) -> Var:
        """See Ops."""

    @abstractmethod
    def _tokens(self, name: str, x: Var, every: bool) -> Var:
        """A tensor of the layout as [B, S, C], or without `every` token as [B, C]."""

    def _linear_input(self, x: Var, role: Role) -> Var:
        """`x` itself, or rounded to int8 and back once for all its readers, which an int8 unit takes as one step."""
        if not self._ranges or role is not Role.LINEAR:
            return x
        if x.name not in self._rounded:
            scale = self._number(self._range(canonical_name(x.name)) / 127.0)
            integers = self.mb.quantize(input=x, scale=scale, output_dtype="int8", name=f"{x.name}_int8")
            self._rounded[x.name] = self.mb.dequantize(input=integers, scale=scale, name=f"{x.name}_rounded")
        return self._rounded[x.name]

    def _range(self, name: str) -> float:
        if name not in self._ranges:
            raise LoweringError(f"coreml: no range of {name} was measured; calibrate on this model, on real text")
        return self._ranges[name]

    def _vector(self, weight: Weight) -> Var:
        """A bias or gain, [n]."""
        return self.weights.constant(weight, weight.values.shape)

    def _epsilon(self, value: float) -> Any:
        """LayerNorm's ε; in float16 1e-12 would be 0, and a row of one value NaN: 1e-7 is safe."""
        return self._number(max(value, 1e-7) if self._half else value)
