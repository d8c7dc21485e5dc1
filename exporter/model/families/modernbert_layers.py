"""ModernBERT's encoder over `Ops`: rotary positions, local and global attention, and a gated feed-forward.

Norms stand before what they normalise, and have no bias in the published models. Layers attend to the whole text or to
the tokens near by, each kind with its own base of rotary positions.

Shapes: B batch, S sequence, H hidden, I intermediate, A heads, D = H / A.
"""

from dataclasses import dataclass
from typing import Generic

import numpy as np

from exporter.model import folding
from exporter.model.geometry import Geometry
from exporter.model.ops import Array, Inputs, Ops, Read, Role, T, Weight
from exporter.model.rotary import Rotation, rotation
from exporter.model.transformer import f64, weight_of


@dataclass(frozen=True)
class ModernGeometry(Geometry):
    """And what ModernBERT has besides.

    `local` says of each layer whether it attends to tokens near by alone, to `reach` on either side; `bases` are those
    of rotary positions, of global layers and of local ones. The switches say which layers have biases; `pooling` and
    `head_activation` are the classifier's.
    """

    local: tuple[bool, ...]
    reach: int
    bases: tuple[float, float]
    norm_bias: bool
    attention_bias: bool
    feedforward_bias: bool
    head_bias: bool
    decoder_bias: bool
    pooling: str
    head_activation: str


def encode(ops: Ops[T], read: Read, geometry: ModernGeometry, inputs: Inputs[T], first_token_only: bool) -> T:
    """Return the last hidden state [B, S, H], or with `first_token_only` its first token alone [B, H]."""
    word = Weight("embeddings.word.weight", read("embeddings.word"), Role.WORD_EMBEDDING)
    words = ops.as_tokens("embeddings.words", ops.embedding("embeddings.word", word, inputs.ids))
    x = norm(ops, read, geometry, "embeddings", "embeddings.norm", words)
    bias = ops.mask_bias("mask", inputs.mask)
    near = ops.local_bias("mask.local", bias, geometry.reach) if any(geometry.local) else bias
    for number in range(geometry.layers):
        local, last = geometry.local[number], number == geometry.layers - 1
        layer = _Layer(ops, read, geometry, number)
        x = layer.attend(x, near if local else bias, first_token_only and last)
        x = layer.feed_forward(x, Role.TAIL if first_token_only and last else Role.LINEAR)
    return norm(ops, read, geometry, "encoder.norm", "encoder.norm", x)


def norm(ops: Ops[T], read: Read, geometry: ModernGeometry, name: str, weights: str, x: T) -> T:
    """The LayerNorm whose gain is called `weights`; `name` is its result's."""
    gain = Weight(f"{weights}.gain", read(f"{weights}.gain"), Role.VECTOR)
    values = read(f"{weights}.bias") if geometry.norm_bias else np.zeros_like(gain.values)
    return ops.layer_norm(name, x, gain, Weight(f"{weights}.bias", values, Role.VECTOR), geometry.epsilon)


class _Layer(Generic[T]):
    def __init__(self, ops: Ops[T], read: Read, geometry: ModernGeometry, number: int) -> None:
        self.ops, self.geometry, self.name, self._read = ops, geometry, f"layer.{number}", read
        self._number = number

    def attend(self, x: T, bias: T, first: bool) -> T:
        """[B, S, H] → [B, S, H], or with `first` its first token's, [B, H]."""
        ops, name, heads = self.ops, f"{self.name}.attention", self.geometry.heads
        normed = x if self._number == 0 else self._norm(f"{name}.normed", f"{name}.norm", x)
        (q, k, v), (q_bias, k_bias, v_bias) = self._thirds()
        query = self._rotated(f"{name}.query", normed, *folding.scale_query(q, q_bias, heads))
        key = self._rotated(f"{name}.key", normed, k, k_bias)
        value = self._linear(f"{name}.value", normed, v, None, Role.LINEAR)
        context = ops.attention(name, query, key, value, bias, heads)
        role = Role.TAIL if first else Role.LINEAR
        if first:
            context, x = ops.first_token(f"{name}.first", context), ops.first_token(f"{self.name}.first", x)
        weight = f64(self._read(f"{name}.dense.weight"))
        out_bias = folding.value_bias_through_output(v_bias, weight, self._bias(f"{name}.dense", len(weight)))
        dense = self._linear(f"{name}.output", context, weight, out_bias, role, f"{name}.dense")
        return ops.add(f"{name}.sum", dense, x)

    def feed_forward(self, x: T, role: Role) -> T:
        """activation(Wa·x) · (Wb·x) through the last layer (Shazeer 2020), added to x."""
        ops, name, wide = self.ops, self.name, self.geometry.intermediate
        normed = self._norm(f"{name}.normed", f"{name}.norm", x)
        weight = self._read(f"{name}.intermediate.weight")
        bias = self._bias(f"{name}.intermediate", 2 * wide)
        inner = self._linear(f"{name}.intermediate.dense", normed, weight[:wide], bias[:wide], role)
        gate = self._linear(f"{name}.gate", normed, weight[wide:], bias[wide:], role)
        gated = ops.multiply(
            f"{name}.gated", ops.activation(f"{name}.intermediate", inner, self.geometry.activation), gate
        )
        weight = self._read(f"{name}.dense.weight")
        dense = self._linear(f"{name}.dense", gated, weight, self._bias(f"{name}.dense", len(weight)), role)
        return ops.add(f"{name}.output", dense, x)

    def _rotated(self, name: str, x: T, weight: Array, bias: Array) -> T:
        flat = self._linear(f"{name}.flat", x, weight, bias, Role.LINEAR)
        return self.ops.rotary(name, flat, self.geometry.heads, self._rotation())

    def _rotation(self) -> Rotation:
        geometry, local = self.geometry, self.geometry.local[self._number]
        name = "rotary.local" if local else "rotary.global"
        return rotation(name, geometry.hidden // geometry.heads, geometry.bases[local])

    def _thirds(self) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Weights [H, H] and biases [H] of query, key and value, which are stored as one."""
        weight = f64(self._read(f"{self.name}.attention.joint.weight"))
        bias = self._bias(f"{self.name}.attention.joint", len(weight))
        return tuple(np.split(weight, 3)), tuple(np.split(bias, 3))

    def _norm(self, name: str, weights: str, x: T) -> T:
        return norm(self.ops, self._read, self.geometry, name, weights, x)

    def _bias(self, layer: str, rows: int) -> Array:
        """The bias of a layer, zeros where it has none."""
        biased = self.geometry.attention_bias if ".attention." in layer else self.geometry.feedforward_bias
        return f64(self._read(f"{layer}.bias")) if biased else np.zeros(rows)

    def _linear(self, name: str, x: T, weight: Array, bias: Array | None, role: Role, weights: str | None = None) -> T:
        """`weights` begins the names of weight and bias, where that is not the result's."""
        stored, biased = weights or name, bias is not None and bias.any()
        vector = weight_of(f"{stored}.bias", bias, Role.VECTOR) if bias is not None and biased else None
        return self.ops.linear(name, x, weight_of(f"{stored}.weight", weight, role), vector)
