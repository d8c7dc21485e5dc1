"""A fine-tuned LiteRT bundle is audited against the weights before training: what was not trained is still the same."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.faults.litert_file import Spoilt
from exporter.model.weight_list import WORD_TABLE, rounded_weights
from exporter.targets.registry import TARGETS
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
    before, bundle, after = tuned("litert", family, architecture, scheme)
    for audited in (audit_subject(bundle, before, exact=False), audit_subject(bundle, after)):
        audit = audit_bundle(audited)
        assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    assert audit_bundle(audit_subject(bundle, before)).findings  # it was trained


@pytest.mark.parametrize("scheme", ["pq", "pq4"])
def test_what_is_read_is_what_was_trained(tuned, scheme):
    before, bundle, after = tuned("litert", "bert", "BertForSequenceClassification", scheme)
    read = TARGETS["litert"].read(audit_subject(bundle, before, exact=False))
    trained = {weight.name: weight.values for weight in rounded_weights(after.model)}
    np.testing.assert_allclose(read[WORD_TABLE], trained[WORD_TABLE], atol=1e-3 if scheme == "pq" else 0.02)
    for name, values in trained.items():
        assert np.square(read[name] - values).mean() <= 0.3**2 * np.square(values).mean()


def roll(model, name, axis=0):
    model.write(name, np.roll(model.read(name), 1, axis))


def scaled(model, name, factor):
    values = model.read(name)
    values.reshape(-1)[-1] *= factor
    model.write(name, values)


def rescaled(model, name, factor):
    """The scale of a matrix's last row."""
    scale = np.array(model.tensor(name).quantization.scale)
    scale[-1] *= factor
    model.rescale(name, scale)


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
        (lambda model: rescaled(model, "layer.0.attention.dense.weight.int8", -1), "layer.0.attention.dense.weight"),
        (lambda model: rescaled(model, "layer.0.attention.dense.weight.int8", 9), "layer.0.attention.dense.weight"),
        (lambda model: roll(model, "layer.0.attention.dense.weight.int8"), "layer.0.attention.dense.weight"),
        (lambda model: roll(model, "layer.0.dense.weight.int8", 1), "layer.0.dense.weight"),
        (lambda model: roll(model, "layer.1.attention.query.weight.int8", 1), "layer.1.attention.query.weight"),
        (lambda model: scaled(model, "layer.0.norm.gain", np.nan), "layer.0.norm.gain"),
        (lambda model: model.turn(model.node("layer.0.output"), "MUL", 1), "layer.0.output"),
    ],
)
def test_what_was_not_trained_is_held(tuned, tmp_path, spoil, subject):
    assert subject in spoilt(tuned("litert", "bert", "BertForSequenceClassification", "pq"), tmp_path, spoil)


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (swapped_codes, "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.word.weight.book.int8"), "embeddings.word.weight"),
        (lambda model: scaled(model, "embeddings.word.weight.book.scale", 9), "embeddings.word.weight"),
        (lambda model: roll(model, "embeddings.position.weight.codes"), "embeddings.position.weight"),
        (lambda model: roll(model, "layer.0.dense.weight.int4"), "layer.0.dense.weight"),
        (lambda model: rescaled(model, "layer.0.dense.weight.int4", -1), "layer.0.dense.weight"),
        (lambda model: rescaled(model, "layer.0.dense.weight.int4", 9), "layer.0.dense.weight"),
        (lambda model: rescaled(model, "layer.0.dense.weight.int4", 1 + 2**-20), "layer.0.dense.weight"),
        (lambda model: roll(model, "layer.1.attention.query.weight.int4"), "layer.1.attention.query.weight"),
    ],
)
def test_what_of_a_narrow_bundle_was_not_trained_is_held(tuned, tmp_path, spoil, subject):
    found = spoilt(tuned("litert", "bert", "BertForSequenceClassification", "pq4"), tmp_path, spoil)
    assert any(one.startswith(subject) for one in found)


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
