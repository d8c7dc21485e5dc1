"""What one thread of this processor does in float32 matrix products: seconds of each run, by library and size.

Squares and the shapes of small BERTs that stay in the level-2 cache, through ONNX Runtime's MatMul (weights packed
beforehand, as in a model) and through numpy (OpenBLAS).
"""

import json
import time
from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZES = ((128, 128, 128), (256, 256, 256), (512, 128, 512), (384, 384, 384))
"""Rows, inner, columns."""
RUNS = 40


def onnx_matmul(rows: int, inner: int, columns: int) -> Callable[[], object]:
    """One MatMul by a constant."""
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, n]) for name, n in (("x", inner), ("y", columns))
    )
    weight = numpy_helper.from_array(np.ones((inner, columns), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "gemm", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {"x": np.ones((rows, inner), np.float32)}
    return lambda: session.run(None, feeds)


def numpy_matmul(rows: int, inner: int, columns: int) -> Callable[[], object]:
    """One product of two matrices."""
    left, right = np.ones((rows, inner), np.float32), np.ones((inner, columns), np.float32)
    return lambda: left @ right


def seconds(run: Callable[[], object]) -> list[float]:
    """Each of RUNS runs after a few."""
    values = []
    for _ in range(RUNS + 5):
        start = time.perf_counter()
        run()
        values.append(time.perf_counter() - start)
    return values[5:]


if __name__ == "__main__":
    libraries = {"onnxruntime": onnx_matmul, "numpy": numpy_matmul}
    print(
        json.dumps(
            {f"{name} {m}x{k}x{n}": seconds(make(m, k, n)) for name, make in libraries.items() for m, k, n in SIZES}
        )
    )
