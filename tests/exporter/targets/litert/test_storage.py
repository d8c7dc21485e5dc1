"""Tables and matrices in every form of storage, as LiteRT's interpreter reads them beside what they stand for."""

import numpy as np
import pytest

from exporter.compression import integer_rounding
from exporter.compression.outlier_channels import NO_OUTLIERS, Treatment
from exporter.compression.product_quantization import product_quantise, shared_quantise
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Extent, Role, Weight
from exporter.targets.encoding.storage import IN_INTEGERS, Storage
from exporter.targets.litert import file
from exporter.targets.litert.graph import assemble
from exporter.targets.litert.lower import ANY_LENGTH, signature_of
from exporter.targets.litert.ops import LiteRtOps
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.litert.weights import WeightStore
from runtimes.backends.fixed_length import Interface
from runtimes.backends.litert.fixed import open_fixed
from runtimes.backends.litert.runner import LiteRtRunner
from runtimes.errors import LoweringError
from runtimes.runner import Batch
from runtimes.tflite.model import FREE

ROWS, NAMES = 300, ("input_ids", "attention_mask", "token_type_ids")
FLOATS = SCHEMES["none"].storage
OF_POSITIONS = (Storage.FLOAT32, Storage.FLOAT16, Storage.INT8, Storage.SHARED_CODES)
LINEARS = (Storage.FLOAT16, Storage.INT8, Storage.INT8_DYNAMIC, Storage.INT4_DYNAMIC)


def weight(role: Role, *shape: int, name: str = "w", seed: int = 1) -> Weight:
    return Weight(name, np.random.default_rng(seed).standard_normal(shape).astype(np.float32), role)


def half_scaled(values: Array) -> Array:
    q, scale = integer_rounding.int8(values, np.float16)
    return q * scale.astype(np.float32)


def scaled(pair: tuple[Array, Array]) -> Array:
    q, scale = pair
    return q.astype(np.float32) * scale.astype(np.float32)


