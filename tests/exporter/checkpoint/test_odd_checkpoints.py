"""Checkpoints as they lie about: saved without a head's prefix, with another's leftovers, with more words, by hand."""

import json

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.pairs import reads_pairs
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.errors import CheckpointError, UnsupportedError
from runtimes.parity.compare import Verdict


def read(folder, **options):
    return load(resolve(str(folder), HubOptions()), **options)


def passes(folder, texts, tmp_path, **request):
    (done,) = export(Request(str(folder), destination=tmp_path / "out", texts=texts[::5], **request))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    return done


def bare(tensors):
    for name in [name for name in tensors if name.startswith("bert.")]:
        tensors[name.removeprefix("bert.")] = tensors.pop(name)


def without_pooler(tensors):
    for name in [name for name in tensors if "pooler" in name]:
        del tensors[name]


@pytest.mark.transformers_5
@pytest.mark.parametrize("architecture", ["BertForSequenceClassification", "BertForMaskedLM"])
def test_an_encoder_without_its_prefix(make_checkpoint, edit_weights, texts, tmp_path, architecture):
    folder = make_checkpoint(architecture=architecture)
    edit_weights(folder, bare)
    passes(folder, texts, tmp_path)


def test_a_whole_model_gives_its_features(make_checkpoint, texts, tmp_path):
    folder = make_checkpoint(architecture="BertForPreTraining")
    done = passes(folder, texts, tmp_path, task="feature-extraction")
    assert done.recipe.task == "feature-extraction"


def test_an_encoder_without_a_pooler_gives_no_pooled_vector(make_checkpoint, edit_weights, texts, tmp_path):
    folder = make_checkpoint(architecture="BertModel")
    assert list(read(folder).model.outputs) == ["last_hidden_state", "pooler_output"]
    edit_weights(folder, without_pooler)
    assert list(read(folder).model.outputs) == ["last_hidden_state"]
    passes(folder, texts, tmp_path)


def test_a_classifier_without_its_pooler_is_refused(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    edit_weights(folder, without_pooler)
    with pytest.raises(CheckpointError, match=r"missing bert\.pooler\.dense\.weight"):
        read(folder)


def test_what_the_class_never_reads_is_said_and_left_out(make_checkpoint, edit_weights, texts, tmp_path, said):
    folder = make_checkpoint(architecture="BertForTokenClassification")
    extra = {"bert.pooler.dense.weight": (32, 32), "bert.pooler.dense.bias": (32,), "cls.predictions.bias": (79,)}
    edit_weights(folder, lambda t: t.update({name: np.ones(shape, np.float32) for name, shape in extra.items()}))
    passes(folder, texts, tmp_path)
    assert any("left out" in text and all(name in text for name in extra) for text in said)


def test_any_other_leftover_is_refused(make_checkpoint, edit_weights):
    folder = make_checkpoint(architecture="BertForTokenClassification")
    edit_weights(folder, lambda t: t.update({"crf.transitions": np.ones((3, 3), np.float32)}))
    with pytest.raises(CheckpointError, match=r"unused crf\.transitions \[3, 3\]"):
        read(folder)


def test_a_head_that_is_promised_and_not_there(make_checkpoint, edit_config):
    folder = make_checkpoint(architecture="BertModel")
    edit_config(folder, architectures=["BertForQuestionAnswering"])
    with pytest.raises(CheckpointError, match=r"missing qa_outputs\.weight"):
        read(folder)


def test_a_head_that_is_there_and_not_promised(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, architectures=["BertModel"])
    with pytest.raises(CheckpointError, match=r"unused classifier\.weight"):
        read(folder)


@pytest.mark.parametrize("architecture", ["BertForSequenceClassification", "BertForTokenClassification"])
def test_labels_without_names_are_as_many_as_the_head_has(make_checkpoint, edit_config, texts, tmp_path, architecture):
    """transformers would take two, in PyTorch and in the bundle."""
    folder = make_checkpoint(architecture=architecture)
    edit_config(folder, id2label=None, label2id=None)
    done = passes(folder, texts, tmp_path)
    config = json.loads((done.directory / "config.json").read_text())
    assert config["label2id"] == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}


