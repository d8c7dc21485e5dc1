"""What a file says of its size is held against the file: no allocation beyond reason, no reading without end."""

import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
import torch
from flatbuffers import Builder
from safetensors.numpy import load_file

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.errors import BertportError

CHILD = Path(__file__).with_name("bounds_child.py")
DEEP, MANY = 100_000, 1_000_000
REPLACE = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 60}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[nowhere]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}
PADDING = {"strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0}
CONFIGS = {
    "billions of parameters": {"hidden_size": 10**9, "intermediate_size": 4 * 10**9},
    "a thousand million layers": {"num_hidden_layers": 10**9},
    "a million layers": {"num_hidden_layers": 10**6},
    "negative sizes": {"hidden_size": -32},
    "a vocabulary of a billion": {"vocab_size": 10**12},
    "positions without end": {"max_position_embeddings": 2**62},
    "a million labels": {"id2label": {str(number): str(number) for number in range(MANY)}},
    "a million architectures": {"architectures": ["x"] * MANY},
    "a number of a million digits": {"layer_norm_eps": "1" * MANY},
}


def damage(folder, changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def tokenizer(folder, **changes):
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def header(folder, stated, content=b""):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", stated) + content)


def pickled(folder, tensors):
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")


def wide(folder):
    """Every tensor a single number, said to be as large as the config asks, by strides of 0."""
    weights = load_file(folder / "model.safetensors")
    damage(folder, {"vocab_size": 10**7})
    made = {name: torch.from_numpy(values) for name, values in weights.items()}
    made["bert.embeddings.word_embeddings.weight"] = torch.zeros(1).expand(10**7, 32)
    pickled(folder, made)


def sparse(folder):
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(1 << 36)


CHECKPOINTS = {
    "deep JSON": lambda folder: (folder / "config.json").write_text('{"a":' * DEEP),
    "deep JSON of a tokenizer": lambda folder: (folder / "tokenizer_config.json").write_text("[" * DEEP),
    "a pipe for a config": lambda folder: ((folder / "config.json").unlink(), os.mkfifo(folder / "config.json")),
    "a header of 2⁶³ bytes": lambda folder: header(folder, 2**63, b"{}"),
    "a header beyond the file": lambda folder: header(folder, 10**6, b'{"a":'),
    "a header of spaces": lambda folder: header(folder, 20_000_000, b"{}" + b" " * 19_999_998),
    "a tensor beyond the file": lambda folder: header(
        folder, 68, b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'[:68]
    ),
    "weights of holes": sparse,
    "a tensor of strides of 0": wide,
    "a vocabulary of a million pieces": lambda folder: (
        (folder / "tokenizer.json").unlink(),
        (folder / "vocab.txt").write_text("\n".join(map(str, range(MANY)))),
    ),
    "padding to a thousand million": lambda folder: tokenizer(
        folder, padding=PADDING | {"pad_type_id": 0, "pad_token": "[PAD]"}
    ),
    "a text that grows": lambda folder: tokenizer(
        folder, normalizer={"type": "Sequence", "normalizers": [REPLACE] * 8}
    ),
    "a template that panics": lambda folder: tokenizer(folder, post_processor=TEMPLATE),
    "a character map that panics": lambda folder: tokenizer(
        folder, normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
}
HARMLESS = {"padding to a thousand million"}
"""Read as if it were not there."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory, write_checkpoint):
    root = tmp_path_factory.mktemp("bounds")
    honest = write_checkpoint(root / "honest")
    made = read_tokenizer(honest, Reader("BertTokenizer", ("input_ids",), 81))
    (honest / "tokenizer.json").write_bytes(made.files["tokenizer.json"])
    cases = [{"name": "honest", "read": "checkpoint", "folder": str(honest), "honest": True}]
    for number, (name, change) in enumerate([*CONFIGS.items(), *CHECKPOINTS.items()]):
        folder = shutil.copytree(honest, root / f"checkpoint-{number}")
        damage(folder, change) if name in CONFIGS else change(folder)
        cases.append({"name": name, "read": "checkpoint", "folder": str(folder)})
    cases += [case | {"folder": str(root / case["folder"])} for case in files(root)]
    (root / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run([sys.executable, CHILD, root / "cases.json"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return {one["name"]: one for one in json.loads(done.stdout.splitlines()[-1])}


def flatbuffer(path):
    """A graph whose vector of tensors names one table a million times: four megabytes."""
    b = Builder(1024)

    def table(**offsets):
        b.StartObject(8)
        for slot, offset in offsets.items():
            b.PrependUOffsetTRelativeSlot(int(slot[1:]), offset, 0)
        return b.EndObject()

    def vector(one, times):
        b.StartVector(4, times, 4)
        for _ in range(times):
            b.PrependUOffsetTRelative(one)
        return b.EndVector()

    graph, buffers = table(_0=vector(table(), MANY)), vector(table(), 1)
    graphs = vector(graph, 1)
    b.StartObject(8)
    b.PrependUint32Slot(0, 3, 0)
    b.PrependUOffsetTRelativeSlot(2, graphs, 0)
    b.PrependUOffsetTRelativeSlot(4, buffers, 0)
    b.Finish(b.EndObject(), file_identifier=b"TFL3")
    path.write_bytes(b.Output())


def files(root):
    """Rows, records, a model and a manifest that are larger than they look, or without an end."""
    flatbuffer(root / "often.tflite")
    with (root / "holes.tflite").open("wb") as file:
        file.truncate(1 << 36)
    block = gzip.compress(b"text\n" + b"a" * 10_000_000, mtime=0)
    (root / "bomb.csv.gz").write_bytes(block * 200)
    (root / "bomb.txt.gz").write_bytes(block * 200)
    os.mkfifo(root / "pipe.json")
    (root / "deep.jsonl").write_text('{"text":' * DEEP)
    (root / "deep.json").write_text('{"kind":' * DEEP)
    with (root / "holes.json").open("wb") as file:
        file.truncate(1 << 36)
    (root / "bundle").mkdir()
    (root / "bundle" / "bertport.json").write_text('{"a":' * DEEP)
    return [
        {"name": "a gzip bomb of rows", "read": "table", "folder": "bomb.csv.gz"},
        {"name": "a gzip bomb of texts", "read": "texts", "folder": "bomb.txt.gz"},
        {"name": "a deep row", "read": "table", "folder": "deep.jsonl"},
        {"name": "a pipe for a record", "read": "record", "folder": "pipe.json"},
        {"name": "a record of holes", "read": "record", "folder": "holes.json"},
        {"name": "a deep record", "read": "record", "folder": "deep.json"},
        {"name": "a deep manifest", "read": "bundle", "folder": "bundle"},
        {"name": "a tensor a million times", "read": "tflite", "folder": "often.tflite"},
        {"name": "a .tflite of holes", "read": "tflite", "folder": "holes.tflite"},
    ]


FILES = ("a gzip bomb of rows", "a gzip bomb of texts", "a deep row", "a pipe for a record", "a record of holes")
FILES += ("a deep record", "a deep manifest", "a tensor a million times", "a .tflite of holes")


def test_the_honest_checkpoint_is_read_within_the_same_bounds(answers):
    assert answers["honest"]["outcome"] == "read"


@pytest.mark.parametrize("name", [*CONFIGS, *CHECKPOINTS, *FILES])
def test_it_ends_in_our_error_within_500_megabytes(answers, name):
    outcome = answers[name]["outcome"]
    assert outcome == "read" if name in HARMLESS else outcome.startswith("refused: ")
    assert "\n" not in outcome


def test_more_labels_than_the_classifier_has_are_not_made(make_checkpoint, edit_config, tmp_path):
    """transformers makes a name for each of num_labels where none are given."""
    folder = make_checkpoint()
    edit_config(folder, id2label=None, label2id=None, num_labels=10**9)
    with pytest.raises(BertportError, match="num_labels"):
        export(Request(str(folder), destination=tmp_path / "out"))


def test_a_pickle_is_refused_under_a_torch_that_runs_its_code(make_checkpoint, monkeypatch):
    from exporter.checkpoint.checkpoint import load
    from exporter.checkpoint.source import Source

    folder = make_checkpoint()
    pickled(folder, {})
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(BertportError, match="CVE-2025-32434"):
        load(Source("folder", "x", None, folder), allow_pickle=True)


def test_of_a_card_of_holes_only_the_beginning_is_read(make_checkpoint):
    folder = make_checkpoint()
    with (folder / "README.md").open("wb") as card:
        card.write(b"---\nlicense: mit\n---\n")
        card.truncate(3 << 30)
    checkpoint = load(resolve(str(folder), HubOptions()))
    tracemalloc.start()
    assert checkpoint.authorship == ("", "mit")
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
