"""Static embeddings of both libraries: what is read of their folders answers as they do, and what is refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from benchmarks.models.static_files import TOKENIZERS, write_model2vec, write_static
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.vocabulary_trimming import trim_checkpoint
from exporter.model.numpy_ops import trace
from exporter.verification.reference.session import reference_model
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import BertportError
from runtimes.runner import Batch

TEXTS = ("the cat runs in the market", "a", "ünï 中 zz", "the [CLS] cat ☃ the", "", "☃☃ 中", "team of red " * 20)


def read(folder):
    return load(resolve(str(folder), HubOptions()))


def batches(checkpoint):
    """Each text by itself; one without a token is one of padding."""
    tokenizer = checkpoint.tokenizer.tokenizer
    tokenizer.enable_truncation(checkpoint.max_tokens)
    rows = [tokenizer.encode(text).ids for text in TEXTS]
    ids = [np.array([row or [checkpoint.geometry.pad]]) for row in rows]
    return [Batch(one, np.full_like(one, bool(row)), np.zeros_like(one)) for one, row in zip(ids, rows, strict=True)]


def ours(folder):
    """The definition's embeddings of the texts, once they are those of the reference."""
    checkpoint = read(folder)
    model, reference = checkpoint.model, TorchRunner.of(reference_model(checkpoint))
    given = batches(checkpoint)
    found = [trace(model, one.ids, one.mask, None)["sentence_embedding"][0] for one in given]
    expected = [reference.run(one)["sentence_embedding"][0] for one in given]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    return np.array(found)


def model2vec(folder):
    """`StaticModel.encode` of Model2Vec 0.10 (model2vec/model.py), for texts that its limit of letters leaves whole."""
    tensors, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    settings = json.loads(tokenizer.to_str())["model"]
    unknown = settings.get("unk_id") if settings["type"] == "Unigram" else settings.get("unk_token")
    unknown = tokenizer.token_to_id(unknown) if isinstance(unknown, str) else unknown
    tokenizer.enable_truncation(config["max_length"])
    rows = []
    for text in TEXTS:
        ids = [one for one in tokenizer.encode(text, add_special_tokens=False).ids if one != unknown]
        table = tensors["embeddings"][tensors["mapping"][ids] if "mapping" in tensors else ids]
        table = table * tensors["weights"][ids][:, None] if "weights" in tensors else table
        mean = table.mean(0) if ids else np.zeros(table.shape[-1], np.float32)
        rows.append(mean / (np.linalg.norm(mean) + 1e-32) if config["normalize"] else mean)
    return np.array(rows, np.float32)


@pytest.mark.parametrize("where", ["0_StaticEmbedding", ""])
@pytest.mark.parametrize("rest", [(), ("Normalize",)])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_static_embedding_answers_as_sentence_transformers_does(tmp_path, tokenizer, rest, where):
    """Without special tokens, unknown ones counted; of no token zeros."""
    from sentence_transformers import SentenceTransformer

    folder = write_static(tmp_path / "c", tokenizer, where, rest)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(ours(folder), theirs, atol=1e-6)
    assert not theirs[TEXTS.index("")].any()


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_static_model_answers_as_model2vec_does(tmp_path, tokenizer, quantised, normalize):
    folder = write_model2vec(tmp_path / "c", tokenizer, quantised, normalize=normalize, max_length=24)
    np.testing.assert_allclose(ours(folder), model2vec(folder), atol=1e-6)


def test_the_definition_is_the_library_where_that_is_installed(tmp_path):
    """Without its limit of letters, which no tokenizer.json can say."""
    library = pytest.importorskip("model2vec")
    folder = write_model2vec(tmp_path / "c", quantised=True, max_length=400)
    np.testing.assert_allclose(model2vec(folder), library.StaticModel.from_pretrained(folder).encode(TEXTS), atol=1e-6)


