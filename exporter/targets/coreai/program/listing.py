"""What Apple's package reads in an asset: its functions and their operations. Imported by the child alone."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import coreai.authoring as ca
from coreai._compiler.ir import BlockArgument, OpResult

_CONSTANT = "coreai.constant"


def listed(asset: Path) -> bytes:
    """JSON of every graph of the asset, by its name: see `audit.graph.Listed`."""
    module = ca.AIModelAsset.load(asset).program._module
    return json.dumps({_symbol(graph): _graph(graph) for graph in module._body.operations}).encode()


def _symbol(graph: Any) -> str:
    return str(graph.attributes["sym_name"].value)


def _graph(graph: Any) -> list[dict[str, Any]]:
    """The graph itself, then its operations; these are referred to by their names, and a number among those of one."""
    block = graph.regions[0].blocks[0]
    operations = [getattr(one, "operation", one) for one in block.operations]
    seen, sources = Counter[str](), dict[Any, str]()
    for one in operations:
        name = _name(one)
        label = str(one.attributes["value"]) if one.name == _CONSTANT else f"{name} {seen[name]}"
        seen[name] += one.name != _CONSTANT
        sources |= dict.fromkeys(one.results, label)
    own = getattr(graph, "operation", graph)
    return [_described(own, "", sources), *(_described(one, _name(one), sources) for one in operations)]


def _described(operation: Any, name: str, sources: Mapping[Any, str]) -> dict[str, Any]:
    return {
        "kind": operation.name,
        "name": name,
        "operands": [_source(one, sources) for one in operation.operands],
        "attributes": {one.name: str(one.attr) for one in operation.attributes},
        "results": [str(one.type) for one in operation.results],
    }


def _name(operation: Any) -> str:
    """The file that its location names: the tensor's name."""
    found = ca.DebugInfo._from_mlir(operation.location)._file
    return found.filename if found else ""


def _source(value: Any, sources: Mapping[Any, str]) -> str:
    """Where a value comes from: the number of an input, what a constant holds, or an operation."""
    if BlockArgument.isinstance(value):
        return f"input {BlockArgument(value).arg_number}"
    return sources[OpResult(value)]
