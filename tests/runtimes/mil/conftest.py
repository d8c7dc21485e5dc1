"""Packages made on the spot: one operation at a time, and a small seeded BERT spelled through the MIL builder."""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import get_new_symbol, types
from transformers import BertConfig, BertForSequenceClassification

from runtimes.mil import budget, open_package
from runtimes.mil.steps import Step

# coremltools 9.0 leaves a temporary folder to the garbage collector in each conversion (converter.py), folds constants
# that overflow, and divides by the scale 0 of an all-zero channel when it quantises. None of it is ours.
COREMLTOOLS_WARNINGS = ("ignore:Implicitly cleaning up:ResourceWarning", "ignore::RuntimeWarning:coremltools")

TARGETS = {"iOS15": ct.target.iOS15, "iOS16": ct.target.iOS16, "iOS17": ct.target.iOS17, "iOS18": ct.target.iOS18}
MIL_TYPES = {"float16": types.fp16, "float32": types.fp32, "int32": types.int32, "bool": types.bool}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in COREMLTOOLS_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session", autouse=True)
def _what_is_measured_bounds_what_is_made():
    """In every package that is run here: no operation makes more than it said, and says the same before a run."""
    run = Step.run

    def held_to_its_word(step, tensors, afford):
        asked = []
        made = run(step, tensors, lambda demand: (asked.append(demand), afford(demand)))
        arguments = step.resolved(tensors)
        size = budget.measured(step.operation, arguments)
        if size.elements:
            assert max((values.size for values in made.values()), default=0) <= size.elements, step.operation
        assert asked == [step.asks(arguments)]
        return made

    Step.run = held_to_its_word
    yield
    Step.run = run


def convert(program: Any, target: str, **options: Any) -> Any:
    return ct.convert(
        program,
        source="milinternal",
        convert_to="mlprogram",
        minimum_deployment_target=TARGETS[target],
        skip_model_load=True,
        **options,
    )


@pytest.fixture(scope="session")
def new_path(tmp_path_factory) -> Callable[[], Path]:
    """A function that returns a path for another package."""
    folder, numbers = tmp_path_factory.mktemp("packages"), itertools.count()
    return lambda: folder / f"{next(numbers)}.mlpackage"


@pytest.fixture(scope="session")
def save(new_path) -> Callable[..., Path]:
    """Save what `body(**variables)` builds; inputs take names, shapes and types from `feeds`."""

    def save_package(
        body, feeds, target="iOS17", precision=ct.precision.FLOAT32, passes=None, symbolic=False, **options
    ):
        specs = [_spec(feed, symbolic) for feed in feeds.values()]
        program = mb.program(input_specs=specs, opset_version=TARGETS[target])(_named(body, list(feeds)))
        pipeline = ct.PassPipeline.EMPTY if passes is None else passes
        model = convert(program, target, compute_precision=precision, pass_pipeline=pipeline, **options)
        path = new_path()
        model.save(str(path))
        return path

    return save_package


def _spec(feed, symbolic):
    shape = (*feed.shape[:-1], get_new_symbol()) if symbolic else feed.shape
    return mb.TensorSpec(shape=shape, dtype=MIL_TYPES[feed.dtype.name])


def _named(body, names):
    """`mb.program` reads the parameter names of the function it is given."""
    scope = {"body": body}
    exec(f"def main({', '.join(names)}): return body({', '.join(f'{name}={name}' for name in names)})", scope)
    return scope["main"]


@pytest.fixture(scope="session")
def evaluate(save) -> Callable[..., list[np.ndarray]]:
    """Build, save, read back and run; returns the outputs in their order."""

    def run(body, target="iOS17", mode="declared", **feeds):
        program = open_package(save(body, feeds, target), precision=mode)
        return list(program.run(feeds).values())

    return run


# --- a small BERT -----------------------------------------------------------------------------------------------------

HIDDEN, HEADS, LAYERS, VOCABULARY, LENGTH, BATCH = 64, 2, 2, 97, 16, 2


