"""Codes stand for the table they were made from: the same each time, exactly where that can be, and by importance."""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression import product_quantization
from exporter.compression.calibration import Calibration
from exporter.compression.product_quantization import (
    ENTRIES,
    check_divisible,
    product_quantise,
    shared_quantise,
    shared_width,
)
from exporter.targets.registry import find_scheme, make_recipe
from exporter.targets.target import Settings
from runtimes.errors import UnsupportedError, UsageError


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(0).normal(size=(2000, 16)).astype(np.float32)


def error(table, codes):
    return np.square(codes.restored - table).sum(-1)


@pytest.mark.parametrize("dimensions", [4, 8])
def test_codes_and_books_have_their_shapes(table, dimensions):
    found = product_quantise(table, dimensions)
    assert found.codes.shape == (2000, 16 // dimensions)
    assert found.codes.dtype == np.uint8
    assert found.codebook.shape == (16 // dimensions, ENTRIES, dimensions)
    assert found.restored.shape == table.shape


def test_a_table_with_few_rows_comes_back_as_it_was_in_float16(table):
    few = table[:200]
    np.testing.assert_array_equal(product_quantise(few).restored, few.astype(np.float16))


def test_longer_stretches_cost_more_error(table):
    assert error(table, product_quantise(table, 4)).sum() < error(table, product_quantise(table, 8)).sum()


def test_every_stretch_has_the_nearest_entry(table):
    found = product_quantise(table)
    for place, codes in enumerate(found.codes.T):
        points = table[:, 4 * place : 4 * place + 4]
        distances = np.square(points[:, None] - found.codebook[place][None]).sum(-1)
        chosen = np.take_along_axis(distances, codes[:, None].astype(int), 1)[:, 0]
        np.testing.assert_allclose(chosen, distances.min(1), atol=1e-5)


def test_the_same_table_gives_the_same_codes(table):
    first, second = product_quantise(table), product_quantise(table)
    np.testing.assert_array_equal(first.codes, second.codes)
    np.testing.assert_array_equal(first.codebook, second.codebook)


def test_rows_that_matter_come_out_nearer(table):
    importance = np.where(np.arange(2000) < 100, 1.0, 0.01)
    weighed, alike = error(table, product_quantise(table, 4, importance)), error(table, product_quantise(table, 4))
    assert weighed[:100].sum() < 0.5 * alike[:100].sum()
    assert weighed[100:].sum() > alike[100:].sum()


def test_books_are_what_a_file_holds(table):
    codebook = product_quantise(table).codebook
    np.testing.assert_array_equal(codebook, codebook.astype(np.float16))


def test_narrow_books_are_int8_of_one_scale_and_codes_the_nearest_of_them(table):
    found = product_quantise(table, narrow=True)
    step = np.abs(found.codebook).max() / 127
    np.testing.assert_allclose(found.codebook / step, np.rint(found.codebook / step), atol=1e-4)
    assert len(np.unique(np.rint(found.codebook / step))) > 100
    for place, codes in enumerate(found.codes.T):
        points = table[:, 4 * place : 4 * place + 4]
        distances = np.square(points[:, None] - found.codebook[place][None]).sum(-1)
        chosen = np.take_along_axis(distances, codes[:, None].astype(int), 1)[:, 0]
        np.testing.assert_allclose(chosen, distances.min(1), atol=1e-5)
    assert error(table, found).sum() < 1.01 * error(table, product_quantise(table)).sum()


def test_coding_a_narrow_table_again_changes_nothing(table):
    first = product_quantise(table, narrow=True)
    np.testing.assert_allclose(product_quantise(first.restored, narrow=True).restored, first.restored, atol=1e-6)


def test_one_codebook_serves_all_places(table):
    found = shared_quantise(table[:400])
    assert (found.codes.shape, found.codebook.shape) == ((400, 4), (1, ENTRIES, 4))
    points = table[:400].reshape(-1, 4)
    distances = np.square(points[:, None] - found.codebook[0][None]).sum(-1)
    chosen = np.take_along_axis(distances, found.codes.reshape(-1, 1).astype(int), 1)[:, 0]
    np.testing.assert_allclose(chosen, distances.min(1), atol=1e-5)
    assert found.restored.shape == (400, 16)
    assert error(table[:400], found).sum() == pytest.approx(chosen.sum(), rel=1e-4)


def test_what_has_one_codebook_comes_back_from_it(table):
    """Of a trained checkpoint positions were coded once, and folded since."""
    once = shared_quantise(table[:400]).restored
    folded = (once - np.float32(0.3)).astype(np.float64) + 0.3
    np.testing.assert_array_equal(shared_quantise(folded.astype(np.float32)).restored, once)


def test_what_of_one_codebook_is_not_needed_repeats_another_entry(table):
    found = shared_quantise(table[:3])
    assert found.codes.max() == 11
    assert (found.codebook[0, 12:] == found.codebook[0, 0]).all()


@pytest.mark.parametrize(("hidden", "width"), [(128, 4), (36, 4), (30, 2)])
def test_one_codebook_is_as_wide_as_fills_a_row(hidden, width):
    assert shared_width(hidden) == width


@pytest.mark.parametrize(("hidden", "dimensions", "advice"), [(36, 8, "--pq-dims 4"), (18, 4, "another --quantize")])
def test_a_width_that_does_not_divide_is_refused(hidden, dimensions, advice):
    with pytest.raises(UnsupportedError, match=advice):
        check_divisible(hidden, dimensions)


def test_a_width_that_divides_is_not():
    check_divisible(24, 8)


@pytest.mark.parametrize("target", ["onnx", "coreml"])
def test_a_table_that_is_multiplied_with_is_refused(make_checkpoint, target):
    model = load(resolve(str(make_checkpoint(architecture="BertForMaskedLM")), HubOptions()))
    with pytest.raises(UnsupportedError, match="fill-mask"):
        make_recipe(model, target, "pq", Settings(options={"sequence_lengths": (16,)}))


def test_a_book_is_made_by_one_thread_however_many_processors_there_are(table, monkeypatch):
    seen, real = [], product_quantization._means

    def spy(points, weights):
        seen.append({one["user_api"]: one["num_threads"] for one in threadpool_info()})
        return real(points, weights)

    monkeypatch.setattr(product_quantization, "_means", spy)
    with threadpool_limits(4):
        product_quantise(table)
    assert len(seen) == 4
    assert all(one == {"blas": 1, "openmp": 1} for one in seen)


def test_tables_in_threads_are_the_same_codes(table):
    alone = product_quantise(table)
    before = list(warnings.filters)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(product_quantise, [table] * 3))
    assert warnings.filters == before
    for one in found:
        np.testing.assert_array_equal(one.codes, alone.codes)
        np.testing.assert_array_equal(one.codebook, alone.codebook)


def test_texts_of_another_language_say_nothing_of_pieces(make_checkpoint):
    model = load(resolve(str(make_checkpoint()), HubOptions()))
    table = model.model.tensors["embeddings.word"].read()
    with pytest.raises(UsageError, match="--frequency-from: no token of the vocabulary occurs in these 2 texts"):
        Calibration(model, lambda _tokens: [], 4, ("☃ ☃", "ᚠᛇᚻ")).encode(table)
    Calibration(model, lambda _tokens: [], 4, ("☃ ☃", "the")).encode(table)


def test_the_cosine_budget_holds_what_four_numbers_in_a_byte_cost_and_not_eight():
    record = json.loads((Path(__file__).parents[3] / "artifacts" / "smallest.json").read_text(encoding="utf-8"))
    bundles, budget = record["sentences"]["found"]["bundles"], find_scheme("onnx", "pq").budget.min_cosine
    least = {name: bundle["least cosine"] for name, bundle in bundles.items() if name.startswith("pq")}
    assert min(least["pq, 4 dims"], least["pq, 4 dims, by frequency"]) > budget
    assert least["pq, 8 dims"] < budget
