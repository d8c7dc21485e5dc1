"""Dynamic quantization in ONNX: integer products with activations rounded to 8 bits at run time."""

import numpy as np
from onnx import TensorProto, helper

from exporter.compression.outlier_channels import AS_IT_IS
from exporter.model.ops import Array, Weight
from exporter.targets.onnx.graph import Graph


class IntegerGraph(Graph):
    """A graph with linear layers in integers."""

    def _dynamic_linear(self, name: str, x: str, weight: Weight, bias: str | None) -> str:
        """y = (x̂ − z)·ŵ · (s_x · s_w) + b, x̂ measured and rounded to 8 bits at run time, once for all its readers.

        ONNX Runtime fuses these into its own int8 kernels. Channels in floats are 0 in x̂, and added after; of a
        smoothed layer x is divided by powers of two, and the weight multiplied.
        """
        treated = self._outliers.get(weight.name, AS_IT_IS)
        if treated.factors is not None:
            x = self._once(f"{x}.smooth", "Mul", [x, self._constant(f"{x}.smoothing", 1 / treated.factors)])
        stored = self.weights.int8_matrix(weight, treated)
        if treated.channels is not None:
            return self._apart(name, x, weight, stored, bias, treated.channels)
        return self._integer_product(name, x, *stored, bias)

    def _apart(self, name: str, x: str, weight: Weight, stored: tuple[str, str], bias: str | None, far: Array) -> str:
        """The outlier channels' share of the result in floats, added to that of the others where it is computed."""
        others = self._integer_product(f"{name}.others", self._near(x, weight, far), *stored, bias)
        channels = self._once(f"{x}.far", "Gather", [x, self._constant(f"{x}.is_far", far)], axis=1)
        matrix = self.weights.float16(f"{weight.name}.far", weight.values.T[far])  # [far, out]
        return self._node("Gemm", [channels, matrix, others], name)

    def _near(self, x: str, weight: Weight, far: Array) -> str:
        """x [rows, in] with zeros in place of its outlier channels."""
        near = np.ones(weight.values.shape[1], np.float32)
        near[far] = 0
        return self._once(f"{x}.near", "Mul", [x, self._constant(f"{x}.is_near", near)])

    def _integer_product(self, name: str, x: str, matrix: str, scale: str, bias: str | None) -> str:
        """`matrix` int8 [in, out], `scale` [out]."""
        quantised = self._quantised(x)
        product = self._node("MatMulInteger", [quantised[0], matrix, quantised[2]], f"{name}.integers")
        scales = self._node("Mul", [quantised[1], scale], f"{name}.scale")
        floats = self._node("Cast", [product], f"{name}.floats", to=TensorProto.FLOAT)
        if bias is None:
            return self._node("Mul", [floats, scales], name)
        return self._node("Add", [self._node("Mul", [floats, scales], f"{name}.unbiased"), bias], name)

    def _quantised(self, x: str) -> tuple[str, str, str]:
        names = (f"{x}.uint8", f"{x}.uint8_scale", f"{x}.uint8_zero_point")
        if names[0] not in self._made:
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], list(names), name=names[0]))
            self._made[names[0]] = names[0]
        return names
