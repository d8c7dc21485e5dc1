"""bertport.toml is taken as it is written or refused in one line that names file and key."""

from pathlib import Path
from typing import get_args

import pytest

from exporter.commands.checking.baseline import read_baseline
from exporter.commands.checking.config import Arch, read_config
from exporter.errors import UsageError
from runtimes.processors import ARCHITECTURES

ROOT = Path(__file__).parents[4]
GOOD = """
baseline = "baseline.json"
[[export]]
model = "demo"
schemes = ["int8", "none"]
texts = "texts.txt"
[export.settings]
opset = 21
[export.data]
file = "rows.csv"
labels = { "1" = "World" }
[export.budget]
max_absolute = 1
max_drop_points = 0.5
[export.budget.latency]
to = "demo onnx-none"
max_ratio = 1.5
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "texts.txt").write_text("a text")
    (tmp_path / "rows.csv").write_text("text,label\na,1\n")

    def write(content):
        path = tmp_path / "bertport.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_what_is_said_is_taken_and_paths_start_at_the_file(write, tmp_path):
    config = read_config(write(GOOD))
    (export,) = config.export
    assert export.names == ["demo onnx-int8", "demo onnx-none"]
    assert (export.settings.opset, export.budget.max_absolute, export.model) == (21, 1.0, "demo")
    assert export.texts == tmp_path / "texts.txt"
    assert export.data is not None
    assert export.data.file == tmp_path / "rows.csv"
    assert config.baseline == tmp_path / "baseline.json"


def test_a_model_folder_beside_the_file_is_found_and_keeps_its_name(write, checkpoint, tmp_path):
    (tmp_path / "tiny").symlink_to(checkpoint)
    (export,) = read_config(write('[[export]]\nmodel = "tiny"\n')).export
    assert (export.model, export.names) == (str(tmp_path / "tiny"), ["tiny onnx-none"])


WRONG = {
    "an unknown key": ("opset = 21", "opst = 21", "export.1.settings.opst: unknown key"),
    "an unknown key at the top": ("baseline =", "base =", "base: unknown key"),
    "an unknown budget": ("max_absolute", "max_size", "export.1.budget.max_size: unknown key"),
    "text for a number": ("opset = 21", 'opset = "21"', "export.1.settings.opset: Input should be a valid integer"),
    "a number for text": ('model = "demo"', "model = 3", "export.1.model: Input should be a valid string"),
    "text for a list": ('["int8", "none"]', '"int8"', "export.1.schemes: Input should be a valid array"),
    "an empty list": ('["int8", "none"]', "[]", "export.1.schemes"),
    "a truth for a number": ("max_absolute = 1", "max_size_bytes = true", "export.1.budget.max_size_bytes"),
    "a date": ("max_absolute = 1", "max_absolute = 2026-01-01", "export.1.budget.max_absolute"),
    "NaN": ("max_absolute = 1", "max_absolute = nan", "export.1.budget.max_absolute: Input should be a finite number"),
    "a negative budget": ("max_absolute = 1", "max_absolute = -1", "export.1.budget.max_absolute"),
    "no model": ('model = "demo"', "", "export.1.model: missing"),
    "a table in place of the list": ("[[export]]", "[export]", "export: Input should be a valid array"),
    "no latency target of that name": ("demo onnx-none", "demo onnx-fp16", "export.1.budget.latency.to"),
    "a drop without data": ('file = "rows.csv"', 'fil = "rows.csv"', "export.1.data"),
    "no texts": ('"texts.txt"', '"none.txt"', "export.1.texts: no file"),
    "no data": ('"rows.csv"', '"none.csv"', "export.1.data.file: no file"),
    "no model folder": ('model = "demo"', 'name = "demo"\nmodel = "./none"', "export.1.model: no folder"),
    "a name that leaves the folder": ('model = "demo"', 'model = "demo"\nname = "../x"', "export.1.name"),
    "the same bundle twice": ('["int8", "none"]', '["int8", "int8", "none"]', "'demo onnx-int8' is there twice"),
    "an unknown scheme": ('["int8", "none"]', '["int3", "none"]', "export.1: --quantize int3: unknown to onnx"),
    "an unknown target": (
        'model = "demo"',
        'model = "demo"\ntargets = ["tflite"]',
        "export.1: --target tflite: unknown",
    ),
    "no processor": ('model = "demo"', 'model = "demo"\narchs = []', "export.1.archs"),
    "an unknown processor": ('model = "demo"', 'model = "demo"\narchs = ["sparc"]', "export.1.archs"),
    "Core ML on a phone's ONNX kernels": (
        'model = "demo"',
        'model = "demo"\ntargets = ["coreml"]\narchs = ["arm64"]',
        "export.1.archs: arm64 is for ONNX bundles",
    ),
    "no TOML": ("[[export]]", "[[export", "not TOML"),
}


@pytest.mark.parametrize(("old", "new", "words"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line_with_file_and_key(write, old, new, words):
    assert old in GOOD
    path = write(GOOD.replace(old, new, 1))
    with pytest.raises(UsageError) as refused:
        read_config(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_a_drop_budget_needs_data(write):
    path = write('[[export]]\nmodel = "demo"\n[export.budget]\nmax_drop_points = 1\n')
    with pytest.raises(UsageError, match=r"export.1.budget.max_drop_points: needs export.data.file"):
        read_config(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# nothing\n"])
def test_an_empty_or_binary_file_is_refused(write, content):
    with pytest.raises(UsageError, match=r"not TOML|export: missing"):
        read_config(write(content))


def test_the_processors_are_those_of_verify():
    assert list(get_args(Arch)) == list(ARCHITECTURES)


def test_our_own_file_is_good_and_its_baseline_has_its_bundles():
    config = read_config(ROOT / "bertport.toml")
    assert config.baseline is not None
    assert list(read_baseline(config.baseline).bundles) == [name for one in config.export for name in one.names]


def test_no_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path / "bertport.toml")
