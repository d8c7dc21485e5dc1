"""What stands beside a model and changes its answers is honoured as its library does it, or refused by name."""

import json
import re
import shutil

import pytest
import torch
import transformers

from exporter.bundling.assumptions import decided
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.reference.reference import Reference
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import check_files, read_bundle, sealed
from runtimes.errors import BertportError
from runtimes.files.json_text import to_json

LONG = "the cat runs in the market and sleeps fast in the market and wins and falls slow"
SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"


def read(folder, **options):
    return load(resolve(str(folder), HubOptions()), **options)


def edit(path, **changes):
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(found | changes))


def exported(folder, place, **changes):
    (done,) = export(Request(str(folder), destination=place, verify=False, **changes))
    return read_bundle(done.directory)


@pytest.fixture
def sentences(make_checkpoint, write_sentence_files):
    """A sentence model whose own settings say no length."""
    folder = make_checkpoint(architecture="BertModel")
    write_sentence_files(folder, settings={"transformer_task": "feature-extraction"})
    return folder


LENGTHS = {
    "max_seq_length": ({"max_seq_length": 9}, {}, 9),
    "model_max_length": ({}, {"model_max_length": 10}, 10),
    "the old max_len": ({}, {"max_len": 11}, 11),
    "the module's own before the tokenizer's": ({"max_seq_length": 12}, {"model_max_length": 10}, 12),
    "the tokenizer's options before the module's": (
        {"max_seq_length": 12, "processor_kwargs": {"model_max_length": 8}},
        {},
        8,
    ),
    "those of version 5": ({"tokenizer_args": {"model_max_length": 8}}, {}, 8),
    "those of each call": ({"max_seq_length": 12, "processing_kwargs": {"text": {"max_length": 7}}}, {}, 7),
    "no length": ({}, {"model_max_length": 1000000000000000019884624838656}, 48),
    "nothing": ({"max_seq_length": None}, {}, 48),
}


@pytest.mark.parametrize(("module", "tokenizer", "expected"), LENGTHS.values(), ids=LENGTHS)
def test_texts_are_truncated_where_encode_truncates_them(sentences, tmp_path, module, tokenizer, expected):
    from sentence_transformers import SentenceTransformer

    edit(sentences / "sentence_bert_config.json", **module)
    edit(sentences / "tokenizer_config.json", **tokenizer)
    checkpoint = read(sentences)
    theirs = SentenceTransformer(str(sentences), device="cpu").preprocess([f"{LONG} " * 5])["input_ids"].shape[1]
    assert checkpoint.max_tokens == theirs == expected
    assert max(one.ids.shape[1] for one in Reference(checkpoint, [LONG * 5]).samples(48)) == expected
    bundle = exported(sentences, tmp_path / "bundle")
    assert bundle.manifest.max_tokens == expected
    assert json.loads((bundle.directory / "tokenizer_config.json").read_bytes())["model_max_length"] == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("many", "model_max_length 'many' is no number"),
        (0, "0 is no number"),
        (True, "True is no number"),
        (2, "truncated at 2 tokens, of which 2 are special"),
    ],
)
def test_a_length_that_is_none_is_refused(make_checkpoint, value, words):
    folder = make_checkpoint()
    edit(folder / "tokenizer_config.json", model_max_length=value)
    with pytest.raises(BertportError, match=words):
        read(folder)


def test_the_length_of_a_classifier_is_its_tokenizers(make_checkpoint):
    folder = make_checkpoint()
    edit(folder / "tokenizer_config.json", model_max_length=13)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert read(folder).max_tokens == len(tokenizer(LONG * 3, truncation=True)["input_ids"]) == 13


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_long_text_loses_the_end_that_its_tokenizer_drops(make_checkpoint, side):
    folder = make_checkpoint()
    edit(folder / "tokenizer_config.json", model_max_length=9, truncation_side=side)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    (sample,) = Reference(read(folder), [LONG]).samples(48)
    assert sample.ids[0].tolist() == tokenizer(LONG, truncation=True)["input_ids"]


def test_the_prompt_is_part_of_every_text_and_said(sentences, tmp_path, said):
    prompts = {"prompts": {"query": "fast dog: ", "passage": ""}, "default_prompt_name": "query"}
    edit(sentences / "config_sentence_transformers.json", **prompts)
    checkpoint = read(sentences)
    tokenizer = transformers.AutoTokenizer.from_pretrained(sentences)
    (sample,) = Reference(checkpoint, ["the cat"]).samples(48)
    assert sample.ids[0].tolist() == tokenizer("fast dog: the cat")["input_ids"]
    bundle = exported(sentences, tmp_path / "bundle")
    assert bundle.manifest.prompt == "fast dog: "
    lines = [line for line in said if "prompt 'fast dog: '" in line]
    assert len(lines) == 1
    assert decided(bundle) in lines[0]
    assert decided(bundle) in (bundle.directory / "README.md").read_text(encoding="utf-8")


