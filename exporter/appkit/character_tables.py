"""Tables of what the installed `tokenizers` does to every Unicode scalar, for tokenizers in other languages.

A phone has the Unicode version of its system, and JavaScript that of its browser; the model was trained with that of
`tokenizers`. A tokenizer that uses these tables, and no function of its language, agrees on every scalar.

Where each table is used, in the order of a BertNormalizer and a BertPreTokenizer:

| table | |
| --- | --- |
| `removed`, `clean_space` | `clean_text` drops the first and makes a space of the second |
| `chinese` | `handle_chinese_chars` puts a space on both sides |
| `decomposition`, `order`, `nonspacing` | `strip_accents`: decompose, sort runs by order, drop what is nonspacing |
| `lowercase` | `lowercase`, scalar by scalar: no rule looks at the neighbours |
| `split_space`, `punctuation` | where words end; a punctuation sign is a word |
| `word` | what stands beside an added token that is `single_word` and forbids it |

Hangul syllables are left out of `decomposition`: theirs is arithmetic (Unicode 3.12, Hangul Syllable Decomposition).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise

import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

HANGUL = range(0xAC00, 0xD7A4)
_FENCE = "!"
"""Stands between scalars that are asked about together: no table changes it, nothing is changed into it."""
_LOW_MARK, _HIGH_MARK = "\u0334", "\u0345"
"""Marks of the first and of the last combining class, 1 and 240."""
_CHUNK = 4096
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

Scalars = frozenset[int]
Mapped = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True)
class CharacterTables:
    """Sets of scalars; scalar → scalars; and scalar → order.

    `order` is the canonical combining class as a rank from 1: what counts is which is larger. Absent is 0.
    """

    removed: Scalars
    clean_space: Scalars
    chinese: Scalars
    nonspacing: Scalars
    split_space: Scalars
    punctuation: Scalars
    word: Scalars
    lowercase: Mapped
    decomposition: Mapped
    order: Mapping[int, int]

    def texts(self) -> dict[str, str]:
        """Each table as text that every language reads: non-negative numbers in base 36 with spaces between.

        A set is ranges: the gap since the end of the last one (from 0), and the length. A map is entries in the
        order of their keys: the key less the key before (from 0), how many values, and each value less its key in
        zigzag (0, -1, 1, -2, … are 0, 1, 2, 3, …). `order` is ranges: gap, length, order.
        """
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        sets = {name: _ranges_text(value) for name, value in found.items() if isinstance(value, frozenset)}
        maps = {name: _map_text(found[name]) for name in ("lowercase", "decomposition")}
        return sets | maps | {"order": _order_text(self.order)}


def version() -> str:
    """Version of the `tokenizers` that was asked."""
    return str(tokenizers.__version__)


@cache
def ask_tokenizers() -> CharacterTables:
    """Ask the installed `tokenizers` about every scalar: some seconds, once a process."""
    clean, chinese, lower = _bert(clean_text=True), _bert(handle_chinese_chars=True), _bert(lowercase=True)
    cleaned, spaced = _answers(clean), _answers(chinese)
    decomposition = _mapped(_answers(normalizers.NFD()))
    stripped = _answers(_bert(strip_accents=True))
    split_space, punctuation = _splits()
    return CharacterTables(
        removed=frozenset(code for code, text in cleaned.items() if text == ""),
        clean_space=frozenset(code for code, text in cleaned.items() if text == " "),
        chinese=frozenset(code for code, text in spaced.items() if text == f" {chr(code)} "),
        nonspacing=frozenset(code for code, text in stripped.items() if text == "" and code not in decomposition),
        split_space=split_space,
        punctuation=punctuation,
        word=_word_scalars(),
        lowercase=_mapped(_answers(lower)),
        decomposition=decomposition,
        order=_orders(decomposition),
    )


@cache
def scalars() -> tuple[int, ...]:
    """Every Unicode scalar: all code points but the surrogates."""
    return tuple(code for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def _bert(**flags: bool) -> normalizers.BertNormalizer:
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**(off | flags))


def _answers(normalizer: normalizers.Normalizer, before: str = "", after: str = "") -> dict[int, str]:
    """What becomes of each scalar between `before` and `after`, of those that do not stay as they are."""
    found: dict[int, str] = {}
    for codes in _chunks([code for code in scalars() if chr(code) != _FENCE]):
        asked = [f"{before}{chr(code)}{after}" for code in codes]
        fenced = _FENCE.join(asked)
        answer = normalizer.normalize_str(fenced)
        if answer != fenced:
            rows = zip(codes, asked, answer.split(_FENCE), strict=True)
            found |= {code: text for code, text_before, text in rows if text != text_before}
    return found


def _mapped(answers: Mapping[int, str]) -> dict[int, tuple[int, ...]]:
    return {code: tuple(map(ord, text)) for code, text in answers.items() if code not in HANGUL}


def _splits() -> tuple[Scalars, Scalars]:
    """Where a BertPreTokenizer splits: what it drops, and what it keeps as a word."""
    split = pre_tokenizers.BertPreTokenizer()
    spaces, signs = set(), set()
    for codes in _chunks(scalars()):
        pieces = {span for _, span in split.pre_tokenize_str("".join(f"a{chr(code)}b " for code in codes))}
        for at, code in zip(range(0, 4 * len(codes), 4), codes, strict=True):
            if (at + 1, at + 2) in pieces:
                signs.add(code)
            elif (at, at + 1) in pieces:
                spaces.add(code)
    return frozenset(spaces), frozenset(signs)


def _word_scalars() -> Scalars:
    r"""What `\w` is to the added tokens of `tokenizers`."""
    asked = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106 - a piece
    asked.add_tokens([AddedToken("A!", single_word=True, normalized=False)])
    found = set()
    for codes in _chunks(scalars()):
        encoding = asked.encode("".join(f" A!{chr(code)}" for code in codes))
        alone = {start for start, end in encoding.offsets if end - start == len("A!")}
        found |= {code for at, code in zip(range(1, 4 * len(codes), 4), codes, strict=True) if at not in alone}
    return frozenset(found)


def _orders(decomposition: Mapped) -> dict[int, int]:
    """The rank of every scalar that moves when it stands wrongly; what decomposes leaves that to its parts."""
    nfd = normalizers.NFD()
    asked = _answers(nfd, before=_HIGH_MARK).keys() | _answers(nfd, after=_LOW_MARK).keys()
    moving = sorted(code for code in asked if code not in decomposition and code not in HANGUL)
    classes: list[list[str]] = []
    for mark in (_LOW_MARK, _HIGH_MARK, *(chr(code) for code in moving)):
        _insert(nfd, classes, mark)
    return {ord(mark): rank for rank, marks in enumerate(classes, 1) for mark in marks}


def _insert(nfd: normalizers.NFD, classes: list[list[str]], mark: str) -> None:
    """Find the class of `mark` among the sorted `classes` by halving, or open a new one."""
    low, high = 0, len(classes)
    while low < high:
        middle = (low + high) // 2
        other = classes[middle][0]
        if nfd.normalize_str(mark + other) == other + mark != mark + other:
            low = middle + 1
        elif nfd.normalize_str(other + mark) == mark + other != other + mark:
            high = middle
        else:
            classes[middle] += [mark] if mark not in classes[middle] else []
            return
    classes.insert(low, [mark])


def _chunks(codes: Sequence[int]) -> Iterator[Sequence[int]]:
    return (codes[at : at + _CHUNK] for at in range(0, len(codes), _CHUNK))


def _ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted (first, length) of runs without a gap."""
    ordered = sorted(codes)
    starts = [code for last, code in pairwise([-2, *ordered]) if code != last + 1]
    ends = [last for last, code in pairwise([*ordered, -2]) if code != last + 1]
    return [(start, end - start + 1) for start, end in zip(starts, ends, strict=True)]


def _ranges_text(codes: Scalars) -> str:
    numbers, last = [], 0
    for first, length in _ranges(codes):
        numbers += [first - last, length]
        last = first + length
    return _text(numbers)


def _order_text(order: Mapping[int, int]) -> str:
    runs = [
        (first, length, rank)
        for rank in sorted(set(order.values()))
        for first, length in _ranges(code for code, own in order.items() if own == rank)
    ]
    numbers, last = [], 0
    for first, length, rank in sorted(runs):
        numbers += [first - last, length, rank]
        last = first + length
    return _text(numbers)


def _map_text(mapped: Mapped) -> str:
    numbers, last = [], 0
    for key, values in sorted(mapped.items()):
        numbers += [key - last, len(values), *(_zigzag(value - key) for value in values)]
        last = key
    return _text(numbers)


def _zigzag(number: int) -> int:
    return 2 * number if number >= 0 else -2 * number - 1


def _text(numbers: Iterable[int]) -> str:
    return " ".join(map(_base36, numbers))


def _base36(number: int) -> str:
    digits = _DIGITS[number % 36]
    while number := number // 36:
        digits = _DIGITS[number % 36] + digits
    return digits
