"""A fine-tuned bundle is audited against the weights before training: all but what was trained is still the same."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.faults.onnx_file import Spoilt
from exporter.verification.audit.bundle import audit_bundle, audit_subject

KINDS = [
    ("bert", "BertForSequenceClassification"),
    ("bert", "BertForTokenClassification"),
    ("bert", "BertModel"),
    ("distilbert", "DistilBertForSequenceClassification"),
    ("electra", "ElectraForSequenceClassification"),
    ("roberta", "RobertaForSequenceClassification"),
    ("mobilebert", "MobileBertForSequenceClassification"),
]
QUICK = ("bert", "roberta")
pytestmark = pytest.mark.usefixtures("coarse")


@pytest.mark.parametrize("scheme", ["pq", "pq4"])
@pytest.mark.parametrize(
    ("family", "architecture"),
    [pytest.param(*kind, marks=() if kind[0] in QUICK else pytest.mark.slow) for kind in KINDS],
)
def test_an_untouched_bundle_passes_before_and_after_training(tuned, family, architecture, scheme):
    before, bundle, after = tuned("onnx", family, architecture, scheme)
    for audited in (audit_subject(bundle, before, exact=False), audit_subject(bundle, after)):
        audit = audit_bundle(audited)
        assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    assert audit_bundle(audit_subject(bundle, before)).findings  # it was trained


def roll(model, name, axis=0):
    model.write(name, np.roll(model.read(name), 1, axis))


def scaled(model, name, factor):
    values = model.read(name)
    values.reshape(-1)[-1] *= factor
    model.write(name, values)


def swapped_codes(model):
    """Two rows of words, far from each other."""
    codes = model.read("embeddings.word.weight.codes")
    codes[[5, 9]] = codes[[9, 5]]
    model.write("embeddings.word.weight.codes", codes)


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (swapped_codes, "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.word.weight.codes"), "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.word.weight.book.float16"), "embeddings.word.weight"),
        (lambda model: scaled(model, "embeddings.word.weight.book.float16", np.nan), "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.position.weight.int8"), "embeddings.position.weight"),
        (lambda model: roll(model, "embeddings.type.weight"), "embeddings.type.weight"),
        (lambda model: scaled(model, "classifier.bias", 1.02), "classifier.bias"),
        (lambda model: scaled(model, "classifier.weight", 1.02), "classifier.weight"),
        (lambda model: scaled(model, "layer.0.attention.dense.weight.scale", -1), "layer.0.attention.dense.weight"),
        (lambda model: scaled(model, "layer.0.attention.dense.weight.scale", 9), "layer.0.attention.dense.weight"),
        (lambda model: roll(model, "layer.0.attention.dense.weight.int8"), "layer.0.attention.dense.weight"),
        (lambda model: roll(model, "layer.0.dense.weight.int8", 1), "layer.0.dense.weight"),
        (lambda model: roll(model, "layer.1.attention.query.weight.int8", 1), "layer.1.attention.query.weight"),
        (lambda model: scaled(model, "layer.0.norm.gain", np.nan), "layer.0.norm.gain"),
        (lambda model: setattr(model.node("layer.0.output").attribute[0], "f", 1e-3), "layer.0.output"),
    ],
)
def test_what_was_not_trained_is_held(tuned, tmp_path, spoil, subject):
    assert subject in spoilt(tuned("onnx", "bert", "BertForSequenceClassification", "pq"), tmp_path, spoil)


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (swapped_codes, "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.word.weight.book.int8"), "embeddings.word.weight"),
        (lambda model: scaled(model, "embeddings.word.weight.book.scale", 9), "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.position.weight.codes"), "embeddings.position.weight"),
        (lambda model: roll(model, "layer.0.dense.weight.int4"), "layer.0.dense.weight"),
        (lambda model: scaled(model, "layer.0.dense.weight.scale.float16", -1), "layer.0.dense.weight"),
        (lambda model: scaled(model, "layer.0.dense.weight.scale.float16", 9), "layer.0.dense.weight"),
        (lambda model: roll(model, "layer.1.attention.query.weight.int4"), "layer.1.attention.query.weight"),
    ],
)
def test_what_of_a_narrow_bundle_was_not_trained_is_held(tuned, tmp_path, spoil, subject):
    assert subject in spoilt(tuned("onnx", "bert", "BertForSequenceClassification", "pq4"), tmp_path, spoil)


def spoilt(made, tmp_path, spoil):
    """The subjects of what an audit finds in a spoilt copy, held against the checkpoint before training."""
    before, bundle, _ = made
    model = Spoilt(bundle.directory)
    spoil(model)
    model.folder = tmp_path
    model.save()
    (tmp_path / "config.json").write_bytes((bundle.directory / "config.json").read_bytes())
    found = audit_bundle(audit_subject(replace(bundle, directory=tmp_path), before, exact=False)).findings
    return [one.subject for one in found]
