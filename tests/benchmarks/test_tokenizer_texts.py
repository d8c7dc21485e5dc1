"""The scalars at which tables change tell the whole tables, and so whoever reads one wrongly."""

import pytest

from benchmarks.kits.tokenizer_texts import CODES, edges, is_scalar, scalar_texts
from exporter.appkit.character_tables import ask_tokenizers

SETS = ("removed", "clean_space", "chinese", "nonspacing", "split_space", "punctuation", "word")
MAPS = ("lowercase", "decomposition", "order")


@pytest.fixture(scope="module")
def tables():
    return ask_tokenizers()


@pytest.fixture(scope="module")
def few(tables):
    return edges(tables)


def told(table, few):
    """The set that has what `table` has at a few scalars, and from each to the next the same."""
    found, within, known = set(), False, set(few)
    for code in filter(is_scalar, CODES):
        within = code in table if code in known else within
        found.update([code] if within else ())
    return found


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_what_it_is_at_its_edges(tables, few, name):
    assert told(getattr(tables, name), few) == getattr(tables, name)


def test_a_set_is_not_told_without_an_edge(tables, few):
    """The control."""
    assert told(tables.chinese, [code for code in few if code != 0x4E00]) != tables.chinese


def test_every_scalar_that_is_mapped_is_among_them(tables, few):
    assert set().union(*(getattr(tables, name) for name in MAPS)) <= set(few)
    assert set(vars(tables)) == {*SETS, *MAPS}


def test_they_are_few_and_scalars(few):
    assert all(map(is_scalar, few))
    assert len(set(few)) == len(few) < 50_000
    assert sum(text.count(" ") + 1 for text in scalar_texts([0x41, 0xD800, *few])) <= 1 + len(few) + 2
