"""`bertport evaluate` as its users call it: every problem, both targets, and what bad input gets."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import transformers
from onnx import numpy_helper

from exporter.bundling.staging import write_manifest
from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.labelled.evaluation import evaluate
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.bundle.reading import hash_files, read_bundle
from runtimes.evaluation.data.columns import Choice
from runtimes.evaluation.data.dataset import DataFile

TAGS = {0: "O", 1: "B-PER", 2: "I-PER"}


def bundle_of(checkpoint, place, **options):
    (done,) = export(Request(str(checkpoint), destination=place, verify=False, **options))
    return read_bundle(done.directory)


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    return bundle_of(checkpoint, tmp_path_factory.mktemp("evaluated") / "bundle")


@pytest.fixture(scope="module")
def rows(checkpoint, texts):
    """Texts with PyTorch's own labels, every fourth of them moved on by one: accuracy is known without a metric."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(checkpoint / "vocab.txt"))
    runner = TorchRunner(checkpoint, "BertForSequenceClassification")
    found = []
    for number, text in enumerate(texts):
        ids = np.array([tokenizer.encode(text).ids])
        from runtimes.runner import full_batch

        label = int(runner.run(full_batch(ids))["logits"].argmax())
        found.append((text, (label + 1) % 3 if number % 4 == 0 else label))
    return found


@pytest.fixture
def data(rows, tmp_path):
    path = tmp_path / "data.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def run(bundle, checkpoint, *arguments):
    return main(["evaluate", str(bundle.directory), "--checkpoint", str(checkpoint), *map(str, arguments)])


def test_figures_of_both_sides(bundle, checkpoint, data, rows):
    done = evaluate(Check(bundle, str(checkpoint)), DataFile(data))
    wrong = sum(number % 4 == 0 for number in range(len(rows)))
    assert done.comparison.reference.figures["accuracy"] == pytest.approx(1 - wrong / len(rows))
    assert done.comparison.candidate.figures == done.comparison.reference.figures
    assert done.comparison.agreement == 1.0
    assert (done.drop_points, done.status) == (0.0, "measured")


def test_a_smaller_vocabulary_is_asked_in_its_own_pieces(checkpoint, data, rows, tmp_path, said):
    kept = tuple(text for text, _ in rows if "team" not in text)
    whole = bundle_of(checkpoint, tmp_path / "whole", settings=Settings(trim=Trim(tuple(text for text, _ in rows))))
    small = bundle_of(checkpoint, tmp_path / "small", settings=Settings(trim=Trim(kept)))
    done = [evaluate(Check(one, str(checkpoint)), DataFile(data)) for one in (whole, small)]
    assert done[0].comparison.agreement == 1.0
    assert any(
        text.startswith(f"{len(rows) - len(kept)} of {len(rows)} rows are tokenized differently") for text in said
    )
    lost = [number for number, (text, _) in enumerate(rows) if "team" in text]
    assert set(done[1].comparison.differing) <= set(lost)


def test_the_record_holds_what_a_report_computes_it_from(bundle, checkpoint, data, tmp_path, capsys):
    assert run(bundle, checkpoint, "--data", data, "-o", tmp_path / "record.json", "--json") == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert record == json.loads(capsys.readouterr().out)
    assert (record["kind"], record["schema_version"], record["metric"]) == ("evaluate", 1, "accuracy")
    expected, found = (np.array(record["rows"][side]) for side in ("expected", "exported"))
    assert (expected == found).mean() == pytest.approx(record["exported"]["figures"]["accuracy"])
    assert record["data"]["sha256"]
    assert list(tmp_path.glob(".*")) == []


def damaged(bundle, tmp_path, change):
    copy = shutil.copytree(bundle.directory, tmp_path / "damaged")
    model = onnx.load(copy / "model.onnx")
    (tensor,) = (one for one in model.graph.initializer if one.name == "classifier.bias")
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)).astype(np.float32), tensor.name))
    onnx.save(model, copy / "model.onnx")
    write_manifest(copy, replace(read_bundle(copy).manifest, files=hash_files(copy)))
    return read_bundle(copy)


