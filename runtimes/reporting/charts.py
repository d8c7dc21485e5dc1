"""The charts of a report, as SVG.

`style` of a mark is its colour, `c0` to `c7`, or `ref` for PyTorch; what was emulated or simulated is drawn hollow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from runtimes.reporting.canvas import (
    CHARACTER,
    LINE,
    WIDTH,
    Box,
    Canvas,
    Scale,
    decade_ticks,
    decades,
    label_boxes,
    linear,
    logarithmic,
    one_two_five,
    shortened,
    size_axis,
    spread,
    ticks,
)

_NAME = 20
"""Characters of a name beside a mark."""


@dataclass(frozen=True)
class Point:
    """A bundle by size and score; `low` and `high` bound the score, and `link` is the row of a table that it is in."""

    name: str
    style: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False
    link: str = ""


@dataclass(frozen=True)
class Line:
    """A subject's values by length."""

    name: str
    style: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Strip:
    """A distribution: 1 %, 25 %, 50 %, 75 %, 99 % and the largest value, and the budget of it."""

    name: str
    style: str
    quantiles: tuple[float, float, float, float, float]
    largest: float
    budget: float | None
    hollow: bool = False
    bad: bool = False


@dataclass(frozen=True)
class Bar:
    """Parts of a whole, from left to right, and what is said of them."""

    name: str
    style: str
    parts: tuple[float, ...]
    words: str


@dataclass(frozen=True)
class Step:
    """One tensor: its errors in the order of computation, None where it has none that is finite."""

    name: str
    error: float | None
    beyond: bool


def scatter(points: Sequence[Point], reference: tuple[str, float] | None, x_words: str, y_words: str) -> Markup:
    """Score by size; the reference is a line across."""
    height, left, right, top, bottom = 300, 44, 14, 26, 38
    canvas = Canvas(height, f"{y_words} by {x_words}")
    bounds = [value for p in points for value in (p.low, p.high, p.y) if value is not None]
    low, high = _padded([*bounds, *([reference[1]] if reference else [])])
    x, marks = size_axis([p.x for p in points], left, WIDTH - right)
    y = linear(low, high, height - bottom, top)
    _y_axis(canvas, y, ticks(low, high), y_words, left)
    _x_axis(canvas, x, marks, x_words, height - bottom)
    taken = [Box(x(p.x) - 6, y(p.y) - 6, 12, 12) for p in points]
    taken += [Box(x(p.x) - 2, y(p.high), 4, y(p.low) - y(p.high)) for p in points if p.low and p.high]
    if reference:
        _across(canvas, y(reference[1]), f"{reference[0]} {reference[1]:.4g}", left, WIDTH - right, taken)
    for p in points:
        if p.low is not None and p.high is not None:
            canvas.line((x(p.x), y(p.low)), (x(p.x), y(p.high)), f"stroke thin {p.style}")
    for p in points:
        canvas.dot(x(p.x), y(p.y), _dot(p.style, p.hollow), 5, f"{p.name}: {p.x:.3g} MB, {p.y:.4g}", p.link)
        frame = Box(left, top - LINE, WIDTH - left, height - bottom - top + LINE)
        _label_point(canvas, (x(p.x), y(p.y)), shortened(p.name, _NAME), p.style, taken, frame)
    return canvas.markup()


def _across(canvas: Canvas, y: float, words: str, left: float, right: float, taken: list[Box]) -> None:
    """A dashed line, named above it, as far to the right as nothing else stands."""
    canvas.line((left, y), (right, y), "stroke ref dashed")
    width = len(words) * CHARACTER
    places = [Box(right - width - away, y - LINE - 2, width, LINE) for away in range(0, int(right - left - width), 8)]
    place = next((box for box in places if not any(box.meets(other) for other in taken)), places[0])
    canvas.text(place.x + width, y - 5, words, "label", "end")
    taken += [place, Box(left, y - 1, right - left, 2)]


