"""The vocabulary of a WordPiece tokenizer as MediaPipe reads it, and the texts that it then tokenizes differently."""

import json
from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer

from exporter.checkpoint.tokenizer.token_ids import token_ids
from exporter.targets.litert.mediapipe.tokenizer import MediaPipeTokenizer
from runtimes.errors import excerpt

_NO_ENTRY = " "
"""The line of an id without an entry: MediaPipe gives empty ones no id, and finds no white space in a word."""


def vocabulary_file(tokenizer: Tokenizer) -> bytes:
    """vocab.txt: each entry on the line of its id."""
    vocabulary: Mapping[str, int] = json.loads(tokenizer.to_str())["model"]["vocab"]
    by_id = {number: entry for entry, number in vocabulary.items() if _is_line(entry)}
    return "".join(f"{by_id.get(number, _NO_ENTRY)}\n" for number in range(max(vocabulary.values()) + 1)).encode()


def _is_line(entry: str) -> bool:
    """Whether an entry is one line that is read as it stands: a carriage return at its end is not."""
    return bool(entry) and "\n" not in entry and not entry.endswith("\r")


def differing_texts(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> list[str]:
    """The texts of which MediaPipe makes other ids, of the first `length` with special tokens."""
    theirs = MediaPipeTokenizer(vocabulary_file(tokenizer))
    found = zip(texts, token_ids(tokenizer, texts), strict=True)
    return [text for text, ids in found if theirs.encode(text, length) != _truncated(ids, length)]


def _truncated(ids: list[int], length: int) -> list[int]:
    return ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]


def difference_in_words(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> str:
    """On how many of the texts the tokenizers differ, and on which first."""
    different = differing_texts(tokenizer, texts, length)
    if not different:
        return f"MediaPipe tokenizes all {len(texts):,} texts as the checkpoint does; others than ASCII may differ"
    return (
        f"MediaPipe tokenizes {len(different):,} of {len(texts):,} texts differently (it lowercases ASCII alone and "
        f"strips no accents), such as {excerpt(different[0])}: there its answers are not those that were compared"
    )
