"""What a parity run feeds both sides: real text, and every shape of batch that has broken an export before."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from tokenizers import Tokenizer

from runtimes.runner import Array, Batch

_ODD_TEXTS = (
    "",
    "?",
    "☃ 🤖 ᚠᛇᚻ \u200b\ufffd zzzqqqxxyy",
    "Ünïcödé 北京 Москва naïve café ﬁne Å",
    "1234567890 $1,299.99 -40°C e=mc² http://example.org/?q=a&b=c",
)
_PADDED_TEXTS = 8
_MIXED_ROWS, _MIXED_BATCHES = 8, 4
_SPECIAL_TOKENS = 8


@dataclass(frozen=True)
class Case:
    """One batch. With `padding_of`, its first row is that case's only row, padded further."""

    name: str
    batch: Batch
    padding_of: str | None = None
    real_text: bool = False


@dataclass(frozen=True)
class Limits:
    """What the model takes: its positions, its segment numbers, the id that pads, and whether it reads pairs.

    `types` is None for a model that reads no segment numbers, whatever its tokenizer says of a pair.
    """

    positions: int
    types: int | None
    pad_id: int
    pairs: bool = False


def build_battery(tokenizer: Tokenizer, texts: Sequence[str], limits: Limits) -> list[Case]:
    """Cases over `texts`, real text of the task; the same for the same arguments."""
    encode = Encoder(tokenizer, limits)
    rows = [encode.pair(*pair) for pair in paired(texts)] if limits.pairs else [encode.row(text) for text in texts]
    cases = [Case(f"text {i}", encode.batch([row]), real_text=True) for i, row in enumerate(rows)]
    odd = (*_ODD_TEXTS, f"{' and '.join(encode.special_tokens)} inside a text")
    cases += [Case(f"odd text {i}", encode.batch([encode.row(text)])) for i, text in enumerate(odd)]
    cases += _padded(encode, rows, limits.positions)
    cases += _mixed(encode, rows, limits.positions)
    cases += _extremes(encode, rows, limits)
    if limits.types is None or limits.types > 1:
        pairs = zip(texts[0::2], texts[1::2], strict=False)
        cases += [
            Case(f"pair {i}", encode.batch([encode.pair(*pair)])) for i, pair in enumerate(pairs) if i < _PADDED_TEXTS
        ]
    return cases


def fitted(cases: Sequence[Case], lengths: Sequence[int], pad_id: int) -> list[Case]:
    """Each row by itself, padded to the shortest of `lengths` that holds it: what a model of fixed lengths is given."""
    split = []
    for case in cases:
        for number, row in enumerate(case.batch.rows):
            used = row.used if row.mask.any() else min(row.used, max(lengths))
            batch = row.resized(min(length for length in lengths if length >= used), pad_id)
            first = {"name": case.name} if number == 0 else {"name": f"{case.name}, row {number}", "padding_of": None}
            split.append(replace(case, batch=batch, **first))
    return split


def paired(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Each text with the next one."""
    return [(text, texts[(n + 1) % len(texts)]) for n, text in enumerate(texts)]


Row = tuple[list[int], list[int]]
"""Token ids and segment numbers."""


class Encoder:
    """Texts → batches, truncated at the model's positions; padding only where asked for."""

    def __init__(self, tokenizer: Tokenizer, limits: Limits) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(limits.positions)
        self._limits = limits

    @property
    def special_tokens(self) -> list[str]:
        """The tokenizer's own, by id; a text may hold them too. The first few, for some tokenizers have a thousand."""
        added = sorted(self._tokenizer.get_added_tokens_decoder().items())
        return [token.content for _, token in added if token.special][:_SPECIAL_TOKENS]

    def row(self, text: str) -> Row:
        """One text."""
        encoding = self._tokenizer.encode(text)
        return encoding.ids, encoding.type_ids

    def pair(self, first: str, second: str) -> Row:
        """Two texts as two segments."""
        encoding = self._tokenizer.encode(first, second)
        return encoding.ids, encoding.type_ids

    def left_padded(self, row: Row, length: int) -> Batch:
        """One row of `length` whose padding comes first, as some apps send it."""
        return Batch(*(np.roll(part, length - len(row[0]), 1) for part in astuple(self.batch([row], length))))

    def batch(self, rows: Sequence[Row], length: int = 0) -> Batch:
        """Rows padded to the longest of them, or to `length` if that is more: [B, S] int64."""
        width = max([length, *(len(ids) for ids, _ in rows)])
        ids = np.full((len(rows), width), self._limits.pad_id, np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for at, (row, segments) in enumerate(rows):
            ids[at, : len(row)], mask[at, : len(row)], types[at, : len(row)] = row, 1, segments
        return Batch(ids, mask, types)


def _padded(encode: Encoder, rows: list[Row], positions: int) -> list[Case]:
    """The same text with one, a few, and all the padding that fits: each must answer as without."""
    cases: list[Case] = []
    for i, row in enumerate(rows[:_PADDED_TEXTS]):
        name, length = f"text {i}", len(row[0])
        widths = sorted(width for width in {length + 1, length + 17, positions} if length < width <= positions)
        cases += [Case(f"{name} padded to {width}", encode.batch([row], width), padding_of=name) for width in widths]
    return cases


def _mixed(encode: Encoder, rows: list[Row], positions: int) -> list[Case]:
    """Batches of rows of different lengths; and one whose last row is padding alone."""
    starts = range(0, len(rows), _MIXED_ROWS)[:_MIXED_BATCHES]
    cases = [
        Case(f"batch at {at}", encode.batch(rows[at : at + _MIXED_ROWS]), padding_of=f"text {at}") for at in starts
    ]
    # what such a row gives depends on its width even in PyTorch, so it is as wide as any model takes it
    whole = encode.batch([*rows[:2], ([], [])], positions)
    width = min(positions, len(rows[0][0]) + 3)
    left = Case("padding on the left", encode.left_padded(rows[0], width))
    return [*cases, left, Case("a row of padding alone", whole)]


def _extremes(encode: Encoder, rows: list[Row], limits: Limits) -> list[Case]:
    """One token; and every position taken."""
    pieces: list[int] = [piece for ids, _ in rows for piece in ids]
    full = np.resize(np.array(pieces, np.int64), limits.positions)
    filled: Array = np.ones_like(full)
    return [
        Case("one token", encode.batch([(rows[0][0][:1], [0])])),
        Case("every position", Batch(full[None], filled[None], np.zeros_like(full)[None])),
    ]
