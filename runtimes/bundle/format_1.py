"""Manifests of format 1, whose recipe had a column for every option of either target: read as format 2."""

from typing import Any

_COMMON = ("target", "scheme", "task", "keep", "pq_dims", "frequencies_sha256", "finetuned_sha256", "finetune_epochs")
_OPTIONS = {
    "onnx": ("opset", "int32_inputs", "float_channels", "hidden_states"),
    "coreml": ("sequence_lengths", "compute_units", "deployment_target"),
}
"""Target → its columns; format 1 knew no other targets."""
_UNUSED: dict[str, Any] = {"int32_inputs": True, "hidden_states": False, "opset": None, "float_channels": None}
_UNUSED |= {"sequence_lengths": [], "compute_units": None, "deployment_target": None}
"""What a column held that was another target's."""


def upgraded(raw: dict[str, Any]) -> dict[str, Any]:
    """The content of such a manifest in the terms of format 2.

    Raises KeyError and TypeError for what format 1 did not write: a missing or unknown column, or another target's.
    """
    recipe = dict(raw["recipe"])
    own = _OPTIONS[recipe["target"]]
    read = {name: recipe.pop(name) for name in _COMMON if name in recipe}
    options = {name: recipe.pop(name, _UNUSED[name]) for name in own}
    size = recipe.pop("pieces", None)
    strange = [name for name, value in recipe.items() if name not in _UNUSED or value != _UNUSED[name]]
    if strange:
        raise TypeError(f"recipe: {', '.join(sorted(strange))}: not of target {read['target']}")
    return raw | {"format_version": 2, "recipe": read | {"options": options, "vocabulary_size": size}}
