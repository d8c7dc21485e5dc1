"""A cut vocabulary: the same tokens for texts that keep theirs, smaller ones for the rest, and one model's numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import BertWordPieceTokenizer, Tokenizer

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import Trim, choose_entries, kept_ids, trim_checkpoint
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BertportError, UnsupportedError, UsageError
from runtimes.parity.compare import Verdict

KEPT_TEXTS = ("the cat runs in the market", "a dog sleeps", "a dog runs in the market", "the cat sleeps")


@pytest.fixture
def read(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


@pytest.fixture
def trimmed(read):
    return trim_checkpoint(read, choose_entries(read.tokenizer.tokenizer, Trim(KEPT_TEXTS)))


def test_pieces_of_the_texts_and_characters_stay_and_others_go(trimmed):
    pieces = trimmed.tokenizer.tokenizer.get_vocab()
    assert {"cat", "dog", "market", "[CLS]", "[MASK]", "a", "##z"} <= set(pieces)
    assert not {"team", "falls", "blue"} & set(pieces)
    assert trimmed.geometry.vocabulary == len(pieces)
    assert sorted(pieces.values()) == list(range(len(pieces)))


@pytest.mark.parametrize("text", [*KEPT_TEXTS, "[MASK] the cat [SEP]", "dog cat", ""])
def test_a_text_that_keeps_its_pieces_is_cut_as_before(read, trimmed, text):
    before, after = (one.tokenizer.tokenizer.encode(text, "a dog") for one in (read, trimmed))
    assert after.tokens == before.tokens
    assert after.type_ids == before.type_ids
    assert [after.ids[at] for at in range(len(after))] != before.ids or not text


def test_a_piece_that_went_falls_into_smaller_ones(trimmed):
    found = trimmed.tokenizer.tokenizer.encode("the team falls")
    assert found.tokens == "[CLS] the t ##e ##a ##m f ##a ##l ##l ##s [SEP]".split()
    assert trimmed.tokenizer.tokenizer.token_to_id("[UNK]") not in found.ids


def test_each_new_row_is_its_pieces_old_row(read, trimmed):
    old, new = (one.model.tensors["embeddings.word"].read() for one in (read, trimmed))
    for piece, number in trimmed.tokenizer.tokenizer.get_vocab().items():
        np.testing.assert_array_equal(new[number], old[read.tokenizer.tokenizer.token_to_id(piece)])


def test_files_say_the_new_numbers(trimmed):
    assert trimmed.config["vocab_size"] == trimmed.geometry.vocabulary
    pieces = trimmed.tokenizer.files["vocab.txt"].decode().split("\n")[:-1]
    vocabulary = Tokenizer.from_str(trimmed.tokenizer.files["tokenizer.json"].decode()).get_vocab()
    assert [vocabulary[piece] for piece in pieces] == list(range(len(pieces)))


def test_the_map_back_is_found_in_the_files(read, trimmed):
    kept = choose_entries(read.tokenizer.tokenizer, Trim(KEPT_TEXTS))
    np.testing.assert_array_equal(kept_ids(read.tokenizer.tokenizer, trimmed.tokenizer.tokenizer), kept)


def test_the_commonest_are_kept_first(read):
    tokenizer = read.tokenizer.tokenizer
    always = len(choose_entries(tokenizer, Trim(("the",)))) - 1
    kept = choose_entries(tokenizer, Trim(("the the cat", "cat the dog"), keep_entries=always + 2))
    pieces = {tokenizer.id_to_token(int(number)) for number in kept}
    assert {"the", "cat"} <= pieces
    assert "dog" not in pieces


def test_a_piece_must_occur_as_often_as_asked(read):
    kept = choose_entries(read.tokenizer.tokenizer, Trim(("the cat", "the dog"), min_count=2))
    pieces = {read.tokenizer.tokenizer.id_to_token(int(number)) for number in kept}
    assert "the" in pieces
    assert not {"cat", "dog"} & pieces


def test_texts_with_nothing_of_the_vocabulary_are_refused(read):
    with pytest.raises(UsageError, match="no entry beyond single characters"):
        choose_entries(read.tokenizer.tokenizer, Trim(("北京 ☃", "q z")))


def test_a_limit_below_the_characters_is_refused(read):
    with pytest.raises(UsageError, match="pass more"):
        choose_entries(read.tokenizer.tokenizer, Trim(KEPT_TEXTS, keep_entries=3))


def test_limits_without_texts_are_refused(tmp_path, capsys):
    assert main(["export", "demo", "--keep-tokens", "9", "-o", str(tmp_path / "out")]) == 2
    assert "--trim-vocabulary FILE" in capsys.readouterr().err


def test_a_piece_cannot_be_asked_to_occur_never(texts_file, tmp_path, capsys):
    given = ["--trim-vocabulary", str(texts_file), "--min-count", "0", "-o", str(tmp_path / "out")]
    assert main(["export", "demo", *given]) == 2
    assert "--min-count 0: expected 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["onnx", "coreml"])
def test_a_bundle_equals_the_whole_model_and_verifies_later(checkpoint, tmp_path, target):
    settings = Settings(options={"sequence_lengths": (24,) if target == "coreml" else ()}, trim=Trim(KEPT_TEXTS))
    request = Request(str(checkpoint), (target,), ("none",), tmp_path / "out", settings=settings, texts=KEPT_TEXTS)
    (done,) = export(request)
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert done.parity.max_absolute < 1e-4
    bundle = read_bundle(tmp_path / "out")
    verification = verify(Check(bundle, str(checkpoint), KEPT_TEXTS))
    parity = verification.parity
    assert parity.max_absolute == pytest.approx(done.parity.max_absolute, abs=1e-6)
    assert verification.explain().first is None
    assert (
        json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"]
        == bundle.manifest.recipe.vocabulary_size
    )


def test_golden_vectors_are_in_the_bundles_own_ids(checkpoint, tmp_path):
    request = Request(str(checkpoint), destination=tmp_path / "out", settings=Settings(trim=Trim(KEPT_TEXTS)))
    export(Request(**{**request.__dict__, "texts": KEPT_TEXTS}))
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    for vector in json.loads((tmp_path / "out" / "golden.json").read_text())["vectors"]:
        assert tokenizer.encode(vector["text"]).ids == vector["input_ids"]


def test_a_wrong_row_is_caught(checkpoint, tmp_path, monkeypatch):
    """The control: two rows of the table change places, and parity fails."""
    from exporter.checkpoint import vocabulary_trimming as vocabulary

    swap = vocabulary._Rows.read
    monkeypatch.setattr(vocabulary._Rows, "read", lambda self: swap(self)[::-1])
    request = Request(str(checkpoint), destination=tmp_path / "out", texts=KEPT_TEXTS)
    (done,) = export(Request(**{**request.__dict__, "settings": Settings(trim=Trim(KEPT_TEXTS))}))
    assert done.parity.verdict is Verdict.FAIL


def test_texts_that_all_lose_pieces_are_said(checkpoint, tmp_path):
    request = Request(
        str(checkpoint), destination=tmp_path / "out", texts=("team falls",), settings=Settings(trim=Trim(KEPT_TEXTS))
    )
    with pytest.raises(BertportError, match="nothing can be compared"):
        export(request)


def with_document(read, change):
    """The checkpoint with another tokenizer.json."""
    document = json.loads(read.tokenizer.files["tokenizer.json"])
    change(document)
    files = {**read.tokenizer.files, "tokenizer.json": json.dumps(document).encode()}
    return replace(read, tokenizer=replace(read.tokenizer, files=files))


def test_a_kind_without_smaller_entries_is_refused(read):
    other = with_document(read, lambda document: document["model"].update(type="WordLevel"))
    with pytest.raises(UnsupportedError, match=r"is a WordLevel; only WordPiece and byte-level BPE and Unigram can be"):
        trim_checkpoint(other, np.arange(10))


def test_a_model_that_answers_with_the_vocabulary_keeps_it(make_checkpoint):
    folder = make_checkpoint(architecture="BertForMaskedLM")
    masked = load(resolve(str(folder), HubOptions()))
    with pytest.raises(UnsupportedError, match="a fill-mask model answers with the whole vocabulary"):
        trim_checkpoint(masked, np.arange(10))


def test_every_place_that_has_an_id_gets_the_new_one(read):
    """Padding, a sequence of processors, and the decoder of tokenizer_config.json."""

    def change(document):
        document["padding"] = {
            "strategy": "BatchLongest",
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 4,
            "pad_type_id": 0,
            "pad_token": "[MASK]",
        }
        document["post_processor"] = {"type": "Sequence", "processors": [document["post_processor"]]}

    kept = choose_entries(read.tokenizer.tokenizer, Trim(KEPT_TEXTS))[::-1]
    settings = {"added_tokens_decoder": {"4": {"content": "[MASK]"}}}
    files = {**read.tokenizer.files, "tokenizer_config.json": json.dumps(settings).encode()}
    read = replace(read, tokenizer=replace(read.tokenizer, files=files))
    cut = trim_checkpoint(with_document(read, change), kept)
    number = {int(old): new for new, old in enumerate(kept)}
    document = json.loads(cut.tokenizer.files["tokenizer.json"])
    assert document["padding"]["pad_id"] == number[4]
    assert json.loads(cut.tokenizer.files["tokenizer_config.json"])["added_tokens_decoder"] == {
        str(number[4]): {"content": "[MASK]"}
    }
    assert cut.tokenizer.tokenizer.encode("the cat").ids[0] == number[2]
    assert cut.model.tensors["embeddings.word"].shape == (len(kept), 32)


def test_a_tokenizer_with_pieces_of_its_own_is_no_cut_one(read):
    other = Tokenizer.from_str(read.tokenizer.tokenizer.to_str())
    other.add_tokens(["zebra"])
    with pytest.raises(UnsupportedError, match="has entries that the checkpoint's has not"):
        kept_ids(read.tokenizer.tokenizer, other)


def test_special_pieces_stay_though_they_are_no_added_tokens(make_checkpoint, texts_file, tmp_path):
    folder = make_checkpoint()
    raw = json.loads(BertWordPieceTokenizer(str(folder / "vocab.txt")).to_str())
    (folder / "tokenizer.json").write_text(json.dumps(raw | {"added_tokens": []}))
    decoder = {str(number): {"content": piece} for number, piece in enumerate(("[PAD]", "[UNK]", "[CLS]"))}
    decoder["4"] = {"content": "[MASK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": decoder}))
    out = tmp_path / "out"
    assert main(["export", str(folder), "--trim-vocabulary", str(texts_file), "-o", str(out)]) == 0
    pieces = (out / "vocab.txt").read_text().splitlines()
    assert {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} < set(pieces)  # transformers adds them all
    told = json.loads((out / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    assert len(told) == 4
    assert all(pieces[int(number)] == token["content"] for number, token in told.items())


def test_a_padding_that_is_no_piece_is_refused(make_checkpoint, texts_file, edit_config, tmp_path, capsys):
    folder = make_checkpoint(vocab_size=120)
    edit_config(folder, pad_token_id=119)
    assert main(["export", str(folder), "--trim-vocabulary", str(texts_file), "-o", str(tmp_path / "out")]) == 3
    assert "pad_token_id 119 is no entry of the tokenizer; correct config.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_entries_in_another_order_are_no_trimmed_vocabulary(read):
    kept = choose_entries(read.tokenizer.tokenizer, Trim(("the cat", "a dog")))
    trimmed = trim_checkpoint(read, kept).tokenizer.tokenizer
    assert kept_ids(read.tokenizer.tokenizer, trimmed).tolist() == kept.tolist()
    raw = json.loads(trimmed.to_str())
    words = raw["model"]["vocab"]
    words["cat"], words["dog"] = words["dog"], words["cat"]
    with pytest.raises(UnsupportedError, match="numbers its entries in another order"):
        kept_ids(read.tokenizer.tokenizer, Tokenizer.from_str(json.dumps(raw)))


def test_a_model_without_a_table_of_positions_is_trimmed(write_family, tmp_path):
    folder = write_family(tmp_path / "c", "modernbert", "ModernBertForSequenceClassification")
    whole = load(resolve(str(folder), HubOptions()))
    trimmed = trim_checkpoint(whole, np.arange(whole.geometry.vocabulary - 20))
    assert trimmed.geometry.vocabulary == whole.geometry.vocabulary - 20
