"""Unigram tokenizers: read as AutoTokenizer makes them, in every layout; hostile ones are refused in one line."""

import json
from importlib.machinery import ModuleSpec

import pytest
import transformers

from benchmarks.models.tokenizer_files import TEXTS
from benchmarks.models.unigram_files import LAYOUTS, encoded_map, sentencepiece_model, trained, write_unigram
from exporter.checkpoint.tokenizer import reading
from exporter.checkpoint.tokenizer.reading import Reader, open_tokenizer, read_tokenizer
from exporter.checkpoint.tokenizer.sentencepiece import read_pieces
from exporter.checkpoint.tokenizer.unigram import UNIGRAM
from runtimes.errors import BertportError, CheckpointError, UnsupportedError

ODD = (
    *TEXTS[:3],
    "",
    " ",
    "▁ a▁b ▁▁ c ▁",
    "ＦＵＬＬ　ｗｉｄｔｈ １２ ﾊﾝｶｸ",
    "ﬁne ﬀ ① ㎏ ½ ﷺ x²",
    "decomposed cafe\u0301 a\u030a",
    "👩‍👩‍👧 🤖 \u200b\u00ad\ufeff",
    "北京 ไทย हिन्दी שלום Москва العربية",
    "<s> the cat</s> <mask>dog <unk> [CLS] [MASK]",
    "``the cat'' ran\tin\na line",
)


def reader(layout, rows):
    return Reader(LAYOUTS[layout].tokenizer_class, ("input_ids", "attention_mask"), rows, layout)


