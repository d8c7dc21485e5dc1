"""A LoRA adapter is merged onto its base, and the merged model is what the export agrees with."""

import json
import shutil
import sys

import numpy as np
import peft
import pytest
import torch
from safetensors.numpy import load_file, save_file

from benchmarks.models.tokenizer_files import write_vocabulary
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.lora import read_adapter
from exporter.checkpoint.source import HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BertportError, CheckpointError, UnsupportedError
from runtimes.parity.compare import Verdict

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21.2's own


@pytest.fixture(scope="module")
def made(tmp_path_factory, write_checkpoint):
    """A base with a pooler, and an adapter of it with a classifier of its own."""
    import transformers

    place = tmp_path_factory.mktemp("adapters")
    base = write_checkpoint(place / "base", architecture="BertForPreTraining", labels=2)
    torch.manual_seed(1)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    settings = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=4,
        target_modules=["query", "value"],
        init_lora_weights=False,
        modules_to_save=["classifier"],
    )
    wrapped = peft.get_peft_model(model, settings)
    for name, weight in wrapped.named_parameters():
        if "classifier" in name:
            torch.nn.init.normal_(weight, std=0.5)
    wrapped.save_pretrained(place / "adapter")
    return place, wrapped.eval()


@pytest.fixture
def folders(made, tmp_path):
    """Copies that a test may change."""
    place, _ = made
    for name in ("base", "adapter"):
        shutil.copytree(place / name, tmp_path / name)
    edit(tmp_path / "adapter", base_model_name_or_path=str(tmp_path / "base"))
    return tmp_path / "base", tmp_path / "adapter"


def edit(adapter, **changes):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_merged_model_is_exported_and_agrees_with_base_and_adapter(made, texts, tmp_path):
    place, wrapped = made
    (done,) = export(Request(str(place / "adapter"), destination=tmp_path / "out", texts=texts[::3]))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    manifest = read_bundle(done.directory).manifest
    assert {"adapter/adapter_model.safetensors", "base/model.safetensors"} <= set(manifest.source_sha256)
    assert manifest.source_model == "adapter"
    assert len(manifest.labels) == 3
    vector = json.loads((done.directory / "golden.json").read_text())["vectors"][0]
    names = ("input_ids", "attention_mask", "token_type_ids")
    with torch.inference_mode():
        theirs = wrapped(**{name: torch.tensor([vector[name]]) for name in names}).logits[0]
    np.testing.assert_allclose(vector["logits"], theirs.numpy(), atol=1e-4)
    parity = verify(Check(read_bundle(done.directory), str(place / "adapter"), texts[:2])).parity
    assert parity.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("family", "kind"), [("roberta", "SEQ_CLS"), ("electra", "SEQ_CLS"), ("roberta", "QUESTION_ANS")]
)
def test_heads_of_every_name_bring_their_labels(write_family, tmp_path, few, family, kind):
    """Those called otherwise than `classifier`, with other rows than the base's config says; and bytes and merges."""
    import transformers

    rows = {"SEQ_CLS": 4, "QUESTION_ANS": 2}[kind]
    base = write_family(tmp_path / "base", family, {"roberta": "Roberta", "electra": "Electra"}[family] + "ForMaskedLM")
    makes = {"SEQ_CLS": "AutoModelForSequenceClassification", "QUESTION_ANS": "AutoModelForQuestionAnswering"}
    model = getattr(transformers, makes[kind]).from_pretrained(base, num_labels=rows)
    settings = peft.LoraConfig(task_type=kind, r=4, target_modules=["query", "value"], init_lora_weights=False)
    peft.get_peft_model(model, settings).save_pretrained(tmp_path / "adapter")
    (done,) = export(Request(str(tmp_path / "adapter"), destination=tmp_path / "out", texts=few))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    assert len(read_bundle(done.directory).manifest.labels) == (rows if kind == "SEQ_CLS" else 0)


def test_the_merged_folder_goes_with_its_reader(folders):
    source = resolve(str(folders[1]), HubOptions())
    folder = source.directory
    assert (folder / "model.safetensors").is_file()
    del source
    assert not folder.exists()


