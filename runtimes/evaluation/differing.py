"""Showing a row with two answers: the words that differ, with their context."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtimes.evaluation.data.examples import Example

_WORDS, _AROUND, _CHARACTERS = 3, 2, 50
"""Differing words that are shown of a row, words around each, and characters on either side of an answer."""


@dataclass(frozen=True)
class Shown:
    """A part of the row's text, and of what was expected and answered what belongs to it."""

    text: str
    expected: Any
    reference: Any
    candidate: Any


def show_difference(example: Example, expected: Any, reference: Any, candidate: Any) -> Shown:
    """The part of a row that its two answers are about; the whole answers where they are about all of it."""
    if isinstance(example.first, list):
        return _words(example.first, expected, reference, candidate)
    if isinstance(reference, str) and isinstance(candidate, str) and example.second is not None:
        around = _around(example.second, [reference, candidate])
        return Shown(f"{example.first} | {around}", expected, reference, candidate)
    return Shown(example.excerpt, expected, reference, candidate)


def _words(words: Sequence[str], *answers: Sequence[int]) -> Shown:
    """The first few words that were labelled in two ways, each marked, and their labels alone."""
    _, reference, candidate = answers
    apart = [at for at, pair in enumerate(zip(reference, candidate, strict=True)) if pair[0] != pair[1]]
    shown = apart[:_WORDS]
    near = sorted({at for one in shown for at in range(one - _AROUND, one + _AROUND + 1) if 0 <= at < len(words)})
    parts = ["…"] if near and near[0] > 0 else []
    for before, at in zip([near[0] - 1, *near], near, strict=False):
        parts += ["…"] if at > before + 1 else []
        parts.append(f"[{words[at]}]" if at in shown else words[at])
    parts += ["…"] if near and near[-1] < len(words) - 1 else []
    more = f" ({len(apart) - len(shown):,} more words)" if len(apart) > len(shown) else ""
    return Shown(" ".join(parts) + more, *([side[at] for at in shown] for side in answers))


def _around(context: str, answers: Sequence[str]) -> str:
    """The part of a context that the answers stand in; its beginning where neither does."""
    places = [(context.find(answer), len(answer)) for answer in answers if answer]
    found = [(at, at + length) for at, length in places if at >= 0]
    start = max(0, min((at for at, _ in found), default=0) - _CHARACTERS)
    end = min(len(context), max((end for _, end in found), default=_CHARACTERS) + _CHARACTERS)
    middle = context[start:end]
    if len(middle) > 6 * _CHARACTERS:  # the two lie far apart
        middle = f"{middle[: 3 * _CHARACTERS]} … {middle[-3 * _CHARACTERS :]}"
    return f"{'…' if start else ''}{middle}{'…' if end < len(context) else ''}"
