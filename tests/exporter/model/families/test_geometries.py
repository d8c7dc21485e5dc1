"""Widths, heads and tables that published checkpoints have and the seeded ones of other tests have not."""

import pytest

from benchmarks.models.tokenizer_files import TOKENS
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.parity.compare import Verdict
from tests.covering import cover, marked
from tests.exporter.places import ALL, SECONDS, UNITS, options_of

PADDED = 64 * (len(TOKENS) // 64 + 1)
"""Rows of a table as training frameworks pad it, more than the tokenizer has entries."""
GEOMETRIES = {
    "12 heads of 26, as TinyBERT": ("bert", 1, 312, 12, 1200, {}),
    "4 heads of 32, 4 layers": ("bert", 4, 128, 4, 512, {}),
    "2 heads of 64": ("bert", 2, 128, 2, 512, {}),
    "2 layers of 64": ("bert", 2, 64, 2, 256, {}),
    "a table padded to 64 rows": ("bert", 1, 64, 2, 256, {"vocab_size": PADDED}),
    "a padded table, counted positions": ("roberta", 1, 64, 2, 256, {"vocab_size": 320}),
}
"""Family, layers, hidden size, heads, intermediate size, and what config.json says besides."""
ROWS = [(name, target) for name in GEOMETRIES for target in TARGETS]
QUICK = [row for row in ROWS if row[1] in ("onnx", "coreml")]
QUICK += cover([row for row in ROWS if row not in QUICK], [(1,)], cost=lambda row: SECONDS.get(row[1], 1.0))


def write(write_family, folder, family, layers, hidden, heads, intermediate, more):
    classes = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}
    shape = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    shape |= {"intermediate_size": intermediate, "initializer_range": 0.1}
    return write_family(folder, family, f"{classes[family]}ForSequenceClassification", **shape, **more)


def exported(folder, target, place, texts):
    settings = Settings(options_of(target, ALL if ALL in UNITS[target] else UNITS[target][0]))
    request = Request(
        str(folder), (target,), ("none", "int8"), place, settings=settings, texts=texts, keep_failing=True
    )
    return export(request)


@pytest.mark.parametrize(("name", "target"), marked(ROWS, QUICK))
def test_a_published_geometry_agrees_with_pytorch(write_family, few, tmp_path, name, target):
    folder = write(write_family, tmp_path / "checkpoint", *GEOMETRIES[name])
    floats, rounded = exported(folder, target, tmp_path / "out", few)
    assert floats.parity.verdict is Verdict.PASS, floats.parity.failures
    assert floats.parity.max_absolute <= 1e-4
    assert 0 < rounded.parity.max_relative < 0.1
    assert rounded.parity.max_absolute > floats.parity.max_absolute


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_table_of_a_quarter_of_a_million_rows(write_family, few, tmp_path, target):
    """XLM-RoBERTa's, of 64 numbers a row."""
    folder = write(write_family, tmp_path / "checkpoint", "xlm-roberta", 1, 64, 2, 256, {"vocab_size": 250_002})
    floats, rounded = exported(folder, target, tmp_path / "out", few)
    assert floats.parity.verdict is Verdict.PASS, floats.parity.failures
    assert floats.size_bytes > 250_002 * 64 * 4
    assert rounded.size_bytes < 0.3 * floats.size_bytes
    assert 0 < rounded.parity.max_relative < 0.1
