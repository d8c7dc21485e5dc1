"""What is inside a .tflite file: signatures, operators, bytes by type and by role, and what XNNPACK takes of it."""

from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from exporter.targets.target import Inspection
from runtimes.backends.litert.file_check import FOREIGN_OPERATORS, check_litert
from runtimes.backends.litert.placement import Placement, measured, obstacle
from runtimes.errors import BundleError, RuntimeUnavailable, in_one_line
from runtimes.tflite.model import Model, Signature, Subgraph, Tensor
from runtimes.tflite.reading import read_model

_TOP = 12
_NAME = 60
"""Characters of a tensor's name that are shown."""
_RUNTIME = "min_runtime_version"
"""Metadata in which converters write the oldest runtime that knows every operator in its version."""
_ROLES = {"embeddings.word.": "word table", "embeddings.": "other tables", "layer.": "layers"}
"""How names of our tensors begin → what they belong to; all others are the head's, and what shapes are made of."""


def inspect_litert(path: Path) -> Inspection:
    """Inspect a .tflite file, whoever wrote it. Raises BundleError where it is none."""
    model = read_model(path)
    found, findings = _eligibility(path, model)
    operators = Counter(f"{node.operator} v{node.version}" for graph in model.subgraphs for node in graph.nodes)
    facts = _facts(model) | _bytes(path, model) | {"XNNPACK": found}
    return Inspection(
        {name: value for name, value in facts.items() if value},
        dict(operators.most_common()),
        [(_short(one.name), one.dtype, [*one.shape], size) for one, size in _weights(model)[:_TOP]],
        findings,
    )


def _facts(model: Model) -> dict[str, str]:
    runtime = model.metadata.get(_RUNTIME, b"").split(b"\0")[0].decode("ascii", "replace")
    counts = [f"{one.name or 'unnamed'}: {len(one.nodes):,} nodes" for one in model.subgraphs]
    whole = Signature("", 0, *_by_name(model.subgraphs[0]))
    return {
        "schema": "version 3",
        "description": model.description,
        "subgraphs": ", ".join(counts),
        **{f"signature {one.key}": _signature(model, one) for one in model.signatures},
        "inputs and outputs": "" if model.signatures else _signature(model, whole),
        "metadata": ", ".join(f"{name} ({len(content):,} bytes)" for name, content in model.metadata.items()),
        "least runtime": runtime,
    }


def _by_name(graph: Subgraph) -> list[Mapping[str, int]]:
    return [{graph.tensors[number].name: number for number in side} for side in (graph.inputs, graph.outputs)]


def _signature(model: Model, one: Signature) -> str:
    tensors = model.subgraphs[one.subgraph].tensors
    inputs, outputs = (
        ", ".join(f"{name} {tensors[number].dtype} {list(tensors[number].shape)}" for name, number in side.items())
        for side in (one.inputs, one.outputs)
    )
    return f"{inputs} → {outputs}"


def _weights(model: Model) -> list[tuple[Tensor, int]]:
    """Every constant and its bytes, largest first: what is shared by subgraphs once, by the name in the first."""
    first: dict[int, Tensor] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.buffer:
                first.setdefault(tensor.buffer, tensor)
    sized = [(tensor, model.buffers[number].nbytes) for number, tensor in first.items()]
    return sorted(sized, key=lambda one: (-one[1], one[0].name))


def _bytes(path: Path, model: Model) -> dict[str, str]:
    """Bytes by type and, of a file of ours, by what they belong to; what is left is the graphs' description."""
    by_type, by_role = Counter[str](), Counter[str]()
    for tensor, size in _weights(model):
        by_type[tensor.dtype] += size
        by_role[next((role for start, role in _ROLES.items() if tensor.name.startswith(start)), "the rest")] += size
    rest = path.stat().st_size - sum(by_type.values())
    ours = "word table" in by_role and "layers" in by_role
    return {
        "bytes by type": _counts(by_type),
        "bytes by role": _counts(by_role) if ours else "",
        "graphs, scales, metadata": f"{rest:,} bytes",
    }


def _counts(sizes: Counter[str]) -> str:
    return ", ".join(f"{name} {size:,}" for name, size in sizes.most_common())


def _eligibility(path: Path, model: Model) -> tuple[str, list[tuple[str, str]]]:
    """What is said of XNNPACK, and the nodes of the first graph that it does not take."""
    graph = model.subgraphs[0]
    try:
        check_litert(path, FOREIGN_OPERATORS)
    except BundleError as error:
        return f"not asked: {in_one_line(error, 200)}", []
    reasons = {number: obstacle(model, graph, number) for number in range(len(graph.nodes))}
    try:
        placed, how = measured(path, graph), f"measured with LiteRT {version('ai-edge-litert')}"
    except (RuntimeUnavailable, BundleError) as error:
        placed = Placement(frozenset(number for number, reason in reasons.items() if not reason), 0)
        how = f"by rules, not measured: {in_one_line(error, 200)}"
    left = [number for number in range(len(graph.nodes)) if number not in placed.taken]
    parts = f" in {placed.parts} parts" if placed.parts > 1 else ""
    said = f"takes {len(placed.taken)} of {len(graph.nodes)} nodes of {graph.name or 'the graph'}{parts} ({how})"
    return said, [(_operation(graph, number), f"XNNPACK: {reasons[number] or 'not taken'}") for number in left]


def _operation(graph: Subgraph, number: int) -> str:
    node = graph.nodes[number]
    return f"{node.operator} {_short(graph.tensors[node.outputs[0]].name)}" if node.outputs else node.operator


def _short(name: str) -> str:
    """The end of a name, which tells more: litert-torch writes every module on the way to a tensor."""
    return name if len(name) <= _NAME else f"…{name[1 - _NAME :]}"
