"""Budgets by target, scheme and depth."""

import pytest

from exporter.errors import UsageError
from exporter.schemes import DEEP_LAYERS, SCHEMES, find_budget, for_depth


def test_float32_of_a_deep_model_is_held_to_a_share_of_its_range():
    budget = find_budget("onnx", "none")
    assert for_depth(budget, DEEP_LAYERS - 1) == budget
    deep = for_depth(budget, DEEP_LAYERS)
    assert (deep.max_absolute, deep.max_relative) == (None, 1e-3)
    assert deep.min_agreement == budget.min_agreement


@pytest.mark.parametrize("target", SCHEMES)
def test_depth_changes_no_other_budget(target):
    for name, budget in SCHEMES[target].items():
        if name != "none":
            assert for_depth(budget, 24) == budget


def test_an_unknown_scheme_is_refused_with_the_list():
    with pytest.raises(UsageError, match="it has none, fp16, int8"):
        find_budget("onnx", "int3")
