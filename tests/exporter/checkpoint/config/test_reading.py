"""What only transformers would act on in a config.json changes nothing, or one line says why not."""

import dataclasses
import json

import numpy as np
import pytest
import transformers

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.config.neutral import RESERVED, Neutral
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.families.registry import FAMILIES
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.verification.reference.reference import Reference
from runtimes.backends.pytorch.own_configs import config_for
from runtimes.errors import BertportError, CheckpointError, UnsupportedError
from runtimes.runner import full_batch

BATCH = full_batch(np.array([[2, 5, 6, 3]]))


def read(folder):
    return load(resolve(str(folder), HubOptions()))


def answer(folder):
    return Reference(read(folder)).loaded().run(BATCH)["logits"]


def loads_elsewhere(folder, tmp_path):
    """As Optimum and any other user of transformers reads what a bundle carries."""
    (tmp_path / "bundle").mkdir(exist_ok=True)
    (tmp_path / "bundle" / "config.json").write_text(json.dumps(read(folder).config, allow_nan=False))
    config = transformers.AutoConfig.from_pretrained(tmp_path / "bundle")
    made = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    return type(made(input_ids=transformers.modeling_utils.torch.tensor([[2, 5, 6, 3]]))).__name__


NEUTRAL = {
    "return_dict": {"return_dict": False},
    "use_return_dict": {"use_return_dict": False},
    "torchscript": {"torchscript": True},
    "use_cache": {"use_cache": "no"},
    "chunks": {"chunk_size_feed_forward": 7},
    "dtype": {"dtype": "foo"},
    "torch_dtype": {"torch_dtype": ["float32"]},
    "dropouts": {"hidden_dropout_prob": "0.1", "attention_probs_dropout_prob": [], "classifier_dropout": {}},
    "initializer_range": {"initializer_range": float("nan")},
    "a token": {"bos_token_id": "<s>", "eos_token_id": ["a"], "sep_token_id": -4},
    "layer_types": {"layer_types": ["no such"], "mlp_layer_types": 5},
    "outputs": {"output_attentions": True, "output_hidden_states": True},
    "no cross attention": {"add_cross_attention": 0, "is_decoder": None, "is_encoder_decoder": ""},
    "heads": {"pruned_heads": []},
    "checkpointing": {"gradient_checkpointing": "yes"},
    "rotations": {"rope_scaling": 5, "rope_theta": 1},
    "infinity": {"something": {"deep": [1, float("inf")]}},
    "methods": {"to_dict": 1, "__class__": "x", "attribute_map": {"a": 3}, "update": None},
    "another model's": {"text_config": 5, "decoder": [], "sub_configs": {}},
    "kernels": {"_attn_implementation": "flash_attention_2", "attn_implementation": "x"},
    "version": {"transformers_version": 5},
    "harmless": {"my_own_key": {"a": [1, None, "x"]}},
}


@pytest.mark.parametrize("change", NEUTRAL.values(), ids=NEUTRAL)
def test_what_decides_no_answer_changes_none(make_checkpoint, edit_config, tmp_path, change):
    folder = make_checkpoint()
    expected = answer(folder)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(config))
    np.testing.assert_array_equal(answer(folder), expected)
    assert loads_elsewhere(folder, tmp_path) == "SequenceClassifierOutput"


def test_what_is_harmless_stays_and_what_is_not_is_told(make_checkpoint, edit_config):
    folder = make_checkpoint()
    edit_config(folder, my_own_key={"a": 1}, return_dict=False, hidden_dropout_prob="0.1")
    found = read(folder)
    assert found.config["my_own_key"] == {"a": 1}
    assert not found.config.keys() & {"return_dict", "hidden_dropout_prob"}
    (note,) = found.notes
    assert all(key in note for key in ("return_dict", "hidden_dropout_prob"))
    assert read(make_checkpoint("untouched")).notes == ()


REFUSED = {
    "a text for a number": ({"hidden_size": "32"}, CheckpointError, "hidden_size = '32'"),
    "null": ({"vocab_size": ...}, CheckpointError, "vocab_size = None"),
    "NaN": ({"layer_norm_eps": float("nan")}, CheckpointError, "layer_norm_eps = nan"),
    "text for a switch": ({"tie_word_embeddings": "no"}, CheckpointError, "expected true or false"),
    "zero for a switch": ({"tie_word_embeddings": 0}, CheckpointError, "expected true or false"),
    "padding beyond": ({"pad_token_id": 4_000}, CheckpointError, "pad_token_id 4000 is no row of 79"),
    "types of millions": ({"type_vocab_size": 4_000_000}, CheckpointError, "from 1 to 1,024"),
    "positions of millions": ({"max_position_embeddings": 1 << 20}, CheckpointError, "from 1 to 8,192"),
    "true": ({"num_hidden_layers": True}, CheckpointError, "num_hidden_layers = True"),
    "a fraction": ({"num_hidden_layers": 2.0}, CheckpointError, "num_hidden_layers = 2.0"),
    "a decoder by text": ({"is_decoder": "false"}, UnsupportedError, "remove it"),
    "pruned heads": ({"pruned_heads": {"0": [1]}}, UnsupportedError, "pruned_heads is set"),
    "layers unlike each other": ({"per_layer_config": {"0": {"hidden_act": "relu"}}}, UnsupportedError, "alike"),
    "a quantizer": ({"quantization_config": {"bits": 4}}, UnsupportedError, "quantization_config"),
    "a nested quantizer": ({"text": {"quantization_config": {"bits": 4}}}, UnsupportedError, "quantization_config"),
    "architectures": ({"architectures": [5]}, CheckpointError, "expected a list of names"),
    "a long text": ({"hidden_act": "secret " * 99}, UnsupportedError, "hidden_act 'secret secret"),
}


