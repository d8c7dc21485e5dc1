"""An asset opened by Apple's runtime: its functions, and every tensor that they name.

Imported by the child alone. In coreai-core 1.0.0b3 a missing path, damaged bytecode and inputs of another type end the
process by a signal, and so does the end of most processes that ran something: a thread of Swift's asks for Python while
that shuts down.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import coreai.authoring  # noqa: F401 - first: the imports of the wheel are circular otherwise (1.0.0b3)
import numpy as np
from coreai.authoring import AIModelAsset
from coreai.runtime import AIModel, CompileIdentifiers, IntermediateLogger, NDArray

from runtimes.runner import Array, Outputs

_FLOATS = ("float16", "float32")
"""What is traced; numpy has no array of six bits, and an error in what is called back spoils the call of a function."""
_FREE = -1
"""A size that is not fixed; by its documentation it is None."""
_DTYPES = {"int32": np.int32, "int64": np.int64, "float32": np.float32, "float16": np.float16}
"""What inputs of ids may be: of another type than they are declared to be, the process ends."""


class Session:
    """Every function of one asset. With `debug` its tensors can be traced, which the compiler must know beforehand.

    What is compiled lies in the folder that the process runs in.
    """

    def __init__(self, path: Path, debug: bool = False) -> None:
        self._loop = asyncio.new_event_loop()
        self._folder = TemporaryDirectory(suffix=".aimodelx", dir=Path.cwd())
        # the public way, `executable`, compiles without what names tensors in a trace
        AIModelAsset.load(path)._write_odix(Path(self._folder.name), enable_debug_info=debug)
        self._model = self._loop.run_until_complete(AIModel.load(self._folder.name))
        self._functions = {name: self._model.load_function(name) for name in self._model.function_names}

    def close(self) -> None:
        """Remove what was compiled; a process that ends at once removes nothing by itself."""
        self._folder.cleanup()

    def function_of(self, length: int) -> str:
        """The function that takes rows of so many tokens. Raises ValueError where there is none."""
        for name, function in self._functions.items():
            described = function.desc
            if described.input_descriptor(described.input_names[0]).shape[1] in (length, _FREE):
                return str(name)
        raise ValueError(f"no function takes {length} tokens")

    def run(self, name: str, feeds: Mapping[str, Array]) -> Outputs:
        """The outputs of a function; of `feeds` those that it reads."""
        return self._called(self._functions[name], feeds)

    def trace(self, name: str, feeds: Mapping[str, Array]) -> Outputs:
        """Every float tensor by the name that its place in the program bears, in the order of computation.

        Of one name the last result. The compiler moves and merges reshapes: a tensor may come in another shape.
        """
        places, found = _places(json.loads(self._model._debug_infos)), dict[str, Array]()

        def keep(values: list[Any], kind: str, where: Any) -> None:
            if kind != "output" or len(values) != 1 or values[0] is None or values[0].dtype not in _FLOATS:
                return
            if name := places.get(where.id):
                found.pop(name, None)
                found[name] = NDArray._wrap(values[0]).numpy().copy()

        logger = IntermediateLogger([CompileIdentifiers(number) for number in places], keep)
        outputs = self._called(self._model.load_function(name, intermediate_logger=logger), feeds)
        return found | outputs

    def _called(self, function: Any, feeds: Mapping[str, Array]) -> Outputs:
        described = function.desc
        given = {
            name: np.ascontiguousarray(feeds[name], _DTYPES[described.input_descriptor(name).dtype])
            for name in described.input_names
        }

        async def call() -> Any:
            return await function({name: NDArray(values) for name, values in given.items()})

        # a copy: what is given back is a view of memory that goes with the model
        return {name: values.numpy().copy() for name, values in self._loop.run_until_complete(call()).items()}


def _places(parts: list[dict[str, Any]]) -> dict[int, str]:
    """Number of a compiled operation → the name of what it makes.

    Of several places the last is its own; before it come those of reshapes that the compiler moved into its inputs, and
    of operations that it merged with their like in other layers (coreai-core 1.0.0b3).
    """
    return {
        operation["odixId"]: operation["sourceLocations"][-1]["fileName"]
        for part in parts
        for operation in part["operations"]
        if operation["sourceLocations"]
    }