def test_a_worse_model_drops_and_the_rows_are_shown(bundle, checkpoint, data, tmp_path, capsys):
    worse = damaged(bundle, tmp_path, lambda bias: bias + np.array([100, 0, 0]))
    assert run(worse, checkpoint, "--data", data, "--max-drop", "1") == 1
    out, err = capsys.readouterr()
    assert "rows where they differ" in out
    assert "beyond 1.00" in err
    done = evaluate(Check(worse, str(checkpoint)), DataFile(data))
    moved = sum(a != b for a, b in zip(done.reference, done.candidate, strict=True))
    assert len(done.comparison.differing) == moved > 0
    assert done.comparison.interval.low <= done.comparison.drop <= done.comparison.interval.high


def test_a_model_that_answers_nan_is_an_error_not_a_label(bundle, checkpoint, data, tmp_path, capsys):
    broken = damaged(bundle, tmp_path, lambda bias: bias * np.nan)
    assert run(broken, checkpoint, "--data", data) == 3
    assert "NaN or infinity" in capsys.readouterr().err


def test_a_changed_file_is_refused(bundle, checkpoint, data, tmp_path, capsys):
    copy = shutil.copytree(bundle.directory, tmp_path / "changed")
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes() + b"x")
    assert run(read_bundle(copy), checkpoint, "--data", data) == 3
    assert "changed model.onnx" in capsys.readouterr().err


def test_labels_in_another_order_are_noticed(bundle, checkpoint, rows, tmp_path, capsys):
    path = tmp_path / "swapped.csv"
    path.write_text("text,label\n" + "".join(f"{text},{(2, 0, 1)[label]}\n" for text, label in rows))
    assert run(bundle, checkpoint, "--data", path) == 0
    assert "labels in another order" in capsys.readouterr().err


def test_labels_that_no_row_has_are_told(bundle, checkpoint, tmp_path, capsys):
    path = tmp_path / "two.csv"
    path.write_text("text,label\nthe cat,0\na dog,1\n")
    assert run(bundle, checkpoint, "--data", path) == 0
    assert "no row has the label LABEL_2" in capsys.readouterr().err


def test_limit_takes_rows_evenly_and_long_rows_are_counted(bundle, checkpoint, tmp_path, capsys):
    path = tmp_path / "sorted.csv"
    path.write_text("text,label\n" + "the cat,0\n" * 40 + "a dog " * 300_000 + ",1\n" + "a dog,2\n" * 39)
    record = tmp_path / "record.json"
    assert run(bundle, checkpoint, "--data", path, "--limit", 4, "-o", record) == 0
    found = json.loads(record.read_text())
    assert found["rows"]["expected"] == [0, 0, 1, 2]
    assert (found["data"]["cut_rows"], found["data"]["rows_in_file"]) == (1, 80)
    assert "1 of 4 rows are longer than 48 tokens" in capsys.readouterr().err


def test_a_core_ml_package_is_evaluated_and_called_simulated(checkpoint, data, tmp_path):
    from exporter.targets.target import Settings

    settings = Settings(options={"sequence_lengths": (16,)})
    made = bundle_of(checkpoint, tmp_path / "coreml", targets=("coreml",), schemes=("int8",), settings=settings)
    done = evaluate(Check(made, str(checkpoint)), DataFile(data))
    assert (done.status, done.positions) == ("simulated", 16)
    assert done.comparison.agreement > 0.9


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evaluated(checkpoint, tmp_path, rows, **options):
    made = bundle_of(checkpoint, tmp_path / "bundle")
    data = DataFile(lines(tmp_path / "rows.jsonl", rows), **options)
    return evaluate(Check(made, str(checkpoint)), data)


def test_several_labels_a_row(make_checkpoint, edit_config, texts, tmp_path):
    folder = make_checkpoint()
    edit_config(folder, problem_type="multi_label_classification")
    rows = [{"text": text, "labels": [0, 2] if number % 2 else []} for number, text in enumerate(texts)]
    done = evaluated(folder, tmp_path, rows)
    assert done.comparison.reference.metric == "f1_micro"
    assert done.comparison.agreement == 1.0


