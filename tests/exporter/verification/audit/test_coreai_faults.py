"""Faults of a saved Core AI bundle are found by the audit alone, and what is wrong is named."""

import random
import shutil
from dataclasses import replace

import pytest

from benchmarks.faults.coreai_faults import every_fault
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle
from runtimes.bundle.reading import read_bundle

pytestmark = pytest.mark.needs("coreai")
DRAWN = 2
"""Of every bundle; `benchmarks/faults` draws many more, and measures what each changes."""
LENGTHS = "lengths"


@pytest.fixture(scope="module")
def saved(checkpoint, load_checkpoint, save_coreai, write_checkpoint, tmp_path_factory):
    """scheme, and kind → an untouched bundle, and all its faults; of LENGTHS it has two functions."""
    made = {}

    def get(scheme, kind="texts"):
        if (scheme, kind) not in made:
            place = tmp_path_factory.mktemp(f"{kind}-{scheme}")
            folder, settings = checkpoint, {"sequence_lengths": (13,)}
            if kind == "tokens":
                folder = write_checkpoint(place / "checkpoint", architecture="BertForTokenClassification")
                settings |= {"compute_units": "cpu-only"}
            if kind == LENGTHS:
                settings |= {"sequence_lengths": (13, 7)}
            audited = save_coreai(load_checkpoint(folder), place / "saved", scheme, **settings)
            made[scheme, kind] = audited, every_fault(audited, 0)
        return made[scheme, kind]

    return get


def findings(audited, fault, place):
    """What the audit says of a copy with one fault."""
    copy = shutil.copytree(audited.bundle.directory, place / "spoilt")
    fault.plant(copy)
    found = audit_bundle(replace(audited, bundle=read_bundle(copy))).findings
    shutil.rmtree(copy)
    return found


WORDS, KEY, DENSE = "embeddings.word.weight", "layer.0.attention.key.weight", "layer.1.dense.weight"
STORED = [
    ("none", WORDS, WORDS, ("two rows swapped", "one value · 1.02", "one value NaN")),
    ("none", KEY, KEY, ("transposed",)),
    ("none", "classifier.bias", "classifier.bias", ("all · 1.02",)),
    ("int8", WORDS, WORDS, ("rows one off", "one value a step off")),
    ("int8", f"{DENSE}.scale", DENSE, ("one value · 1.02", "reversed")),
    ("int4", WORDS, WORDS, ("one value a step off",)),
    ("pq", f"{WORDS}.codes", WORDS, ("two rows swapped",)),
    ("pq", f"{WORDS}.book", WORDS, ("two rows swapped", "one value NaN")),
    ("palettize6", KEY, KEY, ("one value a step off",)),
    ("palettize6", f"{KEY}.palette", KEY, ("one value · −1",)),
]
"""Scheme, a stored constant, its weight, and changes of it."""
PROGRAM = [
    ("layer.0.intermediate", "relu for it"),
    ("layer.0.intermediate", "approximate tanh"),
    ("layer.0.attention.scores.head0", "operand 0 is tensor"),
    ("layer.0.attention.products.head0", "the part behind it on axis 1"),
    ("mask", "operand 1 · 0.01"),
    ("layer.0.output", "operand 1 · 0.01"),
    ("layer.0.attention.probabilities.head0", "operand 1 more one"),
    ("layer.0.attention.output", "left out"),
    ("layer.1.sum", "left out"),
    ("classifier", "operand 0 is tensor"),
]
"""The tensor that is named, and how an operation of it is spoilt."""
ELSEWHERE = [
    ("none", "main, input_ids and attention_mask trade names", "main"),
    ("none", "main, logits: another name", "main"),
    ("none", "main, another name", "functions"),
    ("none", "compute_units left out", "metadata compute_units"),
    ("none", "description changed", "metadata description"),
    ("none", "two labels swapped", "metadata labels"),
    ("none", "another hash", "asset"),
    ("none", "a file more", "asset"),
    ("none", "half of the program", "asset"),
    ("none", "id2label: reversed", "id2label"),
    ("int8", "labelled pq", f"{WORDS}.codes"),
]
"""Scheme, fault, and what is named."""


@pytest.mark.parametrize(
    ("scheme", "name", "subject"),
    [
        *((scheme, f"{part}: {how}", weight) for scheme, part, weight, changes in STORED for how in changes),
        *ELSEWHERE,
    ],
)
def test_faults_are_named(saved, tmp_path, scheme, name, subject):
    audited, faults = saved(scheme)
    (fault,) = (one for one in faults if one.name == name)
    assert subject in [one.subject for one in findings(audited, fault, tmp_path)]


@pytest.mark.parametrize(("tensor", "how"), PROGRAM)
def test_faults_of_the_program_are_named_by_the_tensor(saved, tmp_path, tensor, how):
    audited, faults = saved("none")
    fault = next(one for one in faults if one.name.startswith(f"main, {tensor} (") and how in one.name)
    named = [one.subject for one in findings(audited, fault, tmp_path)]
    assert tensor in named


@pytest.mark.parametrize(
    ("scheme", "kind"),
    [
        ("int8", "tokens"),
        ("none", LENGTHS),
        *(pytest.param(scheme, "texts", marks=pytest.mark.slow) for scheme in TARGETS["coreai"].schemes),
    ],
)
def test_any_fault_is_found(saved, tmp_path, scheme, kind):
    audited, faults = saved(scheme, kind)
    for fault in random.Random(f"{scheme} {kind}").sample(faults, DRAWN):
        assert findings(audited, fault, tmp_path), f"{fault.kind}: {fault.name}"


def test_of_two_functions_the_spoilt_one_is_told(saved, tmp_path):
    audited, faults = saved("none", LENGTHS)
    (fault,) = (one for one in faults if one.name == "the first left out")
    assert [one.subject for one in findings(audited, fault, tmp_path)] == ["functions"]


def test_an_untouched_bundle_has_no_finding(saved, tmp_path):
    audited, _ = saved("int8", "tokens")
    copied = read_bundle(shutil.copytree(audited.bundle.directory, tmp_path / "copy"))
    assert not audit_bundle(replace(audited, bundle=copied)).findings
