"""PyTorch is asked once for all bundles of a command, elsewhere, and never kept."""

import subprocess
import sys
from contextlib import nullcontext

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.verification.reference import session as module
from exporter.verification.reference.reference import Reference
from exporter.verification.reference.session import PyTorchSession
from runtimes.backends.pytorch.runner import TorchRunner


@pytest.fixture
def apart(monkeypatch, nothing_kept):
    """As in a process without torch; who was started, and who was ended."""

    class Apart:
        started, ended = 0, 0

        def __init__(self, told, small=True):
            Apart.started += 1
            self.runner = TorchRunner(told.checkpoint, told.architecture, told.outputs, inputs=told.inputs)

        def run_all(self, batches):
            return self.runner.run_all(batches)

        def tokens(self, question):
            return self.runner.tokens(question)

        def close(self):
            Apart.ended += 1

    monkeypatch.setattr(module, "TorchSubprocess", Apart)
    monkeypatch.setattr(PyTorchSession, "_in_subprocess", True)
    return Apart


@pytest.fixture
def reference(checkpoint, texts):
    return Reference(load(resolve(str(checkpoint), HubOptions())), texts[:3])


@pytest.mark.parametrize("expected", [True, False])
def test_one_process_answers_for_every_bundle(apart, reference, expected):
    every = [(), (8,), (16,)]
    with reference.expecting(every) if expected else nullcontext():
        for lengths in every:
            reference.prepare(lengths)
    assert (apart.started, apart.ended) == ((1, 1) if expected else (3, 3))
    assert len({id(reference.battery(positions)) for positions in (None, 8, 16)}) == 3


def test_a_small_model_is_loaded_meanwhile_and_a_large_one_when_asked(apart, reference, monkeypatch):
    with reference.expecting([()]):
        assert apart.started == 1
    monkeypatch.setattr(module, "SMALL_BYTES", 0)
    with reference.expecting([()]):
        assert apart.started == 1
        reference.prepare(())
        assert (apart.started, apart.ended) == (2, 2)


def test_nobody_waits_for_an_export_that_failed(apart, reference):
    with pytest.raises(OSError, match="full"), reference.expecting([()]):
        raise OSError("full")
    assert (apart.started, apart.ended) == (1, 1)


def test_a_process_that_expects_nothing_starts_none(apart, reference):
    with reference.expecting([]):
        pass
    assert apart.started == 0


def test_where_torch_is_already_it_answers_here(reference, monkeypatch):
    assert not reference._session._in_subprocess
    monkeypatch.delitem(sys.modules, "torch")
    assert reference._session._in_subprocess
    assert not reference.with_weights({"x": None})._session._in_subprocess


def test_a_command_that_compares_never_imports_torch(checkpoint, texts_file, tmp_path):
    program = (
        "import sys; from exporter.cli.main import main; code = main(sys.argv[1:]); "
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & sys.modules.keys()), code)"
    )
    command = [sys.executable, "-c", program, "export", str(checkpoint), "--texts", str(texts_file), "--json"]
    done = subprocess.run([*command, "-o", str(tmp_path / "out")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['onnxruntime'] 0"
    assert '"verdict": "pass"' in done.stdout
