"""Of a row with two answers the words that differ are shown, wherever in the row they stand."""

from runtimes.evaluation.data.examples import Example
from runtimes.evaluation.differing import show_difference

LONG = [f"w{number}" for number in range(200)]


def test_words_that_were_labelled_in_two_ways_are_shown_with_those_around_them():
    reference, candidate = [0] * 200, [0] * 200
    candidate[150], candidate[152] = 1, 2
    shown = show_difference(Example(LONG, None, 1), [3] * 200, reference, candidate)
    assert shown.text == "… w148 w149 [w150] w151 [w152] w153 w154 …"
    assert (shown.expected, shown.reference, shown.candidate) == ([3, 3], [0, 0], [1, 2])


def test_words_at_the_ends_have_nothing_beyond_them():
    shown = show_difference(Example(LONG[:3], None, 1), [0, 0, 0], [1, 0, 0], [0, 0, 0])
    assert shown.text == "[w0] w1 w2"


def test_words_far_apart_are_parted_and_the_rest_is_counted():
    reference, candidate = [0] * 200, [0] * 200
    for at in (0, 50, 100, 199, 198):
        candidate[at] = 1
    shown = show_difference(Example(LONG, None, 1), reference, reference, candidate)
    assert shown.text.startswith("[w0] w1 w2 … w48 w49 [w50]")
    assert shown.text.endswith("[w100] w101 w102 … (2 more words)")


def test_of_a_context_the_place_of_the_answers_is_shown():
    context = "a " * 300 + "the river runs near berlin" + " b" * 300
    shown = show_difference(Example("where?", context, 1), ["berlin"], "berlin", "the river")
    assert "the river runs near berlin" in shown.text
    assert shown.text.startswith("where? | …")
    assert len(shown.text) < 200


def test_answers_far_apart_in_a_context_are_both_shown():
    context = "berlin " + "a " * 500 + "london"
    shown = show_difference(Example("where?", context, 1), ["berlin"], "berlin", "london")
    assert "berlin" in shown.text
    assert "london" in shown.text
    assert len(shown.text) < 400


def test_without_an_answer_the_beginning_is_shown():
    shown = show_difference(Example("where?", "c" * 500, 1), [], "", "no such words")
    assert shown.text.startswith("where? | ccc")


def test_of_a_text_with_one_label_the_beginning_is_shown():
    example = Example("a text", None, 1)
    assert show_difference(example, 0, 0, 1).text == example.excerpt == "a text"
