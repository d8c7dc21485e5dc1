"""Opening a LiteRT interpreter, and running one of its signatures.

Imports LiteRT and nothing else: a process that is measured opens models through it.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

Array = NDArray[Any]
_CREATED = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"


def open_interpreter(path: str, threads: int) -> Interpreter:
    """A file, on so many threads, with XNNPACK: what an app gets that sets nothing else.

    Its first subgraph is made ready to run, so that a file that cannot be is found here.
    """
    with _without_created():
        interpreter = Interpreter(model_path=path, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter


def open_kept(path: str) -> Interpreter:
    """A file whose inner tensors can be read after a run: LiteRT's own kernels, for XNNPACK's leave none."""
    return Interpreter(
        model_path=path,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


@contextmanager
def _without_created() -> Iterator[None]:
    """Within the block what is said on descriptor 2 waits for its end, and LiteRT's word on XNNPACK is left out.

    Its C++ says that once in a process, and has no setting for it (2.3.0; remove this when it has). A descriptor is the
    whole process's: where another thread runs, which may write or start a process meanwhile, all is as it was. What
    would not fit into the pipe is lost, and nothing waits for room in it.
    """
    said = None if threading.active_count() > 1 else _caught()
    try:
        yield
    finally:
        if said is not None:
            said()


def _caught() -> Callable[[], None] | None:
    """Turn descriptor 2 into a pipe; what puts it back and says what was said. None where that cannot be."""
    found: Callable[[], None] | None = None
    if sys.platform != "win32":
        try:
            saved = os.dup(2)
        except OSError:  # closed: nothing is heard anyway
            return None
        read, write = os.pipe()
        os.set_blocking(write, False)
        os.dup2(write, 2)
        os.close(write)

        def put_back() -> None:
            os.dup2(saved, 2)
            os.close(saved)
            with os.fdopen(read, "rb") as pipe:
                os.write(2, pipe.read().replace(_CREATED, b""))

        found = put_back
    return found


class MainSignature:
    """The subgraph that an interpreter opens first, of any length: tensors are set, and sized where sizes change.

    An interpreter has one set of tensors: threads that run it take turns.
    """

    def __init__(self, interpreter: Interpreter, key: str) -> None:
        runner = interpreter.get_signature_runner(key)
        self._interpreter = interpreter
        self._inputs: dict[str, int] = {name: one["index"] for name, one in runner.get_input_details().items()}
        self._outputs: dict[str, int] = {name: one["index"] for name, one in runner.get_output_details().items()}
        self._shape: tuple[int, ...] | None = None
        self._turn = threading.Lock()

    @property
    def inputs(self) -> list[str]:
        """Their names."""
        return list(self._inputs)

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, of int32 inputs of one shape."""
        with self._turn:
            return self._run(feeds)

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        interpreter, shape = self._interpreter, next(iter(feeds.values())).shape
        if shape != self._shape:
            self._shape = None  # until it is so: sizes that the model does not take leave it half resized
            for name, index in self._inputs.items():
                interpreter.resize_tensor_input(index, feeds[name].shape)
            interpreter.allocate_tensors()
            self._shape = shape
        for name, index in self._inputs.items():
            interpreter.set_tensor(index, feeds[name])
        interpreter.invoke()
        return {name: interpreter.get_tensor(index) for name, index in self._outputs.items()}

    def tensors(self) -> dict[str, Array]:
        """See `float_tensors`."""
        return float_tensors(self._interpreter)


def float_tensors(interpreter: Interpreter, subgraph: int = 0) -> dict[str, Array]:
    """Every float32 tensor of a subgraph's last run that can be read, by its name."""
    found = {}
    for one in interpreter.get_tensor_details(subgraph):
        if one["name"] and one["dtype"] is np.float32 and len(one["shape"]):  # what has none is a constant
            try:
                found[one["name"]] = interpreter.get_tensor(one["index"], subgraph)
            except ValueError:  # scratch tensors hold nothing
                continue
    return found
