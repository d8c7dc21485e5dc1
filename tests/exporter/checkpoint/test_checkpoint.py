"""What is wrong with a checkpoint is said in one line, all of it at once, before anything is written."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.checkpoint.weight_files import open_tensors, weight_files
from runtimes.errors import BertportError, CheckpointError, UnsupportedError


def read(folder, **options):
    return load(resolve(str(folder), HubOptions()), **options)


def test_a_checkpoint_is_read_whole(checkpoint):
    found = read(checkpoint)
    assert found.geometry.hidden == 32
    assert found.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert found.problem == "single_label_classification"
    assert {"config.json", "model.safetensors", "vocab.txt"} <= set(found.sha256)
    assert set(found.tokenizer.files) == {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "vocab.txt",
    }


CONFIG_ERRORS = {
    "another architecture": (
        {"model_type": "gpt2"},
        UnsupportedError,
        "model_type 'gpt2' is not supported; known: bert",
    ),
    "another head": ({"architectures": ["BertLMHeadModel"]}, UnsupportedError, "BertForSequenceClassification"),
    "no architecture": ({"architectures": None}, UnsupportedError, "architectures"),
    "relative positions": ({"position_embedding_type": "relative_key"}, UnsupportedError, "absolute"),
    "a decoder": ({"is_decoder": True}, UnsupportedError, "is_decoder"),
    "code": ({"auto_map": {"AutoModel": "x.Y"}}, UnsupportedError, "never done"),
    "an unknown activation": ({"hidden_act": "mish"}, UnsupportedError, "known: gelu"),
    "heads that do not divide": ({"num_attention_heads": 5}, CheckpointError, "not a multiple"),
    "a negative size": ({"hidden_size": -8}, CheckpointError, "hidden_size = -8"),
    "a size that is text": ({"intermediate_size": "64"}, CheckpointError, "intermediate_size = '64'"),
    "an impossible epsilon": ({"layer_norm_eps": 0}, CheckpointError, "layer_norm_eps = 0"),
    "too many labels": (
        {"id2label": {"0": "a", "1": "b", "2": "c", "3": "d"}},
        CheckpointError,
        "4 labels and the classifier 3",
    ),
    "too few labels": ({"id2label": {"0": "a"}}, CheckpointError, "1 labels and the classifier 3"),
    "holes in the labels": ({"id2label": {"0": "a", "1": "b", "3": "c"}}, CheckpointError, "without holes"),
    "a label twice": ({"id2label": {"0": "a", "1": "b", "2": "a"}}, CheckpointError, "twice"),
    "an unknown problem": ({"problem_type": "ranking"}, UnsupportedError, "ranking"),
    "a larger table in the config": (
        {"vocab_size": 90},
        CheckpointError,
        "misshaped bert.embeddings.word_embeddings.weight",
    ),
    "fewer layers in the config": ({"num_hidden_layers": 1}, CheckpointError, "unused bert.encoder.layer.1."),
    "more layers in the config": ({"num_hidden_layers": 3}, CheckpointError, "missing bert.encoder.layer.2."),
}


@pytest.mark.parametrize(("change", "kind", "words"), CONFIG_ERRORS.values(), ids=CONFIG_ERRORS)
def test_a_config_that_does_not_fit_is_refused(make_checkpoint, edit_config, change, kind, words):
    folder = make_checkpoint()
    edit_config(folder, **change)
    with pytest.raises(kind) as error:
        read(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_unused_and_misshaped_tensors_are_all_listed(make_checkpoint, edit_weights):
    folder = make_checkpoint()

    def change(tensors):
        del tensors["bert.pooler.dense.bias"]
        tensors["cls.extra"] = np.zeros(3, np.float32)
        tensors["classifier.weight"] = tensors["classifier.weight"][:, :7].copy()

    edit_weights(folder, change)
    with pytest.raises(CheckpointError) as error:
        read(folder)
    for words in ("missing bert.pooler.dense.bias", "unused cls.extra [3]", "misshaped classifier.weight", "(3)"):
        assert words in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(make_checkpoint, edit_weights, value):
    folder = make_checkpoint()
    edit_weights(folder, lambda t: t["bert.pooler.dense.weight"].__setitem__((0, 0), value))
    with pytest.raises(CheckpointError, match=r"NaN or infinity in bert\.pooler\.dense\.weight"):
        read(folder)


def test_position_ids_of_older_transformers_are_no_weight(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    edit_weights(folder, lambda t: t.update({"bert.embeddings.position_ids": np.arange(48)[None]}))
    assert read(folder).geometry.positions == 48


def to_gamma_and_beta(tensors):
    for name in [name for name in tensors if "LayerNorm" in name]:
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[old] = tensors.pop(name)


def test_names_of_2018_are_understood(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    gain = read(folder).model.tensors["embeddings.norm.gain"].read()
    edit_weights(folder, to_gamma_and_beta)
    np.testing.assert_array_equal(read(folder).model.tensors["embeddings.norm.gain"].read(), gain)


def test_a_tensor_under_both_names_is_refused(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    edit_weights(folder, lambda t: t.update({"bert.embeddings.LayerNorm.gamma": np.ones(32, np.float32)}))
    with pytest.raises(CheckpointError, match=r"embeddings\.LayerNorm\.weight is stored twice"):
        read(folder)


@pytest.mark.parametrize("size", [0, 7, 100, -20])
def test_a_truncated_file_is_refused(make_checkpoint, size):
    folder = make_checkpoint()
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read(folder)


def test_no_weights_at_all(make_checkpoint):
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no weights; expected model\.safetensors"):
        read(folder)


def test_integer_weights_are_refused(make_checkpoint, edit_weights):
    folder = make_checkpoint()
    edit_weights(folder, lambda t: t.update({"classifier.bias": np.zeros(3, np.int64)}))
    with pytest.raises(CheckpointError, match=r"classifier\.bias I64"):
        read(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_read(make_checkpoint, dtype):
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    folder = make_checkpoint()
    path = folder / "model.safetensors"
    stored = {name: value.to(dtype) for name, value in load_torch(path).items()}
    save_torch(stored, path, metadata={"format": "pt"})
    ours = read(folder).model.tensors["pooler.weight"].read()
    np.testing.assert_array_equal(ours, stored["bert.pooler.dense.weight"].float().numpy())


def test_shards_are_read_as_one(make_checkpoint):
    folder = make_checkpoint()
    whole = read(folder).model.tensors["pooler.weight"].read()
    shard(folder)
    found = read(folder)
    np.testing.assert_array_equal(found.model.tensors["pooler.weight"].read(), whole)
    assert {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"} <= set(found.sha256)


def shard(folder):
    tensors = load_file(folder / "model.safetensors")
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    halves = {name: names[number % 2] for number, name in enumerate(tensors)}
    for file in names:
        save_file({n: tensors[n] for n in tensors if halves[n] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": halves}))
    (folder / "model.safetensors").unlink()


def test_a_missing_shard_is_named(make_checkpoint):
    folder = make_checkpoint()
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"missing shards model-00002-of-00002\.safetensors"):
        read(folder)


@pytest.mark.parametrize(
    "index", ['{"weight_map": {"a": "../x.safetensors"}}', "{}", "[]", "nothing", '{"weight_map": {"a": 3}}']
)
def test_an_index_that_is_none_or_leads_out_is_refused(make_checkpoint, index):
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(CheckpointError, match="index"):
        read(folder)


def pickled(folder):
    tensors = {name: torch.from_numpy(value) for name, value in load_file(folder / "model.safetensors").items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def test_a_pickle_needs_leave(make_checkpoint):
    folder = make_checkpoint()
    whole = read(folder).model.tensors["pooler.weight"].read()
    pickled(folder)
    with pytest.raises(CheckpointError, match="--allow-pickle"):
        read(folder)
    np.testing.assert_array_equal(read(folder, allow_pickle=True).model.tensors["pooler.weight"].read(), whole)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_runs_nothing(make_checkpoint, tmp_path):
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    torch.save({"x": Payload(str(tmp_path / "ran"))}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="not a plain file of tensors"):
        read(folder, allow_pickle=True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", '"bert"', "[" * 100_000])
def test_a_config_that_is_no_object_is_refused(make_checkpoint, content):
    folder = make_checkpoint()
    (folder / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match="config"):
        read(folder)


def test_a_folder_without_config(tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        read(tmp_path)


def test_a_gliner_is_named(tmp_path):
    (tmp_path / "gliner_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"it is a GLiNER.*fine-tune a token classifier"):
        read(tmp_path)


def test_a_config_without_labels_gets_numbered_ones(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, id2label=None, label2id=None)
    found = read(folder)
    assert found.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert found.config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}


def test_one_output_is_a_score_unless_a_regression_is_said(make_checkpoint):
    silent, told = read(make_checkpoint(labels=1)), read(make_checkpoint("told", labels=1, problem_type="regression"))
    assert (silent.problem, silent.activation) == ("score", "sigmoid")
    assert (told.problem, told.activation) == ("regression", "none")


class TestTokenizer:
    def test_more_pieces_than_rows(self, make_checkpoint):
        folder = make_checkpoint()
        with (folder / "vocab.txt").open("a") as file:
            file.write("extra\n")
        with pytest.raises(CheckpointError, match="resize_token_embeddings"):
            read(folder)

    def test_far_fewer_pieces_than_rows_is_fine(self, make_checkpoint):
        found = read(make_checkpoint(vocab_size=300))
        assert (found.geometry.vocabulary, found.tokenizer.size) == (300, 79)
        assert "warning: the embedding table has 300 rows and the tokenizer 79 entries" in found.notes[-1]

    def test_a_padded_table_is_fine(self, make_checkpoint):
        assert read(make_checkpoint(vocab_size=128)).geometry.vocabulary == 128

    def test_none(self, make_checkpoint):
        folder = make_checkpoint()
        (folder / "vocab.txt").unlink()
        with pytest.raises(CheckpointError, match="no tokenizer"):
            read(folder)

    @pytest.mark.parametrize(
        ("name", "content"), [("tokenizer.json", "{}"), ("tokenizer_config.json", "[]"), ("tokenizer_config.json", "{")]
    )
    def test_damaged(self, make_checkpoint, name, content):
        folder = make_checkpoint()
        (folder / name).write_text(content)
        with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
            read(folder)

    def test_settings_of_a_bare_vocabulary_are_kept(self, make_checkpoint):
        folder = make_checkpoint()
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
        assert read(folder).tokenizer.tokenizer.encode("The the").tokens == ["[CLS]", "[UNK]", "the", "[SEP]"]


def test_every_refusal_is_ours(make_checkpoint):
    """Whatever single file is emptied, the error is one of ours."""
    whole = make_checkpoint("whole")
    for path in whole.iterdir():
        copy = shutil.copytree(whole, whole.parent / f"without-{path.name}")
        (copy / path.name).write_bytes(b"")
        if path.name != "generation_config.json":
            with pytest.raises(BertportError):
                read(copy)


def test_a_tensor_in_two_shards_is_refused(make_checkpoint):
    folder = make_checkpoint()
    shutil.copy(folder / "model.safetensors", folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors").rename(folder / "model-00002-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(CheckpointError, match=r"model-00002-of-00002\.safetensors: tensors stored in two shards: bert"):
        open_tensors(weight_files(folder, allow_pickle=False))


CAUSES = {
    "another prefix": (
        lambda t: {f"wrapped.{name}": value for name, value in t.items()},
        "Every name begins with 'wrapped.'",
    ),
    "fewer layers": (
        lambda t: {name: value for name, value in t.items() if ".layer.1." not in name},
        "config.json says 2 layers and the weights have 1",
    ),
    "no head": (
        lambda t: {name: value for name, value in t.items() if name.startswith("bert.")},
        "The encoder is whole and its head is not",
    ),
    "a larger table": (
        lambda t: t | {"bert.embeddings.word_embeddings.weight": np.ones((90, 32), np.float32)},
        "set vocab_size to those of the weights",
    ),
    "another size": (lambda t: {name: np.repeat(value, 2, axis=-1) for name, value in t.items()}, "of another size"),
    "another architecture": (lambda t: {f"h.{n}": v for n, v in enumerate(t.values())}, "Not one name is known"),
}


@pytest.mark.parametrize(("change", "cause"), CAUSES.values(), ids=CAUSES)
def test_of_many_tensors_three_are_named_and_a_cause_is_guessed(make_checkpoint, change, cause):
    folder = make_checkpoint()
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError) as error:
        read(folder)
    assert cause in str(error.value)
    assert len(str(error.value)) < 1_000
