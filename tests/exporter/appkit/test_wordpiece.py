"""tokenizer.json as a record: what is read, what is refused."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, processors
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from benchmarks.models.tokenizer_files import write_vocabulary
from exporter.appkit.wordpiece import Slot, read_wordpiece
from runtimes.errors import BundleError, UnsupportedError

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "##s"]


@pytest.fixture
def tokenizer(tmp_path):
    write_vocabulary(tmp_path, PIECES)
    return Tokenizer.from_str(BertWordPieceTokenizer(str(tmp_path / "vocab.txt")).to_str())


@pytest.fixture
def read(tmp_path):
    """Write a tokenizer, with its JSON changed by `edit`, and read it back."""

    def write(tokenizer, edit=None, config=None):
        raw = json.loads(tokenizer.to_str())
        if edit:
            edit(raw)
        (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config or {}))
        return read_wordpiece(tmp_path)

    return write


def test_the_record(tokenizer, read):
    found = read(tokenizer)
    assert found.pieces == tuple(PIECES)
    assert (found.unknown_id, found.prefix, found.max_word_scalars, found.pad_id) == (1, "##", 100, 0)
    assert found.clean_text
    assert found.strip_accents  # as lowercase says, where nothing is said
    assert found.single == (Slot(0, id=2), Slot(0, sequence=0), Slot(0, id=3))
    assert found.pair == (*found.single, Slot(1, sequence=1), Slot(1, id=3))
    assert [token.text for token in found.added] == PIECES[:5]
    assert found.vocabulary() == "".join(f"{piece}\n" for piece in PIECES).encode()


def test_settings_are_spelled_for_other_languages(tokenizer, read):
    settings = json.loads(json.dumps(read(tokenizer).settings()))
    assert settings["maxWordScalars"] == 100
    assert settings["single"] == [{"typeId": 0, "id": 2}, {"typeId": 0, "sequence": 0}, {"typeId": 0, "id": 3}]
    assert settings["added"][0]["singleWord"] is False
    assert "pieces" not in settings


def test_the_template_of_transformers_gives_the_same(tokenizer, read):
    before = read(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    assert read(tokenizer) == before


def test_added_tokens_are_searched_as_they_are_or_normalised(tokenizer, read):
    tokenizer.add_tokens([AddedToken("É!", normalized=True), AddedToken("É?", normalized=False, lstrip=True)])
    added = {token.text: token for token in read(tokenizer).added}
    assert "e!" in added
    assert added["É?"].lstrip
    assert (added["e!"].id, added["É?"].id) == (7, 8)


def test_gaps_and_line_feeds_leave_empty_lines(tokenizer, read):
    def edit(raw):
        raw["model"]["vocab"] |= {"dog": 9, "a\nb": 10, "x": 11}

    assert read(tokenizer, edit).pieces[7:] == ("", "", "dog", "", "x")


def test_truncation_as_the_checkpoint_has_it(tokenizer, read):
    assert (read(tokenizer).truncation_strategy, read(tokenizer).truncate_left) == ("longest_first", False)
    assert read(tokenizer, config={"truncation_side": "left"}).truncate_left
    tokenizer.enable_truncation(8, strategy="only_second")
    assert read(tokenizer).truncation_strategy == "only_second"


def change(part, value):
    return lambda raw: raw.update({part: value})


REFUSED = {
    "model": (lambda raw: raw["model"].update(type="Unigram"), "cannot be read"),
    "normalizer": (change("normalizer", {"type": "NFC"}), "its normalizer is NFC"),
    "pre_tokenizer": (change("pre_tokenizer", {"type": "Whitespace"}), "its pre_tokenizer is Whitespace"),
    "no pre_tokenizer": (change("pre_tokenizer", None), "its pre_tokenizer is None"),
    "post_processor": (
        change(
            "post_processor",
            {
                "type": "RobertaProcessing",
                "sep": ["[SEP]", 3],
                "cls": ["[CLS]", 2],
                "trim_offsets": True,
                "add_prefix_space": True,
            },
        ),
        "its post_processor is RobertaProcessing",
    ),
    "unknown token": (lambda raw: raw["model"]["vocab"].pop("[UNK]"), "[UNK]' is not in the vocabulary"),
}


@pytest.mark.parametrize(("edit", "words"), REFUSED.values(), ids=REFUSED)
def test_what_no_kit_does_is_refused_by_name(edit, words, tokenizer, read):
    with pytest.raises((UnsupportedError, BundleError)) as error:
        read(tokenizer, edit)
    assert words in str(error.value)


def test_without_a_normalizer_nothing_is_changed(tokenizer, read):
    found = read(tokenizer, lambda raw: raw.update(normalizer=None))
    assert not any((found.clean_text, found.chinese_characters, found.strip_accents, found.lowercase))


def test_without_a_template_the_texts_stand_alone(tokenizer, read):
    found = read(tokenizer, lambda raw: raw.update(post_processor=None))
    assert found.single == (Slot(0, sequence=0),)
    assert found.pair == (Slot(0, sequence=0), Slot(1, sequence=1))


@pytest.mark.parametrize("pair", ["[CLS] $A [SEP]", "[CLS] $A $A [SEP]", "$B $B $A"])
def test_a_template_that_does_not_take_every_text_once_is_refused(tokenizer, read, pair):
    special = [("[CLS]", 2), ("[SEP]", 3)]
    single = "[CLS] $A [SEP]"
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair="$A $B", special_tokens=special)

    def edit(raw):
        kinds = {"$A": {"Sequence": {"id": "A", "type_id": 0}}, "$B": {"Sequence": {"id": "B", "type_id": 1}}}
        steps = [kinds.get(one, {"SpecialToken": {"id": one, "type_id": 0}}) for one in pair.split()]
        raw["post_processor"]["pair"] = steps

    with pytest.raises(UnsupportedError, match=r"tokenizer\.json: its template does not take every text once"):
        read(tokenizer, edit)


def test_ids_far_beyond_the_vocabulary_make_no_list_of_that_length(tokenizer, read):
    with pytest.raises(ValueError, match="an id of 2,147,483,648 in a vocabulary of 8 pieces"):  # told by the kit
        read(tokenizer, lambda raw: raw["model"]["vocab"].update(dog=2**31))
