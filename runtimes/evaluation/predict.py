"""Outputs of a model for encoded rows, singly or in batches of like length.

A bundle answers rows one at a time, as it will in an app: where activations are rounded by the range of what is in the
batch, a row's answer depends on its neighbours.
"""

from collections.abc import Callable, Sequence

import numpy as np

from runtimes.errors import BundleError
from runtimes.evaluation.data.examples import Encoded
from runtimes.parity.cases import Encoder, Row
from runtimes.runner import Outputs, Runner

_TOKENS = 4096
"""Of a batch, at most; more gain nothing on a CPU."""
_Key = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids and segment numbers."""


def predict(
    runner: Runner,
    encoder: Encoder,
    encoded: Sequence[Encoded],
    per_token: frozenset[str],
    rows_at_once: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Outputs]:
    """The outputs of each row, in order; those of `per_token` sliced to its tokens, [S, …]. Equal rows run once.

    `progress` is called with how many different rows were run, and how many there are.

    Raises BundleError for NaN or infinity: an argmax over them would be an answer like any other.
    """
    keys = [(one.ids, one.types) for one in encoded]
    distinct = sorted({*keys}, key=lambda key: (len(key[0]), key))
    found: dict[_Key, Outputs] = {}
    for batch in _batches(distinct, rows_at_once):
        rows = [Row(list(ids), list(types), []) for ids, types in batch]
        outputs = runner.run(encoder.batch(rows))
        for at, key in enumerate(batch):
            found[key] = {
                name: values[at, : len(key[0])] if name in per_token else values[at] for name, values in outputs.items()
            }
            if not all(np.isfinite(values).all() for values in found[key].values()):
                raise BundleError(f"{runner.status.value}: NaN or infinity in the outputs; see `bertport verify`")
        progress(len(found), len(distinct))
    return [found[key] for key in keys]


def _batches(keys: Sequence[_Key], rows_at_once: int) -> list[list[_Key]]:
    """Neighbours of a list that is sorted by length; each batch within both limits."""
    batches: list[list[_Key]] = []
    for key in keys:
        if not batches or len(batches[-1]) >= rows_at_once or len(key[0]) * (len(batches[-1]) + 1) > _TOKENS:
            batches.append([])
        batches[-1].append(key)
    return batches
