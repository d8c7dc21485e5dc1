"""Unigram (Kudo 2018), the tokenizer of XLM-RoBERTa, CamemBERT and ALBERT: the most probable way to part a text.

Each entry has a score, the logarithm of its probability; the tokens of a text are those whose scores add up to most.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exporter.checkpoint.tokenizer.kind import ANGLED_TOKENS, BYTE, TokenizerKind, TokenizerModel, Trimming, Vocabulary
from exporter.checkpoint.tokenizer.sentencepiece import read_pieces
from runtimes.errors import CheckpointError, excerpt, in_our_words
from runtimes.files.bounded_read import read_bounded

_FILES = ("sentencepiece.bpe.model", "spiece.model", "spm.model")
"""SentencePiece's model, as XLM-RoBERTa and CamemBERT, ALBERT, and DeBERTa call it."""
_MOST_BYTES = 64_000_000
_LONGEST, _LARGEST = 1_000, 1e9
"""Of an entry the characters, at each of which every text asks for it, and of a score the magnitude, for scores are
added up. SentencePiece makes entries of 16, and scores from −100."""
_RANDOM = ("alpha", "nbest_size")
"""By which `tokenizers` draws one of several ways to part a text, anew each time."""


def _read(directory: Path) -> Vocabulary:
    """The entries of a SentencePiece model as it numbers them; transformers puts special tokens before them."""
    path = next(directory / name for name in _FILES if (directory / name).is_file())
    content = read_bounded(path, _MOST_BYTES, CheckpointError)
    with in_our_words(lambda why: CheckpointError(f"{path}: not a SentencePiece model: {why}; fetch it again")):
        return {piece: number for number, piece in enumerate(read_pieces(content))}


def _write(_model: TokenizerModel, _entries: Vocabulary) -> dict[str, bytes]:
    """Nothing: what reads a SentencePiece model reads tokenizer.json too, and a trimmed one would not agree."""
    return {}


def _agrees(_name: str, _content: bytes, _model: TokenizerModel) -> bool:
    return False


def _problems(model: TokenizerModel) -> Iterator[str]:
    """What makes an encoding fail, or anything but the best one, in a tokenizer.json that can be read."""
    entries, unknown = model.get("vocab"), model.get("unk_id")
    if not isinstance(entries, list):
        return  # `tokenizers` says so
    wrong = next((one for one in entries if not _is_entry(one)), None)
    if wrong is not None:
        expected = f"a text of at most {_LONGEST:,} characters and its score, a number"
        yield f"expected {expected} for each entry, found {excerpt(wrong)}; save the tokenizer again"
    if type(unknown) is not int or not 0 <= unknown < len(entries):
        yield (
            f"unk_id {excerpt(unknown)} is no entry, so that a text with a character that is none cannot be encoded; "
            "set it to the number of <unk>, or of any special token"
        )
    for key in _RANDOM:
        if model.get(key) is not None:
            yield f"{key} {excerpt(model[key])} draws the tokens of a text at random; set it to null"


def _is_entry(one: Any) -> bool:
    if not isinstance(one, list) or len(one) != 2:
        return False
    text, score = one
    is_number = type(score) in (int, float) and abs(score) <= _LARGEST  # which NaN is not
    return isinstance(text, str) and len(text) <= _LONGEST and is_number


def _needed(model: TokenizerModel) -> set[int]:
    """Characters, bytes, the entry for the unknown, and the one with the least score.

    What is unknown costs so much more than that one, and so how a text with a strange character is parted hangs on it.
    """
    entries = model["vocab"]
    single = {number for number, (text, _) in enumerate(entries) if len(text) == 1 or BYTE.fullmatch(text)}
    least = min(range(len(entries)), key=lambda number: entries[number][1])
    return {*single, model["unk_id"], least}


def _kept(model: TokenizerModel, number: Mapping[int, int]) -> dict[str, Any]:
    """The entries with the scores that they had.

    The best of all ways to part a text, where it needs none of what went, is the best of those that are left. Scores of
    probabilities that add up to 1 again would each be larger by one number, and ways with more tokens would gain more.
    """
    old = sorted((one for one in number if one < len(model["vocab"])), key=lambda one: number[one])
    return {**model, "vocab": [model["vocab"][one] for one in old], "unk_id": number[model["unk_id"]]}


UNIGRAM = TokenizerKind(
    model="Unigram",
    title="Unigram",
    fields=frozenset(("unk_id",)),
    file_sets=tuple((name,) for name in _FILES),
    special_tokens=ANGLED_TOKENS,
    read_files=_read,
    write_files=_write,
    agrees=_agrees,
    problems=_problems,
    packages=("sentencepiece",),
    trimming=Trimming(_needed, lambda _model: lambda _number: set(), _kept),
)
