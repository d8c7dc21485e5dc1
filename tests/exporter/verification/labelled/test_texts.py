"""Texts with labels are compared as texts, and what the task's metric loses on them is held to the budget."""

import json

import numpy as np
import pytest

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.options.text_files import texts as read
from exporter.pipeline import export
from runtimes.bundle.manifest import PARITY
from runtimes.bundle.reading import read_bundle
from runtimes.evaluation.data.corpus import LABELLED_ROWS
from runtimes.parity.compare import Verdict


@pytest.fixture(scope="module")
def rows(texts):
    return [{"sentence": text, "label": number % 3} for number, text in enumerate(texts)]


def jsonl(folder, rows, name="rows.jsonl"):
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder / name


def exported(checkpoint, place, path, scheme="int8", **options):
    options = {"schemes": (scheme,), "texts": read(path), "texts_file": path, "keep_failing": True} | options
    (done,) = export(Request(str(checkpoint), destination=place, **options))
    return done


def test_labelled_texts_give_the_metric_of_both_sides(checkpoint, tmp_path, rows):
    path = jsonl(tmp_path, rows)
    done = exported(checkpoint, tmp_path / "out", path, "none")
    assert done.parity.verdict is Verdict.PASS
    assert done.parity.seen["accuracy, PyTorch's"] == done.parity.seen["accuracy, the bundle's"]
    assert json.loads((tmp_path / "out" / PARITY).read_text())["seen"] == done.parity.seen
    assert "accuracy, the bundle's" in (tmp_path / "out" / "README.md").read_text()
    arguments = ["verify", str(tmp_path / "out"), "--checkpoint", str(checkpoint), "--texts", str(path), "--json"]
    assert main(arguments) == 0


def test_a_metric_that_drops_fails_whatever_the_agreement_says(checkpoint, tmp_path, rows, monkeypatch):
    from exporter.verification.labelled import texts as labelled

    real = labelled.Examiner.examine

    def half_wrong(self, bundle, name):
        done = real(self, bundle, name)
        from dataclasses import replace

        from runtimes.evaluation.comparison import compare_answers

        worse = [(answer + at % 2) % 3 for at, answer in enumerate(done.reference)]
        compared = compare_answers(self.problem, done.reference, done.reference, worse, self.checkpoint.labels)
        return replace(done, comparison=compared)

    path = jsonl(tmp_path, rows)
    monkeypatch.setattr(labelled.Examiner, "examine", half_wrong)
    done = exported(checkpoint, tmp_path / "out", path)
    assert done.parity.verdict is Verdict.FAIL
    assert any(text.startswith("accuracy drops by 0.48") for text in done.parity.failures)
    assert "beyond 0.0300" in " ".join(done.parity.failures)


def test_columns_are_read_as_evaluate_reads_them_and_so_many_rows_at_most(tmp_path, rows):
    many = [{**rows[number % len(rows)], "sentence": f"text {number}"} for number in range(3 * LABELLED_ROWS)]
    found = read(jsonl(tmp_path, many))
    assert (len(found), found[0], found[-1]) == (LABELLED_ROWS, "text 0", f"text {3 * LABELLED_ROWS - 3}")
    pairs = [{"question": "who ?", "context": f"anna {n}", "answers": ["anna"]} for n in range(4)]
    assert read(jsonl(tmp_path, pairs, "pairs.jsonl"))[1] == "who ?\tanna 1"
    words = [{"tokens": ["the", "cat"], "ner_tags": [0, 0]}]
    assert read(jsonl(tmp_path, words, "words.jsonl")) == ("the cat",)


def test_a_plain_file_stays_lines_whatever_its_name(tmp_path):
    (tmp_path / "pairs.tsv").write_text("the cat runs in it\ta dog 1 sleeps\nthe dog is 2\tit sleeps\n")
    assert read(tmp_path / "pairs.tsv") == ("the cat runs in it\ta dog 1 sleeps", "the dog is 2\tit sleeps")
    (tmp_path / "lines.txt").write_text("text\nlabel\n")
    assert read(tmp_path / "lines.txt") == ("text", "label")


def test_texts_without_labels_are_texts_alone(checkpoint, tmp_path, rows):
    path = jsonl(tmp_path, [{"sentence": row["sentence"]} for row in rows])
    done = exported(checkpoint, tmp_path / "out", path, "none")
    assert list(done.parity.seen) == ["same label"]
    assert np.isclose(done.parity.agreement, 1.0)
    assert read_bundle(done.directory)


def test_labels_of_another_model_are_refused(checkpoint, tmp_path, rows, capsys):
    path = jsonl(tmp_path, [{**row, "label": "sport"} for row in rows])
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "out"), "--texts", str(path)]) == 2
    assert "sport" in capsys.readouterr().err
