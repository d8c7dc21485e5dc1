"""The cases of a comparison: real texts, and every shape of batch that has broken an export before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from runtimes.errors import UsageError
from runtimes.runner import Array, Batch, Outputs

_ODD_TEXTS = (
    "",
    "?",
    "☃ 🤖 ᚠᛇᚻ \u200b\ufffd zzzqqqxxyy",
    "Ünïcödé 北京 Москва naïve café ﬁne Å",
    "1234567890 $1,299.99 -40°C e=mc² http://example.org/?q=a&b=c",
)
_PADDED_TEXTS, _MIXED_ROWS, _MIXED_BATCHES = 8, 8, 4
_CHOICES, _MASK_STRIDE, _SPECIAL_TOKENS = 4, 7, 8


@dataclass(frozen=True)
class Case:
    """One batch. With `padding_of`, its first row is that case's only row, padded further.

    `origin` says of each token [B, S] which text it is of, 0 or 1, and −1 of special tokens and padding. With `mask_id`
    only the masked tokens of a row count, where it has any: nobody reads a vocabulary's scores of the others.
    `generated`: it stands for no text, and only its largest difference counts; see runtimes.parity.sweep.
    """

    name: str
    batch: Batch
    padding_of: str | None = None
    real_text: bool = False
    origin: Array | None = None
    mask_id: int | None = None
    generated: bool = False

    @property
    def counted(self) -> Array:
        """Whether the output of each token counts: bool [B, S]."""
        tokens = self.batch.mask.astype(bool)
        if self.mask_id is None:
            return tokens
        masked = tokens & (self.batch.ids == self.mask_id)
        return np.asarray(np.where(masked.any(-1, keepdims=True), masked, tokens))

    @property
    def kept(self) -> Array:
        """`counted` in the shape of what `keep` leaves of an output."""
        if self.mask_id is None:
            return self.counted
        numbers = self.counted.sum(-1)
        return np.asarray(np.arange(max(int(numbers.max(initial=0)), 1)) < numbers[:, None])

    def keep(self, outputs: Outputs, per_token: Collection[str]) -> Outputs:
        """Outputs of every token [B, S, …] → of those that count alone [B, M, …]; the rest is as it was."""
        if self.mask_id is None:
            return outputs
        first = np.argsort(~self.counted, axis=-1, kind="stable")[:, : self.kept.shape[1]]  # [B, M]
        return {
            name: np.take_along_axis(values, first[..., None], 1) if name in per_token else values
            for name, values in outputs.items()
        }


@dataclass(frozen=True)
class Limits:
    """What the model takes: its positions, its segment numbers, the id that pads, and what one input is.

    `types` is None for a model that reads no segment numbers, whatever its tokenizer says of a pair. `pairs`: two
    texts; `choices`: several pairs; `mask_id`: a text with a token masked. `padding_row`: whether a row of padding
    alone has an answer. `prompt` is put before every text, and before the first of two;
    `side` is the end of a text that is dropped where it is too long.
    """

    positions: int
    types: int | None
    pad_id: int
    pairs: bool = False
    choices: bool = False
    mask_id: int | None = None
    padding_row: bool = True
    prompt: str = ""
    side: str = "right"


class Row(NamedTuple):
    """Token ids, segment numbers, and the text that each token is of: 0, 1, or −1 for special ones."""

    ids: list[int]
    types: list[int]
    origin: list[int]


Item = list[Row]
"""What one answer is given to: one row, or the rows of its choices."""

_PADDING_ALONE = Row([], [], [])


def build_battery(tokenizer: Tokenizer, texts: Sequence[str], limits: Limits) -> list[Case]:
    """Cases over `texts`, real text of the task; the same for the same arguments.

    Raises UsageError for a text without tokens: there is nothing to compare, and PyTorch ends in an error of its own.
    """
    encode = Encoder(tokenizer, limits)
    rows = _items(encode, texts, limits)
    cases = [encode.case(f"text {i}", [row], real_text=True) for i, row in enumerate(rows)]
    odd = (*_ODD_TEXTS, f"{' and '.join(encode.special_tokens)} inside a text")
    alone = [encode.alone(text, rows) for text in odd]
    cases += [encode.case(f"odd text {i}", [item]) for i, item in enumerate(alone) if item[0].ids]
    cases += _padded(encode, rows, limits.positions)
    cases += _mixed(encode, rows, limits)
    cases += _extremes(encode, rows, limits)
    if (limits.types is None or limits.types > 1) and not limits.choices:
        plain = [text.replace("\t", " ") for text in texts]
        pairs = list(zip(plain[0::2], plain[1::2], strict=False))[:_PADDED_TEXTS]
        cases += [encode.case(f"pair {i}", [[encode.pair(*pair)]]) for i, pair in enumerate(pairs)]
    return cases


def text_cases(tokenizer: Tokenizer, texts: Sequence[str], limits: Limits, first: int) -> list[Case]:
    """Cases of real text alone, numbered from `first`. Raises UsageError as `build_battery`."""
    encode = Encoder(tokenizer, limits)
    items = _items(encode, texts, limits)
    return [encode.case(f"text {i}", [item], real_text=True) for i, item in enumerate(items, first)]


def first_item(tokenizer: Tokenizer, texts: Sequence[str], limits: Limits) -> Item:
    """The first of the texts as the task reads it."""
    return Encoder(tokenizer, limits).example(examples(texts, limits)[0], 0)


def _items(encode: "Encoder", texts: Sequence[str], limits: Limits) -> list[Item]:
    return [_with_tokens(encode.example(parts, number), parts) for number, parts in enumerate(examples(texts, limits))]


def _with_tokens(item: Item, parts: tuple[str, ...]) -> Item:
    if all(row.ids for row in item):
        return item
    told = " | ".join(parts)[:40]
    raise UsageError(
        f"text {told!r}: the tokenizer makes no token of it; leave it out of --texts, or save the tokenizer with the "
        "special tokens that it was trained with"
    )


def fitted(cases: Sequence[Case], lengths: Sequence[int], pad_id: int) -> list[Case]:
    """Each item by itself, padded to the shortest of `lengths` that holds it: what a fixed-length model is given."""
    return [_fitted_item(case, number, lengths, pad_id) for case in cases for number in range(len(case.batch.ids))]


def _fitted_item(case: Case, number: int, lengths: Sequence[int], pad_id: int) -> Case:
    one = slice(number, number + 1)
    item = Batch(case.batch.ids[one], case.batch.mask[one], case.batch.types[one])
    used = item.used if item.mask.any() else min(item.used, max(lengths))
    batch = item.resized(min(length for length in lengths if length >= used), pad_id)
    origin: Array = np.full(batch.ids.shape, -1, np.int64)
    if case.origin is not None:
        kept = min(batch.ids.shape[-1], case.origin.shape[-1])
        origin[..., :kept] = case.origin[one][..., :kept]
    name = f"{case.name}, row {number}" if number else case.name
    return replace(case, name=name, batch=batch, padding_of=None if number else case.padding_of, origin=origin)


def examples(texts: Sequence[str], limits: Limits) -> list[tuple[str, ...]]:
    """What the model reads at once: one text, two, or a text and its choices. A tab parts them within a line.

    Where a line holds one text and the task wants more, the lines after it stand in.
    """
    told = [tuple(text.split("\t")) for text in texts]
    wanted = 1 + _CHOICES if limits.choices else 2 if limits.pairs else 1
    if all(len(parts) >= min(wanted, 3) for parts in told):
        return told
    plain = [" ".join(parts) for parts in told]
    return [tuple(plain[(n + step) % len(plain)] for step in range(wanted)) for n in range(len(plain))]


@lru_cache(
    maxsize=1
)  # a battery asks for the same one several times, and reading it takes as long as a battery's texts
def _truncating(content: str, positions: int, side: str) -> Tokenizer:
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.enable_truncation(positions, direction=side)
    return tokenizer


class Encoder:
    """Texts → batches, truncated at the model's positions; padding only where asked for."""

    def __init__(self, tokenizer: Tokenizer, limits: Limits) -> None:
        self._tokenizer = _truncating(tokenizer.to_str(), limits.positions, limits.side)
        self._limits = limits

    @property
    def special_tokens(self) -> list[str]:
        """The tokenizer's own, by id; a text may hold them too. The first few, for some tokenizers have a thousand."""
        added = sorted(self._tokenizer.get_added_tokens_decoder().items())
        return [token.content for _, token in added if token.special][:_SPECIAL_TOKENS]

    def row(self, text: str) -> Row:
        """One text."""
        return self._row(self._tokenizer.encode(self._limits.prompt + text))

    def pair(self, first: str, second: str) -> Row:
        """Two texts as two segments."""
        return self._row(self._tokenizer.encode(self._limits.prompt + first, second))

    def example(self, parts: tuple[str, ...], number: int) -> Item:
        """One of `examples`, with a token masked where the task wants that: another one for each `number`."""
        if self._limits.choices:
            return [self.pair(parts[0], choice) for choice in parts[1:]]
        row = self.pair(*parts[:2]) if len(parts) > 1 else self.row(parts[0])
        return [_masked(row, self._limits.mask_id, number)]

    def alone(self, text: str, like: Sequence[Item]) -> Item:
        """One text by itself, as often as an item has rows."""
        return [self.row(text)] * len(like[0])

    def left_padded(self, item: Item, length: int) -> Case:
        """One item of `length` whose padding comes first, as some apps send it."""
        case, step = self.case("padding on the left", [item], length), length - max(len(row.ids) for row in item)
        rolled = (np.roll(part, step, -1) for part in (case.batch.ids, case.batch.mask, case.batch.types))
        origin = None if case.origin is None else np.roll(case.origin, step, -1)
        return replace(case, batch=Batch(*rolled), origin=origin)

    def batch(self, rows: Sequence[Row], length: int = 0) -> Batch:
        """Rows padded to the longest of them, or to `length` if that is more: [B, S] int64."""
        ids = _table([row.ids for row in rows], self._limits.pad_id, length)
        mask = _table([[1] * len(row.ids) for row in rows], 0, length)
        types = _table([row.types for row in rows], 0, length)
        return Batch(ids, mask, types if self._limits.types is None else np.minimum(types, self._limits.types - 1))

    def case(
        self, name: str, items: Sequence[Item], length: int = 0, padding_of: str | None = None, real_text: bool = False
    ) -> Case:
        """A case of items, each of as many rows; [B, C, S] where the model reads choices."""
        rows = [row for item in items for row in item]
        batch, origin = self.batch(rows, length), _table([row.origin for row in rows], -1, length)
        if self._limits.choices:
            shape = (len(items), len(items[0]), -1)
            batch, origin = (
                Batch(*(p.reshape(shape) for p in (batch.ids, batch.mask, batch.types))),
                origin.reshape(shape),
            )
        return Case(name, batch, padding_of, real_text, origin, self._limits.mask_id)

    def _row(self, encoding: object) -> Row:
        ids, types = encoding.ids, encoding.type_ids  # type: ignore[attr-defined]  # tokenizers has no types
        texts = encoding.sequence_ids  # type: ignore[attr-defined]
        return Row(ids, types, [-1 if text is None else text for text in texts])


