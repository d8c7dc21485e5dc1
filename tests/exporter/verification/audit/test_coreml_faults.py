"""Faults of a saved Core ML package are found by the audit alone, and what is wrong is named."""

import random
import shutil
from dataclasses import replace

import pytest

from benchmarks.faults.coreml_faults import every_fault
from exporter.targets.registry import TARGETS
from runtimes.bundle.reading import Bundle

DRAWN = 5
"""Of every bundle; `benchmarks/faults` draws many more, and measures what each changes."""
PLACES = {
    "none": ("all", "iOS16"),
    "fp16": ("cpu-and-gpu", "iOS18"),
    "int8": ("all", "iOS17"),
    "w8a8": ("cpu-and-gpu", "iOS17"),
    "int4": ("all", "iOS18"),
    "pq": ("cpu-and-gpu", "iOS17"),
    "pq4": ("all", "iOS18"),
    "palettize6": ("all", "iOS18"),
    "palettize4": ("all", "iOS16"),
}


@pytest.fixture(scope="module")
def saved(checkpoint, load_checkpoint, save_packages, write_checkpoint, tmp_path_factory):
    """scheme → an untouched bundle with two types and square matrices, and all its faults by name."""
    made = {}

    def get(scheme, kind="texts"):
        if (scheme, kind) not in made:
            units, target = PLACES[scheme]
            place = tmp_path_factory.mktemp(f"{kind}-{scheme}")
            folder = checkpoint
            if kind == "tokens":
                folder = write_checkpoint(place / "checkpoint", architecture="BertForTokenClassification")
            options = {"compute_units": units, "deployment_target": target}
            audited = save_packages(load_checkpoint(folder), place / "saved", scheme, **options)
            faults = every_fault(audited.bundle.directory, 0)
            made[scheme, kind] = audited, {fault.name: fault for fault in faults}
        return made[scheme, kind]

    return get


def findings(audited, fault, place):
    """What the audit says of a copy with one fault."""
    copy = shutil.copytree(audited.bundle.directory, place / "spoilt")
    fault.plant(copy)
    found = TARGETS["coreml"].audit(replace(audited, bundle=Bundle(copy, audited.bundle.manifest))).findings
    shutil.rmtree(copy)
    return found


