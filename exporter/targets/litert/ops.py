"""The operations of `Ops` as LiteRT's builtin operators.

Token tensors are [B, S, H] throughout, so that rows and tokens are both free: no operator between the embeddings and
the head reshapes what it does not know the size of, and XNNPACK takes them all.
"""

import numpy as np

from exporter.model.ops import Extent, Inputs, Weight
from exporter.targets.litert.attention import Attention
from runtimes.tflite.model import FREE

_END = np.iinfo(np.int32).max
_GELUS = ("gelu", "gelu_tanh")
_ACTIVATIONS = {"relu": "RELU", "tanh": "TANH"}


class LiteRtOps(Attention):
    """Every operation of `Ops`."""

    def read(self, names: tuple[str, ...], choices: bool) -> Inputs[str]:
        """Declare the inputs. Those with choices, [B, C, S], are one row for each choice from here on."""
        tokens = (self.rows, self.length)
        if not choices or self.length != FREE:
            found = [self.input(name, tokens) for name in names]
        else:
            found = [self._one_by_one(self.input(name, (FREE, FREE, FREE))) for name in names]
        self._ids = found[0]
        return Inputs(*found)

    def embedding(self, name: str, table: Weight, ids: str) -> str:
        """See Ops."""
        return self.table_rows(name, table, ids)

    def positions(self, name: str, table: Weight, tokens: str) -> str:
        """See Ops."""
        return self.arithmetic("ADD", tokens, self.first_rows(f"{name}.positions", table), name)

    def as_tokens(self, name: str, rows: str) -> str:  # noqa: ARG002 - no tensor is made here
        """See Ops."""
        return rows

    def counted_positions(self, name: str, table: Weight, tokens: str, ids: str, pad: int) -> str:
        """See Ops."""
        shape, padding = self.shape(ids), self.constant("pad", np.int32(pad))
        ones = self._other_than(name, ids, padding)
        axis = self.constant("token_axis", np.int32(1))
        count = self.node("CUMSUM", [ones, axis], f"{name}.count", shape, "int32")
        number = self.arithmetic("MUL", count, ones, f"{name}.number")
        row = self.arithmetic("ADD", number, padding, f"{name}.row")
        return self.arithmetic("ADD", tokens, self.table_rows(f"{name}.positions", table, row), name)

    def hide_token(self, name: str, mask: str, ids: str, token: int) -> str:
        """See Ops."""
        other = self._other_than(name, ids, self.constant("hidden_token", np.int32(token)))
        return self.arithmetic("MUL", mask, other, name)

    def _other_than(self, name: str, ids: str, token: str) -> str:
        """Int32 [B, S], 1 where the id is another than `token`."""
        is_token = self.node("NOT_EQUAL", [ids, token], f"{name}.is_token", self.shape(ids), "bool")
        return self.cast(is_token, f"{name}.ones", "int32")

    def trigram(self, name: str, x: str) -> str:
        """See Ops."""
        rows, tokens, width = self.shape(x)
        sizes = self.constant(f"{name}.one_token", np.array([[0, 0], [1, 1], [0, 0]], np.int32))
        longer = FREE if tokens == FREE else tokens + 2
        wide = self.node("PAD", [x, sizes], f"{name}.padded", (rows, longer, width))
        after = self.part(wide, f"{name}.after", 1, (2, _END), tokens)
        before = self.part(wide, f"{name}.before", 1, (0, -2), tokens)
        return self.joined([after, x, before], name)

    def add(self, name: str, left: str, right: str) -> str:
        """See Ops."""
        return self.arithmetic("ADD", left, right, name)

    def hide_padding(self, name: str, x: str, mask: str) -> str:
        """See Ops."""
        last, shape = self.integers("axis.2", [2]), (self.rows, self.length, 1)
        column = self.cast(
            self.node("EXPAND_DIMS", [mask, last], f"{name}.column", shape, "int32"), f"{name}.shown", "float32"
        )
        return self.arithmetic("MUL", x, column, name)

    def multiply(self, name: str, left: str, right: str) -> str:
        """See Ops."""
        return self.arithmetic("MUL", left, right, name)

    def scale(self, name: str, x: str, gain: Weight) -> str:
        """See Ops."""
        return self.arithmetic("MUL", x, self.vector(gain), name)

    def layer_norm(self, name: str, x: str, gain: Weight, bias: Weight, epsilon: float) -> str:
        """See Ops; no builtin operator, and all of these run in XNNPACK."""
        *first, _ = shape = self.shape(x)
        last, column = self.integers(f"axis.{len(first)}", [len(first)]), (*first, 1)
        mean = self.node("MEAN", [x, last], f"{name}.mean", column, keep_dims=True)
        squares = self.node("SQUARED_DIFFERENCE", [x, mean], f"{name}.squares", shape)
        variance = self.node("MEAN", [squares, last], f"{name}.variance", column, keep_dims=True)
        safe = self.arithmetic(
            "ADD", variance, self.constant(f"epsilon.{epsilon}", np.float32(epsilon)), f"{name}.safe"
        )
        factor = self.node("RSQRT", [safe], f"{name}.factor", column)
        unit = self.arithmetic("MUL", self.arithmetic("SUB", x, mean, f"{name}.centred"), factor, f"{name}.unit")
        scaled = self.arithmetic("MUL", unit, self.vector(gain), f"{name}.scaled")
        return self.arithmetic("ADD", scaled, self.vector(bias), name)

    def grouped_linear(self, name: str, x: str, weight: Weight) -> str:
        """See Ops; a small product for each group, which rounds what it reads by itself."""
        parts = self._heads(f"{name}.in", x, len(weight.values))
        return self.joined([self._group(name, number, part, weight) for number, part in enumerate(parts)], name)

    def activation(self, name: str, x: str, kind: str) -> str:
        """See Ops."""
        if kind == "silu":
            return self.arithmetic("MUL", x, self.node("LOGISTIC", [x], f"{name}.sigmoid", self.shape(x)), name)
        if kind in _GELUS:
            return self.node("GELU", [x], name, self.shape(x), approximate=kind == "gelu_tanh")
        return self.node(_ACTIVATIONS[kind], [x], name, self.shape(x))

    def first_token(self, name: str, x: str) -> str:
        """See Ops; [B, H]."""
        width = self.shape(x)[-1]
        return self.reshaped(self.part(x, f"{name}.row", 1, (0, 1), 1), name, (self.rows, width))

    def pool(self, name: str, x: str, mask: str, kind: str) -> str:
        """See Ops. A mean is a product with the mask over the number of tokens, [B, 1, S]."""
        width = self.shape(x)[-1]
        if kind == "max":
            return self._pool_max(name, x, mask)
        row = self.node(
            "EXPAND_DIMS", [mask, self.integers("axis.1", [1])], f"{name}.row", (self.rows, 1, self.length), "int32"
        )
        one = self.cast(row, f"{name}.mask", "float32")
        weights = self._first_shown(name, row, one) if kind == "first" else self._shares(name, one, kind)
        product = self.node("BATCH_MATMUL", [weights, x], f"{name}.product", (self.rows, 1, width))
        return self.reshaped(product, name, (self.rows, width))

    def _shares(self, name: str, one: str, kind: str) -> str:
        """Of the mask's floats [B, 1, S] each token's share of a mean."""
        last = self.integers("axis.2", [2])
        number = self.node("SUM", [one, last], f"{name}.number", (self.rows, 1, 1), keep_dims=True)
        some = self.node("MAXIMUM", [number, self.constant("one", np.float32(1))], f"{name}.some", (self.rows, 1, 1))
        divisor = some if kind == "mean" else self.node("SQRT", [some], f"{name}.root", (self.rows, 1, 1))
        return self.arithmetic("DIV", one, divisor, f"{name}.weights")

    def _first_shown(self, name: str, row: str, one: str) -> str:
        """Of the mask [B, 1, S] and its floats 1 for the first token, or where there is none for the first place."""
        shape, unit = self.shape(row), self.constant("one", np.float32(1))
        count = self.node("CUMSUM", [row, self.constant("last_axis", np.int32(2))], f"{name}.count", shape, "int32")
        left = self.arithmetic(
            "SUB",
            self.constant("two", np.float32(2)),
            self.cast(count, f"{name}.counted", "float32"),
            f"{name}.left",
            shape,
        )
        shown = self.arithmetic("MUL", self.node("RELU", [left], f"{name}.early", shape), one, f"{name}.first")
        some = self.node(
            "REDUCE_MAX", [one, self.integers("axis.2", [2])], f"{name}.some", (self.rows, 1, 1), keep_dims=True
        )
        none = self.arithmetic("SUB", unit, some, f"{name}.none", (self.rows, 1, 1))
        ahead = self.arithmetic("SUB", unit, self._places((1, self.length)), f"{name}.ahead", (1, 1, self.length))
        start = self.node("RELU", [ahead], f"{name}.start", (1, 1, self.length))
        return self.arithmetic(
            "ADD", shown, self.arithmetic("MUL", start, none, f"{name}.instead", shape), f"{name}.weights"
        )

    def normalise(self, name: str, x: str) -> str:
        """See Ops."""
        squares = self.node("SQUARE", [x], f"{name}.squares", self.shape(x))
        column, last = (self.rows, 1), self.integers("axis.1", [1])
        total = self.node("SUM", [squares, last], f"{name}.sum", column, keep_dims=True)
        some = self.node("MAXIMUM", [total, self.constant("tiny", np.float32(1e-24))], f"{name}.some", column)
        return self.arithmetic("MUL", x, self.node("RSQRT", [some], f"{name}.factor", column), name)

    def output(self, name: str, x: str, extent: Extent) -> None:
        """See Ops; x is the last linear's result, [B, n] or [B, S, n]."""
        if extent is Extent.POSITION:
            x = self.node("SQUEEZE", [x], f"{x}.position", (self.rows, self.length), axes=(2,))
        elif extent is Extent.CHOICE and self.length == FREE:
            choices = self.node("SHAPE", ["input_ids"], "every_size", (3,), "int32", out_type=2)
            both = self.part(choices, "rows_and_choices", 0, (0, 2), 2)
            x = self.reshaped(x, f"{x}.choices", (FREE, FREE), both)
        self.outputs[name] = x

    def _one_by_one(self, x: str) -> str:
        """[B, C, S] → [B·C, S]."""
        sizes = self.node("SHAPE", ["input_ids"], "every_size", (3,), "int32", out_type=2)
        last = self.part(sizes, "last_size", 0, (2, 3), 1)
        return self.reshaped(x, f"{x}.one_by_one", (FREE, FREE), self.sizes("one_by_one", -1, last))

    def _group(self, name: str, number: int, part: str, weight: Weight) -> str:
        own = Weight(f"{weight.name}.{number}", weight.values[number], weight.role)
        return self.linear(f"{name}.{number}", part, own, None)

    def _pool_max(self, name: str, x: str, mask: str) -> str:
        rows, tokens, width = self.shape(x)
        column = self.node(
            "EXPAND_DIMS", [mask, self.integers("axis.2", [2])], f"{name}.column", (rows, tokens, 1), "int32"
        )
        seen = self.cast(column, f"{name}.seen", "bool")
        shown = self.node(
            "SELECT_V2", [seen, x, self.constant("no_token", np.float32(-1e9))], f"{name}.shown", self.shape(x)
        )
        return self.node("REDUCE_MAX", [shown, self.integers("axis.1", [1])], name, (rows, width), keep_dims=False)
