"""Opening an ONNX Runtime session with the options that an app should set too.

Imports ONNX Runtime and nothing else: a process that is measured opens models through it.
"""

import onnxruntime

_ERRORS_ONLY = 3


def open_session(model: str | bytes, threads: int, spins: bool = False) -> onnxruntime.InferenceSession:
    """A file, or its bytes; `spins`: threads that wait keep their cores, which is faster where nobody else computes.

    No memory pattern: it is a plan for each shape met, kept beside the buffers that the first run of the shape took.
    Texts differ in length; without it 32 texts of 128 tokens take 20 MB less, and one of 16 tokens a few µs more.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins else "0")
    options.log_severity_level = _ERRORS_ONLY
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
