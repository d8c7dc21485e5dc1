"""Trimming of byte-level BPE and of Unigram: a text whose tokens all stay keeps them, over thousands of texts."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer

from benchmarks.models.seeded import write_family, write_multilingual_bert
from benchmarks.models.tokenizer_files import write_byte_level_bpe
from benchmarks.models.unigram_files import trained, unigram
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.tokenizer.byte_level_bpe import BYTE_LEVEL_BPE
from exporter.checkpoint.tokenizer.kind import Trimming
from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer
from exporter.checkpoint.tokenizer.unigram import UNIGRAM
from exporter.checkpoint.vocabulary_trimming import Trim, choose_entries, kept_ids, trim_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.reference.default_texts import default_texts
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.errors import UnsupportedError, UsageError
from runtimes.parity.compare import Verdict

TEXTS = default_texts()
OF_TASK = TEXTS[: len(TEXTS) // 3]
"""By which entries are kept; of the others many texts keep some."""
KEPT_TEXTS = ("the cat runs in the market", "a dog sleeps", "a dog runs in the market", "the cat sleeps")


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """One of each kind, trained on real text."""
    folder = tmp_path_factory.mktemp("bpe")
    rows = write_byte_level_bpe(folder, TEXTS, size=2500, least_frequency=2)
    made = read_tokenizer(folder, Reader("RobertaTokenizer", ("input_ids",), rows + 10, "roberta")).tokenizer
    return {"BPE": plain(made), "Unigram": plain(unigram("xlm-roberta", trained(TEXTS, 2500)))}


def plain(tokenizer):
    """Without a processor: RoBERTa's takes spaces off the offsets."""
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | {"post_processor": None}))


KINDS = {"BPE": BYTE_LEVEL_BPE, "Unigram": UNIGRAM}


def shortened(tokenizer, kept, trimming: Trimming) -> Tokenizer:
    """The tokenizer with `kept` alone; ids in their order."""
    document = json.loads(tokenizer.to_str())
    number = {int(old): new for new, old in enumerate(kept)}
    document["model"] = trimming.kept(document["model"], number)
    for token in document["added_tokens"]:
        token["id"] = number[token["id"]]
    return Tokenizer.from_str(json.dumps(document))


def many_texts(count=4000):
    """Real words in any order, cut and joined anywhere, with odd characters between."""
    choice, words = random.Random(1), sorted({word for text in TEXTS for word in text.split()})
    odd = ["", " ", "▁", "é", "☃", "北京", "ａ", "-", "123", "\n"]
    for _ in range(count):
        parts = [choice.choice(words)[: choice.randint(1, 12)] for _ in range(choice.randint(1, 6))]
        yield "".join(f"{part}{choice.choice((' ', ' ', ' ', '', choice.choice(odd)))}" for part in parts)


def told_apart(tokenizer, shorter, kept):
    """Texts whose tokens all stay, and those of them that are tokenized otherwise."""
    stay, other = 0, []
    for text in (*TEXTS, *many_texts()):
        before = tokenizer.encode(text, add_special_tokens=False)
        if np.isin(before.ids, kept).all():
            stay += 1
            after = shorter.encode(text, add_special_tokens=False)
            if (after.tokens, after.offsets) != (before.tokens, before.offsets):
                other.append(text)
    return stay, other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [None, 700])
def test_a_text_whose_tokens_all_stay_keeps_them(tokenizers, kind, limit):
    tokenizer = tokenizers[kind]
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK), keep_entries=limit), tokenizer.token_to_id("<pad>"))
    assert limit is None or len(kept) <= limit
    assert len(kept) < tokenizer.get_vocab_size()
    stay, other = told_apart(tokenizer, shortened(tokenizer, kept, KINDS[kind].trimming), kept)
    assert stay > 500
    assert other == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_lost_a_token_has_smaller_ones_of_the_same_text(tokenizers, kind):
    tokenizer = tokenizers[kind]
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK), keep_entries=600), tokenizer.token_to_id("<pad>"))
    shorter = shortened(tokenizer, kept, KINDS[kind].trimming)
    lost = [text for text in TEXTS if not np.isin(tokenizer.encode(text, add_special_tokens=False).ids, kept).all()]
    assert lost
    for text in lost:
        before, after = (one.encode(text, add_special_tokens=False) for one in (tokenizer, shorter))
        assert "".join(after.tokens) == "".join(before.tokens)
        assert len(after.tokens) > len(before.tokens)


