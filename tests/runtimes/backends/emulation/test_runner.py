"""A child that answers gives its model's outputs; one that dies, hangs or complains is an error of one line."""

import gc
import subprocess
import sys
import time

import numpy as np
import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.emulation.runner import EmulatedRunner, Emulator
from runtimes.backends.onnx.backend import EMULATED as ONNX
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.errors import BundleError, RuntimeUnavailable
from runtimes.process.frames import pack, unpack
from runtimes.runner import Status, full_batch

HERE = Emulator("processor like this", (sys.executable,))
BATCH = full_batch(np.array([[2, 5, 6, 3]]))


@pytest.fixture(scope="module")
def model(checkpoint, tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "out"
    export(Request(str(checkpoint), destination=place, verify=False))
    return place / "model.onnx"


@pytest.fixture
def pretend(tmp_path):
    """An emulator whose child is this program."""

    def make(program: str) -> Emulator:
        path = tmp_path / "child.py"
        path.write_text(f"import sys, time\nfrom runtimes.process.frames import *\n{program}\n")
        return Emulator("pretended processor", (sys.executable, str(path)))

    return make


def test_it_answers_as_the_runtime_itself(model):
    runner, itself = EmulatedRunner(model, ONNX, HERE), OnnxRunner(model)
    assert runner.status is Status.EMULATED
    assert "ONNX Runtime" in runner.description
    for batch in (BATCH, full_batch(np.tile(BATCH.ids, (3, 2)))):
        np.testing.assert_array_equal(runner.run(batch)["logits"], itself.run(batch)["logits"])
    assert list(runner.trace(BATCH)) == list(itself.trace(BATCH))


def test_a_child_ends_with_its_runner(model):
    runner = EmulatedRunner(model, ONNX, HERE)
    process = runner._child._process
    del runner
    gc.collect()
    assert process.poll() is not None


def test_a_model_that_does_not_load_is_told(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(BundleError, match="does not load"):
        EmulatedRunner(tmp_path / "broken.onnx", ONNX, HERE)


def test_a_child_that_dies_at_once_is_an_error_with_its_last_word(model, pretend):
    with pytest.raises(RuntimeUnavailable, match=r"ended with 7 .*no luck"):
        EmulatedRunner(model, ONNX, pretend("print('no luck', file=sys.stderr); sys.exit(7)"))


def test_a_child_that_dies_in_the_middle_of_an_answer_is_an_error(model, pretend):
    half = "write_frame(sys.stdout.buffer, READY, b''); read_frame(sys.stdin.buffer); sys.stdout.write('A123')"
    with pytest.raises(RuntimeUnavailable, match="ended with 0 before its answer"):
        EmulatedRunner(model, ONNX, pretend(half)).run(BATCH)


def test_a_silent_child_is_ended(model, pretend):
    with pytest.raises(RuntimeUnavailable, match=r"no answer within 0\.5 s"):
        EmulatedRunner(model, ONNX, pretend("time.sleep(600)"), limit_s=0.5)


def test_a_child_that_does_not_listen_is_ended(model, pretend):
    """A batch larger than a pipe would wait for ever."""
    runner = EmulatedRunner(
        model, ONNX, pretend("write_frame(sys.stdout.buffer, READY, b''); time.sleep(600)"), limit_s=3
    )
    start = time.monotonic()
    with pytest.raises(RuntimeUnavailable, match="was ended"):
        runner.run(full_batch(np.ones((64, 512), np.int64)))
    assert time.monotonic() - start < 300


def test_an_answer_of_the_wrong_kind_is_an_error(model, pretend):
    with pytest.raises(RuntimeUnavailable, match="expected a message"):
        EmulatedRunner(model, ONNX, pretend("write_frame(sys.stdout.buffer, ARRAYS, b''); time.sleep(600)"))


def test_an_emulator_that_is_not_there_is_an_error(model, tmp_path):
    with pytest.raises(RuntimeUnavailable, match="does not start"):
        EmulatedRunner(model, ONNX, Emulator("x", (str(tmp_path / "qemu"),)))


def test_what_the_child_prints_is_not_taken_for_an_answer(model, tmp_path):
    noisy = tmp_path / "sitecustomize.py"
    noisy.write_text("import onnxruntime, os\nos.write(2, b'warning')\n")
    runner = EmulatedRunner(model, ONNX, Emulator("x", (sys.executable,), (tmp_path,)))
    assert runner.run(BATCH)["logits"].shape == (1, 3)


def test_arrays_survive_a_frame():
    arrays = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.zeros((0, 2), np.float32)}
    for name, values in unpack(pack(arrays)).items():
        np.testing.assert_array_equal(values, arrays[name])
        assert values.dtype == arrays[name].dtype


def test_the_child_needs_onnxruntime_and_numpy_alone():
    """Its Python, of another processor, has nothing else."""
    program = (
        "import sys, runtimes.backends.onnx.emulated_child\n"
        "others = ('torch', 'transformers', 'tokenizers', 'onnx', 'coremltools', 'pydantic', 'rich', 'scipy')\n"
        "print([name for name in others if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
