"""Comparing token ids, type ids and offsets of a bundle's tokenizer with AutoTokenizer's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from exporter.checkpoint.tokenizer.reading import TokenizerFiles, open_tokenizer
from exporter.checkpoint.tokenizer.settings import ID_PARTS, canonical, differing, parts_of
from exporter.model.ops import Array
from runtimes.backends.pytorch.tokenizer_source import (
    Ask,
    Encodings,
    Row,
    Spoken,
    Text,
    ask_tokens,
    encode,
    encode_alone,
)
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity, Verdict

_TEXTS = 1_000
_ENTRIES = 250_000
"""Of the vocabulary: as many as XLM-R's has."""
_ADDED = 300
_SETTINGS = 3
_SHIPPED = "the bundle's tokenizer.json"
_READ = "the checkpoint's, as it is read here,"
_IDS_SHOWN = 16
_ODD = (
    "",
    " ",
    "  two  spaces\tand\na line",
    "The Café in ZÜRICH, naïve ﬁnd Å Ǆ ŞİI ß",
    "decomposed cafe\u0301 a\u030a",
    "北京 東京に行く Москва 서울 ไทย हिन्दी שלום",
    "☃ 🤖 👩‍👩‍👧 ᚠᛇᚻ \u200b\ufffd\u00ad\u2028\x00\x7f",
    "don't $1,299.99 -40°C e=mc² http://example.org/?q=a&b=c [unused1] ##ing",
    "▁ a▁b ▁▁ c▁ Ġ Ċ <0x41> ``quoted'' <s>",
    "ＦＵＬＬ　ｗｉｄｔｈ １２３ ﾊﾝｶｸ ① ㎏ ½ ﷺ x² ™",
    "العربية தமிழ் ខ្មែរ ქართული አማርኛ ܣܘܪܝܝܐ 한글 \ufeff\u0e33",
    f"{'a' * 99} {'b' * 100} {'c' * 101} {'d' * 201} {'zq' * 60}",
)


@dataclass(frozen=True)
class Heard:
    """What was asked of AutoTokenizer and what it gave; `table` is how many ids the model has rows for.

    Vocabulary entries were asked for where the settings of `own`, the checkpoint's tokenizer as it is read here, are
    not AutoTokenizer's: with the same settings and vocabulary the same library gives the same ids.
    """

    own: Tokenizer
    texts: tuple[Text, ...]
    entries: tuple[str, ...]
    spoken: Spoken
    same: bool
    table: int

    def alone(self) -> Encodings:
        """What AutoTokenizer makes of each vocabulary entry by itself."""
        return encode_alone(self.own, self.entries) if self.same else self.spoken.entries


def hear(ask: Ask, tokenizer: TokenizerFiles, texts: Sequence[str], table: int) -> Heard | None:
    """Let AutoTokenizer encode `texts`, pairs of them, odd ones, all added tokens and every vocabulary entry.

    None for a tokenizer that was made here, of which transformers knows nothing.
    """
    if tokenizer.source is None:
        return None
    own = tokenizer.tokenizer
    made = ask_tokens(ask, tokenizer.source)
    added = {token["content"]: None for token in json.loads(made.content)["added_tokens"]}
    added |= {token.content: None for token in own.get_added_tokens_decoder().values()}
    asked = tuple(_texts(texts, list(added)[:_ADDED]))
    vocabulary = own.get_vocab(with_added_tokens=True)
    entries = tuple(sorted(vocabulary, key=lambda entry: vocabulary[entry])[:_ENTRIES])
    same = not _differences(made, own)
    spoken = ask_tokens(ask, tokenizer.source, asked, () if same else entries)
    return Heard(own, asked, entries, spoken, same, table)


def _texts(texts: Sequence[str], added: Sequence[str]) -> Iterator[Text]:
    plain = [part for text in texts[:_TEXTS] for part in text.split("\t")]
    yield from plain
    yield from zip(plain[0::2], plain[1::2], strict=False)
    yield from _ODD
    yield (_ODD[3], _ODD[5])
    for token in added:
        yield f"one {token} two{token}three  {token}"
        yield f"{token.upper()} {token.lower()} {token}{token}, {token}s"


