"""Texts that tell tokenizers apart: every scalar in context, marks in any order, mixtures, pairs. Seeded."""

import random
import unicodedata
from collections.abc import Iterable, Sequence

from exporter.appkit.character_tables import CharacterTables

CODES = range(0x110000)
SCALARS_A_TEXT = 1000
SPECIALS = (
    "[CLS]",
    "[SEP]",
    "[PAD]",
    "[MASK]",
    "[UNK]",
    "[cls]",
    "[MASK",
    "[ SEP ]",
    "[[SEP]]",
    "x[SEP]y",
    "[SEP]\u0301",
)
ODD = (
    "",
    " ",
    "\n",
    "##",
    "##ing",
    "İstanbul ISPARTA ıIiİ",
    "ΟΔΥΣΣΕΥΣ ΣΑΣ",
    "ǅ Å Å Å K K ﬀ ﬃ",
    "\u0130" * 60,
    "naïve café résumé",
    "don\u2019t",
    "\ufeffhello",
    "a\u200bb a\u00adb a\u180eb a\x85b a\u2028b a\r\nb a\x00b a\ufffdb",
    "\u0344\u0301",
    "\u0f73\u0f73 \u0301\u0f73\u0323",
    "각\u11a8 한글 \u1112\u1161\u11ab",
    "北京 東京 ﾊﾝ \u2b820 \U0002b81f\U0002b920",
)
LONG_TOKEN = "one two six tenfold ten"
"""An added token that has several words in it."""
_BLOCKS = {
    "latin": [(0x20, 0x250), (0x1E00, 0x1F00)],
    "marks": [(0x300, 0x370), (0x1DC0, 0x1E00), (0x900, 0x980), (0x1D158, 0x1D170), (0x302A, 0x3030), (0x591, 0x5C8)],
    "cjk": [
        (0x3000, 0x3100),
        (0x3400, 0x3500),
        (0x4E00, 0x4F00),
        (0xAC00, 0xAD00),
        (0xF900, 0xFB00),
        (0x2B700, 0x2B940),
    ],
    "controls": [(0, 32), (0x7F, 0xA0), (0x2028, 0x202F), (0x200B, 0x2010), (0x2060, 0x2070), (0xFFF9, 0x10000)],
    "punctuation": [(0x21, 0x30), (0x2010, 0x2028), (0x2030, 0x205F), (0xA1, 0xC0), (0x3001, 0x3020), (0xFE10, 0xFE20)],
    "greek": [(0x370, 0x400), (0x1F00, 0x2000)],
    "cyrillic": [(0x400, 0x530)],
    "right to left": [(0x590, 0x700)],
    "indic": [(0x900, 0xE00)],
    "south-east": [(0xE00, 0x10A0)],
    "jamo": [(0x1100, 0x1200)],
    "emoji": [(0x1F1E6, 0x1F200), (0x1F300, 0x1F650), (0x1F3FB, 0x1F400), (0x200D, 0x200E), (0xFE0E, 0xFE10)],
    "late": [(0x8A0, 0x900), (0xA640, 0xAB70), (0x10000, 0x12000), (0x16A00, 0x17000), (0x1D000, 0x1F000)],
    "any": [(0, 0xD800), (0xE000, 0x40000), (0xE0000, 0xE0200)],
}
_EMOJI = ("👩‍👩‍👧‍👦", "🤦🏽‍♂️", "🇺🇸", "1️⃣", "❤️‍🔥", "🏴\U000e0067\U000e0062\U000e007f")


def scalar_texts(codes: Iterable[int] = CODES, pattern: str = "a{}b") -> list[str]:
    """Each scalar once in the pattern, a thousand in a text; surrogates are none."""
    scalars = [code for code in codes if is_scalar(code)]
    groups = [scalars[at : at + SCALARS_A_TEXT] for at in range(0, len(scalars), SCALARS_A_TEXT)]
    return [" ".join(pattern.format(chr(code)) for code in group) for group in groups]


def is_scalar(code: int) -> bool:
    """Whether a code stands for a character."""
    return code in CODES and not 0xD800 <= code < 0xE000


