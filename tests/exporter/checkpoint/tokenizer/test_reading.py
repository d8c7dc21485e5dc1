"""Tokenizers of both kinds, made from the files of old checkpoints, and carried along for apps and older libraries."""

import json

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers.implementations.byte_level_bpe import ByteLevelBPETokenizer

from exporter.checkpoint.tokenizer.reading import Reader, open_tokenizer, read_tokenizer
from runtimes.errors import CheckpointError

TEXTS = ("the cat runs in the market", " a dog", "☃ Ünïcödé\n\t北京 <s> </s>", "", "zzz" * 9, "a<mask> b  <pad>")


@pytest.fixture
def roberta(write_family, tmp_path):
    return write_family(tmp_path / "roberta", "roberta", "RobertaForTokenClassification")


def reader(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    usual = {"tokenizer_class": "RobertaTokenizer", "inputs": ("input_ids",), "model_type": config["model_type"]}
    return Reader(**{**usual, "vocabulary": config["vocab_size"], **changes})


def test_bytes_and_merges_encode_as_in_transformers(roberta):
    ours = read_tokenizer(roberta, reader(roberta)).tokenizer
    theirs = transformers.RobertaTokenizer.from_pretrained(roberta)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"], text
    assert ours.encode("the cat", "a dog").ids == theirs("the cat", "a dog")["input_ids"]
    assert set(ours.encode("the cat", "a dog").type_ids) == {0}


def test_a_mask_takes_the_space_before_it_where_it_does_in_transformers(roberta):
    """In 4, with which such checkpoints were made; 5 leaves a token for the space unless the mask's object says so."""
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": False}
    for settings in ({}, {"mask_token": mask}):
        (roberta / "tokenizer_config.json").write_text(json.dumps(settings))
        ours = read_tokenizer(roberta, reader(roberta)).tokenizer.encode("the <mask>").ids
        assert ours == transformers.AutoTokenizer.from_pretrained(roberta)("the <mask>")["input_ids"]
    assert "Ġ" not in read_tokenizer(roberta, reader(roberta)).tokenizer.encode("the <mask>").tokens


def test_settings_of_the_config_are_kept(roberta):
    settings = {"add_prefix_space": True, "mask_token": "<mask>", "model_max_length": 48}
    (roberta / "tokenizer_config.json").write_text(json.dumps(settings))
    found = read_tokenizer(roberta, reader(roberta))
    assert found.tokenizer.encode("the").tokens[1].startswith("Ġ")
    assert settings.items() <= json.loads(found.files["tokenizer_config.json"]).items()


def test_the_other_files_can_be_made_from_either(roberta, tmp_path):
    made = read_tokenizer(roberta, reader(roberta))
    assert set(made.files) == {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json", "merges.txt",
    }  # fmt: skip
    config = json.loads(made.files["tokenizer_config.json"])
    assert config["tokenizer_class"] == "RobertaTokenizer"
    assert config["model_input_names"] == ["input_ids"]
    assert json.loads(made.files["special_tokens_map.json"])["mask_token"] == "<mask>"
    folder = tmp_path / "only-json"
    folder.mkdir()
    (folder / "tokenizer.json").write_bytes(made.files["tokenizer.json"])
    again = read_tokenizer(folder, reader(roberta)).files
    (folder / "vocab.json").write_bytes(again["vocab.json"])
    (folder / "merges.txt").write_bytes(again["merges.txt"])
    old = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    new = Tokenizer.from_str(made.files["tokenizer.json"].decode())
    assert old.encode(TEXTS[0]).ids == new.encode(TEXTS[0], add_special_tokens=False).ids


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vocab.json", "{"),
        ("vocab.json", '{"a": 0}'),
        ("merges.txt", "#version: 0.2\nx y z\n"),
        ("merges.txt", "zz qq\n"),
    ],
)
def test_damaged_bytes_and_merges(roberta, name, content):
    (roberta / name).write_text(content)
    with pytest.raises(CheckpointError, match=r"no byte-level BPE|cannot read the tokenizer") as error:
        read_tokenizer(roberta, reader(roberta))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"\xbc{", b"{", b"[" * 100_000])
def test_a_broken_vocabulary_beside_a_tokenizer_json_is_made_anew(roberta, content):
    honest = json.loads((roberta / "vocab.json").read_bytes())
    transformers.AutoTokenizer.from_pretrained(roberta).save_pretrained(roberta)
    (roberta / "vocab.json").write_bytes(content)
    assert json.loads(read_tokenizer(roberta, reader(roberta)).files["vocab.json"]) == honest


def test_merges_without_their_vocabulary(roberta):
    (roberta / "vocab.json").unlink()
    with pytest.raises(
        CheckpointError,
        match=r"no tokenizer; expected tokenizer\.json, or vocab\.txt, or vocab\.json with merges\.txt, or s",
    ):
        read_tokenizer(roberta, reader(roberta))


def test_wordpiece_is_called_after_its_family(write_family, tmp_path):
    folder = write_family(tmp_path / "d", "distilbert", "DistilBertForTokenClassification")
    inputs = ("input_ids", "attention_mask")
    found = read_tokenizer(folder, reader(folder, tokenizer_class="DistilBertTokenizer", inputs=inputs))
    config = json.loads(found.files["tokenizer_config.json"])
    assert (config["tokenizer_class"], config["model_input_names"]) == ("DistilBertTokenizer", list(inputs))
    assert {"vocab.txt"} == set(found.files) - {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}


def test_a_tokenizer_that_cannot_be_opened_is_refused_by_its_name(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        open_tokenizer(path)
    path.write_text('{"model": {"type": "WordPiece"}}')
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        open_tokenizer(path)
