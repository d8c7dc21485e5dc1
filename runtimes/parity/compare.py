"""Comparing two sets of outputs: reference and candidate → figures and a verdict, in numpy.

A comparison that compared nothing, a missing output, a shape that differs, NaN: each is a failure, never a pass.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from runtimes.bundle.manifest import Budget
from runtimes.parity.agreement import AGREEMENT, measure_agreement
from runtimes.parity.answers import NUMBERS, PROBLEMS, cosine, degenerate, degenerate_vectors, has_direction
from runtimes.parity.cases import Case
from runtimes.parity.judgement import NUMBERS_OF_BUDGETS, Float64, apart, beyond, float32_decides, largest, near
from runtimes.parity.shown import best_label
from runtimes.parity.ties import settled
from runtimes.runner import Array, Outputs, Status

Exact = Callable[[], Sequence[Outputs]]
"""PyTorch's outputs of every case in float64, made when they are asked for."""
GENERATED = 0.5
"""How much a relative difference of generated rows counts. Budgets of schemes that round were measured on real text;
words in no order round worse (tokens of all-MiniLM-L6-v2 in int8-weights: 3.6 % of the range). They are there
for faults of single rows, which the audit sees too; what is held absolutely, float32, is held in full."""
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.9, 0.99)


class Verdict(Enum):
    """What a parity run found."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Parity:
    """Figures over all rows of all cases; differences in logits.

    `agreement` is over the real texts, each once: how much of what a user sees is the same, as
    `runtimes.parity.agreement` counts it. `seen` are the figures of what he sees, by their names: same label, entity
    F1, top-5, least cosine. `absolute_quantiles` maps each of QUANTILES, as text, to the difference that this share of
    all numbers keeps within. `coverage` counts what was read of the saved files (`audited_…`) and what the texts
    exercised (`exercised_…`). `agreement_interval` is where the agreement lies with 95 % confidence. `min_cosine` is
    None where a direction means nothing: of a few logits, or an amount.
    """

    verdict: Verdict
    status: str
    rows: int = 0
    max_absolute: float = 0.0
    mean_absolute: float = 0.0
    logit_range: float = 0.0
    max_relative: float = 0.0
    min_cosine: float | None = None
    agreement: float | None = None
    seen: Mapping[str, float] = field(default_factory=dict)
    padding_max_absolute: float = 0.0
    worst_case: str = ""
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    note: str = ""
    absolute_quantiles: Mapping[str, float] = field(default_factory=dict)
    coverage: Mapping[str, int] = field(default_factory=dict)
    agreement_interval: tuple[float, float] | None = None


def not_run(reason: str) -> Parity:
    """Build the parity of an export that was not checked."""
    return Parity(Verdict.NOT_RUN, Status.NOT_RUN.value, note=reason)


@dataclass(frozen=True)
class Subject:
    """What is compared: the outputs (name → whether it has an entry for each token), what they decide, the budget.

    Of outputs for each token, those of padding are nobody's business and are left out. `labels` in the order of the
    logits.
    """

    outputs: Mapping[str, bool]
    problem: str
    budget: Budget
    status: Status
    labels: tuple[str, ...] = ()


def compare(
    cases: Sequence[Case],
    reference: Sequence[Outputs],
    candidate: Sequence[Outputs],
    subject: Subject,
    exact: Exact | None = None,
) -> Parity:
    """Compare the outputs of every case, in order.

    `exact` gives PyTorch's outputs in float64; it is asked where the outputs are so large that float32's own steps
    would break the budget.
    """
    broken = _incomparable(cases, reference, candidate, tuple(subject.outputs))
    if broken:
        return Parity(Verdict.FAIL, subject.status.value, failures=tuple(broken))
    settle = [
        settled(subject.problem, case, left, right) if case.real_text else left
        for case, left, right in zip(cases, reference, candidate, strict=True)
    ]
    sides = _Side(cases, reference, subject, settle), _Side(cases, candidate, subject)
    figures = _figures(cases, sides[0], sides[1], subject.problem)
    failures, warnings = _judged(cases, sides, figures, subject, exact)
    verdict = Verdict.FAIL if failures else Verdict.PASS
    warnings += degenerate(sides[0].answers, subject.problem)
    warnings += degenerate_vectors(sides[0].vectors, subject.problem)
    return Parity(verdict, subject.status.value, **figures, failures=tuple(failures), warnings=tuple(warnings))


def _judged(
    cases: Sequence[Case],
    sides: "tuple[_Side, _Side]",
    figures: dict[str, Any],
    subject: Subject,
    exact: Exact | None,
) -> tuple[list[str], list[str]]:
    """What is beyond the budget, and what must be said of what is not."""
    failures, warnings = beyond(figures, subject.budget), near(figures, subject.budget)
    if figures["agreement"] is None and subject.problem in AGREEMENT:
        warnings.append(AGREEMENT[subject.problem].nothing.format(texts=len(sides[0].decisions)))
    size = largest(sides[0].rows)
    if exact is None or not failures or not float32_decides(figures, size, subject.budget):
        return failures, warnings
    true = _Side(cases, exact(), subject).rows
    found = Float64(apart(sides[0].rows, true), apart(sides[1].rows, true), _padding(cases, true, sides[1].rows), size)
    numbers = [text for text in failures if text.startswith(NUMBERS_OF_BUDGETS)]
    return [text for text in failures if not (found.holds and text in numbers)], [*warnings, found.told]


class _Side:
    """One side's outputs: of every row of every case a vector of what counts, and of real texts what is decided.

    `settle` are the outputs by which it decides, where those are not its own.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        outputs: Sequence[Outputs],
        subject: Subject,
        settle: Sequence[Outputs] | None = None,
    ) -> None:
        labels = subject.labels
        self.rows = [_vectors(case, found, subject) for case, found in zip(cases, outputs, strict=True)]
        self.vectors = [row for case, rows in zip(cases, self.rows, strict=True) if case.real_text for row in rows]
        kind = PROBLEMS.get(subject.problem)
        decide, answer = (kind.decide, kind.answers or kind.decide) if kind else (_nothing, _nothing)
        self.decisions = [row for case, found in _real(cases, settle or outputs) for row in decide(found, case, labels)]
        self.answers = [row for case, found in _real(cases, outputs) for row in answer(found, case, labels)]


