"""What is known of a kind of tokenizer stands in its file, and nothing else asks for it by name."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

import exporter
import runtimes
from exporter.checkpoint.tokenizer import kinds
from exporter.checkpoint.tokenizer.byte_level_bpe import BYTE_LEVEL_BPE
from exporter.checkpoint.tokenizer.kinds import KINDS, find_kind, kind_of_files
from exporter.checkpoint.tokenizer.unigram import UNIGRAM
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE

OWN = {Path(kinds.__file__).with_name(name) for name in ("wordpiece.py", "byte_level_bpe.py", "unigram.py")}
MODELS = {"WordPiece", "BPE", "Unigram", "WordLevel"}
FILES = {name for kind in KINDS for name in kind.files}
SOURCES = [path for package in (exporter, runtimes) for path in sorted(Path(package.__file__).parent.rglob("*.py"))]


def named(source: str) -> Iterator[str]:
    """Every text of a source but its docstrings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_other_module_names_a_tokenizer_model():
    found = {path: MODELS & set(named(path.read_text(encoding="utf-8"))) for path in SOURCES if path not in OWN}
    assert {path: names for path, names in found.items() if names} == {}
    assert all(MODELS & set(named(path.read_text(encoding="utf-8"))) for path in OWN)


def test_nothing_of_a_checkpoint_names_a_vocabulary_file():
    """App kits write a vocab.txt of their own, and so does a LiteRT file for MediaPipe."""
    reading = [path for path in SOURCES if not {"appkit", "mediapipe"} & set(path.parts) and path not in OWN]
    found = {path: FILES & set(named(path.read_text(encoding="utf-8"))) for path in reading}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("source", ['x["type"] == "BPE"', 'kinds = ("WordPiece",)', "match x:\n case 'Unigram': pass"])
def test_a_name_would_be_found(source):
    assert MODELS & set(named(source))


TOKENIZERS = {
    "WordPiece": (Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]")), WORDPIECE),
    "BPE": (Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])), BYTE_LEVEL_BPE),
    "Unigram": (Tokenizer(models.Unigram([("a", 0.0)], 0, False)), UNIGRAM),
}


@pytest.mark.parametrize(("tokenizer", "kind"), TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_kind_is_found_with_its_type_and_without(tokenizer, kind):
    model = json.loads(tokenizer.to_str())["model"]
    assert find_kind(model) is kind
    assert find_kind({key: value for key, value in model.items() if key != "type"}) is kind


@pytest.mark.parametrize("name", ["WordPiece", "BPE"])
def test_the_files_that_a_kind_writes_are_those_that_it_reads(tmp_path, name):
    tokenizer, kind = TOKENIZERS[name]
    model = json.loads(tokenizer.to_str())["model"]
    files = kind.write_files(model, tokenizer.get_vocab())
    assert tuple(files) == kind.files
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
        assert kind.agrees(file, content, model)
    assert kind.read_files(tmp_path) == tokenizer.get_vocab()
    other = {**model, "vocab": {**model["vocab"], "other": 3}}
    assert not kind.agrees(kind.files[0], files[kind.files[0]], other)


def test_a_folder_is_of_the_first_kind_whose_files_are_all_there():
    assert kind_of_files(["vocab.txt", "vocab.json", "merges.txt"]) is WORDPIECE
    assert kind_of_files(["vocab.json", "merges.txt"]) is BYTE_LEVEL_BPE
    assert kind_of_files(["vocab.json"]) is None
    assert kind_of_files(["spiece.model"]) is kind_of_files(["sentencepiece.bpe.model"]) is UNIGRAM


def test_every_kind_has_the_roles_that_models_read():
    for kind in KINDS:
        assert kind.special_tokens.keys() >= {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}