@pytest.mark.parametrize(("change", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_what_decides_an_answer_is_right_or_refused(make_checkpoint, change, kind, words):
    folder = make_checkpoint()
    changed = {key: None if value is ... else value for key, value in change.items()}
    config = json.loads((folder / "config.json").read_text()) | changed
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(kind) as error:
        read(folder)
    assert words in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_what_else_json_may_be_in_is_read_and_written_in_utf_8(make_checkpoint, texts, tmp_path, encoding):
    folder = make_checkpoint()
    plain = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_bytes(plain.encode(encoding))
    (done,) = export(Request(str(folder), destination=tmp_path / "out", texts=texts[::5]))
    assert done.parity.verdict.value == "pass"
    assert json.loads((tmp_path / "out" / "config.json").read_bytes().decode("utf-8")) == json.loads(plain)


def test_two_names_of_one_number_are_read_and_must_agree(write_family, edit_config, tmp_path):
    folder = write_family(tmp_path / "c", "distilbert", "DistilBertForSequenceClassification")
    edit_config(folder, dim=None, hidden_size=32)
    assert read(folder).geometry.hidden == 32
    assert Reference(read(folder)).loaded().model.config.dim == 32
    edit_config(folder, dim=64)
    with pytest.raises(CheckpointError, match="dim = 64 and hidden_size = 32 are one number"):
        read(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_default_of_a_schema_is_what_the_reference_is_told(family):
    """The same config with them and without; what is not its class's own is read by its model, or by no one."""
    told, plain = FAMILIES[family].schema.read({}).for_reference(), config_for(family).to_dict()
    made = config_for(family, **told).to_dict()
    assert {key: made[key] for key in plain} == plain
    assert told.keys() - plain.keys() <= READ_BY_THE_MODEL.get(family, set())


READ_BY_THE_MODEL = {
    "mpnet": {"type_vocab_size"},
    "modernbert": {"global_attn_every_n_layers", "global_rope_theta", "local_rope_theta", "rope_scaling"},
    "deberta-v2": {
        *("position_buckets", "share_att_key", "norm_rel_ebd", "conv_kernel_size", "conv_groups", "conv_act"),
    },
}
"""Keys that a config class takes and does not declare."""


SAID_ELSEWHERE = {"id2label", "label2id", "problem_type", "architectures", "model_type"}
REFUSED_BY_THE_FAMILY = {"mobilebert": {"trigram_input", "use_bottleneck", "normalization_type"}}


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.in_transformers])
def test_every_field_of_a_config_class_is_read_or_known_to_change_nothing(family):
    """transformers checks the type of each: one that nobody looked at here would keep a bundle from loading there."""
    fields = {one.name for one in dataclasses.fields(transformers.CONFIG_MAPPING[family])}
    schema = FAMILIES[family].schema
    known = {*schema.model_fields, *schema.aliases, *Neutral.model_fields, *RESERVED, *SAID_ELSEWHERE}
    assert fields - known == REFUSED_BY_THE_FAMILY.get(family, set())


def test_every_name_of_a_config_class_is_reserved():
    """A key called like a method would take its place in whatever loads a bundle."""
    own = {name for name in dir(transformers.PretrainedConfig) if not name.startswith("_")}
    fields = set("architectures id2label label2id num_labels model_type problem_type transformers_version".split())
    assert own - fields - Neutral.model_fields.keys() - {"tie_word_embeddings"} <= RESERVED


def test_the_reference_reads_no_config_but_the_one_it_is_told(make_checkpoint):
    folder = make_checkpoint()
    told = Reference(read(folder))
    (folder / "config.json").unlink()
    assert told.loaded().run(BATCH)["logits"].shape == (1, 3)


def test_a_library_that_fails_is_told_in_one_line(make_checkpoint, monkeypatch):
    folder = make_checkpoint()
    reference = Reference(read(folder))

    def fails(*args, **settings):
        raise ZeroDivisionError("over\nlines")

    monkeypatch.setattr(transformers.BertForSequenceClassification, "from_pretrained", fails)
    with pytest.raises(BertportError, match=r"does not load it as .*: over lines; save the model again"):
        reference.loaded()


@pytest.mark.parametrize("key", ["trigram_input", "use_bottleneck"])
def test_one_is_no_switch_of_a_mobilebert(write_family, edit_config, tmp_path, key):
    folder = write_family(tmp_path / "c", "mobilebert", "MobileBertForSequenceClassification")
    edit_config(folder, **{key: 1})
    with pytest.raises(UnsupportedError, match=f"{key} 1 is not supported; only True is"):
        read(folder)
