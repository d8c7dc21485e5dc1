"""How well texts are ranked: nDCG and MRR of the first ten documents of each query.

Documents of one score stand in no order: both figures are then their mean over every order of these (McSherry and
Najork 2008, ECIR, "Computing information retrieval performance measures efficiently in the presence of tied scores"),
so that no figure depends on the order of the file, and a constant is worth what chance is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import comb

import numpy as np

from runtimes.errors import UsageError
from runtimes.evaluation.metrics import Scores
from runtimes.runner import Array

PLACES = 10
"""How many of the best documents count: the `at_k` of sentence-transformers' CrossEncoderRerankingEvaluator (6.2)."""
NDCG, MRR = f"ndcg@{PLACES}", f"mrr@{PLACES}"


@dataclass(frozen=True)
class Judged:
    """What is right of a row: its query, counted from 0 in the order of the file, and its document's relevance."""

    query: int
    relevance: float

    def __str__(self) -> str:
        return f"{self.relevance:g} for query {self.query + 1}"


def judge(queries: Sequence[str], relevances: Sequence[float]) -> list[Judged]:
    """Rows with equal queries belong together, wherever they stand."""
    numbers: dict[str, int] = {}
    return [Judged(numbers.setdefault(one, len(numbers)), rel) for one, rel in zip(queries, relevances, strict=True)]


def deciding(golds: Sequence[Judged]) -> tuple[list[int], str]:
    """Numbers of the rows whose query has documents of different relevance, and in words what is left out.

    All orders of equally relevant documents are as good: such a query would add the same to both sides and hide a loss.
    Raises UsageError where nothing is left.
    """
    found: dict[int, set[float]] = {}
    for gold in golds:
        found.setdefault(gold.query, set()).add(gold.relevance)
    varied = {query for query, relevances in found.items() if len(relevances) > 1}
    if not varied:
        raise UsageError(
            f"no query of {len(found):,} has documents of different relevance, so every order is as good; repeat a "
            "query for each of its documents, or export with --task text-classification, whose scores are correlated"
        )
    alike = len(found) - len(varied)
    left_out = f"; {alike:,} more have documents of one relevance alone, and are left out" if alike else ""
    rows = [at for at, gold in enumerate(golds) if gold.query in varied]
    return rows, f"{len(varied):,} queries{left_out}"


def ranking(golds: Sequence[Judged], answers: Sequence[float], labels: Sequence[str]) -> Scores:
    """Means over queries; what decides is nDCG."""
    return Scores({name: float(parts(golds, answers, labels).mean()) for name, parts in PARTS.items()})


def ndcg_parts(golds: Sequence[Judged], answers: Sequence[float], _labels: Sequence[str]) -> Array:
    """nDCG of each query, [Q, 1]: scikit-learn's, whose gain is the relevance itself (Järvelin and Kekäläinen 2002)."""
    from sklearn.metrics import ndcg_score

    rows = [ndcg_score([relevances], [scores], k=PLACES) for relevances, scores in _by_query(golds, answers)]
    return np.array(rows, float)[:, None]


def mrr_parts(golds: Sequence[Judged], answers: Sequence[float], _labels: Sequence[str]) -> Array:
    """Reciprocal rank of each query's first relevant document, [Q, 1]: one of a relevance above 0."""
    return np.array([reciprocal_rank(*one) for one in _by_query(golds, answers)], float)[:, None]


def reciprocal_rank(relevances: Sequence[float], scores: Sequence[float]) -> float:
    """1 / rank of the first relevant document; 0 where it is not among the first `PLACES`, or there is none.

    Of n tied documents, r of them relevant, the first relevant one is the j-th with a chance of
    C(n − j, r − 1) / C(n, r).
    """
    before = 0
    ranked = sorted(zip(scores, relevances, strict=True), key=lambda one: -one[0])
    for _, tied in groupby(ranked, key=lambda one: one[0]):
        found = [relevance > 0 for _, relevance in tied]
        size, relevant = len(found), sum(found)
        if relevant:
            places = range(1, min(size - relevant + 1, PLACES - before) + 1)
            ways = comb(size, relevant)
            return sum(comb(size - at, relevant - 1) / ways / (before + at) for at in places)
        before += size
    return 0.0


PARTS = {NDCG: ndcg_parts, MRR: mrr_parts}


def _by_query(golds: Sequence[Judged], answers: Sequence[float]) -> list[tuple[list[float], list[float]]]:
    """Of each query its documents' relevances and scores, in the order of the queries."""
    found: dict[int, tuple[list[float], list[float]]] = {}
    for gold, answer in zip(golds, answers, strict=True):
        relevances, scores = found.setdefault(gold.query, ([], []))
        relevances.append(gold.relevance)
        scores.append(answer)
    return [found[query] for query in sorted(found)]