def _table(rows: Sequence[Sequence[int]], filler: int, length: int) -> Array:
    """Rows [B, S] int64, filled up to the longest, or to `length` if that is more."""
    table = np.full((len(rows), max([length, *map(len, rows)])), filler, np.int64)
    for at, row in enumerate(rows):
        table[at, : len(row)] = row
    return table


def _masked(row: Row, mask_id: int | None, number: int) -> Row:
    """The row with one token of its text masked, unless it holds a mask already."""
    texts = [at for at, text in enumerate(row.origin) if text >= 0]
    if mask_id is None or mask_id in row.ids or not texts:
        return row
    ids = list(row.ids)
    ids[texts[number * _MASK_STRIDE % len(texts)]] = mask_id
    return row._replace(ids=ids)


def _padded(encode: Encoder, items: list[Item], positions: int) -> list[Case]:
    """The same text with one, a few, and all the padding that fits: each must answer as without."""
    cases: list[Case] = []
    for i, item in enumerate(items[:_PADDED_TEXTS]):
        name, length = f"text {i}", max(len(row.ids) for row in item)
        widths = sorted(width for width in {length + 1, length + 17, positions} if length < width <= positions)
        cases += [encode.case(f"{name} padded to {width}", [item], width, padding_of=name) for width in widths]
    return cases


