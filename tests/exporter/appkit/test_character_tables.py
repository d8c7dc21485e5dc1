"""The tables say what the installed `tokenizers` does, and every language reads them back as they were."""

import random
import unicodedata

import pytest
from tokenizers import normalizers

from exporter.appkit.character_tables import HANGUL, ask_tokenizers, scalars


@pytest.fixture(scope="module")
def tables():
    return ask_tokenizers()


def numbers(text):
    return iter([int(word, 36) for word in text.split()])


def read_set(text):
    found, at, words = set(), 0, numbers(text)
    for gap in words:
        length = next(words)
        found |= set(range(at + gap, at + gap + length))
        at += gap + length
    return found


def read_map(text):
    found, key, words = {}, 0, numbers(text)
    for gap in words:
        key += gap
        deltas = [next(words) for _ in range(next(words))]
        found[key] = tuple(key + (d // 2 if d % 2 == 0 else -(d + 1) // 2) for d in deltas)
    return found


def read_order(text):
    found, at, words = {}, 0, numbers(text)
    for gap in words:
        length, rank = next(words), next(words)
        found |= dict.fromkeys(range(at + gap, at + gap + length), rank)
        at += gap + length
    return found


def decompose(tables, text):
    """NFD by the tables alone: what the kits do."""
    parts = []
    for code in map(ord, text):
        if code in HANGUL:
            index = code - HANGUL.start
            parts += [0x1100 + index // 588, 0x1161 + index % 588 // 28, *([0x11A7 + index % 28] if index % 28 else [])]
        else:
            parts += tables.decomposition.get(code, (code,))
    for at in range(1, len(parts)):
        order = tables.order.get(parts[at], 0)
        while order and at and tables.order.get(parts[at - 1], 0) > order:
            parts[at - 1], parts[at] = parts[at], parts[at - 1]
            at -= 1
    return "".join(map(chr, parts))


def test_texts_read_back_as_they_were(tables):
    texts = tables.texts()
    sets = ("removed", "clean_space", "chinese", "nonspacing", "split_space", "punctuation", "word")
    assert {name: read_set(texts[name]) for name in sets} == {name: getattr(tables, name) for name in sets}
    for name in ("lowercase", "decomposition"):
        assert read_map(texts[name]) == getattr(tables, name)
    assert read_order(texts["order"]) == tables.order
    assert set(texts) == {*sets, "lowercase", "decomposition", "order"}


def test_texts_fit_what_a_jvm_takes_as_one_constant(tables):
    assert all(text.isascii() and len(text) < 65_536 for text in tables.texts().values())


def test_the_tables_decompose_as_tokenizers_does(tables):
    nfd, rng = normalizers.NFD(), random.Random(0)
    pool = [*tables.order, *tables.decomposition, *range(0xAC00, 0xAC80), 0x6B]
    texts = ["".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 8))) for _ in range(5000)]
    assert [text for text in texts if decompose(tables, text) != nfd.normalize_str(text)] == []
    every = "".join(map(chr, HANGUL))
    assert decompose(tables, every) == nfd.normalize_str(every)


def test_a_wrong_order_would_be_noticed(tables):
    wrong = type(tables)(**(vars(tables) | {"order": dict.fromkeys(tables.order, 1)}))
    text = "\u0301\u0323"
    assert decompose(wrong, text) != normalizers.NFD().normalize_str(text) == decompose(tables, text)


def test_orders_rank_the_combining_classes(tables):
    """Ranks rise with Unicode's classes, for the marks that this Python's older or newer Unicode knows."""
    pairs = {(rank, unicodedata.combining(chr(code))) for code, rank in tables.order.items()}
    known = sorted((rank, number) for rank, number in pairs if number)
    assert [number for _, number in known] == sorted({number for _, number in known})


def test_known_scalars(tables):
    assert tables.lowercase[0x130] == (0x69, 0x307)
    assert tables.lowercase[0x3A3] == (0x3C3,)
    assert {0x41, 0x5A} <= tables.lowercase.keys()
    assert {0x0, 0xFFFD, 0x200B, 0xE000} <= tables.removed
    assert {0x9, 0xA0, 0x2028, 0x3000} <= tables.clean_space
    assert {0x24, 0x5E, 0x3002} <= tables.punctuation
    assert 0x2B820 in tables.chinese or 0x2B920 in tables.chinese
    assert not tables.removed & {0x9, 0xA, 0xD}
    assert len(scalars()) == 1_112_064
