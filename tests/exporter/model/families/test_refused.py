"""What is special to a family: its geometry, its positions, its variants; and what is refused, by name."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.models.seeded import WITH_LAYERS
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model import folding
from exporter.model.families.registry import FAMILIES
from exporter.model.numpy_ops import trace
from runtimes.backends.pytorch.own_configs import config_for
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.errors import BertportError, CheckpointError, UnsupportedError
from runtimes.runner import Batch


def read(folder, task="auto"):
    return load(resolve(str(folder), HubOptions()), task)


def batch(pad):
    """Full, padded on the right, padded on the left, with the padding's token inside, a single token, padding alone."""
    mask = np.ones((6, 11), np.int64)
    mask[1, 6:], mask[2, :5], mask[4, 1:], mask[5] = 0, 0, 0, 0
    ids = np.where(mask, np.random.default_rng(3).integers(5, 40, mask.shape), pad)
    ids[3, 4] = pad
    return Batch(ids, mask, np.zeros_like(ids))


def agree(folder, atol=2e-5, rows=slice(None)):
    model = read(folder).model
    inputs = batch(model.geometry.pad)
    ours = trace(model, inputs.ids, inputs.mask, inputs.types)
    runner = TorchRunner(folder, model.head.architecture, tuple(model.outputs), model.modules, inputs=model.inputs)
    theirs = runner.trace(inputs)
    for name in (*model.outputs, "embeddings"):
        np.testing.assert_allclose(ours[name][rows], theirs[name][rows], atol=atol)
    return ours


