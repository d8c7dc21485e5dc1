"""Which rows decide a search, and which tell afterwards what its choice is worth."""

import numpy as np

from exporter.search.trials import _SPLIT_SEED, _split


def test_documents_of_one_query_are_held_out_together():
    groups = [0, 0, 1, 1, 1, 2, 3, 3, 1]
    deciding, held = _split(groups, 0.5)
    assert sorted([*deciding, *held]) == list(range(len(groups)))
    assert (deciding, held) == (sorted(deciding), sorted(held))
    assert not {groups[at] for at in deciding} & {groups[at] for at in held}
    assert len({groups[at] for at in held}) == 2


def test_rows_that_stand_alone_are_drawn_one_by_one():
    deciding, held = _split(range(10), 0.3)
    assert held == sorted(np.random.default_rng(_SPLIT_SEED).permutation(10)[:3].tolist())
    assert len(deciding) == 7
    assert _split(range(10), 0.0) == (list(range(10)), [])
