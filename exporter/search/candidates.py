"""Candidates of a search: their figures, which are dominated, and the order they are taken in."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.compression.product_quantization import DIMENSIONS
from runtimes.bundle.manifest import Recipe

_TIE = 1.01
"""Sizes within 1 % are one size: then the faster is taken."""


@dataclass(frozen=True)
class Candidate:
    """One bundle that was tried. Points are hundredths of the metric, positive where it loses.

    `pytorch` and `exported` are the metric's values over the rows that decide, on the same input.
    `drop_points` and its 95 % interval are over the rows that decide, `held_out_points` over those kept back, if any.
    `latency_s` holds every run; empty where the target has no times here. `tried_s` is what trying it took.
    """

    recipe: Recipe
    size_bytes: int
    metric: str
    pytorch: float
    exported: float
    drop_points: float
    interval_points: tuple[float, float]
    held_out_points: float | None
    tried_s: float
    latency_s: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Its scheme, what is varied of it, and what is kept out of it."""
        recipe = self.recipe
        varied = [f"{recipe.pq_dims} dims"] if recipe.pq_dims not in (None, DIMENSIONS[0]) else []
        varied += [f"{recipe.vocabulary_size:,} tokens"] if recipe.vocabulary_size else []
        varied += ["fine-tuned"] if recipe.finetuned_sha256 else []
        kept = f" but {', '.join(recipe.keep)}" if recipe.keep else ""
        return f"{', '.join([recipe.name, *varied])}{kept}"

    @property
    def median_s(self) -> float | None:
        """The middle latency; None without times."""
        return median(self.latency_s) if self.latency_s else None


def dominated(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    """Whether another of its target is as small, as good and as fast, and better in one of them."""
    mine = _costs(candidate)
    rivals = [_costs(other) for other in others if other.recipe.target == candidate.recipe.target]
    return any(theirs != mine and all(a <= b for a, b in zip(theirs, mine, strict=True)) for theirs in rivals)


def in_order(candidates: Sequence[Candidate], max_drop_points: float) -> list[Candidate]:
    """Those within the budget, the one to take first: the smallest, and of sizes within 1 % the fastest."""
    left, ordered = [one for one in candidates if one.drop_points <= max_drop_points], []
    while left:
        smallest = min(one.size_bytes for one in left)
        tied = [one for one in left if one.size_bytes <= smallest * _TIE]
        best = min(tied, key=lambda one: (one.median_s or 0.0, one.size_bytes))
        ordered.append(best)
        left.remove(best)
    return ordered


def _costs(candidate: Candidate) -> tuple[float, float, float]:
    return candidate.size_bytes, candidate.drop_points, candidate.median_s or 0.0
