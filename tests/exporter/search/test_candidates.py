"""Which of what was tried is taken."""

import pytest

from exporter.search.candidates import Candidate, dominated, in_order
from runtimes.bundle.manifest import Recipe


def candidate(scheme, size, drop, latency=(), target="onnx"):
    recipe = Recipe(target, scheme, "text-classification")
    return Candidate(recipe, size, "accuracy", 0.9, 0.9 - drop / 100, drop, (drop - 1, drop + 1), None, 1.0, latency)


SMALL, FAST = candidate("small", 1000, 0.3, (2.0, 2.0, 9.0)), candidate("fast", 1005, 0.2, (1.0, 1.0, 9.0))
LARGE, LOSSY = candidate("large", 4000, 0.0, (1.0,)), candidate("lossy", 500, 0.31, (0.5,))


def test_the_smallest_within_the_budget_is_first_and_the_faster_of_equal_sizes():
    assert [one.name for one in in_order([LARGE, SMALL, LOSSY, FAST], 0.3)] == ["onnx-fast", "onnx-small", "onnx-large"]
    assert in_order([LOSSY], 0.3) == []


def test_a_gain_is_within_every_budget():
    better = candidate("better", 10, -0.4)
    assert in_order([better], 0.0) == [better]


def test_what_another_beats_in_all_is_dominated():
    everything = [SMALL, FAST, LARGE, LOSSY]
    assert dominated(candidate("worse", 4000, 0.1, (1.0,)), everything)
    assert not any(dominated(one, everything) for one in everything)


@pytest.mark.parametrize("other", [candidate("same", 4000, 0.0, (1.0,)), candidate("better", 1, -1.0, (), "coreml")])
def test_an_equal_or_another_target_dominates_nothing(other):
    assert not dominated(LARGE, [LARGE, other])


def test_a_name_says_what_is_kept():
    recipe = Recipe("onnx", "int8", "text-classification", keep=("layer.0.*", "pooler.*=int8"))
    assert candidate("x", 1, 0).name == "onnx-x"
    assert Candidate(recipe, 1, "", 0, 0, 0, (0, 0), None, 0).name == "onnx-int8 but layer.0.*, pooler.*=int8"
