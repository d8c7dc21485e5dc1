"""The record reaches what was asked of it, and its tables say what was not run."""

import json

from benchmarks import ARTIFACTS
from benchmarks.results.coreai_tables import agreement_table, peer_table

AGREEMENT = json.loads((ARTIFACTS / "coreai_agreement.json").read_text(encoding="utf-8"))


def test_another_figure_is_noticed():
    changed = AGREEMENT["schemes"] | {"int8": AGREEMENT["schemes"]["int8"] | {"agreement": 0.5}}
    assert "| 50.0% |" in agreement_table({"schemes": changed})


def test_int8_gives_pytorchs_label_on_five_hundred_rows_and_more():
    found = AGREEMENT["schemes"]["int8"]
    assert found["rows"] >= 500
    assert found["agreement"] >= 0.995


def test_what_was_not_run_says_why():
    one = {"error": None, "convert_s": [2.0, 1.0, 9.0], "size_bytes": 8_000_000, "rows": 4}
    one |= {"max_absolute": 0.01, "mean_absolute": 0.001, "agreement": 1.0}
    text = peer_table({"rows": {"ours": one, "theirs": {"error": "no such wheel", "convert_s": []}}})
    assert "| ours | 2.0 | 8.00 | 4 | 0.01 | 0.001 | 100.0% |" in text
    assert text.endswith("\n\ntheirs: not run (no such wheel).")
