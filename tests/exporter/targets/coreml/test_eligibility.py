"""Each rule finds what it is for, in packages made for it, and nothing in what suits the Neural Engine."""

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

from exporter.targets.coreml.lower import Options, lower
from exporter.targets.coreml.metadata import Metadata
from exporter.targets.coreml.package import convert, write
from runtimes.errors import BundleError
from runtimes.mil import eligibility
from runtimes.mil.eligibility import find_obstacles

WEIGHTS = np.ones(64, np.float16)
"""What every program made here multiplies by: coremltools writes no weight file for one that has no weights."""


def findings(package):
    return [(found.operation, found.output, found.finding) for found in find_obstacles(package)]


@pytest.fixture
def made(tmp_path):
    """A package of one input `x` and what `body` makes of it."""

    def make(body, shape=(1, 4, 1, 64), dtype=types.fp16):
        @mb.program(input_specs=[mb.TensorSpec(shape=shape, dtype=dtype)], opset_version=ct.target.iOS17)
        def program(x):
            return body(mb.mul(x=x, y=WEIGHTS))

        write(convert(program, ct.target.iOS17, tmp_path / "converted.mlpackage"), tmp_path / "made.mlpackage")
        return tmp_path / "made.mlpackage"

    return make


def test_channels_in_float16_are_eligible_but_for_their_single_tokens(make_checkpoint, model_of, save):
    found = findings(save(model_of(make_checkpoint(hidden_size=64)), "int8", length=32))
    assert {text for *_, text in found} == {"last axis of 1 takes the room of 32"}
    assert all(name.startswith(("layer_1", "pooler", "classifier", "mask")) for _, name, _ in found)


def test_rows_and_float32_are_told(checkpoint, model_of, save):
    found = findings(save(model_of(checkpoint), "none", length=32, compute_units="cpu-only"))
    linear = [text for kind, name, text in found if (kind, name) == ("linear", "layer_0_attention_query")]
    assert linear == [
        "float32; only float16 runs there",
        "rows layout (B, S, C); 1×1 convolutions over (B, C, 1, S) suit it",
    ]
    assert "logits" not in {name for _, name, text in found if text.startswith("float32")}


def test_every_function_is_looked_at(checkpoint, model_of, tmp_path):
    options = Options((8, 16), deployment_target="iOS18")
    (name,) = lower(model_of(checkpoint), "fp16", options, Metadata(""), tmp_path)
    assert {found.function for found in find_obstacles(tmp_path / name)} == {"length_8", "length_16"}


def test_wide_indices(checkpoint, model_of, save):
    found = findings(save(model_of(checkpoint), "fp16", deployment_target="iOS16"))
    assert ("gather", "embeddings_word", "gathers by int32 indices; 16-bit ones run") in found


def test_high_rank(made, monkeypatch):
    """coremltools itself writes no rank above 5; others may."""
    monkeypatch.setattr(eligibility, "MAX_RANK", 4)
    found = findings(made(lambda x: mb.squeeze(x=mb.expand_dims(x=x, axes=[0], name="five"), axes=[0])))
    assert ("expand_dims", "five", "rank 5, more than 4") in found


def test_long_axes(made):
    found = findings(made(lambda x: mb.reshape(x=x, shape=[1, 32768], name="long"), shape=(1, 512, 1, 64)))
    assert ("reshape", "long", "shape [1, 32768] has an axis longer than 16384") in found


@pytest.mark.parametrize(("value", "text"), [(np.inf, "holds NaN or infinity"), (np.nan, "holds NaN or infinity")])
def test_constants_that_are_no_numbers(made, value, text):
    found = findings(made(lambda x: mb.add(x=x, y=np.float16(value), name="masked")))
    assert [(kind, last) for kind, _, last in found] == [("const", text)]


def test_constants_that_float16_cannot_hold(made):
    found = findings(made(lambda x: mb.mul(x=mb.cast(x=x, dtype="fp32"), y=np.float32(-3e38), name="low")))
    assert "holds 3e+38, beyond float16's 65504" in {text for *_, text in found}


def test_flexible_shapes(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 64), dtype=types.fp16)], opset_version=ct.target.iOS17)
    def program(x):
        return mb.mul(x=x, y=WEIGHTS, name="y")

    content = convert(program, ct.target.iOS17, tmp_path / "converted.mlpackage")
    flexible = content.model.description.input[0].type.multiArrayType
    for size in (32, 64):
        flexible.enumeratedShapes.shapes.add().shape.extend([1, size])
    write(content, tmp_path / "flexible.mlpackage")
    assert findings(tmp_path / "flexible.mlpackage")[0][:2] == ("input", "x")


@pytest.mark.parametrize("part", ["Manifest.json", "Data/com.apple.CoreML/model.mlmodel"])
def test_a_damaged_package_is_one_line(checkpoint, model_of, save, part):
    package = save(model_of(checkpoint), "fp16")
    (package / part).write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"not a readable ML program.*export it again") as caught:
        find_obstacles(package)
    assert "\n" not in str(caught.value)
