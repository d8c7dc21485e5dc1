"""Faults of a saved ONNX bundle are found by the audit alone, and what is wrong is named."""

import random
import shutil
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.faults.onnx_faults import every_fault
from benchmarks.faults.onnx_file import Spoilt
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle
from runtimes.bundle.reading import read_bundle

DRAWN = 8
"""Of every bundle; `benchmarks/faults` draws many more, and measures what each changes."""


@pytest.fixture(scope="module")
def saved(checkpoint, load_checkpoint, save_onnx, write_checkpoint, tmp_path_factory):
    """scheme, or scheme and "tokens" → an untouched bundle with two types and square matrices."""
    made = {}

    def get(scheme, kind="texts"):
        if (scheme, kind) not in made:
            place = tmp_path_factory.mktemp(f"{kind}-{scheme}")
            folder = checkpoint
            if kind == "tokens":
                folder = write_checkpoint(place / "checkpoint", architecture="BertForTokenClassification")
            made[scheme, kind] = save_onnx(load_checkpoint(folder), place / "saved", scheme)
        return made[scheme, kind]

    return get


def findings(audited, fault, place):
    """What the audit says of a copy with one fault."""
    copy = shutil.copytree(audited.bundle.directory, place / "spoilt")
    fault(copy)
    found = audit_bundle(replace(audited, bundle=read_bundle(copy))).findings
    shutil.rmtree(copy)
    return found


