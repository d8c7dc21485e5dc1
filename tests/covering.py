"""Covering designs: of a full product the few combinations in which every pair of values stands; the others are slow.

What breaks one value breaks it wherever it stands, and what breaks two together breaks wherever these two meet (Kuhn,
Wallace and Gallo 2004: such are nearly all faults of software). So the quick tests hold every pair that is named, and
`make test-all` holds the product.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import Any

import pytest

Row = tuple[Hashable, ...]
Columns = tuple[int, ...]
"""Two, or more that count together."""


def every_pair(rows: Sequence[Row]) -> list[Columns]:
    """Any two columns."""
    return list(combinations(range(len(rows[0])), 2))


def cover(
    rows: Sequence[Row], pairs: Iterable[Columns] | None = None, cost: Callable[[Row], float] = lambda _: 1.0
) -> list[Row]:
    """Of `rows` some in which all values of `pairs` stand together that do so in `rows`; in their order.

    `pairs`: columns, each two of them by default. `cost`: what one row takes, beside others. Each time the row is taken
    that brings most for its cost, the first of several.
    """
    columns = every_pair(rows) if pairs is None else list(pairs)
    wanted = [pairs_of(row, columns) for row in rows]
    missing, chosen = set().union(*wanted), set[int]()
    queue = [(-len(one) / cost(row), at) for at, (row, one) in enumerate(zip(rows, wanted, strict=True))]
    heapify(queue)
    while missing:
        _, at = heappop(queue)
        found = -len(wanted[at] & missing) / cost(rows[at])  # what a row brings becomes less, and never more
        if queue and queue[0] < (found, at):
            heappush(queue, (found, at))
        else:
            chosen.add(at)
            missing -= wanted[at]
    return [rows[at] for at in sorted(chosen)]


def pairs_of(row: Row, columns: Iterable[Columns]) -> set[tuple[Columns, Row]]:
    """What a row covers."""
    return {(one, tuple(row[at] for at in one)) for one in columns}


def marked(rows: Iterable[Row], quick: Collection[Row]) -> list[Any]:
    """Parameters of all rows; those beside the quick ones are slow."""
    return [pytest.param(*row, marks=() if row in quick else pytest.mark.slow) for row in rows]