def test_an_adapter_with_a_tokenizer_brings_all_of_it(folders):
    base, adapter = folders
    (base / "added_tokens.json").write_text('{"of the base": 80}')
    (base / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert load(resolve(str(adapter), HubOptions())).tokenizer.tokenizer.token_to_id("of the base") is not None
    shutil.copy(base / "vocab.txt", adapter)
    found = load(resolve(str(adapter), HubOptions())).tokenizer.tokenizer
    assert found.token_to_id("of the base") is None
    assert found.encode("THE").tokens[1] == "the"


def test_a_base_beside_its_adapter_is_found(folders):
    base, adapter = folders
    shutil.move(base, adapter / "its-base")
    edit(adapter, base_model_name_or_path="its-base")
    assert load(resolve(str(adapter), HubOptions())).geometry.hidden == 32


def other_base(base, adapter, write_checkpoint):
    shutil.rmtree(base)
    write_checkpoint(base, architecture="BertForPreTraining", hidden_size=64)


def base_without_pooler(base, adapter, write_checkpoint):
    tensors = load_file(base / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    save_file(kept, base / "model.safetensors", metadata={"format": "pt"})


def tensor_without_a_place(base, adapter, write_checkpoint):
    tensors = load_file(adapter / "adapter_model.safetensors")
    name = "base_model.model.bert.encoder.layer.7.attention.self.query.lora_A.weight"
    save_file({**tensors, name: np.ones((4, 32), np.float32)}, adapter / "adapter_model.safetensors")


def no_classifier(base, adapter, write_checkpoint):
    tensors = load_file(adapter / "adapter_model.safetensors")
    save_file({n: t for n, t in tensors.items() if "classifier" not in n}, adapter / "adapter_model.safetensors")


def quantised_base(base, adapter, write_checkpoint):
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"load_in_4bit": True}}))


def two_adapters(base, adapter, write_checkpoint):
    (adapter / "other").mkdir()
    shutil.copy(adapter / "adapter_config.json", adapter / "other")


def a_model_too(base, adapter, write_checkpoint):
    shutil.copy(base / "model.safetensors", adapter)


def truncated(base, adapter, write_checkpoint):
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])


REFUSED = {
    other_base: (CheckpointError, "does not fit its base"),
    base_without_pooler: (CheckpointError, "neither base nor adapter has bert.pooler.dense.bias"),
    tensor_without_a_place: (CheckpointError, "no place in the base for base_model.model.bert.encoder.layer.7"),
    no_classifier: (CheckpointError, "classifier"),
    quantised_base: (UnsupportedError, "stored quantised"),
    two_adapters: (CheckpointError, "two adapters"),
    a_model_too: (CheckpointError, "a model (model.safetensors) and an adapter"),
    truncated: (CheckpointError, "not a whole safetensors file"),
}


@pytest.mark.parametrize(("change", "told"), REFUSED.items(), ids=[f.__name__ for f in REFUSED])
def test_what_does_not_fit_is_refused_by_name(folders, write_checkpoint, change, told):
    base, adapter = folders
    change(base, adapter, write_checkpoint)
    kind, words = told
    with pytest.raises(kind) as error:
        load(resolve(str(adapter), HubOptions()))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "only LORA"),
        ({"task_type": "CAUSAL_LM"}, "task_type 'CAUSAL_LM' is not supported"),
        ({"task_type": ["SEQ_CLS"]}, r"task_type \['SEQ_CLS'\] is not supported"),
        ({"base_model_name_or_path": None}, "no base_model_name_or_path"),
        ({"base_model_name_or_path": "/no/such/base"}, "is no folder and no hub id"),
    ],
)
def test_a_config_that_leads_nowhere_is_refused(folders, change, words):
    edit(folders[1], **change)
    with pytest.raises(BertportError, match=words):
        resolve(str(folders[1]), HubOptions())