def test_without_a_default_there_is_no_prompt(sentences):
    edit(sentences / "config_sentence_transformers.json", prompts={"query": "q: "}, default_prompt_name=None)
    assert read(sentences).prompt == ""


REFUSED = {
    "a prompt that is none": (
        "config_sentence_transformers.json",
        {"prompts": {"a": "b"}, "default_prompt_name": "c"},
        "default_prompt_name 'c' is none of its prompts",
    ),
    "prompts that are no texts": (
        "config_sentence_transformers.json",
        {"prompts": [1]},
        "prompts as an object of texts",
    ),
    "vectors cut short": ("config_sentence_transformers.json", {"truncate_dim": 8}, "truncate_dim 8"),
    "another class": ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "'SparseEncoder' is not"),
    "another tokenizer": ("sentence_bert_config.json", {"tokenizer_name_or_path": "x/y"}, "names another tokenizer"),
    "another output": (
        "sentence_bert_config.json",
        {"modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}}},
        "reads 'pooler_output' of 'forward'",
    ),
    "options of the model": (
        "sentence_bert_config.json",
        {"model_args": {"add_pooling_layer": 1}},
        "add_pooling_layer",
    ),
    "tokens of something else": (
        "2_Normalize/config.json",
        {"module_input_name": "token_embeddings"},
        "token_embeddings",
    ),
}


