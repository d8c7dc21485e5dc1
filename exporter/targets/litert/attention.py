"""Attention and the mask, head by head: XNNPACK splits an axis of any tensor, and reshapes known sizes alone."""

import numpy as np

from exporter.compression.outlier_channels import Treatments
from exporter.targets.litert.relative import Relative
from exporter.targets.litert.weights import WeightStore

_LOWEST = np.float32(3e4)
"""Below any score, and within float16, which a GPU computes in. Keys of padding are 0, so that a row of padding alone
comes out uniform, as in PyTorch. That takes 1 % of the demo's time, and less of wider models'."""


class Attention(Relative):
    """Tokens are [B, S, H], and a head's share of them [B, S, D]."""

    def __init__(self, key: str, length: int, weights: WeightStore, outliers: Treatments) -> None:
        super().__init__(key, length, weights, outliers)
        self._columns: dict[str, str] = {}
        self._pairs: dict[str, str] = {}

    def mask_bias(self, name: str, mask: str) -> str:
        """See Ops; [B, 1, S]. Beside it the mask as a column of floats, for the keys."""
        last = self.integers("axis.2", [2])
        column = self.node("EXPAND_DIMS", [mask, last], f"{name}.column", (self.rows, self.length, 1), "int32")
        self._columns[name] = self.cast(column, f"{name}.shown", "float32")
        axis = self.integers("axis.1", [1])
        row = self.node("EXPAND_DIMS", [mask, axis], f"{name}.row", (self.rows, 1, self.length), "int32")
        floats = self.cast(row, f"{name}.float", "float32")
        hidden = self.arithmetic("SUB", floats, self.constant("one", np.float32(1)), f"{name}.hidden")
        return self.arithmetic("MUL", hidden, self.constant("lowest", _LOWEST), name)

    def local_bias(self, name: str, bias: str, reach: int) -> str:
        """See Ops; [B, S, S]. In arithmetic alone: XNNPACK takes no comparison."""
        column, row = self._places((self.length, 1)), self._places((1, self.length))
        square, one = (1, self.length, self.length), self.constant("one", np.float32(1))
        difference = self.arithmetic("SUB", column, row, "places.difference", square)
        apart = self.node("ABS", [difference], "places.apart", square)
        beyond = self.arithmetic("SUB", apart, self.constant(f"{name}.reach", np.float32(reach)), f"{name}.beyond")
        least = self.node("MAXIMUM", [beyond, self.constant("nothing", np.float32(0))], f"{name}.least", square)
        far = self.node("MINIMUM", [least, one], f"{name}.far", square)
        near = self.arithmetic("SUB", one, far, f"{name}.near", square)
        pairs = self.arithmetic("MUL", f"{bias}.float", near, f"{name}.both", (self.rows, *square[1:]))
        return self._of_pairs(name, bias, pairs)

    def pair_bias(self, name: str, bias: str) -> str:
        """See Ops; [B, S, S]."""
        square = (self.rows, self.length, self.length)
        return self._of_pairs(
            name, bias, self.arithmetic("MUL", self._columns[bias], f"{bias}.float", f"{name}.both", square)
        )

    def _of_pairs(self, name: str, bias: str, pairs: str) -> str:
        """What is added to scores, from 1 where a query sees a key and 0 elsewhere: there scores are made 0 before."""
        hidden = self.arithmetic("SUB", pairs, self.constant("one", np.float32(1)), f"{name}.hidden")
        self._pairs[name], self._columns[name] = pairs, self._columns[bias]
        return self.arithmetic("MUL", hidden, self.constant("lowest", _LOWEST), name)

    def attention(
        self, name: str, query: str, key: str, value: str, bias: str, heads: int, scores: tuple[str, ...] = ()
    ) -> str:
        """See Ops; [B, S, H]."""
        key = self._shown(f"{name}.key.shown", key, bias)
        parts = [self._heads(f"{name}.{part}", x, heads) for part, x in (("q", query), ("k", key), ("v", value))]
        found = [
            self._attend(name, head, q, k, v, self._steps(head, scores, bias))
            for head, (q, k, v) in enumerate(zip(*parts, strict=True))
        ]
        return self.joined(found, f"{name}.context")

    def first_token_attention(self, name: str, query: str, x: str, bias: str, heads: int) -> str:
        """See Ops; [B, A·H] → [B, A·H]."""
        width = self.shape(x)[-1]
        keys = self._shown(f"{name}.keys", x, bias)
        rows = self.reshaped(query, f"{name}.query.heads", (self.rows, heads, width))
        products = self.node(
            "BATCH_MATMUL", [rows, keys], f"{name}.products", (self.rows, heads, self.length), adj_y=True
        )
        scores = self.arithmetic("ADD", products, bias, f"{name}.scores")
        seen = self.node("SOFTMAX", [scores], f"{name}.probabilities", self.shape(scores), beta=1.0)
        found = self.node("BATCH_MATMUL", [seen, x], f"{name}.heads", (self.rows, heads, width))
        return self.reshaped(found, f"{name}.context", (self.rows, heads * width))

    def _shown(self, name: str, keys: str, bias: str) -> str:
        """Keys [B, S, H], those of padding 0."""
        return self.arithmetic("MUL", keys, self._columns[bias], name)

    def _steps(self, head: int, scores: tuple[str, ...], bias: str) -> list[tuple[str, str]]:
        """What is done to a head's products: operators, and what they take beside them."""
        pairs = [("MUL", self._pairs[bias])] if bias in self._pairs else []
        return [*(("ADD", self.scores_of[one][head]) for one in scores), *pairs, ("ADD", bias)]

    def _attend(self, name: str, head: int, query: str, key: str, value: str, steps: list[tuple[str, str]]) -> str:
        square = (self.rows, self.length, self.length)
        scores = self.node("BATCH_MATMUL", [query, key], f"{name}.products.{head}", square, adj_y=True)
        for left, (operator, one) in zip(range(len(steps))[::-1], steps, strict=True):
            scores = self.arithmetic(operator, scores, one, f"{name}.scores{f'.less_{left}' if left else ''}.{head}")
        seen = self.node("SOFTMAX", [scores], f"{name}.probabilities.{head}", square, beta=1.0)
        return self.node("BATCH_MATMUL", [seen, value], f"{name}.heads.{head}", self.shape(value))
