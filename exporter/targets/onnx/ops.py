"""The operations of `Ops` as standard ONNX operators.

Token tensors are flat, [B·S, H], from the embeddings on, but where heads are split: a linear layer is then one Gemm.
Contrib operators (SkipLayerNormalization, BiasGelu, …) are left to ONNX Runtime: on x86 they are the slower form,
and other runtimes do not know them.
"""

import io
from functools import partial
from typing import IO, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from exporter.compression.outlier_channels import NO_OUTLIERS, Treatments
from exporter.compression.product_quantization import product_quantise
from exporter.compression.weight_exceptions import NOTHING, Keep
from exporter.model.model import Model
from exporter.model.ops import Extent, Inputs, Weight
from exporter.targets.encoding.encoded_weights import Encode
from exporter.targets.encoding.storage import IN_INTEGERS
from exporter.targets.onnx import file as onnx_file
from exporter.targets.onnx.attention import Attention
from exporter.targets.onnx.graph import FIRST
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.bundle.manifest import CHOICES as CHOICES
from runtimes.errors import LoweringError

FILE = "model.onnx"
OPSETS = range(20, 27)
"""Gelu came with opset 20; 26 is the newest that the tested ONNX Runtime loads."""
DEFAULT_OPSET = 20
"""The oldest that has every operator used here: what an app's older ONNX Runtime can load too."""

IR_VERSION = 9
"""The form of the file: that of opset 20, the newest that ONNX Runtime 1.17 reads, which apps still have. No scheme
needs a newer one, since IR 10 brought int4 tensors and ours are bytes of two nibbles; nor does a newer opset."""
_AXES = ["batch_size", "sequence_length"]
_SHAPES: dict[Extent, list[str | int | None]] = {
    Extent.TEXT: [_AXES[0], None],
    Extent.CHOICE: [_AXES[0], CHOICES],
    Extent.TOKEN: [*_AXES, None],
    Extent.POSITION: [*_AXES],
}
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
}


def lower(
    model: Model, scheme: str, opset: int = DEFAULT_OPSET, int32_inputs: bool = False, keep: Keep = NOTHING
) -> bytes:
    """What `write` writes."""
    file = io.BytesIO()
    write(file, model, scheme, opset, int32_inputs, keep)
    return file.getvalue()


def write(
    file: IO[bytes],
    model: Model,
    scheme: str,
    opset: int = DEFAULT_OPSET,
    int32_inputs: bool = False,
    keep: Keep = NOTHING,
    encode: Encode | None = None,
    outliers: Treatments = NO_OUTLIERS,
) -> onnx_file.Saved:
    """Write `model` as an ONNX model, with dynamic batch and sequence. Raises as `check_opset` does.

    `encode` makes the codes of the word table, where the scheme stores codes; `outliers` says how layers treat outlier
    channels, where the scheme computes in integers.
    """
    encode = encode or partial(product_quantise, narrow=SCHEMES[scheme].narrow)
    ops = OnnxOps(SCHEMES[scheme].storage, model.geometry.heads, keep, model.head.tied, encode, outliers)
    return onnx_file.write(file, build(ops, model, opset, int32_inputs), ops.weights.tensors)


def build(ops: "OnnxOps", model: Model, opset: int, int32_inputs: bool) -> onnx.ModelProto:
    """`model` as an ONNX model without initializers: those are `ops.weights`. Raises as `check_opset` does."""
    check_opset(opset)
    integer = TensorProto.INT32 if int32_inputs else TensorProto.INT64
    model.build(ops, Inputs(*(ops.one_by_one(model.inputs) if model.task.choices else model.inputs)))
    axes = [_AXES[0], CHOICES, _AXES[1]] if model.task.choices else _AXES
    inputs = [helper.make_tensor_value_info(name, integer, axes) for name in model.inputs]
    graph = helper.make_graph(ops.nodes, model.family.model_type, inputs, ops.outputs)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    proto.producer_name = "bertport"
    return proto


