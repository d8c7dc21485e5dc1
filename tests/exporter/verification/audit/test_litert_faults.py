"""Faults of a saved LiteRT bundle are found by the audit alone, and what is wrong is named."""

import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.faults.litert_faults import every_fault
from benchmarks.faults.litert_file import Spoilt
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle
from runtimes.bundle.reading import read_bundle

DRAWN = 8
"""Of every bundle; `benchmarks/faults` draws many more, and measures what each changes."""


@pytest.fixture(scope="module")
def saved(checkpoint, checkpoint_of, load_checkpoint, save_litert, write_checkpoint, tmp_path_factory):
    """scheme, or scheme and kind → an untouched bundle with two types and square matrices.

    Of `lengths` it has two graphs, of `words` its word table is multiplied with too.
    """
    made = {}

    def get(scheme, kind="texts"):
        if (scheme, kind) not in made:
            place = tmp_path_factory.mktemp(f"{kind}-{scheme}")
            folder = checkpoint if kind != "words" else checkpoint_of("bert", "fill-mask")
            if kind == "tokens":
                folder = write_checkpoint(place / "checkpoint", architecture="BertForTokenClassification")
            settings = {"sequence_lengths": (13, 24)} if kind == "lengths" else {}
            made[scheme, kind] = save_litert(load_checkpoint(folder), place / "saved", scheme, **settings)
        return made[scheme, kind]

    return get


def findings(audited, fault, place):
    """What the audit says of a copy with one fault."""
    copy = shutil.copytree(audited.bundle.directory, place / "spoilt")
    fault(copy)
    found = audit_bundle(replace(audited, bundle=read_bundle(copy))).findings
    shutil.rmtree(copy)
    return found


