"""The page's tables are what the records say."""

import json
import shutil

from benchmarks import ARTIFACTS, ROOT
from benchmarks.results.coreai_tables import PAGE, filled, peer_table

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
NAMES = ("coreai_agreement.json", "coreai_peer.json")


def test_the_tables_are_the_records():
    assert filled(TEXT, ARTIFACTS) == TEXT


def test_another_figure_is_noticed(tmp_path):
    for name in NAMES:
        shutil.copy(ARTIFACTS / name, tmp_path)
    record = json.loads((tmp_path / NAMES[0]).read_text(encoding="utf-8"))
    record["schemes"]["int8"]["agreement"] = 0.5
    (tmp_path / NAMES[0]).write_text(json.dumps(record))
    assert "| 50.0% |" in filled(TEXT, tmp_path)
    assert filled(TEXT, tmp_path) != TEXT


def test_int8_gives_pytorchs_label_on_five_hundred_rows_and_more():
    found = json.loads((ARTIFACTS / NAMES[0]).read_text(encoding="utf-8"))["schemes"]["int8"]
    assert found["rows"] >= 500
    assert found["agreement"] >= 0.995


def test_what_was_not_run_says_why():
    one = {"error": None, "convert_s": [2.0, 1.0, 9.0], "size_bytes": 8_000_000, "rows": 4}
    one |= {"max_absolute": 0.01, "mean_absolute": 0.001, "agreement": 1.0}
    text = peer_table({"rows": {"ours": one, "theirs": {"error": "no such wheel", "convert_s": []}}})
    assert "| ours | 2.0 | 8.00 | 4 | 0.01 | 0.001 | 100.0% |" in text
    assert text.endswith("\n\ntheirs: not run (no such wheel).")
