"""Attention in ONNX: the mask and the products of all heads."""

from functools import cached_property

import numpy as np
from onnx import TensorProto

from exporter.targets.onnx.relative import BY_TOKEN, Relative

_LOWEST = np.float32(-1e18)
"""It takes in any score, and its square is finite: no NaN in a row of padding alone."""


class Attention(Relative):
    """What attends, of `Ops`."""

    @cached_property
    def _pairs(self) -> set[str]:
        """Biases [B, 1, S, S], which are added to scores: others are the same for every query, and ride along."""
        return set()

    def mask_bias(self, name: str, mask: str) -> str:
        """See Ops; [B, A, 1, S]."""
        wide = self._node("Unsqueeze", [self._seen(mask), self._integers("axes_1_2", [1, 2])], f"{name}.wide")
        nothing = self._constant("nothing", np.zeros((1, self._heads, 1, 1), np.float32))
        return self._node("Where", [wide, nothing, self._constant("lowest", _LOWEST)], name)

    def local_bias(self, name: str, bias: str, reach: int) -> str:  # noqa: ARG002 - the mask says the rest
        """See Ops; [B, 1, S, S]."""
        place = self._places()  # [S]
        column = self._once("places.column", "Unsqueeze", [place, self._integers("axis_1", [1])])
        apart = self._once("places.apart", "Abs", [self._once("places.difference", "Sub", [column, place])])
        far = self._node("Greater", [apart, self._constant(f"{name}.reach", np.float32(reach))], f"{name}.far")
        return self._of_pairs(name, self._node("Not", [far], f"{name}.near"))

    def pair_bias(self, name: str, bias: str) -> str:  # noqa: ARG002 - the mask says it all
        """See Ops; [B, 1, S, S]."""
        queries = self._node("Unsqueeze", ["mask.seen", self._integers("axes_1_3", [1, 3])], f"{name}.queries")
        return self._of_pairs(name, queries)

    def _of_pairs(self, name: str, seen: str) -> str:
        """A bias that hides all but those keys that a query sees, and that are tokens. `seen`: booleans."""
        shown = self._once("mask.shown_keys", "Unsqueeze", ["mask.seen", self._integers("axes_1_2", [1, 2])])
        both = self._node("And", [seen, shown], f"{name}.both")
        self._pairs.add(name)
        nothing = self._constant("no_bias", np.float32(0))
        return self._node("Where", [both, nothing, self._constant("lowest", _LOWEST)], name)

    def attention(
        self, name: str, query: str, key: str, value: str, bias: str, heads: int, scores: tuple[str, ...] = ()
    ) -> str:
        """See Ops.

        The bias rides along as one more dimension, [q, c]·[k, bias] = q·k + c·bias with c ≥ 1, which spares a pass over
        all scores: at 512 tokens that pass costs as much as a third of a layer's matrix work.
        """
        q = self._split_heads(f"{name}.query", query, heads, BY_TOKEN)  # [B, A, D, S]
        k = self._split_heads(f"{name}.key", key, heads, BY_TOKEN)  # [B, A, D, S]
        v = self._split_heads(f"{name}.value", value, heads, (0, 2, 1, 3))  # [B, A, S, D]
        if bias not in self._pairs:
            q, k = self._with_bias(name, q, k, bias)
        turned = self._node("Transpose", [q], f"{name}.query.turned", perm=(0, 1, 3, 2))
        added = (*scores, bias) if bias in self._pairs else scores
        every = self._scores(name, turned, k, added)  # [B, A, S, S]
        context = self._node("MatMul", [self._node("Softmax", [every], f"{name}.probabilities"), v], f"{name}.heads")
        merged = self._node("Transpose", [context], f"{name}.merged", perm=(0, 2, 1, 3))  # [B, S, A, D]
        return self._node("Flatten", [merged], f"{name}.context", axis=2)

    def first_token_attention(self, name: str, query: str, x: str, bias: str, heads: int) -> str:
        """See Ops; [B, A·H] → [B, A·H]."""
        tokens = self._tokens(x)  # [B, S, H]
        shape = self._integers(f"{name}.split", [0, heads, -1])
        split = self._node("Reshape", [query, shape], f"{name}.query.heads")  # [B, A, H]
        keys = self._node("Transpose", [tokens], f"{name}.keys", perm=(0, 2, 1))  # [B, H, S]
        product = self._node("MatMul", [split, keys], f"{name}.products")
        flat = self._once(f"{bias}.flat", "Squeeze", [bias, self._integers("axis_2", [2])])
        scores = self._node("Add", [product, flat], f"{name}.scores")  # [B, A, S]
        seen = self._node("MatMul", [self._node("Softmax", [scores], f"{name}.probabilities"), tokens], f"{name}.heads")
        return self._node("Flatten", [seen], f"{name}.context", axis=1)

    def _with_bias(self, name: str, query: str, key: str, bias: str) -> tuple[str, str]:
        """Query and key with one more dimension, [B, A, D + 1, S]."""
        factor = self._once(f"{bias}.factor", "Sub", [self._constant("one", np.float32(1)), bias])  # 1 for a token
        long_query = self._node("Concat", [query, factor], f"{name}.query.extended", axis=2)
        return long_query, self._node("Concat", [key, bias], f"{name}.key.extended", axis=2)

    def _scores(self, name: str, query: str, key: str, added: tuple[str, ...]) -> str:
        """[B, A, S, D] · [B, A, D, S], and what is added to that."""
        names = [f"{name}.products", *(f"{name}.scores.{number}" for number in range(len(added)))]
        names[-1] = f"{name}.scores"
        found = self._node("MatMul", [query, key], names[0])
        for one, result in zip(added, names[1:], strict=True):
            found = self._node("Add", [found, one], result)
        return found

    def _seen(self, mask: str) -> str:
        """The mask as booleans, [B, S]."""
        return self._once("mask.seen", "Cast", [mask], to=TensorProto.BOOL)
