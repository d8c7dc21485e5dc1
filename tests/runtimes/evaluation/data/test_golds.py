"""What label cells may hold, and what is refused in them."""

import pytest

from runtimes.errors import UsageError
from runtimes.evaluation.data import golds

LABELS = ("sport", "trade", "war")


def test_a_column_for_each_label_holds_what_is_set():
    found = golds.many_labels([["1", 0, True], [False, "0", "false"], [0, "True", 1]], LABELS, {})
    assert found.values == [[0, 2], [], [1, 2]]
    assert found.said == "a column for each label"


@pytest.mark.parametrize("cell", ["yes", "2", "", None, 0.5])
def test_a_labels_column_holds_zeros_and_ones(cell):
    with pytest.raises(UsageError, match="expected 0 or 1 in a label's column, found"):
        golds.many_labels([[1, cell]], LABELS, {})


def test_labels_in_one_cell_are_a_list_or_have_commas_between():
    found = golds.many_labels([["war, sport"], [["trade"]], [""]], LABELS, {})
    assert found.values == [[0, 2], [1], []]


def test_a_label_twice_in_a_row_is_refused():
    with pytest.raises(UsageError, match=r"labels \['war', 'war'\]: one twice in a row"):
        golds.many_labels([[["war", "war"]]], LABELS, {})


def test_rows_of_which_none_has_a_label_are_refused():
    with pytest.raises(UsageError, match="no row has a label"):
        golds.many_labels([[""], [[]]], LABELS, {})


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([[1], ["nan"]], "expected a number as label, such as 1.5, for the model gives amounts, found 'nan'"),
        ([["inf"], [0]], "found 'inf'"),
        ([["a"], [0]], "found 'a'"),
        ([["1_0"], [0]], "found '1_0'"),
        ([["1,5"], [0]], "found '1,5'"),
        ([[True], [0]], "found True"),
        ([[""], [0]], "found ''"),
        ([[None], [0]], "found None"),
        ([[1], ["1.0"]], "all labels are one number"),
    ],
)
def test_amounts_are_numbers_that_differ(cells, words):
    with pytest.raises(UsageError, match=words):
        golds.amount(cells, (), {})


def test_amounts_are_read_as_numbers():
    assert golds.amount([["1.5"], [2]], (), {}).values == [1.5, 2.0]


def test_words_are_a_list_or_have_blanks_between():
    assert golds.words('["a b", "c"]') == ["a b", "c"]
    assert golds.words("a b  c") == ["a", "b", "c"]
    assert golds.words("[sic] a [b]") == ["[sic]", "a", "[b]"]  # in brackets, and yet no JSON
    for nothing in ("", "[]", [], 3, None, "array([])", "{}"):
        with pytest.raises(UsageError, match="expected a list of words or labels"):
            golds.words(nothing)


def test_answers_are_texts():
    found = golds.answer_texts([["a"], [["b", "c"]], [{"text": ["d"]}], [[]], [{"text": []}]], (), {})
    assert found.values == [["a"], ["b", "c"], ["d"], [""], [""]]
    for other in (3, [3], {"text": None}):
        with pytest.raises(UsageError, match="expected an answer, a list of them"):
            golds.answer_texts([[other]], (), {})
