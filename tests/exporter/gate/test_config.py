"""bertport.toml is taken as it is written or refused in one line that names file and key."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.cli import evaluate, export, verify
from exporter.compression.calibration import Finetune
from exporter.gate.baseline import read_baseline
from exporter.gate.config import Arch, Budgets, Data, read_config
from exporter.gate.export_options import DECIDED, options, taken
from exporter.verification.check import Limit
from runtimes.backends.backend import ARCHITECTURES
from runtimes.errors import UsageError

ROOT = Path(__file__).parents[3]
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
    assert (export.request.settings.options["opset"], export.budget.max_absolute, export.model) == (21, 1.0, "demo")
    assert export.request.texts == ("a text",)
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
    "text for a number": ("opset = 21", 'opset = "21"', "export.1.settings.opset: expected an integer, found '21'"),
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
        "export.1.archs: arm64: coreml has no kernels to emulate",
    ),
    "an option twice": ("opset = 21", "opset = 21\ntexts = 'texts.txt'", "export.1.settings.texts: is there twice"),
    "a number for a switch": ("opset = 21", "pairs = 1", "export.1.settings.pairs: expected true or false, found 1"),
    "a truth for an option": ("opset = 21", "opset = true", "settings.opset: expected an integer, found True"),
    "a range of lengths": ("opset = 21", "sequence_length = '8..16'", "expected an integer, found '8..16'"),
    "what only codes have": ("opset = 21", "pq_dims = 4", "export.1: --pq-dims: only pq and pq4 have codes; pass"),
    "a choice there is not": ("opset = 21", "pq_dims = 3", "export.1: argument --pq-dims: invalid choice"),
    "half of two options": ("opset = 21", "min_count = 2", "export.1: --min-count and --keep-tokens say what"),
    "no file to trim by": ("opset = 21", "trim_vocabulary = 'none.csv'", "settings.trim_vocabulary: no file"),
    "what check decides": ('model = "demo"', 'model = "demo"\nno_verify = true', "export.1.no_verify: unknown key"),
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


VALUES = {Path: "texts.txt", int: 4, float: 0.25}


@pytest.mark.parametrize("key", options())
def test_every_option_of_export_is_a_key(write, key):
    """Its type is all that matters here: what two options say of each other is the command's."""
    action = options()[key]
    value = True if action.nargs == 0 else VALUES.get(action.type, 8 if action.metavar == "N" else "native")
    assert taken(key, value, key, write("").parent) in (value, [value], str(write("").parent / str(value)))
    with pytest.raises(UsageError, match=f"{key}: expected"):
        taken(key, {"a": 1}, key, Path())


def test_what_export_takes_is_a_key_or_decided_by_check():
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    assert set(options()) | DECIDED == {action.dest for action in parser._actions}


def test_what_evaluate_and_verify_take_is_a_key_too():
    """Of verify but what export does not need: where the checkpoint is now, and what it is to show.

    Of evaluate its rows, and how a word's label is decided, which `tune` does not ask.
    """
    of_data, of_verify = argparse.ArgumentParser(), argparse.ArgumentParser()
    evaluate.add_data(of_data)
    verify.add_arguments(of_verify)
    data = {action.dest for action in of_data._actions} - {"help", "data", "threads", "no_cache"}
    assert {one.name for one in fields(Data)} == data | {"file", "aggregation"}
    shown = {"against", "bundle", "checkpoint", "explain", "strict", "arch", "witness"}
    assert {action.dest for action in of_verify._actions} - shown <= set(options()) | DECIDED
    assert {one.name for one in fields(Limit)} <= {one.name for one in fields(Budgets)}


NAMED = """
[[export]]
model = "demo"
target = ["coreml"]
quantize = ["pq"]
pairs = true
min_cosine = 0.5
trim_vocabulary = "rows.csv"
min_count = 2
finetune_codes = "texts.txt"
settings = { finetune_epochs = 7, keep = ["layer.0.*", "pooler.*=int8"], sequence_lengths = [8, 16], pq_dims = 8 }
budget = { min_cosine = 0.75 }
"""


def test_files_for_trimming_and_fine_tuning_pairs_and_cosine(write):
    (one,) = read_config(write(NAMED)).export
    request, settings = one.request, one.request.settings
    assert (request.schemes, request.pairs, request.limit.min_cosine) == (("pq",), True, 0.5)
    assert one.budget.limit(request.limit) == Limit(min_cosine=0.75)
    assert settings.trim == Trim(("a",), min_count=2)
    assert settings.finetune == Finetune(("a text",), 7)
    assert (settings.keep, settings.options["sequence_lengths"], settings.pq_dims) == (
        ("layer.0.*", "pooler.*=int8"),
        (8, 16),
        8,
    )


@pytest.mark.parametrize(
    ("old", "new", "some"),
    [
        ('model = "demo"', 'modle = "demo"', ["model", "data", "pairs", "trim_vocabulary", "min_cosine"]),
        ("opset = 21", "opst = 21", ["opset", "pairs", "finetune_codes"]),
        ("max_ratio", "ratio", ["to", "max_ratio"]),
        ("max_absolute", "absolute", ["min_cosine", "max_size_bytes"]),
        ('file = "rows.csv"', 'fil = "rows.csv"', ["file", "text_pair", "format"]),
        ("baseline =", "base =", ["baseline", "export", "tolerance", "timing"]),
    ],
)
def test_an_unknown_key_is_told_those_there_are(write, old, new, some):
    with pytest.raises(UsageError) as refused:
        read_config(write(GOOD.replace(old, new, 1)))
    listed = str(refused.value).partition("unknown key; there are ")[2].split(", ")
    assert set(some) <= set(listed)
