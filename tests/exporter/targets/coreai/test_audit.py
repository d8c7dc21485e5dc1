"""An untouched asset passes its audit, and a fault is found by the name of the weight or the operation that has it."""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from exporter.bundling.contents import make_manifest
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression.calibration import Calibration
from exporter.compression.product_quantization import product_quantise
from exporter.model.weight_list import rounded_weights
from exporter.targets.coreai.lower import lower
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.target import TARGET, scheme_of
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.registry import find_scheme, make_recipe
from exporter.targets.target import Settings
from exporter.verification.audit.bundle import audit_subject
from exporter.verification.reference.reference import Reference
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET, HASH, METADATA, PROGRAM
from runtimes.bundle.reading import Bundle

from .conftest import stored_values

SCHEMES = ("none", "int8", "int4", "pq", "palettize4")


@pytest.fixture(scope="module")
def small(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


@pytest.fixture(scope="module")
def saved(small, tmp_path_factory):
    """Scheme and compute units → what is audited, untouched; of two lengths."""
    made = {}

    def get(scheme, units="all"):
        if (scheme, units) not in made:
            directory = tmp_path_factory.mktemp(f"{scheme}-{units}")
            made[scheme, units] = bundle_of(small, scheme, directory, sequence_lengths=(13, 7), compute_units=units)
        return made[scheme, units]

    return get


def findings(audited, place, spoil):
    """What the audit says of a copy with one fault, its hash made anew."""
    copy = shutil.copytree(audited.bundle.directory, place / "copy")
    spoil(copy / ASSET)
    (copy / ASSET / HASH).write_bytes(hashlib.sha256((copy / ASSET / PROGRAM).read_bytes()).digest())
    return TARGET.audit(replace(audited, bundle=Bundle(copy, audited.bundle.manifest))).findings


@pytest.mark.parametrize(("scheme", "units"), [*((one, "all") for one in SCHEMES), ("int8", "cpu-only")])
def test_an_untouched_asset_passes(saved, small, scheme, units):
    audit = TARGET.audit(saved(scheme, units))
    assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    assert audit.weights > len(rounded_weights(small.model))
    assert audit.rows > len(small.tokenizer.tokenizer.get_vocab())
    assert audit.operators > 100
    assert audit.facts > 8


def bundle_of(checkpoint, scheme, directory, **settings):
    """What is audited of a bundle's asset alone."""
    recipe = make_recipe(checkpoint, "coreai", scheme, Settings.of(**settings))
    calibration = Calibration(checkpoint, Reference(checkpoint, ()).samples, recipe.pq_dims or 0, ())
    models = TARGET.write(checkpoint, recipe, directory, calibration)
    manifest = make_manifest(checkpoint, recipe, find_scheme("coreai", scheme).budget, models)
    return audit_subject(Bundle(directory, manifest), checkpoint)


@pytest.mark.parametrize(
    ("scheme", "constant", "weight"),
    [
        ("none", "layer.0.norm.bias", "layer.0.norm.bias"),
        ("none", "classifier.weight", "classifier.weight"),
        ("int8", "layer.1.dense.weight", "layer.1.dense.weight"),
        ("int8", "layer.1.dense.weight.scale", "layer.1.dense.weight"),
        ("int8", "embeddings.position.weight.7", "embeddings.position.weight.7"),
        ("int4", "embeddings.word.weight", "embeddings.word.weight"),
        ("pq", "embeddings.word.weight.codes", "embeddings.word.weight"),
        ("pq", "embeddings.word.weight.book", "embeddings.word.weight"),
        ("palettize4", "layer.0.attention.key.weight", "layer.0.attention.key.weight"),
        ("palettize4", "layer.0.attention.key.weight.palette", "layer.0.attention.key.weight"),
    ],
)
def test_spoilt_numbers_are_found_by_their_weight(saved, tmp_path, scheme, constant, weight):
    def spoil(asset):
        (one,) = (found for found in read_asset(asset).constants if found.name == constant)
        content = np.memmap(asset / PROGRAM, np.uint8, mode="r+")
        content[one.offset + (one.size_bytes // 2 | 1)] ^= 0x55  # of float16 the byte with the exponent
        content.flush()

    units = "cpu-only" if scheme == "int8" else "all"
    assert {one.subject for one in findings(saved(scheme, units), tmp_path, spoil)} == {weight}


def rewritten(small, audited, change):
    """Writes the asset of a changed program in the place of a saved one."""

    def spoil(asset):
        recipe, metadata = audited.recipe, json.loads((asset / METADATA).read_bytes())
        store = WeightStore(scheme_of(recipe), product_quantise)
        program = lower(small.model, store, recipe.sequence_lengths, "channels")
        shutil.rmtree(asset)
        write_asset(change(program), metadata, asset)

    return spoil


def with_operation(name, **changes):
    """The first function with one operation changed."""

    def change(program):
        first, *others = program.functions
        operations = [replace(one, **changes) if one.name == name else one for one in first.operations]
        return replace(program, functions=(replace(first, operations=operations), *others))

    return change


def test_another_activation_is_found_by_its_tensor(saved, small, tmp_path):
    name = "layer.1.intermediate"
    change = with_operation(name, kind="relu", options={})
    found = findings(saved("none"), tmp_path, rewritten(small, saved("none"), change))
    assert [one.subject for one in found] == [name]
    assert "expected coreai.gelu" in found[0].problem
    assert "found coreai.relu" in found[0].problem


def test_a_function_that_is_not_there_is_found(saved, small, tmp_path):
    def change(program):
        return replace(program, functions=program.functions[:1])

    (found,) = findings(saved("none"), tmp_path, rewritten(small, saved("none"), change))
    assert found.subject == "functions"
    assert found.problem == "names: expected ['length_13', 'length_7'], found ['length_13']"


@pytest.mark.parametrize("scheme", ["int8", "palettize4"])
def test_weights_of_the_same_numbers_are_stored_once_and_pass(make_checkpoint, edit_weights, tmp_path, scheme):
    """Of equal constants Apple's package keeps one name: nothing is missing then."""
    folder = make_checkpoint(type_vocab_size=1)

    def repeat(weights):
        for name in [one for one in weights if ".layer.0." in one]:
            weights[name.replace(".layer.0.", ".layer.1.")] = weights[name].copy()

    edit_weights(folder, repeat)
    audited = bundle_of(load(resolve(str(folder), HubOptions())), scheme, tmp_path, sequence_lengths=(13,))
    names = {one.name for one in read_asset(audited.bundle.directory / ASSET).constants}
    assert len({"layer.0.dense.weight", "layer.1.dense.weight"} & names) == 1
    assert not TARGET.audit(audited).findings


def test_what_metadata_says_is_held_to_the_checkpoint(saved, tmp_path):
    def spoil(asset):
        said = json.loads((asset / METADATA).read_bytes())
        said["description"] += "!"
        said["creatorDefinedMetadata"]["labels"] = "[]"
        (asset / METADATA).write_text(json.dumps(said))

    assert [one.subject for one in findings(saved("none"), tmp_path, spoil)] == [
        "metadata description",
        "metadata labels",
    ]


def test_a_damaged_asset_is_one_finding(saved, tmp_path):
    def spoil(asset):
        content = (asset / PROGRAM).read_bytes()
        (asset / PROGRAM).write_bytes(content[: len(content) // 2])

    (found,) = findings(saved("none"), tmp_path, spoil)
    assert found.subject == "asset"


@pytest.mark.parametrize(("scheme", "units"), [("int8", "all"), ("int8", "cpu-only"), ("pq", "all")])
def test_what_is_read_is_what_was_stored(saved, small, scheme, units):
    audited = saved(scheme, units)
    read = TARGET.read(audited)
    for weight in rounded_weights(small.model):
        expected = stored_values(weight, scheme_of(audited.recipe))
        count = 13 if weight.name == "embeddings.position.weight" else len(expected)
        np.testing.assert_array_equal(read[weight.name][:count], expected[:count].astype(np.float32))
