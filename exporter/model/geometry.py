"""The encoder's dimensions, read from config.json by a strict schema before any weight is loaded.

One strict schema for each family: `EncoderConfig` is what all have, and each family's own lies in its file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from runtimes.errors import CheckpointError, UnsupportedError, excerpt

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""transformers' `hidden_act` → the activation that `Ops.activation` knows."""

Rows = Annotated[int, Field(ge=1, le=1 << 24, description="a whole number from 1 to 16,777,216")]
Width = Annotated[int, Field(ge=1, le=1 << 16, description="a whole number from 1 to 65,536")]
Layers = Annotated[int, Field(ge=1, le=1 << 10, description="a whole number from 1 to 1,024")]
"""No encoder has more: a table of tensors is made for each layer."""
Positions = Annotated[int, Field(ge=1, le=1 << 13, description="a whole number from 1 to 8,192")]
"""Attention over more takes gigabytes for one text: its scores grow by the square."""
Types = Annotated[int, Field(ge=1, le=1 << 10, description="a whole number from 1 to 1,024")]
Identifier = Annotated[int, Field(ge=0, le=1 << 24, description="a row of the word table")]
Epsilon = Annotated[float, Field(gt=0, lt=1, description="a number between 0 and 1")]
Switch = Annotated[bool, Field(description="true or false")]
Name = Annotated[str, Field(max_length=100, description="a name")]


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

    def renumbered(self, number: Mapping[int, int]) -> Self:
        """The shape with the rows alone that `number` has: old id → new one."""
        return replace(self, vocabulary=len(number), pad=number[self.pad])

    @property
    def uses(self) -> int:
        """How often a token meets each weight of a layer."""
        return 1


class EncoderConfig(BaseModel):
    """What decides the answers of a family's models, by transformers' names and with its defaults.

    What is declared here and below is all that the reference reads: see `exporter.checkpoint.config`. `aliases` are
    other names of a key, which transformers reads too.
    """

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)
    aliases: ClassVar[Mapping[str, str]] = {}
    position_types: ClassVar[tuple[str, ...] | None] = ("absolute",)
    """What `position_embedding_type` may be; None for a family that does not read it."""

    vocab_size: Rows = 30522
    max_position_embeddings: Positions = 512
    pad_token_id: Identifier = 0
    tie_word_embeddings: Switch = True

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Self:
        """The keys that the family knows.

        Raises CheckpointError that lists every key of another type or out of its range, and numbers that contradict.
        """
        given = {cls.aliases.get(key, key): value for key, value in config.items()}
        given |= {key: value for key, value in config.items() if key in cls.model_fields}
        if given.get("pad_token_id", 0) is None:  # as newer transformers write what is not set
            del given["pad_token_id"]
        try:
            found = cls.model_validate(given)
        except ValidationError as error:
            wrong = "; ".join(_problem(cls, one) for one in error.errors(include_url=False))
            raise CheckpointError(f"config.json: {wrong}; correct the file") from error
        problems = [*_two_names(cls.aliases, config), *found.contradictions()]
        if problems:
            raise CheckpointError(f"config.json: {'; '.join(problems)}; correct the file")
        return found

    def for_reference(self) -> dict[str, Any]:
        """What transformers' config class is given."""
        return self.model_dump()

    def contradictions(self) -> list[str]:
        """Numbers that do not go together."""
        return (
            []
            if self.pad_token_id < self.vocab_size
            else [f"pad_token_id {self.pad_token_id} is no row of {self.vocab_size} (vocab_size)"]
        )


class BertConfig(EncoderConfig):
    """BERT's, and those of the families with its names."""

    hidden_size: Width = 768
    num_hidden_layers: Layers = 12
    num_attention_heads: Width = 12
    intermediate_size: Width = 3072
    type_vocab_size: Types = 2
    hidden_act: Any = "gelu"
    layer_norm_eps: Epsilon = 1e-12

    def contradictions(self) -> list[str]:
        """See EncoderConfig."""
        return super().contradictions() + heads_that_do_not_divide(self, "hidden_size", "num_attention_heads")

    def geometry(self, embedding: int | None = None) -> Geometry:
        """The shape; tables as wide as the layers, or `embedding`."""
        return Geometry(
            vocabulary=self.vocab_size,
            embedding=embedding or self.hidden_size,
            hidden=self.hidden_size,
            layers=self.num_hidden_layers,
            heads=self.num_attention_heads,
            intermediate=self.intermediate_size,
            positions=self.max_position_embeddings,
            types=self.type_vocab_size,
            activation=read_activation("hidden_act", self.hidden_act),
            epsilon=self.layer_norm_eps,
            pad=self.pad_token_id,
        )


def heads_that_do_not_divide(config: EncoderConfig, width: str, heads: str) -> list[str]:
    """The contradiction, where the heads do not divide the width that they share."""
    wide, count = getattr(config, width), getattr(config, heads)
    return [f"{width} {wide} is not a multiple of {heads} {count}"] if wide % count else []


def refuse_variants(schema: type[EncoderConfig], config: Mapping[str, Any]) -> None:
    """Raise UnsupportedError for positions not of the family, for decoders, and for layers unlike each other."""
    positions = config.get("position_embedding_type") or "absolute"
    if schema.position_types is not None and positions not in schema.position_types:
        raise UnsupportedError(
            f"config.json: position_embedding_type {excerpt(positions)} is not supported; only 'absolute' is: "
            "fine-tune from a checkpoint with absolute positions"
        )
    for key, what in _VARIANTS.items():
        if config.get(key):
            raise UnsupportedError(
                f"config.json: {key} is set, and {what}; set it to false, or remove it, if these weights are of no such"
            )


_VARIANTS = {
    "is_decoder": "only encoders are supported",
    "add_cross_attention": "only encoders are supported",
    "is_encoder_decoder": "only encoders are supported",
    "pruned_heads": "only models with all their heads are supported",
    "per_layer_config": "only models whose layers are alike are supported",
}


def read_activation(key: str, name: object) -> str:
    """The activation called `name` under `key`. Raises UnsupportedError with the list of what is known."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedError(
            f"config.json: {key} {excerpt(name)} is not supported; known: {', '.join(ACTIVATIONS)}: write the one that "
            "it is another name of, or fine-tune from a checkpoint with one of them"
        )
    return ACTIVATIONS[name]


def _problem(schema: type[EncoderConfig], error: ErrorDetails) -> str:
    key = str(error["loc"][0])
    return f"expected {schema.model_fields[key].description}, found {key} = {excerpt(error['input'])}"


def _two_names(aliases: Mapping[str, str], config: Mapping[str, Any]) -> list[str]:
    both = [(alias, key) for alias, key in aliases.items() if alias in config and key in config]
    return [
        f"{key} = {excerpt(config[key])} and {alias} = {excerpt(config[alias])} are one number"
        for alias, key in both
        if config[alias] != config[key]
    ]
