"""Which `--quantize` schemes each target has, and what error each may cost.

What a scheme means is said beside its target (`targets/onnx_schemes.py`, `targets/coreml_schemes.py`). The budgets are
set from what was measured on the demo checkpoint, with room for models that are less well behaved: see README,
"How parity works". They are never widened to make a run pass; `--atol` and friends put others in their place for one
run, and the manifest records what was used. The cosines were measured on all-MiniLM-L6-v2, 1,000 sentences in ONNX and
96 simulated in Core ML (`artifacts/embeddings.json`): a budget allows about twice the least one's distance from 1, and
where none was measured yet there is none. What a scheme may cost an embedding is not what a search can bear: `w8a8`
(0.962), `pq` (0.968), `int4` (0.951) and `palettize4` (0.868) move a real model's sentences visibly. ONNX `pq` with
4 numbers in a byte keeps 0.95, with 8 it keeps 0.77, too little to search by: its budget lies between.
"""

from dataclasses import replace

from runtimes.bundle.manifest import Budget
from runtimes.errors import UsageError

SCHEMES = {
    "onnx": {
        "none": Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
        "fp16": Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999),
        "int8": Budget(max_relative=0.10, min_agreement=0.97, min_cosine=0.998),
        "int8-weights": Budget(max_relative=0.03, min_agreement=0.98, min_cosine=0.998),
        "int4-embeddings": Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
        "pq": Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
    },
    "coreml": {
        "none": Budget(max_absolute=1e-4, min_agreement=1.0, min_cosine=0.99999),
        "fp16": Budget(max_relative=0.01, min_agreement=0.99, min_cosine=0.9999),
        "int8": Budget(max_relative=0.05, min_agreement=0.98, min_cosine=0.998),
        "w8a8": Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.92),
        "int4-embeddings": Budget(max_relative=0.20, min_agreement=0.95, min_cosine=0.99),
        "int4": Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.90),
        "pq": Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.93),
        "palettize6": Budget(max_relative=0.10, min_agreement=0.96, min_cosine=0.99),
        "palettize4": Budget(max_relative=0.25, min_agreement=0.92, min_cosine=0.74),
    },
}
"""Target → scheme → budget."""


FINETUNED = {"onnx": SCHEMES["onnx"]["int8"], "coreml": SCHEMES["coreml"]["int8"]}
"""Target → how far a fine-tuned bundle may be from its own weights in PyTorch: the table is exact, the rest int8."""


DEEP_LAYERS, DEEP_RELATIVE = 12, 1e-3
"""From so many layers on, float32 itself is held to a share of the logit range: sums in another order add up."""


def for_depth(budget: Budget, layers: int) -> Budget:
    """Return the budget of a model of so many layers; only absolute limits depend on that."""
    if budget.max_absolute is None or layers < DEEP_LAYERS:
        return budget
    return replace(budget, max_absolute=None, max_relative=DEEP_RELATIVE)


def find_budget(target: str, scheme: str) -> Budget:
    """Return the budget of `scheme` on `target`. Raises UsageError with the list of what that target has."""
    if target not in SCHEMES:
        raise UsageError(f"--target {target}: unknown; known: {', '.join(SCHEMES)}")
    if scheme not in SCHEMES[target]:
        raise UsageError(f"--quantize {scheme}: unknown to {target}; it has {', '.join(SCHEMES[target])}")
    return SCHEMES[target][scheme]
