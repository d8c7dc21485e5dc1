"""What is inside a bundle or a Core ML package: facts, operators, weights, and what the Neural Engine cannot take."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from runtimes.backends.onnx.file_check import check_onnx, size_bytes
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import Bundle, check_files, read_bundle

_TOP = 12
_ELIGIBILITY = "Neural Engine eligibility"


@dataclass(frozen=True)
class Inspection:
    """Facts in the order they are shown.

    `weights` are (name, type, shape, bytes), largest first; `findings` are (operation, what keeps the Neural Engine
    from taking it): eligibility, never placement.
    """

    facts: dict[str, str]
    operators: dict[str, int]
    weights: list[tuple[str, str, list[int], int]] = field(default_factory=list)
    findings: list[tuple[str, str]] = field(default_factory=list)


def inspect(path: Path) -> Inspection:
    """Inspect a bundle, or a package by itself.

    Raises UsageError where `path` is neither, BundleError where it is not what it should be.
    """
    if (path / MANIFEST).is_file() or not (path / "Manifest.json").is_file():
        return _inspect_bundle(read_bundle(path))
    return _inspect_package(path)


def _inspect_bundle(bundle: Bundle) -> Inspection:
    check_files(bundle)
    manifest = bundle.manifest
    model = bundle.directory / manifest.models[0]
    found = _inspect_package(model) if manifest.recipe.target == "coreml" else _inspect_onnx(model)
    facts = {
        "source": manifest.source_model,
        "task": f"{manifest.recipe.task} ({manifest.problem})",
        "target": f"{manifest.recipe.target}, {manifest.recipe.scheme}",
        "labels": ", ".join(manifest.labels),
        "models": f"{', '.join(manifest.models)}, {bundle.size_bytes:,} bytes",
    }
    facts |= {f"input {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in manifest.inputs}
    facts |= {f"output {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in manifest.outputs}
    return Inspection(facts | found.facts, found.operators, found.weights, found.findings)


def _inspect_onnx(path: Path) -> Inspection:
    check_onnx(path)
    model = onnx.load_model(path, load_external_data=False)  # no weight is read: the checks held sizes against files
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    operators = Counter(node.op_type for node in model.graph.node)
    return Inspection({"opset": opsets}, dict(operators.most_common()), _weights(path, model)[:_TOP])


def _weights(path: Path, model: onnx.ModelProto) -> list[tuple[str, str, list[int], int]]:
    rows = [
        (t.name, onnx.TensorProto.DataType.Name(t.data_type).lower(), list(t.dims), size_bytes(path, t))
        for t in model.graph.initializer
    ]
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def _inspect_package(path: Path) -> Inspection:
    from runtimes.mil.eligibility import find_obstacles  # protobuf costs an ONNX bundle what it need not pay
    from runtimes.mil.outline import outline
    from runtimes.mil.package import read_package

    package = read_package(path)
    found, read = package.metadata, outline(package)
    facts = {
        "specification": f"version {package.specification_version}",
        "functions": ", ".join(package.functions),
        "description": found.description,
        "author": found.author,
        "licence": found.license,
        "version": found.version,
        **{f"metadata {key}": value for key, value in sorted(found.user_defined.items())},
    }
    facts |= {f"program input {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in read.inputs}
    facts |= {f"program output {spec.name}": f"{spec.dtype} {list(spec.shape)}" for spec in read.outputs}
    operators = Counter(read.operations)
    obstacles = [(f"{one.operation} {one.output}", one.finding) for one in find_obstacles(path)]
    facts[_ELIGIBILITY] = f"{len(obstacles)} obstacles in {len(read.operations)} operations (not placement)"
    return Inspection({k: v for k, v in facts.items() if v}, dict(operators.most_common()), [], obstacles)
