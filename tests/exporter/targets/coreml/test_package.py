"""What is promised of the folder: the same bytes each time, its size, its functions, and quiet."""

import hashlib
import json
import os
import subprocess
import sys

import coremltools as ct
import numpy as np
import pytest

from exporter.checkpoint.source import DEMO
from exporter.targets.coreml.coremltools import quiet_conversion
from exporter.targets.coreml.lower import Options, file_names, function_name, lower
from exporter.targets.coreml.metadata import Metadata
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import LoweringError
from runtimes.mil import open_package
from runtimes.runner import Batch

LIMITS = {
    ("fp16", "iOS17"): 8.8,
    ("int8", "iOS17"): 4.5,
    ("int8", "iOS18"): 4.5,
    ("palettize6", "iOS17"): 3.4,
    ("int4", "iOS18"): 2.4,
}
"""Scheme, deployment target → megabytes of the demo checkpoint at 128 tokens."""

LOWER = """
import sys
from pathlib import Path
sys.modules["torch"] = sys.modules["transformers"] = None  # an export needs neither
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.targets.coreml.lower import Options, lower
from exporter.targets.coreml.metadata import Metadata

model = load(resolve(sys.argv[1], HubOptions())).model
tensors = ("embeddings", "layer.0.attention.context", "layer.0.attention.output", "layer.0.intermediate")
ranges = dict.fromkeys(tensors, 4.0)
for scheme, target, lengths in (
    ("none", "iOS16", (8,)),
    ("int8", "iOS17", (8, 16)),
    ("w8a8", "iOS17", (8,)),
    ("palettize6", "iOS17", (8,)),
    ("int4", "iOS18", (8, 16, 24)),
):
    options = Options(lengths, deployment_target=target)
    lower(model, scheme, options, Metadata("twice", labels=("a", "b", "c")), Path(sys.argv[2]) / scheme, ranges)
"""


def size_mb(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def batch(length, rows=3):
    random = np.random.default_rng(length)
    mask = (np.arange(length) < np.array([length, length // 2, 1])[:, None]).astype(np.int64)
    return Batch(random.integers(0, 40, (rows, length)), mask, np.zeros((rows, length), np.int64))


def test_the_same_bytes_in_another_process_without_torch_and_in_silence(checkpoint, tmp_path):
    made = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-W", "error", "-c", LOWER, str(checkpoint), str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        # of a vocabulary with gaps tokenizers 0.22 prints a line
        printed = [line for line in done.stdout.splitlines() if not line.startswith("The OrderedVocab")]
        assert (done.returncode, printed, done.stderr) == (0, [], "")
        made.append(hashes(folder))
    assert made[0] == made[1]
    assert len(made[0]) == 3 * 6  # files of a package, packages


def test_apple_readers_take_the_package(checkpoint, model_of, save):
    """coremltools' own reader of packages and of programs, Apple's code both."""
    package = save(model_of(checkpoint), "int8")
    model = ct.models.MLModel(str(package), skip_model_load=True)
    assert model.get_spec().specificationVersion == ct.target.iOS17.value
    root = json.loads((package / "Manifest.json").read_bytes())
    assert root["itemInfoEntries"][root["rootModelIdentifier"]]["path"] == "com.apple.CoreML/model.mlmodel"


@pytest.mark.parametrize("scheme", ["int8", "palettize4", "int4"])
def test_coremltools_recovers_the_weights_that_we_meant(checkpoint, model_of, save, run, tmp_path, scheme):
    """An executor that is not ours: its own decompression of the saved package."""
    package = save(model_of(checkpoint), scheme, deployment_target="iOS18")
    with quiet_conversion():
        plain = ct.optimize.coreml.decompress_weights(ct.models.MLModel(str(package), skip_model_load=True))
    plain.save(str(tmp_path / "plain.mlpackage"))
    inputs = batch(13)
    np.testing.assert_allclose(run(tmp_path / "plain.mlpackage", inputs), run(package, inputs), atol=1e-6)


def test_several_lengths_are_functions_of_one_package(checkpoint, model_of, tmp_path, run):
    lengths = (8, 24, 16)
    options = Options(lengths, deployment_target="iOS18")
    (name,) = lower(model_of(checkpoint), "none", options, Metadata("", labels=("a", "b", "c")), tmp_path)
    program = open_package(tmp_path / name)
    assert program.functions == ("length_24", "length_16", "length_8")
    assert program.function == "length_24"
    assert json.loads(program.metadata.user_defined["sequence_lengths"]) == list(lengths)
    torch = TorchRunner(checkpoint, "BertForSequenceClassification")
    for length in lengths:
        saved = run(tmp_path / name, batch(length), function_name(options, length))
        np.testing.assert_allclose(saved, torch.run(batch(length))["logits"], atol=1e-4)
    for function in program.package.model.description.functions:
        assert all(feature.shortDescription for feature in [*function.input, *function.output])


def test_below_ios18_each_length_has_its_package(checkpoint, model_of, tmp_path, run):
    options = Options((8, 24))
    names = lower(model_of(checkpoint), "none", options, Metadata(""), tmp_path)
    assert names == file_names(options) == ["Model-8.mlpackage", "Model-24.mlpackage"]
    for name, length in zip(names, (8, 24), strict=True):
        program = open_package(tmp_path / name)
        assert program.inputs[0].shape == (1, length)
        assert json.loads(program.metadata.user_defined["sequence_lengths"]) == [length]


def test_a_weight_beyond_float16_is_refused_by_name(make_checkpoint, edit_weights, model_of, save):
    folder = make_checkpoint()

    def enlarge(tensors):
        tensors["bert.encoder.layer.1.output.dense.weight"][0, 0] = 1e5

    edit_weights(folder, enlarge)
    for scheme in ("fp16", "int8", "palettize6"):
        with pytest.raises(LoweringError, match=r"layer\.1\.dense\.weight holds 1e\+05, .*; pass --quantize none"):
            save(model_of(folder), scheme)
    save(model_of(folder), "none")


@pytest.mark.parametrize(("scheme", "target"), LIMITS)
def test_the_demo_stays_small(model_of, save, scheme, target):
    package = save(model_of(DEMO), scheme, length=128, deployment_target=target)
    assert size_mb(package) <= LIMITS[scheme, target]


@pytest.mark.parametrize("scheme", ["fp16", "int8"])
def test_three_lengths_weigh_hardly_more_than_one(model_of, save, tmp_path, scheme):
    alone = save(model_of(DEMO), scheme, length=128, deployment_target="iOS18")
    options = Options((32, 128, 256), deployment_target="iOS18")
    (name,) = lower(model_of(DEMO), scheme, options, Metadata(""), tmp_path / "three")
    assert size_mb(tmp_path / "three" / name) <= 1.05 * size_mb(alone)
