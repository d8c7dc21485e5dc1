"""PyTorch's answers are kept by everything that they depend on: the same to the bit, or PyTorch is asked again."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.check import Answering, Check
from exporter.verification.reference import answers_key, early_start
from exporter.verification.reference.reference import Reference
from exporter.verification.reference.session import PyTorchSession
from exporter.verification.verify import verify
from runtimes.backends.pytorch import early
from runtimes.bundle.reading import read_bundle
from runtimes.files import content_cache


@pytest.fixture
def asked(monkeypatch, nothing_kept):
    """How often PyTorch's model is loaded."""
    loads = []
    by_itself = PyTorchSession.loaded

    def loaded(self, double=False):
        loads.append(double)
        return by_itself(self, double)

    monkeypatch.setattr(PyTorchSession, "loaded", loaded)
    return loads


@pytest.fixture
def make(checkpoint, texts):
    def make(folder=checkpoint, texts=texts[:3], **settings):
        return Reference(load(resolve(str(folder), HubOptions())), texts, **settings)

    return make


def assert_same(left, right):
    assert [case.name for case in left.cases] == [case.name for case in right.cases]
    for a, b in zip(left.outputs, right.outputs, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert (a[name].dtype, a[name].tobytes()) == (b[name].dtype, b[name].tobytes())


def test_the_second_is_answered_without_pytorch_and_to_the_bit(asked, make):
    first, second = make(), make()
    fresh, kept = first.battery(None), second.battery(None)
    assert asked == [False]
    assert_same(fresh, kept)
    assert (first.heard.spoken.content, first.heard.same) == (second.heard.spoken.content, second.heard.same)
    for name, values in vars(first.heard.spoken.texts).items():
        np.testing.assert_array_equal(values, getattr(second.heard.spoken.texts, name))


def test_float64_and_further_texts_are_kept_too(asked, make):
    for _ in range(2):
        reference = make(texts=None)
        cases = reference.battery(16).cases[:4]
        reference.further(16)
        reference.exact(cases)
    assert asked == [False, False, True]


@pytest.mark.parametrize(("family", "task"), [("bert", "fill-mask"), ("mobilebert", "token-classification")])
def test_every_shape_of_answer_comes_back(asked, checkpoint_of, make, family, task):
    folder = checkpoint_of(family, task)
    assert_same(make(folder).battery(16), make(folder).battery(16))
    assert len(asked) == 1


CHANGES = {
    "texts": lambda make, _: make(texts=("another text",)),
    "threads": lambda make, _: make(answering=Answering(threads=2)),
    "a fresh run": lambda make, _: make(answering=Answering(cached=False)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_asked_otherwise_is_asked(asked, make, name, monkeypatch):
    make().battery(16)
    CHANGES[name](make, monkeypatch).battery(16)
    assert len(asked) == 2


@pytest.mark.parametrize("name", ["weights", "config", "a file beside"])
def test_another_checkpoint_is_asked(asked, checkpoint, make, tmp_path, edit_weights, edit_config, name):
    folder = shutil.copytree(checkpoint, tmp_path / "copy")
    make().battery(16)
    make(folder).battery(16)
    assert len(asked) == 1  # the control: where it lies makes no difference
    if name == "weights":
        edit_weights(folder, lambda tensors: tensors.update({"classifier.bias": tensors["classifier.bias"] + 1}))
    elif name == "config":
        edit_config(folder, layer_norm_eps=1e-3)
    else:
        (folder / "special_tokens_map.json").write_text("{}")
    found = make(folder).battery(16)
    assert len(asked) == 2
    if name == "weights":
        assert not np.array_equal(found.outputs[0]["logits"], make().battery(16).outputs[0]["logits"])


@pytest.mark.parametrize("part", ["versions", "code", "machine", "variables", "format"])
def test_other_versions_code_and_processors_are_asked(asked, make, monkeypatch, part):
    make().battery(16)
    told = answers_key.environment()
    for module in (answers_key, sys.modules["exporter.verification.reference.kept_answers"]):
        monkeypatch.setattr(module, "environment", lambda: {**told, part: "another"})
    make().battery(16)
    assert len(asked) == 2


def test_a_torch_that_is_not_installed_keeps_nothing(asked, make, monkeypatch):
    answers_key.environment.cache_clear()
    monkeypatch.setattr(answers_key, "_LIBRARIES", ("torch", "no-such-library"))
    assert answers_key.environment() is None
    make().battery(16)
    make().battery(16)
    assert len(asked) == 2
    answers_key.environment.cache_clear()


DAMAGE = {
    "a bit": lambda whole: whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:],
    "the end": lambda whole: whole[:-1],
    "all": lambda _: b"",
    "holes": lambda whole: b"\0" * len(whole),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_a_silent_fresh_run(asked, make, nothing_kept, said, name):
    fresh = make().battery(16)
    for entry in nothing_kept.iterdir():
        entry.write_bytes(DAMAGE[name](entry.read_bytes()))
    assert_same(fresh, make().battery(16))
    assert len(asked) == 2
    assert said == []
    assert_same(fresh, make().battery(16))  # and it was mended
    assert len(asked) == 2


HEADS = {
    "no JSON": b"{\n",
    "a list": b"[]\n",
    "deep": b"[" * 100_000 + b"\n",
    "no day": b'{"made": "yesterday", "arrays": []}\n',
    "objects": b'{"made": "2026-01-01", "arrays": [["0.logits", "|O8", [1]]]}\n12345678',
    "too much": b'{"made": "2026-01-01", "arrays": [["0.logits", "<f4", [99999999999]]]}\n1234',
    "less than nothing": b'{"made": "2026-01-01", "arrays": [["0.logits", "<f4", [-1]]]}\n1234',
    "too little": b'{"made": "2026-01-01", "arrays": []}\n1234',
    "other rows": b'{"made": "2026-01-01", "arrays": [["0.logits", "<f4", [2, 1]]]}\n12345678',
    "another output": b'{"made": "2026-01-01", "arrays": [["0.scores", "<f4", [1, 1]]]}\n1234',
    "none": b'{"made": "2026-01-01", "arrays": []}\n',
}


@pytest.mark.parametrize("name", HEADS)
def test_an_entry_that_is_whole_and_says_something_else_is_not_believed(asked, make, monkeypatch, name):
    """As by somebody who writes to the user's own cache: not an answer to what was asked."""
    fresh = make().battery(16)
    monkeypatch.setattr(content_cache, "read", lambda *_: HEADS[name])
    monkeypatch.setattr("exporter.verification.reference.reference.hear", lambda *_: None)
    assert_same(fresh, make().battery(16))
    assert len(asked) == 2


def test_a_folder_that_cannot_be_written_is_a_silent_fresh_run(asked, make, monkeypatch, tmp_path, said):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BERTPORT_CACHE", str(tmp_path / "file"))
    assert_same(make().battery(16), make().battery(16))
    assert len(asked) == 2
    assert said == []


def test_a_bundle_has_the_same_bytes_and_says_once_whose_answers_they_are(asked, checkpoint, tmp_path, tree, said):
    made = []
    for name, answering in (("first", Answering()), ("kept", Answering()), ("fresh", Answering(cached=False))):
        said.clear()
        request = Request(str(checkpoint), schemes=("none", "int8"), destination=tmp_path / name, answering=answering)
        export(request)
        made.append((tree(tmp_path / name), sum("those that it gave on 20" in line for line in said), len(asked)))
    assert [one[1:] for one in made] == [(0, 1), (1, 1), (0, 2)]
    assert made[0][0] == made[1][0] == made[2][0]
    bundle = read_bundle(tmp_path / "first" / "onnx-int8")
    verified = verify(Check(bundle, str(checkpoint))).parity
    assert len(asked) == 2
    again = verify(replace(Check(bundle, str(checkpoint)), answering=Answering(cached=False))).parity
    assert len(asked) == 3
    assert verified == again


@pytest.fixture
def started(monkeypatch):
    """Whether PyTorch is started before the checkpoint is read, as in a process without torch."""
    starts = []
    monkeypatch.setattr(early_start, "start_early", lambda: starts.append(1))
    monkeypatch.setattr(early_start.sys, "modules", {k: v for k, v in sys.modules.items() if k != "torch"})
    return starts


def test_pytorch_starts_early_where_it_will_be_asked_and_nowhere_else(
    checkpoint, make, started, nothing_kept, tmp_path
):
    assert early_start.start_for(checkpoint, cached=True)
    assert not early_start.start_for(tmp_path, cached=True)  # no weights
    large = tmp_path / "model.safetensors"
    with large.open("wb") as file:
        file.truncate(early_start.SMALL_BYTES // 2 + 1)
    assert not early_start.start_for(tmp_path, cached=True)
    assert len(started) == 1


def test_pytorch_does_not_start_early_where_answers_are_kept(checkpoint, make, started, nothing_kept):
    make().battery(16)
    assert not early_start.start_for(checkpoint, cached=True)
    assert early_start.start_for(checkpoint, cached=False)
    assert len(started) == 1


PROGRAM = """
import subprocess, sys
by_itself, started = subprocess.Popen, []
class Popen(by_itself):
    def __init__(self, command, *rest, **settings):
        started.append("pytorch.child" in " ".join(map(str, command)))
        super().__init__(command, *rest, **settings)
subprocess.Popen = Popen
from exporter.cli.main import main
code = main(sys.argv[1:])
from runtimes.backends.pytorch import early
print(code, sum(started), len(early._waiting), "torch" in sys.modules)
"""


def called(*arguments):
    done = subprocess.run([sys.executable, "-c", PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    return done.stdout.splitlines()[-1], done.stderr


def test_a_command_starts_pytorch_once_and_the_next_ones_not_at_all(checkpoint, texts_file, tmp_path, nothing_kept):
    words = ("export", checkpoint, "--texts", texts_file, "--json")
    assert called(*words, "-o", tmp_path / "a")[0] == "0 1 0 False"
    assert called(*words, "-o", tmp_path / "b", "--quantize", "fp16")[0] == "0 0 0 False"
    of_bundle = ("verify", tmp_path / "b", "--checkpoint", checkpoint, "--texts", texts_file)
    found, said = called(*of_bundle)
    assert found == "0 0 0 False"
    assert "--no-cache asks it again" in said
    assert called(*of_bundle, "--strict")[0] == "0 0 0 False"
    found, said = called(*of_bundle, "--no-cache")
    assert found == "0 1 0 False"
    assert "--no-cache" not in said


@pytest.mark.parametrize("words", [("--no-verify",), ("--help",), ("--no-ver",)])
def test_a_command_that_compares_nothing_starts_none(checkpoint, tmp_path, nothing_kept, words):
    program = PROGRAM.replace("code = main(sys.argv[1:])", "code = 0\ntry: main(sys.argv[1:])\nexcept SystemExit: pass")
    command = [sys.executable, "-c", program, "export", str(checkpoint), "-o", str(tmp_path / "out"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 0 0 False"


@pytest.mark.parametrize("words", [("--threads", "0"), ("--quantize", "none", "--pq-dims", "4")])
def test_a_call_that_is_wrong_leaves_none(checkpoint, tmp_path, nothing_kept, words):
    found, said = called("export", checkpoint, "-o", tmp_path / "out", *words)
    code, _, waiting, torch = found.split()
    assert (code, waiting, torch) == ("2", "0", "False")
    assert len(said.splitlines()) == 1


def test_one_that_nobody_asked_is_ended():
    early.start_early()
    early.start_early()  # one waits already
    (started,) = early._waiting
    assert started.process.poll() is None
    early.end_early()
    assert started.process.poll() is not None
    assert early.take_early() is None
    early.end_early()