WORDS, POSITIONS, TYPES = (f"embeddings.{table}.weight" for table in ("word", "position", "type"))
DENSE, KEY, HIDDEN = (f"layer.0.{layer}.weight" for layer in ("attention.dense", "attention.key", "dense"))
ROWS = ("two rows swapped", "rows shuffled", "a row zero")
NUMBERS = ("one value · 1.02", "one value · 1.5", "one value · −1", "one value NaN")
VALUES = [
    ("none", WORDS, (*ROWS, *NUMBERS)),
    ("none", POSITIONS, ("a row zero", "rows one off", "rows two off")),
    ("none", TYPES, ("two rows swapped",)),
    ("none", KEY, ("transposed", "halves swapped")),
    ("none", "layer.0.norm.gain", NUMBERS),
    ("none", "classifier.bias", ("all · 1.02", "one value · −1", "zeros")),
    ("fp16", f"{WORDS}.float16", (*ROWS, *NUMBERS)),
    ("fp16", f"{KEY}.float16", ("transposed", *NUMBERS)),
    ("int8", f"{WORDS}.int8", (*ROWS, "one value a step off")),
    ("int8", f"{WORDS}.scale", NUMBERS),
    ("int8", f"{KEY}.int8", ("transposed", "one value a step off", "rows one off")),
    ("int8-weights", f"{KEY}.int8", ("transposed", "one value a step off", "rows one off")),
    ("int4-embeddings", f"{WORDS}.int4", (*ROWS, "one value a step off")),
    ("int4-embeddings", f"{WORDS}.scale", NUMBERS),
    ("pq", f"{WORDS}.codes", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq", f"{WORDS}.book.float16", ("two rows swapped", "one value · 1.02", "one value NaN")),
    ("pq4", f"{WORDS}.codes", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq4", f"{WORDS}.book.int8", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq4", f"{POSITIONS}.codes", ("two rows swapped", "rows one off")),
    ("pq4", f"{POSITIONS}.book.float16", ("one value NaN",)),
    ("pq4", f"{DENSE}.int4", ("one value a step off", "reversed", "rows one off")),
]
"""Scheme, a stored tensor of a weight, and changes of it."""
SCALES = [
    *(("int8", f"{DENSE}.int8", f"scales: {how}") for how in (*NUMBERS, "all · 1.02", "reversed")),
    *(("int8", f"{DENSE}.int8", f"scales: {how}") for how in ("one zero point 3", "all zero points −1", "none")),
    *(("int8", f"{DENSE}.int8", f"scales: {how}") for how in ("of the other axis", "of the whole tensor")),
    *(("pq4", f"{DENSE}.int4", f"scales: {how}") for how in (*NUMBERS, "one zero point 3", "of the other axis")),
    *(
        ("int4-embeddings", f"{WORDS}.int4", f"scales: {how}")
        for how in ("half as many numbers a scale", "twice as many numbers a scale", "of another tensor", "none")
    ),
]
"""Scheme, a tensor of integers, and changes of what makes floats of it."""
PARTS = (".float16", ".int8", ".int4", ".scale", ".codes", ".book")
NAMED = [
    *((scheme, f"{tensor}: {how}") for scheme, tensor, changes in VALUES for how in changes),
    *((scheme, f"{tensor}, {how}") for scheme, tensor, how in SCALES),
    ("none", f"{WORDS}: another name"),
    ("none", f"{WORDS}: without values"),
    ("none", "lowest: -10.0"),
    ("none", "lowest: -inf"),
    ("none", "lowest: zeros"),
    ("none", "epsilon.1e-12: 1e-05"),
    ("none", "classifier: no bias"),
    ("int8", "layer.0.dense: no bias"),
    ("none", "layer.0.intermediate, approximate: flipped"),
    ("none", "layer.0.intermediate: RELU for GELU"),
    ("none", "layer.0.attention.scores.0: MUL for ADD"),
    ("none", "layer.0.attention.products.0: its first two inputs swapped"),
    ("none", "layer.0.attention.products.0, adjY: flipped"),
    ("none", "layer.0.attention.probabilities.0, beta: · 1.02"),
    ("none", "layer.0.attention.q.0: its results reversed"),
    ("none", "layer.0.attention.q.0, numSplits: one more"),
    ("none", "layer.0.attention.context: its first two inputs swapped"),
    ("int8", "layer.0.dense: version 13"),
    ("int8", "layer.0.dense, asymmetricQuantizeInputs: flipped"),
    ("int8", "layer.0.dense, keepNumDims: flipped"),
    ("int8", "layer.0.dense, fusedActivationFunction: one more"),
    ("int8", "layer.0.dense, quantizedBiasType: one more"),
    ("int8", "layer.0.dense, weightsFormat: one more"),
    ("int8", "layer.0.dense: without options"),
    ("int8", "layer.0.dense: another type"),
    ("int8", "layer.0.dense: of one size"),
    ("int8", "layer.0.dense: of 7 rows"),
    ("int8", "layer.0.attention.output: left out"),
    ("none", "layer.0.output: before layer.0.output.scaled"),
]
"""Scheme and fault; what is named is what the fault begins with, less how a weight is stored."""
ELSEWHERE = [
    ("none", "serving_default, attention_mask and token_type_ids trade names", "signature serving_default, inputs"),
    ("none", "serving_default, inputs input_ids: renamed", "signature serving_default, inputs"),
    ("none", "serving_default, outputs logits: another tensor", "signature serving_default, outputs"),
    ("none", "signature serving_default: another key", "signatures"),
    ("none", "signature serving_default: left out", "signatures"),
    ("none", "a signature more", "signatures"),
    ("none", "inputs reversed", "inputs"),
    ("none", "inputs input_ids: float32", "input_ids"),
    ("none", "an output more", "outputs"),
    ("none", "two operators more", "classifier"),
    ("none", "a tensor more", "another"),
    ("none", "a tensor twice", "classifier"),
    ("none", "a graph more", "graphs"),
    ("none", "a graph of another name", "graphs"),
    ("none", "a buffer more", "buffers"),
    ("none", "metadata more", "metadata min_runtime_version"),
    ("none", "described by another program", "description"),
    ("none", "id2label: reversed", "id2label"),
    ("none", "pad_id: 1", "pad_id"),
    ("int8", "labelled pq", f"{WORDS}.codes"),
]
"""Scheme, fault, and what is named."""


def weight_of(fault):
    """layer.0.dense.weight for "layer.0.dense.weight.int8, scales: none"."""
    name = fault.partition(": ")[0].partition(", ")[0]
    for part in PARTS:
        name = name.partition(f".weight{part}")[0] + ".weight" if f".weight{part}" in name else name
    return name


@pytest.mark.parametrize(
    ("scheme", "name", "subject"), [*((scheme, name, weight_of(name)) for scheme, name in NAMED), *ELSEWHERE]
)
def test_faults_are_named(saved, tmp_path, scheme, name, subject):
    audited = saved(scheme)
    (fault,) = (one for one in every_fault(audited.bundle.directory, 0) if one.name == name)
    named = [one.subject for one in findings(audited, fault.plant, tmp_path)]
    assert subject in named or any(one.startswith(f"{subject}.") for one in named)


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        *((scheme, kind) for scheme in TARGETS["litert"].schemes for kind in ("texts", "tokens")),
        *((scheme, "lengths") for scheme in ("none", "int8", "pq4")),
        *((scheme, "words") for scheme in ("int8", "int4-embeddings")),
    ],
)
def test_any_fault_is_found(saved, tmp_path, scheme, kind):
    audited = saved(scheme, kind)
    for fault in random.Random(f"{scheme} {kind}").sample(every_fault(audited.bundle.directory, 1), DRAWN):
        assert findings(audited, fault.plant, tmp_path), f"{fault.kind}: {fault.name}"