def test_amounts(make_checkpoint, texts, tmp_path):
    rows = [{"sentence1": text, "sentence2": "a dog", "score": len(text) / 7} for text in texts]
    done = evaluated(make_checkpoint(labels=1), tmp_path, rows)
    assert done.comparison.reference.metric == "pearson"
    assert done.comparison.agreement is None
    assert done.comparison.differing == ()
    assert done.comparison.drop == pytest.approx(0, abs=1e-5)


def test_entities_and_words_beyond_the_end(make_checkpoint, edit_config, tmp_path):
    folder = make_checkpoint(architecture="BertForTokenClassification")
    edit_config(folder, id2label={str(n): tag for n, tag in TAGS.items()})
    rows = [{"tokens": ["the", "cats", "sleeping"], "ner_tags": ["O", "B-PER", "I-PER"]} for _ in range(3)]
    rows.append({"tokens": ["cat"] * 60, "ner_tags": ["O"] * 60})
    done = evaluated(folder, tmp_path, rows)
    assert done.comparison.reference.metric == "f1"
    assert done.candidate[0] == done.reference[0]
    assert len(done.reference[0]) == 3
    assert done.cut_rows == 1
    assert done.reference[3][46:] == [-1] * 14  # 48 positions, two of them special


def test_tags_that_make_no_entities(make_checkpoint, edit_config, tmp_path):
    folder = make_checkpoint(architecture="BertForTokenClassification")
    edit_config(folder, id2label={"0": "NOUN", "1": "VERB", "2": "DET"})
    rows = [{"tokens": "the cat runs", "tags": "DET NOUN VERB"}, {"tokens": "a dog falls", "tags": "DET NOUN VERB"}]
    assert evaluated(folder, tmp_path, rows).comparison.reference.metric == "accuracy"


@pytest.mark.parametrize("none", [{"text": []}, ""])
def test_questions(make_checkpoint, tmp_path, none):
    folder = make_checkpoint(architecture="BertForQuestionAnswering", labels=2)
    context = "the red cat runs in the market and a dog sleeps"
    rows = [
        {"question": f"the {word}", "context": context, "answers": {"text": ["red cat"]}} for word in ("cat", "dog")
    ]
    done = evaluated(folder, tmp_path, [*rows, {"question": "a team", "context": context, "answers": none}])
    assert done.comparison.reference.metric == "f1"
    assert all(answer in context for answer in done.reference)
    assert done.candidate == done.reference


def test_a_question_too_long_for_its_context_is_named(make_checkpoint, tmp_path, capsys):
    folder = make_checkpoint(architecture="BertForQuestionAnswering", labels=2)
    made = bundle_of(folder, tmp_path / "bundle")
    path = lines(tmp_path / "rows.jsonl", [{"question": "cat " * 60, "context": "a cat", "answers": "cat"}])
    assert run(made, folder, "--data", path) == 2
    assert "line 1: does not fit 48 tokens" in capsys.readouterr().err


MISTAKES = {
    "unknown labels": ("text,label\nx,9\n", [], "the model has 3"),
    "a wrong column": ("text,label\nx,1\n", ["--text", "body"], "no column 'body'"),
    "an unsure label": ("text,label\nx,1\n", [], "may count from 0 or from 1"),
    "no rows": ("text,label\n", [], "no rows"),
    "half a row": ("text,label\nx,0\ny\n", [], "line 3: 1 cells"),
    "no label": ("text,label\nx,0\ny,\n", [], "without a label"),
    "a limit of nothing": ("text,label\nx,0\n", ["--limit", "0"], "--limit 0"),
    "no threads": ("text,label\nx,0\n", ["--threads", "0"], "--threads 0"),
    "labels without =": ("text,label\nx,0\n", ["--labels", "World"], "expected VALUE=LABEL"),
    "a record in no folder": ("text,label\nx,0\n", ["-o", "no/such/record.json"], "cannot be written"),
}


