"""Budgets by target, scheme and depth."""

import pytest

from exporter.targets.budgets import DEEP_LAYERS, for_depth
from exporter.targets.registry import TARGETS, find_scheme
from runtimes.bundle.manifest import Budget
from runtimes.errors import UsageError

EXACT, HALF = (1e-4, None, 1.0, 0.99999), (None, 0.01, 0.99, 0.9999)
AGREED = {
    "onnx": {
        "none": EXACT,
        "fp16": HALF,
        "int8": (None, 0.10, 0.97, 0.998),
        "int8-weights": (None, 0.03, 0.98, 0.998),
        "int4-embeddings": (None, 0.20, 0.95, 0.99),
        "pq": (None, 0.25, 0.92, 0.90),
        "pq4": (None, 0.35, 0.92, 0.77),
    },
    "coreml": {
        "none": EXACT,
        "fp16": HALF,
        "int8": (None, 0.05, 0.98, 0.998),
        "w8a8": (None, 0.10, 0.96, 0.92),
        "int4-embeddings": (None, 0.20, 0.95, 0.99),
        "int4": (None, 0.25, 0.92, 0.90),
        "pq": (None, 0.25, 0.92, 0.93),
        "pq4": (None, 0.35, 0.92, 0.76),
        "palettize6": (None, 0.10, 0.96, 0.99),
        "palettize4": (None, 0.25, 0.92, 0.74),
    },
    "coreai": {
        "none": EXACT,
        "fp16": HALF,
        "int8": (None, 0.05, 0.98, 0.998),
        "int4-embeddings": (None, 0.20, 0.95, 0.99),
        "int4": (None, 0.25, 0.92, 0.90),
        "pq": (None, 0.25, 0.92, 0.93),
        "palettize6": (None, 0.10, 0.96, 0.99),
        "palettize4": (None, 0.25, 0.92, 0.74),
    },
    "litert": {
        "none": EXACT,
        "fp16": HALF,
        "int8": (None, 0.10, 0.97, 0.998),
        "int8-weights": (None, 0.03, 0.98, 0.998),
        "int4-embeddings": (None, 0.20, 0.95, 0.99),
        "pq": (None, 0.25, 0.92, 0.90),
        "pq4": (None, 0.35, 0.92, 0.77),
    },
}
"""Absolute, relative, agreement, cosine."""


def test_no_budget_moves_unseen():
    """A budget is widened by nobody's slip: whoever changes one changes it twice, and says why."""
    agreed = {name: {scheme: Budget(*limits) for scheme, limits in schemes.items()} for name, schemes in AGREED.items()}
    assert agreed == {name: {s: one.budget for s, one in target.schemes.items()} for name, target in TARGETS.items()}
    own, coreml = Budget(None, 0.10, 0.97, 0.998), Budget(None, 0.05, 0.98, 0.998)
    finetuned = {"onnx": own, "coreml": coreml, "coreai": coreml, "litert": own}
    assert finetuned == {name: target.finetuned_budget for name, target in TARGETS.items()}
    assert DEEP_LAYERS == 12


def test_float32_of_a_deep_model_is_held_to_a_share_of_its_range():
    budget = find_scheme("onnx", "none").budget
    assert for_depth(budget, DEEP_LAYERS - 1) == budget
    deep = for_depth(budget, DEEP_LAYERS)
    assert (deep.max_absolute, deep.max_relative) == (None, 1e-3)
    assert deep.min_agreement == budget.min_agreement


@pytest.mark.parametrize("target", TARGETS)
def test_depth_changes_no_other_budget(target):
    for scheme in TARGETS[target].schemes.values():
        if not scheme.exact:
            assert for_depth(scheme.budget, 24) == scheme.budget


def test_an_unknown_scheme_is_refused_with_the_list():
    with pytest.raises(UsageError) as error:
        find_scheme("onnx", "int3")
    listed = "none, fp16, int8, int8-weights, int4-embeddings, pq, pq4"
    assert str(error.value) == f"--quantize int3: unknown to onnx; it has {listed}"


def test_an_unknown_target_is_refused_with_the_list():
    with pytest.raises(UsageError) as error:
        find_scheme("tflite", "int8")
    assert str(error.value) == "--target tflite: unknown; known: onnx, coreml, coreai, litert"


def test_a_deep_models_other_limits_stay():
    deep = for_depth(Budget(max_absolute=1e-4, min_agreement=0.9, min_cosine=0.8), 24)
    assert deep == Budget(None, 1e-3, 0.9, 0.8)
