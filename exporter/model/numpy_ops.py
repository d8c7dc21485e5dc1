"""The reference implementation of `Ops` in numpy: defines every operation, and traces intermediate tensors."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from exporter.model.distances import Distances
from exporter.model.model import Model
from exporter.model.ops import Array, Extent, Inputs, Weight
from exporter.model.rotary import Rotation

_erf = np.frompyfunc(math.erf, 1, 1)

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    # Hendrycks & Gimpel 2016: x·Φ(x), and its tanh approximation
    "gelu": lambda x: x * (0.5 + 0.5 * np.asarray(_erf(x / math.sqrt(2)), x.dtype)),
    "gelu_tanh": lambda x: x * (0.5 + 0.5 * np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "tanh": np.tanh,
}


def trace(
    model: Model, ids: Array, mask: Array, types: Array | None, stored: Mapping[str, Array] = MappingProxyType({})
) -> dict[str, Array]:
    """Run the model on [B, S] inputs, or [B, C, S] where it reads choices: every named tensor, as they are computed.

    `stored` weights take the place of the checkpoint's, by our names, after folding.
    """
    ops = NumpyOps(stored)
    model.build(ops, Inputs(*(part.reshape(-1, part.shape[-1]) for part in (ids, mask, types) if part is not None)))
    return ops.tensors


class NumpyOps:
    """Every operation by its definition, in float32; `tensors` keeps each result under its name."""

    def __init__(self, stored: Mapping[str, Array] = MappingProxyType({})) -> None:
        self.tensors: dict[str, Array] = {}
        self._stored = stored

    def embedding(self, name: str, table: Weight, ids: Array) -> Array:
        """See Ops."""
        return self._keep(name, self._values(table)[ids])

    def positions(self, name: str, table: Weight, tokens: Array) -> Array:
        """See Ops."""
        return self._keep(name, tokens + self._values(table)[: tokens.shape[1]])

    def as_tokens(self, name: str, rows: Array) -> Array:  # noqa: ARG002 - they are what they were
        """See Ops."""
        return rows

    def counted_positions(self, name: str, table: Weight, tokens: Array, ids: Array, pad: int) -> Array:
        """See Ops."""
        is_token = ids != pad
        return self._keep(name, tokens + self._values(table)[pad + np.cumsum(is_token, 1) * is_token])

    def trigram(self, name: str, x: Array) -> Array:
        """See Ops."""
        wide = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        return self._keep(name, np.concatenate([wide[:, 2:], x, wide[:, :-2]], -1))

    def add(self, name: str, left: Array, right: Array) -> Array:
        """See Ops."""
        return self._keep(name, left + right)

    def multiply(self, name: str, left: Array, right: Array) -> Array:
        """See Ops."""
        return self._keep(name, left * right)

    def rotary(self, name: str, x: Array, heads: int, rotation: Rotation) -> Array:
        """See Ops."""
        pairs = x.reshape(*x.shape[:2], heads, 2, -1)  # [B, S, A, 2, D / 2]
        cosine, sine = (one[:, None] for one in rotation.tables(x.shape[1]))
        first, second = pairs[..., 0, :], pairs[..., 1, :]
        turned = np.stack([first * cosine - second * sine, second * cosine + first * sine], -2)
        return self._keep(name, turned.reshape(x.shape))

    def scale(self, name: str, x: Array, gain: Weight) -> Array:
        """See Ops."""
        return self._keep(name, x * self._values(gain))

    def layer_norm(self, name: str, x: Array, gain: Weight, bias: Weight, epsilon: float) -> Array:
        """See Ops."""
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(-1, keepdims=True) + np.float32(epsilon))
        return self._keep(name, centred / scale * self._values(gain) + self._values(bias))

    def linear(self, name: str, x: Array, weight: Weight, bias: Weight | None) -> Array:
        """See Ops."""
        y = x @ self._values(weight).T
        return self._keep(name, y if bias is None else y + self._values(bias))

    def grouped_linear(self, name: str, x: Array, weight: Weight) -> Array:
        """See Ops."""
        groups = x.reshape(len(x), self._values(weight).shape[0], -1)  # [B, groups, in]
        return self._keep(name, np.einsum("bgi,goi->bgo", groups, self._values(weight)).reshape(len(x), -1))

    def activation(self, name: str, x: Array, kind: str) -> Array:
        """See Ops."""
        return self._keep(name, _ACTIVATIONS[kind](x))

    def mask_bias(self, name: str, mask: Array) -> Array:
        """See Ops; [B, S]. −1e18 takes in any score: a row of padding alone comes out uniform, as in PyTorch."""
        return self._keep(name, (mask.astype(np.float32) - 1) * np.float32(1e18))

    def local_bias(self, name: str, bias: Array, reach: int) -> Array:
        """See Ops; [B, S, S]."""
        place = np.arange(bias.shape[1])
        near = np.abs(place[:, None] - place) <= reach
        return self._keep(name, np.where(near & (bias[:, None] == 0), np.float32(0), np.float32(-1e18)))

    def pair_bias(self, name: str, bias: Array) -> Array:
        """See Ops; [B, S, S]."""
        seen = bias == 0
        return self._keep(name, np.where(seen[:, :, None] & seen[:, None], np.float32(0), np.float32(-1e18)))

    def relative_scores(
        self, name: str, x: Array, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> Array:
        """See Ops."""
        rows = _split_heads(self._values(table)[None], heads)  # [1, A, rows, D]
        products = _split_heads(x, heads) @ rows.swapaxes(-1, -2)  # [B, A, S, rows]
        square = distances.square(x.shape[1])  # [i, j]
        if of_keys:
            found = np.take_along_axis(products, square.T[None, None], -1).swapaxes(-1, -2)
        else:
            found = np.take_along_axis(products, square[None, None], -1)
        return self._keep(name, found)

    def position_scores(self, name: str, x: Array, table: Weight, distances: Distances) -> Array:
        """See Ops; [1, A, S, S]."""
        return self._keep(name, self._values(table)[distances.square(x.shape[1])].transpose(2, 0, 1)[None])

    def hide_padding(self, name: str, x: Array, mask: Array) -> Array:
        """See Ops."""
        return self._keep(name, x * mask[..., None].astype(np.float32))

    def attention(
        self, name: str, query: Array, key: Array, value: Array, bias: Array, heads: int, scores: tuple[Array, ...] = ()
    ) -> Array:
        """See Ops."""
        q, k, v = (_split_heads(x, heads) for x in (query, key, value))  # [B, A, S, D]
        every = bias[:, None] if bias.ndim == 3 else bias[:, None, None]  # [B, 1, S or 1, S]
        total = self._keep(f"{name}.scores", sum(scores, q @ k.swapaxes(-1, -2)) + every)  # [B, A, S, S]
        context = self._keep(f"{name}.probabilities", _softmax(total)) @ v
        return self._keep(f"{name}.context", context.swapaxes(1, 2).reshape(query.shape))

    def first_token(self, name: str, x: Array) -> Array:
        """See Ops."""
        return self._keep(name, x[:, 0])

    def first_token_attention(self, name: str, query: Array, x: Array, bias: Array, heads: int) -> Array:
        """See Ops."""
        q = query.reshape(len(x), heads, -1)  # [B, A, H]
        scores = self._keep(f"{name}.scores", q @ x.swapaxes(1, 2) + bias[:, None, :])  # [B, A, S]
        seen = self._keep(f"{name}.probabilities", _softmax(scores)) @ x  # [B, A, H]
        return self._keep(f"{name}.context", seen.reshape(len(x), -1))

    def row_products(self, name: str, x: Array, table: Weight, bias: Weight, rest: Weight | None = None) -> Array:
        """See Ops."""
        if rest is None:
            return self.linear(name, x, table, bias)
        width = self._values(table).shape[1]
        beyond = self.linear(f"{name}.beyond", x[..., width:], rest, None)
        return self.add(name, self.linear(f"{name}.within", x[..., :width], table, bias), beyond)

    def hide_token(self, name: str, mask: Array, ids: Array, token: int) -> Array:  # noqa: ARG002 - no float
        """See Ops."""
        return np.asarray(mask * (ids != token))

    def pool(self, name: str, x: Array, mask: Array, kind: str) -> Array:
        """See Ops; as sentence-transformers' Pooling, with its −1e9 for no token and its 1e-9 for no division by 0."""
        seen = mask.astype(np.float32)[..., None]  # [B, S, 1]
        if kind == "first":
            return self._keep(name, x[np.arange(len(x)), mask.argmax(1)])
        if kind == "max":
            return self._keep(name, np.where(seen > 0, x, np.float32(-1e9)).max(1))
        number = np.maximum(seen.sum(1), np.float32(1e-9))  # [B, 1]
        return self._keep(name, (x * seen).sum(1) / (number if kind == "mean" else np.sqrt(number)))

    def normalise(self, name: str, x: Array) -> Array:
        """See Ops; as torch.nn.functional.normalize, with its 1e-12."""
        return self._keep(name, x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.float32(1e-12)))

    def output(self, name: str, x: Array, extent: Extent) -> None:
        """See Ops."""
        self._keep(name, x[..., 0] if extent is Extent.POSITION else x)

    def _values(self, weight: Weight) -> Array:
        return self._stored.get(weight.name, weight.values)

    def _keep(self, name: str, x: Array) -> Array:
        self.tensors[name] = x.astype(np.float32, copy=False)
        return self.tensors[name]


def _split_heads(x: Array, heads: int) -> Array:
    """[B, S, H] → [B, A, S, D]."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _softmax(x: Array) -> Array:
    exponents = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(-1, keepdims=True))