@dataclass(frozen=True)
class Bert:
    """The reference model, the feeds of one batch, and torch's float32 logits for them."""

    weights: dict[str, np.ndarray]
    feeds: dict[str, np.ndarray]
    logits: np.ndarray


@pytest.fixture(scope="session")
def bert() -> Bert:
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        num_attention_heads=HEADS,
        num_hidden_layers=LAYERS,
        intermediate_size=4 * HIDDEN,
        max_position_embeddings=LENGTH,
        initializer_range=0.2,  # larger than BERT's own: differences must be visible in the logits
    )
    model = BertForSequenceClassification(config).eval()
    feeds = _feeds()
    with torch.no_grad():
        logits = model(**{name: torch.from_numpy(feed).long() for name, feed in feeds.items()}).logits.numpy()
    return Bert({name: tensor.numpy() for name, tensor in model.state_dict().items()}, feeds, logits)


def _feeds() -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    mask = np.ones((BATCH, LENGTH), np.int32)
    mask[1, 9:] = 0
    return {
        "input_ids": random.integers(0, VOCABULARY, (BATCH, LENGTH)).astype(np.int32),
        "attention_mask": mask,
        "token_type_ids": random.integers(0, 2, (BATCH, LENGTH)).astype(np.int32),
    }


@pytest.fixture(scope="session")
def bert_model(bert) -> Callable[..., Any]:
    """`bert` as coremltools' MLModel: in rows (B,S,C) or channels (B,C,1,S)."""

    def make(layout="rows", target="iOS17", precision="fp32"):
        compute = ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16
        return convert(_bert_program(bert.weights, layout, TARGETS[target]), target, compute_precision=compute)

    return make


@pytest.fixture(scope="session")
def bert_package(bert_model, tmp_path_factory) -> Callable[..., Path]:
    """The saved package of a recipe, made once; tests that damage one copy it first."""
    folder = tmp_path_factory.mktemp("bert")

    @functools.cache
    def package(layout="rows", target="iOS17", precision="fp32"):
        path = folder / f"{layout}-{target}-{precision}.mlpackage"
        bert_model(layout, target, precision).save(str(path))
        return path

    return package


def _bert_program(weights, layout, target):
    specs = [mb.TensorSpec(shape=(BATCH, LENGTH), dtype=types.int32) for _ in range(3)]
    spell = {"rows": _Rows, "channels": _Channels}[layout](weights, target)

    @mb.program(input_specs=specs, opset_version=target)
    def main(input_ids, attention_mask, token_type_ids):
        hidden = spell.enter(_embed(weights, input_ids, token_type_ids))
        mask = mb.sub(x=mb.cast(x=attention_mask, dtype="fp32"), y=np.float32(1))
        mask = mb.expand_dims(x=mb.mul(x=mask, y=np.float32(1e4)), axes=spell.mask_axes)
        for layer in range(LAYERS):
            hidden = _layer(spell, f"bert.encoder.layer.{layer}.", hidden, mask)
        return _classify(weights, spell.first_token(hidden))

    return main


def _embed(weights, ids, token_types):
    table = "bert.embeddings.{}_embeddings.weight".format
    words = mb.gather(x=weights[table("word")], indices=ids, axis=0)
    kinds = mb.gather(x=weights[table("token_type")], indices=token_types, axis=0)
    total = mb.add(x=mb.add(x=words, y=kinds), y=weights[table("position")][None])
    return _normalised(weights, "bert.embeddings.LayerNorm", total)


def _normalised(weights, name, x):
    gamma, beta = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return mb.layer_norm(x=x, axes=[-1], gamma=gamma, beta=beta, epsilon=np.float32(1e-12))


def _layer(spell, name, hidden, mask):
    query, key, value = (spell.linear(hidden, f"{name}attention.self.{part}") for part in ("query", "key", "value"))
    context = spell.linear(spell.attend(query, key, value, mask), f"{name}attention.output.dense")
    hidden = spell.norm(mb.add(x=context, y=hidden), f"{name}attention.output.LayerNorm")
    inner = mb.gelu(x=spell.linear(hidden, f"{name}intermediate.dense"), mode="EXACT")
    return spell.norm(mb.add(x=spell.linear(inner, f"{name}output.dense"), y=hidden), f"{name}output.LayerNorm")


