"""What the process of PyTorch leaves out changes no answer, and is imported after all where it is missed."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import transformers

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.verification.reference.session import reference_model
from runtimes.backends.pytorch import child
from runtimes.backends.pytorch.description import to_arrays
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess
from runtimes.process.frames import pack, unpack
from runtimes.runner import Batch

CASES = [
    ("bert", "text-classification"),
    ("bert", "multiple-choice"),
    ("distilbert", "question-answering"),
    ("electra", "token-classification"),
    ("roberta", "fill-mask"),
    ("xlm-roberta", "text-classification"),
    ("albert", "feature-extraction"),
    ("mobilebert", "text-classification"),
    ("bert", "feature-extraction"),
]
LEFT_OUT = {"torch.distributed.tensor", "torch._dynamo.convert_frame", "accelerate", "sklearn"}


CHILD = """
import os, sys
from pathlib import Path
from runtimes.backends.pytorch import child
from runtimes.backends.pytorch.description import to_arrays
from runtimes.backends.pytorch.description import from_arrays
from runtimes.backends.pytorch.lean_imports import import_lean
from runtimes.process.frames import pack, unpack
from runtimes.process.frames import pack, unpack
from runtimes.runner import Batch
lean = import_lean()
for place in map(Path, sys.argv[1:]):
    if not os.fork():  # as if it had been started for this one
        model = from_arrays(unpack((place / "model").read_bytes()))
        runner = child._Lean(child._open(model), model) if lean else child._open(model)
        (place / "found").write_bytes(pack(runner.run(Batch(**unpack((place / "batch").read_bytes())))))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0, place
"""


def asked(folder):
    """A model, and a batch with padding."""
    checkpoint = load(resolve(str(folder), HubOptions()))
    shape = (2, 4, 6) if checkpoint.task.choices else (2, 6)
    ids = np.random.default_rng(0).integers(5, checkpoint.geometry.vocabulary, shape)
    mask = np.ones_like(ids)
    mask[-1, ..., -2:] = 0
    return replace(reference_model(checkpoint), threads=1), Batch(ids, mask, np.zeros_like(ids))


@pytest.fixture(scope="module")
def lean_answers(checkpoint_of, tmp_path_factory):
    """(family, task) → what it answers where some was left out; imported once for all."""
    places = {case: tmp_path_factory.mktemp("-".join(case)) for case in CASES}
    for case, place in places.items():
        model, batch = asked(checkpoint_of(*case))
        (place / "model").write_bytes(pack(to_arrays(model)))
        (place / "batch").write_bytes(pack(vars(batch)))
    subprocess.run([sys.executable, "-c", CHILD, *map(str, places.values())], check=True)
    return {case: unpack((place / "found").read_bytes()) for case, place in places.items()}


def assert_same_bits(lean, whole):
    assert lean.keys() == whole.keys()
    for name in whole:
        assert lean[name].tobytes() == whole[name].tobytes()


@pytest.mark.parametrize(("family", "task"), CASES)
def test_every_class_answers_to_the_bit_as_it_does_with_all_there_is(checkpoint_of, lean_answers, family, task):
    model, batch = asked(checkpoint_of(family, task))
    assert_same_bits(lean_answers[family, task], TorchRunner.of(model).run(batch))


def test_so_it_does_in_the_process_that_is_started_for_it(checkpoint_of):
    model, batch = asked(checkpoint_of(*CASES[0]))
    assert_same_bits(TorchSubprocess(model).run(batch), TorchRunner.of(model).run(batch))


PROGRAM = """
import json, os, sys
from runtimes.backends.pytorch import lean_imports
sys.modules.update(dict.fromkeys(lean_imports._UNUSED))
import torch
def fail(*_): raise AttributeError
for before, after in json.loads(sys.argv[1]):
    if not os.fork():  # transformers is imported anew in each
        exec(before)
        lean = lean_imports.import_lean()
        exec(after)
        import transformers
        made = transformers.BertForSequenceClassification(transformers.BertConfig(num_hidden_layers=1, vocab_size=99))
        names = sorted(name for name in sys.modules if sys.modules[name] is not None)
        print(json.dumps([lean, type(made).__module__, names]), flush=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0, (before, after)
"""
STEPS = ("_without_distribution", "_without_compiler", "_without_list_of_models")
WAYS = {
    "lean": ("", ""),
    "missed": ("", "torch._dynamo.reset(); import transformers.models.bert"),
    "whole again": ("", "lean_imports.import_whole()"),
    **{step: (f"lean_imports.{step} = fail", "") for step in STEPS},
}
"""What is done before it is imported, and after."""


@pytest.fixture(scope="module")
def imported():
    """Way → whether some was left out, where BERT's class is, and all modules."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(list(WAYS.values()))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines()[-len(WAYS) :]]
    return {way: (lean, home, set(names)) for way, (lean, home, names) in zip(WAYS, told, strict=True)}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_leads_to_the_same_class(imported, way):
    assert imported[way][1] == "transformers.models.bert.modeling_bert"


def test_what_no_answer_needs_is_left_out_and_comes_back_when_it_is_missed(imported):
    lean, _, names = imported["lean"]
    assert lean
    if int(transformers.__version__.split(".")[0]) >= 5:
        assert names.isdisjoint(LEFT_OUT)
    _, _, names = imported["missed"]
    assert "torch._dynamo.convert_frame" in names  # the control: the rest of it is there when it is asked for


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_is_done_without(imported, step):
    assert imported[step][0] == (int(transformers.__version__.split(".")[0]) < 5)


def test_what_was_imported_lean_is_imported_whole_again(imported):
    assert "transformers.models" in imported["whole again"][2]


def test_a_tokenizer_that_fails_is_asked_of_all_there_is(monkeypatch):
    asked, whole = [], []

    class Runner:
        def tokens(self, question):
            asked.append(question)
            if len(asked) == 1:
                raise LookupError("a class that was left out")
            return {"told": question["asked"]}

    monkeypatch.setattr(child, "import_whole", lambda: whole.append(1))
    monkeypatch.setattr(child, "_open", lambda _: Runner())
    lean = child._Lean(Runner(), None)
    assert lean.tokens({"asked": 1}) == lean.tokens({"asked": 1}) == {"told": 1}
    assert whole == [1]
