"""Portable runtime for Core ML: reads a saved `.mlpackage` and executes it in numpy, on any system.

    program = open_package("Model.mlpackage")
    logits = program.run({"input_ids": ids, "attention_mask": mask, "token_type_ids": types})["logits"]

What it computes is stated in `numerics`. It is a simulation: its numbers say what the saved program means, and nothing
about the speed or the placement of Apple's own runtime.
"""

from runtimes.mil.numerics import Precision
from runtimes.mil.package import Metadata
from runtimes.mil.program import Program, open_package
from runtimes.mil.signature import InputSpec, TensorSpec

__all__ = ["InputSpec", "Metadata", "Precision", "Program", "TensorSpec", "open_package"]
