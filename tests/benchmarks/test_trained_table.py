"""The record reaches what was asked of it."""

import json

import pytest

from benchmarks import ARTIFACTS
from benchmarks.accuracy.trained_families import FAMILIES, SCHEMES
from benchmarks.results.trained_table import table
from exporter.targets.registry import TARGETS

RECORD = ARTIFACTS / "trained_families.json"
FOUND = json.loads(RECORD.read_text(encoding="utf-8"))["families"]
LEAST = 0.97
"""Of labels, that `int8` keeps."""


def test_another_figure_is_noticed():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    record["families"]["modernbert"]["figures"]["onnx-int8"]["agreement"] = 0.5
    assert "| 0.5000 |" in table(record)


def beyond_budget(families):
    """Bundles that share fewer labels with PyTorch than their scheme's budget asks, whatever the family."""
    return [
        (family, name)
        for family, found in families.items()
        for name, one in found["figures"].items()
        if name != "pytorch" and one["agreement"] < _least(*name.split("-", 1))
    ]


def _least(target, scheme):
    return TARGETS[target].schemes[scheme].budget.min_agreement


def test_one_budget_holds_for_every_family():
    assert beyond_budget(FOUND) == []


def test_a_family_beyond_it_would_be_named():
    changed = json.loads(json.dumps(FOUND))
    changed["deberta-v2"]["figures"]["onnx-pq"]["agreement"] = 0.91
    assert beyond_budget(changed) == [("deberta-v2", "onnx-pq")]


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_keeps_the_labels(family):
    figures = FOUND[family]["figures"]
    assert figures.keys() == {"pytorch", *(f"{target}-{scheme}" for target in SCHEMES for scheme in SCHEMES[target])}
    assert figures["pytorch"]["accuracy"] > 0.8  # it learnt something: a constant would agree with anything
    for target in SCHEMES:
        assert figures[f"{target}-int8"]["agreement"] >= LEAST
