"""Columns are taken as named, or guessed where public data sets leave no doubt."""

from pathlib import Path

import pytest

from runtimes.errors import UsageError
from runtimes.evaluation.data.columns import Choice, choose_columns
from runtimes.evaluation.data.table import Table
from runtimes.evaluation.problems import PROBLEMS

TEXT, QUESTIONS = (PROBLEMS[name].names for name in ("single_label_classification", "question_answering"))


def table(columns, *rows, header=True):
    return Table(Path("file.csv"), tuple(columns.split()), [list(row) for row in rows], list(range(len(rows))), header)


def numeric(cells):
    return all(cell.isdigit() for cell in cells)


GUESSES = {
    "sentence label": (("sentence",), None, "label"),
    "idx Sentence Label": (("Sentence",), None, "Label"),
    "index sentence1 sentence2 label": (("sentence1",), "sentence2", "label"),
    "premise hypothesis gold_label": (("premise",), "hypothesis", "gold_label"),
    "id rating label text": (("text",), None, "label"),
    "label words": (("words",), None, "label"),
}


@pytest.mark.parametrize(("columns", "expected"), GUESSES.items(), ids=GUESSES)
def test_columns_of_public_data_sets(columns, expected):
    found = choose_columns(table(columns), TEXT, Choice(), numeric)
    assert (found.texts, found.second, found.labels[0]) == expected


def test_without_a_header_the_label_is_the_column_that_fits_and_the_rest_is_text():
    found = choose_columns(table("1 2 3", ["3", "Fears", "Unions"], header=False), TEXT, Choice(), numeric)
    assert (found.texts, found.labels) == (("2", "3"), ("1",))
    assert found.said() == "text '2' joined by ' ' '3', label '1'"


def test_what_the_user_names_is_taken():
    choice = Choice(("b", "a"), "c", "d", join=" . ")
    found = choose_columns(table("a b c d label text"), TEXT, choice, numeric)
    assert (found.texts, found.second, found.labels, found.join) == (("b", "a"), "c", ("d",), " . ")


def test_a_column_for_each_label():
    found = choose_columns(table("text Toxic rude"), TEXT, Choice(), numeric, ("toxic", "rude"))
    assert found.labels == ("Toxic", "rude")


def test_questions_and_contexts():
    found = choose_columns(table("id context question answers"), QUESTIONS, Choice(), numeric)
    assert (found.texts, found.second, found.labels) == (("question",), "context", ("answers",))


DOUBTS = {
    "no such column": ("text label", [], Choice(("texts",)), "no column 'texts'; it has 'text', 'label'"),
    "two label columns": ("a b text", ["1", "2", "x"], Choice(), "2 could be: a, b"),
    "no label column": ("a b", ["x", "y"], Choice(), "no column holds the model's labels"),
    "two texts": ("a b label", ["x", "y", "1"], Choice(), "which column is the text"),
    "text as label": ("text label", ["x", "1"], Choice(("text",), None, "text"), "cannot be text and label"),
}


@pytest.mark.parametrize(("columns", "row", "choice", "words"), DOUBTS.values(), ids=DOUBTS)
def test_where_no_guess_is_safe_the_user_is_asked(columns, row, choice, words):
    with pytest.raises(UsageError, match=words):
        choose_columns(table(columns, row), TEXT, choice, numeric)


def test_a_question_needs_its_context():
    with pytest.raises(UsageError, match="Name them with --text and --text-pair"):
        choose_columns(table("question answers"), QUESTIONS, Choice(), numeric)