def edges(tables: CharacterTables) -> list[int]:
    """The scalars at which a range of a table begins or ends, all that a table maps, and the neighbours of each.

    Kits read sets as ranges and maps by their keys: a table that is read wrongly differs from itself here.
    """
    found = set[int]()
    for table in vars(tables).values():
        found.update(code for code in table if not isinstance(table, frozenset) or not {code - 1, code + 1} <= table)
    return sorted({near for code in found for near in (code - 1, code, code + 1) if is_scalar(near)})


def mark_texts(count: int) -> list[str]:
    """A letter, plain or composed, and up to six marks of any class in any order; sometimes no letter."""
    rng = random.Random(1)
    every = [chr(code) for code in CODES if is_scalar(code)]
    marks = [c for c in every if unicodedata.category(c) in ("Mn", "Mc", "Me")]
    spacing = [c for c in marks if unicodedata.category(c) != "Mn"]
    composed = [c for c in every if unicodedata.decomposition(c) and "<" not in unicodedata.decomposition(c)]
    letters = ["k", "", "각", "x "]
    return [
        rng.choice([rng.choice(letters), rng.choice(composed)])
        + "".join(rng.choice(rng.choice([marks, spacing, composed])) for _ in range(rng.randint(1, 6)))
        + rng.choice(["", "z"])
        for _ in range(count)
    ]


def mixed_texts(count: int, words: Sequence[str], tokens: Sequence[str] = SPECIALS) -> list[str]:
    """Odd texts, long words, then mostly words with tokens of two scripts, special `tokens` and emoji between."""
    rng = random.Random(2)
    long = [
        f"x {c * n} y"
        for n in (98, 99, 100, 101, 102, 500)
        for c in ("a", "é", "e\u0301", "ß", "İ", "가", "あ", "ば", "𝒳")
    ]
    fixed = [*ODD, *_EMOJI, *tokens, *long]
    return [*fixed, *(_mixed(rng, words, tokens) for _ in range(count - len(fixed)))]


def pair_texts(count: int, words: Sequence[str]) -> list[list[str]]:
    """Two texts of any lengths, nothing included."""
    rng = random.Random(3)
    return [
        [_mixed(rng, words, SPECIALS, rng.choice([0, 3, 30])), _mixed(rng, words, SPECIALS, rng.choice([0, 3, 30]))]
        for _ in range(count)
    ]


def long_texts(texts: Sequence[str], lengths: Sequence[int]) -> list[str | list[str]]:
    """Some of these in a row, then pairs of such: cut to one of `lengths`, to be read from their start alone.

    One is of many scalars that normalising removes, one of no place where a word ends; and of each length one that has
    LONG_TOKEN where the kits' first reading ends, so that its beginning looks like words.
    """
    rows = [" ".join(texts[at : at + 12]) for at in range(0, len(texts), 6)]
    rows += ["[\u200bCAP\u200b] the\u200b" * 40 + "\u200b" * 900 + "word", "x" * 3000]
    rows += [_split_token(longest) for longest in lengths]
    return [*rows, *([one, other] for one, other in zip(rows, [*rows[1:], ""], strict=True))]


def _split_token(longest: int) -> str:
    """All tokens that are kept but one, then LONG_TOKEN across the end of what every kit's TextTokens reads first."""
    kept, read = longest - 2, 64 + 8 * (longest - 1)
    start = read - len(LONG_TOKEN) + 7
    return "".join("a".ljust(start // (kept - 1)) for _ in range(kept - 1)).ljust(start) + LONG_TOKEN + " a" * 400


def _mixed(rng: random.Random, words: Sequence[str], tokens: Sequence[str], most: int = 40) -> str:
    scripts = rng.sample(sorted(_BLOCKS), 2)
    parts = []
    for _ in range(rng.randint(0, most)):
        kind = rng.random()
        if kind < 0.7:
            parts.append(rng.choice([str.lower, str.upper, str.title, str])(rng.choice(words)))
        elif kind < 0.75:
            parts.append(rng.choice(tokens))
        elif kind < 0.78:
            parts.append(rng.choice(_EMOJI))
        else:
            parts.append("".join(_scalar(rng, rng.choice(scripts)) for _ in range(rng.randint(1, 6))))
        parts.append(rng.choice([" ", " ", " ", "", ", ", ". ", "\n", "-", "'s "]))
    return "".join(parts)


def _scalar(rng: random.Random, script: str) -> str:
    first, end = rng.choice(_BLOCKS[script])
    return chr(rng.randrange(first, end))
