"""What is inside a Core AI asset: facts, operators, weights by type, and what the Neural Engine cannot take."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.targets.coreai.program.writing import ask
from exporter.targets.coreai.requirements import require_coreai
from exporter.targets.target import Inspection
from runtimes.errors import BertportError, in_one_line

if TYPE_CHECKING:
    from runtimes.aimodel.model import Asset

_ELIGIBILITY = "Neural Engine eligibility"
_TOP = 12


def inspect_asset(path: Path) -> Inspection:
    """Inspect an asset. Raises BundleError where it is not what it should be.

    What the Neural Engine's rules object to is read by Apple's package, where it is installed.
    """
    from runtimes.aimodel.asset import read_asset  # here: what is exported has no use for it

    asset = read_asset(path)
    said, findings = _eligibility(path)
    operators = sum((Counter(dict(one.operations)) for one in asset.functions), Counter())
    sizes = sorted(asset.constants, key=lambda one: (-one.size_bytes, one.name))
    by_type = Counter[str]()
    for one in asset.constants:
        by_type[one.type.dtype] += one.size_bytes
    facts = {
        "minimum system": asset.minimum_system,
        "producer": asset.producer,
        "functions": ", ".join(one.name for one in asset.functions),
        "description": asset.metadata.description,
        "author": asset.metadata.author,
        "licence": asset.metadata.license,
        **{f"metadata {key}": str(value) for key, value in sorted(asset.metadata.user_defined.items())},
        **_signatures(asset),
        "bytes by type": ", ".join(f"{name} {size:,}" for name, size in by_type.most_common()),
        _ELIGIBILITY: said,
    }
    weights = [(one.name, one.type.dtype, [*one.type.shape], one.size_bytes) for one in sizes[:_TOP]]
    return Inspection({k: v for k, v in facts.items() if v}, dict(operators.most_common()), weights, findings)


def _signatures(asset: "Asset") -> dict[str, str]:
    """What each function reads and makes."""
    found = {}
    for function in asset.functions:
        sides = (
            ", ".join(f"{one.name} {one.dtype} {[*one.shape]}" for one in side)
            for side in (function.inputs, function.outputs)
        )
        found[f"function {function.name}"] = " → ".join(sides)
    return found


def _eligibility(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """What is said of the Neural Engine, and each obstacle."""
    from exporter.targets.coreai.eligibility import obstacles

    try:
        require_coreai("the Neural Engine's rules")
        graphs = json.loads(ask("list", path))
    except BertportError as error:
        return f"not asked: {in_one_line(error, 200)}", []
    found = obstacles(graphs)
    count = sum(len(operations) for operations in graphs.values())
    return f"{len(found)} obstacles in {count} operations (not placement)", found
