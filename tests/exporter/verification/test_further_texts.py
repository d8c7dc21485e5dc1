"""Figures near their limit, or too few to tell, are taken over more text; what is clear, or given, is not."""

from dataclasses import dataclass

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.tasks import QUESTION_ANSWERING, TOKEN_CLASSIFICATION
from exporter.verification.comparison import compare_with_pytorch
from exporter.verification.reference.default_texts import default_texts, further_texts
from exporter.verification.reference.reference import Reference
from runtimes.bundle.manifest import Budget, Manifest, Recipe, TensorSpec
from runtimes.parity.compare import Verdict
from runtimes.runner import Status

BUDGET = Budget(max_absolute=0.1, min_agreement=0.0)


@pytest.fixture(scope="module")
def read(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


@pytest.fixture(scope="module")
def reference(read):
    return Reference(read)


@pytest.fixture(scope="module")
def torch_model(reference):
    return reference.loaded()


@dataclass
class Off:
    """PyTorch's answers, its last label's score higher by `by`."""

    model: object
    by: float
    asked: int = 0
    status = Status.MEASURED
    positions = None

    def run(self, batch):
        self.asked += 1
        outputs = {name: values.copy() for name, values in self.model.run(batch).items()}
        outputs["logits"][:, -1] += self.by
        return outputs


def compared(reference, runner, budget=BUDGET):
    inputs = tuple(TensorSpec(name, "int64", ("b", "s")) for name in ("input_ids", "attention_mask", "token_type_ids"))
    manifest = Manifest(
        *("folder", "m", None, {}, "BertForSequenceClassification", "single_label_classification", ("a", "b", "c")),
        recipe=Recipe("onnx", "int8", "text-classification"),
        models=(),
        budget=budget,
        inputs=inputs,
        outputs=(TensorSpec("logits", "float32", ("b", 3)),),
        versions={},
        files={},
    )
    return compare_with_pytorch(reference, runner, manifest, budget)


def test_an_emulated_processor_is_not_asked_for_every_word(reference, torch_model):
    """The rows are the file's, whichever processor reads them; coverage says that they were not read."""
    emulated, measured = Off(torch_model, 0.01), Off(torch_model, 0.01)
    emulated.status = Status.EMULATED
    few, all_of_them = (compared(reference, runner).coverage for runner in (emulated, measured))
    generated = sum(case.generated for case in reference.battery(None).cases)
    assert generated > 0
    assert measured.asked - emulated.asked == generated
    assert 0 < few["exercised_rows"] < all_of_them["exercised_rows"] == all_of_them["vocabulary_rows"]
    assert few["compared_texts"] == all_of_them["compared_texts"]


def test_a_figure_near_its_limit_is_taken_over_more_text(reference, torch_model):
    runner = Off(torch_model, 0.095)
    found = compared(reference, runner)
    cases = len(reference.battery(None).cases)
    assert runner.asked == cases + len(further_texts())
    assert (found.verdict, found.rows > cases + len(further_texts())) == (Verdict.PASS, True)
    assert any("max_absolute 0.095 is within 10 % of its limit 0.1" in text for text in found.warnings)


@pytest.mark.parametrize(("by", "verdict"), [(0.05, Verdict.PASS), (0.2, Verdict.FAIL)])
def test_what_is_clear_is_not_asked_again(reference, torch_model, by, verdict):
    runner = Off(torch_model, by)
    found = compared(reference, runner)
    assert (runner.asked, found.verdict) == (len(reference.battery(None).cases), verdict)
    assert not [text for text in found.warnings if "limit" in text]


def test_more_text_can_tell_what_the_first_did_not(reference, torch_model):
    """A bundle that is beyond its limit on further texts alone fails, and `--explain` finds the case."""
    first = {case.batch.ids.tobytes() for case in reference.battery(None).cases}

    class Later(Off):
        def run(self, batch):
            outputs = super().run(batch)
            if batch.ids.tobytes() not in first:
                outputs["logits"][:, 0] += 0.3
            return outputs

    found = compared(reference, Later(torch_model, 0.095))
    assert found.verdict is Verdict.FAIL
    assert reference.case(found.worst_case, None, ()).name == found.worst_case
    assert int(found.worst_case.split()[1]) >= len(default_texts())
    assert reference.case("no such case", None, ()).name == "text 0"


def test_texts_of_the_users_are_all_taken_at_once(read, torch_model, texts):
    own = Reference(read, texts)
    runner = Off(torch_model, 0.095)
    found = compared(own, runner)
    assert runner.asked == len(own.battery(None).cases)
    assert any("within 10 %" in text for text in found.warnings)


def test_a_large_model_is_asked_less(read, monkeypatch):
    from exporter.verification.reference import case_source

    each = sum(np.prod(t.shape) for name, t in read.model.tensors.items() if not name.startswith("embeddings."))
    monkeypatch.setattr(case_source, "_SWEEP_PRODUCTS", 20 * each)
    monkeypatch.setattr(case_source, "_FURTHER_PRODUCTS", 100 * each)
    source = case_source.CaseSource(read, None)
    swept = [case for case in source.cases(48) if case.generated]
    further = source.further_cases(48)
    assert sum(int(case.batch.mask.sum()) for case in swept) <= 20 + 2  # and the special tokens around them
    assert 0 < sum(case.batch.ids.size for case in further) <= 100
    monkeypatch.setattr(case_source, "_SWEEP_PRODUCTS", 0)
    assert not [case for case in source.cases(48) if case.generated]


def test_questions_are_of_the_text_that_they_are_asked_of():
    for text in [*default_texts(QUESTION_ANSWERING), *further_texts(QUESTION_ANSWERING)]:
        question, tab, context = text.partition("\t")
        assert (tab, question[-1]) == ("\t", "?")
        names = [word for word in question[:-1].split() if word in context]
        assert names or "the report" in question
    assert len({text.split()[0] for text in default_texts(QUESTION_ANSWERING)}) >= 5
    assert default_texts(TOKEN_CLASSIFICATION) == default_texts()
    assert not set(default_texts()) & set(further_texts())
