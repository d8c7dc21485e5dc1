"""What a library raises over what a user gave it becomes one line; a lack of memory and Ctrl-C stay what they are."""

from types import SimpleNamespace

import huggingface_hub
import onnx
import pytest
import torch

from exporter.appkit import wordpiece as kit_wordpiece
from exporter.checkpoint import source, weight_files
from exporter.checkpoint.source import HubOptions
from exporter.checkpoint.tokenizer import byte_level_bpe, wordpiece
from exporter.checkpoint.tokenizer import limits as tokenizer_bounds
from exporter.checkpoint.tokenizer import reading as tokenizer
from exporter.checkpoint.tokenizer.byte_level_bpe import BYTE_LEVEL_BPE
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE
from runtimes.backends.coreml import apple as coreml
from runtimes.backends.onnx import file_check as onnx_places
from runtimes.backends.onnx import foreign as foreign_onnx
from runtimes.backends.onnx import runner as onnxruntime
from runtimes.backends.onnx import sizes as onnx_sizes
from runtimes.errors import BundleError, CheckpointError, UsageError
from runtimes.evaluation.data import examples
from runtimes.mil import package


class PanicException(BaseException):
    """What Rust's libraries raise for a bug of theirs; its class cannot be imported."""


ODD = [PanicException("a\nbug"), KeyError(), RecursionError("deep"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")]


def raises(error):
    def fail(*_, **__):
        raise error

    return fail


def failing(error, *methods):
    """An object whose methods raise."""
    return SimpleNamespace(**dict.fromkeys(methods, raises(error)))


def of_tensors(patch, error, folder):
    (folder / "a.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    patch.setattr(weight_files, "safe_open", raises(error))
    weight_files.open_tensors([folder / "a.safetensors"])


def of_one_tensor(patch, error, folder):
    patch.setattr(weight_files, "safe_open", raises(error))
    (folder / "a.safetensors").write_bytes(b"")
    weight_files._loader(folder / "a.safetensors", "a")()


def of_a_pickle(patch, error, folder):
    patch.setattr(torch, "load", raises(error))
    weight_files._open_pickle(folder / "pytorch_model.bin")


def of_the_hub(patch, error, _):
    patch.setattr(huggingface_hub, "snapshot_download", raises(error))
    source._snapshot("owner/name", HubOptions(), [])


def of_a_vocabulary(patch, error, folder):
    patch.setattr(wordpiece, "WordPiece", failing(error, "read_file"))
    WORDPIECE.read_files(folder)


def of_merges(patch, error, folder):
    patch.setattr(byte_level_bpe, "BPE", failing(error, "read_file"))
    BYTE_LEVEL_BPE.read_files(folder)


def of_a_tokenizer(patch, error, folder):
    patch.setattr(tokenizer, "Tokenizer", failing(error, "from_str"))
    tokenizer.read_whole(folder / "tokenizer.json", b"{}")


def of_a_text(_, error, folder):
    tokenizer_bounds.probe(folder, failing(error, "encode"))


def of_a_kits_tokenizer(patch, error, folder):
    (folder / "tokenizer.json").write_text("{}")
    patch.setattr(kit_wordpiece, "Tokenizer", failing(error, "from_str"))
    kit_wordpiece.read_wordpiece(folder)


def of_a_row(_, error, __):
    row = SimpleNamespace(first="a", second=None, line=1)
    examples._encode(failing(error, "encode"), row, SimpleNamespace(prompt="", positions=8, types=None))


def of_a_session(patch, error, folder):
    patch.setattr(onnxruntime, "open_session", raises(error))
    onnxruntime.OnnxRunner(folder / "model.onnx")


def of_a_run(_, error, __):
    session = failing(error, "run")
    session.get_inputs = session.get_outputs = list
    onnxruntime._run(session, SimpleNamespace(feeds=dict))


def of_a_foreign_run(_, error, folder):
    session = failing(error, "run")
    session.get_inputs = session.get_outputs = list
    foreign_onnx._Model(folder / "model.onnx", session).run({})


def of_an_onnx_file(patch, error, folder):
    (folder / "model.onnx").write_bytes(b"")
    patch.setattr(onnx, "load_model", raises(error))
    onnx_places.check_onnx(folder / "model.onnx")


def of_shapes(patch, error, folder):
    patch.setattr(onnx.shape_inference, "infer_shapes", raises(error))
    onnx_sizes._shapes(folder / "model.onnx", onnx.ModelProto())


def of_a_prediction(_, error, __):
    coreml.AppleModel(failing(error, "predict"), 0.0).run({})


def of_a_package(patch, error, folder):
    (folder / "model.mlmodel").write_bytes(b"")
    patch.setattr(package, "model_messages", lambda: SimpleNamespace(Model=lambda: failing(error, "ParseFromString")))
    package._decode(folder / "model.mlmodel")


CALLS = {
    of_tensors: CheckpointError,
    of_one_tensor: CheckpointError,
    of_a_pickle: CheckpointError,
    of_the_hub: CheckpointError,
    of_a_vocabulary: CheckpointError,
    of_merges: CheckpointError,
    of_a_tokenizer: CheckpointError,
    of_a_text: CheckpointError,
    of_a_kits_tokenizer: BundleError,
    of_a_row: UsageError,
    of_a_session: BundleError,
    of_a_run: BundleError,
    of_a_foreign_run: BundleError,
    of_an_onnx_file: BundleError,
    of_shapes: BundleError,
    of_a_prediction: BundleError,
    of_a_package: BundleError,
}


@pytest.mark.parametrize("error", ODD, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("call", "ours"), CALLS.items(), ids=lambda one: one.__name__)
def test_an_odd_exception_becomes_one_line(call, ours, error, tmp_path, monkeypatch):
    with pytest.raises(ours) as found:
        call(monkeypatch, error, tmp_path)
    assert (str(error).split() or [type(error).__name__])[0] in str(found.value)
    assert found.value.__cause__ is error


@pytest.mark.parametrize("error", [MemoryError("much"), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", CALLS, ids=lambda one: one.__name__)
def test_what_says_nothing_of_the_content_goes_through(call, error, tmp_path, monkeypatch):
    with pytest.raises(type(error)):
        call(monkeypatch, error, tmp_path)
