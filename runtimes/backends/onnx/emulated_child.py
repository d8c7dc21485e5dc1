"""The child of an emulated ONNX Runtime: opens an ONNX model, answers batches until its input ends.

    python -m runtimes.backends.onnx.emulated_child MODEL

It runs in a Python of another processor, which has ONNX Runtime and numpy and nothing else.
"""

import platform
import sys
from pathlib import Path

import onnxruntime

from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.process.serving import own_stdout, serve


def main() -> None:
    """Serve on stdin and stdout."""
    answers, greeting = own_stdout(), f"ONNX Runtime {onnxruntime.__version__} for {platform.machine()}"
    serve(lambda: (OnnxRunner(Path(sys.argv[1])), greeting), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
