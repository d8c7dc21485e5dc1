"""Compressed weights: each form by its definition on small tensors, and as coremltools writes it for a whole BERT."""

import shutil

import coremltools.optimize.coreml as cto
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb

from runtimes.errors import BundleError
from runtimes.mil import open_package
from runtimes.mil.ops.compressed import COMPRESSED, lut_to_dense, sparse_to_dense
from runtimes.mil.package import read_package

RANDOM = np.random.default_rng(0)
DATA = RANDOM.integers(-8, 8, (4, 6)).astype(np.int8)
MASK = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 1], [0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 0, 0]], np.uint8)
FP16, FP32 = np.float16, np.float32


def sub_byte(values, name):
    """Numpy array of one of coremltools' sub-byte types."""
    from coremltools.converters.mil.mil import types

    return np.asarray(values).astype(types.nptype_from_builtin(types.string_to_builtin(name)))


def constant(evaluate, target, build):
    """The decoded weight, as the program sees it when it adds zero."""
    (result,) = evaluate(lambda x: mb.add(x=x, y=build()), target, x=np.zeros(1, FP32))
    return result


def test_every_form_is_known():
    forms = ("affine_dequantize", "blockwise_shift_scale", "cast", "lut_to_dense", "lut_to_sparse")
    forms += ("sparse_blockwise_shift_scale", "sparse_to_dense")
    assert set(COMPRESSED) == {f"constexpr_{form}" for form in forms}


@pytest.mark.parametrize("axis", [0, 1])
def test_affine_scales_lie_along_their_axis(evaluate, axis):
    scale = np.linspace(0.1, 0.7, DATA.shape[axis], dtype=FP32)
    zero = np.arange(DATA.shape[axis], dtype=np.int8)

    def build():
        return mb.constexpr_affine_dequantize(quantized_data=DATA, zero_point=zero, scale=scale, axis=np.int32(axis))

    shape = (-1, 1) if axis == 0 else (1, -1)
    expected = (DATA - zero.reshape(shape).astype(FP32)) * scale.reshape(shape)
    np.testing.assert_allclose(constant(evaluate, "iOS16", build), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int4", "int8", "uint4"])
@pytest.mark.parametrize("with_offset", [False, True])
def test_every_block_has_its_scale(evaluate, dtype, with_offset):
    data = sub_byte(np.abs(DATA) if dtype == "uint4" else DATA, dtype) if "4" in dtype else DATA
    scale = RANDOM.uniform(0.1, 1, (2, 3)).astype(FP32)
    offset = data[:2, :3].copy() if with_offset else None
    expected = data.astype(FP32) - (np.kron(offset.astype(FP32), np.ones((2, 2))) if with_offset else 0)
    expected = expected * np.kron(scale, np.ones((2, 2)))

    def build():
        return mb.constexpr_blockwise_shift_scale(data=data, scale=scale, offset=offset)

    np.testing.assert_allclose(constant(evaluate, "iOS18", build), expected, rtol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8])
def test_packed_palette_of_ios16(evaluate, bits):
    indices = RANDOM.integers(0, 1 << bits, 4 * 7)
    lut = RANDOM.normal(size=1 << bits).astype(FP32)
    spread = (indices[:, None] >> np.arange(bits)) & 1
    packed = np.packbits(spread.ravel().astype(np.uint8), bitorder="little")

    def build():
        return mb.constexpr_lut_to_dense(indices=packed, lut=lut, shape=np.array([4, 7], np.uint32))

    np.testing.assert_array_equal(constant(evaluate, "iOS16", build), lut[indices].reshape(4, 7))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8])
