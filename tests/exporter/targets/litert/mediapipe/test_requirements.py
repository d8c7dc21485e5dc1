"""What MediaPipe cannot answer for is refused in one line, with what is in its way."""

import json
from dataclasses import replace

import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.targets.litert.mediapipe.requirements import (
    check_checkpoint,
    check_one_length,
    default_lengths,
    unlike_uncased,
)
from runtimes.errors import LoweringError, UsageError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read(folder, task="auto"):
    return load(resolve(str(folder), HubOptions()), task)


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra", "mobilebert"])
@pytest.mark.parametrize("task", ["text-classification", "sentence-similarity"])
def test_uncased_classifiers_and_embedders_pass(checkpoint_of, family, task):
    check_checkpoint(read(checkpoint_of(family, task), task))


def test_several_labels_at_once_pass(checkpoint_of):
    config = {"problem_type": "multi_label_classification"}
    check_checkpoint(read(checkpoint_of("bert", "text-classification", **config)))


def refused(checkpoint, *words):
    with pytest.raises(LoweringError) as error:
        check_checkpoint(checkpoint)
    assert all(word in str(error.value) for word in ("--mediapipe: ", *words, "; leave --mediapipe out"))


@pytest.mark.parametrize("task", ["token-classification", "question-answering", "fill-mask", "feature-extraction"])
def test_tasks_that_it_lacks_are_refused(checkpoint_of, task):
    refused(read(checkpoint_of("bert", task), task), f"none for {task}")


CONFIGS = {
    "pairs": ({"id2label": {0: "entailment", 1: "neutral", 2: "contradiction"}}, "reads one text"),
    "regression": ({"problem_type": "regression"}, "its logits"),
    "a label of two lines": ({"id2label": {0: "a", 1: "b\nc", 2: "d"}}, "'b\\nc'"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_answers_that_it_cannot_give_are_refused(make_checkpoint, edit_config, kind):
    changes, word = CONFIGS[kind]
    folder = make_checkpoint()
    edit_config(folder, label2id=None, **changes)
    refused(read(folder), word)


def test_a_prompt_is_refused(checkpoint_of, tmp_path, write_checkpoint, write_sentence_files):
    folder = write_checkpoint(tmp_path / "prompted", architecture="BertModel")
    write_sentence_files(folder)
    prompts = {"prompts": {"query": "find: "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    refused(read(folder), "'find: '")


def test_truncation_at_the_start_is_refused(make_checkpoint):
    folder = make_checkpoint()
    (folder / "tokenizer_config.json").write_text(json.dumps({"truncation_side": "left"}))
    refused(read(folder), "at their start")


def test_byte_level_bpe_is_refused(checkpoint_of):
    refused(read(checkpoint_of("roberta", "text-classification")), "model BPE")


def test_a_cased_tokenizer_is_refused(make_checkpoint):
    folder = make_checkpoint()
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    refused(read(folder), "normalizer.lowercase: expected true, found false")


def made(entries=SPECIAL, added=(), edit=lambda parts: None, **settings):
    built = BertWordPieceTokenizer({entry: n for n, entry in enumerate((*entries, "a"))}, **settings)
    parts = json.loads(built.to_str())
    edit(parts)
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    tokenizer.add_tokens(list(added))
    return tokenizer


def lstrip(parts):
    parts["added_tokens"][4]["lstrip"] = True


def prefix(parts):
    parts["model"]["continuing_subword_prefix"] = "@@"


def shorter(parts):
    parts["model"]["max_input_chars_per_word"] = 50


SAME = {
    "as it is": made(),
    "accents": made(strip_accents=False),
    "not cleaned": made(clean_text=False),
    "a mask that takes the space before it": made(edit=lstrip),
}
OTHERS = {
    "cased": (made(lowercase=False), "normalizer.lowercase"),
    "ideographs in words": (made(handle_chinese_chars=False), "normalizer.handle_chinese_chars"),
    "another prefix": (made(edit=prefix), "model.continuing_subword_prefix"),
    "shorter words": (made(edit=shorter), "model.max_input_chars_per_word"),
    "no [MASK]": (made(SPECIAL[:4]), "no entry for [MASK]"),
    "an added token": (made(added=[AddedToken("@user")]), "@user"),
    "other special tokens": (made(("<s>", "</s>", *SPECIAL), sep_token="</s>", cls_token="<s>"), "post_processor"),
}


@pytest.mark.parametrize("kind", SAME)
def test_what_is_no_difference_or_is_counted_passes(kind):
    assert unlike_uncased(SAME[kind]) == ""


@pytest.mark.parametrize("kind", OTHERS)
def test_a_setting_that_it_lacks_is_named(kind):
    tokenizer, word = OTHERS[kind]
    assert word in unlike_uncased(tokenizer)


def test_the_length_is_128_or_what_the_checkpoint_takes(checkpoint_of):
    short = read(checkpoint_of("bert", "text-classification"))
    long = replace(short, max_tokens=512)
    assert [default_lengths(one) for one in (short, long)] == [(48,), (128,)]


@pytest.mark.parametrize(
    ("lengths", "word"), [((), "one length"), ((16, 32), "16 32; export each"), ((49,), "48 tokens")]
)
def test_a_length_that_mediapipe_would_not_keep_to_is_refused(checkpoint_of, lengths, word):
    checkpoint = read(checkpoint_of("bert", "text-classification"))
    check_one_length((48,), checkpoint)
    with pytest.raises(UsageError, match=word):
        check_one_length(lengths, checkpoint)
