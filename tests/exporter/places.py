"""What contract tests export to: every target with its layouts, and how long each takes."""

from typing import Any

LENGTH = 24
ALL, FEW = "all", "cpu-and-gpu"
UNITS = {"onnx": (ALL,), "coreml": (ALL, FEW), "coreai": (ALL, FEW), "litert": ("any", "fixed")}
"""What a target is exported for: compute units, or any length and fixed ones."""
PLACES = tuple((target, units) for target, every in UNITS.items() for units in every)
SLOW = (("litert", "fixed"), ("coreai", FEW))
"""Minutes of them; targets/litert and targets/coreai hold each to its definition in seconds."""
QUICK = tuple(place for place in PLACES if place not in SLOW)
SECONDS = {"coreai": 10.0}
"""Targets whose runtime takes seconds for each bundle, and how many bundles of others that is."""


def options_of(target: str, units: str) -> dict[str, Any]:
    """The options of one place."""
    if target in ("coreml", "coreai"):
        return {"sequence_lengths": (LENGTH,), "compute_units": units}
    return {"sequence_lengths": (LENGTH, 8)} if units == "fixed" else {}