WORDS = "embeddings.word.weight"
TABLES = [
    ("none", WORDS, ("two rows swapped", "rows shuffled", "a row zero", "one value NaN", "one value · 1.02")),
    ("fp16", f"{WORDS}.float16", ("two rows swapped", "rows shuffled", "one value NaN", "one value · 1.02")),
    ("int8", f"{WORDS}.int8", ("two rows swapped", "rows shuffled", "a row zero", "one value a step off")),
    ("int8", f"{WORDS}.scale", ("one value · 1.02", "one value · 1.5", "one value · −1", "one value NaN")),
    ("int4-embeddings", f"{WORDS}.int4", ("two rows swapped", "rows shuffled", "a row zero")),
    ("int4-embeddings", f"{WORDS}.scale", ("one value · 1.02", "one value · −1", "one value NaN")),
    ("pq", f"{WORDS}.codes", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq", f"{WORDS}.book.float16", ("two rows swapped", "one value · 1.02", "one value NaN")),
    ("pq4", f"{WORDS}.codes", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq4", f"{WORDS}.book.int8", ("two rows swapped", "rows shuffled", "one value a step off")),
]
"""Scheme, a stored tensor of its word table, and changes of it."""
NAMED = [
    *((scheme, f"{tensor}: {how}", WORDS) for scheme, tensor, changes in TABLES for how in changes),
    *(
        ("int8", f"layer.0.attention.dense.weight.scale: one value · {how}", "layer.0.attention.dense.weight")
        for how in ("1.02", "1.5", "−1")
    ),
    ("int8", "layer.0.attention.key.weight.int8: transposed", "layer.0.attention.key.weight"),
    ("none", "layer.0.attention.key.weight: transposed", "layer.0.attention.key.weight"),
    ("none", "layer.0.attention.query.weight: two rows swapped", "layer.0.attention.query.weight"),
    ("none", "embeddings.position.weight: a row zero", "embeddings.position.weight"),
    ("none", "embeddings.position.weight: rows one off", "embeddings.position.weight"),
    ("none", "embeddings.position.weight: rows two off", "embeddings.position.weight"),
    ("none", "embeddings.type.weight: two rows swapped", "embeddings.type.weight"),
    ("none", "lowest: -10.0", "lowest"),
    ("none", "lowest: -inf", "lowest"),
    ("none", "classifier: no bias", "classifier"),
    ("int8", "classifier: no bias", "classifier"),
    ("none", "layer.0.intermediate: approximate tanh", "layer.0.intermediate"),
    ("none", "layer.0.intermediate: Relu for Gelu", "layer.0.intermediate"),
    ("none", "layer.0.output, epsilon: 1e-5", "layer.0.output"),
    ("none", "layer.0.attention.scores: its first two inputs swapped", "layer.0.attention.scores"),
    ("none", "layer.0.attention.query.heads, perm: reversed", "layer.0.attention.query.heads"),
    ("none", "shape.heads.last: reversed", "shape.heads.last"),
    ("none", "attention_mask and token_type_ids trade names", "mask.seen"),
    ("none", "output logits: renamed", "outputs"),
    ("none", "another opset", "opset"),
    ("none", "id2label: reversed", "id2label"),
    ("none", "max_position_embeddings: one more", "max_position_embeddings"),
    ("none", "not JSON", "file"),
    ("none", "pad_id: 1", "pad_id"),
    *(
        ("pq4", f"embeddings.position.weight.{part}: {how}", "embeddings.position.weight")
        for part, changes in {"codes": ("two rows swapped", "rows one off"), "book.float16": ("one value NaN",)}.items()
        for how in changes
    ),
    *(
        ("pq4", f"layer.0.attention.dense.weight.{part}: {how}", "layer.0.attention.dense.weight")
        for part, changes in {
            "int4": ("one value a step off", "reversed"),
            "scale.float16": ("one value · 1.02", "one value · −1", "one value NaN"),
        }.items()
        for how in changes
    ),
    ("pq4", "pairs: two rows swapped", "pairs"),
    ("int8", "labelled pq", f"{WORDS}.codes"),
]


@pytest.mark.parametrize(("scheme", "name", "subject"), NAMED)
def test_faults_that_verify_once_passed_are_named(saved, tmp_path, scheme, name, subject):
    audited = saved(scheme)
    (fault,) = (one for one in every_fault(audited.bundle.directory, 0) if one.name == name)
    assert subject in [one.subject for one in findings(audited, fault.plant, tmp_path)]


@pytest.mark.parametrize("kind", ["texts", "tokens"])
@pytest.mark.parametrize("scheme", TARGETS["onnx"].schemes)
def test_any_fault_is_found(saved, tmp_path, scheme, kind):
    audited = saved(scheme, kind)
    for fault in random.Random(f"{scheme} {kind}").sample(every_fault(audited.bundle.directory, 1), DRAWN):
        assert findings(audited, fault.plant, tmp_path), f"{fault.kind}: {fault.name}"


def swap_heads(model):
    """Two heads of one layer's query and key: scores of each are the other's."""
    for part in ("query", "key"):
        name = f"layer.0.attention.{part}.weight"
        model.write(name, np.roll(model.read(name), 16, axis=1))


def swap_feed_forward(model):
    """A layer's feed-forward is another one's, all of it."""
    for part in ("intermediate.dense", "dense"):
        for kind in ("weight", "bias"):
            model.write(f"layer.0.{part}.{kind}", model.read(f"layer.1.{part}.{kind}"))


def mask_ignored(model):
    """Every token is seen."""
    model.write("lowest", np.float32(0))


def half_of_a_bias(model):
    """A bias of one number, elsewhere."""
    values = model.read("classifier.bias")
    values[0] += np.float32(1e-4)
    model.write("classifier.bias", values)


@pytest.mark.parametrize(
    ("spoil", "subjects"),
    [
        (swap_heads, ["layer.0.attention.query.weight", "layer.0.attention.key.weight"]),
        (swap_feed_forward, ["layer.0.intermediate.dense.weight", "layer.0.dense.bias"]),
        (mask_ignored, ["lowest"]),
        (half_of_a_bias, ["classifier.bias"]),
    ],
)
def test_faults_of_several_parts_are_named(saved, tmp_path, spoil, subjects):
    def plant(folder):
        model = Spoilt(folder)
        spoil(model)
        model.save()

    named = [one.subject for one in findings(saved("none", "tokens"), plant, tmp_path)]
    assert set(subjects) <= set(named)
