"""nDCG and MRR against scikit-learn, every order of ties, and examples worked by hand."""

from itertools import groupby, permutations

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from runtimes.errors import UsageError
from runtimes.evaluation import ranking
from runtimes.evaluation.comparison import compare_answers
from runtimes.evaluation.problems import PROBLEMS, find_problem
from runtimes.evaluation.ranking import Judged, deciding, judge, reciprocal_rank

RANKS = {
    "the first": ([1, 0, 0], [3.0, 2.0, 1.0], 1.0),
    "the last of three": ([0, 0, 1], [3.0, 2.0, 1.0], 1 / 3),
    "two, of which the better counts": ([0, 1, 1], [3.0, 2.0, 1.0], 1 / 2),
    "graded, of which any above 0 counts": ([0, 0.5, 2], [3.0, 2.0, 1.0], 1 / 2),
    "a tie of two: first or second": ([1, 0], [1.0, 1.0], (1 + 1 / 2) / 2),
    "a tie of three, two of them relevant: second once in three": ([1, 0, 1], [1.0, 1.0, 1.0], (1 + 1 + 1 / 2) / 3),
    "a tie behind one": ([0, 1, 0], [9.0, 1.0, 1.0], (1 / 2 + 1 / 3) / 2),
    "none relevant": ([0, 0], [2.0, 1.0], 0.0),
    "one document": ([1], [-7.0], 1.0),
    "one document, not relevant": ([0], [-7.0], 0.0),
    "the tenth": ([0] * 9 + [1], list(range(10, 0, -1)), 1 / 10),
    "the eleventh, which nobody sees": ([0] * 10 + [1], list(range(11, 0, -1)), 0.0),
    "a tie of twelve, of which two places are beyond": (
        [1] + [0] * 11,
        [0.0] * 12,
        sum(1 / n for n in range(1, 11)) / 12,
    ),
}


@pytest.mark.parametrize(("relevances", "scores", "expected"), RANKS.values(), ids=RANKS)
def test_the_reciprocal_rank(relevances, scores, expected):
    assert reciprocal_rank(relevances, scores) == pytest.approx(expected, abs=1e-15)


def test_ties_are_worth_the_mean_over_all_their_orders():
    random = np.random.default_rng(3)
    for _ in range(20):
        relevances, scores = random.integers(0, 2, 6).tolist(), random.integers(0, 3, 6).astype(float).tolist()
        assert reciprocal_rank(relevances, scores) == pytest.approx(np.mean([*_ranks_of_orders(relevances, scores)]))


def _ranks_of_orders(relevances, scores):
    """Of every permutation of the documents, sorted stably, 1 / the place of the first relevant one."""
    for order in permutations(range(len(scores))):
        ranked = sorted(order, key=lambda at: -scores[at])
        yield next((1 / place for place, at in enumerate(ranked, 1) if relevances[at]), 0.0)


def drawn(seed=0, queries=30, tied=False):
    random = np.random.default_rng(seed)
    golds = [Judged(query, float(random.integers(0, 3))) for query in range(queries) for _ in range(query % 20 + 2)]
    scores = random.integers(0, 4, len(golds)) if tied else random.normal(size=len(golds))
    return golds, scores.astype(float).tolist()


@pytest.mark.parametrize("tied", [False, True])
def test_ndcg_is_scikit_learns_of_each_query(tied):
    golds, scores = drawn(tied=tied)
    found = ranking.ranking(golds, scores, ())
    assert (found.metric, list(found.figures)) == ("ndcg@10", ["ndcg@10", "mrr@10"])
    expected = []
    for _, rows in groupby(zip(golds, scores, strict=True), key=lambda row: row[0].query):
        right, answers = zip(*((gold.relevance, score) for gold, score in rows), strict=True)
        expected.append(ndcg_score([right], [answers], k=10))
    assert len(expected) == 30
    assert found.figures["ndcg@10"] == pytest.approx(np.mean(expected), abs=1e-12)
    assert ranking.ndcg_parts(golds, scores, ())[:, 0] == pytest.approx(expected, abs=1e-12)


def test_no_order_of_the_file_shows():
    golds, scores = drawn(tied=True)
    order = np.random.default_rng(1).permutation(len(golds))
    mixed = ranking.ranking([golds[at] for at in order], [scores[at] for at in order], ())
    assert mixed.figures == pytest.approx(ranking.ranking(golds, scores, ()).figures, abs=1e-12)


def test_the_interval_is_of_queries():
    """Each query's documents twice are no more evidence: rows as trials would make the interval narrower by √2."""
    golds, scores = drawn()
    worse = (np.array(scores) + np.random.default_rng(2).normal(size=len(scores))).tolist()
    problem = PROBLEMS["text_ranking"]
    found = compare_answers(problem, golds, scores, worse, ())
    assert "over queries" in found.interval.method
    assert found.agreement is None
    assert problem.parts(golds, scores, ()).shape == (30, 1)
    assert found.interval.low < found.drop < found.interval.high
    drops = problem.parts(golds, scores, ()) - problem.parts(golds, worse, ())
    error = float(drops.std() / np.sqrt(30))
    assert (found.interval.high - found.interval.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.1)


def test_rows_of_one_query_belong_together_wherever_they_stand():
    assert [gold.query for gold in judge(["b", "a", "b"], [1, 0, 0])] == [0, 1, 0]


def test_queries_with_nothing_to_order_are_left_out_and_counted():
    golds = judge(["a", "b", "a", "c", "b", "c"], [1, 0, 0, 2, 0, 2])
    assert deciding(golds) == ([0, 2], "1 queries; 2 more have documents of one relevance alone, and are left out")
    with pytest.raises(UsageError, match=r"no query of 2 has documents of different relevance.*--task text-classific"):
        deciding(judge(["a", "b"], [1, 0]))


def test_the_rank_is_the_logits_also_where_the_score_is_a_sigmoid():
    """0.5 + 0.5·tanh(x / 2) of 40 and of 41 is 1: nothing would be left to order by."""
    problem = find_problem("text_ranking", ("LABEL_0",), "sigmoid")
    found = [problem.decide({"logits": np.array([logit], np.float32)}, None) for logit in (40.0, 41.0)]  # type: ignore[arg-type]
    assert found == [40.0, 41.0]