def compare_tokens(parity: Parity, heard: Heard | None, bundle: Bundle, kept: Array | None) -> Parity:
    """The parity of a bundle with what became of its texts: any difference in ids, type ids or offsets is a failure.

    `kept` are the checkpoint's ids that a smaller vocabulary kept: texts that hold no other are compared in its ids.
    """
    if heard is None:
        return parity
    shipped = open_tokenizer(bundle.directory / "tokenizer.json")
    sides = {_SHIPPED: (shipped, kept)} if heard.same else {_READ: (heard.own, None), _SHIPPED: (shipped, kept)}
    failures = [line for name, (one, ids) in sides.items() for line in _compare(heard, one, ids, name)]
    counts = {"tokenized_texts": len(heard.texts), "tokenized_entries": len(heard.entries)}
    return replace(
        parity,
        verdict=Verdict.FAIL if failures else parity.verdict,
        failures=(*parity.failures, *failures),
        coverage={**parity.coverage, **counts},
    )


def _compare(heard: Heard, tokenizer: Tokenizer, kept: Array | None, name: str) -> list[str]:
    """At most one line: the first text that differs, and the settings that do."""
    spoken = heard.spoken
    settings = _differences(spoken, tokenizer) if kept is None else []
    found = _departure(heard.texts, spoken.texts, encode(tokenizer, heard.texts), kept, heard.table)
    if not found and (settings or kept is not None):
        theirs, ours = heard.alone(), encode_alone(tokenizer, heard.entries)
        found = _departure(heard.entries, theirs, ours, kept, heard.table)
    if not found:
        return []
    reader = f"AutoTokenizer of transformers {spoken.version} ({spoken.name})"
    return [f"tokenizer: {reader} and {name} differ: {'; '.join([found, *settings])}"]


def _departure(texts: Sequence[Text], theirs: Encodings, ours: Encodings, kept: Array | None, table: int) -> str:
    """The first text that becomes something else, and both results; nothing where all are the same."""
    number = _first(theirs, ours, kept, table)
    if number is None:
        return ""
    return f"{_shown(texts[number])} is {_told(_in_kept(theirs.row(number), kept), ours.row(number))}"


def _first(theirs: Encodings, ours: Encodings, kept: Array | None, table: int) -> int | None:
    """The first text that differs, of those that the model can read; None where all are the same."""
    if kept is None and all(
        np.array_equal(a, b) for a, b in zip(vars(theirs).values(), vars(ours).values(), strict=True)
    ):
        return None
    unread = np.cumsum(theirs.ids >= table if kept is None else ~np.isin(theirs.ids, kept))
    before = np.concatenate([[0], unread])[theirs.ends]
    readable = np.flatnonzero(np.diff(before, prepend=0) == 0).tolist()
    return next((number for number in readable if _in_kept(theirs.row(number), kept) != ours.row(number)), None)


def _in_kept(row: Row, kept: Array | None) -> Row:
    """The row in the ids of a smaller vocabulary."""
    return row if kept is None else replace(row, ids=np.searchsorted(kept, row.ids).tolist())


def _told(theirs: Row, ours: Row) -> str:
    """Of ids, type ids and offsets the first that differ."""
    for what, told in (("ids", "ids"), ("types", "type ids"), ("offsets", "offsets")):
        left, right = getattr(theirs, what), getattr(ours, what)
        if left != right:
            return f"{told} {_some(left)} and {_some(right)}"
    return ""


def _some(values: list[Any]) -> str:
    text = ", ".join(map(str, values[:_IDS_SHOWN]))
    return f"[{text}{', …' if len(values) > _IDS_SHOWN else ''}]"


def _shown(text: Text) -> str:
    shown = text if isinstance(text, str) else " | ".join(text)
    return repr(shown[:80])


def _differences(spoken: Spoken, tokenizer: Tokenizer) -> list[str]:
    """The first few settings that differ of those that decide how text is tokenized."""
    left, right = canonical(json.loads(spoken.content)), parts_of(tokenizer)
    expected, found = ({part: one[part] for part in ID_PARTS} for one in (left, right))
    return [str(one) for one in islice(differing(expected, found), _SETTINGS)]