@pytest.fixture
def written(tmp_path):
    return lambda layout="xlm-roberta", **settings: (tmp_path, write_unigram(tmp_path, layout, **settings))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_text_has_the_ids_that_it_has_in_transformers(written, layout):
    folder, rows = written(layout)
    ours = read_tokenizer(folder, reader(layout, rows))
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    for text in ODD:
        assert ours.tokenizer.encode(text).ids == theirs(text)["input_ids"], text
    pair = ours.tokenizer.encode("the cat", "a dog")
    found = theirs("the cat", "a dog", return_token_type_ids=True)
    assert (pair.ids, pair.type_ids) == (found["input_ids"], found["token_type_ids"])
    assert ours.mask_token == LAYOUTS[layout].mask


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bundle_has_the_tokenizer_and_no_model_of_another_library(written, layout):
    folder, rows = written(layout)
    (folder / "spiece.model").write_bytes(b"whatever it says")
    found = read_tokenizer(folder, reader(layout, rows))
    assert set(found.files) == {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    assert json.loads(found.files["tokenizer_config.json"])["tokenizer_class"] == LAYOUTS[layout].tokenizer_class


def changed(folder, change):
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def model(**values):
    return lambda document: document["model"].update(values)


def entry(value):
    return lambda document: document["model"]["vocab"].__setitem__(7, value)


def normalizer(content):
    return lambda document: document.update(normalizer={"type": "Precompiled", "precompiled_charsmap": content})


HOSTILE = {
    "no unk_id": (model(unk_id=None), "unk_id None is no entry, .* set it to the number of <unk>"),
    "an unk_id that is no entry": (model(unk_id=10**6), "unk_id 1000000 is no entry"),
    "an unk_id that is true": (model(unk_id=True), "unk_id True is no entry"),
    "a score that is text": (entry(["the", "0"]), "expected a text .* and its score, a number for each entry, found"),
    "a score that is NaN": (entry(["the", float("nan")]), "its score, a number"),
    "a score that is endless": (entry(["the", float("-inf")]), "its score, a number"),
    "a score that takes all": (entry(["the", 1e300]), "its score, a number"),
    "a score that is true": (entry(["the", True]), "its score, a number"),
    "an entry without a score": (entry(["the"]), "its score, a number"),
    "an entry that is a number": (entry(5), "its score, a number"),
    "an entry of a million characters": (entry(["a" * 10**6, -1.0]), "at most 1,000 characters"),
    "a vocabulary that is none": (model(vocab={"the": 0}), "cannot be read"),
    "an empty vocabulary": (model(vocab=[]), "unk_id 3 is no entry"),
    "drawn at random": (model(alpha=0.1, nbest_size=-1), "alpha 0.1 draws the tokens of a text at random"),
    "a map that panics": (normalizer("AAAA"), "precompiled_charsmap: .*; save the tokenizer again"),
    "a map that is no base64": (normalizer("*"), "precompiled_charsmap: "),
    "a map that grows": (normalizer(encoded_map({"a": "b" * 20_000})), "a text up to 20,001 times longer"),
}


@pytest.mark.parametrize(("change", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_tokenizer_is_refused_in_one_line(written, change, words):
    folder, rows = written()
    open_tokenizer(folder / "tokenizer.json")  # the control: as it was written
    changed(folder, change)
    for read in (
        lambda: read_tokenizer(folder, reader("xlm-roberta", rows)),
        lambda: open_tokenizer(folder / "tokenizer.json"),
    ):
        with pytest.raises(CheckpointError, match=words) as error:
            read()
        assert "\n" not in str(error.value)


def test_a_quarter_of_a_million_entries_are_read(tmp_path):
    rows = write_unigram(tmp_path)
    added = [[f"▁word{number}", -20.0] for number in range(250_000)]
    changed(tmp_path, lambda document: document["model"]["vocab"].extend(added))
    found = open_tokenizer(tmp_path / "tokenizer.json")
    assert found.get_vocab_size() == rows + 250_000
    with pytest.raises(CheckpointError, match=rf"{rows + 250_000:,} entries and the embedding table {rows:,} rows"):
        read_tokenizer(tmp_path, reader("xlm-roberta", rows))


MODELS = {
    "nothing": (b"", "none of its 0 entries stands for what is unknown"),
    "text": (b"not a model at all", "is of no field|without end|none of its"),
    "a varint without end": (b"\x08" + b"\xff" * 20, "begins a number without end"),
    "a length beyond the file": (b"\x0a\xff\xff\xff\xff\x0f", "is of no field"),
    "an entry that is a number": (b"\x08\x01", "a number where an entry was expected"),
    "no unknown": (sentencepiece_model([("a", -1.0)])[16:], "stands for what is unknown|of no field"),
}


@pytest.mark.parametrize("name", ["sentencepiece.bpe.model", "spiece.model", "spm.model"])
@pytest.mark.parametrize(("content", "words"), MODELS.values(), ids=MODELS)
def test_a_damaged_model_of_sentencepiece_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}: not a SentencePiece model: .*({words})"):
        UNIGRAM.read_files(tmp_path)


def test_the_entries_of_a_model_of_sentencepiece_are_read():
    entries = trained(TEXTS, 60)
    assert read_pieces(sentencepiece_model(entries)) == ["<unk>", "<s>", "</s>", *(text for text, _ in entries)]


@pytest.fixture
def only_sentencepiece(tmp_path):
    (tmp_path / "spiece.model").write_bytes(sentencepiece_model(trained(TEXTS, 60)))
    return tmp_path


def test_a_model_of_sentencepiece_alone_needs_its_package(only_sentencepiece, monkeypatch):
    monkeypatch.setattr(reading, "find_spec", lambda _name: None)
    words = r"without tokenizer\.json, .* with the package sentencepiece: pip install sentencepiece, .*save_pretrained"
    with pytest.raises(UnsupportedError, match=words):
        read_tokenizer(only_sentencepiece, reader("albert", 100))


def test_where_the_package_is_transformers_is_asked(only_sentencepiece, monkeypatch):
    asked = []

    def ask(source):
        asked.append(source.directory)
        raise CheckpointError("asked")

    monkeypatch.setattr(reading, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setattr(reading, "open_in_subprocess", ask)
    with pytest.raises(CheckpointError, match="asked"):
        read_tokenizer(only_sentencepiece, reader("albert", 100))
    assert asked == [only_sentencepiece]


def test_a_model_of_sentencepiece_is_held_against_the_table(only_sentencepiece):
    with pytest.raises(BertportError, match="the embedding table 9 rows"):
        read_tokenizer(only_sentencepiece, reader("albert", 9))
