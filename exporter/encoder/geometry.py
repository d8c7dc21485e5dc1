"""The numbers in a config.json that decide the shape of an encoder, checked before any weight is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.errors import CheckpointError, UnsupportedError

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""transformers' `hidden_act` → the activation that `Ops.activation` knows."""

_DEFAULTS: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}
"""What transformers' BertConfig takes where config.json is silent."""


@dataclass(frozen=True)
class Geometry:
    """The shape of an encoder. `H = hidden`, `D = hidden // heads` in the shape comments."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    types: int
    activation: str
    epsilon: float

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads


def read_geometry(config: Mapping[str, Any]) -> Geometry:
    """Read a BERT config.

    Raises UnsupportedError for what changes the mathematics (relative positions, decoders, unknown activations) and
    CheckpointError for numbers that cannot be.
    """
    _refuse_variants(config)
    values = {key: config.get(key, default) for key, default in _DEFAULTS.items()}
    counts = [key for key in values if key not in ("hidden_act", "layer_norm_eps")]
    wrong = [f"{key} = {values[key]!r}" for key in counts if type(values[key]) is not int or values[key] < 1]
    epsilon = values["layer_norm_eps"]
    if not isinstance(epsilon, int | float) or isinstance(epsilon, bool) or not 0 < epsilon < 1:
        wrong.append(f"layer_norm_eps = {epsilon!r}")
    if wrong:
        raise CheckpointError(f"config.json: expected positive numbers, found {', '.join(wrong)}; correct the file")
    if values["hidden_size"] % values["num_attention_heads"]:
        raise CheckpointError(
            f"config.json: hidden_size {values['hidden_size']} is not a multiple of num_attention_heads "
            f"{values['num_attention_heads']}; correct the file"
        )
    return Geometry(
        vocabulary=values["vocab_size"],
        hidden=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        positions=values["max_position_embeddings"],
        types=values["type_vocab_size"],
        activation=_activation(values["hidden_act"]),
        epsilon=float(epsilon),
    )


def _refuse_variants(config: Mapping[str, Any]) -> None:
    positions = config.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise UnsupportedError(
            f"config.json: position_embedding_type {positions!r} is not supported; only 'absolute' is: "
            "fine-tune from a checkpoint with absolute positions"
        )
    for key in ("is_decoder", "add_cross_attention"):
        if config.get(key):
            raise UnsupportedError(f"config.json: {key} is set, and only encoders are supported")


def _activation(name: object) -> str:
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedError(f"config.json: hidden_act {name!r} is not supported; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
