"""Running a saved ONNX model with ONNX Runtime on the CPU."""

from pathlib import Path

import onnxruntime

from runtimes.backends.onnx.session import open_session
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import Array, Batch, Outputs, Status

_NAME = f"ONNX Runtime {onnxruntime.__version__}"


class OnnxRunner:
    """See Runner."""

    status = Status.MEASURED
    positions: int | None = None

    def __init__(self, path: Path, threads: int = 1, spins: bool = False) -> None:
        self._path, self._threads = path, threads
        with in_our_words(lambda reason: BundleError(f"{path}: {_NAME} does not load it: {reason}; export again")):
            self._session = open_session(str(path), threads, spins)

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return _run(self._session, batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the graph is loaded once more with every float tensor as an output."""
        with in_our_words(lambda reason: BundleError(f"{self._path}: cannot be traced: {reason}; export again")):
            session = open_session(exposed(self._path), self._threads)
        return _run(session, batch)


def _run(session: onnxruntime.InferenceSession, batch: Batch) -> Outputs:
    feeds = batch.feeds()
    unknown = [spec.name for spec in session.get_inputs() if spec.name not in feeds]
    if unknown:
        raise BundleError(f"the model reads {', '.join(unknown)}, and a text has {', '.join(feeds)}; export again")
    wanted = {spec.name: _as(feeds[spec.name], spec.type) for spec in session.get_inputs()}
    names = [spec.name for spec in session.get_outputs()]
    with in_our_words(lambda reason: BundleError(f"{_NAME} cannot run the model: {reason}; export again")):
        return dict(zip(names, session.run(names, wanted), strict=True))  # it may load, and no input fit


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
