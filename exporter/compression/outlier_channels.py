"""Outlier channels of activations, found on calibration texts and computed in floats (LLM.int8()).

A linear layer in integers rounds what it reads by one scale, so a few outlier channels take the precision of all: in
all-MiniLM-L6-v2 one of 1,536 reaches 24 where the others stay below 6. `int8` computes those in floats, and the
others in integers: LLM.int8() (Dettmers et al. 2022), with channels that are chosen once, at export. Which are chosen
changes how well a model is rounded, never what it computes: no range is fixed and nothing is clipped.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from exporter.model.model import Model
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Inputs, Role, Weight

MOST_CHANNELS = 16
LEAST_WIDTH = 256
"""Narrower matrices gain less from integers than two more operations take."""
_TEXTS, _TOKENS = 16, 128
_FAR = 2.0
"""Far is what reaches so many times as far as the middle channel."""

Channels = Mapping[str, Array]
"""Name of a linear weight → the numbers of the outlier channels of what it reads, ascending."""
NO_CHANNELS: Channels = MappingProxyType({})


def find_outliers(model: Model, samples: Sequence[Inputs[Array]]) -> Channels:
    """Run a few of `samples` and return the outlier channels of what wide linear layers read, where there are any."""
    ops = _Reach()
    model.build(ops, _one_batch(samples[:_TEXTS], model.geometry.pad))
    found = {name: _far(reach) for name, reach in ops.reach.items()}
    return {name: channels for name, channels in found.items() if len(channels)}


def is_wide(weight: Weight) -> bool:
    """Whether outlier channels of what a weight reads are looked for."""
    return weight.role is Role.LINEAR and min(weight.values.shape) >= LEAST_WIDTH


def _far(reach: Array) -> Array:
    """`reach` [n]: the largest magnitude of each channel."""
    furthest = np.argsort(-reach, kind="stable")[:MOST_CHANNELS]
    return np.sort(furthest[reach[furthest] > _FAR * np.median(reach)])


def _one_batch(samples: Sequence[Inputs[Array]], pad: int) -> Inputs[Array]:
    """Padded to the longest, and truncated to what shows enough; of several choices each is a row."""
    longest = min(max(sample.ids.shape[-1] for sample in samples), _TOKENS)

    def rows(parts: list[Array], filled: int) -> Array:
        flat = [row for part in parts for row in part.reshape(-1, part.shape[-1])[:, :longest]]
        return np.stack([np.pad(row, (0, longest - len(row)), constant_values=filled) for row in flat])

    types = [sample.types for sample in samples if sample.types is not None]
    ids, mask = rows([sample.ids for sample in samples], pad), rows([sample.mask for sample in samples], 0)
    return Inputs(ids, mask, rows(types, 0) if types else None)


class _Reach(NumpyOps):
    """The definition of every operation, which remembers how far the inputs of linear layers reach, and no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.reach: dict[str, Array] = {}

    def linear(self, name: str, x: Array, weight: Weight, bias: Weight | None) -> Array:
        self._note(weight, x)
        return super().linear(name, x, weight, bias)

    def row_products(self, name: str, x: Array, table: Weight, bias: Weight, rest: Weight | None = None) -> Array:  # noqa: ARG002
        """A score of each token, for every token of every text, would take more memory than the model; none is read."""
        if rest is not None:
            self._note(rest, x[..., table.values.shape[1] :])
        return x

    def _note(self, weight: Weight, x: Array) -> None:
        if is_wide(weight):
            self.reach[weight.name] = np.abs(x).max(axis=(0, 1))

    def _keep(self, _name: str, x: Array) -> Array:
        return x.astype(np.float32, copy=False)

    def activation(self, name: str, x: Array, kind: str) -> Array:
        """Where the erf of each number would take longer than all products, its approximation tells as much."""
        return super().activation(name, x, "gelu_tanh" if kind == "gelu" else kind)