KINDS_OF_LAYERS = ("full_attention", "sliding_attention")
VARIANTS = {
    "no sinusoids": ("distilbert", {"sinusoidal_pos_embds": False, "activation": "relu", "n_heads": 4}),
    "as wide as the layers": ("electra", {"embedding_size": 32}),
    "another padding": ("roberta", {"pad_token_id": 3, "max_position_embeddings": 52}),
    "two types": ("roberta", {"type_vocab_size": 2}),
    "narrow attention": ("mobilebert", {"use_bottleneck_attention": True}),
    "one bottleneck": ("mobilebert", {"use_bottleneck_attention": True, "key_query_shared_bottleneck": False}),
    "no pooler": ("mobilebert", {"classifier_activation": False}),
    "one feed-forward, gelu": ("mobilebert", {"num_feedforward_networks": 1, "hidden_act": "gelu"}),
    "one type": ("mobilebert", {"type_vocab_size": 1}),
    "biases": ("modernbert", {"norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True}),
    "every layer global": ("modernbert", {"global_attn_every_n_layers": 1}),
    "layers by name": ("modernbert", {"layer_types": ["sliding_attention", "full_attention"] * 2}),
    "bases by kind": (
        "modernbert",
        {"rope_parameters": {kind: {"rope_type": "default", "rope_theta": 50.0} for kind in KINDS_OF_LAYERS}},
    ),
    "the old names of bases": ("modernbert", {"global_rope_theta": 300.0, "local_rope_theta": 20.0}),
    "a window of two": ("modernbert", {"local_attention": 2, "hidden_activation": "silu"}),
    "keys of their own": ("deberta-v2", {"share_att_key": False}),
    "to distances alone": ("deberta-v2", {"pos_att_type": "c2p"}),
    "from distances alone": ("deberta-v2", {"pos_att_type": ["p2c"], "share_att_key": False}),
    "no buckets": ("deberta-v2", {"position_buckets": -1, "max_relative_positions": 6}),
    "the table as it is": ("deberta-v2", {"norm_rel_ebd": "none"}),
    "contents alone": ("deberta-v2", {"relative_attention": False, "position_biased_input": True}),
    "types and positions": ("deberta-v2", {"type_vocab_size": 2, "position_biased_input": True}),
    "narrower tables": ("deberta-v2", {"embedding_size": 16}),
    "three layers, four heads": ("mpnet", {"num_hidden_layers": 3, "num_attention_heads": 4, "hidden_act": "relu"}),
    "a convolution": ("deberta-v2", {"conv_kernel_size": 3, "conv_act": "gelu"}),
    "a convolution in the only layer": ("deberta-v2", {"conv_kernel_size": 3, "num_hidden_layers": 1}),
    "another pooler": ("deberta-v2", {"pooler_hidden_act": "tanh"}),
    "groups of several layers": ("albert", {"num_hidden_layers": 5, "num_hidden_groups": 2, "inner_group_num": 2}),
    "groups that do not divide the layers": ("albert", {"num_hidden_layers": 5, "num_hidden_groups": 3}),
    "tables as wide as the layers of ALBERT": ("albert", {"embedding_size": 32}),
    "two types of XLM-RoBERTa": ("xlm-roberta", {"type_vocab_size": 2}),
    "another padding of CamemBERT": ("camembert", {"pad_token_id": 3, "max_position_embeddings": 52}),
}


@pytest.mark.parametrize(("family", "config"), VARIANTS.values(), ids=VARIANTS)
def test_variants_equal_pytorch(write_family, tmp_path, family, config):
    agree(write_family(tmp_path / "c", family, FAMILIES[family].heads[0].architecture, **config))


def test_a_mean_is_pooled_where_the_config_says_so(write_family, tmp_path):
    """Of a row of padding alone it is a division by zero in transformers."""
    folder = write_family(
        tmp_path / "c", "modernbert", "ModernBertForSequenceClassification", classifier_pooling="mean"
    )
    agree(folder, rows=slice(-1))
    with pytest.raises(AssertionError):
        agree(folder)


def test_the_newer_fill_mask_head_of_deberta(write_family, tmp_path):
    agree(write_family(tmp_path / "c", "deberta-v2", "DebertaV2ForMaskedLM", legacy=False), atol=2e-4)


def test_a_window_hides_what_is_far(write_family, tmp_path):
    """The control of every agreement above: without it nearly every answer is another."""
    folder = write_family(tmp_path / "c", "modernbert", "ModernBertForTokenClassification", num_hidden_layers=2)
    model, inputs = read(folder).model, batch(0)
    near = trace(model, inputs.ids[:1], inputs.mask[:1], None)["logits"]
    wide = replace(model, geometry=replace(model.geometry, reach=100))
    assert np.abs(trace(wide, inputs.ids[:1], inputs.mask[:1], None)["logits"] - near).max() > 0.01


def test_positions_are_counted_from_the_ids(write_family, tmp_path):
    """The same text, later in the row: the same answer, for padding has no position."""
    folder = write_family(tmp_path / "c", "roberta", "RobertaForTokenClassification")
    model, inputs = read(folder).model, batch(1)
    assert model.geometry.positions == 48
    assert model.tensors["embeddings.position"].shape == (50, 32)
    logits = agree(folder)["logits"]
    left, text = trace(model, inputs.ids[2:3], inputs.mask[2:3], None), inputs.ids[2:3, 5:]
    np.testing.assert_allclose(left["logits"][0], logits[2], atol=1e-5)
    alone = trace(model, text, np.ones_like(text), None)["logits"]
    np.testing.assert_allclose(alone[0], logits[2, 5:], atol=1e-5)


REFUSED = {
    "relative positions": ("roberta", {"position_embedding_type": "relative_key"}, UnsupportedError, "absolute"),
    "a decoder": ("electra", {"is_decoder": True}, UnsupportedError, "is_decoder"),
    "no trigram": ("mobilebert", {"trigram_input": False}, UnsupportedError, "trigram_input False"),
    "no bottleneck": ("mobilebert", {"use_bottleneck": False}, UnsupportedError, "use_bottleneck False"),
    "LayerNorm": ("mobilebert", {"normalization_type": "layer_norm"}, UnsupportedError, "only 'no_norm' is"),
    "wide attention": ("mobilebert", {"key_query_shared_bottleneck": False}, UnsupportedError, "both false"),
    "a switch that is text": ("mobilebert", {"use_bottleneck_attention": "yes"}, CheckpointError, "attention = 'yes'"),
    "heads": ("distilbert", {"n_heads": 5}, CheckpointError, "dim 32 is not a multiple of n_heads 5"),
    "heads of a bottleneck": ("mobilebert", {"num_attention_heads": 3}, CheckpointError, "intra_bottleneck_size 32"),
    "an activation": ("distilbert", {"activation": "mish"}, UnsupportedError, "activation 'mish'"),
    "no layers": ("distilbert", {"n_layers": 0}, CheckpointError, "n_layers = 0"),
    "groups that never run": ("albert", {"num_hidden_groups": 3}, CheckpointError, "num_hidden_groups 3 is more than"),
    "a thousand layers": ("albert", {"inner_group_num": 1000}, CheckpointError, "inner_group_num 1000 is more than"),
    "heads of ALBERT": ("albert", {"num_attention_heads": 5}, CheckpointError, "hidden_size 32 is not a multiple"),
    "padding beyond XLM-RoBERTa's": ("xlm-roberta", {"pad_token_id": 60}, CheckpointError, "leaves no position"),
    "padding beyond the positions": ("roberta", {"pad_token_id": 60}, CheckpointError, "leaves no position"),
    "scaled positions": (
        "modernbert",
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        UnsupportedError,
        "type 'yarn' are not supported",
    ),
    "scaled positions of one kind": (
        "modernbert",
        {"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}}},
        UnsupportedError,
        "type 'linear' are not supported",
    ),
    "a base that is text": (
        "modernbert",
        {"rope_parameters": {"full_attention": {"rope_theta": "1e4"}}},
        CheckpointError,
        "rope_theta = '1e4'",
    ),
    "a window and another": ("modernbert", {"sliding_window": 9}, CheckpointError, "not half of local_attention 8"),
    "too few kinds of layers": (
        "modernbert",
        {"layer_types": ["full_attention"]},
        CheckpointError,
        "layer_types names 1 layers, num_hidden_layers 4",
    ),
    "a kind of layer": ("modernbert", {"layer_types": ["chunked_attention"] * 4}, CheckpointError, "a list of sliding"),
    "heads that cannot turn": ("modernbert", {"num_attention_heads": 32}, CheckpointError, "cannot turn in pairs"),
    "another pooling": ("modernbert", {"classifier_pooling": "max"}, CheckpointError, "expected cls or mean"),
    "another padding of MPNet": ("mpnet", {"pad_token_id": 0}, UnsupportedError, "counts positions from 1"),
    "too few buckets": ("mpnet", {"relative_attention_num_buckets": 16}, CheckpointError, "16 is not 32"),
    "another kind of score": ("deberta-v2", {"pos_att_type": ["p2p"]}, UnsupportedError, "pos_att_type 'p2p'"),
    "narrower heads": ("deberta-v2", {"attention_head_size": 8}, UnsupportedError, "attention_head_size 8"),
    "a wide convolution": ("deberta-v2", {"conv_kernel_size": 5}, UnsupportedError, "a convolution of 5 tokens"),
    "another family": ("electra", {"model_type": "deberta"}, UnsupportedError, "bert, distilbert, electra, roberta"),
    "a pretraining head": ("electra", {"architectures": ["ElectraForPreTraining"]}, UnsupportedError, "ForMaskedLM"),
}


@pytest.mark.parametrize(("family", "change", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_supported_is_refused_by_name(write_family, edit_config, tmp_path, family, change, kind, words):
    folder = write_family(tmp_path / "c", family, FAMILIES[family].heads[0].architecture)
    edit_config(folder, **change)
    with pytest.raises(kind) as error:
        read(folder)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


ALIKE = ("bert", "modernbert")
"""ModernBERT stores the heads of both tasks alike: config.json alone says which it is."""


@pytest.mark.parametrize("family", [name for name in WITH_LAYERS if name not in ALIKE])
def test_a_head_that_the_weights_lack_and_one_that_they_add(write_family, edit_config, tmp_path, family):
    heads = {head.task.name: head.architecture for head in FAMILIES[family].heads}
    folder = write_family(tmp_path / "c", family, heads["question-answering"], labels=2)
    edit_config(folder, architectures=[heads["text-classification"]])
    with pytest.raises(CheckpointError, match=r"missing .*classifier.*unused qa_outputs"):
        read(folder)


@pytest.mark.parametrize("family", [name for name in WITH_LAYERS if name != "bert"])
def test_a_task_forced_on_another_head_is_refused(write_family, tmp_path, family):
    heads = {head.task.name: head.architecture for head in FAMILIES[family].heads}
    folder = write_family(tmp_path / "c", family, heads["token-classification"])
    for task in ("question-answering", "text-classification", "fill-mask", "multiple-choice"):
        with pytest.raises(BertportError):
            read(folder, task)


def test_what_old_roberta_stored_and_never_read_is_no_obstacle(write_family, edit_weights, tmp_path):
    folder = write_family(tmp_path / "c", "roberta", "RobertaForSequenceClassification")
    extra = {"weight": np.ones((32, 32), np.float32), "bias": np.ones(32, np.float32)}
    edit_weights(folder, lambda t: t.update({f"roberta.pooler.dense.{k}": v for k, v in extra.items()}))
    agree(folder)


def test_the_defaults_are_those_of_transformers():
    for name, family in FAMILIES.items():
        config = json.loads(config_for(name).to_json_string(use_diff=False))
        assert family.read_geometry({"model_type": name}) == family.read_geometry(config)


def test_no_norm_and_chained_layers_are_one_layer():
    random = np.random.default_rng(0)
    weight, bias, inner, inner_bias = (random.normal(size=s) for s in ((4, 6), (4,), (6, 5), (6,)))
    gain, shift, x = random.normal(size=4), random.normal(size=4), random.normal(size=5)
    folded, offset = folding.no_norm_into_linear(*folding.chain(weight, bias, inner, inner_bias), gain, shift)
    expected = gain * (weight @ (inner @ x + inner_bias) + bias) + shift
    np.testing.assert_allclose(folded @ x + offset, expected, atol=1e-12)
    assert np.abs(folded @ x - expected).max() > 1e-3


def test_a_padding_that_is_not_set_is_berts_own(make_checkpoint):
    folder = make_checkpoint()
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pad_token_id": None}))
    assert read(folder).model.geometry.pad == 0


@pytest.mark.parametrize(("key", "value"), [("summary_type", "mean"), ("summary_activation", "relu")])
def test_an_electra_that_makes_something_else_of_its_first_token_is_refused(
    tmp_path, write_family, edit_config, key, value
):
    folder = write_family(tmp_path / "electra", "electra", "ElectraForMultipleChoice")
    read(folder)
    edit_config(folder, **{key: value})
    with pytest.raises(UnsupportedError, match=f"config.json: {key} '{value}' is not supported; only"):
        read(folder)