def test_grouped_palette_of_ios18(evaluate, bits):
    indices = RANDOM.integers(0, 1 << bits, (4, 6))
    lut = RANDOM.normal(size=(2, 1, 1 << bits, 1)).astype(FP32)
    stored = indices.astype(np.uint8) if bits == 8 else sub_byte(indices, f"uint{bits}")
    expected = np.array([[lut[row // 2, 0, i, 0] for i in indices[row]] for row in range(4)])
    result = constant(evaluate, "iOS18", lambda: mb.constexpr_lut_to_dense(indices=stored, lut=lut))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_vector_palette_is_laid_along_its_axis(evaluate, axis):
    indices = RANDOM.integers(0, 4, (3, 2))
    lut = RANDOM.normal(size=(1, 1, 4, 3)).astype(FP32)

    def build():
        return mb.constexpr_lut_to_dense(indices=sub_byte(indices, "uint2"), lut=lut, vector_axis=np.int32(axis))

    rows = lut[0, 0][indices]  # (3, 2, vector)
    expected = rows.transpose(0, 2, 1).reshape(9, 2) if axis == 0 else rows.reshape(3, 6)
    np.testing.assert_array_equal(constant(evaluate, "iOS18", build), expected)


@pytest.mark.parametrize("target", ["iOS16", "iOS18"])
def test_sparse_weights_are_zero_where_the_mask_is(evaluate, target):
    values = RANDOM.normal(size=int(MASK.sum())).astype(FP32)
    packed = {"mask": np.packbits(MASK, bitorder="little"), "shape": np.array(MASK.shape, np.uint32)}
    form = packed if target == "iOS16" else {"mask": sub_byte(MASK, "uint1")}
    expected = np.zeros(MASK.shape, FP32)
    expected[MASK > 0] = values
    result = constant(evaluate, target, lambda: mb.constexpr_sparse_to_dense(nonzero_data=values, **form))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("vector", [1, 2])
def test_sparse_palette_feeds_the_sparse_form(evaluate, vector):
    indices = RANDOM.integers(0, 2, int(MASK.sum()))
    lut = RANDOM.normal(size=(1, 1, 2, vector)).astype(FP32)

    def build():
        mask, data = mb.constexpr_lut_to_sparse(
            indices_mask=sub_byte(MASK, "uint1"),
            indices_nonzero_data=sub_byte(indices, "uint1"),
            lut=lut,
            vector_axis=np.int32(0),
        )
        return mb.constexpr_sparse_to_dense(nonzero_data=data, mask=mask)

    expected = np.zeros((4, 6, vector), FP32)
    expected[MASK > 0] = lut[0, 0][indices]
    expected = expected.transpose(0, 2, 1).reshape(4 * vector, 6)
    np.testing.assert_array_equal(constant(evaluate, "iOS18", build), expected)


def test_sparse_scales_feed_the_sparse_form(evaluate):
    values = RANDOM.integers(-9, 9, int(MASK.sum())).astype(np.int8)
    scale = RANDOM.uniform(0.1, 1, (1, 6)).astype(FP32)
    offset = np.arange(6, dtype=np.int8)[None]

    def build():
        mask, data = mb.constexpr_sparse_blockwise_shift_scale(
            data_mask=sub_byte(MASK, "uint1"), nonzero_data=values, scale=scale, offset=offset
        )
        return mb.constexpr_sparse_to_dense(nonzero_data=data, mask=mask)

    expected = np.zeros(MASK.shape, FP32)
    expected[MASK > 0] = values
    expected = np.where(MASK > 0, (expected - offset) * scale, 0)
    np.testing.assert_allclose(constant(evaluate, "iOS18", build), expected, rtol=1e-6)


def test_half_precision_weights_become_single(evaluate):
    values = RANDOM.normal(size=(3, 4)).astype(FP16)
    result = constant(evaluate, "iOS16", lambda: mb.constexpr_cast(source_val=values, output_dtype="fp32"))
    assert result.dtype == FP32
    np.testing.assert_array_equal(result, values.astype(FP32))


def test_a_weight_is_rounded_to_half_when_the_scale_is_half():
    scale = np.full((4, 1), 0.1, FP16)
    result = COMPRESSED["constexpr_blockwise_shift_scale"](DATA, scale)
    assert result.dtype == FP16
    np.testing.assert_array_equal(result, (DATA.astype(FP32) * scale.astype(FP32)).astype(FP16))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="do not divide"):
        COMPRESSED["constexpr_blockwise_shift_scale"](DATA, np.ones((3, 1), FP32))
    with pytest.raises(ValueError, match="nonzero elements"):
        sparse_to_dense(np.ones(3, FP32), MASK)
    with pytest.raises(ValueError, match="2-bit indices"):
        lut_to_dense(np.zeros(3, np.uint8), np.ones(4, FP32), np.array([4, 4]))
    with pytest.raises(IndexError, match="palette index 3"):
        lut_to_dense(np.full((4, 6), 3, np.uint8), np.ones((2, 1, 2, 1), FP32))


# --- a whole BERT, compressed by coremltools --------------------------------------------------------------------------


def linear(**options):
    return cto.linear_quantize_weights, cto.OpLinearQuantizerConfig(weight_threshold=512, **options)


def palette(**options):
    return cto.palettize_weights, cto.OpPalettizerConfig(weight_threshold=512, mode="uniform", **options)


def pruned(**options):
    return cto.prune_weights, cto.OpMagnitudePrunerConfig(weight_threshold=512, target_sparsity=0.5, **options)


# scheme → (what coremltools is asked for, the form it must have written, its first opset)
SCHEMES = {
    "int8 per channel": (linear(mode="linear_symmetric"), "affine_dequantize", "iOS16"),
    "int8 with zero points": (linear(mode="linear"), "affine_dequantize", "iOS17"),
    "int8 of iOS 18": (linear(mode="linear_symmetric"), "blockwise_shift_scale", "iOS18"),
    "int4 in blocks": (
        linear(mode="linear_symmetric", dtype="int4", granularity="per_block", block_size=32),
        "blockwise_shift_scale",
        "iOS18",
    ),
    "palette of 8 bits": (palette(nbits=8), "lut_to_dense", "iOS16"),
    "palette of 6 bits": (palette(nbits=6), "lut_to_dense", "iOS17"),
    "palette of 4 bits": (palette(nbits=4), "lut_to_dense", "iOS18"),
    "palette of 2 bits": (palette(nbits=2), "lut_to_dense", "iOS16"),
    "grouped palettes": (
        palette(nbits=4, granularity="per_grouped_channel", group_size=16),
        "lut_to_dense",
        "iOS18",
    ),
    "pruned": (pruned(), "sparse_to_dense", "iOS16"),
    "pruned of iOS 18": (pruned(), "sparse_to_dense", "iOS18"),
}


@pytest.fixture(scope="module")
def compressed(bert_model, tmp_path_factory):
    """Compress a BERT; returns (package path, the same model with its weights decompressed by coremltools)."""

    def make(scheme, layout="rows"):
        (compress, config), _, target = SCHEMES[scheme]
        model = compress(bert_model(layout, target, "fp16"), cto.OptimizationConfig(global_config=config))
        folder = tmp_path_factory.mktemp("compressed")
        model.save(str(folder / "small.mlpackage"))
        cto.decompress_weights(model).save(str(folder / "dense.mlpackage"))
        return folder / "small.mlpackage", folder / "dense.mlpackage"

    return make


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_compressed_bert_equals_its_decompressed_self(compressed, bert, scheme):
    small, dense = compressed(scheme)
    forms = {op.type for f in read_package(small).model.mlProgram.functions.values() for op in _operations(f)}
    assert f"constexpr_{SCHEMES[scheme][1]}" in forms
    expected = open_package(dense).run(bert.feeds)["logits"].astype(FP32)
    logits = open_package(small).run(bert.feeds)["logits"].astype(FP32)
    # coremltools multiplies level and scale in float16 at times: the weights may differ by one rounding.
    np.testing.assert_allclose(logits, expected, rtol=0, atol=0.005 * np.ptp(bert.logits))
    assert np.abs(logits - bert.logits).max() > 0


def _operations(function):
    return function.block_specializations[function.opset].operations


def test_the_channels_layout_can_be_compressed_too(compressed, bert):
    small, dense = compressed("int8 per channel", "channels")
    logits, expected = (open_package(path).run(bert.feeds)["logits"].astype(FP32) for path in (small, dense))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=0.005 * np.ptp(bert.logits))


def test_a_flipped_byte_of_a_compressed_weight_changes_the_logits(compressed, bert, tmp_path):
    small, _ = compressed("int8 per channel")
    damaged = tmp_path / "damaged.mlpackage"
    shutil.copytree(small, damaged)
    weights = damaged / "Data/com.apple.CoreML/weights/weight.bin"
    content = bytearray(weights.read_bytes())
    levels = content.index(b"\xef\xbe\xad\xde\x04\x00\x00\x00")  # sentinel and type int8: the first table
    content[levels + 64 : levels + 64 + 4096] = bytes(4096)
    weights.write_bytes(content)
    before, after = (open_package(path).run(bert.feeds)["logits"] for path in (small, damaged))
    assert not np.array_equal(before, after)


def test_compressed_weights_without_their_file_are_refused(compressed, tmp_path):
    small, _ = compressed("palette of 4 bits")
    damaged = tmp_path / "damaged.mlpackage"
    shutil.copytree(small, damaged)
    (damaged / "Data/com.apple.CoreML/weights/weight.bin").unlink()
    with pytest.raises(BundleError, match=r"no file 'weights/weight.bin'"):
        open_package(damaged)
