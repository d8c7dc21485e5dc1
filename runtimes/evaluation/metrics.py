"""The metrics of each problem, from the libraries that its field uses.

Every problem also says what one row adds to its first figure (`*_parts`, [N, k]), and how that figure comes of the
means (`*_value`): that is what intervals are made from.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from runtimes.runner import Array

Tags = list[list[str]]


@dataclass(frozen=True)
class Scores:
    """Figures by name, the one that decides first; and F1 by label or entity."""

    figures: dict[str, float]
    per_class: dict[str, float] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The name of the figure that decides."""
        return next(iter(self.figures))


def single_label(golds: Sequence[int], answers: Sequence[int], labels: Sequence[str]) -> Scores:
    """Accuracy, F1 over the labels that the data has, Matthews' correlation (GLUE's figures; 0 where all is one)."""
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    present, varied = sorted(set(golds)), len({*golds, *answers}) > 1
    f1 = f1_score(golds, answers, labels=present, average=None, zero_division=0)
    figures = {
        "accuracy": float(accuracy_score(golds, answers)),
        "f1_macro": float(np.mean(f1)),
        "matthews": float(matthews_corrcoef(golds, answers)) if varied else 0.0,
    }
    return Scores(figures, {labels[at]: float(value) for at, value in zip(present, f1, strict=True)})


def single_label_parts(golds: Sequence[int], answers: Sequence[int], _labels: Sequence[str]) -> Array:
    """1 where the row is right: [N, 1]."""
    return np.equal(golds, answers).astype(float)[:, None]


def multi_label(golds: Sequence[list[int]], answers: Sequence[list[int]], labels: Sequence[str]) -> Scores:
    """F1 over all decisions, over labels, and the share of rows with exactly the right labels."""
    right, found = (_indicators(rows, len(labels)) for rows in (golds, answers))
    # not scikit-learn's f1_score, which takes one column for a choice of two classes
    parts = np.stack([right & found, found, right], -1).astype(float)  # [N, K, 3]
    f1, present = f1_value(parts.mean(0)), np.asarray(right.any(0))
    figures = {
        "f1_micro": float(f1_value(parts.mean((0, 1)))),
        "f1_macro": float(np.mean(f1[present])) if present.any() else 0.0,
        "exact_match": float((right == found).all(-1).mean()),
    }
    return Scores(figures, {label: float(f1[at]) for at, label in enumerate(labels) if present[at]})


def multi_label_parts(golds: Sequence[list[int]], answers: Sequence[list[int]], _labels: Sequence[str]) -> Array:
    """Labels right, found, and there: [N, 3]."""
    rows = [(len({*gold} & {*found}), len(found), len(gold)) for gold, found in zip(golds, answers, strict=True)]
    return np.array(rows, float)


def f1_value(means: Array) -> Array:
    """2·right / (found + there) of [..., 3]; 0 where there is nothing to find, as scikit-learn and seqeval have it."""
    total = means[..., 1] + means[..., 2]
    return np.asarray(np.where(total > 0, 2 * means[..., 0] / np.maximum(total, 1e-300), 0.0))


def regression(golds: Sequence[float], answers: Sequence[float], _labels: Sequence[str]) -> Scores:
    """Pearson's and Spearman's correlations (GLUE's STS-B) and the mean error; 0 where one side is constant."""
    from scipy.stats import pearsonr, spearmanr

    varied = len(set(golds)) > 1 and len(set(answers)) > 1
    return Scores(
        {
            "pearson": float(pearsonr(golds, answers).statistic) if varied else 0.0,
            "spearman": float(spearmanr(golds, answers).statistic) if varied else 0.0,
            "mean_absolute_error": float(np.abs(np.array(golds) - np.array(answers)).mean()),
        }
    )


def regression_parts(golds: Sequence[float], answers: Sequence[float], _labels: Sequence[str]) -> Array:
    """x, y, x², y², x·y around the means of all rows: [N, 5]."""
    x, y = (np.array(values, float) - np.mean(values) for values in (golds, answers))
    return np.stack([x, y, x * x, y * y, x * y], -1)


