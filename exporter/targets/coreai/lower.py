"""Lowering a model to a Core AI program: options, their checks, layouts and functions.

| compute units | layout |
| --- | --- |
| all, cpu-and-ne | channels (B, C, 1, S): what the Neural Engine can take |
| cpu-and-gpu, cpu-only | rows (B, S, C) |

Lengths are fixed: the Neural Engine takes fixed shapes. One length becomes the function `main`, several become
`length_16` and so on, which share their weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.model.model import Model
from exporter.targets.apple_options import DEFAULT_COMPUTE_UNITS, DEFAULT_LENGTH, LAYOUTS, check_known, check_lengths
from exporter.targets.coreai.channels import ChannelsOps
from exporter.targets.coreai.ops import CoreAIOps
from exporter.targets.coreai.program.graph import Graph, Program
from exporter.targets.coreai.rows import RowsOps
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.coreai.witness import WitnessOps
from runtimes.aimodel.names import MAIN
from runtimes.bundle.reading import function_of

WITNESS = "witness"
"""The layout that no compute units ask for: see `coreai.witness`."""
_OPS: Mapping[str, type[CoreAIOps]] = {"rows": RowsOps, "channels": ChannelsOps, WITNESS: WitnessOps}


@dataclass(frozen=True)
class Options:
    """What is asked of an asset beyond its scheme."""

    sequence_lengths: tuple[int, ...] = (DEFAULT_LENGTH,)
    compute_units: str = DEFAULT_COMPUTE_UNITS

    @property
    def layout(self) -> str:
        """`channels` or `rows`."""
        return LAYOUTS[self.compute_units]


def check(options: Options, positions: int) -> None:
    """Raise UsageError for options that cannot be."""
    check_known("coreai", "compute-units", options.compute_units, LAYOUTS)
    check_lengths("coreai", options.sequence_lengths, positions)


def function_names(lengths: tuple[int, ...]) -> dict[int, str]:
    """Length → the function that takes so many tokens."""
    return {length: function_of(length) if len(lengths) > 1 else MAIN for length in lengths}


def lower(model: Model, weights: WeightStore, lengths: tuple[int, ...], layout: str) -> Program:
    """The program of a model: a function for each length, over constants of one store.

    `layout` is `rows`, `channels` or WITNESS. Raises LoweringError for a weight that float16 cannot hold.
    """
    longest, functions = max(lengths), []
    for length, name in function_names(lengths).items():
        ops = _OPS[layout](Graph(name), weights, longest)
        model.build(ops, ops.read(model.inputs, length))
        functions.append(ops.graph)
    return Program(tuple(functions), weights.constants)
