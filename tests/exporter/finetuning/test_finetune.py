"""What codes lose is learnt back: less is lost than before, the record says so, and the file is what was trained."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim, choose_entries, trim_checkpoint
from exporter.cli.main import main
from exporter.compression import integer_rounding, product_quantization
from exporter.compression.calibration import Calibration, Finetune
from exporter.compression.product_quantization import shared_quantise
from exporter.finetuning import distillation
from exporter.finetuning import finetune as finetuning
from exporter.finetuning import training_texts as training_texts
from exporter.model.numpy_ops import trace
from exporter.model.ops import Role
from exporter.model.weight_list import rounded_weights
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification import explanation
from exporter.verification.check import Check
from exporter.verification.reference.reference import Reference
from exporter.verification.verify import verify
from runtimes.backends.pytorch import installed
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import RuntimeUnavailable, UsageError
from runtimes.parity.cases import Encoder
from runtimes.parity.compare import Verdict
from runtimes.runner import Batch


@pytest.fixture
def coarse(monkeypatch):
    """Codebooks of 16: those of 256 hold a small vocabulary whole, and there would be nothing to learn."""
    monkeypatch.setattr(product_quantization, "ENTRIES", 16)


@pytest.fixture
def many(texts):
    return tuple(f"{a} {b}" for a in texts for b in texts[::9])


def request(checkpoint, place, many, epochs=4, **settings):
    asked = Settings.of(finetune=Finetune(many, epochs), **settings)
    return Request(str(checkpoint), ("onnx",), ("pq",), place, settings=asked, texts=many[::4], keep_failing=True)


def trained(folder, many, epochs=1, trim=None):
    """The checkpoint in `folder`, its reference, and what fine-tuning makes of it."""
    whole = load(resolve(str(folder), HubOptions()))
    kept = choose_entries(whole.tokenizer.tokenizer, trim) if trim else None
    exported = trim_checkpoint(whole, kept) if trim else whole
    reference = Reference(whole, many[::8], kept=kept)
    calibration = Calibration(exported, reference.samples, 4, ())
    return reference, finetuning.finetune(reference, calibration, Finetune(many, epochs))


def test_less_is_lost_and_the_record_says_so(checkpoint, tmp_path, many, coarse):
    (done,) = export(request(checkpoint, tmp_path / "out", many, epochs=8))
    bundle = read_bundle(tmp_path / "out")
    check_files(bundle)
    found = bundle.manifest.finetuning
    assert found.after["loss"] < 0.8 * found.before["loss"]
    assert found.after["same label"] >= found.before["same label"]
    assert (found.learnt_texts, found.held_out_texts, found.epochs) == (73, 8, 8)
    assert found.best_epoch > 0
    assert found.texts_sha256 == bundle.manifest.recipe.finetuned_sha256
    assert (
        f"loss {found.before['loss']:.4g} → {found.after['loss']:.4g}" in (tmp_path / "out" / "README.md").read_text()
    )
    assert "beside its own fine-tuned weights in PyTorch at most" in done.parity.note


def test_narrow_schemes_learn_with_their_own_rounding(checkpoint, tmp_path, many, coarse):
    """Two schemes of a request are trained apart."""
    asked = replace(request(checkpoint, tmp_path / "out", many, epochs=8), schemes=("pq", "pq4"))
    wide, narrow = (read_bundle(done.directory).manifest.finetuning for done in export(asked))
    assert narrow.after["loss"] < 0.8 * narrow.before["loss"]
    assert narrow.before["loss"] != pytest.approx(wide.before["loss"], rel=0.01)


@pytest.mark.parametrize("narrow", [False, True])
def test_every_layer_is_trained_as_it_ships(checkpoint, many, coarse, narrow):
    """The gains leave each integer as it is; what folding multiplies ships as another matrix, and learns in floats."""
    whole = load(resolve(str(checkpoint), HubOptions()))
    reference = Reference(whole, many[::8])
    tuned = finetuning.finetune(reference, Calibration(whole, reference.samples, 4, ()), Finetune(many, 4), narrow)
    rounded = integer_rounding.int4_rows if narrow else integer_rounding.int8
    positions = {one.role: one.values for one in rounded_weights(tuned.checkpoint.model)}[Role.POSITION_EMBEDDING]
    coded = np.abs(shared_quantise(positions).restored - positions).max() < 1e-6
    assert bool(coded) is narrow
    name, trained = "layer.0.dense.weight", tuned.checkpoint.model.tensors
    before, after = whole.model.tensors[name].read(), trained[name].read()
    assert np.abs(after / before - 1).max() > 1e-3
    np.testing.assert_array_equal(rounded(after)[0], rounded(before)[0])
    rounding = distillation.Rounding(narrow, finetuning._multiplied(whole))
    path = "bert.encoder.layer.{}.attention.self.query"
    weights = [(path.format(at), trained[f"layer.{at}.attention.query.weight"].read()) for at in (0, 1)]
    assert [np.array_equal(rounding.of(*one), one[1]) for one in weights] == [False, narrow]


def test_a_text_like_no_other_is_learnt_too(checkpoint, many, coarse, monkeypatch):
    def missed():
        reference, tuned = trained(checkpoint, many, epochs=8)
        empty = Encoder(reference.checkpoint.tokenizer.tokenizer, reference.source.limits(24)).row("")
        batch = Batch(np.array([empty.ids]), np.ones((1, len(empty.ids)), np.int64), np.array([empty.types]))
        sides = [one.loaded().run(batch)["logits"] for one in (reference, reference.with_weights(tuned.weights))]
        return np.abs(sides[0] - sides[1]).max()

    monkeypatch.setattr(distillation, "_VECTOR_PEAK", 1e-2)  # few texts, few steps
    found = missed()
    monkeypatch.setattr(training_texts._Odd, "beside", lambda *_: [])
    assert found < 0.95 * missed()


def test_the_same_texts_give_the_same_bytes(checkpoint, tmp_path, many, coarse):
    for name in "ab":
        export(request(checkpoint, tmp_path / name, many, epochs=1))
    first, second = ((tmp_path / name / "model.onnx").read_bytes() for name in "ab")
    assert first == second
    export(request(checkpoint, tmp_path / "c", many[:60], epochs=1))
    assert (tmp_path / "c" / "model.onnx").read_bytes() != first


def test_a_file_that_is_not_what_was_trained_fails(checkpoint, tmp_path, many, coarse, monkeypatch):
    real = finetuning.finetune

    def other(*arguments):
        found = real(*arguments)
        name = "bert.encoder.layer.0.output.LayerNorm.weight"
        return replace(found, weights={**found.weights, name: found.weights[name] * 4})

    monkeypatch.setattr(finetuning, "finetune", other)
    (done,) = export(request(checkpoint, tmp_path / "out", many, epochs=1))
    assert done.parity.verdict is Verdict.FAIL
    assert any(text.startswith("beside its own weights in PyTorch: ") for text in done.parity.failures)


def test_a_trimmed_vocabulary_learns_on_both_targets(checkpoint, tmp_path, many, coarse):
    asked = request(checkpoint, tmp_path / "out", many, trim=Trim(many[:40]), sequence_lengths=(24,))
    for done in export(replace(asked, targets=("onnx", "coreml"))):
        assert not [text for text in done.parity.failures if "its own weights" in text]
        manifest = read_bundle(done.directory).manifest
        assert manifest.finetuning.after["loss"] < manifest.finetuning.before["loss"]
        assert manifest.recipe.vocabulary_size


@pytest.mark.parametrize(
    ("family", "architecture"),
    [
        ("bert", "BertForSequenceClassification"),
        ("bert", "BertModel"),
        ("distilbert", "DistilBertForTokenClassification"),
        ("electra", "ElectraForQuestionAnswering"),
        ("roberta", "RobertaForSequenceClassification"),
        ("mobilebert", "MobileBertForSequenceClassification"),
    ],
)
def test_all_that_was_trained_reaches_our_graph(write_family, tmp_path, many, coarse, family, architecture):
    reference, tuned = trained(write_family(tmp_path / "c", family, architecture, labels=2), many, epochs=8)
    assert tuned.record.after["loss"] < tuned.record.before["loss"]
    case = next(case for case in reference.battery(None).cases if case.real_text)
    batch = case.batch
    own = reference.with_weights(tuned.weights).loaded().run(batch)
    ours = trace(tuned.checkpoint.model, batch.ids, batch.mask, batch.types)
    for name, values in own.items():
        np.testing.assert_allclose(ours[name], values, atol=2e-4 * np.abs(values).max())
        assert np.abs(values - reference.loaded().run(batch)[name]).max() > 1e-3


def test_coding_what_was_trained_again_changes_nothing(checkpoint, many, coarse):
    _, tuned = trained(checkpoint, many)
    table = tuned.checkpoint.model.tensors["embeddings.word"].read()
    np.testing.assert_array_equal(product_quantization.product_quantise(table, 4).restored, table)


def test_where_nothing_is_gained_nothing_changes(checkpoint, many, coarse, monkeypatch):
    monkeypatch.setattr(distillation, "_VECTOR_PEAK", 100.0)
    reference, tuned = trained(checkpoint, many)
    assert tuned.record.best_epoch == 0
    assert tuned.record.after["loss"] == tuned.record.before["loss"]
    for name, before in reference.checkpoint.model.tensors.items():
        if name != "embeddings.word":
            np.testing.assert_array_equal(tuned.checkpoint.model.tensors[name].read(), before.read())


def test_tokens_have_answers_only_where_their_pieces_stay(write_family, tmp_path, many):
    folder = write_family(tmp_path / "c", "bert", "BertForTokenClassification")
    _, tuned = trained(folder, many, trim=Trim(many))
    assert tuned.record.learnt_texts + tuned.record.held_out_texts == len(many)
    with pytest.raises(UsageError, match=r"--finetune-codes: \d+ texts to learn from"):
        trained(folder, many, trim=Trim(("the cat runs in the market",)))


@pytest.mark.parametrize(("target", "near"), [("onnx", 1e-5), ("coreml", 5e-3)])
@pytest.mark.parametrize("trim", [None, Trim(("the cat runs", "a dog falls in the market"))], ids=["whole", "trimmed"])
def test_what_is_explained_is_what_was_trained(checkpoint, tmp_path, many, coarse, monkeypatch, target, near, trim):
    """The file beside our graph over its own weights; over the checkpoint's, as a control, its table is another."""
    fixed = {"deployment_target": "iOS17", "sequence_lengths": (24,)} if target == "coreml" else {}
    asked = replace(request(checkpoint, tmp_path / "out", many, epochs=8, trim=trim, **fixed), targets=(target,))
    export(asked)
    bundle = read_bundle(tmp_path / "out")
    verification = verify(Check(bundle, str(checkpoint), asked.texts))
    found = verification.explain()
    assert max(row.relative for row in found.graph) < 1e-4
    assert {row.name: row.relative for row in found.file}["embeddings.word"] < near
    monkeypatch.setattr(explanation, "_stored", lambda *_: {})
    untrained = {row.name: row.relative for row in verification.explain().file}
    assert untrained["embeddings.word"] > 10 * near


