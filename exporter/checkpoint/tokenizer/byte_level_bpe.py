"""Byte-level BPE (Radford et al. 2019), RoBERTa's tokenizer: pairs of bytes merged in the order of merges.txt."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers.models import BPE

from exporter.checkpoint.tokenizer.kind import ANGLED_TOKENS, BYTE, TokenizerKind, TokenizerModel, Trimming, Vocabulary
from runtimes.errors import CheckpointError, UnsupportedError, excerpt, in_our_words

_VOCABULARY, _MERGES = "vocab.json", "merges.txt"


def _read(directory: Path) -> Vocabulary:
    with in_our_words(
        lambda why: CheckpointError(f"{directory}: {_VOCABULARY} and {_MERGES} are no byte-level BPE: {why}")
    ):
        vocabulary, merges = BPE.read_file(str(directory / _VOCABULARY), str(directory / _MERGES))
        BPE(vocabulary, merges)  # which a merge of what the vocabulary lacks does not survive
    found: dict[str, int] = vocabulary
    return found


def _write(model: TokenizerModel, _entries: Vocabulary) -> dict[str, bytes]:
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
    return {
        _VOCABULARY: json.dumps(model["vocab"], ensure_ascii=False).encode(),
        _MERGES: "".join(f"{line}\n" for line in ("#version: 0.2", *merges)).encode(),
    }


def _agrees(name: str, content: bytes, model: TokenizerModel) -> bool:
    if name != _VOCABULARY:
        return True
    try:
        return bool(json.loads(content) == model.get("vocab"))
    except (ValueError, RecursionError):  # no JSON: a tokenizer.json beside it was read instead
        return False


def _problems(model: TokenizerModel) -> Iterator[str]:
    """Merges of what the vocabulary lacks, and tokens that are drawn at random."""
    if model.get("dropout"):
        yield f"dropout {excerpt(model['dropout'])} draws the tokens of a text at random; set it to null"
    entries, merges = model.get("vocab"), model.get("merges")
    if not isinstance(entries, Mapping) or not isinstance(merges, list):
        return  # `tokenizers` says so
    if len({*map(str, entries.values())}) < len(entries):
        yield "two entries of the vocabulary have one id; save the tokenizer again"
    prefix = model.get("continuing_subword_prefix") or ""
    for number, merge in enumerate(merges):
        for entry in _named(merge, prefix):
            if entry not in entries:
                named = f"merge {number} {excerpt(merge)} names {excerpt(entry)}"
                yield f"{named}, which is no entry of the vocabulary; save the tokenizer again"


def _named(merge: Any, prefix: str) -> Iterator[str]:
    """The two entries of a merge, and the one that they become; nothing of what is no merge."""
    pair = merge_parts(merge)
    if pair is not None:
        yield from (*pair, pair[0] + pair[1].removeprefix(str(prefix)))


def merge_parts(merge: Any) -> tuple[str, str] | None:
    """The two entries of a merge, which is a list of them or a line with a space between; None for what is neither."""
    parts = merge.split(" ") if isinstance(merge, str) else merge
    if isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts):
        return parts[0], parts[1]
    return None


def _needed(model: TokenizerModel) -> set[int]:
    """Characters, which stand for bytes, and the entry for the unknown."""
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise UnsupportedError(f"--trim-vocabulary: tokenizer.json has {key} {excerpt(model[key])}; leave it out")
    unknown = model["vocab"].get(model.get("unk_token"))
    found = {number for entry, number in model["vocab"].items() if len(entry) == 1 or BYTE.fullmatch(entry)}
    return found if unknown is None else {*found, unknown}


def _parts(model: TokenizerModel) -> Callable[[int], set[int]]:
    """By an entry's id those of all that its merges make on the way to it.

    Inside a token of any text the same merges are made as for that token alone: one with what is outside would have
    made another token of it.
    """
    vocabulary, ranks = model["vocab"], _ranks(model)
    texts = {number: entry for entry, number in vocabulary.items()}

    def parts(number: int) -> set[int]:
        return {vocabulary[made] for made in _made(texts.get(number, ""), ranks)} - {number}

    return parts


def _ranks(model: TokenizerModel) -> dict[tuple[str, str], int]:
    pairs = (merge_parts(merge) for merge in model["merges"])
    return {pair: rank for rank, pair in enumerate(pairs) if pair is not None}


def _made(text: str, ranks: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """What the merges make of a text, the best pair first and of equal ones the leftmost, as `tokenizers` does."""
    tokens = list(text)
    while True:
        ranked = [(ranks[pair], at) for at, pair in enumerate(pairwise(tokens)) if pair in ranks]
        if not ranked:
            return
        _, at = min(ranked)
        tokens[at : at + 2] = [tokens[at] + tokens[at + 1]]
        yield tokens[at]


def _kept(model: TokenizerModel, number: Mapping[int, int]) -> dict[str, Any]:
    """Merges of what stays into what stays, in their order.

    A text whose tokens all stay keeps them: each merge that it made is still there, its parts being kept, and is the
    best of fewer.
    """
    vocabulary = {entry: number[old] for entry, old in model["vocab"].items() if old in number}
    merges = [merge for merge in model["merges"] if all(entry in vocabulary for entry in _named(merge, ""))]
    return {**model, "vocab": vocabulary, "merges": merges}


BYTE_LEVEL_BPE = TokenizerKind(
    model="BPE",
    title="byte-level BPE",
    fields=frozenset(("merges",)),
    file_sets=((_VOCABULARY, _MERGES),),
    special_tokens=ANGLED_TOKENS,
    read_files=_read,
    write_files=_write,
    agrees=_agrees,
    problems=_problems,
    trimming=Trimming(_needed, _parts, _kept),
)
