"""Building an ONNX graph node by node."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper

from exporter.compression.outlier_channels import Treatments
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Role
from exporter.targets.encoding.encoded_weights import Encode
from exporter.targets.encoding.storage import Storage
from exporter.targets.onnx.weights import WeightStore

FIRST = "input_ids"
"""The input that every model has, for the batch and the sequence are its shape."""


class Graph:
    """Grows a graph; a handle is a tensor's name. Helper tensors bear their result's name and a suffix.

    `tied`: the word embeddings are read by `row_products` too; `outliers`: how products in integers treat outlier
    channels.
    """

    def __init__(
        self,
        storage: Mapping[Role, Storage],
        heads: int,
        keep: Keep,
        tied: bool,
        encode: Encode,
        outliers: Treatments,
    ) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.weights = WeightStore(self._made_once, storage, keep, tied, encode)
        self._heads, self._outliers = heads, outliers
        self._made: dict[str, str] = {}
        self._unflattened: set[str] = set()
        self._ids = FIRST

    def _tokens(self, x: str) -> str:
        """[B·S, H] → [B, S, H]."""
        if x in self._unflattened:
            return x
        return self._once(f"{x}.tokens", "Reshape", [x, self._shape("shape.tokens", [-1])])

    def _flat(self, x: str) -> str:
        """[B, S, H] → [B·S, H], once for all its readers."""
        return self._once(f"{x}.flat", "Flatten", [x], axis=2) if x in self._unflattened else x

    def _unflat(self, x: str) -> str:
        self._unflattened.add(x)
        return x

    def _shape(self, name: str, last: list[int]) -> str:
        """The shape [B, S, *last], known when the model runs."""
        batch = self._once("shape", "Shape", [self._ids])
        return self._once(name, "Concat", [batch, self._integers(f"{name}.last", last)], axis=0)

    def _integers(self, name: str, values: list[int]) -> str:
        return self._constant(name, np.array(values, np.int64))

    def _constant(self, name: str, value: Array | np.generic) -> str:
        if name not in self._made:
            self._made[name] = self.weights.add(name, np.asarray(value))
        return name

    def _once(self, name: str, operator: str, inputs: list[str], **attributes: Any) -> str:
        if name not in self._made:
            self._made[name] = self._node(operator, inputs, name, **attributes)
        return name

    def _made_once(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """`_node` for what makes floats of weights, which several layers may read."""
        return self._once(name, operator, inputs, **attributes)

    def _node(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name
