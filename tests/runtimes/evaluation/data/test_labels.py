"""Labels of the data become the model's, or are asked for; never guessed wrong in silence."""

import pytest

from runtimes.errors import UsageError
from runtimes.evaluation.data.labels import map_labels, parse_given

NEWS = ("World", "Sports", "Business", "Sci/Tech")


def numbers(cells, labels=NEWS, given=None):
    found = map_labels(cells, labels, given or {})
    return [found.number(cell) for cell in cells]


def test_names_in_any_case():
    assert numbers(["sports", " WORLD ", "sci/tech"]) == [1, 0, 3]


def test_names_that_differ_only_in_case_must_be_exact():
    assert numbers(["b", "B"], ("B", "b")) == [1, 0]
    with pytest.raises(UsageError, match="does not have: c"):
        numbers(["c"], ("B", "b"))


def test_numbers_from_0_and_from_1_are_told_apart_by_their_ends():
    assert numbers(["0", "3", "1"]) == [0, 3, 1]
    assert numbers(["1", "4", "2"]) == [0, 3, 1]
    assert numbers([1, 4.0, "2.0"]) == [0, 3, 1]
    assert "numbers from 1: 1 = World, 2 = Sports" in map_labels(["1", "4"], NEWS, {}).said
    assert "numbers from 0: 0 = World" in map_labels(["0"], NEWS, {}).said


def test_labels_that_are_themselves_numbers_are_names_first():
    assert numbers(["1", "2", "3"], ("1", "2", "3")) == [0, 1, 2]
    assert numbers(["1", "0"], ("0", "1")) == [1, 0]


UNCERTAIN = {
    "neither end": (["1", "2", "3"], "may count from 0 or from 1"),
    "both ends": (["0", "4"], "the model has 4"),
    "too many": (["0", "7"], "labels 0, 7, where the model has 4"),
    "negative, as GLUE's hidden labels": (["-1"], "labels -1"),
    "a name it has not": (["World", "Weather"], "does not have: Weather"),
    "no label": (["World", ""], "without a label"),
}


@pytest.mark.parametrize(("cells", "words"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_is_not_certain_is_asked_for(cells, words):
    with pytest.raises(UsageError, match=words):
        numbers(cells)


def test_names_the_model_never_learned_need_the_users_word():
    labels = ("LABEL_0", "LABEL_1")
    with pytest.raises(UsageError, match="--labels entailment=LABEL_0"):
        numbers(["entailment", "not_entailment"], labels)
    given = parse_given(["entailment=1", "not_entailment=label_0"])
    assert numbers(["entailment", "not_entailment"], labels, given) == [1, 0]


def test_what_the_user_says_must_be_whole_and_true():
    for given, words in {
        ("1=World",): "nothing said of 2",
        ("1=World", "2=Wrold"): "2=Wrold: the model has no such label",
        ("1=World", "2=9"): "2=9",
    }.items():
        with pytest.raises(UsageError, match=words):
            numbers(["1", "2"], NEWS, parse_given(given))
    for wrong in (["World"], ["=World"], ["1="]):
        with pytest.raises(UsageError, match="expected VALUE=LABEL"):
            parse_given(wrong)
    with pytest.raises(UsageError, match="twice"):
        parse_given(["1=World", "1.0=Sports"])
