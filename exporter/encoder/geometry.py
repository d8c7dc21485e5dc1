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

BERT_DEFAULTS: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
"""What transformers' BertConfig takes where config.json is silent."""


MOST, MOST_LAYERS = 1 << 24, 1 << 10
"""No encoder has more pieces, positions or units, or more layers: a table of tensors is made for each layer."""
_LAYERS = ("num_hidden_layers", "n_layers", "num_feedforward_networks")


@dataclass(frozen=True)
class Geometry:
    """The shape of an encoder. `H = hidden`, `D = hidden // heads` in the shape comments.

    `embedding` is the width of the embedding tables, which some families project to H; `positions` the most tokens of
    a text; `types` the rows of the type table, 0 where there is none; `pad` the id that pads.
    """

    vocabulary: int
    embedding: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    types: int
    activation: str
    epsilon: float
    pad: int


def read_geometry(
    config: Mapping[str, Any], defaults: Mapping[str, Any] = BERT_DEFAULTS, shared: str = "hidden_size"
) -> Geometry:
    """Read a config with BERT's names; `defaults` are those of the family, `shared` the width that heads divide.

    Raises UnsupportedError for what changes the mathematics (relative positions, decoders, unknown activations) and
    CheckpointError for numbers that cannot be.
    """
    refuse_variants(config)
    values = read_numbers(config, defaults)
    check_heads(values, shared, "num_attention_heads")
    return Geometry(
        vocabulary=values["vocab_size"],
        embedding=values.get("embedding_size", values["hidden_size"]),
        hidden=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=values["num_attention_heads"],
        intermediate=values["intermediate_size"],
        positions=values["max_position_embeddings"],
        types=values["type_vocab_size"],
        activation=read_activation(values, "hidden_act"),
        epsilon=values["layer_norm_eps"],
        pad=values["pad_token_id"],
    )


def read_numbers(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `defaults`, each from the config or else from there; texts are not looked at.

    Raises CheckpointError that lists every count below 1 or beyond MOST, ε outside (0, 1), id below 0, and what is
    not true or false.
    """
    values = {key: config.get(key, default) for key, default in defaults.items()}
    if values["pad_token_id"] is None:  # as newer transformers write what is not set
        values["pad_token_id"] = defaults["pad_token_id"]
    wrong = [f"{key} = {value!r}" for key, value in values.items() if not _is_possible(key, value, defaults[key])]
    if wrong:
        expected = f"expected positive numbers to {MOST:,}, layers to {MOST_LAYERS:,} (true or false for a switch)"
        raise CheckpointError(f"config.json: {expected}, found {', '.join(wrong)}; correct the file")
    return values


def _is_possible(key: str, value: object, default: object) -> bool:
    if isinstance(default, str):
        return True
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
    most = MOST_LAYERS if key in _LAYERS else MOST
    return type(value) is int and (0 if key == "pad_token_id" else 1) <= value <= most


def check_heads(values: Mapping[str, Any], width: str, heads: str) -> None:
    """Raise CheckpointError where the heads do not divide the width that they share."""
    if values[width] % values[heads]:
        raise CheckpointError(
            f"config.json: {width} {values[width]} is not a multiple of {heads} {values[heads]}; correct the file"
        )


def refuse_variants(config: Mapping[str, Any]) -> None:
    """Raise UnsupportedError for positions that are not absolute, and for decoders."""
    positions = config.get("position_embedding_type") or "absolute"
    if positions != "absolute":
        raise UnsupportedError(
            f"config.json: position_embedding_type {positions!r} is not supported; only 'absolute' is: "
            "fine-tune from a checkpoint with absolute positions"
        )
    for key in ("is_decoder", "add_cross_attention"):
        if config.get(key):
            raise UnsupportedError(f"config.json: {key} is set, and only encoders are supported")


def read_activation(config: Mapping[str, Any], key: str) -> str:
    """The activation under `key`. Raises UnsupportedError with the list of what is known."""
    name = config[key]
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedError(f"config.json: {key} {name!r} is not supported; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