def _real(cases: Sequence[Case], outputs: Sequence[Outputs]) -> list[tuple[Case, Outputs]]:
    return [(case, found) for case, found in zip(cases, outputs, strict=True) if case.real_text]


def _nothing(_outputs: Outputs, _case: Case, _labels: tuple[str, ...]) -> list[Hashable]:
    return []


def _vectors(case: Case, outputs: Outputs, subject: Subject) -> list[Array]:
    """The numbers of each row, one after the other, in float64."""
    seen = case.kept
    rows: list[list[Array]] = [[] for _ in seen]
    for name, per_token in subject.outputs.items():
        for row, values, tokens in zip(rows, outputs[name].astype(np.float64), seen, strict=True):
            row.append((values[tokens] if per_token else values).ravel())
    return [np.concatenate(row) for row in rows]


def agreement(reference: Array, candidate: Array) -> float:
    """Share of rows with the same best label: logits [N, labels] each."""
    return float((best_label(reference) == best_label(candidate)).mean())


def _incomparable(
    cases: Sequence[Case], reference: Sequence[Outputs], candidate: Sequence[Outputs], names: tuple[str, ...]
) -> list[str]:
    if not cases or not names or not (len(cases) == len(reference) == len(candidate)):
        return [f"nothing to compare: {len(cases)} cases, {len(reference)} references, {len(candidate)} candidates"]
    if not any(case.real_text for case in cases):
        return ["nothing to compare: no real text among the cases"]
    problems = []
    for case, left, right in zip(cases, reference, candidate, strict=True):
        for name in names:
            found = _mismatch(name, len(case.batch.ids), left, right)
            problems += [f"{case.name}: {problem}" for problem in found]
    return problems[:5]