def test_merges_whose_parts_went_would_be_seen(tokenizers, monkeypatch):
    """The control: entries kept without what they are made of."""
    alone = replace(BYTE_LEVEL_BPE.trimming, parts=lambda _model: lambda _number: set())
    monkeypatch.setattr("exporter.checkpoint.vocabulary_trimming._trimming", lambda _document: alone)
    tokenizer = tokenizers["BPE"]
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK)), 1)
    _, other = told_apart(tokenizer, shortened(tokenizer, kept, alone), kept)
    assert other


def test_merges_in_another_order_would_be_seen(tokenizers):
    """The control: all merges of what stays, the last first."""
    tokenizer, trimming = tokenizers["BPE"], BYTE_LEVEL_BPE.trimming
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK)), 1)

    def turned(model, number):
        found = trimming.kept(model, number)
        return {**found, "merges": found["merges"][::-1]}

    assert told_apart(tokenizer, shortened(tokenizer, kept, replace(trimming, kept=turned)), kept)[1]


def test_scores_that_add_up_to_one_again_would_be_seen(tokenizers):
    """The control, and why scores stay as they were: a number more for each token, and more tokens win."""
    tokenizer, trimming = tokenizers["Unigram"], UNIGRAM.trimming
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK)), 1)

    def renormalised(model, number):
        found = trimming.kept(model, number)
        shares = [np.exp(score) for _, score in found["vocab"] if score < 0]
        gain = -np.log(np.sum(shares))
        assert gain > 0
        return {**found, "vocab": [[text, score + gain if score < 0 else score] for text, score in found["vocab"]]}

    assert told_apart(tokenizer, shortened(tokenizer, kept, replace(trimming, kept=renormalised)), kept)[1]


def test_the_least_score_stays_for_what_is_unknown():
    """What is unknown costs ten more than the least: with another least, `☃a` would be parted otherwise."""
    tokenizer = unigram("xlm-roberta", [("▁", -2.0), ("a", -3.0), ("☃a", -16.0), ("rare", -30.0), ("the", -1.0)])
    assert tokenizer.encode("☃a", add_special_tokens=False).tokens == ["▁", "☃a"]
    kept = choose_entries(tokenizer, Trim(("☃a the",)), 1)
    assert tokenizer.token_to_id("rare") in kept
    shorter = shortened(tokenizer, kept, UNIGRAM.trimming)
    assert shorter.encode("☃a", add_special_tokens=False).tokens == ["▁", "☃a"]


