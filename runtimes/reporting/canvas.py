"""SVG elements: escaped by the library, styled by the page's classes, sized in view-box units."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

WIDTH = 420
"""Units of every drawing's width: on a phone a unit is most of a pixel, so that text keeps its size."""
CHARACTER = 7
"""Width of a character of a label, in the widest of the fonts that a system may choose."""
LINE = 14
_WIDE = 8
"""The largest is so many times the smallest before sizes are drawn by ratio."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Scale = Callable[[float], float]


class Canvas:
    """A drawing in the making."""

    def __init__(self, height: float, label: str) -> None:
        self.height = height
        self._root = Element("svg", viewBox=f"0 0 {WIDTH} {height:g}", role="img")
        self._root.set("aria-label", clean(label))

    def line(self, start: tuple[float, float], end: tuple[float, float], style: str) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, end
        self._add("line", style, x1=x1, y1=y1, x2=x2, y2=y2)

    def dot(self, x: float, y: float, style: str, radius: float = 4, title: str = "", link: str = "") -> None:
        """A dot; the title is what a pointer that rests on it reads, the link a place on the page that it leads to."""
        parent = SubElement(self._root, "a", href=f"#{clean(link)}") if link else self._root
        element = self._add("circle", style, parent, cx=x, cy=y, r=radius)
        if title:
            SubElement(element, "title").text = clean(title)

    def bar(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """A rectangle."""
        self._add("rect", style, x=x, y=y, width=max(width, 0), height=height)

    def curve(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """A line through points."""
        element = self._add("polyline", style)
        element.set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Words on a baseline."""
        element = self._add("text", style, x=x, y=y)
        element.set("text-anchor", anchor)
        element.text = clean(words)

    def markup(self) -> Markup:
        """The finished SVG; ElementTree has escaped every text in it."""
        return Markup(tostring(self._root, encoding="unicode"))  # noqa: S704 - see above

    def _add(self, tag: str, style: str, parent: Element | None = None, **numbers: float) -> Element:
        element = SubElement(
            self._root if parent is None else parent, tag, {name: f"{value:.1f}" for name, value in numbers.items()}
        )
        if style:
            element.set("class", style)
        return element


def clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def shortened(text: str, characters: int) -> str:
    """Text of `characters` at most."""
    return text if len(text) <= characters else text[: characters - 1] + "…"


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Map low…high to start…end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """The same by decades; what is below `low` stands at its place."""
    inner = linear(log10(low), log10(high), start, end)
    return lambda value: inner(log10(max(value, low)))


def decades(values: Sequence[float]) -> tuple[float, float]:
    """Powers of ten around the positive values; at least one decade."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = floor(log10(min(positive))), ceil(log10(max(positive)))
    return float(f"1e{low}"), float(f"1e{max(high, low + 1)}")


def decade_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten from low to high, every one or every n-th."""
    first, last = round(log10(low)), round(log10(high))
    step = ceil((last - first + 1) / most)
    return [float(f"1e{exponent}") for exponent in range(first, last + 1, step)]


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values in low…high, about so many: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = float(f"1e{floor(log10(raw))}")
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [step * number for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def size_axis(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """From nothing on, or by ratio where the smallest would all stand in one place; and the numbers to write."""
    least, most = min(values), max(values) or 1.0  # a record may say that a bundle has no bytes
    if 0 < least < most / _WIDE:
        return logarithmic(least / 1.3, most * 1.2, start, end), one_two_five(least / 1.3, most * 1.2)
    return linear(0, most * 1.12, start, end), ticks(0, most * 1.1)


def one_two_five(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from low to high; powers alone where those are many."""
    powers = [float(f"1e{exponent}") for exponent in range(floor(log10(low)), ceil(log10(high)) + 1)]
    fine = [factor * power for power in powers for factor in (1, 2, 5) if low <= factor * power <= high]
    return fine if len(fine) <= 9 else [power for power in powers if low <= power <= high]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as `gap` between neighbours allows, in their order, within low…high."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = [0.0] * len(wanted)
    floor_at = low
    for index in order:
        places[index] = max(wanted[index], floor_at)
        floor_at = places[index] + gap
    ceiling = high
    for index in reversed(order):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return places


@dataclass(frozen=True)
class Box:
    """A rectangle that a label takes."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def within(self, other: "Box") -> bool:
        """Whether it lies in the other."""
        right, bottom = other.x + other.width, other.y + other.height
        inside = other.x <= self.x and self.x + self.width <= right
        return inside and other.y <= self.y and self.y + self.height <= bottom


def label_boxes(x: float, y: float, words: str) -> Iterator[tuple[Box, str]]:
    """Places for a label around a point, the nearest first, with the anchor that each needs."""
    width = len(words) * CHARACTER
    for away in range(12):
        for shift in dict.fromkeys((away, -away)):
            at = y - LINE / 2 + shift * LINE * 0.75
            yield Box(x + 10, at, width, LINE), "start"
            yield Box(x - 10 - width, at, width, LINE), "end"