def test_unknown_tokens_are_what_the_libraries_differ_in(tmp_path):
    """Of a text of them alone Model2Vec's answer is zeros, and sentence-transformers' their row."""
    found = ours(write_model2vec(tmp_path / "c", max_length=24))
    others = ours(write_static(tmp_path / "d", rest=("Normalize",)))
    assert not found[TEXTS.index("☃☃ 中")].any()
    assert others[TEXTS.index("☃☃ 中")].any()


def test_a_text_is_truncated_where_the_library_says(tmp_path):
    assert read(write_model2vec(tmp_path / "a")).max_tokens == 512
    assert read(write_model2vec(tmp_path / "b", max_length=None)).max_tokens == 8192
    assert read(write_static(tmp_path / "c")).max_tokens == 8192
    folder = write_static(tmp_path / "d")
    tokenizer = Tokenizer.from_file(str(folder / "0_StaticEmbedding" / "tokenizer.json"))
    tokenizer.enable_truncation(9, direction="left")
    tokenizer.save(str(folder / "0_StaticEmbedding" / "tokenizer.json"))
    assert (read(folder).max_tokens, read(folder).truncation_side) == (9, "left")


def test_a_trimmed_vocabulary_keeps_the_unknown_token(tmp_path):
    checkpoint = read(write_model2vec(tmp_path / "c"))
    kept = np.array([0, 1, 2, 3, 4, 10, 20])
    trimmed = trim_checkpoint(checkpoint, kept)
    assert trimmed.geometry.unknown == 1
    assert trimmed.config["unk_token_id"] == 1
    table = trimmed.model.tensors["embeddings.word"].read()
    np.testing.assert_array_equal(table, checkpoint.model.tensors["embeddings.word"].read()[kept])


def test_a_manifest_names_the_files_of_the_folder(tmp_path):
    made = read(write_static(tmp_path / "c"))
    own = {f"0_StaticEmbedding/{name}" for name in ("model.safetensors", "tokenizer.json")}
    assert {"modules.json", "config_sentence_transformers.json", *own} == set(made.sha256)


def edited(folder, **changes):
    path = folder / "model.safetensors"
    save_file({k: v for k, v in (load_file(path) | changes).items() if v is not None}, path)


def with_nan(rows):
    rows = rows.copy()
    rows[3, 3] = np.nan
    return rows


REFUSED = {
    "no table": (lambda t: {"embeddings": None}, "no embeddings; save it again"),
    "a tensor of another model": (lambda t: {"bias": np.zeros(3, np.float32)}, "'bias' is no tensor of static"),
    "a mapping beyond the table": (lambda t: {"mapping": t["mapping"] + 17}, "embeddings has 17; save the model again"),
    "a negative mapping": (lambda t: {"mapping": t["mapping"] - 20}, "mapping is no list of rows; save"),
    "a mapping of halves": (lambda t: {"mapping": t["weights"]}, "mapping is no list of rows; save"),
    "too few weights": (lambda t: {"weights": t["weights"][:5]}, r"weights [5], expected one for each of 77 entries"),
    "too short a mapping": (
        lambda t: {"mapping": t["mapping"][:9], "weights": t["weights"][:9]},
        "the tokenizer has 77 entries and the embedding table 9 rows",
    ),
    "NaN": (lambda t: {"embeddings": with_nan(t["embeddings"])}, "NaN or infinity in embedding.weight"),
    "a table of integers": (
        lambda t: {"embeddings": t["embeddings"].astype(np.int8)},
        "expected floating-point weights, found embeddings I8",
    ),
    "one row": (lambda t: {"embeddings": t["weights"], "weights": None}, "expected rows of numbers; save it again"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, change, words):
    folder = write_model2vec(tmp_path / "c", quantised=True)
    read(folder)
    edited(folder, **change(load_file(folder / "model.safetensors")))
    with pytest.raises(BertportError) as error:
        read(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"max_length": "long"}, "max_length 'long' is no number of tokens"),
        ({"normalize": 3}, "expected true or false"),
    ],
)
def test_a_config_that_says_something_else_is_refused(tmp_path, config, words):
    with pytest.raises(BertportError, match=words):
        read(write_model2vec(tmp_path / "c", **config))