@pytest.mark.parametrize(("place", "content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_honoured_is_refused_by_name(sentences, place, content, words):
    edit(sentences / place, **content)
    with pytest.raises(BertportError, match=words):
        read(sentences)


def test_a_prompt_that_the_pooling_leaves_out_is_refused(sentences):
    edit(sentences / "1_Pooling" / "config.json", include_prompt=False)
    assert read(sentences).recipe.pooling == "mean"
    edit(sentences / "config_sentence_transformers.json", prompts={"q": "q: "}, default_prompt_name="q")
    with pytest.raises(BertportError, match="include_prompt leaves the prompt 'q: ' out"):
        read(sentences)


def test_an_encoder_in_a_folder_of_its_own_is_read(sentences, tmp_path):
    """As sentence-transformers saved models until 2021."""
    from sentence_transformers import SentenceTransformer

    inner = sentences / "0_Transformer"
    inner.mkdir()
    for path in [path for path in sentences.iterdir() if path.is_file() and path.name != "modules.json"]:
        shutil.move(path, inner / path.name)
    (sentences / "config.json").write_text('{"__version__": "0.4.1"}')
    modules = json.loads((sentences / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (sentences / "modules.json").write_text(json.dumps(modules))
    request = Request(str(sentences), destination=tmp_path / "bundle", texts=(LONG, "a dog"))
    (done,) = export(request)
    assert done.parity.verdict.value == "pass", done.parity.failures
    vector = json.loads((tmp_path / "bundle" / "golden.json").read_bytes())["vectors"][0]["sentence_embedding"]
    assert vector == pytest.approx(SentenceTransformer(str(sentences), device="cpu").encode(LONG).tolist(), abs=1e-4)
    assert json.loads((tmp_path / "bundle" / "modules.json").read_bytes())[0]["path"] == ""
    assert "0_Transformer/config.json" in read_bundle(tmp_path / "bundle").manifest.source_sha256
    assert read(sentences, task="feature-extraction").task.name == "feature-extraction"


class Bomb:
    """Nothing unpickles it unseen."""

    def __reduce__(self):
        return (print, ("unpickled",))


@pytest.mark.parametrize("name", ["model_head.pkl", "classifier.joblib"])
def test_a_pickled_classifier_beside_an_encoder_is_left_out_and_said(sentences, tmp_path, capsys, name, said):
    import pickle

    (sentences / name).write_bytes(pickle.dumps(Bomb()))
    bundle = exported(sentences, tmp_path / "bundle")
    assert bundle.manifest.left_out == (name,)
    assert any(f"left out {name}, never read" in line for line in said)
    assert name in (bundle.directory / "README.md").read_text(encoding="utf-8")
    assert not (bundle.directory / name).exists()
    assert "unpickled" not in capsys.readouterr().out


ACTIVATIONS = {
    "one label": ({"labels": 1}, "sigmoid"),
    "three labels": ({"labels": 3}, "softmax"),
    "an amount": ({"labels": 1, "problem_type": "regression"}, "none"),
    "several at once": ({"labels": 3, "problem_type": "multi_label_classification"}, "sigmoid"),
    "a reranker": ({"labels": 1, "sentence_transformers": {"activation_fn": SIGMOID}}, "sigmoid"),
    "a reranker without": ({"labels": 1, "sentence_transformers": {"activation_fn": IDENTITY}}, "none"),
    "a reranker of version 3": ({"labels": 1, "sbert_ce_default_activation_function": IDENTITY}, "none"),
    "a reranker of three labels": ({"labels": 3, "sentence_transformers": {"activation_fn": IDENTITY}}, "none"),
    "a class that is not torch's": ({"labels": 1, "sentence_transformers": {"activation_fn": "os.system"}}, "sigmoid"),
}


@pytest.mark.parametrize(("config", "expected"), ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_what_makes_scores_of_logits_is_the_librarys(make_checkpoint, config, expected):
    from sentence_transformers import CrossEncoder

    folder = make_checkpoint(**config)
    assert read(folder).activation == expected
    logits = torch.tensor([[0.3, -1.0, 2.0][: config["labels"]]])
    ours = {"sigmoid": logits.sigmoid(), "softmax": logits.softmax(-1), "none": logits}[expected]
    if any("sentence" in key or "sbert" in key for key in config):
        theirs = CrossEncoder(str(folder), device="cpu").activation_fn(logits)
        assert read(folder).pairs
    else:
        pipe = transformers.pipeline("text-classification", str(folder), top_k=None)
        found = pipe.postprocess({"logits": logits}, top_k=None, _legacy=False)
        theirs = torch.tensor([[one["score"] for one in sorted(found, key=lambda one: one["label"])]])
        assert not read(folder).pairs
    torch.testing.assert_close(ours, theirs)


def test_an_activation_that_is_not_known_is_refused(make_checkpoint):
    tanh = {"activation_fn": "torch.nn.modules.activation.Tanh"}
    with pytest.raises(BertportError, match="Tanh is not supported; known: Sigmoid, Identity, Softmax"):
        read(make_checkpoint(labels=1, sentence_transformers=tanh))


@pytest.mark.parametrize("labels", [1, 3])
def test_a_cross_encoder_with_modules_is_a_classifier_of_pairs(make_checkpoint, tmp_path, labels):
    from sentence_transformers import CrossEncoder

    made = CrossEncoder(str(make_checkpoint("base", labels=labels)), device="cpu")
    made.save_pretrained(str(tmp_path / "made"))
    assert (tmp_path / "made" / "modules.json").exists()
    checkpoint = read(tmp_path / "made")
    tag = re.search(r"^pipeline_tag: (.*)$", (tmp_path / "made" / "README.md").read_text(), re.MULTILINE)
    assert tag is not None
    assert (checkpoint.task.name, checkpoint.pairs) == (tag[1], True)
    assert tag[1] == ("text-ranking" if labels == 1 else "text-classification")
    assert checkpoint.activation == ("sigmoid" if labels == 1 else "none")
    classifier = read(tmp_path / "made", task="text-classification")
    assert (classifier.task.name, classifier.activation) == ("text-classification", checkpoint.activation)


@pytest.mark.parametrize(("config", "expected"), [({}, "sigmoid"), ({"problem_type": "regression"}, "none")])
def test_a_classifier_of_one_label_ranks_where_it_is_told_so(make_checkpoint, config, expected):
    folder = make_checkpoint(labels=1, **config)
    assert read(folder).task.name == "text-classification"
    checkpoint = read(folder, task="text-ranking")
    assert (checkpoint.task.name, checkpoint.problem, checkpoint.activation) == (
        "text-ranking",
        "text_ranking",
        expected,
    )


def test_an_old_cross_encoder_ranks_and_can_be_told_that_it_does_not(make_checkpoint):
    folder = make_checkpoint(labels=1, sbert_ce_default_activation_function=IDENTITY)
    assert read(folder).task.name == "text-ranking"
    assert read(folder, task="text-classification").problem == "score"


def test_manifests_from_before_say_nothing_and_are_read(make_checkpoint, tmp_path):
    bundle = exported(make_checkpoint(), tmp_path / "bundle")
    path = bundle.directory / MANIFEST
    raw = json.loads(path.read_bytes())
    for name in ("activation", "prompt", "pooling", "pairs", "truncation_side", "tokenizer_file", "left_out"):
        del raw[name]
    path.write_bytes(to_json(sealed(raw)))
    old = read_bundle(bundle.directory)
    check_files(old)
    assert (old.manifest.activation, old.manifest.prompt, old.manifest.left_out) == (None, "", ())
    path.write_bytes(path.read_bytes().replace(b'"pad_id": 0', b'"pad_id": 1'))
    with pytest.raises(BertportError, match="changed since it was written"):
        check_files(read_bundle(bundle.directory))
