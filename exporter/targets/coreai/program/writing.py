"""Saving a program as an asset: a child process builds it with Apple's package, and its metadata is written here.

Nothing of `coreai` is imported in this process: most processes that did end in an abort (coreai-core 1.0.0b3).
"""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from exporter.targets.coreai.program.files import BUILT, CONSTANTS, GRAPHS
from exporter.targets.coreai.program.graph import Constant, Graph, Operand, Operation, Program
from exporter.targets.coreai.program.shapes import Tensor
from runtimes.aimodel.names import HASH, METADATA, PROGRAM
from runtimes.bundle.reading import sha256
from runtimes.errors import BertportError, LoweringError
from runtimes.files.bounded_read import read_bounded
from runtimes.files.json_text import to_json
from runtimes.process import child
from runtimes.process.frames import ARRAYS
from runtimes.process.launch import python_path

_ALIGNMENT = 64
_MOST_METADATA_BYTES = 1_000_000
_LIMIT_S = 900.0
_COMMAND = (sys.executable, "-P", "-m", "exporter.targets.coreai.program.building_child")


def write_asset(program: Program, metadata: Mapping[str, Any], path: Path) -> None:
    """Build `program` and save it with `metadata` as the folder `path`: the same bytes for the same program.

    What Apple's package says of the format and of itself stays beside `metadata`.

    Raises LoweringError where Apple's package refuses it, RuntimeUnavailable where its process ends.
    """
    with TemporaryDirectory() as folder:
        built = build(program, Path(folder))
        written = json.loads(read_bounded(built.with_name(METADATA), _MOST_METADATA_BYTES, LoweringError))
        path.mkdir(parents=True)
        shutil.move(built, path / PROGRAM)
    (path / HASH).write_bytes(bytes.fromhex(sha256(path / PROGRAM)))
    (path / METADATA).write_bytes(to_json(dict(sorted({**written, **metadata}.items()))))


def build(program: Program, folder: Path) -> Path:
    """The bytecode of `program`, in a file of `folder`, which is empty. Raises as `write_asset`."""
    places = _write_constants(program.constants, folder / CONSTANTS)
    described = {"functions": [*map(_graph, program.functions)], "constants": places}
    (folder / GRAPHS).write_bytes(json.dumps(described).encode())
    ask("build", folder)
    return folder / BUILT / PROGRAM


def ask(task: str, path: Path) -> bytes:
    """What a new process of Apple's package finds of `path`: `build` a folder, or `list` an asset."""
    process = child.Child(child.Program("coreai", "Core AI's compiler", _COMMAND, python_path(), _refused, _LIMIT_S))
    try:
        found = process.exchange(ARRAYS, {task: np.frombuffer(str(path.absolute()).encode(), np.uint8)})
    finally:
        process.close()
    return found["found"].tobytes()


def _refused(text: str) -> BertportError:
    return LoweringError(f"coreai: Apple's package does not take the program: {text}; pass another --quantize")


def _write_constants(constants: Mapping[str, Constant], path: Path) -> dict[str, Any]:
    """Write the bytes of all one after the other; where each lies, and its type."""
    places = {}
    with path.open("wb") as file:
        for name, one in constants.items():
            data = np.ascontiguousarray(one.data)
            file.write(bytes(-file.tell() % _ALIGNMENT))
            places[name] = {"element": one.element, "shape": one.shape, "at": file.tell(), "bytes": data.nbytes}
            file.write(data.reshape(-1).view(np.uint8).data)
    return places


def _graph(graph: Graph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "inputs": {name: [one.number, one.element, one.shape] for name, one in graph.inputs.items()},
        "operations": [*map(_operation, graph.operations)],
        "outputs": {name: [one.number, one.element, one.shape] for name, one in graph.outputs.items()},
    }


def _operation(one: Operation) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "operands": [*map(_operand, one.operands)],
        "options": one.options,
        "result": [one.result.number, one.result.element, one.result.shape],
    }


def _operand(one: Operand | list[Tensor]) -> Any:
    """A tensor's number, a list of such numbers, or a value."""
    if isinstance(one, Tensor):
        return one.number
    if isinstance(one, list):
        return [tensor.number for tensor in one]
    return {"dtype": one.dtype.name, "value": one.tolist()}