def _classify(weights, first):
    pooled = mb.linear(x=first, weight=weights["bert.pooler.dense.weight"], bias=weights["bert.pooler.dense.bias"])
    head = {"weight": weights["classifier.weight"], "bias": weights["classifier.bias"]}
    return mb.linear(x=mb.tanh(x=pooled), **head, name="logits")


@dataclass(frozen=True)
class _Rows:
    """(B, S, C): linear, and fused attention where the opset has it."""

    weights: dict[str, np.ndarray]
    target: Any
    mask_axes = (1, 2)

    def enter(self, x):
        return x

    def linear(self, x, name):
        return mb.linear(x=x, weight=self.weights[f"{name}.weight"], bias=self.weights[f"{name}.bias"])

    def norm(self, x, name):
        return _normalised(self.weights, name, x)

    def attend(self, query, key, value, mask):
        q, k, v = (self._heads(x) for x in (query, key, value))
        if self.target >= ct.target.iOS18:
            context = mb.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=mask)
        else:
            scores = mb.mul(x=mb.matmul(x=q, y=k, transpose_y=True), y=np.float32(1 / math.sqrt(HIDDEN // HEADS)))
            context = mb.matmul(x=mb.softmax(x=mb.add(x=scores, y=mask), axis=-1), y=v)
        return mb.reshape(x=mb.transpose(x=context, perm=[0, 2, 1, 3]), shape=[BATCH, LENGTH, HIDDEN])

    def _heads(self, x):
        return mb.transpose(x=mb.reshape(x=x, shape=[BATCH, LENGTH, HEADS, HIDDEN // HEADS]), perm=[0, 2, 1, 3])

    def first_token(self, x):
        return mb.slice_by_index(x=x, begin=[0, 0, 0], end=[BATCH, 1, HIDDEN], squeeze_mask=[False, True, False])


@dataclass(frozen=True)
class _Channels:
    """(B, C, 1, S): 1×1 convolutions, attention one head at a time."""

    weights: dict[str, np.ndarray]
    target: Any
    mask_axes = (2, 3)

    def enter(self, x):
        return mb.expand_dims(x=mb.transpose(x=x, perm=[0, 2, 1]), axes=[2])

    def linear(self, x, name):
        kernel = np.ascontiguousarray(self.weights[f"{name}.weight"][:, :, None, None])
        return mb.conv(x=x, weight=kernel, bias=self.weights[f"{name}.bias"], pad_type="valid")

    def norm(self, x, name):
        gamma, beta = (self.weights[f"{name}.{part}"].reshape(1, -1, 1, 1) for part in ("weight", "bias"))
        standard = mb.layer_norm(x=x, axes=[1], epsilon=np.float32(1e-12))
        return mb.add(x=mb.mul(x=standard, y=gamma), y=beta)

    def attend(self, query, key, value, mask):
        keys = mb.split(x=mb.transpose(x=key, perm=[0, 3, 2, 1]), num_splits=HEADS, axis=3)
        queries, values = (mb.split(x=x, num_splits=HEADS, axis=1) for x in (query, value))
        heads = [self._head(q, k, v, mask) for q, k, v in zip(queries, keys, values, strict=True)]
        return mb.concat(values=heads, axis=1)

    def _head(self, query, key, value, mask):
        scores = mb.einsum(values=[key, query], equation="bkhc,bchq->bkhq")
        scores = mb.add(x=mb.mul(x=scores, y=np.float32(1 / math.sqrt(HIDDEN // HEADS))), y=mask)
        return mb.einsum(values=[value, mb.softmax(x=scores, axis=1)], equation="bchk,bkhq->bchq")

    def first_token(self, x):
        first = mb.slice_by_index(x=x, begin=[0, 0, 0, 0], end=[BATCH, HIDDEN, 1, 1])
        return mb.squeeze(x=first, axes=[2, 3])