@pytest.mark.parametrize(("content", "arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(bundle, checkpoint, tmp_path, content, arguments, words, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert run(bundle, checkpoint, "--data", path, *arguments) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if words in line]
    assert len(told) == 1


def test_a_cell_that_is_null_names_its_line(bundle, checkpoint, tmp_path, capsys):
    path = lines(tmp_path / "a.jsonl", [{"text": "the cat", "label": 0}, {"text": None, "label": 0}])
    assert run(bundle, checkpoint, "--data", path) == 2
    assert "line 2: no 'text'" in capsys.readouterr().err


def test_columns_may_be_joined_and_labels_named(bundle, checkpoint, tmp_path):
    path = tmp_path / "news.csv"
    path.write_text("x,the cat,runs\ny,a dog,falls\n")
    choice = Choice(("2", "3"), label="1", join=" . ")
    data = DataFile(path, choice=choice, labels={"x": "LABEL_2", "y": "0"})
    done = evaluate(Check(bundle, str(checkpoint)), data)
    assert done.dataset.golds == [2, 0]
    assert [example.first for example in done.dataset.examples] == ["the cat . runs", "a dog . falls"]


def test_the_metric_asked_for_decides_and_one_of_another_task_is_refused(bundle, checkpoint, data, tmp_path, capsys):
    arguments = ("--data", data, "--metric", "matthews", "--json", "-o", tmp_path / "record.json")
    assert run(bundle, checkpoint, *arguments) == 0
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["metric"] == "matthews"
    assert record["pytorch"]["figures"]["matthews"] != record["pytorch"]["figures"]["accuracy"]
    assert run(bundle, checkpoint, "--data", data, "--metric", "pearson") == 2
    assert "--metric pearson: unknown to single label classification; it has accuracy, " in capsys.readouterr().err


def test_the_task_of_the_config_says_what_decides_and_a_constant_is_told(make_checkpoint, edit_config, texts, tmp_path):
    folder = make_checkpoint(labels=2)
    edit_config(folder, finetuning_task="cola")
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"{text},{number % 2}\n" for number, text in enumerate(texts)))
    made = bundle_of(folder, tmp_path / "bundle")
    done = evaluate(Check(made, str(folder)), DataFile(path))
    assert done.comparison.reference.metric == "matthews"
    assert any("matthews on these 27 rows is" in text and "no better than a constant" in text for text in done.warnings)


def test_one_score_is_compared_as_the_probability_that_transformers_gives(make_checkpoint, texts, tmp_path):
    folder = make_checkpoint(labels=1)
    done = evaluated(folder, tmp_path, [{"text": text, "label": number % 2} for number, text in enumerate(texts)])
    pipe = transformers.pipeline("text-classification", str(folder))
    assert done.reference == pytest.approx([one["score"] for one in pipe(list(texts))], abs=1e-5)
    assert done.candidate == pytest.approx(done.reference, abs=1e-4)


def test_a_prompt_and_a_length_of_sentence_transformers_count(make_checkpoint, texts, tmp_path):
    """A reranker that was saved with a default prompt and a length of its own."""
    from sentence_transformers import CrossEncoder

    prompts = {"prompts": {"query": "a dog "}, "default_prompt_name": "query"}
    made = CrossEncoder(str(make_checkpoint("base", labels=1)), device="cpu", max_length=10, **prompts)
    made.save_pretrained(str(tmp_path / "reranker"))
    pairs = [(texts[0], other) for other in texts[1:]]
    rows = [{"text": text, "text_pair": other, "label": at % 2} for at, (text, other) in enumerate(pairs)]
    done = evaluated(tmp_path / "reranker", tmp_path, rows)
    assert done.positions == 10
    scores = (1 / (1 + np.exp(-np.array(done.reference)))).tolist()  # rows are ranked by their logits
    assert scores == pytest.approx(made.predict(pairs).tolist(), abs=1e-5)
    assert made.predict(pairs, prompt="").tolist() != pytest.approx(scores, abs=1e-3)
