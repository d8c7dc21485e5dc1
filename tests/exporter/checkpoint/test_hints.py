"""Every folder and name that is no checkpoint is told with the next step."""

import re
import shutil

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.errors import BertportError


def refused(model):
    with pytest.raises(BertportError) as error:
        load(resolve(str(model), HubOptions(local_files_only=True)))
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("tf_model.h5", "from_tf=True"),
        ("flax_model.msgpack", "from_flax=True"),
        ("pytorch_model.bin.index.json", "a sharded pickle"),
        ("epoch=1.ckpt", "Lightning"),
        ("model.fp16.safetensors", "rename it to model.safetensors"),
        ("model.onnx", "an ONNX model already"),
        ("nothing.known", "save_pretrained, or download all of it"),
    ],
)
def test_weights_of_another_format_are_named_with_a_step(make_checkpoint, name, step):
    folder = make_checkpoint()
    (folder / "model.safetensors").rename(folder / name)
    assert step in refused(folder)


def test_a_folder_above_checkpoints_names_the_last(make_checkpoint):
    folder = make_checkpoint("runs/checkpoint-500").parent
    shutil.copytree(folder / "checkpoint-500", folder / "checkpoint-1500")
    assert f"pass {folder / 'checkpoint-1500'}" in refused(folder)


def test_a_folder_above_a_model_names_that(make_checkpoint):
    folder = make_checkpoint("above/model").parent
    assert f"pass {folder / 'model'}, which has one" in refused(folder)


def test_a_repository_of_the_hubs_cache_names_its_snapshot(make_checkpoint, tmp_path):
    snapshot = make_checkpoint("models--acme--tiny/snapshots/0123")
    assert f"pass {snapshot}" in refused(snapshot.parent.parent)
    shutil.rmtree(snapshot)
    assert "pass acme/tiny" in refused(snapshot.parent.parent)


def test_a_pointer_of_git_lfs_is_none_of_the_weights(make_checkpoint):
    folder = make_checkpoint()
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n")
    assert "run: git lfs pull" in refused(folder)


REMOTE = {
    "nomic": (
        {"model_type": "nomic_bert", "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--m.NomicBertModel"}},
        "NomicBERT runs code .*never done, and .* is NomicBertModel, no family here; pass nomic-ai/modernbert",
    ),
    "jina": (
        {"auto_map": {"AutoModel": "jinaai/jina-bert-implementation--modeling_bert.JinaBertModel"}},
        "Jina's BERT with ALiBi runs code .*, and transformers has no class for it; pass sentence-transformers",
    ),
    "jina 3": (
        {"model_type": "xlm-roberta", "auto_map": {"AutoModel": "jinaai/i--m.XLMRobertaFlashModel"}},
        "Jina's embeddings 3 runs code .* is JinaEmbeddingsV3Model, no family here",
    ),
    "gte": (
        {"model_type": "new", "architectures": ["NewModel"], "auto_map": {"AutoModel": "modeling.NewModel"}},
        "the GTE of 2024 runs code .* is GteModel, no family here; pass Alibaba-NLP/gte-modernbert-base",
    ),
    "none that is known": ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map asks for code from the checkpoint to be run"),
}


@pytest.mark.parametrize(("changes", "words"), REMOTE.values(), ids=REMOTE)
def test_a_model_whose_code_lies_beside_it_is_refused_by_name(make_checkpoint, edit_config, changes, words):
    folder = make_checkpoint()
    edit_config(folder, **changes)
    assert re.search(f"config.json: {words}", refused(folder))


def test_a_name_of_theirs_without_code_is_no_obstacle(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, _name_or_path="jinaai/jina-bert-small")
    load(resolve(str(folder), HubOptions()))


def test_the_config_of_2018_is_told(make_checkpoint):
    folder = make_checkpoint()
    (folder / "config.json").rename(folder / "bert_config.json")
    assert "write model_type and architectures into it" in refused(folder)


def test_a_config_without_a_model_type_is_told_which_there_are(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, model_type=None)
    assert "no model_type; write the one that it is: bert, distilbert" in refused(folder)


@pytest.mark.parametrize(
    ("model", "step"),
    [
        ("https://huggingface.co/acme/tiny-bert", "pass acme/tiny-bert"),
        ("https://huggingface.co/acme/tiny-bert/tree/main", "pass acme/tiny-bert"),
        ("hf://acme/tiny-bert", "pass acme/tiny-bert"),
        ("models--acme--tiny-bert", "pass acme/tiny-bert"),
        ("~/tiny-bert", "write the whole path"),
        ("C:\\Users\\me\\tiny-bert", "pass a checkpoint folder"),
        ("acme/tiny bert", "pass a checkpoint folder"),
    ],
)
def test_a_name_that_is_none_is_told_what_was_meant(model, step, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert step in refused(model)
