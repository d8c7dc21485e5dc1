"""`verify` from the command line: an untouched bundle passes and says what was read; every fault of it is named."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.faults.frame import seal
from benchmarks.faults.onnx_file import Spoilt
from exporter.bundling.staging import write_manifest
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle.manifest import GOLDEN, MANIFEST, PARITY
from runtimes.bundle.reading import hash_files, read_bundle
from runtimes.files.json_text import to_json


@pytest.fixture(scope="module")
def honest(checkpoint, texts, tmp_path_factory):
    place = tmp_path_factory.mktemp("verified") / "made"
    export(Request(str(checkpoint), schemes=("none",), destination=place, texts=texts))
    return place


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_bytes(to_json(content))


def shuffle_words(model):
    words = model.read("embeddings.word.weight")
    words[30:] = words[:29:-1]
    model.write("embeddings.word.weight", words)


def forget_bias(model):
    del model.node("classifier").input[2]


def spoil(folder):
    """What a tool of many mistakes might leave."""
    model = Spoilt(folder)
    shuffle_words(model)
    forget_bias(model)
    model.save()
    rewrite(folder / "config.json", lambda config: config["id2label"].update({"0": "LABEL_1", "1": "LABEL_0"}))
    rewrite(folder / GOLDEN, lambda golden: golden["vectors"][2].update(logits=[9.0, -9.0, 0.0]))
    rewrite(folder / PARITY, lambda parity: parity.update(rows=parity["rows"] + 1))
    manifest = read_bundle(folder).manifest
    budget = replace(manifest.budget, max_absolute=1e9)
    write_manifest(folder, replace(manifest, budget=budget, pad_id=3, files=hash_files(folder)))


def test_an_untouched_bundle_passes_and_says_what_was_read(honest, checkpoint, texts_file, capsys):
    assert main(["verify", str(honest), "--checkpoint", str(checkpoint), "--texts", str(texts_file), "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert record["verdict"] == "pass"
    assert record["coverage"]["audited_operators"] == len(Spoilt(honest).graph.node)
    assert record["coverage"]["audited_rows"] > record["coverage"]["audited_weights"] > 20
    kept = json.loads((honest / PARITY).read_text())["coverage"]
    assert kept["audited_rows"] == record["coverage"]["audited_rows"]
    assert f"audited {record['coverage']['audited_weights']} weights" in err


def test_every_fault_is_named(honest, checkpoint, texts_file, tmp_path, capsys):
    copy = shutil.copytree(honest, tmp_path / "spoilt")
    spoil(copy)
    command = ["verify", str(copy), "--checkpoint", str(checkpoint), "--texts", str(texts_file), "--json"]
    assert main(command) == 1
    failures = json.loads(capsys.readouterr().out)["failures"]
    wanted = [
        "model.onnx: embeddings.word.weight: row ",
        "model.onnx: classifier: input: expected",
        "config.json: id2label: expected",
        f"{MANIFEST}: pad_id: expected 0, found 3",
        f"{MANIFEST}: budget.max_absolute: expected at most 0.0001",
        f"{GOLDEN}: vectors[2]: expected what PyTorch gives",
        f"{PARITY}: rows: expected",
    ]
    for problem in wanted:
        assert any(text.startswith(f"audit: {problem}") for text in failures), problem


def test_texts_of_another_run_are_asked_again(honest, checkpoint, tmp_path, capsys):
    """golden.json is of the texts that the export was given; verify is given others, and a vector is wrong."""
    copy = shutil.copytree(honest, tmp_path / "spoilt")
    (tmp_path / "others.txt").write_text("a dog sleeps\nthe market falls\nteam of red runs\nthe cat wins\n")
    command = ["verify", str(copy), "--checkpoint", str(checkpoint), "--texts", str(tmp_path / "others.txt")]
    assert main(command) == 0, capsys.readouterr()
    rewrite(copy / GOLDEN, lambda golden: golden["vectors"][2].update(logits=[9.0, -9.0, 0.0]))
    seal(copy)
    assert main(command) == 1
    assert f"{GOLDEN}: vectors[2]" in capsys.readouterr().err


def test_a_spoilt_model_fails_whatever_its_answers_are(honest, checkpoint, texts_file, tmp_path, capsys):
    """One row of one word that no text has."""
    copy = shutil.copytree(honest, tmp_path / "spoilt")
    model = Spoilt(copy)
    words = model.read("embeddings.word.weight")
    words[-1] = np.nan
    model.write("embeddings.word.weight", words)
    model.save()
    seal(copy)
    assert main(["verify", str(copy), "--checkpoint", str(checkpoint), "--texts", str(texts_file)]) == 1
    assert f"model.onnx: embeddings.word.weight: row {len(words) - 1}" in capsys.readouterr().err
