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
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess
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


@pytest.mark.parametrize(("family", "task"), CASES)
def test_every_class_answers_to_the_bit_as_it_does_with_all_there_is(checkpoint_of, family, task):
    checkpoint = load(resolve(str(checkpoint_of(family, task)), HubOptions()))
    shape = (2, 4, 6) if checkpoint.task.choices else (2, 6)
    ids = np.random.default_rng(0).integers(5, checkpoint.geometry.vocabulary, shape)
    mask = np.ones_like(ids)
    mask[-1, ..., -2:] = 0
    batch, model = Batch(ids, mask, np.zeros_like(ids)), replace(reference_model(checkpoint), threads=1)
    lean, whole = TorchSubprocess(model).run(batch), TorchRunner.of(model).run(batch)
    assert lean.keys() == whole.keys()
    for name in whole:
        assert lean[name].tobytes() == whole[name].tobytes()


PROGRAM = """
import json, sys
from runtimes.backends.pytorch import lean_imports
{before}
lean = lean_imports.import_lean()
{after}
import transformers
made = transformers.BertForSequenceClassification(transformers.BertConfig(num_hidden_layers=1, vocab_size=99))
print(json.dumps([lean, type(made).__module__, sorted(name for name in sys.modules if sys.modules[name] is not None)]))
"""


def imported(before="", after=""):
    command = [sys.executable, "-c", PROGRAM.format(before=before, after=after)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lean, home, names = json.loads(done.stdout.splitlines()[-1])
    return lean, home, set(names)


def test_what_no_answer_needs_is_left_out_and_comes_back_when_it_is_missed():
    lean, home, names = imported()
    assert (lean, home) == (True, "transformers.models.bert.modeling_bert")
    if int(transformers.__version__.split(".")[0]) >= 5:
        assert names.isdisjoint(LEFT_OUT)
    lean, home, names = imported(after="import torch; torch._dynamo.reset(); import transformers.models.bert")
    assert home == "transformers.models.bert.modeling_bert"
    assert "torch._dynamo.convert_frame" in names  # the control: the rest of it is there when it is asked for


@pytest.mark.parametrize("step", ["_without_distribution", "_without_compiler", "_without_list_of_models"])
def test_a_step_that_fails_is_done_without(step):
    lean, home, _ = imported(before=f"def fail(*_): raise AttributeError\nlean_imports.{step} = fail")
    assert home == "transformers.models.bert.modeling_bert"
    assert lean == (int(transformers.__version__.split(".")[0]) < 5)


def test_what_was_imported_lean_is_imported_whole_again():
    _, home, names = imported(after="lean_imports.import_whole()")
    assert home == "transformers.models.bert.modeling_bert"
    assert "transformers.models" in names


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