def check_opset(opset: int) -> None:
    """Raise LoweringError for an opset that lacks an operator or that no tested runtime loads."""
    if opset not in OPSETS:
        raise LoweringError(f"onnx: opset {opset} is not supported; pass --opset {OPSETS[0]} to {OPSETS[-1]}")


class OnnxOps(Attention):
    """Every operation of `Ops`."""

    def one_by_one(self, inputs: tuple[str, ...]) -> list[str]:
        """Inputs [B, C, S] as [B·C, S]."""
        rows = self._once("shape.rows", "Shape", [inputs[0]], start=2)  # [1], S
        shape = self._node("Concat", [self._integers("every_row", [-1]), rows], "shape.one_by_one", axis=0)
        flat = [self._node("Reshape", [name, shape], f"{name}.one_by_one") for name in inputs]
        self._ids = flat[0]
        return flat

    def embedding(self, name: str, table: Weight, ids: str) -> str:
        """See Ops; [B, S, H]."""
        return self._unflat(self.weights.rows(name, table, ids))

    def positions(self, name: str, table: Weight, tokens: str) -> str:
        """See Ops; [B, S, H]."""
        zero, length = self._integers("zero", [0]), self._length()
        rows = self.weights.first_rows(f"{name}.positions", table, [zero, length, zero])  # [S, H]
        return self._unflat(self._node("Add", [tokens, rows], name))

    def as_tokens(self, name: str, rows: str) -> str:  # noqa: ARG002 - no tensor is made here
        """See Ops; [B, S, H]."""
        return rows

    def counted_positions(self, name: str, table: Weight, tokens: str, ids: str, pad: int) -> str:
        """See Ops; [B, S, H]. Counted in int64, whatever the ids are."""
        seen = self._other_than(name, ids, "pad", pad)
        count = self._node("CumSum", [seen, self._constant("token_axis", np.int64(1))], f"{name}.count")
        number = self._node("Mul", [count, seen], f"{name}.number")
        row = self._node("Add", [number, self._constant("pad", np.int64(pad))], f"{name}.row")  # [B, S]
        return self._unflat(self._node("Add", [tokens, self.weights.rows(f"{name}.positions", table, row)], name))

    def hide_token(self, name: str, mask: str, ids: str, token: int) -> str:
        """See Ops; int64."""
        wide = self._node("Cast", [mask], f"{name}.mask", to=TensorProto.INT64)
        return self._node("Mul", [wide, self._other_than(name, ids, "hidden_token", token)], name)

    def _other_than(self, name: str, ids: str, called: str, token: int) -> str:
        """Int64 [B, S], 1 where the id is another than `token`, the constant that is so `called`."""
        wide = self._node("Cast", [ids], f"{name}.ids", to=TensorProto.INT64)
        same = self._node("Equal", [wide, self._constant(called, np.int64(token))], f"{name}.padding")
        other = self._node("Not", [same], f"{name}.is_token")
        return self._node("Cast", [other], f"{name}.ones", to=TensorProto.INT64)

    def trigram(self, name: str, x: str) -> str:
        """See Ops; [B, S, E] → [B, S, 3·E]."""
        wide = self._node("Pad", [x, self._integers(f"{name}.one_token", [0, 1, 0, 0, 1, 0])], f"{name}.padded")
        axis, end = self._integers("axis_of_tokens", [1]), self._integers("end", [np.iinfo(np.int64).max])
        after = self._node("Slice", [wide, self._integers("two", [2]), end, axis], f"{name}.after")
        last = self._integers("last_but_one", [-2])
        before = self._node("Slice", [wide, self._integers("zero", [0]), last, axis], f"{name}.before")
        return self._unflat(self._node("Concat", [after, x, before], name, axis=2))

    def add(self, name: str, left: str, right: str) -> str:
        """See Ops."""
        if {left, right} <= self._unflattened:
            return self._unflat(self._node("Add", [left, right], name))
        return self._node("Add", [self._flat(left), self._flat(right)], name)

    def hide_padding(self, name: str, x: str, mask: str) -> str:
        """See Ops; [B, S, H]."""
        floats = self._once("mask.floats", "Cast", [mask], to=TensorProto.FLOAT)
        column = self._once("mask.column", "Unsqueeze", [floats, self._integers("axis_2", [2])])
        return self._unflat(self._node("Mul", [self._tokens(x), column], name))

    def multiply(self, name: str, left: str, right: str) -> str:
        """See Ops."""
        return self._node("Mul", [self._flat(left), self._flat(right)], name)

    def scale(self, name: str, x: str, gain: Weight) -> str:
        """See Ops."""
        return self._node("Mul", [self._flat(x), self.weights.float32(gain)], name)

    def layer_norm(self, name: str, x: str, gain: Weight, bias: Weight, epsilon: float) -> str:
        """See Ops."""
        vectors = [self.weights.float32(gain), self.weights.float32(bias)]
        result = self._node("LayerNormalization", [x, *vectors], name, epsilon=epsilon)
        return self._unflat(result) if x in self._unflattened else result

    def linear(self, name: str, x: str, weight: Weight, bias: Weight | None) -> str:
        """See Ops; [rows, in] → [rows, out]."""
        x = self._flat(x)
        vector = None if bias is None else self.weights.float32(bias)
        if self.weights.storage(weight) in IN_INTEGERS:
            return self._dynamic_linear(name, x, weight, vector)
        matrix = self.weights.float32(weight, weight.values.T)  # [in, out]
        if vector is None:
            return self._node("MatMul", [x, matrix], name)
        return self._node("Gemm", [x, matrix, vector], name)

    def grouped_linear(self, name: str, x: str, weight: Weight) -> str:
        """See Ops; [B, groups·in] → [B, groups·out]."""
        groups, out, inner = weight.values.shape
        matrices = self.weights.float32(weight, weight.values.transpose(0, 2, 1))  # [groups, in, out]
        split = self._node("Reshape", [x, self._integers(f"{name}.split", [-1, groups, 1, inner])], f"{name}.groups")
        product = self._node("MatMul", [split, matrices], f"{name}.products")  # [B, groups, 1, out]
        return self._node("Reshape", [product, self._integers(f"{name}.joined", [-1, groups * out])], name)

    def activation(self, name: str, x: str, kind: str) -> str:
        """See Ops."""
        if kind == "silu":
            return self._node("Mul", [x, self._node("Sigmoid", [x], f"{name}.sigmoid")], name)
        operator, attributes = _ACTIVATIONS[kind]
        return self._node(operator, [x], name, **attributes)

    def first_token(self, name: str, x: str) -> str:
        """See Ops; [B, H]."""
        return self._node("Gather", [self._tokens(x), self._constant("first", np.int64(0))], name, axis=1)

    def row_products(self, name: str, x: str, table: Weight, bias: Weight, rest: Weight | None = None) -> str:
        """See Ops; [rows, E] → [rows, table rows]. The table lies there once, for `embedding` and for this."""
        x = self._flat(x)
        if rest is None:
            return self._row_products(name, x, table, bias)
        width = table.values.shape[1]
        within = self._row_products(f"{name}.within", self._columns(f"{x}.within", x, 0, width), table, bias)
        last = self._columns(f"{x}.beyond", x, width, width + rest.values.shape[1])
        return self._node("Add", [within, self.linear(f"{name}.beyond", last, rest, None)], name)

    def _row_products(self, name: str, x: str, table: Weight, bias: Weight) -> str:
        vector = self.weights.float32(bias)
        if self.weights.integer_products(table):
            stored, scale = self.weights.int8_table(table)
            matrix = self._node("Transpose", [stored], f"{table.name}.turned", perm=(1, 0))  # folded when loaded
            flat = self._node("Reshape", [scale, self._integers("one_axis", [-1])], f"{table.name}.scales")
            return self._integer_product(name, x, matrix, flat, vector)
        return self._node("Gemm", [x, self.weights.whole_table(table), vector], name, transB=1)

    def pool(self, name: str, x: str, mask: str, kind: str) -> str:
        """See Ops; [B·S, H] → [B, H]. A mean is a product with the mask over the number of tokens, [B, 1, S]."""
        tokens = self._tokens(x)
        if kind == "max":
            seen = self._node("Unsqueeze", [f"{self._seen(mask)}", self._integers("axis_2", [2])], f"{name}.seen")
            lowest = self._constant("no_token", np.float32(-1e9))
            shown = self._node("Where", [seen, tokens, lowest], f"{name}.shown")
            return self._node("ReduceMax", [shown, self._integers("axis_1", [1])], name, keepdims=0)
        one = self._node("Cast", [mask], f"{name}.mask", to=TensorProto.FLOAT)  # [B, S]
        weights = self._first_shown(name, one) if kind == "first" else self._shares(name, one, kind)
        row = self._node("Unsqueeze", [weights, self._integers("axis_1", [1])], f"{name}.row")  # [B, 1, S]
        product = self._node("MatMul", [row, tokens], f"{name}.product")  # [B, 1, H]
        return self._node("Squeeze", [product, self._integers("axis_1", [1])], name)

    def _shares(self, name: str, one: str, kind: str) -> str:
        """Of the mask's floats [B, S] each token's share of a mean."""
        number = self._node("ReduceSum", [one, self._integers("axis_1", [1])], f"{name}.number")  # [B, 1]
        some = self._node("Max", [number, self._constant("one", np.float32(1))], f"{name}.at_least_one")
        divisor = some if kind == "mean" else self._node("Sqrt", [some], f"{name}.root")
        return self._node("Div", [one, divisor], f"{name}.weights")

    def _first_shown(self, name: str, one: str) -> str:
        """Of the mask's floats [B, S] 1 for the first token, or where there is none for the first place."""
        two, axis = self._constant("two_floats", np.float32(2)), self._constant("token_axis", np.int64(1))
        count = self._node("CumSum", [one, axis], f"{name}.count")
        early = self._node(
            "Relu", [self._node("Sub", [two, count], f"{name}.left")], f"{name}.early"
        )  # 1 up to the second
        shown = self._node("Mul", [early, one], f"{name}.first")
        some = self._node("ReduceMax", [one, self._integers("axis_1", [1])], f"{name}.some")
        none = self._node("Sub", [self._constant("one", np.float32(1)), some], f"{name}.none")  # [B, 1]
        start = self._node(
            "Relu",
            [self._node("Sub", [self._constant("one", np.float32(1)), self._places()], f"{name}.ahead")],
            f"{name}.start",
        )
        return self._node("Add", [shown, self._node("Mul", [none, start], f"{name}.instead")], f"{name}.weights")

    def normalise(self, name: str, x: str) -> str:
        """See Ops."""
        norm = self._node("ReduceL2", [x, self._integers("axis_1", [1])], f"{name}.norm")  # [B, 1]
        some = self._node("Max", [norm, self._constant("tiny", np.float32(1e-12))], f"{name}.divisor")
        return self._node("Div", [x, some], name)

    def output(self, name: str, x: str, extent: Extent) -> None:
        """See Ops; x is the last linear's result, [B, n] or [B·S, n]."""
        if extent is Extent.TEXT:
            self._node("Identity", [x], name)
        elif extent is Extent.CHOICE:
            self._node("Reshape", [x, self._once("shape.choices", "Shape", [FIRST], end=2)], name)
        else:
            last = [] if extent is Extent.POSITION else [-1]
            shape = self._shape(f"shape.{name}", last) if last else self._once("shape", "Shape", [self._ids])
            self._node("Reshape", [x, shape], name)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, _SHAPES[extent]))

    def _columns(self, name: str, x: str, start: int, end: int) -> str:
        """Some of the numbers of each row: [rows, n] → [rows, end − start]."""
        bounds = [self._integers(f"{name}.{part}", [value]) for part, value in (("start", start), ("end", end))]
        return self._node("Slice", [x, *bounds, self._integers("axis_1", [1])], name)
