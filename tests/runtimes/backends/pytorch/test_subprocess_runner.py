"""PyTorch in a process of its own: the same numbers, no code of the folder it starts in, one line for what fails."""

import gc
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.onnx.session import open_session
from runtimes.backends.pytorch import subprocess_runner as pytorch_apart
from runtimes.backends.pytorch.description import Layer, Pooling, ReferenceModel, from_arrays, to_arrays
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess
from runtimes.errors import CheckpointError, RuntimeUnavailable
from runtimes.runner import full_batch

BATCHES = [full_batch(np.array([[2, 5, 6, 3]])), full_batch(np.array([[2, 7, 3], [2, 9, 3]]))]
DENSE = Layer(np.linspace(-1, 1, 32 * 8, dtype=np.float32).reshape(8, 32), np.ones(8, np.float32), "tanh")
POOLING = Pooling("mean", (DENSE, None))


@pytest.fixture
def model(checkpoint):
    return ReferenceModel(checkpoint, "BertForSequenceClassification", threads=1)


def test_the_numbers_are_the_same(model, checkpoint):
    itself, apart = TorchRunner(checkpoint, model.architecture), TorchSubprocess(model)
    for batch in BATCHES:
        np.testing.assert_array_equal(apart.run(batch)["logits"], itself.run(batch)["logits"])


def test_embeddings_are_too(checkpoint):
    told = ReferenceModel(checkpoint, "BertModel", ("sentence_embedding",), pooling=POOLING, threads=1)
    itself = TorchRunner(checkpoint, "BertModel", told.outputs, pooling=POOLING)
    apart = TorchSubprocess(told)
    for batch in BATCHES:
        found = apart.run(batch)["sentence_embedding"]
        np.testing.assert_array_equal(found, itself.run(batch)["sentence_embedding"])
        assert found.shape == (len(batch.ids), 8)


def test_a_description_survives_the_way():
    bare = Layer(DENSE.weight, None, None)
    told = ReferenceModel(Path("é"), "X", ("a", "b"), ("input_ids",), Pooling("cls", (None, bare, DENSE)))
    found = from_arrays(to_arrays(told))
    assert found.pooling is not None
    assert (found.checkpoint, found.outputs, found.inputs) == (told.checkpoint, told.outputs, told.inputs)
    assert [step and (step.bias is None, step.activation) for step in found.pooling.steps] == [
        None,
        (True, None),
        (False, "tanh"),
    ]
    assert from_arrays(to_arrays(ReferenceModel(Path("é"), "X"))) == ReferenceModel(Path("é"), "X")


def test_what_does_not_load_is_an_error_of_one_line(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    apart = TorchSubprocess(ReferenceModel(tmp_path, "BertForSequenceClassification"))
    with pytest.raises(CheckpointError, match=r"does not load it as Bert.*: .*model\.safetensors") as found:
        apart.run(BATCHES[0])
    assert str(tmp_path) in str(found.value)
    assert "\n" not in str(found.value)


def test_a_killed_process_is_an_error_that_names_it(model):
    apart = TorchSubprocess(model)
    os.kill(apart._child._process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeUnavailable, match=r"PyTorch: its process .* was ended by signal 9.*memory"):
        apart.run(BATCHES[0])


@pytest.mark.parametrize("end", ["closed", "forgotten"])
def test_the_process_ends_with_what_asks_it(model, end):
    apart = TorchSubprocess(model)
    process = apart._child._process
    assert process.poll() is None
    if end == "closed":
        apart.close()
    del apart
    gc.collect()
    assert process.poll() is not None


def test_the_process_ends_when_this_one_is_killed(model):
    program = (
        "import sys; from pathlib import Path\n"
        "from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess, ReferenceModel\n"
        "apart = TorchSubprocess(ReferenceModel(Path(sys.argv[1]), sys.argv[2]))\n"
        "print(apart._child._process.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(model.checkpoint), model.architecture]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert runs(pid)
        parent.kill()
    deadline = time.monotonic() + 120  # it may be in the middle of its imports
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runs(pid)


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_nothing_of_the_folder_it_starts_in_is_run(model, monkeypatch, tmp_path):
    """A checkpoint's folder is where `bertport export` without MODEL is called."""
    (tmp_path / "torch.py").write_text("open('ran', 'w').close()")
    monkeypatch.chdir(tmp_path)
    assert TorchSubprocess(model).run(BATCHES[0])["logits"].shape == (1, 3)
    assert not (tmp_path / "ran").exists()
    subprocess.run([sys.executable, "-m", "torch"], check=True)  # the control: it would have been
    assert (tmp_path / "ran").exists()


def started_with(monkeypatch, checkpoint, **settings):
    """The environment that the process would get."""
    programs = []
    monkeypatch.setattr(pytorch_apart, "Child", lambda program, started: programs.append(program) or mock.Mock())
    TorchSubprocess(ReferenceModel(checkpoint, "BertForSequenceClassification"), **settings)
    return programs[0].environment


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch, checkpoint):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    found = started_with(monkeypatch, checkpoint)
    assert (found["OMP_WAIT_POLICY"], found["GOMP_SPINCOUNT"], found["KMP_BLOCKTIME"]) == ("PASSIVE", "0", "0")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert started_with(monkeypatch, checkpoint)["OMP_WAIT_POLICY"] == "ACTIVE"


def test_a_large_model_gives_back_what_it_frees_and_a_small_one_keeps_it(monkeypatch, checkpoint):
    kept = [
        int(started_with(monkeypatch, checkpoint, small=small)["MALLOC_MMAP_THRESHOLD_"]) for small in (True, False)
    ]
    assert kept == [16 << 20, 1 << 20]


def test_several_batches_are_answered_as_each_by_itself(model):
    apart = TorchSubprocess(model)
    for found, batch in zip(apart.run_all(BATCHES), BATCHES, strict=True):
        np.testing.assert_array_equal(found["logits"], apart.run(batch)["logits"])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_model_answers_with_the_threads_that_it_is_told_of(model, monkeypatch, threads):
    set_to = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    TorchRunner.of(replace(model, threads=threads)).run(BATCHES[0])
    assert set_to == ([] if threads == 2 else [threads, 2])  # and this process has its own again
    set_to.clear()
    TorchRunner.of(replace(model, threads=None)).run(BATCHES[0])
    assert set_to == []


@pytest.mark.parametrize(("spins", "entry"), [(False, "0"), (True, "1")])
def test_threads_of_onnx_runtime_sleep_too_unless_they_are_timed(checkpoint, tmp_path, spins, entry):
    export(Request(str(checkpoint), destination=tmp_path / "out", verify=False))
    options = open_session(str(tmp_path / "out" / "model.onnx"), 2, spins).get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == entry
