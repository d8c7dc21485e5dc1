"""Cases that sweep the vocabulary, positions and segments that real texts leave unread.

They are no text, so they are for numbers and decide nothing: a word row that no real text of a battery holds could be
zeroed, shuffled or NaN in a saved file, and its texts would agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from runtimes.parity.cases import Case, Encoder, Item, Limits, Row
from runtimes.runner import Array

_UNUSED = "[unused"


def in_order(words: Array, vocabulary: Mapping[str, int], special: set[int], seen: Mapping[int, int]) -> Array:
    """Ids `words`, the common first: by how often texts have them (`seen`), then as the tokenizer numbers them.

    Byte-level BPE numbers by merges, Unigram by score, BERT's WordPiece whole words by how often they occurred. Special
    and unused entries come last.
    """
    last = special | {number for entry, number in vocabulary.items() if entry.startswith(_UNUSED)}
    ordered = sorted(words.tolist(), key=lambda number: (number in last, -seen.get(number, 0), number))
    return np.array(ordered, np.int64)


def unread(words: Array, cases: Sequence[Case]) -> Array:
    """Those of `words` that no token of the cases reads."""
    return words[~np.isin(words, _read(cases))]


def sweep(encode: Encoder, words: Array, limits: Limits, like: Item) -> list[Case]:
    """Cases of one item each, as long as the model takes, that read every one of `words` once.

    `like` is a text of the task: its special tokens come around the words, and an item has as many rows as it has.
    """
    before, after = _around(like[0])
    width = limits.positions - len(before) - len(after) - (limits.mask_id is not None)
    words = words[(words != limits.pad_id) & (words != limits.mask_id)]
    if width < 1 or not len(words):
        return []
    starts = range(0, len(words), width)
    rows = [_row(before, words[at : at + width].tolist(), after, limits.mask_id) for at in starts]
    rows += [rows[-1]] * (-len(rows) % len(like))
    items = [rows[at : at + len(like)] for at in range(0, len(rows), len(like))]
    return [replace(encode.case(f"vocabulary {at}", [item]), generated=True) for at, item in enumerate(items)]


def segments(encode: Encoder, cases: Sequence[Case], limits: Limits, like: Item) -> list[Case]:
    """One case that reads every segment number, where the cases leave some unread: pairs have but two."""
    read = {number for case in cases for number in np.unique(case.batch.types[case.batch.mask > 0]).tolist()}
    numbers = limits.types or 0
    if len(read) >= numbers:
        return []
    rows = [_as_long_as(row, numbers, limits.positions) for row in like]
    rising = [row._replace(types=[at * numbers // len(row.ids) for at in range(len(row.ids))]) for row in rows]
    return [replace(encode.case("every segment", [rising]), generated=True)]


def _as_long_as(row: Row, tokens: int, most: int) -> Row:
    """The row, its ids again and again where it has fewer than so many."""
    wanted = min(max(tokens, len(row.ids)), most)
    ids = [row.ids[at % len(row.ids)] for at in range(wanted)]
    return Row(ids, [0] * wanted, [0] * wanted)


def coverage(cases: Sequence[Case], words: int, positions: int, reads_types: bool) -> dict[str, int]:
    """How much of a model's tables the cases read, for `Parity.coverage`; of tokens, not of padding."""
    segments = [np.unique(case.batch.types[case.batch.mask > 0]) for case in cases]
    places = [int(np.flatnonzero(case.batch.mask.reshape(-1, case.batch.mask.shape[-1]).any(0)).size) for case in cases]
    return {
        "exercised_rows": len(_read(cases)),
        "vocabulary_rows": words,
        "exercised_positions": max(places, default=0),
        "positions": positions,
        "exercised_types": len(np.unique(np.concatenate(segments))) if reads_types and segments else 0,
    }


def _read(cases: Sequence[Case]) -> Array:
    """Ids of all tokens of the cases, each once."""
    found = [np.unique(case.batch.ids[case.batch.mask > 0]) for case in cases]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _around(row: Row) -> tuple[list[int], list[int]]:
    """The special tokens before the first and after the last token of a text."""
    texts = [at for at, text in enumerate(row.origin) if text >= 0]
    if not texts:
        return [], []
    return row.ids[: texts[0]], row.ids[texts[-1] + 1 :]


def _row(before: list[int], words: list[int], after: list[int], mask_id: int | None) -> Row:
    masked = [] if mask_id is None else [mask_id]
    ids, inside = [*before, *words, *masked, *after], len(words) + len(masked)
    return Row(ids, [0] * len(ids), [-1] * len(before) + [0] * inside + [-1] * len(after))
