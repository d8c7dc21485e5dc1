"""The same rows as JSON Lines and as every spelling of a CSV cell: the same examples and golds, or an error."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimes.errors import UsageError
from runtimes.evaluation.data.cells import looks_structured, read_cell
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.dataset import DataFile, read_dataset
from runtimes.evaluation.problems import find_problem

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
WORDS = [["Anna", "isn't", "in", "Paris"], ['"Ivan"', "\\o/", "l'Aquila", "東京"], ["one"]]
NUMBERS = [[1, 0, 0, 3], [1, 2, 4, 0], [0]]


def by_json(value):
    return json.dumps(value)


def by_numpy(value):
    return str(np.array(value, dtype=object if value and isinstance(value[0], str) else None))


def by_array(value):
    return repr(np.array(value, dtype=object if value and isinstance(value[0], str) else None))


def by_scalars(value):
    return str([np.str_(one) if isinstance(one, str) else np.int64(one) for one in value])


LISTS = {"JSON": by_json, "Python": str, "numpy": by_numpy, "an array": by_array, "numpy's scalars": by_scalars}
TUPLES = {**LISTS, "a tuple": lambda value: str(tuple(value))}


def read(path, problem, labels):
    found = read_dataset(DataFile(path), find_problem(problem, labels), labels)
    return [(one.first, one.second) for one in found.examples], found.golds


def as_jsonl(folder, header, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows))
    return path


def as_csv(folder, header, rows):
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / "rows.csv"


@pytest.mark.parametrize("spell", TUPLES.values(), ids=TUPLES)
@pytest.mark.parametrize("named", [True, False])
def test_words_and_their_labels(tmp_path, spell, named):
    tags = [[TAGS[one] for one in row] for row in NUMBERS] if named else NUMBERS
    header = ("tokens", "ner_tags")
    expected = read(as_jsonl(tmp_path, header, zip(WORDS, tags, strict=True)), "token_classification", TAGS)
    rows = [(spell(words), spell(row)) for words, row in zip(WORDS, tags, strict=True)]
    assert read(as_csv(tmp_path, header, rows), "token_classification", TAGS) == expected
    assert expected[1] == NUMBERS


@pytest.mark.parametrize("spell", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("shape", ["SQuAD", "texts alone", "records", "one text"])
def test_answers(tmp_path, spell, shape):
    answers = [["the river's end"], ['a "b"', "東京"], []]
    header, labels = ("question", "context", "answers"), ("start", "end")

    def spelled(texts):
        starts = spell(list(range(len(texts)))) if texts else "[]"
        listed = spell(texts) if texts else "[]"
        if shape == "SQuAD":
            quote = '"' if spell is by_json else "'"
            return f"{{{quote}text{quote}: {listed}, {quote}answer_start{quote}: {starts}}}"
        if shape == "records":
            written = json.dumps if spell is by_json else repr
            return written([{"text": one, "answer_start": 0} for one in texts])
        return listed if shape == "texts alone" or len(texts) != 1 else texts[0]

    rows = [("who ?", "a b c", texts) for texts in answers]
    expected = read(as_jsonl(tmp_path, header, rows), "question_answering", labels)
    found = read(as_csv(tmp_path, header, [(*row[:2], spelled(row[2])) for row in rows]), "question_answering", labels)
    assert found == expected
    assert expected[1] == [["the river's end"], ['a "b"', "東京"], [""]]


NAMES = ("toxic", "insult", "threat", "obscene")
HELD = [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]
RIGHT = [[0, 3], [], [1]]
MANY = {
    "one-hot, whole": lambda row: str(row),
    "one-hot, floats": lambda row: str([float(one) for one in row]),
    "one-hot, numpy": lambda row: str(np.array(row)),
    "one-hot, numpy's floats": lambda row: str(np.array(row, float)),
    "one-hot, numpy's bools": lambda row: str(np.array(row, bool)),
    "one-hot, an array": lambda row: repr(np.array(row, np.float32)),
    "one-hot, bools": lambda row: str([bool(one) for one in row]),
    "one-hot, JSON bools": lambda row: json.dumps([bool(one) for one in row]),
    "a record": lambda row: str(dict(zip(NAMES, row, strict=True))),
    "names, Python": lambda row: str([NAMES[at] for at, one in enumerate(row) if one]),
    "names, JSON": lambda row: json.dumps([NAMES[at] for at, one in enumerate(row) if one]),
    "names, numpy": lambda row: str(np.array([NAMES[at] for at, one in enumerate(row) if one], dtype=object)),
    "names, commas": lambda row: ",".join(NAMES[at] for at, one in enumerate(row) if one),
    "numbers": lambda row: str([at for at, one in enumerate(row) if one]),
}


@pytest.mark.parametrize("spell", MANY.values(), ids=MANY)
def test_several_labels_in_a_cell(tmp_path, spell):
    rows = [(f"text {at}", spell(row)) for at, row in enumerate(HELD)]
    assert read(as_csv(tmp_path, ("text", "labels"), rows), "multi_label_classification", NAMES)[1] == RIGHT


@pytest.mark.parametrize("value", [int, float, bool, str, lambda one: str(float(one)), lambda one: str(bool(one))])
def test_several_labels_in_columns(tmp_path, value):
    rows = [(f"text {at}", *map(value, row)) for at, row in enumerate(HELD)]
    assert read(as_csv(tmp_path, ("text", *NAMES), rows), "multi_label_classification", NAMES)[1] == RIGHT
    assert read(as_jsonl(tmp_path, ("text", *NAMES), rows), "multi_label_classification", NAMES)[1] == RIGHT


@pytest.mark.parametrize(
    "spell", [float, str, lambda one: [one], lambda one: str(np.array([one])), np.float64.__repr__]
)
def test_amounts(tmp_path, spell):
    rows = [(f"text {at}", spell(np.float64(one))) for at, one in enumerate((0.5, 2.0, -1e-3))]
    assert read(as_csv(tmp_path, ("text", "score"), rows), "regression", ("x",))[1] == [0.5, 2.0, -0.001]


@pytest.mark.parametrize("spell", [int, float, str, lambda one: [one], lambda one: str(float(one)), "abc".__getitem__])
def test_one_label(tmp_path, spell):
    rows = [(f"text {at}", spell(one)) for at, one in enumerate((0, 2, 1))]
    for write in (as_csv, as_jsonl):
        path = write(tmp_path, ("text", "label"), rows)
        assert read(path, "single_label_classification", ("a", "b", "c"))[1] == [0, 2, 1]


UNCERTAIN = {
    "words that numpy left out": ("token_classification", "['a' ... 'b']", "[0 1]", "line 2"),
    "words without quotes": ("token_classification", "[a, b]", "[0, 1]", "found '[a, b]'"),
    "texts that Python would join": ("token_classification", "['a', 'b' 'c']", "[0, 1, 2]", "commas between some"),
    "texts that SQL would join": ("token_classification", "['it''s' 'b']", "[0, 1, 2]", "no blank and no comma"),
    "texts that Python joins before a last comma": ("token_classification", "['a' 'b',]", "[0, 1]", "commas between"),
    "a range of numbers": ("token_classification", "['a', 'b']", "[1-2]", "no blank and no comma"),
    "words that are cut off": ("token_classification", "['a', 'b'", "[0, 1]", "it ends early"),
    "words in a call": ("token_classification", "list(['a', 'b'])", "[0, 1]", "write it as JSON"),
    "words in quotes": ("token_classification", json.dumps('["a", "b"]'), "[0, 1]", "a list in quotes"),
    "a missing label": ("token_classification", "['a', 'b']", "[0, nan]", "found nan"),
    "no label": ("token_classification", "['a', 'b']", "[0, None]", "expected words or labels in a list"),
    "numbers for words": ("token_classification", "[1, 2]", "[0, 1]", "put it in quotes"),
    "labels in lists": ("token_classification", "['a']", "[[0]]", "expected words or labels in a list"),
    "an answer in brackets": ("question_answering", "q", "[river]", "write it as JSON"),
    "answers that are cut off": ("question_answering", "q", "{'text': ['a river'], 'answer", "write it as JSON"),
    "an answer that is a number": ("question_answering", "q", "[12]", "expected an answer"),
    "a record of something else": ("question_answering", "q", "{'start': 3}", "expected an answer"),
    "zeros and ones for two labels": ("multi_label_classification", "t", "[0, 1]", "write the labels' names"),
    "soft labels": ("multi_label_classification", "t", "[0.3, 0.7]", "labels that the model does not have"),
    "labels by a bar": ("multi_label_classification", "t", "a|b", "labels that the model does not have"),
    "a missing list": ("multi_label_classification", "t", "nan", "labels that the model does not have"),
    "several for one": ("single_label_classification", "t", "[0, 1]", "expected one label"),
    "a truth for a label": ("single_label_classification", "t", "True", "labels that the model does not have"),
    "several amounts": ("regression", "t", "[1.0, 2.0]", "expected a number as label"),
}
COLUMNS = {
    "token_classification": ("tokens", "ner_tags"),
    "question_answering": ("question", "answers"),
    "regression": ("text", "score"),
}


@pytest.mark.parametrize(("problem", "text", "label", "words"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_a_cell_that_is_not_certain_is_an_error_that_shows_it(tmp_path, problem, text, label, words):
    header, row = COLUMNS.get(problem, ("text", "labels")), (text, label)
    if problem == "question_answering":
        header, row = (*header, "context"), (*row, "a river")
    with pytest.raises(UsageError) as refusal:
        read(as_csv(tmp_path, header, [row]), problem, TAGS if problem == "token_classification" else ("a", "b"))
    assert words in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "rows.csv"))


@pytest.mark.parametrize(
    "answer", ["[sic] a river", '("Weird Al") Yankovic', "a [b]", '"a" river', "Smith ([2])", "f(x)"]
)
def test_an_answer_with_brackets_in_it_is_a_text(tmp_path, answer):
    path = as_csv(tmp_path, ("question", "context", "answers"), [("q", "a river", answer)])
    assert read(path, "question_answering", ("start", "end"))[1] == [[answer]]


def test_no_labels_as_an_empty_tuple(tmp_path):
    path = as_csv(tmp_path, ("text", "labels"), [("t", "('toxic',)"), ("u", "()")])
    assert read(path, "multi_label_classification", NAMES)[1] == [[0], []]


@pytest.mark.parametrize("name", ["data", "rows"])
def test_a_json_document_is_no_table_of_one_row(tmp_path, name):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"version": "1.1", name: [{"title": "t", "paragraphs": []}]}))
    with pytest.raises(UsageError, match=r"one JSON document with rows in .* write one object a line"):
        read(path, "question_answering", ("start", "end"))


def test_words_of_a_table_are_texts_without_their_brackets(tmp_path):
    rows = [(str(words), "x") for words in WORDS]
    assert read_texts(as_csv(tmp_path, ("tokens", "ner_tags"), rows)) == tuple(map(" ".join, WORDS))


ELEMENTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.integers(-1000, 1000) | st.booleans() | st.none()
SPELLINGS = st.sampled_from([str, json.dumps, lambda value: str(tuple(value)), lambda value: f"  {value}\n"])


@given(st.lists(ELEMENTS, min_size=2, max_size=6), SPELLINGS)
def test_whatever_list_is_written_comes_back(value, spell):
    assert looks_structured(spell(value))
    assert read_cell(spell(value)) == value


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1, max_size=6))
def test_whatever_numpy_writes_of_texts_comes_back(value):
    array = np.array(value, dtype=object)
    assert read_cell(str(array)) == value
    assert read_cell(repr(array)) == value


@given(st.dictionaries(st.text(max_size=5), st.lists(ELEMENTS, max_size=3), max_size=3))
def test_whatever_record_is_written_comes_back(value):
    assert read_cell(str(value)) == value
    assert read_cell(json.dumps(value)) == value


@given(st.text(st.sampled_from("[](){}'\",.\\ 0a1n:-"), max_size=20))
def test_whatever_is_in_brackets_is_read_or_refused(text):
    try:
        read_cell(f"[{text}]")
    except ValueError:
        return
    except RecursionError:
        pytest.fail("nested")