def test_without_peft_the_command_to_get_it_is_told(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'bertport\[peft\]'"):
        resolve(str(folders[1]), HubOptions())


def test_a_revision_that_is_no_text_is_refused(folders):
    _, adapter = folders
    edit(adapter, revision=3)
    with pytest.raises(CheckpointError, match="revision"):
        resolve(str(adapter), HubOptions(local_files_only=True))


def test_an_adapter_one_folder_down_is_named(folders):
    _, adapter = folders
    with pytest.raises(CheckpointError, match=f"the adapter lies in {adapter.name}; pass {adapter}"):
        read_adapter(adapter.parent)


@pytest.mark.parametrize("base", ["{other}", "../other", "other", ".", "{adapter}"])
def test_a_base_that_is_an_adapter_is_refused(folders, monkeypatch, base):
    """Wherever it is found: another one, or the adapter itself, which would be looked for without end."""
    _, adapter = folders
    other = shutil.copytree(adapter, adapter.parent / "other")
    monkeypatch.chdir(adapter.parent)
    edit(adapter, base_model_name_or_path=base.format(other=other, adapter=adapter))
    with pytest.raises(CheckpointError, match="is an adapter too; merge that one first"):
        resolve(str(adapter), HubOptions())


def test_a_base_on_the_hub_that_is_an_adapter_is_refused(folders, monkeypatch):
    _, adapter = folders
    edit(adapter, base_model_name_or_path="owner/name")
    monkeypatch.setattr("exporter.checkpoint.source._snapshot", lambda *_: adapter)
    with pytest.raises(CheckpointError, match="its base owner/name is an adapter too"):
        resolve(str(adapter), HubOptions())


@pytest.fixture(scope="module")
def grown(tmp_path_factory, write_checkpoint):
    """Makes an adapter trained with two words more than its base has; the wrapped model and the folder."""
    import transformers

    def make(name, **settings):
        place = tmp_path_factory.mktemp(name)
        base = write_checkpoint(place / "base", architecture="BertModel", vocab_size=77)
        pieces = dict.fromkeys((base / "vocab.txt").read_text().split())  # of which two are there twice
        write_vocabulary(base, tuple(pieces))
        tokenizer = transformers.AutoTokenizer.from_pretrained(base)
        tokenizer.add_tokens(["covid", "<unit>"])
        torch.manual_seed(2)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        common = {"r": 4, "target_modules": ["query"], "init_lora_weights": False, "modules_to_save": ["classifier"]}
        wrapped = peft.get_peft_model(model, peft.LoraConfig(**{"task_type": "SEQ_CLS", **common, **settings}))
        for part, weight in wrapped.named_parameters():
            if "classifier" in part or "trainable_tokens" in part:
                torch.nn.init.normal_(weight, std=0.5)
        tokenizer.save_pretrained(place / "adapter")
        return wrapped.eval(), place / "adapter"

    return make


def agrees(wrapped, adapter, texts, tmp_path):
    (done,) = export(Request(str(adapter), destination=tmp_path / "out", texts=("a covid <unit> cat", *texts)))
    assert done.parity.verdict is Verdict.PASS, done.parity.failures
    vector = json.loads((done.directory / "golden.json").read_text())["vectors"][0]
    names = ("input_ids", "attention_mask", "token_type_ids")
    with torch.inference_mode():
        theirs = wrapped(**{name: torch.tensor([vector[name]]) for name in names}).logits[0]
    np.testing.assert_allclose(vector["logits"], theirs.numpy(), atol=1e-4)
    assert {77, 78} <= set(vector["input_ids"])


def test_added_tokens_whose_rows_are_saved_are_merged(grown, few, tmp_path):
    wrapped, adapter = grown("whole")
    wrapped.save_pretrained(adapter, save_embedding_layers=True)
    agrees(wrapped, adapter, few[:3], tmp_path)


def test_added_tokens_that_were_trained_alone_are_merged(grown, few, tmp_path):
    wrapped, adapter = grown("alone", trainable_token_indices={"word_embeddings": [5, 77, 78]})
    wrapped.save_pretrained(adapter, save_embedding_layers=False)
    agrees(wrapped, adapter, few[:3], tmp_path)


def test_added_tokens_without_values_are_told_with_a_next_step(grown):
    wrapped, adapter = grown("without")
    wrapped.save_pretrained(adapter, save_embedding_layers=False)
    with pytest.raises(CheckpointError, match=r"2 tokens more than the base's 77 rows.*save_embedding_layers=True"):
        load(resolve(str(adapter), HubOptions()))


def test_without_a_task_the_class_that_peft_names_is_taken(grown, few, tmp_path):
    wrapped, adapter = grown("untold", task_type=None)
    wrapped.save_pretrained(adapter, save_embedding_layers=True)
    assert json.loads((adapter / "adapter_config.json").read_text())["task_type"] is None
    agrees(wrapped, adapter, few[:3], tmp_path)
    edit(adapter, auto_mapping={"base_model_class": "os", "parent_library": "os"})
    with pytest.raises(UnsupportedError, match="task_type None is not supported; known: SEQ_CLS"):
        resolve(str(adapter), HubOptions())


@pytest.mark.parametrize("change", [{"r": "many"}, {"lora_alpha": None}, {"target_modules": 5}, {"rank_pattern": 3}])
def test_whatever_peft_raises_is_told_in_one_line(folders, change):
    edit(folders[1], **change)
    with pytest.raises(CheckpointError, match="does not fit its base") as error:
        load(resolve(str(folders[1]), HubOptions()))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [{"return_dict": False, "dtype": "foo", "initializer_range": None}, {"update": 1}])
def test_a_base_is_read_as_strictly_as_any_config(folders, change):
    path = folders[0] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert load(resolve(str(folders[1]), HubOptions())).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_size": "32"}))
    with pytest.raises(CheckpointError, match="hidden_size = '32'"):
        load(resolve(str(folders[1]), HubOptions()))


def test_no_error_names_the_folder_of_the_merged_model(folders):
    with (folders[0] / "vocab.txt").open("a") as vocabulary:  # more entries than the table has rows
        vocabulary.writelines(f"more{number}\n" for number in range(5000))
    with pytest.raises(CheckpointError) as error:
        load(resolve(str(folders[1]), HubOptions()))
    assert str(error.value).startswith("adapter")
    assert "bertport-merged" not in str(error.value)
