"""`bertport evaluate` and `tune` of a cross-encoder: queries, their documents, and how well these are ranked."""

import csv
import json
import re

import numpy as np
import pytest

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.options.text_files import texts as read_texts
from exporter.pipeline import export
from runtimes.bundle.reading import read_bundle
from runtimes.records.reading import read_record


@pytest.fixture(scope="module")
def ranker(checkpoint_of):
    return checkpoint_of("bert", "text-ranking")


@pytest.fixture(scope="module")
def bundle(ranker, tmp_path_factory):
    (done,) = export(Request(str(ranker), destination=tmp_path_factory.mktemp("ranker") / "bundle", verify=False))
    return done.directory


@pytest.fixture(scope="module")
def rows(ranker, texts):
    """Eight queries with five documents each; relevant is PyTorch's best but for one in four."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(ranker), device="cpu")
    found = []
    for number, query in enumerate(texts[:8]):
        documents = texts[number + 1 : number + 6]
        scores = model.predict([(query, document) for document in documents])
        best = int(np.argmin(scores) if number % 4 == 0 else np.argmax(scores))
        found += [(query, document, int(at == best)) for at, document in enumerate(documents)]
    return found


@pytest.fixture
def write(tmp_path):
    def write(rows, header=("query", "document", "relevance"), name="data.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return tmp_path / name

    return write


def evaluated(bundle, ranker, data, *more):
    return main(["evaluate", str(bundle), "--checkpoint", str(ranker), "--data", str(data), *map(str, more)])


def test_figures_are_those_of_sentence_transformers(bundle, ranker, rows, write, tmp_path):
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder.evaluation import CrossEncoderRerankingEvaluator

    assert evaluated(bundle, ranker, write(rows), "-o", tmp_path / "record.json") == 0
    record = read_record(tmp_path / "record.json")
    samples = [
        {"query": query, "positive": [d for q, d, r in rows if (q, r) == (query, 1)]}
        | {"negative": [d for q, d, r in rows if (q, r) == (query, 0)]}
        for query in dict.fromkeys(query for query, _, _ in rows)
    ]
    judged = CrossEncoderRerankingEvaluator(samples, show_progress_bar=False, write_csv=False)
    theirs = judged(CrossEncoder(str(ranker), device="cpu"))
    ours = {name: theirs[name] for name in ("ndcg@10", "mrr@10")}
    assert record.pytorch.figures == pytest.approx(ours, abs=1e-6)
    assert record.exported.figures == pytest.approx(ours, abs=1e-6)
    assert 0.5 < ours["mrr@10"] < 1
    assert (record.metric, record.problem, record.drop_points) == ("ndcg@10", "text_ranking", 0)
    assert record.interval_method.endswith("over queries, 1000 resamples, seed 0")
    assert record.rows.expected[5] == {"query": 1, "relevance": float(rows[5][2])}


def test_another_metric_decides_where_it_is_asked_for(bundle, ranker, rows, write, capsys):
    assert evaluated(bundle, ranker, write(rows), "--metric", "mrr@10", "--json") == 0
    assert json.loads(capsys.readouterr().out)["metric"] == "mrr@10"


def test_scores_turned_about_lose_points_and_are_shown_with_their_query(
    bundle, ranker, rows, write, capsys, monkeypatch
):
    from exporter.verification.labelled.answers import Examiner

    answers = Examiner.answers
    monkeypatch.setattr(Examiner, "answers", _turned(answers))
    assert evaluated(bundle, ranker, write(rows), "--max-drop", 1) == 1
    shown = capsys.readouterr().out
    assert "ndcg@10" in shown
    assert "for query 1" in shown
    assert "the same answer" not in shown


def _turned(answers):
    """The candidate's scores, which are asked for second, with their signs turned."""
    calls = []

    def turned(self, *asked):
        calls.append(asked)
        return [-one if len(calls) == 2 else one for one in answers(self, *asked)]

    return turned


def test_a_limit_takes_whole_queries(bundle, ranker, rows, write, tmp_path):
    for limit, taken in ((10, 10), (14, 10), (3, 5), (400, 40)):
        assert evaluated(bundle, ranker, write(rows), "--limit", limit, "-o", tmp_path / "record.json") == 0
        record = read_record(tmp_path / "record.json")
        assert (record.data.rows, record.data.limit) == (taken, limit)
        assert {*(row["query"] for row in record.rows.expected)} <= set(range(8))


BAD = {
    "no column of queries": (("text", "relevance"), [("a", 1), ("b", 0)], (), "which columns are the two texts?"),
    "relevance all alike": (None, [("a", "b", 1), ("a", "c", 1)], (), "every relevance is 1: any order is as good"),
    "a document for each query": (None, [("a", "b", 1), ("c", "d", 0)], (), "no query of 2 has documents of different"),
    "less than none": (None, [("a", "b", 1), ("a", "c", -1)], (), "line 3.*expected a relevance of 0 or more"),
    "words": (None, [("a", "b", "yes"), ("a", "c", "no")], (), "line 2.*expected a number as label"),
    "a metric of another task": (None, [("a", "b", 1), ("a", "c", 0)], ("--metric", "f1"), "it has ndcg@10, mrr@10"),
}


@pytest.mark.parametrize(("header", "lines", "more", "told"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_one_line(bundle, ranker, write, capsys, header, lines, more, told):
    data = write(lines, header or ("query", "document", "relevance"))
    assert evaluated(bundle, ranker, data, *more) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bertport: ")]
    assert re.search(told, line)


def test_queries_with_nothing_to_order_are_left_out_aloud(bundle, ranker, rows, write, capsys):
    alone = [("one more query", "a document", 1), ("another", "b", 0), ("another", "c", 0)]
    assert evaluated(bundle, ranker, write([*rows, *alone]), "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["data"]["rows"], found["data"]["rows_in_file"]) == (40, 43)
    assert "8 queries; 2 more have documents of one relevance alone, and are left out" in told.err


def test_labels_among_the_texts_are_one_more_budget(ranker, rows, write, tmp_path):
    path = write(rows)
    (done,) = export(Request(str(ranker), destination=tmp_path / "bundle", texts=read_texts(path), texts_file=path))
    assert done.parity.seen["ndcg@10, PyTorch's"] == pytest.approx(done.parity.seen["ndcg@10, the bundle's"])
    assert read_bundle(done.directory).manifest.recipe.task == "text-ranking"
