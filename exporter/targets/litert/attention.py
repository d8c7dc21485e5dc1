"""Attention and the mask, head by head: XNNPACK splits an axis of any tensor, and reshapes known sizes alone."""

import numpy as np

from exporter.compression.outlier_channels import Treatments
from exporter.targets.litert.linears import Linears
from exporter.targets.litert.weights import WeightStore

_LOWEST = np.float32(3e4)
"""Below any score, and within float16, which a GPU computes in. Keys of padding are 0, so that a row of padding alone
comes out uniform, as in PyTorch. That takes 1 % of the demo's time, and less of wider models'."""
_MOST_PARTS = 4
"""That XNNPACK joins at once, and splits into."""


class Attention(Linears):
    """Tokens are [B, S, H], and a head's share of them [B, S, D]."""

    def __init__(self, key: str, length: int, weights: WeightStore, outliers: Treatments) -> None:
        super().__init__(key, length, weights, outliers)
        self._columns: dict[str, str] = {}

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

    def attention(self, name: str, query: str, key: str, value: str, bias: str, heads: int) -> str:
        """See Ops; [B, S, H]."""
        key = self._shown(f"{name}.key.shown", key, bias)
        parts = [self._heads(f"{name}.{part}", x, heads) for part, x in (("q", query), ("k", key), ("v", value))]
        found = [self._attend(name, head, q, k, v, bias) for head, (q, k, v) in enumerate(zip(*parts, strict=True))]
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

    def joined(self, parts: list[str], name: str) -> str:
        """Side by side along the last axis."""
        level = 0
        while len(parts) > 1:
            groups = [parts[at : at + _MOST_PARTS] for at in range(0, len(parts), _MOST_PARTS)]
            names = [name if len(groups) == 1 else f"{name}.{level}.{number}" for number in range(len(groups))]
            parts = [self._join(*pair) for pair in zip(groups, names, strict=True)]
            level += 1
        return parts[0]

    def _shown(self, name: str, keys: str, bias: str) -> str:
        """Keys [B, S, H], those of padding 0."""
        return self.arithmetic("MUL", keys, self._columns[bias], name)

    def _heads(self, name: str, x: str, heads: int) -> list[str]:
        """[B, S, H] → [B, S, D] for each head; in several steps where there are many."""
        for parts in (4, 3, 2):
            if heads > _MOST_PARTS and heads % parts == 0:
                outer = self.split(f"{name}.{heads}", x, parts)
                return [head for n, one in enumerate(outer) for head in self._heads(f"{name}.{n}", one, heads // parts)]
        if heads <= _MOST_PARTS:
            return self.split(name, x, heads)
        last, width = len(self.shape(x)) - 1, self.shape(x)[-1] // heads
        starts = range(0, width * heads, width)
        return [self.part(x, f"{name}.{at}", last, (at, at + width), width) for at in starts]

    def _attend(self, name: str, head: int, query: str, key: str, value: str, bias: str) -> str:
        square = (self.rows, self.length, self.length)
        products = self.node("BATCH_MATMUL", [query, key], f"{name}.products.{head}", square, adj_y=True)
        scores = self.arithmetic("ADD", products, bias, f"{name}.scores.{head}")
        seen = self.node("SOFTMAX", [scores], f"{name}.probabilities.{head}", square, beta=1.0)
        return self.node("BATCH_MATMUL", [seen, value], f"{name}.heads.{head}", self.shape(value))

    def _join(self, parts: list[str], name: str) -> str:
        if len(parts) == 1:
            return parts[0]
        *first, _ = self.shape(parts[0])
        width = sum(self.shape(part)[-1] for part in parts)
        return self.node("CONCATENATION", parts, name, (*first, width), axis=len(first))
