"""A cut vocabulary: the same pieces for texts that keep theirs, smaller ones for the rest, and one model's numbers."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from exporter.bundle import read_bundle
from exporter.checkpoint import load
from exporter.cli import main
from exporter.errors import BertportError, UsageError
from exporter.lowering import Settings
from exporter.pipeline import Request, export
from exporter.source import HubOptions, resolve
from exporter.verification import Check, verify
from exporter.vocabulary import Trim, choose_pieces, kept_ids, trim_checkpoint
from runtimes.parity import Verdict

KEPT_TEXTS = ("the cat runs in the market", "a dog sleeps", "a dog runs in the market", "the cat sleeps")


def quiet(_text):
    pass


@pytest.fixture
def read(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


@pytest.fixture
def trimmed(read):
    return trim_checkpoint(read, choose_pieces(read.tokenizer.tokenizer, Trim(KEPT_TEXTS)))


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
    kept = choose_pieces(read.tokenizer.tokenizer, Trim(KEPT_TEXTS))
    np.testing.assert_array_equal(kept_ids(read.tokenizer.tokenizer, trimmed.tokenizer.tokenizer), kept)


def test_the_commonest_are_kept_first(read):
    tokenizer = read.tokenizer.tokenizer
    always = len(choose_pieces(tokenizer, Trim(("the",)))) - 1
    kept = choose_pieces(tokenizer, Trim(("the the cat", "cat the dog"), keep_pieces=always + 2))
    pieces = {tokenizer.id_to_token(int(number)) for number in kept}
    assert {"the", "cat"} <= pieces
    assert "dog" not in pieces


def test_a_piece_must_occur_as_often_as_asked(read):
    kept = choose_pieces(read.tokenizer.tokenizer, Trim(("the cat", "the dog"), min_count=2))
    pieces = {read.tokenizer.tokenizer.id_to_token(int(number)) for number in kept}
    assert "the" in pieces
    assert not {"cat", "dog"} & pieces


def test_texts_with_nothing_of_the_vocabulary_are_refused(read):
    with pytest.raises(UsageError, match="no piece beyond single characters"):
        choose_pieces(read.tokenizer.tokenizer, Trim(("北京 ☃", "q z")))


def test_a_limit_below_the_characters_is_refused(read):
    with pytest.raises(UsageError, match="pass more"):
        choose_pieces(read.tokenizer.tokenizer, Trim(KEPT_TEXTS, keep_pieces=3))


def test_limits_without_texts_are_refused(tmp_path, capsys):
    assert main(["export", "demo", "--keep-pieces", "9", "-o", str(tmp_path / "out")]) == 2
    assert "--trim-vocabulary FILE" in capsys.readouterr().err


def test_a_piece_cannot_be_asked_to_occur_never(texts_file, tmp_path, capsys):
    given = ["--trim-vocabulary", str(texts_file), "--min-count", "0", "-o", str(tmp_path / "out")]
    assert main(["export", "demo", *given]) == 2
    assert "--min-count 0: expected 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["onnx", "coreml"])
def test_a_bundle_equals_the_whole_model_and_verifies_later(checkpoint, tmp_path, target):
    settings = Settings(trim=Trim(KEPT_TEXTS), sequence_lengths=(24,) if target == "coreml" else ())
    request = Request(str(checkpoint), (target,), ("none",), tmp_path / "out", settings=settings, texts=KEPT_TEXTS)
    (done,) = export(request, quiet)
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert done.parity.max_absolute < 1e-4
    bundle = read_bundle(tmp_path / "out")
    parity, explain = verify(Check(bundle, str(checkpoint), KEPT_TEXTS))
    assert parity.max_absolute == pytest.approx(done.parity.max_absolute, abs=1e-6)
    assert explain().first is None
    assert json.loads((tmp_path / "out" / "config.json").read_text())["vocab_size"] == bundle.manifest.recipe.pieces


def test_golden_vectors_are_in_the_bundles_own_ids(checkpoint, tmp_path):
    request = Request(str(checkpoint), destination=tmp_path / "out", settings=Settings(trim=Trim(KEPT_TEXTS)))
    export(Request(**{**request.__dict__, "texts": KEPT_TEXTS}), quiet)
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    for vector in json.loads((tmp_path / "out" / "golden.json").read_text())["vectors"]:
        assert tokenizer.encode(vector["text"]).ids == vector["input_ids"]


def test_a_wrong_row_is_caught(checkpoint, tmp_path, monkeypatch):
    """The control: two rows of the table change places, and parity fails."""
    from exporter import vocabulary

    swap = vocabulary._Rows.read
    monkeypatch.setattr(vocabulary._Rows, "read", lambda self: swap(self)[::-1])
    request = Request(str(checkpoint), destination=tmp_path / "out", texts=KEPT_TEXTS)
    (done,) = export(Request(**{**request.__dict__, "settings": Settings(trim=Trim(KEPT_TEXTS))}), quiet)
    assert done.parity.verdict is Verdict.FAIL


def test_texts_that_all_lose_pieces_are_said(checkpoint, tmp_path):
    request = Request(
        str(checkpoint), destination=tmp_path / "out", texts=("team falls",), settings=Settings(trim=Trim(KEPT_TEXTS))
    )
    with pytest.raises(BertportError, match="nothing can be compared"):
        export(request, quiet)