def in_blocks(values: Array) -> Array:
    q, scale = integer_rounding.int4_blocks(values, positive_scales=True)
    return (q.astype(np.float32) - 8) * np.repeat(scale.astype(np.float32), q.shape[1] // scale.shape[1], 1)


RESTORED = {
    Storage.FLOAT32: lambda values: values,
    Storage.FLOAT16: lambda values: values.astype(np.float16).astype(np.float32),
    Storage.INT8: half_scaled,
    Storage.INT4_BLOCK: in_blocks,
    Storage.CODES: lambda values: product_quantise(values).restored,
    Storage.CODES_INT8: lambda values: product_quantise(values, narrow=True).restored,
    Storage.SHARED_CODES: lambda values: shared_quantise(values).restored,
}
"""Storage of a table → the rows that it stands for."""
MATRICES = RESTORED | {
    Storage.INT8: lambda values: scaled(integer_rounding.int8(values)),
    Storage.INT8_DYNAMIC: lambda values: scaled(integer_rounding.int8(values)),
    Storage.INT4_DYNAMIC: lambda values: scaled(integer_rounding.int4_rows(values)),
}
"""Storage of a linear layer → the matrix that it stands for."""


def saved(place, program, storage, role, extent=Extent.TOKEN, outliers=NO_OUTLIERS, linear=Storage.FLOAT32):
    """The program with one role in a form of storage, opened by LiteRT."""
    narrow = storage is Storage.CODES_INT8
    roles = FLOATS | {Role.LINEAR: linear} | {role: storage}
    store = WeightStore(roles, Keep(()), lambda table: product_quantise(table, narrow=narrow))
    ops = LiteRtOps(ANY_LENGTH, FREE, store, outliers)
    ops.output("y", program(ops, ops.read(NAMES, False)), extent)
    with (place / "model.tflite").open("wb") as opened:
        file.write(opened, assemble([ops], store.arrays, "a test"))
    return LiteRtRunner(place / "model.tflite")


def batch(rows=3, tokens=13):
    ids = np.random.default_rng(5).integers(0, ROWS, (rows, tokens))
    return Batch(ids, np.ones_like(ids), np.zeros_like(ids))


@pytest.mark.parametrize("width", [24, 64, 40])
@pytest.mark.parametrize("storage", RESTORED, ids=lambda one: one.name)
def test_rows_are_what_the_stored_ones_stand_for(tmp_path, storage, width):
    table = weight(Role.WORD_EMBEDDING, ROWS, width)
    runner = saved(tmp_path, lambda ops, i: ops.embedding("y", table, i.ids), storage, table.role)
    rows = RESTORED[storage](table.values)
    for given in (batch(), batch(1, 1), batch(2, 48)):
        np.testing.assert_array_equal(runner.run(given)["y"], rows[given.ids])
    assert storage is Storage.FLOAT32 or (rows != table.values).any()


@pytest.mark.parametrize("storage", OF_POSITIONS, ids=lambda one: one.name)
def test_so_are_the_rows_of_positions(tmp_path, storage):
    zeros, table = Weight("zeros", np.zeros((ROWS, 24), np.float32), Role.HEAD), weight(Role.POSITION_EMBEDDING, 48, 24)
    runner = saved(
        tmp_path,
        lambda ops, i: ops.positions("y", table, ops.embedding("x", zeros, i.ids)),
        storage,
        table.role,
    )
    for given in (batch(), batch(1, 1), batch(2, 48)):
        rows = RESTORED[storage](table.values)[: given.ids.shape[1]]
        np.testing.assert_array_equal(runner.run(given)["y"], np.broadcast_to(rows, (*given.ids.shape, 24)))


@pytest.mark.parametrize("storage", OF_POSITIONS, ids=lambda one: one.name)
def test_so_are_those_of_counted_positions(tmp_path, storage):
    zeros, table = Weight("zeros", np.zeros((ROWS, 24), np.float32), Role.HEAD), weight(Role.POSITION_EMBEDDING, 50, 24)
    runner = saved(
        tmp_path,
        lambda ops, i: ops.counted_positions("y", table, ops.embedding("x", zeros, i.ids), i.ids, 1),
        storage,
        table.role,
    )
    given = batch()
    given.ids[0, 9:] = 1
    counted = 1 + np.cumsum(given.ids != 1, 1) * (given.ids != 1)
    np.testing.assert_array_equal(runner.run(given)["y"], RESTORED[storage](table.values)[counted])


def one_step(x: Array) -> Array:
    """The distance of two neighbours of the 256 levels that the numbers of a token are rounded to, [..., 1]."""
    return (np.maximum(x.max(-1, keepdims=True), 0) - np.minimum(x.min(-1, keepdims=True), 0)) / 255


def bound(storage: Storage, x: Array, matrix: Array) -> Array:
    """How far x · matrixᵀ may be off: by float32's sums, and in integers by up to one step of every number of x.

    Half of one comes of rounding, and as much of the zero's, which moves the ends of the range beyond the levels.
    """
    floats = 2 * (x.shape[-1] + 4) * 2.0**-24 * (np.abs(x) @ np.abs(matrix).T)
    return floats + (one_step(x) * np.abs(matrix).sum(-1) if storage in IN_INTEGERS else 0)


TOKENS = weight(Role.HEAD, ROWS, 64, name="tokens", seed=3)


def looked_up(ops, inputs):
    return ops.embedding("x", TOKENS, inputs.ids)


def assert_that_of(found, x, matrix, storage, bias=0):
    """Of a stored matrix; and in integers where it is told to be."""
    differs = np.abs(found - (x @ matrix.T + bias))
    assert (differs <= bound(storage, x, matrix)).all()
    rounded = (differs > bound(Storage.FLOAT32, x, matrix)).mean()
    assert rounded > 0.9 if storage in IN_INTEGERS else rounded == 0


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("storage", LINEARS, ids=lambda one: one.name)
def test_a_linear_layer_is_that_of_its_stored_matrix(tmp_path, storage, bias):
    w, b = weight(Role.LINEAR, 48, 64), weight(Role.VECTOR, 48, name="b") if bias else None
    runner = saved(tmp_path, lambda ops, i: ops.linear("y", looked_up(ops, i), w, b), storage, w.role)
    for given in (batch(), batch(1, 1)):
        x, matrix = TOKENS.values[given.ids], MATRICES[storage](w.values)
        assert_that_of(runner.run(given)["y"], x, matrix, storage, b.values if b else 0)


@pytest.mark.parametrize("storage", LINEARS, ids=lambda one: one.name)
def test_a_grouped_linear_layer_is_that_of_each_groups_stored_matrix(tmp_path, storage):
    w = weight(Role.TAIL, 4, 6, 16)
    runner = saved(
        tmp_path,
        lambda ops, i: ops.grouped_linear("y", ops.first_token("first", looked_up(ops, i)), w),
        storage,
        w.role,
        Extent.TEXT,
    )
    found = runner.run(batch())["y"].reshape(-1, 4, 6).swapaxes(0, 1)
    x = TOKENS.values[batch().ids[:, 0]].reshape(-1, 4, 16).swapaxes(0, 1)
    for group in range(4):
        assert_that_of(found[group], x[group], MATRICES[storage](w.values[group]), storage)


def test_smoothing_changes_what_is_rounded_and_nothing_else(tmp_path):
    """A channel far from the others takes their steps, unless it is smaller and its weights larger, by the root."""
    w, reach = weight(Role.LINEAR, 48, 64), np.where(np.arange(64) == 5, 64, 1).astype(np.float32)
    far, factors = Weight("far", TOKENS.values * reach, Role.HEAD), np.sqrt(reach)
    x = far.values[batch().ids]
    program = lambda ops, i: ops.linear("y", ops.embedding("x", far, i.ids), w, None)  # noqa: E731
    errors = {}
    for name, treated in {"plain": NO_OUTLIERS, "smoothed": {"w": Treatment(factors=factors)}}.items():
        found = saved(tmp_path, program, Storage.INT8_DYNAMIC, w.role, outliers=treated).run(batch())["y"]
        errors[name] = np.abs(found - x @ w.values.T).mean()
    assert errors["smoothed"] < errors["plain"] / 2


@pytest.mark.parametrize("scheme", [one for one in SCHEMES.values() if not one.codes], ids=lambda one: one.name)
def test_products_with_the_rows_of_a_table_are_in_integers_where_its_scheme_computes_so(tmp_path, scheme):
    """The table lies there once: as rows that are looked up, and as a matrix."""
    table, b = weight(Role.WORD_EMBEDDING, ROWS, 64), weight(Role.VECTOR, ROWS, name="b")
    storage = scheme.storage[table.role]

    def program(ops, i):
        ops.output("rows", ops.embedding("rows", table, i.ids), Extent.TOKEN)
        return ops.row_products("y", looked_up(ops, i), table, b)

    found = saved(tmp_path, program, storage, table.role, linear=scheme.storage[Role.LINEAR]).run(batch())
    rows, x = RESTORED[storage](table.values), TOKENS.values[batch().ids]
    np.testing.assert_array_equal(found["rows"], rows[batch().ids])
    in_integers = Storage.INT8_DYNAMIC if scheme.integers else Storage.FLOAT32
    assert_that_of(found["y"], x, rows, in_integers, b.values)


def test_what_two_layers_read_and_what_two_lengths_have_is_stored_once(tmp_path):
    sizes = {}
    for lengths in ((13,), (13, 48), (13, 48, 7)):
        store = WeightStore(FLOATS, Keep(()), product_quantise)
        graphs = [LiteRtOps(signature_of(length), length, store, NO_OUTLIERS) for length in lengths]
        for ops in graphs:
            inputs = ops.read(NAMES, False)
            ops.output("y", ops.linear("y", looked_up(ops, inputs), weight(Role.LINEAR, 48, 64), None), Extent.TOKEN)
        with (tmp_path / "model.tflite").open("wb") as opened:
            file.write(opened, assemble(graphs, store.arrays, "a test"))
        sizes[len(lengths)] = (tmp_path / "model.tflite").stat().st_size
    assert sizes[3] - sizes[1] < 0.05 * sizes[1]


@pytest.mark.parametrize(
    ("storage", "values", "said"),
    [
        (Storage.FLOAT16, np.full((4, 6), 1e6), r"litert: w holds 1e\+06, beyond float16's 65504; use --quantize"),
        (
            Storage.INT4_DYNAMIC,
            np.ones((3, 5)),
            "litert: w holds 15 numbers, and int4 packs two in a byte; pass --keep w",
        ),
    ],
)
def test_a_matrix_that_a_form_cannot_hold_is_refused_by_its_name(tmp_path, storage, values, said):
    w = Weight("w", values.astype(np.float32), Role.LINEAR)
    tokens = weight(Role.HEAD, ROWS, values.shape[1], name="tokens")
    with pytest.raises(LoweringError, match=said):
        saved(tmp_path, lambda ops, i: ops.linear("y", ops.embedding("x", tokens, i.ids), w, None), storage, w.role)


def test_so_is_a_table_of_an_odd_width_in_int4(tmp_path):
    table = weight(Role.WORD_EMBEDDING, ROWS, 9)
    with pytest.raises(LoweringError, match=r"litert: w has rows of 9 numbers, .*; use --quantize int8"):
        saved(tmp_path, lambda ops, i: ops.embedding("y", table, i.ids), Storage.INT4_BLOCK, table.role)


@pytest.mark.parametrize("lengths", [(), (13, 7)])
def test_choices_are_rows_inside_and_columns_outside(tmp_path, lengths):
    """[B, C, S] in, [B, C] out; of fixed lengths one choice at a time."""
    w, store = weight(Role.HEAD, 1, 64), WeightStore(FLOATS, Keep(()), product_quantise)
    graphs = [LiteRtOps(signature_of(length), length, store, NO_OUTLIERS) for length in lengths or (FREE,)]
    for ops in graphs:
        x = ops.first_token("first", looked_up(ops, ops.read(NAMES, True)))
        ops.output("y", ops.linear("z", x, w, None), Extent.CHOICE)
    path = tmp_path / "model.tflite"
    with path.open("wb") as opened:
        file.write(opened, assemble(graphs, store.arrays, "a test"))
    runner = open_fixed(path, lengths, Interface(NAMES), 1) if lengths else LiteRtRunner(path)
    for shape in ((3, 2, 13), (1, 5, 4)):
        ids = np.random.default_rng(5).integers(0, ROWS, shape)
        found = runner.run(Batch(ids, np.ones_like(ids), np.zeros_like(ids)))["y"]
        np.testing.assert_allclose(found, TOKENS.values[ids[..., 0]] @ w.values[0], atol=2 * 68 * 2.0**-24 * 64)
