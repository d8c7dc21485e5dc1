"""`bertport evaluate --aggregation`: which of a word's tokens decide its label, on both sides."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import BertWordPieceTokenizer

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.parity.aggregation import OF_WORDS, probabilities
from runtimes.records.reading import read_record
from runtimes.runner import full_batch

WORDS = [
    ["dogs", "falls", "unables"],
    ["markets", "the", "wins", "dogsing"],
    ["catsing", "runsables", "redsing"],
    ["sings", "undogs", "ablesing"],
    ["unablesing"],
]
SEED = 4
"""Of a classifier by which each strategy gives these words other labels."""


@pytest.fixture(scope="module")
def folder(write_checkpoint, tmp_path_factory):
    """A tagger whose labels change within a word."""
    place = tmp_path_factory.mktemp("tagger") / "checkpoint"
    write_checkpoint(place, architecture="BertForTokenClassification", labels=3)
    tensors = load_file(place / "model.safetensors")
    tensors["classifier.weight"] = np.random.default_rng(SEED).normal(size=(3, 32)).astype(np.float32)
    tensors["classifier.bias"] = np.zeros(3, np.float32)
    save_file(tensors, place / "model.safetensors", metadata={"format": "pt"})
    return place


@pytest.fixture(scope="module")
def bundle(folder, tmp_path_factory):
    (done,) = export(Request(str(folder), destination=tmp_path_factory.mktemp("tagger") / "bundle", verify=False))
    return done.directory


def by_hand(folder, strategy):
    """PyTorch's labels of the words, from its logits."""
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"))
    runner = TorchRunner(folder, "BertForTokenClassification")
    found = []
    for words in WORDS:
        encoding = tokenizer.encode(words, is_pretokenized=True)
        scores = probabilities(runner.run(full_batch(np.array([encoding.ids])))["logits"][0])
        tokens = [[at for at, word in enumerate(encoding.word_ids) if word == number] for number in range(len(words))]
        found.append([OF_WORDS[strategy](scores[word])[0] for word in tokens])
    return found


@pytest.mark.parametrize("strategy", [None, *OF_WORDS])
def test_the_labels_of_words(bundle, folder, tmp_path, strategy):
    data, record = tmp_path / "rows.jsonl", tmp_path / "record.json"
    rows = [{"tokens": words, "tags": ["LABEL_0"] * len(words)} for words in WORDS]
    rows[0]["tags"] = ["LABEL_1"] * len(WORDS[0])
    data.write_text("\n".join(map(json.dumps, rows)))
    more = ["--aggregation", strategy] if strategy else []
    arguments = ["evaluate", str(bundle), "--checkpoint", str(folder), "--data", str(data), "-o", str(record), *more]
    assert main(arguments) == 0
    found = read_record(record)
    assert found.aggregation == (strategy or "")
    assert [list(row) for row in found.rows.pytorch] == by_hand(folder, strategy or "first")
    assert found.rows.exported == found.rows.pytorch


def test_the_strategies_differ_on_these_words(folder):
    """The control: one that did as another would be seen."""
    assert len({str(by_hand(folder, strategy)) for strategy in OF_WORDS}) == len(OF_WORDS)


def test_another_task_has_no_words(checkpoint, tmp_path, capsys):
    (done,) = export(Request(str(checkpoint), destination=tmp_path / "bundle", verify=False))
    (tmp_path / "rows.csv").write_text("text,label\na cat,LABEL_0\na dog,LABEL_1\n")
    data = ["--checkpoint", str(checkpoint), "--data", str(tmp_path / "rows.csv"), "--aggregation", "max"]
    assert main(["evaluate", str(done.directory), *data]) == 2
    assert "--aggregation max: single label classification labels no words; leave it out" in capsys.readouterr().err
