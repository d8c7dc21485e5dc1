"""The channels layout with every result rounded once: what the interpreter of Core ML packages computes.

On Linux Core AI's products of matrices and its GELU round every step to float16; its convolutions do not, and GELU is
computed in float32 here. Nothing is shipped so: it is what Apple's runtime is asked to hold that interpreter against.
"""

import numpy as np

from exporter.model.ops import Weight
from exporter.targets.coreai.attention import unsigned, whole
from exporter.targets.coreai.channels import KERNEL, ChannelsOps
from exporter.targets.coreai.program.shapes import Tensor


class WitnessOps(ChannelsOps):
    """See ChannelsOps."""

    def linear(self, name: str, x: Tensor, weight: Weight, bias: Weight | None) -> Tensor:
        """See Ops; the bias as one more channel, of ones: summed in float32 with the rest, and rounded with it."""
        if bias is None:
            return super().linear(name, x, weight, bias)
        builder, one = self.builder, np.array(1, np.int32)
        with builder.named(name):
            ones = builder.ones(self.weights.element, (1, 1, 1, x.shape[3]))
            column = self.weights.vector(builder, bias, (len(bias.values), 1, 1, 1))
            kernel = builder.concat(one, [self.weights.matrix(builder, weight, KERNEL), column])
            return self._convolved(builder.concat(one, [x, ones]), kernel)

    def activation(self, name: str, x: Tensor, kind: str) -> Tensor:
        """See Ops."""
        if not self.weights.scheme.half:
            return super().activation(name, x, kind)
        with self.builder.named(name):
            wide = self.builder.cast(x, dtype="float32")
        y = super().activation(name, wide, kind)
        with self.builder.named(name):
            return self.builder.cast(y, dtype="float16")

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        """By a convolution, whose sums the Linux runtime keeps in float32."""
        (_, m, k), n = left.shape, right.shape[2]
        builder = self.builder
        columns, kernel = builder.reshape(right, whole(1, k, 1, n)), builder.reshape(left, whole(m, k, 1, 1))
        ones = unsigned(1, 1)
        return builder.reshape(builder.conv2d(columns, kernel, ones, ones, np.array(1, np.uint32)), whole(1, m, n))