REFUSED = {
    "another scheme": (["--quantize", "int8"], "only pq and pq4 have codes; pass --quantize pq"),
    "no epoch": (["--quantize", "pq", "--finetune-epochs", "0"], "--finetune-epochs 0: expected 1 or more"),
    "codes of no scheme": (["--quantize", "int8", "--pq-dims", "8"], "--pq-dims: only pq and pq4 have codes"),
    "few texts": (["--quantize", "pq"], "--finetune-codes: 27 texts to learn from; give 50 or more"),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_one_line_and_leaves_nothing(checkpoint, texts_file, tmp_path, capsys, arguments, words):
    given = ["export", str(checkpoint), "--finetune-codes", str(texts_file), "-o", str(tmp_path / "out"), *arguments]
    assert main(given) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_texts_of_another_language_teach_nothing(checkpoint, many):
    with pytest.raises(UsageError, match="0 texts to learn from; give 50 or more, in the model's language"):
        trained(checkpoint, ("☃ ☃",) * len(many))


def test_without_torch_one_line_says_what_to_install(checkpoint, many, monkeypatch):
    monkeypatch.setattr(installed, "is_installed", lambda name: name != "torch")
    with pytest.raises(RuntimeUnavailable, match=r"--finetune-codes needs torch, .* pip install torch"):
        trained(checkpoint, many)


def test_empty_data_and_epochs_without_data_are_refused(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("text,label\n")
    assert main(["export", "demo", "--quantize", "pq", "--finetune-codes", str(tmp_path / "empty.csv")]) == 2
    assert "no rows" in capsys.readouterr().err
    assert main(["export", "demo", "--quantize", "pq", "--finetune-epochs", "2"]) == 2
    assert "pass that too" in capsys.readouterr().err
