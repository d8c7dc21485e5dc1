"""Which tokenizers are refused, each by name with a next step; and which are read without transformers."""

import json

import pytest
import transformers

from benchmarks.models.tokenizer_files import (
    edit_settings,
    save_tokenizer,
    write_json,
    write_settings,
    write_vocabulary,
)
from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer
from runtimes.backends.pytorch.tokenizer import TransformersTokenizer
from runtimes.backends.pytorch.tokenizer_source import TokenizerSource
from runtimes.errors import BertportError, CheckpointError, UnsupportedError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"]
ROWS = len(PIECES) + 4


def vocabulary(folder, pieces=PIECES):
    write_vocabulary(folder, pieces)


def saved(folder, pieces=PIECES, **values):
    save_tokenizer(folder, pieces, **values)


def read(folder, rows=ROWS, **changes):
    return read_tokenizer(folder, Reader("BertTokenizer", ("input_ids", "token_type_ids"), rows, **changes))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BertJapaneseTokenizer", "runs in Python alone"),
        ("BertweetTokenizer", "runs in Python alone"),
        ("CanineTokenizer", "runs in Python alone"),
        ("OurOwnTokenizer", "expected one that transformers"),
    ],
)
@pytest.mark.parametrize("place", ["config.json", "tokenizer_config.json"])
def test_a_class_that_gives_no_tokenizer_json_is_refused_by_name(tmp_path, name, reason, place):
    vocabulary(tmp_path)
    if place == "tokenizer_config.json":
        write_settings(tmp_path, tokenizer_class=name)
    with pytest.raises(UnsupportedError, match=f"tokenizer_class {name}.*{reason}.*save_pretrained"):
        read(tmp_path, config_class=name if place == "config.json" else None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split_special_tokens": True}, "split_special_tokens.*remove it"),
        ({"tokenizer_class": 5}, "tokenizer_class 5, expected a text"),
        ({"auto_map": {"AutoTokenizer": ["x.X", None]}}, "auto_map asks for code"),
        ({"mask_token": {"content": "[MASK]"}}, "transformers .* cannot read the tokenizer .*mask_token"),
        ({"added_tokens_decoder": {"x": 1}}, "transformers .* cannot read the tokenizer"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused_in_one_line(tmp_path, values, message):
    vocabulary(tmp_path)
    write_settings(tmp_path, **values)
    with pytest.raises(BertportError, match=message) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


def test_tokens_of_the_checkpoint_that_the_table_lacks_are_refused(tmp_path):
    vocabulary(tmp_path)
    write_json(tmp_path / "added_tokens.json", {"<e1>": len(PIECES), "<e2>": len(PIECES) + 1})
    with pytest.raises(CheckpointError, match=r"10 entries and the embedding table 9 rows.*resize_token_embeddings"):
        read(tmp_path, rows=len(PIECES) + 1)


def test_a_role_that_only_transformers_fills_needs_no_row(tmp_path):
    vocabulary(tmp_path, [piece for piece in PIECES if piece != "[MASK]"])
    found = read(tmp_path, rows=len(PIECES) - 1)
    assert found.tokenizer.token_to_id("[MASK]") is None
    assert found.size == len(PIECES) - 1


def test_usual_files_need_no_transformers(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.checkpoint.tokenizer.reading.open_in_subprocess", None)
    vocabulary(tmp_path)
    assert read(tmp_path).tokenizer.encode("the cat").ids == [2, 5, 6, 3]
    saved(tmp_path)
    assert read(tmp_path).tokenizer.encode("the cat").ids == [2, 5, 6, 3]
    edit_settings(tmp_path, extra_special_tokens=["[E1]"])
    with pytest.raises(TypeError):
        read(tmp_path)


def test_roles_that_the_map_alone_tells_are_told_in_the_settings_too(tmp_path):
    vocabulary(tmp_path, ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "<pad>"])
    write_settings(tmp_path, do_lower_case=True)
    write_json(tmp_path / "special_tokens_map.json", {"pad_token": "<pad>"})
    found = json.loads(read(tmp_path).files["tokenizer_config.json"])
    assert (found["pad_token"], found["do_lower_case"]) == ("<pad>", True)


def test_a_bundle_keeps_the_files_that_say_the_same(tmp_path):
    saved(tmp_path)
    before = (tmp_path / "tokenizer.json").read_bytes()
    assert (read(tmp_path).files["tokenizer.json"], read(tmp_path).notes) == (before, ())
    edit_settings(tmp_path, do_lower_case=False)
    found = read(tmp_path)
    assert json.loads(found.files["tokenizer.json"])["normalizer"]["lowercase"] is False
    assert (
        "not what tokenizer.json says by itself: normalizer.lowercase: expected false, found true there"
        in found.notes[0]
    )


CONFIGS = {
    "a byte order mark": "\ufeff{}".encode(),
    "UTF-16": '{"model_type": "bert"}'.encode("utf-16"),
    "a version that is none": b'{"transformers_version": "ours"}',
    "a number for a version": b'{"transformers_version": 5}',
    "a list": b"[]",
}
"""What transformers alone reads in config.json, of more than 100,000 tokens."""


@pytest.mark.parametrize("content", CONFIGS.values(), ids=CONFIGS)
def test_a_large_vocabulary_asks_for_nothing_in_config_json(tmp_path, content, large):
    for path in large.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_bytes(content)
    made = TransformersTokenizer(TokenizerSource(tmp_path, "bert", "BertTokenizer"))
    assert made.encode(["the cats"]).ids.tolist() == [2, 5, 6, 7, 3]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    vocabulary(folder, PIECES + [f"piece{number}" for number in range(100_000)])
    return folder


class OddError(BaseException):
    """No Exception: what PyO3 raises for a panic is none either."""


OddError.__name__ = "PanicException"


@pytest.mark.parametrize("odd", [OddError("it\npanicked"), KeyError(), RecursionError("deep")])
def test_whatever_transformers_raises_becomes_one_line(tmp_path, odd, monkeypatch):
    def fails(*_, **__):
        raise odd

    vocabulary(tmp_path)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", fails)
    with pytest.raises(CheckpointError, match=r"transformers .* cannot read .*; put a tokenizer there") as error:
        TransformersTokenizer(TokenizerSource(tmp_path, "bert"))
    assert "\n" not in str(error.value)
