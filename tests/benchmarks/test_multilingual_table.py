"""The page's table is what the record says, and the record reaches what was asked of it."""

import json

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results.multilingual_table import PAGE, filled

RECORD = ARTIFACTS / "multilingual.json"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
FOUND = json.loads(RECORD.read_text(encoding="utf-8"))


def test_the_table_is_the_records():
    assert filled(TEXT, RECORD) == TEXT


def test_a_trimmed_multilingual_model_is_as_small_and_as_near_as_asked():
    assert FOUND["weights"] == "seeded"
    assert FOUND["geometry"]["rows"] == 250_037
    assert FOUND["rows"] <= 32_000
    one = FOUND["bundles"]["pq, 4 numbers in a code"]
    assert one["size_bytes"] <= 30_000_000
    assert one["least_cosine"] >= 0.98
    assert one["sentences"] >= 100


def test_another_figure_is_noticed(tmp_path):
    changed = {**FOUND, "rows": FOUND["rows"] - 1}
    (tmp_path / "record.json").write_text(json.dumps(changed))
    assert filled(TEXT, tmp_path / "record.json") != TEXT
