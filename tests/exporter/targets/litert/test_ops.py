"""Every operation as LiteRT's interpreter computes it, alone, beside its definition in numpy.

What only moves numbers, or rounds once, must be equal. Elsewhere two orders of the same float32 sums may lie apart: n
roundings of terms that add up to m in absolute value cost about n · 2⁻²⁴ · m at most (Higham 2002, 3.1), on each side.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from exporter.compression.weight_exceptions import Keep
from exporter.model.numpy_ops import NumpyOps
from exporter.model.ops import Array, Extent, Inputs, Role, Weight
from exporter.targets.litert import file
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.lower import signature_of
from exporter.targets.litert.ops import LiteRtOps
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore
from runtimes.backends.fixed_length import Interface
from runtimes.backends.litert.fixed import open_fixed
from runtimes.backends.litert.runner import LiteRtRunner
from runtimes.runner import Batch
from runtimes.tflite.model import FREE

ROWS, WIDTH, PAD = 40, 24, 1
NAMES = ("input_ids", "attention_mask", "token_type_ids")
Tensors = dict[str, Array]


def values(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def weight(name: str, role: Role, *shape: int, seed: int = 1) -> Weight:
    return Weight(name, values(*shape, seed=seed), role)


def matrix(out: int, width: int, name: str = "w", role: Role = Role.LINEAR) -> Weight:
    return weight(name, role, out, width)


def vector(width: int, name: str = "b") -> Weight:
    return weight(name, Role.VECTOR, width, seed=7)


POSITIONS = weight("positions", Role.POSITION_EMBEDDING, 50, WIDTH)
TYPES = weight("types", Role.TYPE_EMBEDDING, 2, WIDTH)
FOURFOLD = Weight("fourfold", np.full(WIDTH, 4, np.float32), Role.VECTOR)


def words(width: int) -> Weight:
    return weight("words", Role.WORD_EMBEDDING, ROWS, width, seed=2)


def batch(rows: int, tokens: int) -> Batch:
    """Rows of full length, of half, of one token, and of padding alone."""
    random = np.random.default_rng(5)
    used = np.array([tokens, max(1, tokens // 2), 1, 0])[np.arange(rows) % 4, None]
    mask = (np.arange(tokens) < used).astype(np.int64)
    ids = np.where(mask, random.integers(2, ROWS, (rows, tokens)), PAD)
    return Batch(ids, mask, random.integers(0, 2, (rows, tokens)))


def x(ops: Any, inputs: Any, width: int = WIDTH, name: str = "x") -> Any:
    """Float tokens [B, S, width] to compute with: rows of a table, which are looked up as they are."""
    return ops.embedding(name, weight(f"{name}.table", Role.HEAD, ROWS, width, seed=sum(map(ord, name))), inputs.ids)


def one(ops: Any, inputs: Any, width: int = WIDTH, name: str = "x") -> Any:
    """The same of one token, [B, width]."""
    return ops.first_token(name, x(ops, inputs, width, f"all {name}"))


def sums(number: int, terms: Any) -> Any:
    """How far apart sums of so many terms may be, and a few roundings before and after; `terms`: their sizes' sum."""
    return 2 * (number + 4) * 2.0**-24 * terms


@dataclass(frozen=True)
class Case:
    """What is computed of ops and inputs, what of it is an output, and how far that may be off by the tensors of numpy.

    `bound` none: not at all.
    """

    program: Callable[[Any, Any], Any]
    extent: Extent = Extent.TOKEN
    bound: Callable[[Tensors], Any] = field(default=lambda _: 0)


def linear(out: int, width: int, bias: bool = True) -> Case:
    w, b = matrix(out, width), vector(out) if bias else None
    terms = lambda t: np.abs(t["x"]) @ np.abs(w.values).T + (0 if b is None else np.abs(b.values))  # noqa: E731
    return Case(lambda ops, i: ops.linear("y", x(ops, i, width), w, b), bound=lambda t: sums(width, terms(t)))


def grouped(groups: int, width: int = 5) -> Case:
    w = weight("w", Role.TAIL, groups, 3, width)

    def bound(t: Tensors) -> Any:
        parts = np.abs(t["x"]).reshape(len(t["x"]), groups, width)
        return sums(width, np.einsum("bgi,goi->bgo", parts, np.abs(w.values)).reshape(len(parts), -1))

    return Case(lambda ops, i: ops.grouped_linear("y", one(ops, i, groups * width), w), Extent.TEXT, bound)


