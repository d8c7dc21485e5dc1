"""Opening a LiteRT interpreter, and running one of its signatures.

Imports LiteRT and nothing else: a process that is measured opens models through it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

Array = NDArray[Any]


def open_interpreter(path: str, threads: int) -> Interpreter:
    """A file, on so many threads, with XNNPACK: what an app gets that sets nothing else."""
    return Interpreter(model_path=path, num_threads=threads)


def open_kept(path: str) -> Interpreter:
    """A file whose inner tensors can be read after a run: LiteRT's own kernels, for XNNPACK's leave none."""
    return Interpreter(
        model_path=path,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


class MainSignature:
    """The subgraph that an interpreter opens first, of any length: tensors are set, and sized where sizes change."""

    def __init__(self, interpreter: Interpreter, key: str) -> None:
        runner = interpreter.get_signature_runner(key)
        self._interpreter = interpreter
        self._inputs: dict[str, int] = {name: one["index"] for name, one in runner.get_input_details().items()}
        self._outputs: dict[str, int] = {name: one["index"] for name, one in runner.get_output_details().items()}
        self._shape: tuple[int, ...] | None = None

    @property
    def inputs(self) -> list[str]:
        """Their names."""
        return list(self._inputs)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, of int32 inputs of one shape."""
        interpreter, shape = self._interpreter, next(iter(feeds.values())).shape
        if shape != self._shape:
            for name, index in self._inputs.items():
                interpreter.resize_tensor_input(index, feeds[name].shape)
            interpreter.allocate_tensors()
            self._shape = shape
        for name, index in self._inputs.items():
            interpreter.set_tensor(index, feeds[name])
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def tensors(self) -> dict[str, Array]:
        """Every float32 tensor of the last run that can be read, by its name."""
        found = {}
        for one in self._interpreter.get_tensor_details():
            if one["name"] and one["dtype"] is np.float32:
                try:
                    found[one["name"]] = self._interpreter.get_tensor(one["index"])
                except ValueError:  # scratch tensors hold nothing
                    continue
        return found
