"""`Ops`: the operations that every target implements, and the weights that they take.

A tensor handle `T` is whatever the target works with: a name in an ONNX graph, a numpy array. In the shape
comments B is the batch, S the sequence, H the hidden size, A the heads and D = H / A. Activations that a target
passes from one of its operations to another may have any layout it likes; the shapes here are the meaning.

Every operation takes the name that its result bears in every target, so that any two can be compared tensor by
tensor. Operations with inner steps name those `NAME.scores` and so on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from exporter.model.distances import Distances
from exporter.model.rotary import Rotation

Array = NDArray[Any]
T = TypeVar("T")

Read = Callable[[str], Array]
"""Our name of a weight → its float32 values."""


@dataclass(frozen=True)
class Inputs(Generic[T]):
    """What the encoder reads, [B, S] each: token ids, 1 for a token and 0 for padding, segment numbers if it does."""

    ids: T
    mask: T
    types: T | None = None


class Role(Enum):
    """What a weight is for: a scheme says how each role is stored and computed."""

    WORD_EMBEDDING = "word embedding"
    POSITION_EMBEDDING = "position embeddings"
    TYPE_EMBEDDING = "type embeddings, two rows"
    LINEAR = "linear layer, run for every token"
    TAIL = "linear layer, run once for each text"
    HEAD = "task head"
    VECTOR = "bias or gain"


@dataclass(frozen=True)
class Weight:
    """A float32 weight. Linear: [out, in]; grouped linear: [groups, out, in]; embedding: [rows, H]; vector: [n]."""

    name: str
    values: Array
    role: Role

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32:
            raise TypeError(f"{self.name}: weights reach a target as float32, not {self.values.dtype}")


class Extent(Enum):
    """What an output is about, and its shape; n are labels, vocabulary entries or features, C are choices."""

    TEXT = "[B, n]"
    CHOICE = "[B, C]"
    TOKEN = "[B, S, n]"  # noqa: S105 - of text
    POSITION = "[B, S]"


class Ops(Protocol[T]):
    """The operations that a target implements; token tensors are [B, S, H], first-token tensors [B, H]."""

    def embedding(self, name: str, table: Weight, ids: T) -> T:
        """Rows of `table` [rows, H] at `ids` [B, S] → [B, S, H]."""

    def positions(self, name: str, table: Weight, tokens: T) -> T:
        """`tokens` [B, S, H] plus the first S rows of `table` [positions, H]."""

    def as_tokens(self, name: str, rows: T) -> T:
        """Rows of `embedding`, [B, S, H], as token tensors, for a model that adds no `positions` to them."""

    def counted_positions(self, name: str, table: Weight, tokens: T, ids: T, pad: int) -> T:
        """`tokens` [B, S, H] plus the row of `table` at pad + n for the n-th of a text's tokens, and at pad for `pad`.

        `ids` [B, S]; `table` [pad + 1 + positions, H]. transformers' create_position_ids_from_input_ids.
        """

    def trigram(self, name: str, x: T) -> T:
        """[B, S, E] → [B, S, 3·E]: the next token's numbers, its own, and the last one's; 0 beyond the ends."""

    def add(self, name: str, left: T, right: T) -> T:
        """Elementwise sum of two tensors of one shape."""

    def multiply(self, name: str, left: T, right: T) -> T:
        """Elementwise product of two tensors of one shape."""

    def rotary(self, name: str, x: T, heads: int, rotation: Rotation) -> T:
        """[B, S, H] with each head's pairs of numbers turned by their token's position: see `exporter.model.rotary`."""

    def scale(self, name: str, x: T, gain: Weight) -> T:
        """x · gain over the last axis, gain [n]."""

    def layer_norm(self, name: str, x: T, gain: Weight, bias: Weight, epsilon: float) -> T:
        """(x − mean) / √(variance + epsilon) · gain + bias over the last axis (Ba et al. 2016)."""

    def linear(self, name: str, x: T, weight: Weight, bias: Weight | None) -> T:
        """[…, in] · weightᵀ + bias → […, out]."""

    def grouped_linear(self, name: str, x: T, weight: Weight) -> T:
        """[B, groups·in] → [B, groups·out], each group by its own matrix of `weight` [groups, out, in]."""

    def activation(self, name: str, x: T, kind: str) -> T:
        """One of `geometry.ACTIVATIONS`' values, or "tanh", elementwise."""

    def mask_bias(self, name: str, mask: T) -> T:
        """`mask` [B, S] of ones and zeros → what is added to attention scores: 0, or so low that softmax gives 0."""

    def local_bias(self, name: str, bias: T, reach: int) -> T:
        """What `mask_bias` gave, and as low for a key more than `reach` tokens from the query.

        `attention` alone takes it. A query that sees no key at all attends to all alike.
        """

    def pair_bias(self, name: str, bias: T) -> T:
        """What `mask_bias` gave, and as low for every key of a query that is padding: such attend to all alike.

        `attention` alone takes it.
        """

    def relative_scores(
        self, name: str, x: T, table: Weight, distances: Distances, heads: int, of_keys: bool = False
    ) -> T:
        """What each head finds in the rows of a table for the distances between tokens, for `attention`: [B, A, S, S].

        `table` [rows, H]; `x` [B, S, H] are the queries, or with `of_keys` the keys: q_i · row or k_j · row, of the row
        for i − j (He et al. 2021, "disentangled attention").
        """

    def position_scores(self, name: str, x: T, table: Weight, distances: Distances) -> T:
        """Each head's score of each distance, whatever the tokens `x` are; `table` [rows, A] (Raffel et al. 2020)."""

    def hide_padding(self, name: str, x: T, mask: T) -> T:
        """[B, S, H] with zeros for padding."""

    def hide_token(self, name: str, mask: T, ids: T, token: int) -> T:
        """`mask` [B, S] with 0 wherever `ids` [B, S] is `token` too, for `pool`."""

    def attention(self, name: str, query: T, key: T, value: T, bias: T, heads: int, scores: tuple[T, ...] = ()) -> T:
        """softmax(q·kᵀ + scores + bias)·v per head, [B, S, H] each → [B, S, H]; the query comes scaled by 1/√D."""

    def first_token(self, name: str, x: T) -> T:
        """[B, S, H] → [B, H], the first token's."""

    def first_token_attention(self, name: str, query: T, x: T, bias: T, heads: int) -> T:
        """softmax(q·xᵀ + bias)·x per head: `query` [B, A·H], `x` [B, S, H] → [B, A·H]."""

    def row_products(self, name: str, x: T, table: Weight, bias: Weight, rest: Weight | None = None) -> T:
        """[B, S, E] · tableᵀ + bias → [B, S, rows], by every row of a table that `embedding` reads too: stored once.

        With `rest` [rows, n], `x` is [B, S, E + n] and meets the two side by side, [table, rest].
        """

    def pool(self, name: str, x: T, mask: T, kind: str) -> T:
        """The tokens of `x` [B, S, H] that `mask` [B, S] shows, as one vector [B, H].

        `kind` is "mean" (their sum over their number), "mean_sqrt_len" (over its root), "max" or "first"; of a row of
        padding alone a mean is 0, and the first is its first.
        """

    def normalise(self, name: str, x: T) -> T:
        """[B, n] → x / ‖x‖, of length 1; zeros stay zeros."""

    def output(self, name: str, x: T, extent: Extent) -> None:
        """Declare `x` an output of the model: [B, n], or [B, S, n] (of which POSITION takes the only column).

        CHOICE takes the only column of [B·C, 1]: the model's inputs are [B, C, S] then, and [B·C, S] in here.
        """
