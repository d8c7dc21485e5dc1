"""The child answers as LiteRT itself does, of any length and of fixed ones, and needs LiteRT and numpy alone."""

import subprocess
import sys

import numpy as np
import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.backends.emulation import processors
from runtimes.backends.emulation.processors import open_emulated
from runtimes.backends.emulation.runner import EmulatedRunner, Emulator
from runtimes.backends.litert.backend import BACKEND, EMULATED
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError
from runtimes.runner import Status, full_batch

HERE = Emulator("processor like this", (sys.executable,))
BATCHES = (full_batch(np.array([[2, 5, 6, 3]])), full_batch(np.tile(np.array([[2, 5, 6, 3]]), (3, 3))))


@pytest.fixture(scope="module", params=[(), (16, 8, 32)], ids=["any length", "fixed lengths"])
def bundle(request, checkpoint, tmp_path_factory):
    place, settings = tmp_path_factory.mktemp("out") / "it", Settings.of(sequence_lengths=request.param)
    (item,) = export(Request(str(checkpoint), ("litert",), destination=place, settings=settings, verify=False))
    return read_bundle(item.directory)


@pytest.fixture
def emulated(bundle, monkeypatch):
    """The bundle in a child of this processor: what an emulated one does, without an emulator."""
    monkeypatch.setattr(processors, "find_emulator", lambda runtime, arch: HERE)
    return open_emulated(bundle, EMULATED, "arm64")


def test_it_answers_as_the_runtime_itself(bundle, emulated):
    itself = BACKEND.open(bundle, 1)
    assert emulated.status is Status.EMULATED
    assert emulated.description.startswith("LiteRT ")
    assert emulated.positions == itself.positions
    for batch in BATCHES:
        np.testing.assert_array_equal(emulated.run(batch)["logits"], itself.run(batch)["logits"])


def test_it_is_traced_as_the_runtime_itself(bundle, emulated):
    found, wanted = emulated.trace(BATCHES[0]), BACKEND.open(bundle, 1).trace(BATCHES[0])
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_model_that_does_not_load_is_told(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    with pytest.raises(BundleError, match=r"on an emulated processor like this: .*does not load it"):
        EmulatedRunner(tmp_path / "broken.tflite", EMULATED, HERE)


def test_the_child_needs_litert_and_numpy_alone():
    """Its Python, of another processor, has nothing else."""
    program = (
        "import sys, runtimes.backends.litert.emulated_child\n"
        "others = ('torch', 'transformers', 'tokenizers', 'onnx', 'onnxruntime', 'coremltools', 'pydantic', 'rich')\n"
        "print([name for name in others if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