def swap_heads(model):
    """Two heads of one layer's query and key: scores of each are the other's."""
    for part in ("query", "key"):
        name = f"layer.0.attention.{part}.weight"
        model.write(name, np.roll(model.read(name), 16, axis=0))


def swap_feed_forward(model):
    """A layer's feed-forward is another one's, all of it."""
    for part in ("intermediate.dense", "dense"):
        for kind in ("weight", "bias"):
            model.write(f"layer.0.{part}.{kind}", model.read(f"layer.1.{part}.{kind}"))


def mask_ignored(model):
    """Every token is seen."""
    model.write("lowest", np.float32(0))


def mask_as_it_is(model):
    """Padding is seen, and tokens are not."""
    node = model.node("mask.hidden")
    node.inputs = list(node.inputs)[::-1]


def half_of_a_bias(model):
    """A bias of one number, elsewhere."""
    values = model.read("classifier.bias")
    values[0] += np.float32(1e-4)
    model.write("classifier.bias", values)


def skip_layer(model):
    """The second layer reads what the first one reads."""
    names = model.names()
    skipped, own = names.index("layer.0.output"), names.index("embeddings")
    for node in model.graph.operators:
        node.inputs = [own if at == skipped else at for at in node.inputs]


@pytest.mark.parametrize(
    ("spoil", "subjects"),
    [
        (swap_heads, ["layer.0.attention.query.weight", "layer.0.attention.key.weight"]),
        (swap_feed_forward, ["layer.0.intermediate.dense.weight", "layer.0.dense.bias"]),
        (mask_ignored, ["lowest"]),
        (mask_as_it_is, ["mask.hidden"]),
        (skip_layer, ["layer.1.attention.query", "layer.1.attention.sum"]),
        (half_of_a_bias, ["classifier.bias"]),
    ],
)
def test_faults_of_several_parts_are_named(saved, tmp_path, spoil, subjects):
    named = [one.subject for one in findings(saved("none", "tokens"), spoilt(spoil), tmp_path)]
    assert set(subjects) <= set(named)


def spoilt(spoil):
    def plant(folder):
        model = Spoilt(folder)
        spoil(model)
        model.save()

    return plant


def change_second(change):
    """Of the second graph alone."""

    def spoil(model):
        model.graph = model.model.subgraphs[1]
        change(model)

    return spoil


def own_buffer(model):
    """A copy of a bias where the graphs share one."""
    model.model.buffers.append(type(model.model.buffers[1])(model.read("classifier.bias").view(np.uint8)))
    model.tensor("classifier.bias").buffer = len(model.model.buffers) - 1


def other_scales(model):
    quantization = model.tensor(f"{DENSE}.int8").quantization
    quantization.scale = quantization.scale * np.float32(1.02)


def swap_signatures(model):
    one, other = model.model.signatureDefs
    one.signatureKey, other.signatureKey = other.signatureKey, one.signatureKey


@pytest.mark.parametrize(
    ("spoil", "subject"),
    [
        (change_second(own_buffer), "tokens_24: classifier.bias"),
        (change_second(other_scales), f"tokens_24: {DENSE}.int8"),
        (change_second(lambda model: model.turn(model.node("layer.0.dense"), "ADD", 1)), "tokens_24: layer.0.dense"),
        (swap_signatures, "signature tokens_13"),
        (lambda model: model.model.signatureDefs.reverse(), "signatures"),
        (lambda model: model.model.subgraphs.reverse(), "graphs"),
        (lambda model: model.model.subgraphs.pop(), "file"),
    ],
)
def test_faults_of_one_of_two_graphs_are_named(saved, tmp_path, spoil, subject):
    assert subject in [one.subject for one in findings(saved("int8", "lengths"), spoilt(spoil), tmp_path)]


@pytest.mark.parametrize(
    ("name", "subjects"),
    [
        *((f"{WORDS}.matrix, scales: {how}", {f"{WORDS}.matrix"}) for how in ("one value · 1.02", "reversed", "none")),
        (f"{WORDS}.matrix, scales: one zero point 3", {f"{WORDS}.matrix"}),
        (f"{WORDS}.scale: one value · 1.02", {WORDS, f"{WORDS}.matrix"}),
        (f"{WORDS}.scale: reversed", {WORDS, f"{WORDS}.matrix"}),
        (f"{WORDS}.int8: two rows swapped", {WORDS}),
    ],
)
def test_scales_of_a_table_that_is_multiplied_with_are_those_of_its_rows(saved, tmp_path, name, subjects):
    """They are there twice: a column beside the rows, and scales of the matrix that shares their integers."""
    audited = saved("int8", "words")
    (fault,) = (one for one in every_fault(audited.bundle.directory, 0) if one.name == name)
    assert {one.subject for one in findings(audited, fault.plant, tmp_path)} == subjects