def tied(width: int, more: int = 0) -> Case:
    """Products with every row of the table that was looked up, and with `more` numbers beside each."""
    table, b, rest = words(width), vector(ROWS), matrix(ROWS, more, "rest") if more else None
    whole = table.values if rest is None else np.concatenate([table.values, rest.values], 1)

    def program(ops: Any, i: Any) -> Any:
        ops.embedding("looked up", table, i.ids)
        return ops.row_products("y", x(ops, i, width + more), table, b, rest)

    terms = lambda t: np.abs(t["x"]) @ np.abs(whole).T + np.abs(b.values)  # noqa: E731
    return Case(program, bound=lambda t: sums(width + more, terms(t)))


def norm(width: int, take: Callable[..., Any] = x, extent: Extent = Extent.TOKEN) -> Case:
    gain, bias, epsilon = vector(width, "g"), vector(width), 1e-5

    def bound(t: Tensors) -> Any:
        """The mean is subtracted, which costs its error over the deviation, and a relative one comes of the factor."""
        deviation, largest = t["x"].std(-1, keepdims=True), np.abs(t["x"]).max(-1, keepdims=True)
        unit = np.abs(t["x"] - t["x"].mean(-1, keepdims=True)) / deviation
        return sums(2 * width, (largest / deviation + unit) * np.abs(gain.values) + np.abs(bias.values))

    return Case(lambda ops, i: ops.layer_norm("y", take(ops, i, width), gain, bias, epsilon), extent, bound)


def activation(kind: str, last_digits: int) -> Case:
    """Of numbers of ±12, by XNNPACK's polynomials, whose error nobody states (seen: a third of this)."""
    program = lambda ops, i: ops.activation("y", ops.scale("x", x(ops, i, name="z"), FOURFOLD), kind)  # noqa: E731
    return Case(program, bound=lambda t: last_digits * 2.0**-24 * np.maximum(1, np.abs(t["x"])))


def shares(scores: Any, seen: Any, value: Any) -> Any:
    """softmax · value over the last axis, where scores may be `scores` off: twice that in shares, then sums of them."""
    return (2 * scores.max(-1, keepdims=True) + sums(2 * seen.shape[-1], 1)) * (seen @ np.abs(value))


def attention(heads: int, width: int = 4) -> Case:
    def program(ops: Any, i: Any) -> Any:
        q, k, v = (x(ops, i, heads * width, name) for name in "qkv")
        return ops.attention("y", q, k, v, ops.mask_bias("mask", i.mask), heads)

    def bound(t: Tensors) -> Any:
        q, k, v = (t[name].reshape(*t[name].shape[:2], heads, width).swapaxes(1, 2) for name in "qkv")
        scores = sums(width, np.abs(q) @ np.abs(k).swapaxes(-1, -2))
        return shares(scores, t["y.probabilities"], v).swapaxes(1, 2).reshape(t["q"].shape)

    return Case(program, bound=bound)


def first_attention(heads: int, width: int = 6) -> Case:
    def program(ops: Any, i: Any) -> Any:
        query = one(ops, i, heads * width, "q")
        return ops.first_token_attention("y", query, x(ops, i, width), ops.mask_bias("mask", i.mask), heads)

    def bound(t: Tensors) -> Any:
        q = t["q"].reshape(-1, heads, width)
        scores = sums(width, np.abs(q) @ np.abs(t["x"]).swapaxes(1, 2))
        return shares(scores, t["y.probabilities"], t["x"]).reshape(len(q), -1)

    return Case(program, Extent.TEXT, bound)


def pool(kind: str) -> Case:
    """A sum over tokens; what they are divided by comes before it, or after."""
    bound = lambda t: 0 if kind == "max" else sums(t["x"].shape[1], np.abs(t["x"]).sum(1))  # noqa: E731
    return Case(lambda ops, i: ops.pool("y", x(ops, i), i.mask, kind), Extent.TEXT, bound)


def ends_of_texts(ops: Any, i: Any) -> Any:
    """[B, S, 1], of which an output of positions has no last axis."""
    return ops.linear("y", x(ops, i), matrix(1, WIDTH), None)


