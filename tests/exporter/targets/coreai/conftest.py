"""Core AI assets made on the spot, what runs them, and what their weights stand for."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.compression import integer_rounding, palettization
from exporter.compression.product_quantization import product_quantise
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Inputs, Weight
from exporter.model.weight_list import rounded_weights
from exporter.targets.coreai.lower import function_names, lower
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.schemes import SCHEMES, in_float32
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.encoding.forms import BITS, BLOCKS, CODED, Form
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET
from runtimes.backends.coreai.runner import functions_of, open_functions
from runtimes.backends.fixed_length import Interface
from runtimes.runner import Batch

METADATA = {"creationDate": "20260101T000000Z", "description": "a test"}


@pytest.fixture(scope="session")
def model_of() -> Callable:
    return functools.cache(lambda folder, task="auto": load(resolve(str(folder), HubOptions()), task).model)


@pytest.fixture
def save(tmp_path) -> Callable[..., Path]:
    """Lower a model and write it; `wide`: its scheme in float32."""

    def make(model, scheme="none", lengths=(13,), layout="channels", wide=False, folder="saved") -> Path:
        chosen = in_float32(SCHEMES[scheme]) if wide else SCHEMES[scheme]
        path = tmp_path / f"{folder}-{scheme}-{layout}" / ASSET
        weights = WeightStore(chosen, product_quantise)
        write_asset(lower(model, weights, lengths, layout), METADATA, path)
        return path

    return make


@pytest.fixture(scope="session")
def opened() -> Callable:
    """An asset in Apple's runtime."""

    def open_asset(path: Path, model, lengths=(13,)):
        tokens = frozenset(name for name, extent in model.outputs.items() if "S" in extent.value)
        names = {name: length for length, name in function_names(lengths).items()}
        functions = functions_of(path, read_asset(path).functions, names)
        return open_functions(path, functions, Interface(model.inputs, tokens, model.geometry.pad))

    return open_asset


@pytest.fixture(scope="session")
def run(opened) -> Callable:
    """Run the rows of a batch; every output by its name."""

    def run_rows(path: Path, model, batch: Batch, lengths=(13,)) -> Mapping[str, Array]:
        return opened(path, model, lengths).run(batch)

    return run_rows


def batch_of(model, tokens=13):
    """Rows of full length, of half, and of one token; with two choices each where there are any."""
    random, pad, geometry = np.random.default_rng(5), model.geometry.pad, model.geometry
    shape = (3, 2, tokens) if model.task.choices else (3, tokens)
    used = np.array([tokens, tokens // 2, 1]).reshape(3, *[1] * (len(shape) - 1))
    mask = np.broadcast_to(np.arange(tokens) < used, shape).astype(np.int64)
    ids = np.where(mask, random.integers(pad + 1, min(geometry.vocabulary, 79), shape), pad)
    return Batch(ids, mask, random.integers(0, max(1, geometry.types), shape) * mask)


def stored_values(weight: Weight, scheme) -> Array:
    """What a scheme's stored form of a weight stands for, in float32: our own decoding."""
    form, values = scheme.stored(weight), weight.values
    rows = values.reshape(-1, values.shape[-1])
    if form in CODED:
        return product_quantise(values).restored
    if form in BITS:
        indices, table = palettization.palettize(values, BITS[form])
        return table.astype(np.float32)[indices]
    if form in BLOCKS:
        q, scale = integer_rounding.int4_blocks(rows, BLOCKS[form], positive_scales=True)
        wide = np.repeat(scale.astype(np.float32), rows.shape[1] // scale.shape[1], 1)
        return ((q.astype(np.float32) - 8) * wide).reshape(values.shape)
    if form is Form.INT8:
        q, scale = integer_rounding.int8(rows, np.float16)
        return (q.astype(np.float32) * scale.astype(np.float32)).reshape(values.shape)
    return values


def defined(model, batch: Batch, scheme) -> Mapping[str, Array]:
    """Every tensor by the definition of each operation, over what a scheme's weights stand for."""
    ops = NumpyOps({weight.name: stored_values(weight, scheme) for weight in rounded_weights(model)})
    read = batch.feeds(model.inputs).values()
    model.build(ops, Inputs(*(part.reshape(-1, part.shape[-1]) for part in read)))
    shapes = dict.fromkeys(model.outputs, batch.ids.shape[:2]) if model.task.choices else {}
    return ops.tensors | {name: ops.tensors[name].reshape(shape) for name, shape in shapes.items()}