def _mixed(encode: Encoder, items: list[Item], limits: Limits) -> list[Case]:
    """Batches of rows of different lengths; and one whose last row is padding alone."""
    starts = range(0, len(items), _MIXED_ROWS)[:_MIXED_BATCHES]
    cases = [encode.case(f"batch at {at}", items[at : at + _MIXED_ROWS], padding_of=f"text {at}") for at in starts]
    if not limits.padding_row:
        return cases
    # what such a row gives depends on its width even in PyTorch, so it is as wide as any model takes it
    last = [_PADDING_ALONE] * len(items[0])
    left = encode.left_padded(items[0], min(limits.positions, max(len(row.ids) for row in items[0]) + 3))
    return [*cases, left, encode.case("a row of padding alone", [*items[:2], last], limits.positions)]


def _extremes(encode: Encoder, items: list[Item], limits: Limits) -> list[Case]:
    """One token; and every position taken."""
    first, size = items[0][0], len(items[0])
    ids = [one for item in items for row in item for one in row.ids]
    full = np.resize(np.array(ids, np.int64), limits.positions).tolist()
    nothing = [0] * limits.positions
    return [
        encode.case("one token", [[Row(first.ids[:1], [0], [-1])] * size]),
        encode.case("every position", [[Row(full, nothing, nothing)] * size]),
    ]
