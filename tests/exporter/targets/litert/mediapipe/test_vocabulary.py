"""Of the vocabulary MediaPipe gives each entry its id, and the texts that it tokenizes differently are counted."""

import pytest
from tokenizers import AddedToken
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from exporter.checkpoint.source import DEMO_DIRECTORY
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.targets.litert.mediapipe.tokenizer import MediaPipeTokenizer
from exporter.targets.litert.mediapipe.vocabulary import difference_in_words, differing_texts, vocabulary_file
from exporter.verification.reference.default_texts import default_texts

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ODD = ("The Café in ZÜRICH", "北京 b", "МОСКВА", "co\u00adop", "a\u00a0b", "a [MASK] b", "é" * 60)


def tokenizer_of(*entries, **ids):
    """Over these entries, and those that have another id than their place."""
    vocabulary = {entry: number for number, entry in enumerate((*SPECIAL, *entries))}
    return BertWordPieceTokenizer({**vocabulary, **ids}, lowercase=True)._tokenizer


@pytest.fixture(scope="module")
def demo():
    return open_tokenizer(DEMO_DIRECTORY / "tokenizer.json")


def test_the_demos_is_its_own(demo):
    assert vocabulary_file(demo) == (DEMO_DIRECTORY / "vocab.txt").read_bytes()


def test_every_entry_keeps_its_id_where_ids_have_none():
    tokenizer = tokenizer_of("a", b=9, c=12)
    lines = (*SPECIAL, "a", " ", " ", " ", "b", " ", " ", "c")
    assert vocabulary_file(tokenizer) == "".join(f"{line}\n" for line in lines).encode()
    assert MediaPipeTokenizer(vocabulary_file(tokenizer)).encode("c b a", 8) == [2, 12, 9, 5, 3]


def test_entries_that_no_line_can_hold_take_no_other_ones_place():
    tokenizer = tokenizer_of("a", "a\r", "b\nc", "", "d")
    assert MediaPipeTokenizer(vocabulary_file(tokenizer)).encode("a d b", 8) == [2, 5, 9, 1, 3]


def test_a_file_with_empty_lines_would_move_ids():
    """The control: what stands for an id without an entry matters."""
    content = vocabulary_file(tokenizer_of("a", b=9)).replace(b" ", b"")
    assert MediaPipeTokenizer(content).encode("b", 8) == [2, 6, 3]


def test_news_in_ascii_is_tokenized_alike(demo):
    assert differing_texts(demo, default_texts(), 128) == []


def test_what_is_not_ascii_is_counted(demo):
    assert differing_texts(demo, ["plain text", *ODD], 128) == list(ODD[:1]) + list(ODD[2:])
    told = difference_in_words(demo, ["plain text", *ODD], 128)
    assert "6 of 8 texts" in told
    assert repr(ODD[0]) in told
    assert "all 1 texts" in difference_in_words(demo, ["plain text"], 128)


def test_only_what_is_read_counts(demo):
    late = "word " * 20 + "Zürich"
    assert differing_texts(demo, [late], 16) == []
    assert differing_texts(demo, [late], 32) == [late]


def test_a_tokenizer_that_finds_added_tokens_in_a_text_differs():
    tokenizer = tokenizer_of("a", "##b", "b", "ab")
    tokenizer.add_special_tokens([AddedToken("[MASK]")])
    assert differing_texts(tokenizer, ["ab", "a[MASK]"], 8) == ["a[MASK]"]