def test_without_architectures_the_tasks_are_listed(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, architectures=None)
    with pytest.raises(UnsupportedError, match=r"pass --task with one of text-classification, .*multiple-choice"):
        read(folder)
    assert read(folder, task="text-classification").task.name == "text-classification"


def test_added_words_are_part_of_the_vocabulary(make_checkpoint, texts, tmp_path):
    """As `add_tokens` and `resize_token_embeddings` leave it: the table grown, the words in tokenizer.json alone."""
    import transformers

    folder = make_checkpoint(vocab_size=81)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["covid", "<unit>"])
    tokenizer.save_pretrained(folder)
    checkpoint = read(folder)
    assert checkpoint.tokenizer.tokenizer.encode("the covid cat").tokens == ["[CLS]", "the", "covid", "cat", "[SEP]"]
    done = passes(folder, ("covid runs <unit> fast", *texts), tmp_path)
    vector = json.loads((done.directory / "golden.json").read_text())["vectors"][0]
    assert checkpoint.tokenizer.tokenizer.token_to_id("<unit>") in vector["input_ids"]


@pytest.mark.parametrize(
    ("settings", "text", "tokens"),
    [
        ({"do_lower_case": False}, "The the", ["[UNK]", "the"]),
        ({"do_lower_case": True}, "The thé", ["the", "the"]),
        ({"do_lower_case": True, "strip_accents": False}, "The thé", ["the", "[UNK]"]),
        ({"do_lower_case": False, "strip_accents": True}, "The thé", ["[UNK]", "the"]),
    ],
)
def test_case_and_accents_are_kept_as_trained(make_checkpoint, settings, text, tokens):
    folder = make_checkpoint()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert read(folder).tokenizer.tokenizer.encode(text).tokens[1:-1] == tokens


@pytest.mark.parametrize(
    ("change", "pairs"),
    [
        ({"finetuning_task": "mrpc"}, True),
        ({"id2label": {"0": "ENTAILMENT", "1": "NEUTRAL", "2": "CONTRADICTION"}}, True),
        ({}, False),
    ],
)
def test_a_classifier_of_pairs_is_compared_on_pairs(make_checkpoint, edit_config, texts, tmp_path, change, pairs):
    folder = make_checkpoint()
    edit_config(folder, **change)
    assert reads_pairs(read(folder)) == pairs
    done = passes(folder, texts, tmp_path)
    vectors = json.loads((done.directory / "golden.json").read_text())["vectors"]
    assert all(("text_pair" in vector) == pairs for vector in vectors)


def test_pairs_may_be_asked_for_and_told(make_checkpoint, tmp_path):
    folder = make_checkpoint()
    lines = [f"the cat {word}\ta dog {word}" for word in ("runs", "sleeps", "falls")]
    done = passes(folder, [line for line in lines for _ in range(5)], tmp_path)
    vector = json.loads((done.directory / "golden.json").read_text())["vectors"][0]
    assert (vector["text"], vector["text_pair"]) == ("the cat runs", "a dog runs")
    assert 1 in vector["token_type_ids"]


@pytest.mark.parametrize("wrapper", ["_orig_mod.", "module.", "model.", "module._orig_mod."])
def test_what_a_wrapper_puts_before_every_name_is_read_without(make_checkpoint, edit_weights, texts, tmp_path, wrapper):
    """As torch.compile, DataParallel and Lightning save it."""
    folder = make_checkpoint()

    def wrap(tensors):
        for name in list(tensors):
            tensors[wrapper + name] = tensors.pop(name)

    edit_weights(folder, wrap)
    assert read(folder).wrapper == wrapper
    passes(folder, texts, tmp_path)
