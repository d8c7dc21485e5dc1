"""The page's table is what the record says, and the record says that the two agree."""

import json
import re

import pytest

from benchmarks import ARTIFACTS, ROOT
from benchmarks.models.seeded import KINDS
from benchmarks.results.witness_table import PAGE, filled, table

RECORD = ARTIFACTS / "coreml_witness.json"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
COMPARED = json.loads(RECORD.read_text(encoding="utf-8"))["compared"]


def test_the_table_is_the_records():
    assert filled(TEXT, RECORD) == TEXT


STEP = 2**-10
"""Of float16, as a share of a number, at most."""


AMPLIFIED = {
    "bert multiple-choice none": {"classifier", "logits"},
    "electra multiple-choice palettize6": {"classifier", "logits"},
    "mobilebert next-sentence-prediction none": {"pooler"},
}
"""What alone is further off in these: one number that larger ones cancel out to, and the tanh of numbers up to 33."""


@pytest.mark.parametrize("name", COMPARED)
def test_the_two_agree(name):
    """In float32 as sums in another order do; in float16 within 8 steps, and 32 where nothing is normalised."""
    family, _, scheme = name.split()
    half = (32 if family == "mobilebert" else 8) * STEP
    most = 1e-5 if scheme == "none" else half
    beyond = {tensor for tensor, gap in COMPARED[name]["relative"].items() if not gap < most}
    assert beyond == AMPLIFIED.get(name, set())
    assert COMPARED[name]["tensors"] >= 15


def test_another_figure_is_noticed(tmp_path):
    one = {"tensors": 3, "largest": 0.25, "worst": "logits", "outputs": {"logits": 0.25}, "equal_share": 0.5}
    record = {"compared": {"bert fill-mask none": one}, "refused": {"bert token-classification none": "codes cannot"}}
    (tmp_path / "record.json").write_text(json.dumps(record))
    assert f"| `none` | 1 of {len(KINDS) - 1} |" in table(record)
    assert "2.5e-01 | `logits` (bert, fill-mask) | 2.5e-01 | 50% |" in filled(TEXT, tmp_path / "record.json")
    assert filled(TEXT, tmp_path / "record.json") != TEXT


def test_every_file_that_it_names_is_there():
    named = re.findall(r"`((?:tests|benchmarks|artifacts|runtimes)/[\w/.]+)`", TEXT)
    assert named
    assert not {name for name in named if not (ROOT / name).exists()}
