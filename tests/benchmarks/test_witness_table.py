"""The record says that the two agree, and the table what the record says."""

import json
import re

import pytest

from benchmarks import ARTIFACTS, ROOT
from benchmarks.models.seeded import KINDS
from benchmarks.results.witness_table import table

RECORD = ARTIFACTS / "coreml_witness.json"
TEXT = (ROOT / "docs" / "explanation" / "coreml-witness.md").read_text(encoding="utf-8")
COMPARED = json.loads(RECORD.read_text(encoding="utf-8"))["compared"]


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


def test_another_figure_is_noticed():
    one = {"tensors": 3, "largest": 0.25, "worst": "logits", "outputs": {"logits": 0.25}, "equal_share": 0.5}
    record = {"compared": {"bert fill-mask none": one}, "refused": {"bert token-classification none": "codes cannot"}}
    found = table(record)
    assert f"| `none` | 1 of {len(KINDS) - 1} |" in found
    assert "2.5e-01 | `logits` (bert, fill-mask) | 2.5e-01 | 50% |" in found


def test_every_file_that_it_names_is_there():
    named = re.findall(r"`((?:tests|benchmarks|artifacts|runtimes)/[\w/.]+)`", TEXT)
    assert named
    assert not {name for name in named if not (ROOT / name).exists()}