def lines(series: Sequence[Line], x_words: str, y_words: str) -> Markup:
    """Values by length, both by ratio; each line is named at its right end."""
    height, left, top, bottom = 300, 44, 26, 38
    names = [f"{line.points[-1][1]:.3g} {shortened(line.name, _NAME)}" for line in series]
    right = max(len(name) for name in names) * CHARACTER + 14
    canvas = Canvas(height, f"{y_words} by {x_words}")
    lengths = sorted({tokens for line in series for tokens, _ in line.points})
    values = [value for line in series for _, value in line.points]
    low, high = min(values) / 1.15, max(values) * 1.15
    x = logarithmic(lengths[0], max(lengths[-1], lengths[0] * 2), left + 8, WIDTH - right)
    y = logarithmic(low, high, height - bottom, top)
    _y_axis(canvas, y, one_two_five(low, high), y_words, left, WIDTH - right)
    _x_axis(canvas, x, lengths, x_words, height - bottom, WIDTH - right)
    ends = [y(line.points[-1][1]) for line in series]
    for line, name, end, place in zip(series, names, ends, spread(ends, LINE, top, height - bottom), strict=True):
        drawn = [(x(tokens), y(value)) for tokens, value in line.points]
        canvas.curve(drawn, f"stroke {line.style}" + (" dashed" if line.style == "ref" else ""))
        for (tokens, value), (at_x, at_y) in zip(line.points, drawn, strict=True):
            canvas.dot(at_x, at_y, _dot(line.style, False), 3, f"{line.name}: {value:.3g} at {tokens:g}")
        canvas.line((drawn[-1][0] + 4, end), (WIDTH - right + 10, place), f"stroke hair {line.style}")
        canvas.text(WIDTH - right + 13, place + 4, name, f"label {line.style}")
    return canvas.markup()


def strips(rows: Sequence[Strip], x_words: str) -> Markup:
    """Distributions by decades, one below the other, each with its name above it and its budget as a mark."""
    step, left, right, bottom = 40, 10, 14, 36
    height = step * len(rows) + bottom
    canvas = Canvas(height, x_words)
    seen = [value for row in rows for value in (*row.quantiles[1:], row.largest, row.budget or 0)]
    low, high = decades(seen)
    x = logarithmic(low, high, left, WIDTH - right)
    for tick in decade_ticks(low, high):
        canvas.line((x(tick), 4), (x(tick), height - bottom), "grid")
        canvas.text(
            x(tick), height - bottom + 15, f"{tick:.0e}".replace("e-0", "e-").replace("e+0", "e"), "tick", "middle"
        )
    canvas.text(WIDTH - right, height - 4, x_words, "axis", "end")
    for number, row in enumerate(rows):
        _strip(canvas, row, x, number * step, right)
    return canvas.markup()


def _strip(canvas: Canvas, row: Strip, x: Scale, top: float, right: float) -> None:
    at, (first, lower, middle, upper, last) = top + 27, row.quantiles
    canvas.text(10, top + 15, shortened(row.name, 34), f"label {row.style}")
    words = f"largest {row.largest:.1e}" + ("" if row.budget is None else f" of {row.budget:.1e}")
    canvas.text(WIDTH - right, top + 15, words, "label bad" if row.bad else "label soft", "end")
    canvas.line((x(first), at), (x(row.largest), at), f"stroke thin {row.style}")
    canvas.line((x(lower), at), (x(upper), at), f"stroke thick {row.style}")
    canvas.line((x(last), at - 4), (x(last), at + 4), f"stroke thin {row.style}")
    canvas.dot(x(row.largest), at, _dot("bad" if row.bad else row.style, row.hollow), 4, f"largest {row.largest:.3g}")
    canvas.line((x(middle), at - 6), (x(middle), at + 6), "stroke median")
    if row.budget is not None:
        canvas.line((x(row.budget), at - 9), (x(row.budget), at + 9), "stroke budget")


def bars(rows: Sequence[Bar], parts: Sequence[str]) -> Markup:
    """Wholes and their parts; the first parts are pale, the last has the subject's colour."""
    step, left, right, top = 36, 10, 14, 24
    canvas = Canvas(top + step * len(rows) + 4, ", ".join(parts))
    x = linear(0, max(sum(row.parts) for row in rows) or 1, left, WIDTH - right)
    place = float(left)
    for number, part in enumerate(parts):
        canvas.bar(place, 4, 10, 10, f"fill {_shade(number, len(parts))} key")
        canvas.text(place + 14, 13, part, "label soft")
        place += 28 + len(part) * CHARACTER
    for number, row in enumerate(rows):
        _bar(canvas, row, x, top + number * step)
    return canvas.markup()


def _bar(canvas: Canvas, row: Bar, x: Scale, top: float) -> None:
    canvas.text(10, top + 14, shortened(row.name, 30), f"label {row.style}")
    canvas.text(WIDTH - 14, top + 14, row.words, "label soft", "end")
    start = 0.0
    for index, part in enumerate(row.parts):
        canvas.bar(
            x(start), top + 19, x(start + part) - x(start), 9, f"fill {row.style} {_shade(index, len(row.parts))}"
        )
        start += part


