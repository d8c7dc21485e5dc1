"""Outputs of a model for encoded rows: in batches of like length, so that little padding is computed."""

from collections.abc import Callable, Sequence

import numpy as np

from exporter.errors import BundleError
from runtimes.battery import Encoder, Row
from runtimes.evaluation.examples import Encoded
from runtimes.runner import Outputs, Runner

_ROWS, _TOKENS = 32, 4096
"""Of a batch, at most; more rows gain nothing on a CPU."""
_REPORTS, _ROWS_WORTH_REPORTS = 5, 1000
_Key = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids and segment numbers."""


def predict(
    runner: Runner,
    encoder: Encoder,
    encoded: Sequence[Encoded],
    per_token: frozenset[str],
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Outputs]:
    """The outputs of each row, in order; those of `per_token` cut to its tokens, [S, …]. Equal rows run once.

    Raises BundleError for NaN or infinity: an argmax over them would be an answer like any other.
    """
    keys = [(one.ids, one.types) for one in encoded]
    distinct = sorted({*keys}, key=lambda key: (len(key[0]), key))
    found: dict[_Key, Outputs] = {}
    said = 0
    for batch in _batches(distinct):
        rows: list[Row] = [(list(ids), list(types)) for ids, types in batch]
        outputs = runner.run(encoder.batch(rows))
        for at, key in enumerate(batch):
            found[key] = {
                name: values[at, : len(key[0])] if name in per_token else values[at] for name, values in outputs.items()
            }
            if not all(np.isfinite(values).all() for values in found[key].values()):
                raise BundleError(f"{runner.status.value}: NaN or infinity in the outputs; see `bertport verify`")
        if len(found) * _REPORTS // len(distinct) > said and len(distinct) >= _ROWS_WORTH_REPORTS:
            said = len(found) * _REPORTS // len(distinct)
            progress(len(found), len(distinct))
    return [found[key] for key in keys]


def _batches(keys: Sequence[_Key]) -> list[list[_Key]]:
    """Neighbours of a list that is sorted by length; each batch within both limits."""
    batches: list[list[_Key]] = []
    for key in keys:
        if not batches or len(batches[-1]) >= _ROWS or len(key[0]) * (len(batches[-1]) + 1) > _TOKENS:
            batches.append([])
        batches[-1].append(key)
    return batches
