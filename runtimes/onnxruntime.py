"""A saved ONNX model under ONNX Runtime, on the CPU."""

from pathlib import Path

import onnxruntime

from exporter.errors import BundleError, in_one_line
from runtimes.onnx_session import open_session
from runtimes.runner import Array, Batch, Outputs, Status


class OnnxRunner:
    """See Runner."""

    status = Status.MEASURED
    positions: int | None = None

    def __init__(self, path: Path, threads: int = 1, spins: bool = False) -> None:
        self._path, self._threads = path, threads
        try:
            self._session = open_session(str(path), threads, spins)
        except Exception as error:  # onnxruntime's errors share no other base
            reason = in_one_line(error, 300)
            raise BundleError(f"{path}: ONNX Runtime {onnxruntime.__version__} does not load it: {reason}") from error

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return _run(self._session, batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the graph is loaded once more with every float tensor as an output."""
        return _run(open_session(exposed(self._path), self._threads), batch)


def _run(session: onnxruntime.InferenceSession, batch: Batch) -> Outputs:
    feeds = batch.feeds()
    unknown = [spec.name for spec in session.get_inputs() if spec.name not in feeds]
    if unknown:
        raise BundleError(f"the model reads {', '.join(unknown)}, and a text has {', '.join(feeds)}; export again")
    wanted = {spec.name: _as(feeds[spec.name], spec.type) for spec in session.get_inputs()}
    names = [spec.name for spec in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, wanted), strict=True))
    except Exception as error:  # as above: a graph may load, and be one that no input fits
        reason = in_one_line(error, 300)
        raise BundleError(f"ONNX Runtime {onnxruntime.__version__} cannot run the model: {reason}") from error


def _as(values: Array, onnx_type: str) -> Array:
    return values.astype("int32" if onnx_type == "tensor(int32)" else "int64", copy=False)


def exposed(path: Path) -> bytes:
    """Give the model with every float tensor as an output."""
    import onnx  # here: a latency measurement must not pay for it
    from onnx import TensorProto, helper

    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    known = {value.name for value in model.graph.output}
    for value in model.graph.value_info:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT and value.name not in known:
            model.graph.output.append(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())