CASES = {
    "embedding": Case(lambda ops, i: ops.embedding("y", words(WIDTH), i.ids)),
    "two embeddings": Case(lambda ops, i: ops.add("y", x(ops, i), ops.embedding("kinds", TYPES, i.types))),
    "positions": Case(lambda ops, i: ops.positions("y", POSITIONS, x(ops, i))),
    "counted positions": Case(lambda ops, i: ops.counted_positions("y", POSITIONS, x(ops, i), i.ids, PAD)),
    "trigram": Case(lambda ops, i: ops.trigram("y", x(ops, i, 9))),
    "add": Case(lambda ops, i: ops.add("y", x(ops, i), x(ops, i, name="z"))),
    "scale": Case(lambda ops, i: ops.scale("y", x(ops, i), vector(WIDTH))),
    "first token": Case(lambda ops, i: ops.first_token("y", x(ops, i)), Extent.TEXT),
    "norm": norm(WIDTH),
    "norm of an odd width": norm(37),
    "norm of one token": norm(WIDTH, one, Extent.TEXT),
    "linear": linear(16, WIDTH),
    "linear without bias": linear(16, WIDTH, bias=False),
    "linear of odd widths": linear(7, 9),
    "linear of one": linear(1, 1),
    **{f"grouped linear, {groups}": grouped(groups) for groups in (1, 2, 5, 7, 12)},
    "row products": tied(WIDTH),
    "row products and more": tied(16, 8),
    "row products of odd widths": tied(9, 7),
    "relu": activation("relu", 0),
    **{kind: activation(kind, 12) for kind in ("gelu", "gelu_tanh", "silu", "tanh")},
    **{f"attention, {heads} heads": attention(heads) for heads in (1, 2, 3, 4, 5, 7, 12, 16)},
    "attention of odd heads": attention(3, 7),
    **{f"first token's attention, {heads} heads": first_attention(heads) for heads in (1, 2, 5, 7, 12)},
    **{f"pool {kind}": pool(kind) for kind in ("mean", "mean_sqrt_len", "max")},
    "normalise": Case(lambda ops, i: ops.normalise("y", one(ops, i)), Extent.TEXT, lambda _: sums(WIDTH, 1)),
    "positions of an answer": replace(linear(1, WIDTH, bias=False), program=ends_of_texts, extent=Extent.POSITION),
}


def definition(case: Case, given: Batch) -> Tensors:
    ops = NumpyOps()
    ops.output("y", case.program(ops, Inputs(given.ids, given.mask, given.types)), case.extent)
    return ops.tensors


def saved(case: Case, place: Any, lengths: tuple[int, ...] = ()) -> Any:
    """The program in a file, opened by LiteRT."""
    store, graphs, path = WeightStore(SCHEMES["none"].storage, Keep(()), encode=None), [], place / "model.tflite"
    for length in lengths or (FREE,):
        ops = LiteRtOps(signature_of(length), length, store, {})
        ops.output("y", case.program(ops, ops.read(NAMES, False)), case.extent)
        graphs.append(ops)
    with path.open("wb") as opened:
        file.write(opened, assemble(graphs, store.arrays, "a test"))
    tokens = frozenset({"y"} if case.extent in (Extent.TOKEN, Extent.POSITION) else ())
    return open_fixed(path, lengths, Interface(NAMES, tokens, PAD), 1) if lengths else LiteRtRunner(path)


def assert_near(case: Case, found: Array, given: Batch) -> None:
    tensors = definition(case, given)
    bound = case.bound(tensors)
    if case.extent is Extent.POSITION:
        bound = bound[..., 0]
    differs = np.abs(found.reshape(tensors["y"].shape) - tensors["y"])
    assert (differs <= bound).all(), (differs - bound).max()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_operation_is_what_it_is_defined_as_for_any_batch_and_length(case, tmp_path):
    runner = saved(case, tmp_path)
    for shape in ((4, 13), (1, 1), (2, 48), (5, 3), (4, 13)):
        given = batch(*shape)
        assert_near(case, runner.run(given)["y"], given)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_so_it_is_for_fixed_lengths(case, tmp_path):
    runner = saved(case, tmp_path, (13, 7))
    for item in batch(4, 13).items:
        given = runner.fit(item)
        assert_near(case, runner.run(given)["y"], given)
    assert {runner.fit(item).ids.shape[1] for item in batch(4, 13).items} == {7, 13}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_that_is_not_would_be_seen(case, tmp_path):
    """The control: a thousandth of the largest number is more than any bound here allows."""
    given = batch(4, 13)
    found = definition(case, given)["y"].copy()
    found.flat[np.abs(found).argmax()] *= 1.001
    with pytest.raises(AssertionError):
        assert_near(case, found, given)
