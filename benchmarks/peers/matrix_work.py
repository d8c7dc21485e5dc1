"""The matrix products that a classifier's logits cannot do without."""

from exporter.model.geometry import Geometry


def matrix_flop(geometry: Geometry, rows: int, tokens: int) -> int:
    """Floating-point operations of a batch: every layer for every token, but the last for the first token alone.

    A layer: four H×H products and two H×F ones a token, and S×S scores and sums over them. The last: scores and sums of
    the first token with every other, and the same products once. The pooler is one H×H product more; labels are few.
    """
    hidden, inner, layers = geometry.hidden, geometry.intermediate, geometry.layers
    dense = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    full = tokens * dense + 4 * tokens * tokens * hidden
    last = dense + 4 * tokens * geometry.heads * hidden + 2 * hidden * hidden
    return rows * ((layers - 1) * full + last)
