"""The record reaches what was asked of it."""

import json

import pytest

from benchmarks import ARTIFACTS
from benchmarks.accuracy.trained_families import FAMILIES, SCHEMES
from benchmarks.results.trained_table import table

RECORD = ARTIFACTS / "trained_families.json"
FOUND = json.loads(RECORD.read_text(encoding="utf-8"))["families"]
LEAST = 0.97
"""Of labels, that `int8` keeps."""


def test_another_figure_is_noticed():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    record["families"]["modernbert"]["figures"]["onnx-int8"]["agreement"] = 0.5
    assert "| 0.5000 |" in table(record)


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_keeps_the_labels(family):
    figures = FOUND[family]["figures"]
    assert figures.keys() == {"pytorch", *(f"{target}-{scheme}" for target in SCHEMES for scheme in SCHEMES[target])}
    assert figures["pytorch"]["accuracy"] > 0.8  # it learnt something: a constant would agree with anything
    for target in SCHEMES:
        assert figures[f"{target}-int8"]["agreement"] >= LEAST