WORDS = "embeddings.word.weight"
ROWS = ("two rows swapped", "rows shuffled", "a row zero")
NUMBERS = ("one value · 1.02", "one value · −1", "one value NaN")
TABLES = [
    ("none", "embeddings_word_weight, val", (*ROWS, *NUMBERS)),
    ("fp16", "embeddings_word_weight, val", (*ROWS, *NUMBERS)),
    ("int8", "embeddings_word_weight, quantized_data", (*ROWS, "one value a step off")),
    ("int8", "embeddings_word_weight, scale", (*NUMBERS, "one value · 1.5")),
    ("int4", "embeddings_word_weight, data", (*ROWS, "one value a step off")),
    ("int4", "embeddings_word_weight, scale", NUMBERS),
    ("pq", "embeddings_word_weight_codes, val", ROWS[:2]),
    ("pq", "embeddings_word_weight_book, val", (*NUMBERS, "two rows swapped")),
    ("pq4", "embeddings_word_weight_codes, val", ROWS[:2]),
    ("pq4", "embeddings_word_weight_book, data", ("two rows swapped", "rows shuffled", "one value a step off")),
    ("pq4", "embeddings_word_weight_book, scale", ("one value · 1.02", "one value NaN")),
    ("palettize6", "embeddings_word_weight, indices", (*ROWS, "one value a step off")),
    ("palettize6", "embeddings_word_weight, lut", NUMBERS),
    ("palettize4", "embeddings_word_weight, lut", NUMBERS),
]
"""Scheme, a stored array of its word table, and changes of it."""
QUERY, WIDE = "layer.0.attention.query.weight", "layer.0.intermediate.dense.weight"
NAMED = [
    *((scheme, f"{array}: {how}", WORDS) for scheme, array, changes in TABLES for how in changes),
    *(("int8", f"layer_0_attention_query_weight, scale: one value · {how}", QUERY) for how in ("1.02", "1.5", "−1")),
    *(("none", f"embeddings_position_weight, val: {how}", "embeddings.position.weight") for how in ROWS),
    *(("none", f"embeddings_position_weight, val: rows {n} off", "embeddings.position.weight") for n in ("one", "two")),
    *(("pq4", f"embeddings_position_weight, indices: {how}", "embeddings.position.weight") for how in ROWS[:2]),
    ("pq4", "embeddings_position_weight, lut: one value NaN", "embeddings.position.weight"),
    *(("pq4", f"layer_0_attention_query_weight, scale: {how}", QUERY) for how in NUMBERS),
    ("pq4", "layer_0_attention_query_weight, data: one value a step off", QUERY),
    ("none", "layer_0_attention_query_weight, val: transposed", QUERY),
    ("int8", "layer_0_attention_query_weight, quantized_data: transposed", QUERY),
    ("none", "layer_0_attention_query_weight, val: halves swapped", QUERY),
    ("none", "layer_0_intermediate_dense_weight, val: what layer_1_attention_query_weight holds", WIDE),
    ("none", "embeddings_type_weight, val: two rows swapped", "embeddings.type.weight"),
    *(("int8", f"mask_flat_y_0: {how}", "mask.flat") for how in ("10 for it", "0", "−∞")),
    ("int8", "mask_flat: left out", "mask"),
    ("none", "embeddings_epsilon_0: 1e-5 for it", "embeddings"),
    ("none", "layer_0_intermediate_mode_0: TANH_APPROXIMATION for EXACT", "layer.0.intermediate"),
    ("none", "layer_0_intermediate: relu for gelu", "layer.0.intermediate"),
    ("none", "classifier: no bias", "classifier"),
    ("int8", "classifier_bias, val: zeros", "classifier.bias"),
    ("w8a8", "embeddings_int8: range · 0.667, here and where it is undone", "embeddings"),
    ("w8a8", "embeddings_int8: range · 0, here and where it is undone", "embeddings.int8"),
    ("int8", "two labels swapped", "metadata labels"),
    ("int8", "scheme changed", "metadata scheme"),
    ("int8", "task left out", "metadata task"),
    ("int8", "compute_units changed", "metadata compute_units"),
    ("int8", "attention_mask and token_type_ids trade names", "inputs"),
    ("int8", "input input_ids: another length", "input input_ids"),
    ("int8", "input input_ids: FLOAT32", "input input_ids"),
    ("int8", "input attention_mask: a flexible length", "input attention_mask"),
    ("int8", "output logits: renamed", "output logits"),
    ("int8", "output logits: INT32", "output logits"),
    ("int8", "another default function", "default function"),
    ("int8", "specification version 7", "specification version"),
    ("int8", "specification version 9", "specification version"),
    ("int8", "Manifest.json names no weights", "Manifest.json"),
]


@pytest.mark.parametrize(("scheme", "name", "subject"), NAMED)
def test_faults_that_verify_once_passed_are_named(saved, tmp_path, scheme, name, subject):
    audited, faults = saved(scheme)
    assert subject in [one.subject for one in findings(audited, faults[name], tmp_path)]


@pytest.mark.parametrize("kind", ["texts", "tokens"])
@pytest.mark.parametrize("scheme", PLACES)
def test_any_fault_is_found(saved, tmp_path, scheme, kind):
    audited, faults = saved(scheme, kind)
    for name in random.Random(f"{scheme} {kind}").sample(sorted(faults), DRAWN):
        assert findings(audited, faults[name], tmp_path), name


def test_an_untouched_bundle_has_no_finding(saved, tmp_path):
    audited, _ = saved("int8")
    copied = Bundle(shutil.copytree(audited.bundle.directory, tmp_path / "copy"), audited.bundle.manifest)
    assert not TARGETS["coreml"].audit(replace(audited, bundle=copied)).findings
