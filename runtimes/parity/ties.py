"""Ties: decisions that float32 leaves open because the two best are a few rounding steps apart.

In what order a product is summed decides then, and no two libraries add in the same one.
"""

import numpy as np

from runtimes.parity.answers import answer_spans
from runtimes.parity.cases import Case
from runtimes.parity.shown import best_label, is_likely
from runtimes.runner import Array, Outputs

STEP = 2.0**-23
"""Of float32, relative."""
NOISE_STEPS = 16
"""Steps, at the size of the largest number beside it, by which sums in another order may differ: 2e-6 of 1."""

_LEAST = 1e-30
"""Of the noise: zeros are a tie too."""


def settled(problem: str, case: Case, reference: Outputs, candidate: Outputs) -> Outputs:
    """The reference's outputs, each tie in them decided as the candidate decides it; all that is no tie stays.

    `candidate` has the shapes of `reference`.
    """
    if problem == "question_answering":
        return _settled_spans(case, reference, candidate)
    if problem not in _BY_LOGITS or not reference["logits"].size:
        return reference
    logits = reference["logits"].astype(np.float64)
    noise = NOISE_STEPS * STEP * np.abs(logits).max(-1, keepdims=True) + _LEAST
    if problem == "multi_label_classification":
        either = np.where(is_likely(candidate["logits"]), noise, -noise)
        return reference | {"logits": np.where(np.abs(logits) <= noise, either, logits)}
    taken = best_label(candidate["logits"])[..., None]
    lifted = np.take_along_axis(logits, taken, -1) + noise
    np.put_along_axis(logits, taken, lifted, -1)
    return reference | {"logits": logits}


def _settled_spans(case: Case, reference: Outputs, candidate: Outputs) -> Outputs:
    """Both ends of the candidate's answer are lifted: its sum is the best where it was within the noise of it."""
    spans = answer_spans(candidate, case, ())
    sides: dict[str, Array] = {}
    for name, end in (("start_logits", 0), ("end_logits", 1)):
        values = reference[name].astype(np.float64)
        noise = NOISE_STEPS * STEP * np.abs(values).max(-1) + _LEAST
        for row, span in enumerate(spans):
            if isinstance(span, tuple):
                values[row, span[end]] += noise[row]
        sides[name] = values
    return reference | sides


_BY_LOGITS = {
    "single_label_classification",
    "next_sentence",
    "multiple_choice",
    "multi_label_classification",
    "token_classification",
    "fill_mask",
}