def _mismatch(name: str, rows: int, left: Outputs, right: Outputs) -> list[str]:
    problems = []
    for side, outputs in (("reference", left), ("candidate", right)):
        if name not in outputs:
            problems.append(f"the {side} has no {name}")
        elif not np.isfinite(outputs[name]).all():
            problems.append(f"the {side}'s {name} holds NaN or infinity")
    if name in left and name in right and left[name].shape != right[name].shape:
        problems.append(f"{name} is {left[name].shape} and {right[name].shape}")
    elif name in left and (left[name].size == 0 or len(left[name]) != rows):
        problems.append(f"{name} is {left[name].shape} for {rows} rows")
    return problems


def _figures(cases: Sequence[Case], reference: _Side, candidate: _Side, problem: str) -> dict[str, Any]:
    """All figures of all cases.

    What was generated stands for no text: its largest difference counts, as a share of the range that it reaches too,
    and by GENERATED. Shares of texts are of the texts' own range, which is the narrower: more rows are no reason to
    allow more.
    """
    pairs = [list(zip(*rows, strict=True)) for rows in zip(reference.rows, candidate.rows, strict=True)]
    differences = [np.concatenate([np.abs(a - b) for a, b in rows]) for rows in pairs]
    texts = [at for at, case in enumerate(cases) if not case.generated]
    flat = np.concatenate([differences[at] for at in texts])
    logit_range, reach = (_range(rows) for rows in ([reference.rows[at] for at in texts], reference.rows))
    cosines = (cosine(a, b) for at in texts for a, b in pairs[at] if has_direction(a, problem))
    most = max(float(one.max(initial=0)) for one in differences)
    return {
        "rows": sum(map(len, pairs)),
        "max_absolute": most,
        "mean_absolute": float(flat.mean()),
        "logit_range": logit_range,
        "max_relative": max(float(flat.max()) / max(logit_range, 1e-12), GENERATED * most / max(reach, 1e-12)),
        "min_cosine": min(cosines, default=None),
        **_seen(reference, candidate, problem),
        "padding_max_absolute": _padding(cases, reference.rows, candidate.rows),
        "absolute_quantiles": dict(zip(map(str, QUANTILES), np.quantile(flat, QUANTILES).tolist(), strict=True)),
        "worst_case": cases[int(np.argmax([d.max(initial=0) for d in differences]))].name,
    }


def _range(rows: Sequence[Sequence[Array]]) -> float:
    return float(np.ptp(np.concatenate([row for case in rows for row in case])))


def _seen(reference: _Side, candidate: _Side, problem: str) -> dict[str, Any]:
    """`agreement`, its interval, and `seen`, whose first figure is what the budget speaks of."""
    measured = measure_agreement(problem, reference.decisions, candidate.decisions)
    if measured is None:
        numbers = NUMBERS.get(problem)
        seen = numbers(reference.vectors, candidate.vectors) if numbers else {}
        return {"agreement": None, "agreement_interval": None, "seen": seen}
    seen = {} if measured.value is None else {measured.name: measured.value}
    others = PROBLEMS[problem].figures
    seen |= others(reference.decisions, candidate.decisions) if others else {}
    return {"agreement": measured.value, "agreement_interval": measured.interval, "seen": seen}


def _padding(cases: Sequence[Case], reference: Sequence[list[Array]], candidate: Sequence[list[Array]]) -> float:
    """Largest difference that padding alone makes in the candidate, beyond what it makes in the reference.

    In most models that is nothing; MobileBERT's trigrams read the first token of the padding after the text's last.
    """
    sides = zip(cases, reference, candidate, strict=True)
    error = {case.name: right[0] - left[0] for case, left, right in sides}
    changes = [np.abs(error[c.name] - error[c.padding_of]).max() for c in cases if c.padding_of]
    return float(max(changes, default=0.0))
