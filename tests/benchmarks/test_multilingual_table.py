"""The record reaches what was asked of it."""

import json

from benchmarks import ARTIFACTS
from benchmarks.results.multilingual_table import table

FOUND = json.loads((ARTIFACTS / "multilingual.json").read_text(encoding="utf-8"))


def test_a_trimmed_multilingual_model_is_as_small_and_as_near_as_asked():
    assert FOUND["weights"] == "seeded"
    assert FOUND["geometry"]["rows"] == 250_037
    assert FOUND["rows"] <= 32_000
    one = FOUND["bundles"]["pq, 4 numbers in a code"]
    assert one["size_bytes"] <= 30_000_000
    assert one["least_cosine"] >= 0.98
    assert one["sentences"] >= 100


def test_another_figure_is_noticed():
    assert table({**FOUND, "rows": FOUND["rows"] - 1}) != table(FOUND)
