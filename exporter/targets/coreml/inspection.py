"""What is inside a Core ML package: facts, operators, and what the Neural Engine cannot take."""

from collections import Counter
from pathlib import Path

from exporter.targets.target import Inspection

_ELIGIBILITY = "Neural Engine eligibility"


def inspect_package(path: Path) -> Inspection:
    """Inspect a package. Raises BundleError where it is not what it should be."""
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
