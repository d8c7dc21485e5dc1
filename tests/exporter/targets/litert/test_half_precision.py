"""A mask that float16 can hold: what a GPU computes in, and XNNPACK where it is told to."""

import json
import subprocess
import sys

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO, HubOptions, resolve
from exporter.compression.weight_exceptions import NOTHING
from exporter.model.numpy_ops import trace
from exporter.targets.litert import attention
from exporter.targets.litert import file as tflite_file
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.lower import build
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore

LENGTH, USED = 24, 15
CHILD = """
import json, os, sys
import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.options import CpuOptions, Options

path, given = sys.argv[1], json.loads(sys.stdin.read())
forced_half = 1 | 4  # xnnpack_delegate.h: TFLITE_XNNPACK_DELEGATE_FLAG_QS8 and _FORCE_FP16
options = Options(cpu_options=CpuOptions(num_threads=1, xnnpack_flags=forced_half))
model = CompiledModel.from_file(path, options=options)
(key,) = model.get_signature_list()
names = model.get_signature_list()[key]
inputs = {name: model.create_input_buffer_by_name(key, name) for name in names["inputs"]}
outputs = {name: model.create_output_buffer_by_name(key, name) for name in names["outputs"]}
for name, buffer in inputs.items():
    buffer.write(np.array(given[name], np.int32))
model.run_by_name(key, inputs, outputs)
print(json.dumps(outputs["logits"].read(4, np.float32).astype(float).tolist()), flush=True)
os._exit(0)
"""


def batch(used):
    ids = np.random.default_rng(3).integers(1000, 30000, (1, LENGTH))
    mask = np.zeros_like(ids)
    mask[:, :used] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def answer(model, folder, feeds):
    """Of LiteRT in float16, in a process of its own: it leaves threads behind."""
    weights = WeightStore(SCHEMES["none"].storage, NOTHING, lambda _table: None)
    path = folder / "model.tflite"
    with path.open("wb") as file:
        tflite_file.write(file, assemble(build(model, (LENGTH,), weights), weights.arrays, ""))
    text = json.dumps({name: values.tolist() for name, values in feeds.items()})
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def demo():
    return load(resolve(DEMO, HubOptions())).model


@pytest.mark.parametrize("used", [USED, 0])
def test_padding_is_unseen_in_float16_and_a_row_of_it_is_uniform(demo, tmp_path, used):
    feeds = batch(used)
    expected = trace(demo, *feeds.values())["logits"][0]
    found = answer(demo, tmp_path, feeds)
    assert 1e-5 < np.abs(found - expected).max() < 1e-2  # it did compute in float16


def test_a_mask_beyond_float16_spoils_the_answer_there(demo, tmp_path, monkeypatch):
    """The control: NaN on processors with float16 arithmetic, and numbers that are far off on those without."""
    monkeypatch.setattr(attention, "_LOWEST", np.float32(1e18))
    feeds = batch(USED)
    error = np.abs(answer(demo, tmp_path, feeds) - trace(demo, *feeds.values())["logits"][0])
    assert (np.isnan(error) | (error > 0.1)).all(), error