def layers(graph: Sequence[Step], file: Sequence[Step]) -> Markup:
    """Relative error of every named tensor, in the order of computation; the layers are shaded in turn."""
    height, left, right, top, bottom = 290, 44, 14, 40, 34
    canvas = Canvas(height, "relative error of every tensor")
    order = list(dict.fromkeys([*(step.name for step in file), *(step.name for step in graph)]))
    finite = [step.error for step in (*graph, *file) if step.error]
    low, high = decades(finite)
    x = linear(0, max(len(order) - 1, 1), left + 8, WIDTH - right - 8)
    y = logarithmic(low, high, height - bottom, top)
    _shade_layers(canvas, order, x, top, height - bottom)
    _y_axis(canvas, y, decade_ticks(low, high), "", left)
    for name, steps, style in (("graph against PyTorch", graph, "ref"), ("file against graph", file, "c0")):
        shown = [step for step in steps if step.error != 0]
        drawn = [(step, x(order.index(step.name)), y(high if step.error is None else step.error)) for step in shown]
        canvas.curve([(at_x, at_y) for _, at_x, at_y in drawn], f"stroke thin {style}")
        for step, at_x, at_y in drawn:
            words = f"{step.name}: {_error(step)} ({name})"
            canvas.dot(at_x, at_y, _dot("bad" if step.beyond else style, False), 3, words)
    _label_step(canvas, next((step for step in (*graph, *file) if step.beyond), None), order, x, y, high)
    canvas.dot(left + 4, 9, _dot("c0", False), 4)
    canvas.text(left + 13, 13, "file against graph", "label c0")
    canvas.dot(left + 148, 9, _dot("ref", False), 4)
    canvas.text(left + 157, 13, "graph against PyTorch", "label ref")
    canvas.text(WIDTH - right, height - 2, "tensors in the order of computation", "axis", "end")
    return canvas.markup()


def _label_step(canvas: Canvas, step: Step | None, order: Sequence[str], x: Scale, y: Scale, high: float) -> None:
    """Name the first tensor that is beyond its share, above its dot and within the drawing."""
    if step is None:
        return
    at_x, at_y = x(order.index(step.name)), y(high if step.error is None else step.error)
    anchor = "end" if at_x > WIDTH / 2 else "start"
    canvas.text(at_x, max(at_y - 8, 50), shortened(f"{step.name} {_error(step)}", 40), "label bad", anchor)


def _error(step: Step) -> str:
    return "not finite" if step.error is None else f"{step.error:.2g}"


def _shade_layers(canvas: Canvas, order: Sequence[str], x: Scale, top: float, bottom: float) -> None:
    """A band for each `layer.N.`, with its number."""
    numbers = [name.split(".")[1] if name.startswith("layer.") else None for name in order]
    for position, layer in enumerate(dict.fromkeys(number for number in numbers if number is not None)):
        places = [index for index, number in enumerate(numbers) if number == layer]
        start, end = x(places[0] - 0.5), x(places[-1] + 0.5)
        if position % 2 == 0:
            canvas.bar(start, top - 14, end - start, bottom - top + 14, "band")
        words = f"layer {layer}" if end - start > 8 * CHARACTER else layer
        canvas.text((start + end) / 2, top - 3, shortened(words, 10), "tick", "middle")


def _y_axis(canvas: Canvas, y: Scale, at: Sequence[float], words: str, left: float, right: float = WIDTH - 14) -> None:
    for tick in at:
        canvas.line((left, y(tick)), (right, y(tick)), "grid")
        canvas.text(left - 5, y(tick) + 4, f"{tick:.4g}", "tick", "end")
    canvas.text(4, 12, words, "axis")


def _x_axis(
    canvas: Canvas, x: Scale, at: Sequence[float], words: str, bottom: float, right: float = WIDTH - 14
) -> None:
    last = -1e9
    for tick in at:
        if x(tick) - last >= 24:
            canvas.text(x(tick), bottom + 15, f"{tick:g}", "tick", "middle")
            last = x(tick)
    canvas.text(right, bottom + 32, words, "axis", "end")


def _label_point(
    canvas: Canvas, point: tuple[float, float], words: str, style: str, taken: list[Box], frame: Box
) -> None:
    """Write a label where it meets nothing, or leave it to the table where there is no such place."""
    for box, anchor in label_boxes(*point, words):
        if box.within(frame) and not any(box.meets(other) for other in taken):
            taken.append(box)
            end = box.x if anchor == "start" else box.x + box.width
            if abs(box.y + LINE / 2 - point[1]) > LINE:
                canvas.line(point, (end, box.y + LINE / 2), f"stroke hair {style}")
            canvas.text(end, box.y + LINE - 3, words, f"label {style}", anchor)
            return


def _padded(values: Sequence[float]) -> tuple[float, float]:
    """Bounds with an eighth of their distance to spare on both sides."""
    low, high = min(values), max(values)
    spare = (high - low) / 8 or max(abs(high), 1.0) / 50
    return low - spare, high + spare


def _dot(style: str, hollow: bool) -> str:
    return f"dot {style}" + (" hollow" if hollow else "")


def _shade(index: int, parts: int) -> str:
    """Pale for the first of several parts, full for the last."""
    return f"part{parts - 1 - index}"
