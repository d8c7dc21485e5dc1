"""Lowering a model to the subgraphs of a .tflite file."""

from collections.abc import Sequence

from exporter.compression.outlier_channels import NO_OUTLIERS, Treatments
from exporter.model.model import Model
from exporter.targets.litert.graph import Graph
from exporter.targets.litert.ops import LiteRtOps
from exporter.targets.litert.weights import WeightStore
from runtimes.errors import UsageError
from runtimes.tflite.model import FREE

FILE = "model.tflite"
ANY_LENGTH = "serving_default"
"""The key of a subgraph of any batch and any length: what every tool calls a model's only signature."""


def check_lengths(lengths: Sequence[int], positions: int) -> None:
    """Raise UsageError for a length that the checkpoint has no positions for, or that comes twice."""
    for length in lengths:
        if not 2 <= length <= positions:
            raise UsageError(f"litert: --sequence-length {length}: the checkpoint takes 2 to {positions} tokens")
    if len(set(lengths)) < len(lengths):
        raise UsageError(f"litert: --sequence-length {' '.join(map(str, lengths))}: give each length once")


def signature_of(length: int) -> str:
    """The key of the subgraph of one length."""
    return ANY_LENGTH if length == FREE else f"tokens_{length}"


def build(
    model: Model, lengths: Sequence[int], weights: WeightStore, outliers: Treatments = NO_OUTLIERS
) -> list[Graph]:
    """A subgraph for each length, or one of any batch and length where there is none; constants go to `weights`."""
    return [lower(model, LiteRtOps(signature_of(length), length, weights, outliers)) for length in lengths or (FREE,)]


def lower(model: Model, ops: LiteRtOps) -> Graph:
    """The model through `ops`."""
    model.build(ops, ops.read(model.inputs, model.task.choices))
    return ops