def pearson_value(means: Array) -> Array:
    """Pearson's r of [..., 5]; 0 where one side is constant."""
    x, y, xx, yy, xy = np.moveaxis(means, -1, 0)
    spread = np.sqrt(np.maximum(xx - x * x, 0) * np.maximum(yy - y * y, 0))
    return np.asarray(np.where(spread > 0, (xy - x * y) / np.maximum(spread, 1e-300), 0.0))


def entities(golds: Tags, answers: Tags) -> Scores:
    """F1, precision and recall of whole entities (CoNLL's, by seqeval), and the share of right tags."""
    from seqeval.metrics import accuracy_score, classification_report

    report = classification_report(golds, answers, output_dict=True, zero_division=0)
    whole = report.pop("micro avg")
    figures = {"f1": whole["f1-score"], "precision": whole["precision"], "recall": whole["recall"]}
    figures["accuracy"] = accuracy_score(golds, answers)
    kinds = {name: float(row["f1-score"]) for name, row in report.items() if not name.endswith(" avg")}
    return Scores({name: float(value) for name, value in figures.items()}, kinds)


def entities_parts(golds: Tags, answers: Tags) -> Array:
    """Entities right, found, and there: [N, 3]."""
    from seqeval.metrics.sequence_labeling import get_entities

    pairs = [({*get_entities(gold)}, {*get_entities(found)}) for gold, found in zip(golds, answers, strict=True)]
    return np.array([(len(gold & found), len(found), len(gold)) for gold, found in pairs], float)


def tags(golds: Tags, answers: Tags) -> Scores:
    """Share of right tags, and F1 over the tags that the data has: for tags that make no entities, parts of speech."""
    from sklearn.metrics import f1_score

    right, found = ([tag for row in rows for tag in row] for rows in (golds, answers))
    present = sorted(set(right))
    f1 = f1_score(right, found, labels=present, average=None, zero_division=0)
    accuracy = float(np.mean([a == b for a, b in zip(right, found, strict=True)]))
    return Scores(
        {"accuracy": accuracy, "f1_macro": float(np.mean(f1))}, dict(zip(present, map(float, f1), strict=True))
    )


def tags_parts(golds: Tags, answers: Tags) -> Array:
    """Tags right, and tags: [N, 2]."""
    pairs = zip(golds, answers, strict=True)
    return np.array([(sum(map(str.__eq__, gold, found)), len(gold)) for gold, found in pairs], float)


def share_value(means: Array) -> Array:
    """The first over the second of [..., 2]."""
    return np.asarray(means[..., 0] / np.maximum(means[..., 1], 1e-300))


def mean_value(means: Array) -> Array:
    """The one number of [..., 1]."""
    return np.asarray(means[..., 0])


def answers(golds: Sequence[list[str]], found: Sequence[str], _labels: Sequence[str]) -> Scores:
    """SQuAD's F1 over words and exact match, each the best over the right answers (Rajpurkar et al. 2016)."""
    exact = [
        max(float(_words(gold) == _words(text)) for gold in right) for right, text in zip(golds, found, strict=True)
    ]
    return Scores({"f1": float(answers_parts(golds, found).mean()), "exact_match": float(np.mean(exact))})


def answers_parts(golds: Sequence[list[str]], found: Sequence[str], _labels: Sequence[str] = ()) -> Array:
    """F1 of each row: [N, 1]."""
    rows = [max(_overlap(gold, text) for gold in right) for right, text in zip(golds, found, strict=True)]
    return np.array(rows, float)[:, None]


def _words(text: str) -> list[str]:
    """SQuAD's normalisation: lower case, no punctuation, no articles (its evaluate-v1.1.py and v2.0)."""
    plain = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def _overlap(gold: str, text: str) -> float:
    right, found = _words(gold), _words(text)
    if not right or not found:
        return float(right == found)  # v2.0: no answer is right only where there is none
    same = (Counter(right) & Counter(found)).total()
    return 2 * same / (len(right) + len(found))


def _indicators(rows: Sequence[list[int]], labels: int) -> Array:
    made = np.zeros((len(rows), labels), int)
    for row, numbers in zip(made, rows, strict=True):
        row[numbers] = 1
    return made
