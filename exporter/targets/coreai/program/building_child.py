"""The child of `writing`: builds a program with Apple's package and saves it, or lists the operations of one.

    python -P -m exporter.targets.coreai.program.building_child

This and `listing` alone import what is below `coreai.authoring`, which Apple declares unstable: the public way to make
a constant names large ones by a hash that is seeded by the process, and writes int4 one byte an element (coreai-core
1.0.0b3). It ends without Python's own end, which the package does not survive.
"""

import json
import mmap
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import coreai.authoring as ca
import numpy as np
from coreai._compiler._mlir_libs._coreaiIR._bindings.mlir import set_block_arg_location
from coreai._compiler.dialects._coreai_ops_gen import ConstantOp, OutputOp
from coreai._compiler.dialects.debuginfo import UnresolvedType
from coreai._compiler.ir import (
    DenseElementsAttr,
    DenseResourceElementsAttr,
    F16Type,
    F32Type,
    FloatAttr,
    FunctionType,
    InsertionPoint,
    IntegerAttr,
    IntegerType,
    RankedTensorType,
)
from coreai.authoring.graph_builder import GraphOp

from exporter.targets.coreai.program.files import BUILT, CONSTANTS, GRAPHS
from exporter.targets.coreai.program.listing import listed
from runtimes.errors import BundleError
from runtimes.files.bounded_read import read_bounded
from runtimes.process.frames import ARRAYS, pack, read_frame, unpack, write_frame
from runtimes.process.serving import complain, own_stdout

_BLOB_ALIGNMENT = 16
_MOST_BYTES = 1 << 30
_PLACE = "bertport"
"""The file that a function is said to come from."""
Described = Mapping[str, Any]


class _Building:
    """The constants of a program, and its functions one after the other."""

    def __init__(self, module: ca.Module, constants: Described, content: mmap.mmap | bytes) -> None:
        self._module = module
        self._constants = {name: _attribute(name, one, content) for name, one in constants.items()}

    def function(self, graph: Described) -> None:
        """A function that an app calls by its name."""
        name, place = graph["name"], InsertionPoint(self._module._body)
        inputs, outputs = ([_tensor_type(*one[1:]) for one in graph[side].values()] for side in ("inputs", "outputs"))
        declared = str(UnresolvedType.get(FunctionType.get(inputs=inputs, results=outputs)))
        whole = ca.DebugInfo.file(_PLACE, 1).with_subprogram(name, mlir_type_str=declared, linkage_name=name)._to_mlir()
        made = GraphOp(name, inputs, outputs, [*graph["inputs"]], [*graph["outputs"]], loc=whole, ip=place)
        for one in made.arguments:
            set_block_arg_location(one, whole)
        with made.block, _location(name, name):
            self._body(graph, made)

    def _body(self, graph: Described, made: GraphOp) -> None:
        numbers = [one[0] for one in graph["inputs"].values()]
        values = {number: ca.Value._from_mlir(one) for number, one in zip(numbers, made.arguments, strict=True)}
        for one in graph["operations"]:
            with _location(one["name"], graph["name"]):
                values[one["result"][0]] = self._operation(one, values)
        OutputOp([values[one[0]]._to_mlir() for one in graph["outputs"].values()])

    def _operation(self, one: Described, values: Mapping[int, ca.Value]) -> ca.Value:
        _, element, shape = one["result"]
        if one["kind"] == "constant":
            return _constant(self._constants[one["options"]["constant"]])
        if one["kind"] == "filled":
            return _constant(_filled(element, shape, float(one["options"]["value"])))
        operands = [_operand(given, values) for given in one["operands"]]
        made = _called(one["kind"], operands, one["options"])
        if tuple(made.type.shape) != tuple(shape):
            raise ValueError(f"{one['name']}: {one['kind']} gives {list(made.type.shape)}, expected {shape}")
        return made


def _location(name: str, scope: str) -> Any:
    """What is built within bears `name`, as the file that it comes from."""
    return ca.DebugInfo.file(name, 1).with_scope(ca.SymbolRefScope(scope)).activate()


def _constant(attribute: Any) -> ca.Value:
    return ca.Value._from_mlir(ConstantOp(value=attribute).result)


def _called(kind: str, operands: Sequence[Any], options: Mapping[str, str]) -> ca.Value:
    given = {name: np.dtype(value).type if name == "dtype" else value for name, value in options.items()}
    return getattr(ca, kind)(*operands, **given)


def _operand(given: Any, values: Mapping[int, ca.Value]) -> Any:
    if isinstance(given, int):
        return values[given]
    if isinstance(given, list):
        return [values[one] for one in given]
    return np.array(given["value"], given["dtype"])


def _attribute(name: str, one: Described, content: mmap.mmap | bytes) -> Any:
    """A constant whose bytes lie in `content`; it is called by its name."""
    data = np.frombuffer(content, np.uint8, one["bytes"], one["at"])
    kind = _tensor_type(one["element"], one["shape"])
    return DenseResourceElementsAttr.get_from_buffer(data, name, kind, alignment=_BLOB_ALIGNMENT)


def _filled(element: str, shape: Sequence[int], value: float) -> Any:
    """One number for every element."""
    kind = _element(element)
    one = FloatAttr.get(kind, value) if element.startswith("float") else IntegerAttr.get(kind, int(value))
    return DenseElementsAttr.get_splat(RankedTensorType.get(list(shape), kind), one)


def _tensor_type(element: str, shape: Sequence[int]) -> Any:
    return RankedTensorType.get(list(shape), _element(element))


def _element(name: str) -> Any:
    """The type of a number, by numpy's name or int4, uint6 and the like."""
    floats = {"float16": F16Type, "float32": F32Type}
    if name in floats:
        return floats[name].get()
    unsigned, bits = name.startswith("u"), int(name.lstrip("uint"))
    return IntegerType.get_unsigned(bits) if unsigned else IntegerType.get_signed(bits)


def _save(folder: Path) -> bytes:
    """Build what lies in a folder; nothing is said of it."""
    described = json.loads(read_bounded(folder / GRAPHS, _MOST_BYTES, BundleError))
    with (folder / CONSTANTS).open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    module = ca.Module.create()
    with module:
        building = _Building(module, described["constants"], content)
        for graph in described["functions"]:
            building.function(graph)
    ca.AIProgram(module).save_asset(folder / BUILT)
    return b""


def main() -> NoReturn:
    """Do what the one question asks; what goes wrong is told."""
    answers = own_stdout()
    try:
        _, content = read_frame(sys.stdin.buffer)
        ((task, given),) = unpack(content).items()
        found = {"build": _save, "list": listed}[task](Path(given.tobytes().decode()))
        write_frame(answers, ARRAYS, pack({"found": np.frombuffer(found, np.uint8)}))
    except (EOFError, BrokenPipeError):  # nobody asks any more
        pass
    except Exception as error:
        complain(answers, error)
    answers.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
