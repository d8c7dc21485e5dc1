"""How an ONNX file is opened, and what an app should set too.

Imports ONNX Runtime and nothing else: a process that is measured opens models through it.
"""

import onnxruntime

_ERRORS_ONLY = 3


def open_session(model: str | bytes, threads: int) -> onnxruntime.InferenceSession:
    """A file, or its bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
