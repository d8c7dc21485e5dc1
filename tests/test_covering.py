"""A covering design has every pair that the product has, with few rows; one that lacks a pair is seen."""

import itertools

import pytest

from tests.covering import cover, every_pair, marked, pairs_of

PRODUCTS = {
    "three columns": list(itertools.product("abcde", range(4), "xyz")),
    "four columns": list(itertools.product("abcde", range(4), "xyz", (False, True))),
    "with holes": [row for row in itertools.product("abcde", range(4), "xyz") if row[0] != "c" or row[1] == 2],
    "one row": [("a", 1)],
}
FEWEST = {"three columns": 20, "four columns": 20, "with holes": 17, "one row": 1}
"""No design has fewer: as many as the largest two columns have pairs."""


def seen(rows, columns):
    return set().union(*(pairs_of(row, columns) for row in rows))


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_pair_is_covered_by_few_rows_and_each_is_needed(name):
    rows = PRODUCTS[name]
    columns, chosen = every_pair(rows), cover(rows)
    assert seen(chosen, columns) == seen(rows, columns)
    assert set(chosen) <= set(rows)
    assert FEWEST[name] <= len(chosen) <= 1.3 * FEWEST[name]


def test_a_design_that_lacks_a_row_lacks_a_pair():
    """The control: where a column alone makes so many rows, none of them is to spare."""
    rows = list(itertools.product("abcde", range(4)))
    chosen = cover(rows)
    assert chosen == rows
    assert seen(chosen[1:], every_pair(rows)) < seen(rows, every_pair(rows))


def test_pairs_that_are_not_named_are_left_out():
    rows = list(itertools.product("abcde", range(4), "xyz"))
    chosen = cover(rows, [(0, 2)])
    assert len(chosen) == 15
    assert seen(chosen, [(0, 2)]) == seen(rows, [(0, 2)])


def test_what_costs_more_is_taken_where_it_must_be():
    rows = list(itertools.product("abcdefgh", ("dear", "cheap"), range(3)))
    even, chosen = cover(rows), cover(rows, cost=lambda row: 9.0 if row[1] == "dear" else 1.0)
    assert seen(chosen, every_pair(rows)) == seen(rows, every_pair(rows))
    assert sum("dear" in row for row in chosen) == 8 < sum("dear" in row for row in even)


def test_the_same_rows_are_chosen_each_time_and_in_their_order():
    rows = PRODUCTS["four columns"]
    assert cover(rows) == cover(list(rows)) == [row for row in rows if row in set(cover(rows))]


def test_what_is_not_chosen_is_slow():
    rows = PRODUCTS["three columns"]
    made = marked(rows, rows[:3])
    assert [one.values for one in made] == rows
    assert [bool(one.marks) for one in made] == [False] * 3 + [True] * (len(rows) - 3)
