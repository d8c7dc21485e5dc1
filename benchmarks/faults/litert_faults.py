"""All faults of a LiteRT bundle: weights, constants and scales, operators and options, edges, interface, facts."""

from pathlib import Path

from benchmarks.faults.facts import fact_faults
from benchmarks.faults.frame import Fault
from benchmarks.faults.litert_file import Spoilt
from benchmarks.faults.litert_graph import graph_faults
from benchmarks.faults.litert_interface import interface_faults
from benchmarks.faults.litert_weights import weight_faults


def every_fault(bundle: Path, seed: int) -> list[Fault]:
    """Of weights, constants, scales, operators, options, edges, order, interface, file, config.json and manifest."""
    model = Spoilt(bundle)
    return [*weight_faults(model, seed), *graph_faults(model), *interface_faults(model), *fact_faults(bundle)]
