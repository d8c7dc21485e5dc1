"""Product quantization of embedding tables (Jégou, Douze & Schmid 2011).

A row of H numbers is H / d sub-vectors; each place in a row has a codebook of 256 sub-vectors of d numbers,
and a row is then H / d bytes. The codebooks are k-means centroids of what stands at that place. A small table has one
codebook for all places.
"""

import math
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from exporter.compression.integer_rounding import int8
from exporter.model.ops import Array
from runtimes.errors import UnsupportedError
from runtimes.process.blas_lock import BLAS_LIMIT
from runtimes.process.threads import BLAS_THREADS

ENTRIES = 256
DIMENSIONS = (4, 8)
_ROUNDS, _SEED = 25, 0


@dataclass(frozen=True)
class ProductCodes:
    """`codes` uint8 [rows, H / d] into `codebook` float32 [H / d, 256, d], or [1, 256, d] for all places."""

    codes: Array
    codebook: Array

    @property
    def restored(self) -> Array:
        """The table that the codes stand for, float32 [rows, H]."""
        places = np.arange(self.codes.shape[1]) % len(self.codebook)
        return np.ascontiguousarray(self.codebook[places, self.codes].reshape(len(self.codes), -1))


def check_divisible(hidden: int, dimensions: int) -> None:
    """Raise UnsupportedError for a row that sub-vectors of `dimensions` do not fill."""
    if hidden % dimensions:
        fitting = " or ".join(str(d) for d in DIMENSIONS if hidden % d == 0)
        advice = f"pass --pq-dims {fitting}" if fitting else "pass another --quantize"
        raise UnsupportedError(f"--pq-dims {dimensions}: does not divide the table's width {hidden}; {advice}")


def product_quantise(
    table: Array, dimensions: int = 4, importance: Array | None = None, narrow: bool = False
) -> ProductCodes:
    """`table` float32 [rows, H] → codes and codebooks, the same every time; H a multiple of `dimensions`.

    The codebooks are as they will be stored: float16, or `narrow` int8 with one scale for all of them.

    `importance` [rows] weighs the rows' errors, as in a weighted mean: √ of how often a token occurs is between
    treating all alike, which spends the codebooks on tokens no text has, and frequency itself, which forgets the rare.
    """
    places = table.reshape(len(table), -1, dimensions).swapaxes(0, 1)  # [H / d, rows, d]
    weights = np.ones(len(table)) if importance is None else importance
    with _quiet_blas(), ThreadPoolExecutor(2, initializer=_one_thread) as pool:
        entries = list(pool.map(partial(_cluster, weights=weights), places))
        codebook = stored_codebooks(_padded(entries), narrow)
        # Nearest by the codebooks as they are stored, and not as k-means last saw them.
        used = [own[: len(found)] for own, found in zip(codebook, entries, strict=True)]
        codes = np.stack(list(pool.map(_nearest, places, used)), 1)
    return ProductCodes(codes, codebook)


def shared_quantise(table: Array) -> ProductCodes:
    """`table` float32 [rows, H] → codes [rows, H / d] into one codebook [1, 256, d] for all places.

    d is `shared_width`. What of the codebook is not needed repeats its first entry, and is no nearer to anything.
    """
    width = shared_width(table.shape[1])
    found = product_quantise(np.ascontiguousarray(table).reshape(-1, width), width)
    found.codebook[0, int(found.codes.max()) + 1 :] = found.codebook[0, 0]
    return ProductCodes(found.codes.reshape(len(table), -1), found.codebook)


def shared_width(hidden: int) -> int:
    """Numbers of a sub-vector of `shared_quantise`: 4, or the most below that divides a row of `hidden`.

    With 8 the demo's positions lose 22 % of their squares, with 4 they lose 10 %.
    """
    return math.gcd(hidden, DIMENSIONS[0])


def stored_codebooks(codebook: Array, narrow: bool) -> Array:
    """Codebooks float32 [places, entries, d] as a file holds them: float16, or `narrow` int8 times one scale."""
    if not narrow:
        return codebook.astype(np.float16).astype(np.float32)
    q, scale = int8_codebooks(codebook)
    return q * scale.astype(np.float32)


def int8_codebooks(codebook: Array) -> tuple[Array, Array]:
    """`codebook` [places, entries, d] ≈ q · scale: int8, and float16 [1, 1], the largest of all over 127."""
    q, scale = int8(codebook.reshape(1, -1), np.float16)
    return q.reshape(codebook.shape), scale


@contextmanager
def _quiet_blas() -> Iterator[None]:
    """One thread of every BLAS, scipy's too, and no word of k-means that is stopped before it ends.

    Filters of warnings are the process's as well: tables take turns.
    """
    from sklearn.exceptions import ConvergenceWarning  # here: a second that no other scheme need pay
    from threadpoolctl import threadpool_limits

    with BLAS_LIMIT, threadpool_limits(BLAS_THREADS, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _one_thread() -> None:
    """One thread for each codebook: k-means of several adds its sums in the order that they come.

    OpenMP's limit is the calling thread's own, so that it is set in each thread that clusters, and goes with it.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(BLAS_THREADS, user_api="openmp")


def _cluster(points: Array, weights: Array) -> Array:
    """Points [rows, d] → the entries of their codebook [256 at most, d]: all that are distinct, if they are so few."""
    distinct = np.unique(
        points.astype(np.float16), axis=0
    )  # coded once and folded since: 1e-8 off, and no more of them
    return distinct.astype(np.float32) if len(distinct) <= ENTRIES else _means(points, weights)


def _padded(entries: Sequence[Array]) -> Array:
    """Codebooks [places, 256, d]; what of one is not needed is zeros."""
    codebook = np.zeros((len(entries), ENTRIES, entries[0].shape[1]), np.float32)
    for own, found in zip(codebook, entries, strict=True):
        own[: len(found)] = found
    return codebook


def _means(points: Array, weights: Array) -> Array:
    """The 256 entries with nearly the least weighted error: Lloyd's rounds (1982) while they gain much."""
    from sklearn.cluster import KMeans

    means = KMeans(ENTRIES, init="random", n_init=1, max_iter=_ROUNDS, tol=0.0, random_state=_SEED)
    means.fit(np.ascontiguousarray(points), sample_weight=weights)
    return np.asarray(means.cluster_centers_)


def _nearest(points: Array, codebook: Array) -> Array:
    """Index of the nearest entry of each point, uint8 [rows]; the first of several that are as near."""
    squares = np.square(codebook).sum(-1) / 2
    return np.asarray(np.argmax(points @ codebook.T - squares, axis=-1), np.uint8)
