"""What `min_agreement` counts in each problem, and its confidence interval.

Each problem is held to the figure that its field judges by, PyTorch's answers in the place of the right ones: a whole
text of forty words with one entity a word longer is no text lost. `AGREEMENT` is the table of them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runtimes.parity.shown import NO_ANSWER
from runtimes.runner import Array

Z95 = 1.959964
"""Standard deviations of a normal distribution on either side that hold 95 %."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Statistic:
    """A share that came in rows: `counts` takes both sides' decisions to [N, 2], what agrees of how much in each row.

    `nothing` is said where no row has anything to count.
    """

    name: str
    counts: Callable[[Sequence[Hashable], Sequence[Hashable]], Array]
    nothing: str = ""


@dataclass(frozen=True)
class Agreement:
    """A share and its 95 % interval, under its statistic's name; `value` is None where nothing was there to count."""

    name: str
    value: float | None
    interval: Interval | None


def measure_agreement(problem: str, reference: Sequence[Hashable], candidate: Sequence[Hashable]) -> Agreement | None:
    """The agreement of a problem's decisions, row by row; None for a problem that decides nothing."""
    statistic = AGREEMENT.get(problem)
    if statistic is None:
        return None
    counts = statistic.counts(reference, candidate)
    total = counts.sum(0)
    if not total[1]:
        return Agreement(statistic.name, None, None)
    return Agreement(statistic.name, float(total[0] / total[1]), interval(counts))


def interval(counts: Array) -> Interval:
    """95 % interval of the share sum(agreeing) / sum(of), of rows [N, 2] with something to count.

    Wilson's score interval (1927, JASA 22:209), which unlike resampling is no single point where all rows agree, with
    the number of independent trials that the spread between rows amounts to: entities of one text go wrong together.
    That number is p(1 − p) over the linearised variance of a ratio (Cochran 1977, Sampling Techniques, chapter 6), as
    Korn and Graubard (1998, Survey Methodology 24:193) and Dean and Pagano (2015, J. Surv. Stat. Methodol. 3:484)
    put it. Of rows that each count once it is their number, and this is Wilson's interval itself. Of entities that go
    wrong by whole texts, drawn 4,000 times, the truth lay above it in 2.3 % to 2.9 %, as a verdict needs; below it,
    where few texts go wrong, in up to 9 %.
    """
    agreeing, of = counts.sum(0)
    share = float(agreeing / of)
    spread = float(np.square(counts[:, 0] - share * counts[:, 1]).sum()) / of**2
    trials = share * (1 - share) / spread if spread > 0 else of
    return wilson(share, float(trials))


def wilson(share: float, trials: float) -> Interval:
    """Wilson's 95 % interval of a share of so many trials. A share below 1 has one that ends below 1."""
    square = Z95**2 / trials
    middle = share + square / 2
    half = Z95 * float(np.sqrt(max(share * (1 - share), 0.0) / trials + square / (4 * trials)))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return (max(low, 0.0) if share > 0 else 0.0, min(high, 1.0) if share < 1 else 1.0)


def _same(left: Sequence[Hashable], right: Sequence[Hashable]) -> Array:
    return np.array([(a == b, 1) for a, b in zip(left, right, strict=True)], float).reshape(-1, 2)


def _entities(left: Sequence[Hashable], right: Sequence[Hashable]) -> Array:
    """Entities that both have, of the mean of both numbers: the sums' quotient is F1, the same from either side."""
    rows = [(len(a & b), (len(a) + len(b)) / 2) for a, b in zip(_sets(left), _sets(right), strict=True)]
    return np.array(rows, float).reshape(-1, 2)


def _sets(rows: Sequence[Hashable]) -> list[set[Hashable]]:
    return [set(row) if isinstance(row, tuple) else set() for row in rows]


def _answers(left: Sequence[Hashable], right: Sequence[Hashable]) -> Array:
    """F1 of the tokens of two answers, each a first and a last one: SQuAD's, over places instead of words.

    NO_ANSWER is right only where the other side has none (SQuAD 2.0).
    """
    return np.array([(_overlap(a, b), 1) for a, b in zip(left, right, strict=True)], float).reshape(-1, 2)


def _overlap(left: Hashable, right: Hashable) -> float:
    if not isinstance(left, tuple) or not isinstance(right, tuple) or NO_ANSWER in (left, right):
        return float(left == right)
    shared: int = max(0, min(left[1], right[1]) - max(left[0], right[0]) + 1)
    tokens: int = left[1] - left[0] + right[1] - right[0] + 2
    return 2 * shared / tokens


def _first_tokens(left: Sequence[Hashable], right: Sequence[Hashable]) -> Array:
    """Masks of each row with the same best token, of its masks."""
    pairs = [
        (a, b) if isinstance(a, tuple) and isinstance(b, tuple) else ((), ()) for a, b in zip(left, right, strict=True)
    ]
    rows = [(sum(x[0] == y[0] for x, y in zip(a, b, strict=True)), len(a)) for a, b in pairs]
    return np.array(rows, float).reshape(-1, 2)


_NO_ENTITY = "PyTorch finds no entity in {texts} texts, and the bundle none: nothing was compared of what a user sees"

AGREEMENT: Mapping[str, Statistic] = {
    "single_label_classification": Statistic("same label", _same),
    "next_sentence": Statistic("same label", _same),
    "multiple_choice": Statistic("same choice", _same),
    "multi_label_classification": Statistic("same labels", _same),
    "token_classification": Statistic("entity F1", _entities, _NO_ENTITY),
    "question_answering": Statistic("answer F1", _answers),
    "fill_mask": Statistic("top-1", _first_tokens, "no text of {texts} has a mask: nothing was compared"),
}
"""Problem → what a budget's `min_agreement` is a share of.

| problem | statistic | of |
| --- | --- | --- |
| one label, next sentence, multiple choice | same answer | texts, pairs, questions |
| several labels | all labels the same | texts |
| token classification | F1 of whole entities (CoNLL's) | entities, in texts |
| question answering | F1 of the answer's tokens (SQuAD's) | questions |
| fill-mask | same best token | masks, in texts |

A run fails where the whole interval lies below the budget. Regression and embeddings have numbers instead.
"""