def test_bytes_stay_where_a_character_falls_into_them():
    entries = [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
    document = json.loads(unigram("xlm-roberta", [("▁", -2.0), ("the", -1.0), ("cat", -1.0), *entries]).to_str())
    document["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(document))
    kept = choose_entries(tokenizer, Trim(("the",)), 1)
    shorter = shortened(tokenizer, kept, UNIGRAM.trimming)
    assert "cat" not in shorter.get_vocab()
    assert shorter.encode("☃", add_special_tokens=False).tokens == ["▁", "<0xE2>", "<0x98>", "<0x83>"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_limit_has_no_room_for_goes_with_its_parts(tokenizers, kind):
    tokenizer = tokenizers[kind]
    with pytest.raises(UsageError, match="are special tokens and characters; pass more"):
        choose_entries(tokenizer, Trim(tuple(OF_TASK), keep_entries=20), 1)
    parts = KINDS[kind].trimming.parts(json.loads(tokenizer.to_str())["model"])
    kept = choose_entries(tokenizer, Trim(tuple(OF_TASK), keep_entries=500), 1)
    assert all(parts(number) <= {*kept.tolist()} for number in kept.tolist())


@pytest.mark.parametrize("key", ["continuing_subword_prefix", "end_of_word_suffix"])
def test_merges_with_marks_are_refused(tokenizers, key):
    document = json.loads(tokenizers["BPE"].to_str())
    document["model"][key] = "@@"
    with pytest.raises(UnsupportedError, match=f"--trim-vocabulary: tokenizer.json has {key} '@@'; leave it out"):
        BYTE_LEVEL_BPE.trimming.needed(document["model"])


CHECKPOINTS = {
    "roberta": lambda folder: write_family(folder, "roberta", "RobertaForSequenceClassification"),
    "xlm-roberta": lambda folder: write_family(folder, "xlm-roberta", "XLMRobertaForSequenceClassification"),
    "camembert": lambda folder: write_family(folder, "camembert", "CamembertForSequenceClassification"),
    "albert": lambda folder: write_family(folder, "albert", "AlbertForSequenceClassification"),
    "a BERT with XLM-RoBERTa's": write_multilingual_bert,
}


@pytest.fixture(scope="module", params=CHECKPOINTS)
def folder(request, tmp_path_factory):
    return CHECKPOINTS[request.param](tmp_path_factory.mktemp("checkpoint") / "c")


def read(folder):
    return load(resolve(str(folder), HubOptions()))


def test_a_bundle_equals_the_whole_model_and_verifies_later(folder, tmp_path):
    settings = Settings(trim=Trim(KEPT_TEXTS))
    request = Request(str(folder), ("onnx",), ("none",), tmp_path / "out", settings=settings, texts=KEPT_TEXTS)
    (done,) = export(request)
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert done.parity.max_absolute < 1e-4
    bundle = read_bundle(tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"]
    assert rows == bundle.manifest.recipe.vocabulary_size < read(folder).geometry.vocabulary
    verification = verify(Check(bundle, str(folder), KEPT_TEXTS))
    assert verification.parity.verdict is Verdict.PASS, verification.parity.failures
    assert verification.explain().first is None
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    for vector in json.loads((tmp_path / "out" / "golden.json").read_text())["vectors"]:
        assert tokenizer.encode(vector["text"]).ids == vector["input_ids"]


def test_the_map_back_is_found_in_the_files(folder):
    whole = read(folder)
    kept = choose_entries(whole.tokenizer.tokenizer, Trim(KEPT_TEXTS), whole.geometry.pad)
    trimmed = trim_checkpoint(whole, kept)
    np.testing.assert_array_equal(kept_ids(whole.tokenizer.tokenizer, trimmed.tokenizer.tokenizer), kept)
    assert trimmed.geometry.vocabulary == len(kept) < whole.geometry.vocabulary


@pytest.mark.parametrize("name", ["roberta", "xlm-roberta"])
def test_positions_counted_from_a_padding_that_moves_stay_those_of_the_text(name, tmp_path):
    """Without the entry before it the padding has another id, and the rows below it are nobody's."""
    whole = read(CHECKPOINTS[name](tmp_path / "c"))
    trimmed = trim_checkpoint(with_free_start(whole), np.arange(1, whole.geometry.vocabulary))
    table = trimmed.model.tensors["embeddings.position"]
    assert trimmed.geometry.pad == 0
    assert trimmed.config["max_position_embeddings"] == table.shape[0] == whole.config["max_position_embeddings"] - 1
    np.testing.assert_array_equal(table.read(), whole.model.tensors["embeddings.position"].read()[1:])


def with_free_start(checkpoint):
    """A checkpoint whose tokenizer's first entry is no special token."""
    document = json.loads(checkpoint.tokenizer.files["tokenizer.json"])
    document["added_tokens"] = [one for one in document["added_tokens"] if one["id"]]
    document["post_processor"] = None
    content = json.dumps(document)
    settings = json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}).encode()
    files = {**checkpoint.tokenizer.files, "tokenizer.json": content.encode(), "tokenizer_config.json": settings}
    tokenizer = replace(checkpoint.tokenizer, tokenizer=Tokenizer.from_str(content), files=files)
    return replace(checkpoint, tokenizer=tokenizer)
