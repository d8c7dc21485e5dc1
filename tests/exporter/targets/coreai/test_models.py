"""Whole models in Apple's own runtime, beside the definition of every operation over what their weights stand for."""

import hashlib
import itertools
import json

import numpy as np
import pytest

from benchmarks.models.seeded import WITH_LAYERS
from exporter.compression.product_quantization import product_quantise
from exporter.compression.weight_exceptions import Keep
from exporter.targets.coreai.lower import lower
from exporter.targets.coreai.names import canonical_tensors
from exporter.targets.coreai.schemes import SCHEMES, in_float32
from exporter.targets.coreai.weights import WeightStore
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import HASH, METADATA, PROGRAM

from .conftest import batch_of, defined

EXACT = 1e-5
"""Of the largest logit: sums in another order."""
LENGTHS = (13, 7)
HIDDEN = -3e4
"""What no score of padding is below in float16: −1e18 is none."""
CONSTANT = "distances.scores"
"""What is read from the file as it is: nothing computes it."""
RESHAPED = [("electra", "rows"), ("modernbert", "rows"), ("mpnet", "channels")]
"""What the first token's attention, turned heads and a mask of pairs are reshaped in."""
FORMS = ("int8", "int4", "pq", "palettize4")
"""A scheme of each form; the others are these forms elsewhere."""


def held(found, expected):
    assert found.keys() >= expected.keys()
    for name, values in expected.items():
        assert found[name].shape == values.shape
        np.testing.assert_allclose(
            found[name], values, rtol=0, atol=EXACT * max(1.0, np.abs(values).max()), err_msg=name
        )


def outputs(model, tensors):
    return {name: tensors[name] for name in model.outputs}


@pytest.mark.parametrize(
    ("layout", "scheme"),
    [
        pytest.param(*one, marks=() if one[1] in FORMS else pytest.mark.slow)
        for one in [
            *(("channels", scheme) for scheme in SCHEMES),
            ("rows", "int8"),
            ("rows", "palettize4"),
            ("rows", "none"),
        ]
    ],
)
def test_a_scheme_recomputed_in_float32_is_our_own_decoding(checkpoint, model_of, save, run, layout, scheme):
    """Apple's runtime recovers every stored form as we do."""
    model = model_of(checkpoint)
    batch, length = batch_of(model), (model.geometry.positions,)
    path = save(model, scheme, length, layout, wide=True)
    held(run(path, model, batch, length), outputs(model, defined(model, batch, in_float32(SCHEMES[scheme]))))


def test_a_scheme_that_was_decoded_otherwise_would_be_seen(checkpoint, model_of, save, run):
    """The control: int8 is not the float weights themselves."""
    model = model_of(checkpoint)
    batch = batch_of(model)
    found = run(save(model, "int8", wide=True), model, batch)
    with pytest.raises(AssertionError):
        held(found, outputs(model, defined(model, batch, SCHEMES["none"])))


@pytest.mark.parametrize(
    "family",
    [pytest.param(one, marks=() if one in ("roberta", "mobilebert") else pytest.mark.slow) for one in WITH_LAYERS],
)
def test_every_family_in_rows_and_of_several_lengths(checkpoint_of, model_of, save, run, family):
    model = model_of(checkpoint_of(family, "text-classification"))
    batch = batch_of(model)
    held(
        run(save(model, "none", LENGTHS, "rows"), model, batch, LENGTHS),
        outputs(model, defined(model, batch, SCHEMES["none"])),
    )


@pytest.mark.parametrize(
    ("family", "layout"),
    [
        pytest.param(*one, marks=() if one in RESHAPED else pytest.mark.slow)
        for one in itertools.product(WITH_LAYERS, ("rows", "channels", "witness"))
    ],
)
def test_every_named_tensor_equals_the_definition(checkpoint_of, model_of, save, opened, family, layout):
    """Under its name, in the same shape, with padding and without; how low a hidden score is, is each target's own.

    Of masks the compiler keeps what scores read: a mask of pairs in place of the tokens'.
    """
    model = model_of(checkpoint_of(family, "text-classification"))
    runner = opened(save(model, "none", layout=layout), model)
    for item in batch_of(model).items:
        saved, ours = canonical_tensors(runner.trace(runner.fit(item))), defined(model, item, SCHEMES["none"])
        assert ours.keys() - saved.keys() <= {"mask", CONSTANT}
        for name in sorted(ours.keys() & saved.keys()):
            assert saved[name].shape == ours[name].shape, name
            found, expected = (np.maximum(side[name], HIDDEN) for side in (saved, ours))
            np.testing.assert_allclose(found, expected, atol=2e-4, err_msg=name)


def test_float16_is_near_and_its_witness_nearer(checkpoint, model_of, save, run):
    """The witness rounds each result once; the shipped layout, on Linux, every partial sum."""
    model = model_of(checkpoint)
    batch = batch_of(model)
    exact = outputs(model, defined(model, batch, SCHEMES["none"]))["logits"]
    spread = exact.max() - exact.min()
    shipped, witness = (
        np.abs(run(save(model, "fp16", layout=layout), model, batch)["logits"] - exact).max() / spread
        for layout in ("channels", "witness")
    )
    assert 0 < witness < shipped < 0.02


def test_lengths_share_their_weights(checkpoint, model_of, save):
    model = model_of(checkpoint)
    one, two = save(model, "int8", (13,), folder="one"), save(model, "int8", LENGTHS, folder="two")
    shorter = sum(c.size_bytes for c in read_asset(two).constants) - sum(
        c.size_bytes for c in read_asset(one).constants
    )
    assert shorter == 7 * (32 + 2)  # the first rows of the positions once more, and their scales
    assert [function.name for function in read_asset(two).functions] == ["length_13", "length_7"]


@pytest.mark.parametrize(("scheme", "layout"), [("int4", "rows"), ("pq", "channels")])
def test_the_same_bytes_each_time_in_any_process(checkpoint, model_of, save, scheme, layout):
    paths = [save(model_of(checkpoint), scheme, LENGTHS, layout, folder=folder) for folder in ("one", "other")]
    for name in (PROGRAM, HASH, METADATA):
        first, second = ((path / name).read_bytes() for path in paths)
        assert first == second
    assert hashlib.sha256((paths[0] / PROGRAM).read_bytes()).digest() == (paths[0] / HASH).read_bytes()
    assert json.loads((paths[0] / METADATA).read_bytes())["creationDate"] == "20260101T000000Z"


def test_a_kept_weight_is_stored_wider(checkpoint, model_of):
    from dataclasses import replace

    model, kept = (
        model_of(checkpoint),
        replace(SCHEMES["palettize4"], keep=Keep(("layer.0.*=int8", "embeddings.word.*"))),
    )
    store = WeightStore(kept, product_quantise)
    lower(model, store, (13,), "channels")
    elements = {name: one.element for name, one in store.constants.items()}
    assert elements["embeddings.word.weight"] == "float16"
    assert elements["layer.0.attention.query.weight"] == "int8"
    assert elements["layer.1.attention.query.weight"] == "uint4"
