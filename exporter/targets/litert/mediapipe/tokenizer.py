"""MediaPipe's tokenizer for BERT, to say which texts it tokenizes differently from a checkpoint's own.

It lowercases ASCII alone, strips no accents, drops no control characters, splits at ASCII's white space, and counts the
bytes of a word where others count its characters. Special tokens that stand in a text are text to it.

Source, as of MediaPipe 1.2.3: tasks/cc/text/tokenizers/bert_tokenizer.{h,cc}, tasks/cc/text/utils/vocab_utils.cc,
calculators/tensor/bert_preprocessor_calculator.cc; of TF.Text, kernels/regex_split.cc and wordpiece_tokenizer.cc.
"""

import re
from collections.abc import Iterator
from functools import cache
from string import ascii_lowercase, ascii_uppercase, punctuation
from unicodedata import category

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_SPACE = re.compile("[\t\n\f\r ]+")
_MOST_BYTES = 100
"""Of a word; a longer one is unknown."""
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_LATER = (
    (0x1B4E, 0x1B4F),
    (0x1B7F, 0x1B7F),
    (0x10D6E, 0x10D6E),
    (0x10ED0, 0x10ED0),
    (0x113D4, 0x113D5),
    (0x113D7, 0x113D8),
    (0x11B00, 0x11B09),
    (0x11BE1, 0x11BE1),
    (0x11F43, 0x11F4F),
    (0x16D6D, 0x16D6F),
    (0x1E5FF, 0x1E5FF),
)
"""Punctuation that Unicode 15 and 16 added, for Pythons that know less than MediaPipe."""
_START, _END, _UNKNOWN = "[CLS]", "[SEP]", "[UNK]"


class MediaPipeTokenizer:
    """Token ids of texts, by the bytes of a vocabulary as the file holds them: one entry a line, UTF-8."""

    def __init__(self, vocabulary: bytes) -> None:
        lines = (line for line in vocabulary.decode().split("\n") if line)  # an empty one has no id
        self._ids = {line.removesuffix("\r"): number for number, line in enumerate(lines)}

    def encode(self, text: str, length: int) -> list[int]:
        """The ids of a text, truncated to `length` of them, special ones included; without padding."""
        text = text.partition("\0")[0].translate(_LOWER)  # a string of C ends there
        tokens = [token for word in _words(text) for token in self._tokens(word)]
        return [self._ids.get(token, 0) for token in (_START, *tokens[: length - 2], _END)]

    def _tokens(self, word: str) -> list[str]:
        """The longest entry that fits, again and again; where none does, the whole word is unknown."""
        if len(word.encode()) > _MOST_BYTES:
            return [_UNKNOWN]
        tokens, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in self._ids), None)
            if end is None:
                return [_UNKNOWN]
            tokens.append(prefix + word[start:end])
            start = end
        return tokens


def _words(text: str) -> Iterator[str]:
    """Parted by white space, and each punctuation mark and ideograph by itself."""
    for part in _SPACE.split(text):
        start = 0
        for at, character in enumerate(part):
            if _alone(character):
                yield from filter(None, (part[start:at], character))
                start = at + 1
        if start < len(part):
            yield part[start:]


@cache
def _alone(character: str) -> bool:
    """Whether a character is a word of its own: ASCII's punctuation and symbols, Unicode's punctuation, ideographs."""
    if character in punctuation or category(character).startswith("P"):
        return True
    return any(first <= ord(character) <= last for first, last in (*_IDEOGRAPHS, *_LATER))
