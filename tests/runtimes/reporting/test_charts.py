"""Drawings hold every mark inside, and no label over another, whatever the numbers."""

from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimes.reporting.canvas import CHARACTER, LINE, WIDTH, Box, decades, one_two_five, size_axis, spread, ticks
from runtimes.reporting.charts import Bar, Line, Point, Step, Strip, bars, layers, lines, scatter, strips

names = st.text(min_size=1, max_size=30)
positive = st.floats(1e-12, 1e9)
points = st.builds(Point, names, st.just("c0"), st.floats(0.01, 1e5), st.floats(0, 1))
series = st.builds(
    Line, names, st.just("c0"), st.lists(st.tuples(st.integers(1, 4096), positive), min_size=1, max_size=4).map(tuple)
)


def texts(markup, style="label"):
    """(box, words) of every text with that style."""
    found = []
    for element in ElementTree.fromstring(markup).iter("text"):
        if style in (element.get("class") or "").split():
            words = element.text or ""
            width = len(words) * CHARACTER
            start = {"start": 0, "middle": width / 2, "end": width}[element.get("text-anchor")]
            found.append((Box(float(element.get("x")) - start, float(element.get("y")) - 11, width, LINE - 1), words))
    return found


def assert_apart(found):
    for (left, one), (right, other) in combinations(found, 2):
        assert not left.meets(right), (one, other)


@given(st.lists(points, min_size=1, max_size=12))
def test_labels_of_points_never_meet(found):
    drawn = texts(scatter(found, ("PyTorch", 0.5), "MB", "accuracy"))
    assert_apart(drawn)
    assert all(box.x + box.width <= WIDTH + 1 for box, _ in drawn)


@given(st.lists(series, min_size=1, max_size=10))
def test_labels_of_lines_never_meet(found):
    assert_apart(texts(lines(found, "tokens", "ms")))


def test_two_points_at_one_place_have_both_their_names():
    found = scatter([Point("first", "c0", 4, 0.9), Point("second", "c1", 4, 0.9)], None, "MB", "accuracy")
    assert {words for _, words in texts(found)} == {"first", "second"}


@pytest.mark.parametrize(("largest", "by_ratio"), [(17.6, True), (4.0, False)])
def test_the_smallest_of_many_sizes_are_told_apart(largest, by_ratio):
    scale, marks = size_axis([0.75, 1.5, largest], 0, 400)
    assert scale(1.5) - scale(0.75) > 60
    assert all(0 <= scale(mark) <= 400 for mark in (*marks, 0.75, largest))
    assert (0 not in marks) is by_ratio


@given(st.lists(st.floats(0, 100), max_size=8))
def test_spread_keeps_order_and_distance(wanted):
    places = spread(wanted, 10, 0, 100)
    ordered = [places[index] for index in sorted(range(len(wanted)), key=wanted.__getitem__)]
    assert all(later - earlier >= 10 - 1e-9 for earlier, later in pairwise(ordered))


def test_sizes_that_are_all_nothing_have_an_axis():
    scale, marks = size_axis([0.0, 0.0], 0, 400)
    assert scale(0.0) == 0
    assert marks[0] == 0
    assert len(marks) > 1


@given(positive, positive)
def test_ticks_lie_within_and_are_not_too_many(first, second):
    low, high = sorted((first, second * 1.5 if first == second else second))
    if high / low > 1.001:
        assert all(low - high * 1e-6 <= tick <= high * (1 + 1e-6) for tick in ticks(low, high))
        assert len(ticks(low, high)) <= 7
        assert all(low <= tick <= high for tick in one_two_five(low, high))


def test_a_difference_of_nothing_has_a_place():
    assert decades([0.0]) == (1.0, 10.0)
    row = Strip("none", "c0", (0.0, 0.0, 0.0, 0.0, 0.0), 0.0, 1e-4)
    assert "largest 0.0e+00 of 1.0e-04" in strips([row], "difference")


def test_a_step_that_is_not_finite_is_drawn_at_the_top_and_named():
    steps = [Step("a", 1e-3, False), Step("b", None, True), Step("layer.0.c", 0.0, False)]
    drawn = ElementTree.fromstring(layers([], steps))
    bad = [one for one in drawn.iter("circle") if "bad" in one.get("class")]
    assert [float(one.get("cy")) for one in bad] == [40.0]
    assert "b not finite" in {one.text for one in drawn.iter("text")}
    layers([Step("only", 0.0, False)], [])


def test_bars_are_as_long_as_their_parts():
    drawn = ElementTree.fromstring(
        bars([Bar("a", "c0", (1.0, 3.0), "1 + 3"), Bar("b", "c1", (2.0, 0.0), "2")], ("x", "y"))
    )
    widths = [float(one.get("width")) for one in drawn.iter("rect") if "key" not in one.get("class")]
    assert widths == [99.0, 297.0, 198.0, 0.0]


def test_text_of_a_record_is_escaped_in_a_drawing():
    drawn = scatter([Point('<b a="1">&\0', "c0", 4, 0.9)], None, "MB", "accuracy")
    assert "<b" not in drawn
    assert ElementTree.fromstring(drawn)
