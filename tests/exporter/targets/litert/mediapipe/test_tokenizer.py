"""MediaPipe's tokenizer, as recorded of MediaPipe 1.2.3; `tests/interop/test_mediapipe.py` asks MediaPipe itself."""

import pytest

from exporter.targets.litert.mediapipe.tokenizer import MediaPipeTokenizer

ENTRIES = (
    *("[PAD]", "[UNK]", " ", "[CLS]", "[SEP]", "the", "cat", "##s", " ", "cafe", "café", "cafe\u0301", "\r", "a\r"),
    *("a", "##b", "ab", "ab", ".", "[", "]", "sep", "$", "中", "—", "##—", "й" * 51, "x" * 101, "b", "я", "nbsp\xa0s"),
)
VOCABULARY = "".join(f"{entry}\n" for entry in ENTRIES).encode()
RECORDED = {
    "": [],
    "   ": [],
    "the cats": [5, 6, 7],
    "THE CATS.": [5, 6, 7, 18],
    "the\tcat\r\nthe\fcat": [5, 6, 5, 6],
    "cafe café cafe\u0301 CAFÉ": [9, 10, 11, 1],
    "Я я": [1, 29],
    "a ab abb": [14, 17, 17, 15],
    "[SEP]": [19, 21, 20],
    "a中b$a—b": [14, 23, 28, 22, 14, 24],
    "\u1b4ea": [1, 14],
    "a\u00adb a\u200bb": [1, 1],
    "nbsp\u00a0s": [30],
    "a\x0bb": [1],
    "a\x00b": [14],
    "й" * 51: [1],
    "x" * 101: [1],
    "catz": [1],
    "the cat the cat the cat the cat": [5, 6, 5, 6, 5, 6],
}
"""Text → ids between [CLS] and [SEP], of 8 in all."""


@pytest.mark.parametrize("text", RECORDED, ids=ascii)
def test_ids_are_those_that_were_recorded(text):
    assert MediaPipeTokenizer(VOCABULARY).encode(text, 8) == [3, *RECORDED[text], 4]


def test_what_the_vocabulary_lacks_is_id_0():
    assert MediaPipeTokenizer(b"a\n").encode("a b", 8) == [0, 0, 0, 0]


def test_empty_lines_have_no_id():
    assert MediaPipeTokenizer(b"a\n\nb\n").encode("a b", 8) == [0, 0, 1, 0]
